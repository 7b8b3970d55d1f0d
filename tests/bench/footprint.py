# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""What the processes hold and how often they wake: memory that is theirs alone, and voluntary context switches."""

import re
import tempfile
import time
from pathlib import Path

from arena import wait_until
from figures import Figure, Promise, Row
from front import Node, Place
from lab_process import wait_until_steady
from processes import private_kb

CALM_S, IDLE_S = 5, 30
NAME = "n%07d@a-host-of-some.domain"  # 30 bytes


def switches(*pids):
    """How often they have gone to sleep so far, which is how often they were woken."""
    return sum(int(re.search(r"^voluntary_ctxt_switches:\t(\d+)", Path(f"/proc/{pid}/status").read_text(), re.M)[1])
               for pid in pids)  # fmt: skip


def _one(value):
    return Figure.of([value])


def _row(what, unit, theirs, ours, bound):
    ratio = _one(ours / theirs) if theirs else None
    return Row("footprint", what, unit, "epmd" if theirs is not None else "", None if theirs is None else _one(theirs),
               "agent", _one(ours), ratio, Promise("<=", bound, "ours"))  # fmt: skip


def _per_name(few, many):
    return (private_kb(many.process.pid) - private_kb(few.process.pid)) / (many.names - few.names)


def _per_peer(n):
    """kB of the daemon for each of so many peers, with two references, that a scripted discovery process tells of."""
    with tempfile.TemporaryDirectory(prefix="epmdns-bench-") as directory:
        place = Place(Path(directory))
        try:
            daemon, life = place.lan()
            client = daemon.client()
            before = private_kb(daemon.process.pid)
            for i in range(n):
                node = Node(NAME % i, addresses=(f"192.0.2.{i % 250 + 1}",))
                for node.protocol in (4, 6):
                    life.see(node)
            wait_until(lambda: client.status()["peers"] == str(n), 60, f"{n} peers")
            return (private_kb(daemon.process.pid) - before) / n
        finally:
            place.close()


def footprint(host, field, is_quick):
    """host: one where nothing else runs but a bus and Avahi."""
    host.start_agent()
    epmd = host.start_epmd()
    both = [pid for pid, name in host.running().items() if name.startswith("epmdns")]
    yield _row("memory, empty", "kB", private_kb(epmd.pid), private_kb(*both), 1200)
    few, many, _ = field.agents()
    yield _row("memory per registration", "kB", _per_name(*field.epmds()), _per_name(few, many), 2)
    yield _row("memory per peer", "kB", None, _per_peer(50 if is_quick else 4000), 0.6)
    seconds = 1 if is_quick else IDLE_S
    if not is_quick:
        # until nothing of the start goes on
        wait_until_steady(lambda: switches(*both), CALM_S, 120, "nobody to be woken")
    before = switches(epmd.pid), switches(*both)
    time.sleep(seconds)
    yield _row("wake-ups, idle", "1/s", (switches(epmd.pid) - before[0]) / seconds,
               (switches(*both) - before[1]) / seconds, 0)  # fmt: skip
