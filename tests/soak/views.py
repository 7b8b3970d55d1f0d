# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""Who sees how many nodes, and when: a watch on each of many agents, read by one loop; and what that costs them.

A process for each watch, as lab_agent.Watch has, would be most of the load of twenty hosts.
"""

import os
import selectors
import time
from pathlib import Path

import soaklab  # noqa: F401 (where the lab is)

import epmdns_wire as wire
from lab_wire import reach
from processes import cpu_seconds, private_kb

EVERYTHING = 1  # hidden nodes, too
PROGRAMS = {"epmdnsd": "epmdnsd", "epmdns-discover": "epmdns-discovery", "avahi-daemon": "avahi-daemon"}


class View:
    """What the agent of one host has told of all nodes, with the time."""

    def __init__(self, host):
        self.host = host
        self.client = reach(host)
        self.client.send("watch", filter=EVERYTHING)
        self.up = {}  # node: since when
        self.downs = []  # (when, node)
        self._rest = b""

    def read(self):
        data = self.client.socket.recv(1 << 18)
        now = time.monotonic()
        assert data, f"the agent of {self.host.name} has gone"
        bodies, self._rest = wire.split(self._rest + data)
        for item in map(wire.decode, bodies):
            node = item.get("node")
            if item["event"] == wire.DOWN:
                self.up.pop(node, None)
                self.downs.append((now, node))
            elif node is not None:
                self.up.setdefault(node, now)


class Views:
    """The views of some hosts; a context manager."""

    def __init__(self, hosts):
        self.all = {host: View(host) for host in hosts}
        self._selector = selectors.DefaultSelector()
        for view in self.all.values():
            self._selector.register(view.client.socket, selectors.EVENT_READ, view)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._selector.close()
        for view in self.all.values():
            view.client.close()

    def forget(self, host):
        """It is about to end."""
        view = self.all.pop(host)
        self._selector.unregister(view.client.socket)
        view.client.close()

    def read_until(self, predicate, timeout):
        """Return: when the predicate became true; None after that time."""
        end = time.monotonic() + timeout
        while not predicate():
            left = end - time.monotonic()
            if left <= 0:
                return None
            for key, _ in self._selector.select(min(left, 1.0)):
                key.data.read()
        return time.monotonic()

    def counts(self):
        return [len(view.up) for view in self.all.values()]

    def have(self, number):
        return lambda: all(len(view.up) == number for view in self.all.values())


class Processes:
    """The programs of some hosts, and what they have used so far."""

    def __init__(self, hosts, programs=tuple(PROGRAMS.values())):
        self.programs = programs
        self.pids = {
            host: {PROGRAMS[name]: pid for pid, name in host.running().items() if PROGRAMS.get(name) in programs}
            for host in hosts
        }

    def cpu(self):
        """{program: [seconds of user and system time, of each host]}"""
        return self._each(cpu_seconds)

    def memory(self):
        """{program: [kB that are its own, of each host]}"""
        return self._each(private_kb)

    def _each(self, measure):
        return {name: [measure(pids[name]) for pids in self.pids.values()] for name in self.programs}


class Machine:
    """How busy this machine is from now on; others may use it, too."""

    def __init__(self):
        self.before = self._read()

    @staticmethod
    def _read():
        numbers = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        return sum(numbers), numbers[3] + numbers[4]  # all, idle

    def __str__(self):
        total, idle = (after - before for before, after in zip(self.before, self._read()))
        return f"{os.cpu_count()} cores {100 * (1 - idle / max(total, 1)):.0f} % busy, load {os.getloadavg()[0]:.0f}"
