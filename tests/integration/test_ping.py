# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""Nodes find each other by name alone, on the same and on different hosts."""

from itertools import permutations

import pytest

from claims import ping_proves_epmdns

NO_MESH = ["-connect_all", "false"]  # else the first pings connect the rest


@pytest.mark.parametrize(
    "left, right, sname",
    [("alice@a.home", "bob@b.home", False), ("alice@kitchen", "bob@attic", True)],
    ids=["full names", "short names"],
)
def test_two_hosts_ping_each_other(a, b, left, right, sname):
    a.start_agent()
    b.start_agent()
    alice = a.start_node(left, sname=sname)
    bob = b.start_node(right, sname=sname)

    ping_proves_epmdns(alice, bob)
    alice.disconnect(bob)
    ping_proves_epmdns(bob, alice)

    for host in (a, b):
        nodes = host.wait_for_nodes(alice, bob)
        assert {name: node["port"] for name, node in nodes.items()} == {
            left: alice.port(),
            right: bob.port(),
        }


def test_list_says_where_each_node_is(a, b):
    a.start_agent()
    b.start_agent()
    anna = a.start_node("anna@a.home")
    b.wait_for_nodes(anna)

    here = a.nodes()[anna.name]
    assert (here["name"], here["host"], here["origin"]) == ("anna", "a.home", "local")
    there = b.nodes()[anna.name]
    assert (there["name"], there["host"], there["origin"]) == ("anna", "a.home", "lan")
    assert there["addresses"][0] == a.address
    assert there["interface"] == "eth0"
    assert there["port"] == here["port"] == anna.port()
    assert there["creation"] == here["creation"]
    assert there["family"] == here["family"] == "inet"
    assert "anna@a.home" in b.epmdns("list").stdout


def test_on_three_hosts_all_ping_all(trio):
    nodes = []
    for host in trio:
        host.start_agent()
    for name, host in zip(("huey@a.pond", "dewey@b.pond", "louie@c.pond"), trio):
        nodes.append(host.start_node(name, extra=NO_MESH, wait=False))
    for host in trio:
        host.wait_for_nodes(*nodes, timeout=30)

    for here, there in permutations(nodes, 2):
        ping_proves_epmdns(here, there)
        here.disconnect(there)


def test_several_nodes_share_a_host_and_its_agent(a, b):
    a.start_agent()
    b.start_agent()
    crowd = [a.start_node(f"{name}@a.town", extra=NO_MESH, wait=False) for name in ("kay", "lee", "max")]
    guest = b.start_node("nan@b.town", extra=NO_MESH)
    for host in (a, b):
        host.wait_for_nodes(*crowd, guest, timeout=30)

    ping_proves_epmdns(crowd[0], crowd[1])
    ping_proves_epmdns(crowd[2], crowd[0])
    for node in crowd:
        ping_proves_epmdns(guest, node)
        guest.disconnect(node)
        ping_proves_epmdns(node, guest)


def test_a_node_that_nobody_has_is_not_found(a, b):
    a.start_agent()
    b.start_agent()
    alone = a.start_node("alone@a.home")
    assert not alone.ping("nobody@b.home")
    done = a.epmdns("lookup", "nobody@b.home", check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.strip()
