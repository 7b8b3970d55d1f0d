# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""An agent that says what a test wants, on a real Unix socket.

    def first(session):
        session.welcome()
        request = session.expect("list")
        session.send("done", request.id)

    with FakeAgent(path, [first]) as agent:
        ...                         # run the client
    # whatever went wrong in a script is raised here

One script a connection, in their order; the connection is closed when its script returns.
"""

from __future__ import annotations

import socket
import threading
import time

import epmdns_wire as wire

DEADLINE_S = 20.0


class Session(wire.Stream):
    """One connection, from the agent's side."""

    def __init__(self, connection):
        super().__init__(connection)
        connection.settimeout(DEADLINE_S)

    def expect(self, op):
        request = self.receive()
        assert request is not None, f"closed instead of {op}"
        assert request.op == op, f"{request} instead of {op}"
        return request

    def send(self, op, id, /, **fields):
        self.write(wire.encode(op, id, **fields))

    def error(self, id, code, text=b""):
        self.send("error", id, code=wire.CODES[code], **({"text": text} if text else {}))

    def write(self, data):
        self.socket.sendall(data)

    def welcome(self, **fields):
        """The hello exchange. Return: the hello."""
        hello = self.expect("hello")
        answer = {"version": 1, "software": b"epmdns/9.9.9", "agent": b"0123456789abcdef", **fields}
        self.send("welcome", hello.id, **answer)
        return hello

    def until_closed(self):
        """Wait until the client is gone; it must not say anything more."""
        request = self.receive()
        assert request is None, f"{request} instead of the end"


class FakeAgent:
    """A context manager; scripts run in a thread of their own."""

    def __init__(self, path, scripts=()):
        self.path = str(path)
        self.scripts = list(scripts)
        self.problems = []
        self.ended = 0  # scripts
        self._change = threading.Condition()
        self._listener = None
        self._thread = None

    def __enter__(self):
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(self.path)
        self._listener.listen(16)
        self._listener.settimeout(DEADLINE_S)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind, value, traceback):
        if kind is None:
            self._thread.join(DEADLINE_S * len(self.scripts) + 1)
        self._listener.close()
        if kind is None and self.problems:
            raise self.problems[0]

    def _serve(self):
        for script in self.scripts:
            try:
                connection, _ = self._listener.accept()
                with connection:
                    script(Session(connection))
            except (AssertionError, OSError, wire.WireError) as problem:
                self.problems.append(problem)
            with self._change:
                self.ended += 1
                self._change.notify_all()

    def wait(self, ended):
        """Wait until so many scripts have ended."""
        deadline = time.monotonic() + DEADLINE_S
        with self._change:
            while self.ended < ended:
                left = deadline - time.monotonic()
                assert left > 0 and self._change.wait(left), f"only {self.ended} scripts ended; {self.problems}"
