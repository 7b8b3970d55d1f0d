# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""What tests/integration does a few times, as often as you like: see README.md."""

import os

import pytest

import trials
from claims import wait_until_listed

NO_NETWORK = ["--backend", "none"]


def many(what, default):
    return int(os.environ.get(f"SOAK_{what}", default))


@pytest.fixture
def agent(a):
    return a.start_agent(*NO_NETWORK)


def test_nodes_return_from_every_restart_under_load(a, report):
    trials.restarts_under_load(a, crowd_size=many("NODES", 12), rounds=many("RESTARTS", 300), report=report)


def test_other_hosts_see_no_node_go_when_an_agent_is_restarted(a, b, report):
    trials.restarts_in_view_of_another_host(a, b, rounds=many("RESTARTS_IN_VIEW", 40), report=report)


def test_a_name_can_be_taken_and_given_back(a, agent, report):
    trials.start_and_stop(a, rounds=many("STARTS", 3000), report=report)


def test_of_two_nodes_that_race_for_a_name_one_runs_and_one_is_refused(a, agent):
    trials.race_for_a_name(a, rounds=many("RACES", 30))


def test_the_name_of_a_killed_node_is_free_at_once(a, agent):
    trials.heirs_take_over(a, heirs=many("HEIRS", 20))


@pytest.mark.parametrize("carriers", [1, 2])
def test_a_stopped_agent_does_not_hold_net_kernel_up(a, agent, carriers, report):
    trials.connect_without_an_answer(a, agent, connects=many("CONNECTS", 500), carriers=carriers, report=report)


def test_a_node_whose_address_is_nobodys_is_soon_gone_elsewhere(a, b):
    """It is on the link, so it might be right; that nobody answers there is found out in seconds."""
    for host in (a, b):
        host.start_agent()
    caller = b.start_node("caller@b.rules")
    nobody = a.start_node("nobody@10.77.0.99")
    assert not caller.ping(nobody)
    wait_until_listed(b, {caller.name}, "--all", timeout=30)
