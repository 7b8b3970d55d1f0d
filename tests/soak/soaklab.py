# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""What the soak tests have in common: hosts with agents, nodes and watches; and how they pass the time, count packets
and end a bus."""

import json
import subprocess
import sys
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "integration"), str(TESTS / "lib")]

from lab import Host, Lab, LabUnavailable, wait_until  # noqa: E402
from lab_process import tool, wait_until_steady  # noqa: E402

__all__ = [
    "Host", "Lab", "LabUnavailable", "Party", "TESTS", "counters", "end_bus", "every_second", "nft", "say",
    "sleep_until", "wait_until",
]  # fmt: skip

_began = time.monotonic()


def say(*words):
    print(f"[{time.monotonic() - _began:6.1f} s]", *words, flush=True)


def sleep_until(when):
    """Let the time pass, to a moment on the monotonic clock."""
    time.sleep(max(0.0, when - time.monotonic()))


def every_second(is_on):
    """Once a second as long as this is true."""
    due = time.monotonic()
    while is_on():
        due += 1
        sleep_until(due)
        yield


def nft(where, script=None):
    """Have nft(8) do this in a network namespace, a host or Lab.outer. Return: all its rules, as objects."""
    argv = [*where.enter(pid_namespace=False), tool("nft")]
    options = {"check": True, "capture_output": True, "text": True, "timeout": 15}
    if script is not None:
        subprocess.run([*argv, "-f", "-"], input=script, **options)
    listed = json.loads(subprocess.run([*argv, "-j", "list", "ruleset"], **options).stdout)
    return [item["rule"] for item in listed["nftables"] if "rule" in item]


def counters(where):
    """{comment of a rule: (packets, bytes)}"""
    found = {}
    for rule in nft(where):
        for counter in (each["counter"] for each in rule["expr"] if "counter" in each):
            found[rule["comment"]] = (counter["packets"], counter["bytes"])
    return found


def end_bus(host, is_killed):
    """avahi-daemon 0.8 ends with its bus; a service manager would start both anew."""
    if is_killed:
        host.bus.kill()
    host.stop_bus()
    wait_until(lambda: not host.avahi.alive, what="Avahi to end with its bus")
    host.path("/run/avahi-daemon/pid").unlink(missing_ok=True)


class Party:
    """Hosts on one network, each with the same number of nodes, an agent and a watch; with those that the lab
    has already."""

    def __init__(self, lab, hosts, nodes, domain="soak", options=()):
        self.lab = lab
        self.hosts = [*lab.members, *lab.hosts(*(f"h{n}" for n in range(len(lab.members), hosts)))]
        for host in self.hosts:
            host.start_agent(*options)
        self.nodes = {host: host.start_listeners(domain, nodes) for host in self.hosts}
        self.watches = {host: host.watch() for host in self.hosts}
        self.names = [name for names in self.nodes.values() for name in names]
        self.wait_for_all(60 + nodes)

    def wait_for_all(self, timeout=60):
        """Until all see all, as up."""
        for host in self.hosts:
            host.wait_for_nodes(*self.names, timeout=timeout)

    def wait_for_calm(self, seconds=10, timeout=120):
        """Until all have been heard for so long, nobody was verified, and no TTL has changed."""
        keys = ("ttl_s", "instances_unheard", "probes_pending")

        def read():
            ttls, *busy = (self.statuses(key) for key in keys)
            return None if any(map(any, busy)) else ttls

        wait_until_steady(read, seconds, timeout, lambda: f"calm; there are {[self.statuses(key) for key in keys]}", 0.5)

    def downs(self, after=0.0):
        """[(observer, when, node)] of nodes of other hosts."""
        return [
            (host.name, when, what["node"])
            for host, watch in self.watches.items()
            for when, what in watch.seen("down", after=after)
            if what["node"] not in self.nodes[host]
        ]

    def peers(self):
        """How many pairs of an observer and a node of another host there are."""
        return len(self.names) * (len(self.hosts) - 1)

    def statuses(self, key):
        return [host.status()[key] for host in self.hosts]
