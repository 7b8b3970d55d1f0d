# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""What OTP's own suites demand of a module in place of erl_epmd, as far as it is one case or another there.

    distribution_SUITE: epmd_module, start_epmd_false, no_epmd
    ssl_dist_SUITE: epmd_module
    erl_distribution_SUITE: epmd_reconnect, erl_1424
    interactive_shell_SUITE: remote shells with -start_epmd false -erl_epmd_port

And what a user is told where flags do not fit together.
"""

import pytest

from lab import wait_until
from lab_agent import COOKIE
from lab_node import Terminal
from lab_process import tool
from trials import UNMESHED
from ways import help_old_tls, host_part, need, no_epmd_runs, wait_until_all_alive, wait_until_all_see

EPMD = {"ERL_EPMD_PORT": "12321"}  # away from the usual port


def in_epmd(host):
    """The names that epmd has there."""
    asked = host.run([tool("epmd"), "-names"], env=EPMD)
    return {line.split()[1] for line in asked.stdout.splitlines() if line.startswith("name ")}


@pytest.mark.parametrize("carrier", ["inet_tcp", "inet_tls"])
def test_nodes_with_the_module_are_not_in_an_epmd_that_runs(agents, kernel, tls, carrier):
    left, _ = agents
    left.start_epmd(env=EPMD)
    extra = ["-proto_dist", carrier, *(tls if carrier == "inet_tls" else [])]
    nodes = [
        left.start_node(f"{name}-{carrier}@{host_part(left)}", extra=extra, env=EPMD, wait=False)
        for name in ("one", "other")
    ]
    wait_until_all_alive(*nodes)
    if carrier == "inet_tls":
        help_old_tls(kernel, *nodes)
    for here, there in (nodes, nodes[::-1]):
        assert here.ping(there)
        here.disconnect(there)
    assert in_epmd(left) == set()


def test_an_epmd_is_started_unless_that_is_forbidden_and_has_no_node_either_way(agents):
    left, right = agents
    module = ["-epmd_module", "epmdns", "-pa", left.product.ebin]
    forbids = left.start_node(f"forbids@{host_part(left)}", wait=False)
    allows = right.start_vm(f"allows@{host_part(right)}", "-name", f"allows@{host_part(right)}", *module, env=EPMD)
    wait_until_all_alive(forbids, allows)
    wait_until_all_see(agents, forbids, allows)
    assert forbids.ping(allows)
    no_epmd_runs(left)
    assert in_epmd(right) == set()


def test_where_otp_does_not_start_the_module_the_node_says_so(agents):
    left, _ = agents
    name = f"mute@{host_part(left)}"
    node = left.start_node(name, extra=["-no_epmd", "-proto_dist", "inet_tcp"])
    assert f"epmdns: {name} is not registered: OTP has not started epmdns (-no_epmd)" in node.process.output
    wait_until_all_see(agents)


def test_nodes_return_to_agent_and_epmd_when_these_have_been_away(agents):
    left, right = agents
    epmd = left.start_epmd(env=EPMD)
    extra = [*UNMESHED, "-epmdns_epmd", "true"]
    trio = [
        left.start_node(f"{name}@{host_part(left)}", extra=extra, env=EPMD, wait=False)
        for name in ("returns", "leaves", "returns-too")
    ]
    wait_until_all_alive(*trio)
    wait_until_all_see(agents, *trio)
    wait_until(lambda: in_epmd(left) == {"returns", "leaves", "returns-too"}, what="three names in epmd")

    left.agents[-1].kill()
    epmd.kill()
    assert trio.pop(1).stop() == 0
    left.start_epmd(env=EPMD)
    left.start_agent()
    wait_until_all_see([left], *trio)
    wait_until(lambda: in_epmd(left) == {"returns", "returns-too"}, what=lambda: f"two names; {in_epmd(left)}")
    wait_until(lambda: {node.name for node in trio} <= set(right.nodes()), what="them on the other host")
    assert trio[0].ping(trio[1])


def test_a_host_that_cannot_be_is_an_error_and_no_crash(agents):
    left, _ = agents
    node = left.start_node(f"asks@{host_part(left)}")
    for host in ('"."', "'.'", '""', '"no such host"'):
        answer = node.eval(f"net_adm:names({host})")
        assert answer.startswith("{error,"), (host, answer)
    assert node.eval("net_adm:names()") == f'{{ok,[{{"asks",{node.port()}}}]}}'


def test_a_remote_shell_with_the_port_of_the_node_leaves_it_the_port(agents):
    left, _ = agents
    port = ["-erl_epmd_port", "12345"]
    node = left.start_node(f"shelled@{left.name}", sname=True, extra=port)
    assert node.port() == 12345
    flags = ["-sname", "undefined", "-setcookie", COOKIE, *left.with_epmdns(), *port]
    shell = Terminal(left, [tool("erl"), *flags, "-remsh", node.name])
    shell.wait_for(f"({node.name})1>")
    assert node.eval("length(nodes(connected))") == "1"
    shell.hang_up()


# TLS waits for an answer that TCP does not give, and old releases for an epmd where nobody is.
GIVE_UP_SOON = ["-kernel", "net_setuptime", "1", "-epmdns_fallback", "false"]
MISMATCHES = {
    "family": ("inet6_tcp", "inet_tcp"),
    "TLS": ("inet_tcp", "inet_tls"),
}


@pytest.mark.parametrize("label", MISMATCHES)
def test_a_node_that_speaks_otherwise_is_not_reached_and_the_log_says_why(agents, tls, label):
    left, right = agents
    carriers = MISMATCHES[label]
    here, there = (
        host.start_node(
            f"speaks-{carrier.replace('_', '-')}@{host_part(host)}",
            extra=["-proto_dist", carrier, *UNMESHED, *GIVE_UP_SOON, *(tls if carrier == "inet_tls" else [])],
            wait=False,
        )
        for host, carrier in zip(agents, carriers)
    )
    wait_until_all_alive(here, there)
    wait_until_all_see(agents, here, there)
    for node, other, carrier in ((here, there, carriers[1]), (there, here, carriers[0])):
        assert not node.ping(other)
        line = f"epmdns: {other.name} listens for {carrier}, which this node does not speak (-proto_dist)"
        wait_until(lambda: line in node.process.output, 5, lambda: f"{line!r}; there is {node.process.output}")


REFUSED = {  # flags, and what Erlang says of them
    "TLS over both families": (
        ["-name", "both@left.ways", "-proto_dist", "inet_tls", "inet6_tls"],
        "{duplicate_child_name,ssl_dist_sup}",
    ),
    "a full name to be given by another": (["-name", "undefined"], "Can't set long node name"),
    "the module as flag and as parameter": (
        ["-name", "twice@left.ways", "-kernel", "epmd_module", "epmdns"],
        "invalid_configuration",
    ),
}


@pytest.mark.parametrize("label", REFUSED)
def test_what_erlang_itself_does_not_start_with(agents, kernel, tls, label):
    if "parameter" in label:
        need(kernel, (10, 2), 27.2, "the kernel parameter epmd_module")
    left, _ = agents
    flags, said = REFUSED[label]
    vm = left.start_vm("refused", *flags, *left.with_epmdns(), *tls)
    assert vm.process.wait(30) != 0
    assert said in vm.process.output
