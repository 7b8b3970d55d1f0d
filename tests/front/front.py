# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""epmdnsd as built, its clients, and a discovery process that says what a test wants it to."""

import ctypes
import os
import queue
import re
import shlex
import shutil
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import epmdns_wire as wire
import waiting
from environment import clean_environment
from processes import memory_kb

TREE = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("EPMDNS_BUILD_DIR") or TREE / "build")
DAEMON = os.environ.get("EPMDNS_DAEMON") or BUILD / "agent/epmdnsd"
FAKE_DISCOVERY = os.environ.get("EPMDNS_FAKE_DISCOVERY") or BUILD / "tests/unit/discovery/fake-discovery"
WRAP = shlex.split(os.environ.get("EPMDNS_TEST_WRAP", ""))  # for instance: valgrind -q --error-exitcode=99
DEADLINE_S = 20.0
END_WITHIN_S = 2.0  # as epmdnsd(8) promises
ALONE = ("--backend", "none")  # a daemon without a network
INET, INET6 = 4, 6
UNCONFIRMED, CONFLICT = 2, 3  # states, as 1 for up is


def wait_until(predicate, what, deadline_s=DEADLINE_S):
    """waiting.wait_until() with the deadline of all tests here."""
    return waiting.wait_until(predicate, deadline_s, what, 0.01)


def is_ever_within(seconds, measure, tries=3):
    """Does what measure does, whose seconds it returns, take so long at most? A machine that is busy with other things
    may be in the way of one try; a broken promise is in the way of each."""
    return any(measure() <= seconds for _ in range(tries))


def enter_own_network():
    """Put this process into a network of its own, where 192.0.2.0/24 and fd00:e::/64 are this host.

    Return: None, or why that cannot be.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    new_user, new_net = 0x10000000, 0x40000000
    uid, gid = os.getuid(), os.getgid()
    ip = shutil.which("ip", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if ip is None:
        return "the program ip is not installed"
    if libc.unshare(new_net) != 0:
        if libc.unshare(new_user | new_net) != 0:
            return f"no network namespace: {os.strerror(ctypes.get_errno())}"
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
        Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
    for command in (
        "link set lo up",
        "address add 192.0.2.1/24 dev lo",
        "-6 address add fd00:e::1/64 dev lo nodad",
        "-6 route add local fd00:e::/64 dev lo",
    ):
        done = subprocess.run([ip, *command.split()], capture_output=True, encoding="utf-8")
        if done.returncode != 0:
            return f"ip {command}: {done.stderr.strip()}"
    return None


class Client(wire.Stream):
    """A session with the agent."""

    def __init__(self, path, owner=None, hello=True):
        super().__init__(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        self.socket.settimeout(DEADLINE_S)
        self.socket.connect(str(path))
        self.last_id = 0
        if hello:
            fields = {"owner": owner} if owner else {}
            self.welcome = self.ask("hello", version=1, **fields)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, op, id=None, **fields):
        """Return: the id of the request."""
        if id is None:
            id = self.last_id = self.last_id + 1
        self.socket.sendall(wire.encode(op, id, **fields))
        return id

    def answer(self, id):
        """The final answer to a request, its items collected in .items."""
        items = []
        while True:
            message = self.receive()
            assert message is not None and message.id == id, f"{message} instead of the answer to {id}"
            if message.op != "item":
                message.items = items
                return message
            items.append(message)

    def ask(self, op, **fields):
        return self.answer(self.send(op, **fields))

    def register(self, node, port=4000, carrier=1, **fields):
        answer = self.ask("register", node=node, port=port, carrier=carrier, dist_high=6, dist_low=5, **fields)
        assert answer.op == "registered", answer
        return answer

    def lookup(self, node, family=INET, **fields):
        """Return: (address, port), or the error's code."""
        return found(self.ask("lookup", node=node, family=family, **fields))

    def list(self, **fields):
        """{node: item}, of one family each."""
        answer = self.ask("list", **fields)
        assert answer.op == "done"
        return {item["node"]: item for item in answer.items}

    def names(self, host=None):
        """Names and ports, or the error's code."""
        answer = self.ask("names", **({"host": host} if host else {}))
        if answer.op == "error":
            return code_name(answer)
        return [(item["node"], item["port"]) for item in answer.items]

    def status(self):
        return stats(self.ask("status"))

    def status_with(self, **values):
        """Wait until the status has these. Return: all of it."""
        wanted = {key: str(value) for key, value in values.items()}
        return wait_until(lambda: wanted.items() <= (now := self.status()).items() and now, wanted)

    def watch(self, **fields):
        return Watch(self, **fields)


class Watch:
    """A client that watches; what is there already is in .listed."""

    def __init__(self, client, **fields):
        self.client = client
        self.id = client.send("watch", **fields)
        self.listed = []
        while (item := self.next()).get("event") != wire.READY:
            assert item["event"] == wire.UP
            self.listed.append(item)

    def next(self):
        item = self.client.receive()
        assert item is not None and item.op == "item" and item.id == self.id, item
        return item

    def expect(self, event, node, **fields):
        item = self.next()
        assert (item["event"], item["node"]) == (event, node), item
        for name, value in fields.items():
            assert item[name] == value, item
        return item

    def expect_nothing(self):
        """Nothing has been told up to now."""
        self.client.ask("status")


def stats(report):
    """{key: value} of the answer to status."""
    return dict(stat.decode().split("=", 1) for stat in report["stat"])


def code_name(error):
    return next(name for name, number in wire.CODES.items() if number == error["code"])


def found(answer):
    if answer.op == "error":
        return code_name(answer)
    family = socket.AF_INET if len(answer["address"][0]) == 4 else socket.AF_INET6
    return socket.inet_ntop(family, answer["address"][0]), answer["port"]


def _word(value):
    text = value if isinstance(value, bytes) else str(value).encode()
    return "".join(chr(c) if 0x20 < c < 0x7F and c != 0x5C else f"\\x{c:02x}" for c in text)


class Life:
    """One life of the fake discovery process. What it says is always taken, so that it never waits for us."""

    def __init__(self, connection):
        self.connection = connection
        self.lines = queue.SimpleQueue()
        self.reader = threading.Thread(target=self._read_all, daemon=True)
        self.reader.start()
        self.pid = int(self.expect("started")[0])

    def _read_all(self):
        try:
            with self.connection.makefile("r", encoding="latin-1") as file:
                for line in file:
                    self.lines.put(line.split())
        except ConnectionResetError:  # it ended with something of ours unread
            pass
        self.lines.put(None)

    def close(self):
        self.connection.shutdown(socket.SHUT_RDWR)
        self.reader.join()
        self.connection.close()

    def say(self, *words):
        self.connection.sendall((" ".join(map(_word, words)) + "\n").encode())

    def read(self):
        """The next line's words, or None at the end."""
        return self.lines.get(timeout=DEADLINE_S)

    def expect(self, what):
        """The next line but for synchronisation is this. Return: its other words."""
        while (words := self.read()) is not None and words[0] == "sync":
            pass
        assert words is not None and words[0] == what, f"{words} instead of {what}"
        return words[1:]

    def expect_end(self):
        """It was ended by the front."""
        while self.read() is not None:
            pass

    def begin(self, host="this.local"):
        """Say what a discovery process says at first. Return: what it is told, until the end of that."""
        self.say("build")
        self.say("state", "running", host)
        self.say("browsing")
        self.expect("reset")
        told = []
        while (words := self.read())[0] != "end":
            told.append(words)
        return told

    def see(self, node, index=2):
        self.say("seen", node.instance, index, node.protocol)
        self.resolve(node, index)

    def resolve(self, node, index=2):
        self.say(
            "resolved", node.instance, index, node.protocol, f"eth{index}", node.port, ",".join(node.addresses),
            *node.txt(),
        )  # fmt: skip

    def lose(self, node, index=2):
        self.say("gone", node.instance, index, node.protocol)


class Discovery:
    """Where the fake discovery process calls its test."""

    def __init__(self, path):
        self.path = str(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.bind(self.path)
        self.socket.listen(4)
        self.socket.settimeout(DEADLINE_S)
        self.lives = []

    def start(self):
        """The process that the front has started. Return: its Life."""
        self.lives.append(Life(self.socket.accept()[0]))
        return self.lives[-1]

    def close(self):
        for life in self.lives:
            life.close()
        self.socket.close()


class Node:
    """A node elsewhere, as its agent there publishes it."""

    count = 0

    def __init__(self, name, port=4000, addresses=("192.0.2.2",), creation=None, agent="a" * 16, protocol=4, **keys):
        Node.count += 1
        self.name = name
        self.port = port
        self.addresses = list(addresses)
        self.creation = creation or 1000 + Node.count
        self.revision = Node.count
        self.agent = agent
        self.protocol = protocol
        self.keys = keys
        self.instance = f"{name}~{Node.count:08d}"

    def next(self, **changes):
        """The same registration with other data: its next revision, in an instance of its own."""
        values = {"port": self.port, "addresses": self.addresses, "creation": self.creation, "agent": self.agent}
        return Node(self.name, **{**values, "protocol": self.protocol, **self.keys, **changes})

    def txt(self):
        alive, host = self.name.split("@")
        keys = {
            "txtvers": 1, "n": alive, "h": host, "cr": self.creation, "rv": self.revision, "v": "6/5",
            "p": "inet_tcp", "id": self.agent, **self.keys,
        }  # fmt: skip
        return [f"{key}={value}" for key, value in keys.items()]


class Port:
    """A distribution port that answers, until it is closed; a host has what port it likes."""

    def __init__(self, address="192.0.2.2", port=0):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.socket = socket.create_server((address, port), family=family)
        self.address = address
        self.number = self.socket.getsockname()[1]

    def close(self):
        self.socket.close()


class Daemon:
    def __init__(self, place, *args, env=None, prefix=(), stdin=subprocess.DEVNULL, **options):
        """prefix: a program, with its arguments, that is to start it. options: as Popen takes them."""
        self.place = place
        self.path = place.socket
        self.log = open(place.directory / f"log-{len(place.daemons)}", "w+b")
        self.process = subprocess.Popen(
            [*prefix, *WRAP, DAEMON, *args], env=env or place.env, stdin=stdin, stderr=self.log, **options
        )

    def started(self, path=None):
        """Wait until it serves. Return: itself."""
        self.path = path or self.path
        wait_until(lambda: self.process.poll() is not None or can_connect(self.path), "the socket")
        assert self.process.poll() is None, self.output()
        return self

    def client(self, **options):
        client = Client(self.path, **options)
        self.place.clients.append(client)
        return client

    def output(self):
        return Path(self.log.name).read_text(errors="replace")

    def memory_kb(self):
        """What it has of its own; 0 under a sanitizer, which keeps what is freed (and maps terabytes)."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        mapped = int(status.split("VmSize:")[1].split()[0])
        return memory_kb(self.process.pid, "Anonymous") if mapped < 1 << 30 else 0

    def end(self):
        """Wait for its end. Return: its exit code."""
        return self.process.wait(DEADLINE_S)

    def stop(self, number=signal.SIGTERM):
        """Return: (exit code, how long that took in seconds)."""
        began = time.monotonic()
        self.process.send_signal(number)
        return self.end(), time.monotonic() - began

    def close(self):
        """Return: None, or what was wrong with its end."""
        code = self.stop()[0] if self.process.poll() is None else 0
        self.log.close()
        bad = [line for line in self.output().splitlines() if re.search("runtime error|Sanitizer|^==[0-9]", line)]
        return None if code == 0 and not bad else (code, bad)


def can_connect(path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True


class Place:
    """A directory for sockets and logs, and what runs there."""

    def __init__(self, directory):
        self.directory = directory
        self.socket = directory / "socket"
        self.env = clean_environment(
            EPMDNS_SOCKET=str(self.socket), EPMDNS_DISCOVERY_PROGRAM=str(FAKE_DISCOVERY),
            EPMDNS_FAKE_SOCKET=str(directory / "fake"),
        )  # fmt: skip
        self.daemons = []
        self.clients = []
        self.ports = []
        self.discovery = Discovery(directory / "fake")

    def daemon(self, *args, **options):
        daemon = Daemon(self, *args, **options)
        self.daemons.append(daemon)
        return daemon

    def lan(self, *args, path=None):
        """A daemon with a discovery process that is at work. Return: (daemon, life)."""
        daemon = self.daemon(*args, *(("--socket", path) if path else ())).started(path)
        life = self.discovery.start()
        life.begin()
        return daemon, life

    def port(self, *args):
        port = Port(*args)
        self.ports.append(port)
        return port

    def close(self):
        """Ends everything; whatever was going on, a daemon ends in good order."""
        for thing in (*self.clients, *self.ports):
            thing.close()
        problems = [daemon.close() for daemon in self.daemons]
        self.discovery.close()
        assert not any(problems), problems
