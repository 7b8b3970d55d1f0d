# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""The command line as built ($EPMDNS_BUILD_DIR, else build/) against scripted agents."""

import os
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

TREE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TREE / "tests/lib"))

from fake_agent import FakeAgent  # noqa: E402

BUILD = Path(os.environ.get("EPMDNS_BUILD_DIR") or TREE / "build")
CLI = BUILD / "agent/epmdns"
WRAP = shlex.split(os.environ.get("EPMDNS_TEST_WRAP", ""))  # for instance: valgrind -q --error-exitcode=99
DEADLINE_S = 30.0


class Running:
    """A command that goes on until stopped; its lines come in as they are written."""

    def __init__(self, popen):
        self.popen = popen
        self.lines = {"out": [], "err": []}
        self._news = threading.Condition()
        for name, stream in (("out", popen.stdout), ("err", popen.stderr)):
            if stream is not None:
                threading.Thread(target=self._read, args=(name, stream), daemon=True).start()

    def _read(self, name, stream):
        for line in stream:
            with self._news:
                self.lines[name].append(line.rstrip("\n"))
                self._news.notify_all()

    def wait_for(self, name, predicate):
        """Wait until the lines of "out" or "err" satisfy predicate. Return: a copy of them."""
        deadline = time.monotonic() + DEADLINE_S
        with self._news:
            while not predicate(self.lines[name]):
                left = deadline - time.monotonic()
                assert left > 0 and self._news.wait(left), f"waited in vain; so far: {self.lines}"
            return list(self.lines[name])

    def out(self, count):
        return self.wait_for("out", lambda lines: len(lines) >= count)

    def err(self, count):
        return self.wait_for("err", lambda lines: len(lines) >= count)

    def stop(self):
        self.popen.send_signal(signal.SIGTERM)
        return self.popen.wait(DEADLINE_S)


class Place:
    """A directory with room for sockets, and the command line run with it."""

    def __init__(self, directory):
        self.directory = directory
        self.socket = directory / "socket"
        self.env = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "EPMDNS_SOCKET": str(self.socket)}
        for name, value in os.environ.items():
            if name.endswith("SAN_OPTIONS"):
                self.env[name] = value
        self.running = []

    def agent(self, *scripts, path=None):
        return FakeAgent(path or self.socket, scripts)

    def run(self, *args, env=None, **options):
        """Run to the end. Return: (exit code, stdout, stderr)."""
        done = subprocess.run(
            [*WRAP, CLI, *args], env={**self.env, **(env or {})}, capture_output=True, timeout=DEADLINE_S,
            encoding="utf-8", **options,
        )  # fmt: skip
        return done.returncode, done.stdout, done.stderr

    def start(self, *args, stdout=subprocess.PIPE, **options):
        popen = subprocess.Popen(
            [*WRAP, CLI, *args], env=self.env, stdout=stdout, stderr=subprocess.PIPE, encoding="utf-8", **options
        )
        self.running.append(popen)
        return Running(popen)

    def close(self):
        for popen in self.running:
            if popen.poll() is None:
                popen.kill()
            popen.wait(DEADLINE_S)


@pytest.fixture
def place():
    with tempfile.TemporaryDirectory(prefix="epmdns-cli-") as directory:  # short: sun_path has 108 bytes
        place = Place(Path(directory))
        yield place
        place.close()
