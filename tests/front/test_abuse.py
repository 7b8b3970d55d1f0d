# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""Clients that break the rules or ask for too much, and one beside them that must not notice."""

import contextlib
import os
import random
import resource
import time
from pathlib import Path

import epmdns_wire as wire
import pytest
from front import ALONE, WRAP, Client, code_name, wait_until

CONNECTIONS = 5000
ANSWER_S = 0.1  # for the bystander
OTHER_UID = 65534

pytestmark = pytest.mark.skipif(bool(WRAP), reason="times and limits are not those of the agent alone")


def waited_s(path):
    """How long a process was ready to run while the machine ran others; 0 if the kernel does not say."""
    try:
        return int(Path(path).read_text().split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0


class Bystander:
    """A client that looks up its own node, and is answered in time whatever others do.

    The time for which the machine had no processor for us or the daemon is not the daemon's.
    """

    def __init__(self, daemon):
        self.client = daemon.client()
        self.client.register(b"bystander@h", 4711)
        self.places = (f"/proc/{daemon.process.pid}/schedstat", "/proc/thread-self/schedstat")
        self.slowest_s = 0.0

    def check(self):
        waited = sum(map(waited_s, self.places))
        began = time.monotonic()
        assert self.client.lookup(b"bystander@h") == ("127.0.0.1", 4711)
        took = time.monotonic() - began
        took -= sum(map(waited_s, self.places)) - waited
        self.slowest_s = max(self.slowest_s, took)
        assert took < ANSWER_S

    def status(self, key):
        return self.client.status()[key]


def connect(path, data=b""):
    """A session that has sent this, and read nothing."""
    client = Client(path, hello=False)
    if data:
        client.socket.sendall(data)
    return client


def close_all(clients):
    while clients:
        clients.pop().close()


HELLO = wire.encode("hello", 1, version=1)


def register(id, node, port=4000):
    return wire.encode("register", id, node=node, port=port, carrier=1, dist_high=6, dist_low=5)


def descriptors(daemon):
    return len(os.listdir(f"/proc/{daemon.process.pid}/fd"))


@pytest.fixture
def clients():
    """Connections that a test opens, closed at its end."""
    opened = []
    yield opened
    close_all(opened)


@pytest.fixture
def many_descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < CONNECTIONS + 500:
        pytest.skip(f"{hard} descriptors are too few")
    resource.setrlimit(resource.RLIMIT_NOFILE, (CONNECTIONS + 500, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextlib.contextmanager
def another_user():
    """Who connects in here is somebody else."""
    if os.geteuid() != 0:
        pytest.skip("only root can be another user")
    try:
        os.seteuid(OTHER_UID)
    except OSError as error:
        pytest.skip(f"there is no other user here: {error}")
    try:
        yield
    finally:
        os.seteuid(0)


def rush(place, clients, bystander):
    """Thousands of connections, some with a node, come, are served, and go."""
    for number in range(CONNECTIONS):
        data = HELLO + (register(2, b"n%d@h" % number) if number % 5 == 0 else b"")
        clients.append(connect(place.socket, data))
        if number % 50 == 0:
            bystander.check()
    for number, client in enumerate(clients):
        assert client.receive().op == "welcome"
        if number % 5 == 0:
            assert client.receive().op == "registered"
            assert client.lookup(b"n%d@h" % (number // 2 // 5 * 5)) == ("127.0.0.1", 4000)
        if number % 50 == 0:
            bystander.check()
    assert bystander.status("sessions") == str(CONNECTIONS + 1)
    assert bystander.status("nodes") == str(CONNECTIONS // 5 + 1)
    while clients:
        close_all([clients.pop() for _ in range(50)])
        bystander.check()
    wait_until(lambda: bystander.status("sessions") == "1", "the end of all sessions")
    assert bystander.status("nodes") == "1"


def test_five_thousand_connections_delay_nobody_and_leave_nothing_behind(place, clients, many_descriptors):
    daemon = place.daemon(*ALONE).started()
    bystander = Bystander(daemon)
    before = descriptors(daemon)
    rush(place, clients, bystander)
    assert descriptors(daemon) == before
    # libevent keeps a few bytes for each descriptor there ever was, between those of the others:
    # what the allocator got is used again, and not given back.
    kept = daemon.memory_kb()
    assert kept < CONNECTIONS
    rush(place, clients, bystander)
    assert descriptors(daemon) == before
    assert daemon.memory_kb() < kept + 256


def test_sessions_go_on_while_there_are_no_descriptors(place, clients):
    daemon = place.daemon(*ALONE).started()
    bystander = Bystander(daemon)
    hard = resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE)[1]
    resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE, (descriptors(daemon) + 1, hard))
    clients += [connect(place.socket, HELLO) for _ in range(20)]
    assert clients[0].receive().op == "welcome"
    wait_until(lambda: "Not accepting connections" in daemon.output(), "the shortage")
    for number in range(200):
        bystander.check()
        bystander.client.register(b"new%d@h" % (number % 50))
    assert bystander.status("sessions") == "2"
    clients.pop(0).close()  # makes room for one
    assert clients[0].receive().op == "welcome"
    bystander.check()
    resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE, (hard, hard))
    for client in clients[1:]:
        assert client.receive().op == "welcome"


def test_half_frames_hold_up_nobody_and_can_be_finished(place, clients):
    daemon = place.daemon(*ALONE).started()
    bystander = Bystander(daemon)
    status = wire.encode("status", 2)
    longest = wire.frame(wire.encode_body("status", 2) + b"\x63" + (8184).to_bytes(2, "big") + bytes(8184))
    halves = [(b"", HELLO, 1), (b"", HELLO, len(HELLO) - 1), (HELLO, status, 1), (HELLO, longest, 4000),
              (HELLO, longest, len(longest) - 1)]  # fmt: skip
    for number in range(500):
        said, whole, length = halves[number % 5]
        clients.append(connect(place.socket, said + whole[:length]))
        if number % 20 == 0:
            bystander.check()
    wait_until(lambda: bystander.status("sessions") == "501", "all of them")
    for number, client in enumerate(clients):
        said, whole, length = halves[number % 5]
        client.socket.sendall(whole[length:])
        assert client.receive().op == "welcome"
        assert not said or client.receive().op == "report"
        if number % 20 == 0:
            bystander.check()


def test_one_who_does_not_read_what_it_watches_is_dropped_and_nobody_else(place, clients):
    daemon = place.daemon(*ALONE).started()
    bystander = Bystander(daemon)
    reader = daemon.client().watch()
    watches = b"".join(wire.encode("watch", id, filter=1) for id in range(2, 10))
    clients += [connect(place.socket, HELLO + watches) for _ in range(5)]
    wait_until(lambda: bystander.status("sessions") == "7", "the watchers")
    maker = daemon.client()
    for number in range(2000):
        node = b"n%d@h" % number
        maker.register(node, tag=[b"k=" + b"x" * 180])
        reader.expect(1, node)
        maker.ask("unregister", node=node)
        reader.expect(3, node)
        if number % 10 == 0:
            bystander.check()
            if bystander.status("sessions") == "3":
                break
    assert bystander.status("sessions") == "3"
    assert "does not read its answers" in daemon.output()
    for client in clients:  # what they got is whole, and then there is an end
        events = 0
        while (message := client.receive()) is not None:
            events += message.op == "item"
        assert events > 0
    bystander.check()


def test_one_who_asks_for_more_than_can_be_done_at_once_takes_turns(place, clients):
    daemon = place.daemon(*ALONE).started()
    bystander = Bystander(daemon)
    for number in range(100):
        requests = b"".join(register(id, b"n%d-%d@h" % (number, id)) for id in range(2, 66))
        clients.append(connect(place.socket, HELLO + requests))
        assert [clients[-1].receive().op for _ in range(65)] == ["welcome"] + ["registered"] * 64
    # Each looks at all nodes and has nothing to say: eight times 64 KiB of them are seconds of work.
    questions = (wire.encode("list", 2, cluster=b"nobody's") * 10000)[:65000]
    greedy = [connect(place.socket, HELLO) for _ in range(8)]
    clients += greedy
    for client in greedy:
        assert client.receive().op == "welcome"
    for client in greedy:
        client.socket.sendall(questions)
    for _ in range(200):
        bystander.check()
    assert greedy[0].receive().op == "done"


def answer_to(data):
    """(code, id) of what this deserves from one who has not said hello; None as long as it is no whole frame."""
    try:
        bodies, _ = wire.split(data)
    except wire.WireError:
        return "bad_frame", 0
    if not bodies:
        return None
    try:
        message = wire.decode(bodies[0])
        return "hello_first", message.id
    except wire.WireError as error:
        return "bad_frame" if error.result == "bad_frame" else "hello_first", error.id


def garbage(count):
    """What is no hello, some of it in frames."""
    dice = random.Random(7)
    yield from (
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", bytes.fromhex("16030100c8010000c40303"), b"\0\x02z\x6e",
        b"\0" * 1000, b"\xff" * 1000, b"EHLO example.org\r\n", b"\n", b"",
    )  # fmt: skip
    for number in range(count):
        body = bytes([dice.randrange(2, 256)]) + dice.randbytes(dice.randrange(4, 60))
        yield body if number % 2 else wire.frame(body)


def test_garbage_from_many_is_answered_and_costs_nobody_anything(place, clients):
    daemon = place.daemon(*ALONE).started()
    bystander = Bystander(daemon)
    said = list(garbage(400))
    for data in said:
        clients.append(connect(place.socket, data))
        bystander.check()
    answers = {}
    for data, client in zip(said, clients):
        expected = answer_to(data)
        answers.setdefault(expected and expected[0], []).append(client)
        if expected is not None:
            message = client.receive()
            assert (code_name(message), message.id) == expected, data
            assert client.receive() is None
    assert set(answers) == {None, "bad_frame", "hello_first"}
    # Of those who are to go on some may have been at it for as long as one may take to say hello.
    wait_until(lambda: int(bystander.status("sessions")) <= 1 + len(answers[None]), "the end of the others")
    close_all(clients)
    wait_until(lambda: bystander.status("sessions") == "1", "the end of all")
    bystander.check()


def test_one_user_has_half_of_the_sessions(place, clients):
    def lower():
        resource.setrlimit(resource.RLIMIT_NOFILE, (300, 400))

    place.directory.chmod(0o711)
    daemon = place.daemon(*ALONE, "--socket-mode", "0666", preexec_fn=lower).started()
    bystander = Bystander(daemon)
    half = int(bystander.status("sessions_max")) // 2
    clients += [connect(place.socket, HELLO) for _ in range(half - 1)]
    for client in clients:
        assert client.receive().op == "welcome"
    for _ in range(3):
        refused = connect(place.socket)
        error = refused.receive()
        assert (code_name(error), error.id) == ("limit", 0) and error["text"].startswith(b"your user")
        assert refused.receive() is None
        refused.close()
    bystander.check()
    with another_user():
        others = [connect(place.socket, HELLO) for _ in range(half)]
    clients += others
    assert [client.receive().op for client in others] == ["welcome"] * half
    with another_user():
        refused = connect(place.socket)
    assert b"the agent has all the connections" in refused.receive()["text"]
    refused.close()
    bystander.check()


def test_one_user_has_half_of_the_registrations(place, clients):
    place.directory.chmod(0o711)
    daemon = place.daemon(*ALONE, "--socket-mode", "0666").started()
    bystander = Bystander(daemon)
    half = int(bystander.status("nodes_max")) // 2
    left = half - 1
    while left > 0:
        names = [b"n%d@h" % number for number in range(left, max(left - 64, 0), -1)]
        left -= len(names)
        requests = b"".join(register(id, name) for id, name in enumerate(names, 2))
        clients.append(connect(place.socket, HELLO + requests))
        assert [clients[-1].receive().op for _ in range(1 + len(names))] == ["welcome"] + ["registered"] * len(names)
        bystander.check()
    assert bystander.status("nodes") == str(half)
    one_more = daemon.client()
    error = one_more.ask("register", node=b"more@h", port=1, carrier=1, dist_high=6, dist_low=5)
    assert code_name(error) == "limit" and error["text"] == b"your user has %d nodes registered" % half
    with another_user():
        clients.append(connect(place.socket, HELLO + register(2, b"more@h")))
    assert [clients[-1].receive().op for _ in range(2)] == ["welcome", "registered"]
    clients.pop(0).close()  # the last of them was not a full one
    wait_until(lambda: bystander.status("nodes") == str(half + 1 - 64), "room")
    one_more.register(b"again@h")
    bystander.check()
