# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""Every way to start a node: its carriers, what it listens on, and whether it listens at all.

Shown elsewhere, with every release as well:

    full names, short names                      test_two_hosts.py, from tests/integration/test_ping.py
    hidden nodes, addresses as host parts, nodes
    on loopback and on one address               test_two_hosts.py, from tests/integration/test_rules.py
    several carriers where peers have one        test_two_hosts.py, from tests/integration/test_net_kernel.py
    net_kernel:stop/0, 50 times                  test_two_hosts.py, from tests/integration/test_same_name.py
    helper nodes and -erl_epmd_port              test_module.py, from erlang/test/epmdns_traps_tests.erl
    flags and modules that are not heeded        test_flags.py, test_scenarios.py
"""

from typing import NamedTuple

import pytest

from lab import wait_until
from lab_agent import COOKIE
from lab_node import Terminal, atom
from lab_process import tool
from trials import UNMESHED
from ways import help_old_tls, host_part, need, no_epmd_runs, wait_until_all_alive, wait_until_all_see


class Way(NamedTuple):
    """The carriers of both nodes, and what the host part of a node is on a host."""

    carriers: tuple
    at: object = host_part


WAYS = {
    "literal6": Way(("inet6_tcp",), at=lambda host: host.address6),
    "inet6": Way(("inet6_tcp",)),
    "both": Way(("inet_tcp", "inet6_tcp")),
    "tls": Way(("inet_tls",)),
    "tls6": Way(("inet6_tls",)),
}


@pytest.mark.parametrize("label", WAYS)
def test_two_nodes_of_two_hosts_meet(agents, kernel, tls, label):
    carriers, at = WAYS[label]
    extra = ["-proto_dist", *carriers, *UNMESHED, *(tls if "tls" in label else [])]
    nodes = [host.start_node(f"{label}@{at(host)}", extra=extra, wait=False) for host in agents]
    wait_until_all_alive(*nodes)
    wait_until_all_see(agents, *nodes)
    if "tls" in label:
        help_old_tls(kernel, *nodes)

    for here, there in (nodes, nodes[::-1]):

        def seen_by_carrier():
            listed = here.host.json("list")
            seen = {one["carrier"]: (one["addresses"][0], one["port"]) for one in listed if one["node"] == there.name}
            return seen if seen.keys() == set(carriers) else None

        seen = wait_until(seen_by_carrier, what=f"all carriers of {there}")
        assert {address for address, _ in seen.values()} <= {there.host.address, there.host.address6}
        assert here.ping(there)
        assert here.peer_address(there) in seen.values()
        here.disconnect(there)
    no_epmd_runs(*agents)


def test_a_node_that_does_not_listen_reaches_others_and_is_listed_nowhere(agents):
    left, right = agents
    loud = right.start_node(f"loud@{host_part(right)}", wait=False)
    quiet = left.start_node(f"quiet@{host_part(left)}", extra=["-dist_listen", "false"], wait=False)
    wait_until_all_alive(loud, quiet)
    wait_until_all_see(agents, loud)
    assert quiet.ping(loud)
    assert loud.eval("nodes(hidden)") == f"[{atom(quiet.name)}]"
    wait_until_all_see(agents, loud)


REMOTE_SHELLS = {  # the target's name on a host; flags before -remsh
    "name given by the target": ("target@{0.name}", ["-sname", "undefined"]),
    "name of its own": ("target@{0.name}.shells", ["-name", "shell@{1.name}.shells"]),
    "no name": ("target@{0.name}", []),
}


@pytest.mark.parametrize("label", REMOTE_SHELLS)
def test_a_remote_shell_is_opened_from_its_own_and_from_another_host(agents, kernel, label):
    target, named = REMOTE_SHELLS[label]
    if not named:
        need(kernel, (9,), 26, "-remsh without a name")
    left, right = agents
    node = left.start_node(target.format(left), sname="." not in target)
    wait_until_all_see(agents, node)
    shells = []
    for host in agents:
        flags = [*(flag.format(left, host) for flag in named), "-setcookie", COOKIE, *host.with_epmdns()]
        shells.append(Terminal(host, [tool("erl"), *flags, "-remsh", node.name]))
    for shell in shells:
        shell.wait_for(f"({node.name})1>")
        shell.type("6 * 7.\n")
        shell.wait_for("42")
    assert node.eval("length(nodes(connected))") == "2"
    for shell in shells:
        shell.hang_up()
    wait_until(lambda: node.eval("nodes(connected)") == "[]", what="the shells to be gone")
    wait_until_all_see(agents, node)


def test_distribution_comes_and_goes_under_different_names_at_run_time(agents):
    left, right = agents
    observer = left.start_node(f"observer@{host_part(left)}", wait=False)
    vm = right.start_vm(f"restless@{host_part(right)}", *right.with_epmdns())
    vm.eval("ok", timeout=30)
    observer.wait_until_alive()
    for name in (f"first@{host_part(right)}", f"second@{host_part(right)}"):
        wait_until_all_see(agents, observer)
        vm.eval(f"{{ok, _}} = net_kernel:start([{atom(name)}, longnames]), ok")
        vm.name = name
        wait_until_all_see(agents, observer, vm)
        assert observer.ping(vm)
        observer.disconnect(vm)
        assert vm.ping(observer)
        vm.eval("ok = net_kernel:stop()")
    wait_until_all_see(agents, observer)
    assert not observer.ping(vm)


@pytest.mark.parametrize("option", ["hidden => true", "dist_listen => false"])
def test_what_is_a_flag_at_boot_is_an_option_at_run_time(agents, kernel, option):
    need(kernel, (8, 5), 25.1, f"{option} for net_kernel:start/2")
    left, right = agents
    observer = left.start_node(f"observer@{host_part(left)}", wait=False)
    vm = right.start_vm(f"optional@{host_part(right)}", *right.with_epmdns())
    vm.eval(f"{{ok, _}} = net_kernel:start({atom(vm.name)}, #{{name_domain => longnames, {option}}}), ok", 30)
    observer.wait_until_alive()
    wait_until_all_see(agents, observer, *([vm] if "hidden" in option else []))
    assert vm.ping(observer)
    assert observer.eval("nodes(hidden)") == f"[{atom(vm.name)}]"
    for host in agents:
        host.wait_for_nodes(observer)  # one that is hidden is shown on demand only


def test_nodes_listen_in_the_range_that_is_set_and_are_found_there(agents):
    left, right = agents
    first, last = 45101, 45103
    listen = ["-kernel", "inet_dist_listen_min", first, "inet_dist_listen_max", last]
    nodes = [left.start_node(f"{name}@{host_part(left)}", extra=listen, wait=False) for name in ("one", "two")]
    caller = right.start_node(f"caller@{host_part(right)}", wait=False)
    wait_until_all_alive(*nodes, caller)
    wait_until_all_see(agents, *nodes, caller)
    ports = {right.lookup(node)[0][1] for node in nodes}
    assert len(ports) == 2 and ports <= set(range(first, last + 1))
    for node in nodes:
        assert caller.ping(node)


@pytest.mark.parametrize("flags", [["-erl_epmd_port"], ["-kernel", "erl_epmd_node_listen_port"]], ids=" ".join)
def test_a_port_of_its_own_says_nothing_about_the_ports_of_others(agents, kernel, flags):
    """erl_epmd takes the port to be that of every node."""
    if "-kernel" in flags:
        need(kernel, (10, 2), 27.2, "the kernel parameter erl_epmd_node_listen_port")
    nodes = [
        host.start_node(f"ported@{host_part(host)}", extra=[*flags, 45110 + number], wait=False)
        for number, host in enumerate(agents)
    ]
    wait_until_all_alive(*nodes)
    wait_until_all_see(agents, *nodes)
    for number, node in enumerate(nodes):
        assert node.port() == 45110 + number
    assert nodes[0].ping(nodes[1])
