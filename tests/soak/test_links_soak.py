# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""Own links, for longer: many outages of many lengths, many nodes, a loose contact, addresses in a row.

Run by hand: /usr/bin/python3 -m pytest -p no:cacheprovider -s tests/soak/test_links_soak.py
EPMDNS_SOAK_ROUNDS sets how often.
"""

import os
import sys
import time
from pathlib import Path
from statistics import median

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))

from lab import Lab, LabUnavailable, wait_until  # noqa: E402
from test_links import MOVED_WITHIN, WHOLE_WITHIN, Program  # noqa: E402

ROUNDS = int(os.environ.get("EPMDNS_SOAK_ROUNDS", "10"))
NODES = 30


@pytest.fixture
def couple():
    try:
        with Lab() as lab:
            yield lab.hosts("a", "b")
    except LabUnavailable as reason:
        pytest.skip(f"cannot simulate hosts: {reason}")


def crowd(host, number):
    return [Program(host) for _ in range(number)]


def whole(watch, programs, since):
    """Seconds from a moment to the last of these being up."""
    return max(watch.wait("up", program.name, after=since, timeout=30)[0] for program in programs) - since


def report(what, delays):
    print(f"\n{what}: median {median(delays):.2f} s, max {max(delays):.2f} s, n {len(delays)}")


@pytest.mark.parametrize("outage_s", [0.3, 2, 8, 25])
def test_both_sides_are_whole_after_outages_of_any_length(couple, outage_s):
    a, b = couple
    for host in couple:
        host.start_agent()
    watch, far_watch = a.watch(), b.watch()
    here, there = crowd(a, NODES), crowd(b, NODES)
    whole(watch, there, 0), whole(far_watch, here, 0)
    delays, far_delays = [], []
    for _ in range(ROUNDS if outage_s < 10 else max(1, ROUNDS // 4)):
        out = time.monotonic()
        a.link(False)
        for program in there:
            watch.wait("down", program.name, after=out, timeout=5)
        wait_until(lambda: time.monotonic() - out >= outage_s, outage_s + 5)
        lost = [program for program in here if far_watch.seen("down", program.name, after=out)]
        back = time.monotonic()
        a.link(True)
        delays.append(whole(watch, there, back))
        if lost:
            far_delays.append(whole(far_watch, lost, back))
    report(f"after {outage_s} s, here", delays)
    if far_delays:
        report(f"after {outage_s} s, there", far_delays)
    assert median(delays + far_delays) <= WHOLE_WITHIN


def test_a_loose_contact_ends_well(couple):
    a, b = couple
    for host in couple:
        host.start_agent()
    watch, far_watch = a.watch(), b.watch()
    here, there = crowd(a, 3), crowd(b, 3)
    whole(watch, there, 0), whole(far_watch, here, 0)
    for _ in range(ROUNDS):
        for _ in range(15):
            a.link(False)
            a.link(True)
        a.wait_for_nodes(*here, *there, timeout=10)
        b.wait_for_nodes(*here, *there, timeout=10)
    for program in there:
        assert len(watch.seen("down", program.name)) <= 3 * ROUNDS


def test_addresses_that_change_in_a_row_are_all_followed(couple):
    a, b = couple
    for host in couple:
        host.start_agent()
    far_watch = b.watch()
    here = Program(a)
    far_watch.wait("up", here.name)
    old, delays = a.address, []
    for number in range(ROUNDS):
        new = f"10.77.0.{100 + number % 100}"
        changed = time.monotonic()
        a.ip(f"addr del {old}/24 dev eth0", f"addr add {new}/24 broadcast + dev eth0")
        wait_until(lambda: b.lookup(here) == [(new, here.port, "inet")], 10, f"{new} on b")
        delays.append(time.monotonic() - changed)
        old = new
    report("a new address elsewhere", delays)
    assert not far_watch.seen("down", here.name)
    assert median(delays) <= 2 * MOVED_WITHIN  # one soon after another waits for that to be forgotten
