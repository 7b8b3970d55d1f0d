# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""Which nodes other hosts are told of, by what name and address, and how helpers reach them."""

import pytest

from claims import listed, ping_proves_epmdns, wait_until_listed
from lab import wait_until
from lab_agent import COOKIE
from lab_node import Terminal, atom
from lab_process import tool

NOT_ON_THE_LAN = {  # name: further arguments for erl
    "named@localhost": ["-sname"],
    "literal@127.0.0.1": [],
    "bound@a.rules": ["-kernel", "inet_dist_use_interface", "{127,0,0,1}"],
    "rem-1a2b-x@a.rules": ["-hidden"],
}
NOR_THESE = ["rpc-00ff-x@a.rules", "remsh1A2B-x@a.rules", "maint0c-x@a.rules", "dotted@localhost.home"]
NO_HELPERS = ["remote-1a2b-x@a.rules", "rpc@a.rules"]


def registered(host, *names):
    """Programs that are no Erlang nodes hold these names."""
    for number, name in enumerate(names):
        host.spawn([host.product.cli, "register", name, str(4700 + number)])
    return set(names)


@pytest.fixture
def agents(a, b):
    for host in (a, b):
        host.start_agent()


def test_what_only_its_own_host_can_reach_is_not_advertised(a, b, agents):
    nodes = [
        a.start_node(name, sname="-sname" in extra, extra=[one for one in extra if one != "-sname"], wait=False)
        for name, extra in NOT_ON_THE_LAN.items()
    ]
    home = a.start_node("home@a.rules", wait=False)
    for node in nodes + [home]:
        node.wait_until_alive()
    private = {node.name for node in nodes} | registered(a, *NOR_THESE)
    wait_until_listed(a, private | {home.name}, "--all", timeout=30)
    public = registered(a, *NO_HELPERS)  # the last to come: when these are seen, all that is advertised is

    wait_until_listed(b, public | {home.name}, "--all")
    for node in nodes:
        assert b.lookup(node) == []
        assert a.lookup(node) == [("127.0.0.1", node.port(), "inet")]
        if "-sname" not in NOT_ON_THE_LAN[node.name]:  # short and long names do not speak to each other
            assert home.ping(node)
    assert a.status()["advertised"] == len(public) + 1


def test_an_address_as_host_part_is_where_the_node_is(a, b, agents):
    """And the network can say nothing else about it; one that is not the host's is not believed, unless it
    is on the link, where it is found out in seconds (tests/soak)."""
    own = a.start_node(f"own@{a.address}", wait=False)
    caller = b.start_node(f"caller@{b.address}", wait=False)
    elsewhere = a.start_node("elsewhere@192.0.2.7", wait=False)
    for node in (own, caller, elsewhere):
        node.wait_until_alive()
    registered(a, "last@a.rules")  # when it is seen, the others were
    wait_until(lambda: {own.name, "last@a.rules"} <= listed(b), what="the node with an address of its own")

    assert b.lookup(own) == [(a.address, own.port(), "inet")]
    assert caller.ping(own)
    assert caller.peer_address(own) == (a.address, own.port())
    assert b.lookup(elsewhere) == []
    assert elsewhere.name not in listed(b, "--all")


def test_hidden_nodes_are_shown_on_demand_and_connected_to_by_nobody_else(a, b, agents):
    ghost = a.start_node("ghost@a.rules", extra=["-hidden"], wait=False)
    alice = a.start_node("alice@a.rules", wait=False)
    bob = b.start_node("bob@b.rules", wait=False)
    for node in (ghost, alice, bob):
        node.wait_until_alive()
    for host in (a, b):
        wait_until_listed(host, {ghost.name, alice.name, bob.name}, "--all")
        assert listed(host) == {alice.name, bob.name}
        assert {node["node"]: node["hidden"] for node in host.json("list", "--all")} == {
            ghost.name: True,
            alice.name: False,
            bob.name: False,
        }
    assert "ghost" in a.epmdns("names").stdout
    assert "ghost" not in b.epmdns("names", "a.rules").stdout

    ping_proves_epmdns(bob, ghost)
    assert alice.ping(bob)
    assert bob.connected() == {alice.name}
    assert bob.eval("nodes(hidden)") == f"[{atom(ghost.name)}]"
    assert alice.eval("nodes(hidden)") == "[]"


SECOND_ADDRESS = "10.77.0.101"


@pytest.fixture(scope="module")
def two_addresses(lab, product):
    """A host with a second address. The others are shared, and what goes is remembered for a while."""
    host = lab.host("d", avahi=False)
    host.ip(f"addr add {SECOND_ADDRESS}/24 dev eth0")
    host.start_avahi()
    return host


def test_a_node_bound_to_one_address_is_found_at_that_one(b, two_addresses):
    for host in (b, two_addresses):
        host.start_agent()
    bound = "{" + SECOND_ADDRESS.replace(".", ",") + "}"
    narrow = two_addresses.start_node(
        "narrow@d.rules", extra=["-kernel", "inet_dist_use_interface", bound], wait=False
    )
    wide = two_addresses.start_node("wide@d.rules", wait=False)
    caller = b.start_node("caller@b.rules", wait=False)
    for node in (narrow, wide, caller):
        node.wait_until_alive()
    b.wait_for_nodes(narrow, wide, caller)
    for host in (b, two_addresses):
        assert host.lookup(narrow) == [(SECOND_ADDRESS, narrow.port(), "inet")]
    assert b.lookup(wide)[0][0] in (two_addresses.address, SECOND_ADDRESS)
    for node in (narrow, wide):
        assert caller.ping(node)
    assert caller.peer_address(narrow) == (SECOND_ADDRESS, narrow.port())
    assert wide.ping(narrow)


@pytest.mark.parametrize(
    "named, target",
    [(["-sname", "undefined"], "target@attic"), (["-name", "helper@b.rules"], "target@a.rules")],
    ids=["name given by the target", "name of its own"],
)
def test_a_remote_shell_reaches_a_node_of_another_host(a, b, agents, named, target):
    node = a.start_node(target, sname="-sname" in named)
    wait_until(lambda: target in listed(b), what="the node")
    flags = [*named, "-setcookie", COOKIE, *b.with_epmdns(), "-remsh", target]
    shell = Terminal(b, [tool("erl"), *flags])
    shell.wait_for(f"({target})1>")
    shell.type("6 * 7.\n")
    shell.wait_for("42")
    assert node.eval("length(nodes(connected))") == "1"
    shell.hang_up()
    wait_until(lambda: node.eval("nodes(connected)") == "[]", what="the shell to be gone")
