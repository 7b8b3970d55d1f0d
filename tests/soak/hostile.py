#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""A neighbour that means ill, and what it costs: memory, CPU and log lines of both processes of an observer, and what
becomes of honest nodes."""

import argparse
import sys
import threading
import time
from pathlib import Path

from soaklab import Lab, say, wait_until

from mdns_forge import Crowd, start

HONEST = 5  # nodes on the honest host
PROGRAMS = ("epmdnsd", "epmdns-discover")  # as the kernel cuts their names
MEMORY_MB, CPU_SHARE, LOG_EVERY_S = 8, 0.20, 10


class Meter:
    """Memory (private, dirty), CPU and log lines of an agent and its child, from begin to end."""

    def __init__(self, host, interval=0.25):
        self.host, self.interval = host, interval
        self.pids = {name: pid for pid, name in host.running().items() if name in PROGRAMS}
        assert len(self.pids) == 2, host.running()
        self.is_over = threading.Event()

    def __enter__(self):
        self.began, self.cpu, self.busiest = time.monotonic(), self._cpu(), 0.0
        self.memory = self.peak = self._memory()
        self.lines = len(self._log())
        self.thread = threading.Thread(target=self._sample)
        self.thread.start()
        return self

    def __exit__(self, *exception):
        self.is_over.set()
        self.thread.join()

    def _cpu(self):
        """{name: seconds}"""
        return {name: int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
                for name, pid in self.pids.items()}  # fmt: skip

    def _memory(self):
        """{name: kB}"""
        found = {}
        for name, pid in self.pids.items():
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            found[name] = next(int(line.split()[1]) for line in lines if line.startswith("Private_Dirty"))
        return found

    def _log(self):
        return self.host.agents[-1].output.splitlines()

    def _sample(self):
        seconds, last = [], (time.monotonic(), self._cpu())
        while not self.is_over.wait(self.interval):
            memory = self._memory()
            if sum(memory.values()) > sum(self.peak.values()):
                self.peak = memory
            now = (time.monotonic(), self._cpu())
            if now[0] - last[0] >= 5:
                used = sum(now[1].values()) - sum(last[1].values())
                self.busiest, last = max(self.busiest, used / (now[0] - last[0])), now

    def report(self, what):
        """Print all, and check what is promised. Return: whether it holds."""
        seconds = time.monotonic() - self.began
        used = {name: value - self.cpu[name] for name, value in self._cpu().items()}
        share = sum(used.values()) / seconds
        grown = (sum(self.peak.values()) - sum(self.memory.values())) / 1024
        lines = self._log()[self.lines :]
        kinds = {}
        for line in lines:
            sentence = line.split(" node=")[0].split(" instance=")[0]
            kinds[sentence] = kinds.get(sentence, 0) + 1
        say(f"{what}: {seconds:.0f} s; CPU {share:.1%} of a core (worst 5 s {self.busiest:.1%}): "
            + ", ".join(f"{name} {value:.2f} s" for name, value in used.items()))  # fmt: skip
        say(f"  private memory: {self.memory} kB, peak {self.peak} kB (+{grown:.1f} MB), end {self._memory()} kB")
        for sentence, n in kinds.items():
            say(f"  log, {n} times: {sentence}")
        verdicts = {
            "memory": grown <= MEMORY_MB,
            "CPU": share <= CPU_SHARE,
            "log": all(n <= 5 + seconds / LOG_EVERY_S for n in kinds.values()),
        }
        for name, is_fine in verdicts.items():
            if not is_fine:
                say(f"  TOO MUCH: {name}")
        return all(verdicts.values())


class Street:
    """An observer and an honest host, both with nodes, and a forger without Avahi."""

    def __init__(self, lab):
        self.lab = lab
        self.observer, self.honest = lab.hosts("observer", "honest")
        self.forger = lab.host("forger", bus=False)
        for host in (self.observer, self.honest):
            host.start_agent()
        self.own = self.observer.start_listeners("own", 2)
        self.neighbours = self.honest.start_listeners("near", HONEST)
        self.watch = self.observer.watch()
        for name in self.neighbours:
            self.watch.wait("up", name, timeout=30)

    def addresses(self, number):
        """On the link, and nobody's."""
        return [f"10.77.0.{last}" for last in range(254 - number, 254)]

    def status(self, *keys):
        status = self.observer.status()
        return {key: value for key, value in status.items() if key in keys or key.startswith("problem_") and value}

    def is_honest_well(self):
        """No honest node went down, and all are found where they are."""
        downs = [what["node"] for _, what in self.watch.seen("down") if what["node"] in self.neighbours]
        lost = [name for name in self.neighbours if not self.observer.lookup(name)]
        say(f"  honest nodes: {len(downs)} downs, {len(lost)} not found; newcomers' time: {self.newcomer()}")
        return not downs and not lost

    def newcomer(self, timeout=25):
        """Seconds until a new honest node is seen; None: not within the timeout."""
        self.n_new = getattr(self, "n_new", 100) + 1
        began = time.monotonic()
        name = self.honest.start_listeners("near", 1, first=self.n_new)[0]
        try:
            return round(self.watch.wait("up", name, timeout=timeout)[0] - began, 2)
        except AssertionError:
            return None


def flood(street, style, seconds=0, count=2500, rate=220, calm=20):
    """seconds: a stream of ever new ones that leave after ten seconds."""
    crowd = Crowd(style, int(seconds * rate / 2) if seconds else count, addresses=street.addresses(20), spread=20)
    if seconds:
        crowd.life = 10 * rate // 2
    with Meter(street.observer) as meter:
        process = start(street.forger, {"crowd": crowd, "rate": rate})
        wait_until(lambda: not process.alive, 300, "the forger to end", interval=0.5)
        say(f"sent: {process.output.strip()}; {street.status('peers', 'instances', 'instances_dropped', 'ttl_s')}")
        is_fine = meter.report(f"{style}{' stream' if seconds else ''}")
        is_fine &= street.is_honest_well()
        time.sleep(calm)
        is_fine &= meter.report("and after")
        say(f"  {street.status('peers', 'instances', 'instances_dropped', 'probes_pending')}")
    return is_fine


SCENARIOS = {
    "flood": lambda street: flood(street, "node"),
    "junk": lambda street: flood(street, "junk"),
    "bare": lambda street: flood(street, "bare"),
    "stream": lambda street: flood(street, "node", seconds=120),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", default=list(SCENARIOS), help=" ".join(SCENARIOS))
    args = parser.parse_args()
    bad = []
    for what in args.what:
        with Lab() as lab:
            say(f"== {what}")
            if not SCENARIOS[what](Street(lab)):
                bad.append(what)
    if bad:
        say("not as promised:", *bad)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
