# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""epmdnsd under a service manager: inherited sockets, readiness, how it is in one line, signs of life."""

import re
import signal
import socket
import sys
import time
from pathlib import Path

import pytest
from front import ALONE, DEADLINE_S, WRAP, Client, Node, wait_until
from processes import state

# As a service manager starts a program: descriptors from 3 on, and variables that name its own process.
START = """
import fcntl, os, sys
variables, fds, program = sys.argv[1].split(), sys.argv[2].split(), sys.argv[3:]
os.environ.update(dict.fromkeys(variables, str(os.getpid())))
for number, fd in enumerate([fcntl.fcntl(int(fd), fcntl.F_DUPFD_CLOEXEC, 50) for fd in fds]):
    os.dup2(fd, 3 + number)
os.closerange(3 + len(fds), 50)
os.execvp(program[0], program)
"""
ALIVE = "WATCHDOG=1"
WAITING_IS_SEEN = pytest.mark.skipif(
    bool(WRAP) or not Path("/proc/self/syscall").exists(), reason="the program's own calls cannot be seen"
)


def start(place, *args, sockets=(), own=(), **env):
    """A daemon that is handed these sockets; the variables in `own` hold its process id."""
    fds = [each.fileno() for each in sockets]
    if fds:
        env = {"LISTEN_FDS": str(len(fds)), **env}
        own = (*own, "LISTEN_PID")
    prefix = [sys.executable, "-c", START, " ".join(own), " ".join(map(str, fds))]
    return place.daemon(*args, env={**place.env, **env}, prefix=prefix, pass_fds=fds)


class Manager:
    """Where a service manager listens, and what it has been told."""

    def __init__(self, directory):
        self.path = str(directory / "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(DEADLINE_S)

    def start(self, place, *args, **options):
        return start(place, *args, NOTIFY_SOCKET=self.path, **options)

    def hear(self):
        return self.socket.recv(4096).decode("ascii")

    def expect(self, message):
        assert self.hear() == message

    def expect_ready(self):
        """Return: the first status."""
        ready, status = self.hear().split("\n")
        assert ready == "READY=1"
        return status

    def expect_status(self, pattern):
        """What is said next of how it is, or one of the next, is this; signs of life do not count."""
        said = []
        end = time.monotonic() + DEADLINE_S
        while not said or not re.fullmatch("STATUS=" + pattern, said[-1]):
            assert time.monotonic() < end, f"{said} instead of {pattern}"
            said.append(self.hear())
            assert said[-1] == ALIVE or said[-1].startswith("STATUS=")

    def expect_last(self, status):
        """It ends, and says so after what it has said of how it is."""
        while (said := self.hear()).startswith("STATUS="):
            pass
        assert said == f"STOPPING=1\nSTATUS={status}"

    def expect_nothing_for(self, seconds):
        self.socket.settimeout(seconds)
        with pytest.raises(TimeoutError):
            said = self.hear()
            raise AssertionError(said)
        self.socket.settimeout(DEADLINE_S)

    def drain(self):
        self.socket.settimeout(0)
        try:
            while True:
                self.hear()
        except BlockingIOError:
            self.socket.settimeout(DEADLINE_S)


@pytest.fixture
def manager(place):
    manager = Manager(place.directory)
    yield manager
    manager.socket.close()


def listener(place, name, kind=socket.SOCK_STREAM):
    sock = socket.socket(socket.AF_UNIX, kind)  # it blocks, as systemd's do
    sock.bind(name if name.startswith("\0") else str(place.directory / name))
    if kind == socket.SOCK_STREAM:
        sock.listen(16)
    return sock


def waits_for_ever(pid):
    """It is in a call that waits for events, and no time is set to that: nothing will wake it but others."""
    words = Path(f"/proc/{pid}/syscall").read_text().split()
    return words[0] != "running" and int(words[4], 16) & 0xFFFFFFFF == 0xFFFFFFFF


# inherited sockets


def test_an_inherited_socket_is_served_and_left_in_place(place):
    path = place.directory / "inherited"
    with listener(place, "inherited") as inherited:
        daemon = start(place, *ALONE, sockets=[inherited])
        clients = [Client(path) for _ in range(3)]  # the last of them must not be waited for
        place.clients += clients
        clients[0].register(b"a@h")
        assert clients[1].lookup(b"a@h") == ("127.0.0.1", 4000)
        assert clients[2].status()["sessions"] == "3"
        assert not place.socket.exists()
        assert daemon.stop()[0] == 0
        assert path.exists()
        assert not Path(f"{path}.lock").exists()  # it is another's to see to that there is one agent
        assert f"Serving an inherited socket. path={path}" in daemon.output()
        # What came meanwhile is served by the next one.
        place.clients.append(late := Client(path, hello=False))
        late.send("hello", version=1)
        start(place, *ALONE, sockets=[inherited])
        assert late.receive().op == "welcome"


def test_a_killed_daemon_leaves_an_inherited_socket_to_the_next(place):
    with listener(place, "inherited") as inherited:
        daemon = start(place, *ALONE, sockets=[inherited]).started(place.directory / "inherited")
        daemon.stop(signal.SIGKILL)
        daemon = start(place, *ALONE, sockets=[inherited]).started(place.directory / "inherited")
        assert daemon.client().status()["nodes"] == "0"


def test_each_inherited_socket_is_served_and_what_is_none_is_named(place):
    name = "\0" + f"epmdns-test/{place.directory.name}"
    with (
        listener(place, "datagrams", socket.SOCK_DGRAM) as datagrams,
        listener(place, "one") as one,
        listener(place, name) as abstract,
    ):
        daemon = start(place, *ALONE, sockets=[datagrams, one, abstract], LISTEN_FDNAMES="odd\x01:first:second")
        daemon.started(place.directory / "one").client().register(b"a@h")
        with Client(name) as client:
            assert client.lookup(b"a@h") == ("127.0.0.1", 4000)
    log = daemon.output()
    assert "it is no listening Unix stream socket. fd=3 name=odd\\x01\n" in log
    assert f"path={place.directory / 'one'}\n" in log
    assert f"path=@{name[1:]}\n" in log


def test_with_an_inherited_socket_the_options_for_an_own_one_are_ignored_and_that_is_said(place):
    with listener(place, "inherited") as inherited:
        daemon = start(place, *ALONE, "--socket", str(place.directory / "own"), sockets=[inherited])
        assert daemon.started(place.directory / "inherited").client().status()["nodes"] == "0"
        assert not (place.directory / "own").exists()
    assert "Ignoring --socket and --socket-mode: the socket is inherited." in daemon.output()


@pytest.mark.parametrize("kind", ["datagrams", "connection", "internet"])
def test_when_no_inherited_socket_can_be_served_it_does_not_start(place, kind):
    if kind == "datagrams":
        other = listener(place, "datagrams", socket.SOCK_DGRAM)
    elif kind == "connection":  # a unit with Accept=yes
        other = socket.socketpair()[0]
    else:
        other = socket.create_server(("127.0.0.1", 0))
    with other:
        daemon = start(place, *ALONE, sockets=[other])
        assert daemon.end() == 1
    assert "None of the inherited sockets is a listening Unix stream socket." in daemon.output()


def test_sockets_that_were_meant_for_another_process_are_not_taken(place):
    daemon = place.daemon(*ALONE, env={**place.env, "LISTEN_PID": "1", "LISTEN_FDS": "1"}).started()
    assert daemon.client().status()["nodes"] == "0"


# how it is


def test_readiness_and_the_end_are_told(place, manager):
    daemon = manager.start(place, *ALONE)
    assert manager.expect_ready() == "STATUS=0 nodes here; backend none"
    with Client(place.socket) as client:  # it serves by then
        assert client.status()["backend"] == "none"
    assert daemon.stop()[0] == 0
    manager.expect_last("ending")


def test_the_status_follows_what_it_knows(place, manager):
    daemon = manager.start(place)
    assert re.fullmatch("STATUS=0 nodes here, 0 on the network; backend avahi connecting.*", manager.expect_ready())
    life = place.discovery.start()
    manager.expect_status(".*; backend avahi connecting: the discovery process is starting")
    life.begin()
    manager.expect_status("0 nodes here, 0 on the network; backend avahi running: this.local")
    client = daemon.started().client()
    client.register(b"a@h")
    manager.expect_status("1 node here, 0 on the network; backend avahi running: this.local")
    life.see(Node("b@there"))
    manager.expect_status("1 node here, 1 on the network; backend avahi running: this.local")
    client.close()
    manager.expect_status("0 nodes here, 1 on the network; .*")
    life.say("lost")
    life.say("state", "connecting", "Avahi is\ngone \\")
    manager.expect_status(r".*; backend avahi connecting: Avahi is\\x0agone \\\\")
    life.say("die")
    manager.expect_status(".*; backend avahi connecting: the discovery process is starting")
    assert daemon.stop()[0] == 0
    manager.expect_last("ending: nodes are being withdrawn from the network")


def test_who_ends_to_be_started_again_says_so(place, manager):
    daemon = manager.start(place)
    manager.expect_ready()
    place.discovery.start().say("build", "9.9.9")
    manager.expect_last("ending, to be started again: the programs on disk are of another version")
    assert daemon.end() == 75


def test_the_status_ends_with_what_is_wrong_and_lasts(place, manager):
    daemon = manager.start(place, "--max-peers", "1")
    manager.expect_ready()
    life = place.discovery.start()
    life.begin()
    nodes = [Node(f"n{number}@there") for number in range(3)]
    for node in nodes:
        life.see(node)
    manager.expect_status(
        "0 nodes here, 1 on the network; backend avahi running: this.local. The network has more Erlang nodes than "
        "are kept here, which is 1, or 2 service instances; others are not seen."
    )
    text = daemon.started().client().status()["problem_table"]
    assert text.startswith("The network has more Erlang nodes than are kept here")  # one and the same


def test_who_hangs_is_named_and_signs_of_life_go_on(place, manager):
    daemon = manager.start(place, own=["WATCHDOG_PID"], WATCHDOG_USEC="600000")
    manager.expect_ready()
    life = place.discovery.start()
    life.begin()
    daemon.started()
    life.say("echo", "off")
    life.say("hang")
    daemon.client().register(b"a@h")
    manager.expect_status("1 node here, 0 on the network; backend avahi connecting: .+ does not answer")
    manager.drain()
    for _ in range(3):
        manager.expect(ALIVE)
    life.say("wake")
    life.say("echo", "on")
    daemon.client().register(b"b@h")
    manager.expect_status("2 nodes here, 0 on the network; backend avahi running: this.local")


def test_in_a_burst_there_is_one_status_a_second(place, manager):
    began = time.monotonic()
    daemon = manager.start(place, *ALONE)
    manager.expect_ready()
    client = daemon.started().client()
    said = []
    n = 0
    manager.socket.settimeout(0)
    while len(said) < 3:
        assert time.monotonic() < began + DEADLINE_S, said
        client.register(b"n%d@h" % n)
        n += 1
        if n > 50:
            client.ask("unregister", node=b"n%d@h" % (n - 50))
        try:
            said.append(manager.hear())
        except BlockingIOError:
            continue
        assert re.fullmatch("STATUS=[0-9]+ nodes? here; backend none", said[-1])
        assert len(said) <= time.monotonic() - began
    assert n > 100


@WAITING_IS_SEEN
def test_a_service_manager_alone_arms_no_timer(place, manager):
    daemon = manager.start(place, *ALONE)
    manager.expect_ready()
    wait_until(lambda: waits_for_ever(daemon.process.pid), "it to wait for ever")
    with daemon.started().client() as client:
        client.register(b"a@h")
        manager.expect("STATUS=1 node here; backend none")
    manager.expect("STATUS=0 nodes here; backend none")
    wait_until(lambda: waits_for_ever(daemon.process.pid), "it to wait for ever")


@WAITING_IS_SEEN
def test_without_a_service_manager_changes_arm_no_timer(place):
    daemon = place.daemon(*ALONE, env={**place.env, "WATCHDOG_USEC": "600000"}).started()
    client = daemon.client()

    def waits_for_ever_at_once():
        """Earlier than a timer that the change had armed would have gone off."""
        began = time.monotonic()
        client.register(b"a@h")
        client.ask("unregister", node=b"a@h")
        wait_until(lambda: waits_for_ever(daemon.process.pid), "it to wait for ever")
        return time.monotonic() - began < 0.9

    wait_until(waits_for_ever_at_once, "it to wait for ever at once")


def test_a_service_manager_that_cannot_be_told_is_said_in_the_log(place, manager):
    manager.socket.close()
    daemon = manager.start(place, *ALONE, own=["WATCHDOG_PID"], WATCHDOG_USEC="30000").started()
    daemon.client().register(b"a@h")
    assert daemon.stop()[0] == 0
    assert daemon.output().count("Cannot tell the service manager how we are: Connection refused.") == 1
    daemon = start(place, *ALONE, NOTIFY_SOCKET="vsock:2:1234").started()
    assert "Ignoring NOTIFY_SOCKET: " in daemon.output()


# signs of life


def test_signs_of_life_come_in_a_watchdogs_time_and_at_most_three_times_in_it(place, manager):
    began = time.monotonic()
    manager.start(place, *ALONE, own=["WATCHDOG_PID"], WATCHDOG_USEC="2400000")
    manager.expect_ready()
    last = time.monotonic()
    for number in range(1, 5):
        manager.expect(ALIVE)
        now = time.monotonic()
        assert now - began >= 0.8 * number
        assert now - last < 2.4
        last = now


def test_signs_of_life_end_when_the_front_hangs_and_nothing_else(place, manager):
    daemon = manager.start(place, own=["WATCHDOG_PID"], WATCHDOG_USEC="300000")
    manager.expect_ready()
    place.discovery.start().begin()  # which goes on
    manager.expect_status(".*; backend avahi running: this.local")
    manager.expect(ALIVE)
    daemon.process.send_signal(signal.SIGSTOP)
    wait_until(lambda: state(daemon.process.pid) == "T", "it to be stopped")
    manager.drain()
    try:
        manager.expect_nothing_for(0.6)
    finally:
        daemon.process.send_signal(signal.SIGCONT)
    for _ in range(3):
        manager.expect(ALIVE)


@pytest.mark.parametrize(
    "watchdog, said",
    [
        ({"WATCHDOG_USEC": "30000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "often"}, "Ignoring WATCHDOG_USEC: not a number of microseconds. value=often"),
        ({"WATCHDOG_USEC": "30000", "WATCHDOG_PID": "0x1"}, "Ignoring WATCHDOG_PID: not a process id. value=0x1"),
    ],
)
def test_without_a_watchdog_of_its_own_there_are_no_signs_of_life(place, manager, watchdog, said):
    daemon = manager.start(place, *ALONE, **watchdog)
    manager.expect_ready()
    daemon.started().client().register(b"a@h")
    manager.expect("STATUS=1 node here; backend none")  # a second later: there would have been a hundred of them
    assert (said is None) == ("Ignoring" not in daemon.output())
    assert said is None or said in daemon.output()


def test_the_discovery_process_inherits_nothing_that_is_meant_for_us(place, manager):
    with listener(place, "inherited") as inherited:
        manager.start(place, sockets=[inherited], own=["WATCHDOG_PID"], WATCHDOG_USEC="60000000", LISTEN_FDNAMES="x")
        life = place.discovery.start()
        life.begin()
        variables = Path(f"/proc/{life.pid}/environ").read_text().split("\0")
        kept = [each for each in variables if re.match("NOTIFY_|WATCHDOG_|LISTEN_", each)]
        assert kept == []
        held = {fd.name: str(fd.readlink()) for fd in Path(f"/proc/{life.pid}/fd").iterdir()}
        inode = Path(f"/proc/self/fd/{inherited.fileno()}").readlink()
        assert str(inode) not in held.values()
