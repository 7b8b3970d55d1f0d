# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""Any part may be missing or die; what can still work does, and the rest comes back by itself."""

import itertools
import os
import signal

import pytest

from claims import ping_proves_epmdns
from lab import wait_until
from lab_agent import UNREACHABLE
from trials import discoveries


storms = itertools.count(1)


@pytest.fixture
def couple(a, b):
    """alice on host a and bob on host b, who have seen but not yet called each other.

    Each test has other names: for a second after the end of one, Avahi still knows what it withdrew.
    """
    a.start_agent()
    b.start_agent()
    storm = f"storm{next(storms)}"
    nodes = [a.start_node(f"alice@a.{storm}", wait=False), b.start_node(f"bob@b.{storm}", wait=False)]
    for host in (a, b):
        host.wait_for_nodes(*nodes, timeout=30)
    return nodes


@pytest.mark.parametrize("options", [[], ["--backend", "none"]], ids=["default backend", "no backend"])
def test_without_network_bus_and_avahi_two_nodes_of_one_host_still_connect(hermit, options):
    hermit.start_agent(*options, wait=False)
    hermit.wait_until_served(codes=(0, 1))
    robin = hermit.start_node("robin@cell", sname=True)
    friday = hermit.start_node("friday@island", sname=True)
    hermit.wait_for_nodes(robin, friday)
    ping_proves_epmdns(robin, friday)
    robin.disconnect(friday)
    ping_proves_epmdns(friday, robin)


def test_a_node_boots_without_an_agent_and_is_found_once_there_is_one(a, b):
    b.start_agent()
    early = a.start_node("early@a.home")
    a.start_agent()
    b.wait_for_nodes(early)
    late = b.start_node("late@b.home")
    ping_proves_epmdns(late, early)


def test_status_tells_a_working_agent_from_none(a):
    assert a.epmdns("status", check=False).returncode == UNREACHABLE
    agent = a.start_agent()
    assert a.epmdns("status", check=False).returncode == 0
    agent.kill()
    for command in (["status"], ["list"], ["lookup", "alice@a.home"], ["names"]):
        done = a.epmdns(*command, check=False)
        assert done.returncode == UNREACHABLE, command
        assert done.stderr.strip(), command


@pytest.mark.parametrize("restarted", ["of the one who asks", "of the one who is asked for"])
def test_peers_outlive_a_restart_of_avahi(a, b, couple, restarted):
    alice, bob = couple
    host = b if restarted == "of the one who asks" else a
    host.stop_avahi()
    wait_until(lambda: host.epmdns("status", check=False).returncode == 1, what="the agent to notice")

    assert b.lookup(alice) == [(a.address, alice.port(), "inet")]
    assert bob.ping(alice)

    host.start_avahi()
    wait_until(lambda: host.epmdns("status", check=False).returncode == 0, what="the agent to recover")
    for each in (a, b):
        each.wait_for_nodes(alice, bob)
    bob.disconnect(alice)
    ping_proves_epmdns(bob, alice)
    carol = host.start_node("carol@" + alice.name.partition("@")[2])
    for each in (a, b):
        each.wait_for_nodes(alice, bob, carol)


def test_a_killed_discovery_process_is_replaced(a, b, couple):
    alice, bob = couple
    for host in (a, b):
        (old,) = discoveries(host)
        os.kill(old, signal.SIGKILL)
        assert host.nodes().keys() >= {alice.name if host is a else bob.name}
        wait_until(lambda: discoveries(host) not in ([], [old]), what="a new discovery process")
        wait_until(lambda: host.epmdns("status", check=False).returncode == 0, what="the agent to recover")
    for host in (a, b):
        host.wait_for_nodes(alice, bob)
    ping_proves_epmdns(alice, bob)
    alice.disconnect(bob)
    ping_proves_epmdns(bob, alice)
    dave = b.start_node("dave@" + bob.name.partition("@")[2])
    a.wait_for_nodes(alice, bob, dave)


@pytest.mark.parametrize("end", ["kill", "terminate"])
def test_nodes_return_to_a_restarted_agent(a, b, couple, end):
    alice, bob = couple
    creation = a.nodes()[alice.name]["creation"]
    getattr(a.agents[-1], end)()
    assert a.epmdns("status", check=False).returncode == UNREACHABLE
    wait_until(lambda: not discoveries(a), what="the discovery process to follow its agent")

    a.start_agent()
    for host in (a, b):
        host.wait_for_nodes(alice, bob)
        assert host.nodes()[alice.name]["creation"] == creation
    ping_proves_epmdns(bob, alice)
    bob.disconnect(alice)
    ping_proves_epmdns(alice, bob)


def test_a_stopped_agent_ends_within_two_seconds_and_leaves_nothing(a, b, couple):
    assert a.agents[-1].terminate(2) == 0
    assert discoveries(a) == []
    assert not a.path("/run/epmdns/socket").exists()
