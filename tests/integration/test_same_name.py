# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""On one host a name has one holder: nobody else gets it, and the holder never loses it to itself."""

from contextlib import suppress

import pytest

import trials
from lab_node import NodeError

NO_NETWORK = ["--backend", "none"]
DUPLICATE = "duplicate_name"


@pytest.fixture
def agent(a):
    return a.start_agent(*NO_NETWORK)


def test_a_name_can_be_taken_and_given_back_200_times(a, agent, report):
    trials.start_and_stop(a, rounds=200, report=report)


def test_of_two_nodes_that_race_for_a_name_one_runs_and_one_is_refused(a, agent):
    trials.race_for_a_name(a, rounds=3)


def test_the_name_of_a_killed_node_is_free_at_once(a, agent):
    trials.heirs_take_over(a, heirs=3)


def test_a_name_is_refused_whoever_holds_it(a, agent):
    holder = a.spawn([a.product.cli, "register", "cnode@a.same", "4711"])
    a.wait_for_nodes("cnode@a.same")
    late = a.start_node("cnode@a.same", wait=False)
    node = a.start_node("node@a.same")
    assert late.process.wait(30) != 0
    assert trials.SEEMS_IN_USE in late.process.output

    refused = a.epmdns("register", node.name, "4712", check=False)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert node.name in refused.stderr

    assert holder.alive
    assert {name: one["port"] for name, one in a.nodes().items()} == {"cnode@a.same": 4711, node.name: node.port()}


# The session that the guard in a VM has to the agent, with the guard's monitor of it; none for a moment.
SESSIONS = "[S || {P, M} = S <- tuple_to_list(sys:get_state(epmdns_guard)), is_pid(P), is_reference(M)]"


def test_a_node_that_connects_anew_takes_over_from_itself_without_a_gap(a, agent):
    """As when a VM has noticed the end of a connection before the agent has."""
    node = a.start_node("token@a.same")
    creation = a.nodes()[node.name]["creation"]
    watch = a.watch()
    said = "epmdns_guard ! {'DOWN', Monitor, process, Pid, closed}"
    node.eval(f"[{{Pid, Monitor}}] = {SESSIONS}, register(old, Pid), {said}")
    trials.wait_for_sessions(a, 3)  # the old one, the new one, the watch
    assert a.nodes()[node.name]["creation"] == creation

    node.eval("exit(whereis(old), kill)")
    trials.wait_for_sessions(a, 2)
    assert a.nodes()[node.name]["creation"] == creation
    assert [what["event"] for _, what in watch.events] == ["up", "ready"]
    assert DUPLICATE not in node.process.output


def test_a_node_whose_session_is_killed_is_registered_again_as_the_same(a, b):
    a.start_agent()
    b.start_agent()
    node = a.start_node("phoenix@a.same")
    b.wait_for_nodes(node)
    creation = a.nodes()[node.name]["creation"]
    here, there = a.watch(), b.watch()
    for _ in range(5):
        killed = here.events[-1][0]
        node.eval(f"[{{Pid, _}}] = {SESSIONS}, exit(Pid, kill)")
        here.wait("up", node.name, after=killed + 1e-6)
        assert a.nodes()[node.name]["creation"] == creation
    assert DUPLICATE not in node.process.output
    b.wait_for_nodes(node)
    assert there.seen("down") == []
    assert b.nodes()[node.name]["creation"] == creation


def test_a_node_that_restarts_inside_its_vm_is_registered_again(a, agent):
    node = a.start_node("lazarus@a.same")
    other = a.start_node("martha@a.same")
    creation = a.nodes()[node.name]["creation"]
    watch = a.watch()
    with suppress(NodeError):
        node.eval("init:restart()", timeout=1)  # the answer may be lost with all else in there
    down, _ = watch.wait("down", node.name)
    watch.wait("up", node.name, after=down, timeout=30)
    assert node.process.alive
    assert a.nodes()[node.name]["creation"] != creation
    assert other.ping(node)
    assert trials.SEEMS_IN_USE not in node.process.output
