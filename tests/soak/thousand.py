#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""Many nodes: 1 000 over 20 hosts, 500 on one. When do all see all, what does it cost, and does one go down that
lives? Then all are killed: when do all know that? The nodes are raw clients of the agents (epmdns_nodes.py)."""

import argparse
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from statistics import median

from soaklab import Lab, say, sleep_until
from views import Machine, Processes, Views

LOST_POWER_WITHIN = 140.0  # seconds: the longest TTL, and the verification of so many


def spent(before, after):
    """What each program used on a host: the median, and the most."""
    parts = []
    for name in after:
        used = [now - then for then, now in zip(before[name], after[name])]
        parts.append(f"{name} {median(used):.2f} (most {max(used):.2f})")
    return ", ".join(parts)


def held(memory):
    return ", ".join(f"{name} {max(kilobytes)}" for name, kilobytes in memory.items())


class Crowd:
    """Hosts with agents, watches on them, and nodes on the first of them."""

    def __init__(self, lab, hosts, bearers, nodes, options=(), **avahi):
        self.lab = lab
        self.hosts = lab.hosts(*(f"h{n}" for n in range(hosts)), server=avahi)
        self.bearers = self.hosts[:bearers]
        self.nodes = nodes
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda host: host.start_agent(*options), self.hosts))
        self.processes = Processes(self.hosts)
        self.views = Views(self.hosts)

    def downs(self, after=0.0):
        """[(host, when, node)] of nodes of other hosts."""
        return [
            (host.name, when, node.decode())
            for host, view in self.views.all.items()
            for when, node in view.downs
            if when >= after and not node.endswith(f"@{host.name}.crowd".encode())
        ]

    def measure(self, what, until, timeout):
        """Wait for something. Return: when it came, or None; says what it cost."""
        machine, cpu = Machine(), self.processes.cpu()
        when = self.views.read_until(until, timeout)
        if when is None:
            say(f"{what}: NOT within {timeout:.0f} s; the views have {self.views.counts()}")
        say(f"  CPU seconds a host: {spent(cpu, self.processes.cpu())}; {machine}")
        return when

    def appear(self, timeout, pause=0.0):
        """All nodes are registered, on one host after the other. Return: whether all were seen by all."""
        total = self.nodes * len(self.bearers)
        pool = ThreadPoolExecutor(len(self.bearers))
        began = time.monotonic()

        def start(host, at):
            sleep_until(began + at)
            host.start_listeners("crowd", self.nodes)

        listeners = [pool.submit(start, host, n * pause) for n, host in enumerate(self.bearers)]
        when = self.measure("all see all", self.views.have(total), timeout)
        pool.shutdown()
        for listener in listeners:
            listener.result()
        born = {}  # as its own host's agent told of it
        for host in self.bearers:
            end = f"@{host.name}.crowd".encode()
            born.update((node, at) for node, at in self.views.all[host].up.items() if node.endswith(end))
        first, last = min(born.values()), max(born.values())
        delays = sorted(
            at - born[node] for view in self.views.all.values() for node, at in view.up.items() if node in born
        )
        say(f"  {len(born)} registered from {first - began:.1f} to {last - began:.1f} s after the clients' start; "
            f"one seen elsewhere after: median {median(delays):.2f}, 95 % {delays[len(delays) * 95 // 100]:.2f}, "
            f"most {delays[-1]:.2f} s")  # fmt: skip
        if when is not None:
            say(f"{total} nodes on {len(self.bearers)} of {len(self.hosts)} hosts: all seen by all {when - last:.1f} s "
                f"after the last registration, {when - first:.1f} s after the first")  # fmt: skip
        return when is not None

    def stay(self, seconds):
        """Nothing happens. Return: whether that was so."""
        began = time.monotonic()
        self.measure(f"{seconds:.0f} s", lambda: time.monotonic() >= began + seconds, seconds + 1)
        statuses = [host.status() for host in self.hosts]
        say(f"  {seconds:.0f} s later: TTL {sorted({status['ttl_s'] for status in statuses})}; private kB, the most: "
            f"{held(self.processes.memory())}")  # fmt: skip
        for key in ("backend_state", "discovery_restarts", "instances_unheard", "instances_dropped", "downs_silent",
                    "downs_refused", "downs_withdrawn"):  # fmt: skip
            say(f"  {key} {[status[key] for status in statuses]}")
        say(f"downs of nodes that live: {len(self.downs())}")
        return not self.downs()

    def lose_power(self, timeout):
        """One host ends without a word. Return: whether all others noticed in time."""
        host = self.bearers[-1]
        self.views.forget(host)
        self.hosts.remove(host)
        self.bearers.remove(host)
        rest = self.nodes * len(self.bearers)
        cut = time.monotonic()
        self.lab.cut_power(host)
        self.processes = Processes(self.hosts)
        when = self.measure("power cut", self.views.have(rest), timeout)
        times = sorted(when - cut for _, when, _ in self.downs(after=cut))
        if times:
            say(f"a host of {self.nodes} nodes lost its power: down elsewhere after {times[0]:.1f} to {times[-1]:.1f} "
                f"s, median {median(times):.1f} s; {len(times)} downs at {len(self.hosts)} hosts")  # fmt: skip
        return when is not None and all(
            f"@{host.name}." in node for _, _, node in self.downs(after=cut)
        )

    def vanish(self, timeout):
        """All nodes are killed. Return: whether all knew in time."""
        killed = time.monotonic()
        for host in self.bearers:
            host.kill_listeners()
        when = self.measure("all gone", self.views.have(0), timeout)
        if when is not None:
            say(f"all killed: all gone everywhere after {when - killed:.1f} s")
        return when is not None


def overflow(nodes, few, many, args):
    """More nodes than Avahi's cache of few entries takes, on four hosts, of which one has none of its own; then as
    many with many entries. Return: whether the agents warned of the first, and all were seen with the second."""
    is_well = True
    for entries, is_enough in (few, False), (many, True):
        say(f"--- {nodes} nodes on 3 of 4 hosts, Avahi with cache-entries-max {entries}")
        with Lab() as lab:
            server = {"cache-entries-max": str(entries), "use-ipv6": "no"}
            crowd = Crowd(lab, 4, 3, nodes // 3, ("--avahi-cache-entries", entries), **server)
            with crowd.views:
                are_seen = crowd.appear(args.timeout, args.pause)
                say(f"  the views have {crowd.views.counts()}; downs of nodes that live: {len(crowd.downs())}")
                for host in crowd.hosts:
                    problem = host.status()["problem_cache"]
                    say(f"  {host.name}: problem_cache {problem}")
                    is_well &= (problem is None) == is_enough
                    is_well &= ("problem=cache" not in host.agents[-1].output) == is_enough
                is_well &= are_seen == is_enough and not crowd.downs()
    return is_well


def run(hosts, bearers, nodes, args):
    say(f"--- {bearers * nodes} nodes on {bearers} of {hosts} hosts")
    with Lab() as lab:
        options = ("--ttl", args.ttl) if args.ttl else ()
        crowd = Crowd(lab, hosts, bearers, nodes, options, **({"use-ipv6": "no"} if args.ipv4 else {}))
        with crowd.views:
            is_well = crowd.appear(args.timeout, args.pause) and crowd.stay(args.stay)
            if args.cut:
                is_well &= crowd.lose_power(LOST_POWER_WITHIN)
            return crowd.vanish(args.timeout) and is_well


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=20)
    parser.add_argument("--nodes", type=int, default=1000, help="in all, over all hosts")
    parser.add_argument("--on-one", type=int, default=500, help="then, on one host of three")
    parser.add_argument("--overflow", type=int, default=1500, help="then, more than Avahi's cache takes")
    parser.add_argument("--cache-entries", type=int, nargs=2, default=[4096, 16384],
                        help="what that takes: Avahi's default, and the cure")  # fmt: skip
    parser.add_argument("--pause", type=float, default=0, help="seconds from one host's registrations to the next's")
    parser.add_argument("--ipv4", action="store_true", help="Avahi speaks IPv4 only: half the load of this machine")
    parser.add_argument("--ttl", type=int, help="of the agents: by default it follows the number of nodes")
    parser.add_argument("--stay", type=float, default=60, help="seconds in which nothing happens")
    parser.add_argument("--timeout", type=float, default=120, help="seconds for all to be seen, or gone")
    parser.add_argument("--cut", action="store_true", help="at the end one host loses its power")
    args = parser.parse_args()
    outcomes = []
    if args.nodes > 0:
        outcomes.append(run(args.hosts, args.hosts, args.nodes // args.hosts, args))
    if args.on_one > 0:
        outcomes.append(run(3, 1, args.on_one, args))
    if args.overflow > 0:
        outcomes.append(overflow(args.overflow, *args.cache_entries, args))
    return 0 if all(outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
