# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""What worked with epmd goes on working: nodes that only an epmd knows, programs that ask as if there were one."""

import pytest

from lab import wait_until
from lab_agent import COOKIE
from lab_process import tool


@pytest.fixture
def old(b):
    """An unmodified node on host b, with an epmd and without an agent."""
    b.start_epmd()
    node = b.start_vm(f"old@{b.address}", "-name", f"old@{b.address}", "-start_epmd", "false")
    node.wait_until_alive()
    return node


def test_a_node_that_only_epmd_knows_is_reached_and_named(a, b, old):
    a.start_agent("--backend", "none")
    new = a.start_node("new@a.fallback")
    assert new.ping(old)
    assert new.peer_address(old) == (b.address, old.port())
    for host in (f'"{b.address}"', f"'{b.address}'"):
        assert new.eval(f"net_adm:names({host})") == f'{{ok,[{{"old",{old.port()}}}]}}'
    assert new.eval(f'epmdns:names("{b.address}")') == f'{{ok,[{{"old",{old.port()}}}]}}'
    assert new.eval(f'epmdns:port_please("old", "{b.address}")') == f"{{port,{old.port()},6}}"


def test_without_an_agent_the_fallback_works_all_the_same(a, b, old):
    new = a.start_node("alone@a.fallback")
    assert new.ping(old)
    assert new.eval(f'net_adm:names("{b.address}")') == f'{{ok,[{{"old",{old.port()}}}]}}'


def test_a_node_that_knows_only_epmd_reaches_one_that_registers_there_too(a, b, old):
    """An unmodified node of its host, and from another host a C node, which erl_call is."""
    new = b.start_node(f"new@{b.address}", extra=["-epmdns_epmd", "true"])
    wait_until(lambda: "name new at port" in b.run([tool("epmd"), "-names"]).stdout, what="the name in epmd")
    assert old.ping(new)
    asked = a.run([tool("erl_call"), "-c", COOKIE, "-n", new.name, "-a", "erlang node"])
    assert asked.stdout.strip() == f"'{new.name}'"


def test_no_epmd_is_asked_when_the_fallback_is_off(a, b, old):
    a.start_agent("--backend", "none")
    new = a.start_node("strict@a.fallback", extra=["-epmdns_fallback", "false"])
    assert not new.ping(old)
    assert new.eval(f'net_adm:names("{b.address}")') == "{error,address}"
    assert new.eval(f'epmdns:port_please("old", "{b.address}")') == "noport"


# One round of rabbit_epmd_monitor.erl: the node asks for itself, by text, and registers again.
MONITOR = """
    Module = net_kernel:epmd_module(),
    [Me, Host] = string:tokens(atom_to_list(node()), "@"),
    {port, Port, Version} = Module:port_please(Me, Host),
    Names = net_adm:names(),
    {ok, Creation} = Module:register_node(Me, Port),
    Creation = erlang:system_info(creation),
    {Module, Port, Version, Names}
"""


def test_a_monitor_of_rabbitmqs_kind_changes_nothing(a):
    """Whether the agent runs, is away, or comes back between two rounds."""
    node = a.start_node("rabbit@a", sname=True)
    own = f"epmdns,{node.port()},6"
    away = f"{{{own},{{error,address}}}}"
    here = f'{{{own},{{ok,[{{"rabbit",{node.port()}}}]}}}}'
    assert node.eval(MONITOR) == away

    for _ in range(3):
        agent = a.start_agent("--backend", "none")
        a.wait_for_nodes(node)
        watch = a.watch()
        for _ in range(5):
            assert node.eval(MONITOR) == here
        assert str(a.nodes()[node.name]["creation"]) == node.eval("erlang:system_info(creation)")
        assert [what["event"] for _, what in watch.events] == ["up", "ready"]
        agent.kill()
        assert node.eval(MONITOR) == away
