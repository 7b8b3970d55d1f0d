# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""The same name on two hosts: neither is stopped, everybody is told."""

from lab import wait_until

WARNING = "Another host runs a node of the same name as one here"


def states(host, name):
    """How a host lists a name: {(origin, state)}."""
    return {(node["origin"], node["state"]) for node in host.json("list") if node["node"] == name}


def wait_for_states(hosts, name, wanted):
    for host in hosts:
        wait_until(
            lambda: states(host, name) == wanted,
            what=lambda: f"{wanted} on {host.name}; there is {states(host, name)}",
            interval=0.05,
        )


def test_one_name_on_two_hosts_is_a_conflict_on_both_until_one_ends(a, b):
    hosts = (a, b)
    for host in hosts:
        host.start_agent()
    twins = [host.start_node("twin@one.home", wait=False) for host in hosts]
    for twin in twins:
        twin.wait_until_alive()

    wait_for_states(hosts, "twin@one.home", {("local", "conflict")})
    for host, twin in zip(hosts, twins):
        assert WARNING in host.agents[-1].output
        assert host.nodes("--all") == {}  # none that is simply up
        assert host.lookup(twin) == [("127.0.0.1", twin.port(), "inet")]

    watch = a.watch()
    twins[1].kill()
    wait_for_states([a], "twin@one.home", {("local", "up")})
    wait_for_states([b], "twin@one.home", {("lan", "up")})
    assert twins[0].eval("node()") == "'twin@one.home'"
    assert watch.seen("down") == []
    assert b.lookup(twins[0]) == [(a.address, twins[0].port(), "inet")]


def test_a_third_host_is_told_of_a_conflict_and_keeps_whom_it_knew(a, b, c):
    for host in (a, b, c):
        host.start_agent()
    first = a.start_node("rival@one.home")
    c.wait_for_nodes(first)
    second = b.start_node("rival@one.home")
    wait_for_states([c], first.name, {("lan", "conflict")})
    assert c.lookup(first) == [(a.address, first.port(), "inet")]
    first.kill()
    wait_for_states([c], second.name, {("lan", "up")})
    wait_until(lambda: c.lookup(second) == [(b.address, second.port(), "inet")], what="the one that is left")
