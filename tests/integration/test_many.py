# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""Many nodes come at once on all hosts, and go at once. (A thousand: tests/soak/thousand.py.)

And more than are kept.
"""

import time

from lab import wait_until

EACH = 40
SEEN_WITHIN = 40.0  # seconds; two on an idle machine
GONE_WITHIN = 40.0


def test_many_nodes_are_soon_seen_by_all_and_soon_gone(a, b, c, report):
    hosts = (a, b, c)
    for host in hosts:
        host.start_agent()
    watches = [host.watch() for host in hosts]
    began = time.monotonic()
    names = [name for host in hosts for name in host.start_listeners("many", EACH)]
    registered = time.monotonic()
    for host in hosts:
        host.wait_for_nodes(*names, timeout=SEEN_WITHIN)
    seen = time.monotonic()
    downs = [what["node"] for watch in watches for _, what in watch.seen("down")]
    assert set(downs) & set(names) == set()  # of an earlier test there may be some, still in Avahi's cache
    statuses = [host.status() for host in hosts]
    assert [status["advertised"] for status in statuses] == [EACH] * 3
    assert [status["problem_cache"] for status in statuses] == [None] * 3
    for host in hosts:
        host.kill_listeners()
    killed = time.monotonic()
    for host in hosts:
        wait_until(lambda: host.nodes() == {}, GONE_WITHIN, f"all to be gone on {host.name}")
    report(
        nodes=len(names),
        registered_s=f"{registered - began:.2f}",
        seen_by_all_s=f"{seen - registered:.2f}",
        gone_s=f"{time.monotonic() - killed:.2f}",
    )


def test_who_found_no_room_is_taken_in_when_there_is_some(a, b):
    a.start_agent()
    b.start_agent("--max-peers", 8)
    first = a.start_listeners("first", 7)
    listeners = a.processes[-1]
    b.wait_for_nodes(*first)
    second = a.start_listeners("second", 4)
    wait_until(lambda: b.status()["problem_table"], what="that there is no room")
    wait_until(lambda: len(set(b.nodes()) & set(first + second)) == 8, what="all that there is room for")
    assert set(b.nodes()) >= set(first)
    listeners.kill()
    b.wait_for_nodes(*second, timeout=20)
    wait_until(lambda: b.status()["problem_table"] is None, what="the problem to be over")
