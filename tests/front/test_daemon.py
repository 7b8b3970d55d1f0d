# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""epmdnsd as a process: where it serves, how it starts and ends."""

import os
import re
import resource
import signal
import stat
import subprocess

import pytest
from environment import clean_environment
from front import ALONE, DAEMON, DEADLINE_S, END_WITHIN_S, WRAP, Client, is_ever_within, wait_until
from processes import cpu_seconds


def run(*args, env=None):
    """Run to the end. Return: (exit code, stdout, stderr)."""
    done = subprocess.run(
        [*WRAP, DAEMON, *args], env=env or clean_environment(), capture_output=True, encoding="utf-8",
        timeout=DEADLINE_S, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def mode_of(path):
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.mark.parametrize(
    "args, words",
    [
        (["--frobnicate"], "frobnicate"),
        (["extra"], '"extra" is no option'),
        (["--backend", "core"], "core"),
        (["--backend"], "backend"),
        (["--ttl", "4"], "--ttl"),
        (["--ttl", "4501"], "--ttl"),
        (["--ttl", "15s"], "--ttl"),
        (["--ttl", ""], "--ttl"),
        (["--socket-mode", "888"], "--socket-mode"),
        (["--socket-mode", "1777"], "--socket-mode"),
        (["--log-level", "loud"], "--log-level"),
        (["--socket", ""], "--socket"),
        (["--interface", ""], "--interface"),
        (["--interface", "sixteen-letters-"], "--interface"),
        ([word for number in range(9) for word in ("--interface", f"eth{number}")], "eth8"),
        (["--ignore-interface", "x" * 64], "--ignore-interface"),
        ([f"--ignore-interface=eth{number}" for number in range(33)], "eth32"),
        (["--ignore-interface=", *[f"--ignore-interface=eth{number}" for number in range(33)]], "eth32"),
    ],
)
def test_a_wrong_command_line_is_refused_with_exit_code_2(args, words):
    code, out, err = run(*args)
    assert (code, out) == (2, "")
    assert words in err


def test_help_and_version_are_printed():
    code, out, err = run("--help")
    assert (code, err) == (0, "") and out.startswith("Usage: epmdnsd")
    assert "this epmdnsd has: " in out
    code, out, err = run("--version")
    assert (code, err) == (0, "") and re.fullmatch(r"epmdnsd [0-9.]+\nbackends: ([a-z]+, )*none\n", out)


def test_without_any_place_to_serve_it_names_the_ways_to_give_one(place):
    # (root would serve /run/epmdns/socket)
    user = {"user": 65534} if os.geteuid() == 0 else {}
    try:
        done = subprocess.run(
            [DAEMON, *ALONE], env=clean_environment(), capture_output=True, encoding="utf-8", cwd="/", **user
        )
    except OSError as error:
        pytest.skip(f"cannot be another user, or the build is not for others: {error}")
    if done.returncode == 126:  # a shell that may not run it, with those of tests/cross.sh
        pytest.skip(f"the build is not for others: {done.stderr}")
    assert done.returncode == 2
    for word in ("--socket", "EPMDNS_SOCKET", "RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR"):
        assert word in done.stderr


def test_the_socket_is_looked_for_in_the_order_of_the_manual(place):
    ways = {
        "--socket": place.directory / "option",
        "EPMDNS_SOCKET": place.directory / "variable",
        "RUNTIME_DIRECTORY": place.directory / "runtime/socket",
        "XDG_RUNTIME_DIR": place.directory / "xdg/epmdns/socket",
    }
    (place.directory / "xdg").mkdir()
    env = clean_environment(
        EPMDNS_SOCKET=str(ways["EPMDNS_SOCKET"]),
        RUNTIME_DIRECTORY=str(place.directory / "runtime"),
        XDG_RUNTIME_DIR=str(place.directory / "xdg"),
    )
    for way, path in ways.items():
        if way == "XDG_RUNTIME_DIR" and os.geteuid() == 0:
            continue
        args = ("--socket", str(path)) if way == "--socket" else ()
        daemon = place.daemon(*ALONE, *args, env=env).started(path)
        assert mode_of(path) == 0o600  # none of them is in /run
        assert daemon.stop()[0] == 0
        assert not path.exists()
        env.pop(way, None)


def test_the_socket_has_the_mode_that_is_asked_for(place):
    place.daemon(*ALONE, "--socket-mode", "0660").started()
    assert mode_of(place.socket) == 0o660


def test_a_second_daemon_is_refused_and_the_first_goes_on(place):
    daemon = place.daemon(*ALONE).started()
    code, _, err = run(*ALONE, env=place.env)
    assert code == 1 and str(place.socket) in err
    place.socket.unlink()  # even then
    assert run(*ALONE, env=place.env)[0] == 1
    assert daemon.stop()[0] == 0


def test_a_killed_daemon_is_replaced(place):
    daemon = place.daemon(*ALONE).started()
    daemon.stop(signal.SIGKILL)
    assert place.socket.exists()
    assert place.daemon(*ALONE).started().stop()[0] == 0


def test_nothing_but_a_stale_socket_is_ever_removed(place):
    place.socket.write_text("precious")
    assert run(*ALONE, env=place.env)[0] == 1
    assert place.socket.read_text() == "precious"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_within_two_seconds_and_removes_the_socket(place, number):
    def stop():
        daemon, life = place.lan()
        client = daemon.client()
        client.register(b"a@h")
        life.expect("publish")
        code, seconds = daemon.stop(number)
        assert code == 0
        assert not place.socket.exists()
        assert client.receive() is None
        life.expect_end()
        return seconds

    assert is_ever_within(END_WITHIN_S, stop)


def test_a_signal_ends_it_within_two_seconds_even_if_discovery_hangs(place):
    def stop():
        daemon, life = place.lan()
        life.say("hang")
        daemon.client().register(b"a@h")
        code, seconds = daemon.stop()
        assert code == 0
        assert seconds > 1  # it was waited for
        assert not place.socket.exists()
        return seconds

    assert is_ever_within(END_WITHIN_S, stop)


def test_a_signal_as_soon_as_there_is_a_socket_ends_it_in_good_order(place):
    for _ in range(3):
        daemon = place.daemon()
        wait_until(lambda: place.socket.exists() or daemon.process.poll() is not None, "the socket")
        assert daemon.stop()[0] == 0
        assert not place.socket.exists()


def test_a_hangup_is_ignored(place):
    daemon = place.daemon(*ALONE).started()
    client = daemon.client()
    daemon.process.send_signal(signal.SIGHUP)
    assert client.status()["nodes"] == "0"
    daemon.process.send_signal(signal.SIGHUP)
    assert client.status()["nodes"] == "0"
    assert daemon.process.poll() is None


@pytest.mark.skipif(bool(WRAP), reason="valgrind has limits of its own")
def test_running_out_of_descriptors_costs_no_cpu_and_passes(place):
    daemon = place.daemon(*ALONE).started()
    first = daemon.client()
    pid = daemon.process.pid
    used = len(os.listdir(f"/proc/{pid}/fd"))
    hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)[1]
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 2, hard))
    others = [Client(place.socket, hello=False) for _ in range(8)]
    place.clients += others
    for other in others:
        other.send("hello", version=1)
    before = cpu_seconds(pid)
    others[7].socket.settimeout(0.7)
    with pytest.raises(TimeoutError):
        others[7].receive()
    assert cpu_seconds(pid) - before < 0.2
    assert int(first.status()["sessions"]) < 9
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (hard, hard))
    for other in others:
        other.socket.settimeout(DEADLINE_S)
        assert other.receive().op == "welcome"
    first.status_with(sessions=9)


@pytest.mark.skipif(bool(WRAP), reason="valgrind has limits of its own")
def test_a_low_limit_of_descriptors_is_reported(place):
    def lower():
        resource.setrlimit(resource.RLIMIT_NOFILE, (300, 400))

    status = place.daemon(*ALONE, preexec_fn=lower).started().client().status()
    assert (status["fd_limit"], status["sessions_max"]) == ("400", "208")
