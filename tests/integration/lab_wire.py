# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""The protocol of an agent on a simulated host, spoken by the test itself: no program to start, no wait."""

from __future__ import annotations

import itertools
import socket
import time

from lab_process import wait_until  # which also says where tests/lib is

import epmdns_wire as wire

SOCKET = "/run/epmdns/socket"
INET = 4


class Gone(Exception):
    """The agent has closed the connection."""


class Client(wire.Stream):
    """A connection to the agent of a host. Raises OSError when there is no agent, Gone when it went away."""

    def __init__(self, host, **hello):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(10)
        try:
            connection.connect(str(host.path(SOCKET)))
        except BaseException:
            connection.close()
            raise
        self.accepted = time.monotonic()
        super().__init__(connection)
        self._ids = itertools.count(1)
        try:
            assert self.ask("hello", version=1, **hello)[-1].op == "welcome"
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, op, **fields):
        try:
            self.socket.sendall(wire.encode(op, next(self._ids), **fields))
        except (BrokenPipeError, ConnectionResetError) as reason:
            raise Gone from reason

    def next(self):
        """The next message."""
        message = self.receive()
        if message is None:
            raise Gone
        return message

    def ask(self, op, **fields):
        """Everything that the agent answers, the final answer last."""
        self.send(op, **fields)
        answers = [self.next()]
        while answers[-1].op == "item":
            answers.append(self.next())
        return answers

    def listed(self):
        """{full name: creation} of all nodes that the agent lists, hidden ones too."""
        *items, _ = self.ask("list", filter=1)
        return {item["node"].decode(): item["creation"] for item in items}

    def lookup_port(self, name, timeout_ms=0):
        """The port of a node; if there is none, the code that says why."""
        answer = self.ask("lookup", node=name.encode(), family=INET, timeout_ms=timeout_ms)[-1]
        return answer["port"] if answer.op == "found" else code_name(answer["code"])

    def wait_for(self, names):
        """Until all these nodes are, or have been, there. Return: {full name: creation}."""
        missing = set(names)
        seen = {}
        self.send("watch", filter=1)
        while missing:
            item = self.next()
            if item.get("node") is not None and item["event"] == wire.UP:
                seen[item["node"].decode()] = item["creation"]
                missing.discard(item["node"].decode())
        return seen


def code_name(number):
    return next(name for name, code in wire.CODES.items() if code == number)


def reach(host, timeout=10.0, **hello):
    """A Client, as soon as the agent of a host accepts one."""

    def attempt():
        try:
            return Client(host, **hello)
        except (OSError, Gone):
            return None

    return wait_until(attempt, timeout, f"the agent of {host.name} to accept", interval=0.002)
