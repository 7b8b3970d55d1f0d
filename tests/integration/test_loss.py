# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""Packets get lost; who is alive stays."""

import pytest

from lab import wait_until

# Four packets of thirteen, 31 %, in the same places each time, counted for each host.
A_THIRD = "numgen inc mod 13 { 0, 4, 5, 9 }"
MULTICAST = ("ip daddr 224.0.0.251", "ip6 daddr ff02::fb")
TTL = 8  # seconds; nothing that is not refreshed is kept longer, and the shorter it is the worse is loss
LONGER = 6  # than a verification takes, and the next


def gone(watches, names):
    """What was seen to go down, of these: an earlier test may have left others."""
    return [(watch.host.name, name) for watch in watches for name in names if watch.seen("down", name)]


def test_no_live_node_goes_down_when_a_third_of_all_packets_is_lost(drop, a, b, c):
    """Of host c, moreover, no multicast is heard: all that others know of it runs out, and its own responder
    has to vouch for each node, over a link that loses a third."""
    hosts = (a, b, c)
    for host in hosts:
        host.start_agent("--ttl", str(TTL))
    nodes = {host: host.start_listeners("loss", 3) for host in hosts}
    everybody = [name for names in nodes.values() for name in names]
    watches = [host.watch() for host in hosts]
    for watch in watches:
        for name in everybody:
            watch.wait("up", name)

    drop(
        *(f'iifname "{c.port}" {to}' for to in MULTICAST),
        *(f'iifname "{host.port}" {A_THIRD}' for host in hosts),
    )
    for host in (a, b):
        wait_until(lambda: host.status()["instances_unheard"] >= 3, TTL + 5, f"{host.name} to lose c")
    with pytest.raises(AssertionError, match="in vain for one to go down"):
        wait_until(lambda: gone(watches, everybody), LONGER, "one to go down")
    for host in hosts:
        assert host.nodes().keys() >= set(everybody)

    drop()
    for host in (a, b):
        wait_until(lambda: host.status()["instances_unheard"] == 0, TTL, f"{host.name} to hear all again")
    assert not gone(watches, everybody)
