# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""epmdnsd --exit-on-stdin-eof: it lives as long as whoever holds the other end of its standard input."""

import os
import pty
import resource
import socket
import subprocess
import sys
import threading
import time

import pytest
from front import ALONE, DAEMON, DEADLINE_S, END_WITHIN_S, WRAP, is_ever_within, wait_until
from processes import cpu_seconds, state

OPTION = "--exit-on-stdin-eof"


def sockets():
    ours, theirs = socket.socketpair()
    return theirs.detach(), ours.detach()


def terminal():
    ours, theirs = pty.openpty()
    return theirs, ours


@pytest.fixture
def hold(place):
    """Start a daemon on one end of something. Return: (the daemon, our end, which the test closes)."""

    def start(make, *args):
        theirs, ours = make()
        try:
            return place.daemon(OPTION, *args, stdin=theirs, start_new_session=True), ours
        finally:
            os.close(theirs)

    return start


def end_of(daemon, ours):
    """Let go of it. Return: (exit code, how long the end took in seconds)."""
    began = time.monotonic()
    os.close(ours)
    return daemon.end(), time.monotonic() - began


@pytest.mark.parametrize("make", [os.pipe, sockets, terminal])
def test_the_end_of_its_input_ends_it_in_good_order(place, hold, make):
    def end():
        daemon, ours = hold(make)
        life = place.discovery.start()
        life.begin()
        client = daemon.started().client()
        client.register(b"a@h")
        life.expect("publish")
        code, seconds = end_of(daemon, ours)
        assert code == 0
        assert not place.socket.exists()
        assert client.receive() is None
        life.expect_end()
        return seconds

    assert is_ever_within(END_WITHIN_S, end)


def test_so_does_the_death_of_who_holds_it(place):
    """Who is killed closes nothing himself."""
    holder = "import subprocess, sys; print(subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE).pid, flush=True); input()"

    def end():
        with subprocess.Popen(
            [sys.executable, "-c", holder, *WRAP, DAEMON, OPTION, *ALONE], env=place.env, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        ) as parent:  # fmt: skip
            pid = int(parent.stdout.readline())
            wait_until(place.socket.exists, "the socket")
            began = time.monotonic()
            parent.kill()
        wait_until(lambda: not place.socket.exists() and not is_alive(pid), "the end of the orphan")
        return time.monotonic() - began

    assert is_ever_within(END_WITHIN_S, end)


def is_alive(pid):
    try:
        return state(pid) != "Z"  # not everywhere an orphan is reaped at once
    except OSError:
        return False


@pytest.mark.skipif(bool(WRAP), reason="valgrind takes time of its own")
def test_it_ends_in_time_and_does_not_spin_if_discovery_hangs(place, hold):
    def ended_children():
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    def end():
        daemon, ours = hold(os.pipe)
        life = place.discovery.start()
        life.begin()
        daemon.started().client().register(b"a@h")
        life.say("hang")
        # What it took to start is not of interest, and is much where an emulator runs it.
        before = ended_children() + cpu_seconds(daemon.process.pid) + cpu_seconds(life.pid)
        code, seconds = end_of(daemon, ours)
        assert code == 0
        assert seconds > 1  # it was waited for
        assert ended_children() - before < 0.3
        return seconds

    assert is_ever_within(END_WITHIN_S, end)


@pytest.mark.parametrize("make", [os.pipe, sockets])
def test_what_is_written_to_it_is_dropped_and_holds_nobody_up(hold, make):
    def slowest_lookup():
        daemon, ours = hold(make, *ALONE)
        client = daemon.started().client()
        client.register(b"a@h")
        written = 0
        is_enough = threading.Event()

        def flood():
            nonlocal written
            while not is_enough.is_set():
                written += os.write(ours, b"stop\n\0" * 4096)

        writer = threading.Thread(target=flood, daemon=True)
        writer.start()
        slowest = 0.0
        deadline = time.monotonic() + DEADLINE_S
        try:
            while written < 64 << 20:
                began = time.monotonic()
                assert began < deadline, written
                assert client.lookup(b"a@h") == ("127.0.0.1", 4000)
                slowest = max(slowest, time.monotonic() - began)
        finally:
            is_enough.set()
        writer.join(DEADLINE_S)
        assert not writer.is_alive()
        assert daemon.memory_kb() < 16384
        assert end_of(daemon, ours)[0] == 0
        return slowest

    assert is_ever_within(1, slowest_lookup)


def test_a_terminal_may_be_typed_to(hold):
    daemon, ours = hold(terminal, *ALONE)
    client = daemon.started().client()
    os.write(ours, b"hello\n")
    assert client.status()["nodes"] == "0"
    os.write(ours, b"\x04")  # ^D
    assert daemon.end() == 0
    os.close(ours)


def test_with_nothing_to_read_it_ends_at_once(place):
    daemon = place.daemon(OPTION, *ALONE)  # on /dev/null
    assert daemon.end() == 0
    assert 'Ending with standard input. why="end of file"' in daemon.output()
    assert not place.socket.exists()


def test_without_the_option_nobody_looks_at_it(place):
    daemon = place.daemon(*ALONE).started()  # on /dev/null, too
    assert daemon.client().status()["nodes"] == "0"
    assert daemon.stop()[0] == 0


@pytest.mark.parametrize(
    "redirection, words",
    [
        ("</etc/passwd", "it is a file"),
        ("</", "it is a file"),
        ("</dev/zero", "it is a device without an end"),
        ("<&-", "it is closed"),
        ("0>/dev/null", "it is not open for reading"),
    ],
)
def test_what_has_no_end_is_refused(place, redirection, words):
    done = subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {redirection}', "sh", *WRAP, DAEMON, OPTION, *ALONE], env=place.env,
        capture_output=True, encoding="utf-8", timeout=DEADLINE_S,
    )  # fmt: skip
    assert done.returncode == 2
    assert f"--exit-on-stdin-eof: standard input has no end to wait for: {words}" in done.stderr
    assert not place.socket.exists()
