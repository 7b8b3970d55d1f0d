# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""Where the contenders run: simulated hosts of the integration tests, with ports and sockets of their own."""

from __future__ import annotations

import json
import os
import resource
import sys
from collections import defaultdict
from contextlib import contextmanager
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "integration"), str(TESTS / "lib"), str(TESTS / "front")]

from lab import Host, Lab, LabUnavailable, wait_until  # noqa: E402
from lab_process import tool  # noqa: E402

__all__ = ["Arena", "Contender", "Host", "Lab", "LabUnavailable", "tool", "wait_until"]

REALTIME_PRIORITY = 10
SERVER_CPU, CLIENT_CPU = 0, 1
SPARE_DESCRIPTORS = 300


class Contender:
    """Who serves names, and how many."""

    def __init__(self, who, tongue, where, names=1):
        self.who = who
        self.tongue = tongue
        self.where = where
        self.names = names
        self.process = None

    @property
    def argument(self):
        """As bench-client takes it."""
        return f"{self.who}={self.tongue}:{self.where}:{self.names}"


class Arena:
    """A host without a network, the servers on it, and rounds in which they are measured. Servers have one CPU
    and clients another, where there are two."""

    def __init__(self, lab, options):
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        self.lab = lab
        self.options = options
        self.is_quick = options.quick
        self.host = lab.host(f"bench{len(lab.members)}", link=False, bus=False)
        self.host.run(["mkdir", "-p", "/run/bench"])
        self.programs = Host.product.build / "tests/bench"
        self.n_epmds = 0

    @contextmanager
    def pinned(self, cpu):
        """What is started in here runs on this CPU, and ahead of what else the machine does if that is wanted."""
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {sorted(before)[cpu % len(before)]})
        if self.options.realtime:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(REALTIME_PRIORITY))
        try:
            yield
        finally:
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
            os.sched_setaffinity(0, before)

    def serve(self, argv, contender):
        with self.pinned(SERVER_CPU):
            contender.process = self.host.spawn(argv, name=contender.who)
        return contender

    def floor(self, kind):
        """pair: two processes and a socket; events: a libevent server of the same frames."""
        path = f"/run/bench/{kind}"
        contender = self.serve([self.programs / "bench-floor", kind, path], Contender(kind, "frames", path))
        wait_until(lambda: self.host.path(path).exists(), what=f"the floor {kind}")
        return contender

    def agent(self, names):
        path = f"/run/bench/agent{names}"
        argv = [Host.product.daemon, "--backend", "none", "--socket", path, "--log-level", "warn"]
        contender = self.serve(argv, Contender(f"agent@{names}", "frames", path, names))
        status = [Host.product.cli, "status"]
        env = {"EPMDNS_SOCKET": path}
        wait_until(lambda: self.host.run(status, env=env, check=False).returncode == 0, what=contender.who)
        self.hold(contender, names)
        return contender

    def epmd(self, names):
        """On a port of its own, in a network of its own."""
        self.n_epmds += 1
        port = str(4369 + self.n_epmds)
        contender = Contender(f"epmd@{names}", "epmd", port, names)
        with self.pinned(SERVER_CPU):
            contender.process = self.host.start_epmd("-port", port)
        self.hold(contender, names)
        return contender

    def hold(self, contender, names):
        """Register so many names, each on a connection of its own if client and server may have as many
        descriptors. Return: how many there were places for."""
        descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        each = 1 + (names + SPARE_DESCRIPTORS) // (descriptors // 2)
        argv = [self.programs / "bench-hold", contender.tongue, contender.where, names, each]
        held = self.host.spawn(argv, name=f"hold-{contender.who}")
        wait_until(lambda: "held" in held.output or not held.alive, 60, f"{names} names with {contender.who}")
        if "held" not in held.output:
            raise RuntimeError(f"{contender.who}: {held.output}")
        return int(held.output.split()[1])

    def measure(self, what, contenders, rounds, ms, clients=1, depth=1, shares_cpu=False):
        """shares_cpu: whether the client has that of the servers. Return: {(who, what): [one object a round]}."""
        argv = [self.programs / "bench-client", what, rounds, ms, clients, depth, *(c.argument for c in contenders)]
        with self.pinned(SERVER_CPU if shares_cpu else CLIENT_CPU):
            out = self.host.run(argv, timeout=60 + rounds * ms * len(contenders) / 500).stdout
        seen = defaultdict(dict)
        for line in out.splitlines():
            one = json.loads(line)
            seen[one["who"], one["what"]][one["round"]] = one
        return {key: [by_round[n] for n in sorted(by_round)] for key, by_round in seen.items()}
