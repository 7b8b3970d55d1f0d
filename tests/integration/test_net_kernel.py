# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""net_kernel, which carries all that a node does with others, never waits for a lookup."""

import re
import signal

import pytest

import trials
from claims import LOOPBACK
from lab import wait_until
from trials import CARRIERS, UNMESHED

SILENT = "10.77.0.250"  # packets to it arrive nowhere, and nobody says so
PREFIX = "fd00:77::"


@pytest.fixture
def ipv6(a, b):
    """Hosts a and b have IPv6 addresses that Erlang can use. It is {host: address}."""
    addresses = {host: f"{PREFIX}{number}" for number, host in enumerate((a, b), 1)}
    for host, address in addresses.items():
        if host.ip(f"addr add {address}/64 dev eth0 nodad", check=False).returncode != 0:
            pytest.skip("no IPv6 on this machine")
    yield addresses
    for host, address in addresses.items():
        host.ip(f"addr del {address}/64 dev eth0")


@pytest.mark.parametrize("carriers", [1, 2])
def test_a_stopped_agent_does_not_hold_net_kernel_up(a, carriers, report):
    agent = a.start_agent("--backend", "none")
    trials.connect_without_an_answer(a, agent, connects=50, carriers=carriers, report=report)


@pytest.fixture
def silence(a):
    """On host a there is an address where packets get lost, and a resolver that never answers."""
    a.ip(f"neigh add {SILENT} lladdr 02:00:00:00:00:fa dev eth0")
    bind = "import signal, socket; s = socket.socket(type=socket.SOCK_DGRAM); s.bind(('127.0.0.1', 53))"
    a.spawn(["/usr/bin/python3", "-c", f"{bind}; signal.pause()"], name="silent-resolver")
    wait_until(lambda: "127.0.0.1:53" in a.run(["ss", "-lun"]).stdout, what="the resolver")
    yield
    a.ip(f"neigh del {SILENT} dev eth0")


# Run a program that asks the resolver of glibc's default, which is this machine's, for all but its own name.
WITH_DNS = """
use() {
    if [ -e "/etc/$1" ]; then mount --bind "/run/home/$1" "/etc/$1"; fi
}
echo "hosts: files dns" >/run/home/nsswitch.conf
echo "127.0.1.1 $(hostname)" >/run/home/hosts
use nsswitch.conf
use hosts
exec "$@"
"""
UNDER_DNS = ["unshare", "--mount", "/bin/sh", "-euc", WITH_DNS, "sh"]


@pytest.mark.parametrize("carriers", [1, 2])
def test_a_fallback_that_hangs_does_not_hold_net_kernel_up(a, silence, carriers, report):
    a.start_agent("--backend", "none")
    setup_time = ["-kernel", "net_setuptime", "2", "-epmdns_fallback", "true"]
    node = a.start_node("patient@a.kernel", extra=[*CARRIERS[carriers], *setup_time], under=UNDER_DNS)
    names = [f"lost{n}@{SILENT}" for n in range(5)] + [f"lost{n}@silent.home" for n in range(5)]
    delays = trials.connect_and_measure(node, names)
    assert delays.answers == ["false"] * 10
    assert delays.took >= 1500, "nothing has hung"
    unread = a.run(["ss", "--no-header", "-lun", "sport = 53"]).stdout.split()[1]
    assert int(unread) > 0, "nobody has asked the resolver"
    assert delays.longest <= 100, delays._replace(answers="all false")
    assert delays.strays == 0
    report(net_kernel_longest_ms=delays.longest, connects_took_ms=delays.took)


def test_a_late_answer_is_never_left_in_a_mailbox(a):
    agent = a.start_agent("--backend", "none")
    node = a.start_node("tidy@a.kernel")
    agent.signal(signal.SIGSTOP)
    ask = (
        "register(asker, self()), timer:kill_after(30000),"
        '{error, _} = epmdns:address_please("nobody", "void.home", inet),'
        'noport = epmdns:port_please("nobody", "void.home", 300),'
        "receive {go, From} -> ok end,"
        '{ok, _} = epmdns:names(), {error, _} = epmdns:address_please("nobody", "void.home", inet),'
        "From ! {mailbox, process_info(self(), messages)}"
    )
    node.eval(f"spawn(fun() -> {ask} end)")
    at_receive = "{current_function,{prim_eval,'receive',2}}"
    wait_until(
        lambda: node.eval("process_info(whereis(asker), current_function)") == at_receive,
        what="both questions to be given up",
    )
    agent.signal(signal.SIGCONT)
    assert node.eval("asker ! {go, self()}, receive {mailbox, Mailbox} -> Mailbox end") == "{messages,[]}"


def test_several_carriers_are_answered_exactly_per_family(a, b, ipv6):
    for host in (a, b):
        host.start_agent()
    # Not all of these can be connected to each other.
    asker = a.start_node("asker@a.family", extra=[*CARRIERS[2], *UNMESHED], wait=False)
    four = b.start_node("four@b.family", extra=UNMESHED, wait=False)
    six = b.start_node("six@b.family", extra=["-proto_dist", "inet6_tcp", *UNMESHED], wait=False)
    both = b.start_node("both@b.family", extra=[*CARRIERS[2], *UNMESHED], wait=False)
    for node in (asker, four, six, both):
        node.wait_until_alive()
    v4, v6 = b.address, ipv6[b]
    expected = {four: {("inet", v4)}, six: {("inet6", v6)}, both: {("inet", v4), ("inet6", v6)}}

    def answers(node):
        return {(family, address) for address, _, family in a.lookup(node)}

    for node, families in expected.items():
        wait_until(lambda: answers(node) == families, what=lambda: f"{families}; there is {answers(node)}")
        assert asker.ping(node), node
    assert not asker.ping("nobody@b.family")
    assert {(family, address) for address, _, family in a.lookup(asker)} == {("inet", LOOPBACK), ("inet6", "::1")}
    for node in (four, six, both):
        node.disconnect(asker)
    for node in (four, six, both):
        assert node.ping(asker)
    addresses = re.findall(r"address,\{", asker.eval("[net_kernel:node_info(N) || N <- nodes()]"))
    assert len(addresses) >= 3
