# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""This host's own links: cables, addresses, interfaces that come, go, or are none of our business."""

import itertools
import time

import pytest

from claims import ping_proves_epmdns
from lab import wait_until

WHOLE_WITHIN = 2.0  # seconds from the carrier; mostly it is 0.1 to 0.4
MOVED_WITHIN = 3.0  # from a change of address; mostly 1.5, of which Avahi has 1 to probe for it
numbers = itertools.count(1)


class Program:
    """What stands in for a node: registered from the command line, and its port answers."""

    def __init__(self, host, family="inet"):
        self.number = next(numbers)
        self.name = f"prog{self.number}@{host.name}.links"
        self.port = 4000 + self.number
        self.host = host
        self.server = host.start_server(self.port, family)
        argv = [host.product.cli, "register", "--carrier", f"{family}_tcp", self.name, self.port]
        self.registrar = host.spawn(argv, name="epmdns-register")

    def end(self):
        self.registrar.kill()
        self.server.kill()


@pytest.fixture
def pair(a, b):
    """A program on each of two hosts, each watched on the other."""
    a.start_agent()
    b.start_agent()
    watches = [a.watch(), b.watch()]
    programs = [Program(a), Program(b)]
    watches[0].wait("up", programs[1].name)
    watches[1].wait("up", programs[0].name)
    return *programs, *watches


@pytest.fixture
def repaired(a, b):
    """Whatever a test does to cables and addresses, the next one finds them as they were, and the Avahi of
    each host knows that of the other."""
    yield
    a.link(True)
    for host in (a, b):
        host.ip("addr flush dev eth0 scope global")
        host.ip(f"addr add {host.address}/24 broadcast + dev eth0", "route replace default dev eth0")
    for here, there in ((a, b), (b, a)):
        resolve = ["avahi-resolve", "-4", "-n", f"{there.name}.local"]
        wait_until(lambda: here.run(resolve, check=False).stdout.split()[1:] == [there.address], what=resolve)


def test_a_cable_that_is_out_takes_its_peers_at_once_and_back_brings_them_within_two_seconds(
    a, b, pair, repaired
):
    here, there, watch, far_watch = pair
    for _ in range(2):
        out = time.monotonic()
        a.link(False)
        when, _ = watch.wait("down", there.name, after=out, timeout=3)
        assert when - out <= 1.5  # of which the kernel may take one second to say so
        assert a.lookup(there) == []
        back = time.monotonic()
        a.link(True)
        when, _ = watch.wait("up", there.name, after=back, timeout=10)
        assert when - back <= WHOLE_WITHIN
        assert a.lookup(there) == [(b.address, there.port, "inet")]
    assert not far_watch.seen("down", here.name), "it was gone for a moment only"


def test_after_an_outage_longer_than_the_ttl_both_sides_are_whole_within_two_seconds(a, b, repaired):
    for host in (a, b):
        host.start_agent("--ttl", "5")
    watch, far_watch = a.watch(), b.watch()
    here, there, gone = Program(a), Program(b), Program(b)
    for name in (there.name, gone.name):
        watch.wait("up", name)
    far_watch.wait("up", here.name)
    a.link(False)
    far_watch.wait("down", here.name, timeout=15)
    gone.end()
    b.wait_for_nodes(there)
    back = time.monotonic()
    a.link(True)
    for each, name in ((watch, there.name), (far_watch, here.name)):
        when, _ = each.wait("up", name, after=back, timeout=10)
        assert when - back <= WHOLE_WITHIN, f"{name}: {when - back:.2f} s"
    assert not watch.seen("up", gone.name, after=back), "it has left meanwhile"


def test_who_left_while_the_cable_was_out_and_who_came_are_known_when_it_is_back(a, b, pair, repaired):
    _, there, watch, _ = pair
    a.link(False)
    watch.wait("down", there.name)
    there.end()
    newcomer = Program(b)
    wait_until(lambda: newcomer.name in b.nodes() and there.name not in b.nodes(), what="the change on b")
    back = time.monotonic()
    a.link(True)
    when, _ = watch.wait("up", newcomer.name, after=back)
    assert when - back <= WHOLE_WITHIN
    assert there.name not in a.nodes()
    assert not watch.seen("up", there.name, after=back)


def test_an_agent_that_starts_while_the_cable_is_out_knows_nobody_until_it_is_back(a, b, pair, repaired):
    """Though Avahi has them in its cache, and says so."""
    _, there, _, _ = pair
    gone = Program(b)
    wait_until(lambda: gone.name in a.nodes(), what="the other program")
    a.agents[-1].kill()
    a.link(False)
    gone.end()
    wait_until(lambda: "NO-CARRIER" in a.run(["ip", "link", "show", "eth0"]).stdout, what="the carrier to be gone")
    a.start_agent()
    watch = a.watch()
    here = Program(a)
    watch.wait("up", here.name)
    assert a.lookup(there) == []
    back = time.monotonic()
    a.link(True)
    when, _ = watch.wait("up", there.name, after=back)
    assert when - back <= WHOLE_WITHIN
    assert not watch.seen("up", gone.name)


def test_an_address_that_changes_is_handed_out_elsewhere_within_two_seconds(a, b, pair, repaired):
    here, there, watch, far_watch = pair
    new = "10.77.0.201"
    changed = time.monotonic()
    a.ip(f"addr del {a.address}/24 dev eth0", f"addr add {new}/24 broadcast + dev eth0")
    when, item = far_watch.wait("changed", here.name, after=changed)
    assert item["addresses"] == [new]
    assert when - changed <= MOVED_WITHIN
    assert b.lookup(here) == [(new, here.port, "inet")]
    assert not far_watch.seen("down", here.name) and not watch.seen("down", there.name)
    assert a.lookup(there) == [(b.address, there.port, "inet")]


def test_a_second_interface_serves_when_the_first_is_out(lab, a, b, pair, repaired):
    here, there, watch, far_watch = pair
    second = {host: f"10.78.0.{host.number}" for host in (a, b)}
    lab.add_lan("lan2")
    for host in (a, b):
        host.plug_in("eth1", "lan2", net=78)
    try:
        for each, host, program in ((watch, b, there), (far_watch, a, here)):
            _, item = each.wait("changed", program.name, timeout=5)
            assert item["addresses"] == [host.address, second[host]]
        out = time.monotonic()
        a.link(False)
        _, item = watch.wait("changed", there.name, after=out, timeout=3)
        assert (item["interface"], item["addresses"]) == ("eth1", [second[b]])
        assert a.lookup(there) == [(second[b], there.port, "inet")]
        assert not watch.seen("down", there.name)
    finally:
        for host in (a, b):
            host.plug_out("eth1")
        lab.ip("link del lan2")


def container_bridge(host, name):
    """What Docker leaves on each host that has it, with one and the same address everywhere, and the cable
    of a container in it."""
    host.ip(
        f"link add {name} type bridge",
        f"addr add 172.17.0.1/16 broadcast + dev {name}",
        f"link set {name} up",
        "link add veth7 type veth peer name veth8",
        f"link set veth7 master {name} up",
        "link set veth8 up",
    )


def no_container_bridge(host, name):
    host.ip("link del veth7", f"link del {name}", check=False)


def point_to_point(host):
    """A tunnel's end, as of a VPN."""
    host.ip("tuntap add mode tun tun7", f"addr add 10.99.0.{host.number} peer 10.99.0.77 dev tun7")
    host.ip("link set tun7 up")


@pytest.mark.parametrize("bridge", ["docker0", "switch7"], ids=["ignored", "not ignored"])
def test_addresses_are_those_that_lead_there_from_here(a, b, bridge):
    """Whether the bridge is ignored or not: nobody's address is that of his own."""
    try:
        for host in (a, b):
            container_bridge(host, bridge)
            point_to_point(host)
            host.start_agent()
        alice = a.start_node(f"alice@a.{bridge}")
        bob = b.start_node(f"bob@b.{bridge}")
        for host in (a, b):
            nodes = host.wait_for_nodes(alice, bob)
            for node in nodes.values():
                assert node["addresses"] in ([a.address], [b.address], ["127.0.0.1"])
        ping_proves_epmdns(alice, bob)
        assert heard_on(a, "eth0", alice)
        assert heard_on(a, bridge, alice) == (bridge != "docker0")
    finally:
        for host in (a, b):
            host.ip("link del tun7", check=False)
            no_container_bridge(host, bridge)


def heard_on(host, interface, node):
    """Has Avahi the node on this interface of its host?"""
    name = getattr(node, "name", node).partition("@")[0]
    done = host.run(["avahi-browse", "-t", "-p", "_erlang-dist._tcp"])
    rows = [row.split(";") for row in done.stdout.splitlines()]
    return any(row[1] == interface and row[3].startswith(rf"{name}\064") for row in rows)


def test_an_ignored_interface_that_comes_takes_nothing_away(a, b, pair):
    here, there, watch, far_watch = pair
    container_bridge(a, "docker0")
    try:
        wait_until(lambda: "others now" in a.agents[-1].output, what="the agent to look at it")
        newcomer = Program(a)
        far_watch.wait("up", newcomer.name)
        assert heard_on(a, "eth0", newcomer) and not heard_on(a, "docker0", newcomer)
        assert b.lookup(here) == [(a.address, here.port, "inet")]
    finally:
        no_container_bridge(a, "docker0")
    wait_until(lambda: a.agents[-1].output.count("others now") == 2, what="the agent to look again")
    last = Program(a)
    far_watch.wait("up", last.name)
    mine = {here.name, newcomer.name, last.name}
    assert [e for _, e in far_watch.events if e["event"] in ("down", "changed") and e["node"] in mine] == []
    assert not watch.seen("down", there.name)


def test_only_the_named_interfaces_are_used_and_the_ignored_ones_are_not(lab, a, b):
    lab.add_lan("lan2")
    for host in (a, b):
        host.plug_in("eth1", "lan2", net=78)
    try:
        a.start_agent("--interface", "eth1")
        b.start_agent("--ignore-interface", "eth[1-9]")
        here, there = Program(a), Program(b)
        wait_until(lambda: heard_on(a, "eth1", here) and heard_on(b, "eth0", there), what="both to be published")
        # They have no link in common, though each host's Avahi hears the other on one.
        assert a.lookup(there) == [] and b.lookup(here) == []
        b.agents[-1].terminate()
        b.start_agent("--ignore-interface", "eth0", "--ignore-interface", "")
        wait_until(lambda: b.lookup(here) == [(f"10.78.0.{a.number}", here.port, "inet")], what="a's node on b")
        wait_until(lambda: a.lookup(there) == [(f"10.78.0.{b.number}", there.port, "inet")], what="b's on a")
    finally:
        for host in (a, b):
            host.plug_out("eth1")
        lab.ip("link del lan2")


@pytest.fixture
def only_inet6(a, b, repaired):
    """Two hosts without any IPv4 address. Their Avahis are started anew: where an IPv4 address comes and
    goes within half a second, Avahi 0.8 forgets to tell the link-local one."""
    for host in (a, b):
        host.stop_avahi()
        host.ip("addr flush dev eth0 scope global")
        host.start_avahi(wait=False)
    for host in (a, b):
        host.wait_for_avahi()
    yield


def test_on_a_link_with_ipv6_only_nodes_find_each_other(a, b, only_inet6):
    for host in (a, b):
        host.ip(f"addr add fd00:77::{host.number}/64 dev eth0 nodad")
        host.start_agent()
    try:
        six = ["-proto_dist", "inet6_tcp"]
        alice, bob = a.start_node("alice@a.six", extra=six), b.start_node("bob@b.six", extra=six)
        for host in (a, b):
            host.wait_for_nodes(alice, bob)
        assert b.lookup(alice) == [(f"fd00:77::{a.number}", alice.port(), "inet6")]
        assert bob.ping(alice)
    finally:
        for host in (a, b):
            host.ip(f"addr del fd00:77::{host.number}/64 dev eth0")


def test_on_a_link_with_link_local_addresses_only_the_reason_is_told(a, b, only_inet6):
    for host in (a, b):
        host.start_agent()
    here = Program(a, "inet6")
    watch = b.watch()
    watch.wait("up", here.name)
    done = b.epmdns("lookup", here.name, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "link-local" in done.stderr


def test_a_host_whose_announcements_are_lost_is_found_when_it_is_asked_for_by_name(drop, a, b):
    b.start_agent()
    drop(f'iifname "{a.port}" udp dport 5353')
    a.start_agent()
    here = Program(a)
    wait_until(lambda: heard_on(a, "eth0", here), what="the announcement")
    assert here.name not in b.nodes()
    drop()
    asked = time.monotonic()
    found = wait_until(lambda: b.lookup(here), what="the node, asked for by name")
    assert found == [(a.address, here.port, "inet")]
    assert time.monotonic() - asked <= WHOLE_WITHIN  # mostly at the first lookup
