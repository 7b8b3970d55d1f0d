# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""A registration lives as long as its node, whatever becomes of the agent."""

import signal

import trials
from lab_wire import Client


def test_nodes_return_from_every_restart_of_the_agent(a, report):
    trials.restarts_under_load(a, crowd_size=5, rounds=50, report=report)


def test_other_hosts_see_no_node_go_when_an_agent_is_restarted(a, b, report):
    trials.restarts_in_view_of_another_host(a, b, rounds=5, report=report)


def test_nothing_is_lost_or_doubled_while_the_agent_is_stopped(a):
    """As a machine that swaps, or a debugger, would stop it. Meanwhile one node boots, one starts anew."""
    agent = a.start_agent("--backend", "none")
    stays = a.start_node("stays@a.halt", wait=False)
    again = a.start_vm("again@a.halt", *a.with_epmdns())
    start = "{ok, _} = net_kernel:start(['again@a.halt', longnames]), ok"
    again.eval(start, timeout=30)
    stays.wait_until_alive()
    a.wait_for_nodes(stays, again)
    creations = {name: node["creation"] for name, node in a.nodes().items()}

    agent.signal(signal.SIGSTOP)
    late = a.start_node("late@a.halt", wait=False)
    again.eval(f"ok = net_kernel:stop(), {start}")
    late.wait_until_alive()
    assert not stays.ping("nobody@a.halt")
    agent.signal(signal.SIGCONT)

    a.wait_for_nodes(stays, again, late)
    with Client(a) as client:
        *items, _ = client.ask("list", filter=1)
    assert sorted(item["node"].decode() for item in items) == sorted([stays.name, again.name, late.name])
    assert a.nodes()[stays.name]["creation"] == creations[stays.name]
    assert a.nodes()[again.name]["creation"] != creations[again.name]
    trials.wait_for_sessions(a, 4)  # each registers, and `stays` has asked
    for node in (stays, again, late):
        assert "duplicate_name" not in node.process.output
        assert trials.SEEMS_IN_USE not in node.process.output
