# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""What the soak tests begin with: hosts with agents, nodes and watches."""

import sys
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "integration"), str(TESTS / "lib")]

from lab import Host, Lab, LabUnavailable, wait_until  # noqa: E402

__all__ = ["Host", "Lab", "LabUnavailable", "Party", "TESTS", "say", "wait_until"]

_began = time.monotonic()


def say(*words):
    print(f"[{time.monotonic() - _began:6.1f} s]", *words, flush=True)


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
