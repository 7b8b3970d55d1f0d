# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""What ends here is soon gone there, and what returns is found again."""

import time
from statistics import median

from claims import ping_proves_epmdns

NOTICED_WITHIN = 1.2  # seconds, median: the design's promise for a crash of a VM
KILLS = 7


def gone_after(watch, name, kill):
    """Seconds from a kill to the `down` that a host reports, whose list then lacks the node."""
    killed = time.monotonic()
    kill()
    when, _ = watch.wait("down", name, after=killed, timeout=15)
    assert name not in watch.host.nodes()
    return when - killed


def test_killed_vms_are_soon_gone_elsewhere(a, b):
    a.start_agent()
    b.start_agent()
    watch = b.watch()
    victims = [a.start_node(f"victim{n}@a.home", wait=False) for n in range(KILLS)]
    for victim in victims:
        watch.wait("up", victim.name, timeout=40)

    delays = [gone_after(watch, victim.name, victim.kill) for victim in victims]

    b.wait_for_nodes()
    assert median(delays) <= NOTICED_WITHIN, f"noticed after {[f'{d:.2f}' for d in delays]} s"


def test_a_killed_vm_is_gone_at_once_on_its_own_host(a):
    a.start_agent()
    watch = a.watch()
    victim = a.start_node("victim@a.home")
    watch.wait("up", victim.name)
    assert gone_after(watch, victim.name, victim.kill) <= 0.5
    assert a.lookup(victim) == []


def test_a_node_restarted_on_another_port_is_found_there(a, b):
    a.start_agent()
    b.start_agent()
    watch = b.watch()
    bob = b.start_node("bob@b.phoenix")
    first = a.start_node("alice@a.phoenix")
    ping_proves_epmdns(bob, first)
    old_port = first.port()
    gone_after(watch, first.name, first.kill)

    new_port = old_port - 1 if old_port > 60000 else old_port + 1
    listen = ["-kernel", "inet_dist_listen_min", new_port, "inet_dist_listen_max", new_port + 9]
    second = a.start_node("alice@a.phoenix", extra=listen)
    b.wait_for_nodes(bob, second)

    assert second.port() != old_port
    ping_proves_epmdns(bob, second)


def test_a_program_that_is_no_erlang_node_registers_from_the_command_line(a, b):
    a.start_agent()
    b.start_agent()
    watch = b.watch()
    registrar = a.spawn([a.product.cli, "register", "cnode@a.home", "4711"])
    watch.wait("up", "cnode@a.home")
    assert b.lookup("cnode@a.home") == [(a.address, 4711, "inet")]
    assert gone_after(watch, "cnode@a.home", registrar.kill) <= 2.0
    a.wait_for_nodes()
