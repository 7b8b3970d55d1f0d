# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""From Erlang: what OTP waits for, by erl_epmd with a real epmd and by epmdns."""

import json
from pathlib import Path
from statistics import median

from arena import tool, wait_until
from figures import Promise, compared, quantile
from lab_agent import COOKIE
from lab_node import Node
from trials import ALONE

HERE = Path(__file__).resolve().parent


class Village:
    """VMs on a host that has both: an epmd at its usual port, and an agent at its usual socket."""

    def __init__(self, arena):
        self.host = arena.host
        self.is_quick = arena.is_quick
        self.host.start_epmd()
        self.host.start_agent("--backend", "none")
        self.host.run([tool("erlc"), "-o", "/run/bench", HERE / "bench_vm.erl"])

    def vm(self, label, *args):
        """One that boots meanwhile. Its schedulers wait busily, as anybody's do; those of Host.start_vm() do not."""
        argv = [tool("erl"), "-noinput", "-setcookie", COOKIE, "-pa", "/run/bench", *args]
        return Node(self.host, label, argv)

    def node(self, name, *args):
        return self.vm(name, "-name", name, *args)

    def rounds(self, full, times):
        """(rounds, times in each)"""
        return (2, 3) if self.is_quick else (full, times)


def _by_round(answer):
    """theirs, ours: [(median, p99) of each round] in microseconds."""
    rounds = json.loads(answer)
    return [[(median(ns) / 1000, quantile(ns, 0.99) / 1000) for ns in side] for side in zip(*rounds)]


def _find(asker, idle_ms, rounds, times):
    answer = asker.eval(f'bench_vm:find("target", "127.0.0.1", {rounds}, {times}, {idle_ms})', timeout=120)
    return _by_round(answer)


def _connect(observers, target, rounds, times):
    """The observers in turn: one that uses epmd, and one that uses epmdns."""
    sides = [[], []]
    for n in range(rounds + 1):
        for side, observer in zip(sides, observers):
            us = []
            for _ in range(times):
                for node in (target, observer):
                    wait_until(lambda: node.eval("nodes(connected)") == "[]", 10, f"{node} to be alone", 0.002)
                us.append(int(observer.eval(f"bench_vm:connect('{target.name}')")) / 1000)
            if n > 0:  # the first round loads code
                side.append((median(us), quantile(us, 0.99)))
    return sides


def vm(arena):
    village = Village(arena)
    with_epmdns = village.host.with_epmdns()
    target = village.node("target@127.0.0.1", *with_epmdns, "-epmdns_epmd", "true", *ALONE)
    asker = village.node("asker@127.0.0.1", *with_epmdns, *ALONE)
    nameless = village.vm("nameless", *with_epmdns)
    observers = [
        village.node("by-epmd@127.0.0.1", *ALONE),
        village.node("by-epmdns@127.0.0.1", *with_epmdns, *ALONE),
    ]
    for node in (target, asker, *observers):
        node.wait_until_alive()
    wait_until(lambda: "target" in village.host.run([tool("epmd"), "-names"]).stdout, what="the target at epmd")

    def row(what, theirs, ours, promise=None):
        return compared("vm", what, "µs", "erl_epmd", theirs, "epmdns", ours, promise)

    _find(asker, 0, 1, 10)  # loads code
    yield row("address and port, warm", *_find(asker, 0, *village.rounds(20, 300)), Promise("<=", 1 / 4.5))
    yield row("address and port, after 20 ms idle", *_find(asker, 20, *village.rounds(20, 15)),
              Promise("<=", 1 / 3.5))  # fmt: skip
    rounds, times = village.rounds(20, 30)
    answer = nameless.eval(f'bench_vm:register_node("fresh", {rounds}, {times})', timeout=120)
    yield row("register_node", *_by_round(answer))
    yield row("connect_node, local", *_connect(observers, target, *village.rounds(20, 5)), Promise("<=", 0.8))
