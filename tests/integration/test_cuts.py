# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""Hosts that fall silent without a word, and one that was asleep meanwhile."""

import os
import signal
import time

import pytest

NOTICED_WITHIN = 20  # seconds, by default settings and up to 50 instances: the design's promise
ASLEEP = 21  # seconds; longer than what anybody knows is kept, and than the agent takes for a gap


def test_cut_hosts_are_noticed_within_20_s_and_a_sleeper_wakes_up_to_what_is(lab, a, b, c):
    """One host loses its cable, one its power; two stay, and one of them sleeps through it all."""
    doomed = lab.host("doomed")
    hosts = {host: host.start_agent() for host in (a, b, c, doomed)}
    nodes = {host: host.start_listeners("cuts", 2) for host in hosts}
    watch, sleepers = b.watch(), c.watch()
    for name in sum(nodes.values(), []):
        watch.wait("up", name)
        sleepers.wait("up", name)

    c.link(up=False)
    asleep = [pid for pid, program in c.running().items() if program.startswith(("epmdns", "avahi"))]
    for pid in asleep:
        os.kill(pid, signal.SIGSTOP)
    a.link(up=False)
    lab.cut_power(doomed)
    cut = time.monotonic()
    for name in nodes[a] + nodes[doomed] + nodes[c]:
        when, _ = watch.wait("down", name, timeout=NOTICED_WITHIN)
        assert when - cut <= NOTICED_WITHIN, name
    assert b.status()["downs_silent"] >= 6
    assert "reason=silent" in hosts[b].output

    left = max(0.1, cut + ASLEEP - time.monotonic())
    with pytest.raises(AssertionError, match="in vain for lost"):  # for it is asleep
        sleepers.wait("lost", timeout=left)
    c.link(up=True)
    for pid in asleep:
        os.kill(pid, signal.SIGCONT)
    for process in (hosts[c], c.avahi, sleepers.process):
        process.signal(signal.SIGCONT)  # the lab's own end of it
    for name in nodes[a] + nodes[doomed]:
        sleepers.wait("down", name)
    assert c.status()["resumes"] == 1
    for name in nodes[b]:
        assert not sleepers.seen("down", name)
        assert name in c.nodes()
    for name in nodes[c]:
        watch.wait("up", name, after=cut)  # and it is found again
    a.link(up=True)
