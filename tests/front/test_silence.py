# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""The discovery process does not answer: the status says who it is that hangs, and the rest goes on."""

import contextlib
import os
import signal
import socket
import threading
import time

import pytest
from front import stats, wait_until


class Bus:
    """A system bus as far as a stranger gets to know it; one that hangs takes connections, as the kernel does."""

    def __init__(self, directory):
        self.path = directory / "bus"
        self.hangs = False
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(self.path))
        self.socket.listen(64)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        kept = []
        while True:
            try:
                connection = self.socket.accept()[0]
            except OSError:
                return
            kept.append(connection)
            with contextlib.suppress(OSError):  # who asked may have an answer from elsewhere, and be gone
                if not self.hangs and connection.recv(64) == b"\0AUTH\r\n":
                    connection.sendall(b"REJECTED EXTERNAL\r\n")

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


@pytest.fixture
def bus(place):
    place.env["DBUS_SYSTEM_BUS_ADDRESS"] = f"unix:path={place.directory}/bus,guid=0"
    bus = Bus(place.directory)
    yield bus
    bus.close()


def state_of(client):
    status = client.status()
    return status["backend_state"], status["backend_text"].rsplit(" for ", 1)[0]


def test_the_first_status_says_that_the_bus_hangs_and_later_ones_that_it_is_avahi(place, bus):
    daemon, life = place.lan()
    client, other = daemon.client(), daemon.client()
    assert state_of(client) == ("running", "this.local")
    life.say("echo", "off")
    bus.hangs = True
    began = time.monotonic()
    client.register(b"a@h")
    asked = client.send("status")
    assert other.lookup(b"a@h") == ("127.0.0.1", 4000)
    assert client.lookup(b"a@h") == ("127.0.0.1", 4000)  # before the answer to its own earlier question
    state = stats(client.answer(asked))
    assert state["backend_state"] == "connecting"
    assert state["backend_text"].startswith("the D-Bus system bus has not answered for ")
    assert time.monotonic() - began < 10  # 5 are promised
    bus.hangs = False
    wait_until(lambda: state_of(client) == ("connecting", "avahi-daemon has not answered"), "Avahi to be blamed")
    life.say("echo", "on")
    client.register(b"b@h")
    wait_until(lambda: state_of(client) == ("running", "this.local"), "the answer")
    log = daemon.output()
    assert log.count("Discovery stands still: the D-Bus system bus has not answered for ") == 1
    assert log.count("The discovery process goes on.") == 1


def test_the_first_status_says_that_the_discovery_process_is_stopped(place, bus):
    daemon, life = place.lan()
    client, leaver = daemon.client(), daemon.client()
    leaver.send("status")
    os.kill(life.pid, signal.SIGSTOP)
    leaver.send("status")
    leaver.close()  # and is not waited for
    assert state_of(client) == ("connecting", "the discovery process has not answered")
    assert state_of(client) == ("connecting", "the discovery process has not answered")
    os.kill(life.pid, signal.SIGCONT)
    wait_until(lambda: state_of(client) == ("running", "this.local"), "the answer")


def test_a_status_that_waits_is_answered_once_when_it_is_cancelled(place, bus):
    daemon, life = place.lan()
    client = daemon.client()
    life.say("echo", "off")
    daemon.client().register(b"x@h")
    life.expect("publish")  # so it has heard that, too
    assert life.read()[::2] == ["sync"]  # and for that Avahi is not asked
    asked = client.send("status")
    client.send("cancel", id=asked)
    assert client.answer(asked).op == "report"
    life.say("echo", "on")
    client.register(b"a@h")
    assert client.lookup(b"a@h") == ("127.0.0.1", 4000)  # and nothing comes before that


def test_a_status_that_waits_is_answered_when_the_discovery_process_dies(place, bus):
    daemon, life = place.lan()
    client = daemon.client()
    life.say("echo", "off")
    asked = client.send("status")
    while life.read()[-1] != "avahi":
        pass
    life.say("exit", 3)
    state = stats(client.answer(asked))
    assert state["backend_state"] == "connecting"
    assert state["backend_text"] == "the discovery process exited with status 3"
    place.discovery.start().begin()
    assert state_of(client) == ("running", "this.local")  # the next one is asked anew
