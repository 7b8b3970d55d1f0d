# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""tests/vectors/sessions.txt, said to the agent as built. The format is in the README.md beside that file."""

import socket
import time
from dataclasses import dataclass, field

import epmdns_wire as wire
import pytest
from front import ALONE, TREE, Client, Place, code_name

CHECK_ID = 4294967294  # of a request that only finds out whether the session goes on
FRESH_S = 1.5  # of the two seconds in which lookups wait even without a network


@dataclass
class Step:
    what: str
    words: list = field(default_factory=list)
    data: bytes = b""
    fields: list = field(default_factory=list)


def dialogues():
    """{name: [Step]}, what begins with "dialogue" left out."""
    found = {}
    steps = None
    for line in (TREE / "tests/vectors/sessions.txt").read_text(encoding="utf-8").splitlines():
        key, _, rest = line.strip().partition(" ")
        if not key or key.startswith("#"):
            continue
        if key == "dialogue":
            assert rest not in found, line
            steps = found[rest] = []
        elif key == "more":
            steps[-1].data += bytes.fromhex(rest)
        elif key == "with":
            steps[-1].fields.append(tuple(rest.split(" ", 1)))
        else:
            assert key in ("fresh", "client", "send", "expect", "finish", "open", "closed"), line
            data = bytes.fromhex(rest) if key == "send" else b""
            steps.append(Step(key, [] if data else rest.split(), data))
    return found


DIALOGUES = dialogues()


def check_field(message, name, expected):
    if name == "code":
        assert code_name(message) == expected
    elif name == "text":
        assert expected in message["text"].decode()
    elif wire.BY_NAME[name].repeat:
        assert bytes.fromhex(expected) in message[name]
    else:
        assert message[name] == (int(expected) if wire.BY_NAME[name].size else bytes.fromhex(expected))


class Speaker:
    """A client that says what stands in the file."""

    def __init__(self, path):
        self.session = Client(path, hello=False)
        self.is_settled = False  # it was said how its session stands at the end

    def do(self, step):
        self.is_settled = step.what in ("open", "closed")
        if step.what == "send":
            self.session.socket.sendall(step.data)
        elif step.what == "finish":
            self.session.socket.shutdown(socket.SHUT_WR)
        elif step.what == "closed":
            message = self.session.receive()
            assert message is None, f"{message} instead of the end"
        elif step.what == "open":
            self.session.send("status", id=CHECK_ID)
            self.expect(["report", str(CHECK_ID)], [])
        else:
            self.expect(step.words, step.fields)

    def expect(self, words, fields):
        message = self.session.receive()
        assert message is not None, f"the end instead of {words}"
        assert [message.op, str(message.id)] == words, message
        for name, expected in fields:
            check_field(message, name, expected)


def replay(daemon, steps):
    speakers = {}
    name = "a"
    try:
        for step in steps:
            if step.what == "client":
                name = step.words[0]
            elif step.what != "fresh":
                if name not in speakers:
                    speakers[name] = Speaker(daemon.path)
                speakers[name].do(step)
        assert all(speaker.is_settled for speaker in speakers.values()), "open or closed?"
    finally:
        for speaker in speakers.values():
            speaker.session.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One agent for all dialogues, and a client that sees whether they leave anything behind."""
    place = Place(tmp_path_factory.mktemp("s"))
    daemon = place.daemon(*ALONE).started()
    yield daemon, daemon.client()
    place.close()


@pytest.mark.parametrize("name", [name for name, steps in DIALOGUES.items() if steps[0].what != "fresh"])
def test_dialogue(name, shared):
    daemon, watcher = shared
    replay(daemon, DIALOGUES[name])
    assert watcher.status_with(sessions=1)["nodes"] == "0"  # once those of the dialogue have ended


@pytest.mark.parametrize("name", [name for name, steps in DIALOGUES.items() if steps[0].what == "fresh"])
def test_dialogue_with_a_fresh_agent(name, place):
    for attempt in range(5):
        began = time.monotonic()
        daemon = place.daemon(*ALONE).started()
        try:
            replay(daemon, DIALOGUES[name])
            return
        except AssertionError:
            if attempt == 4 or time.monotonic() - began < FRESH_S:
                raise
            daemon.stop()  # the machine was too busy: it is not fresh any more


def verdict(body):
    try:
        wire.decode(body)
        return "ok", None
    except wire.WireError as error:
        return error.result, error.field


def verdicts(stream):
    """What a decoder says of all frames of a stream, up to the first that is none."""
    while len(stream) >= 2:
        length = int.from_bytes(stream[:2], "big")
        if not wire.BODY_MIN <= length <= wire.FRAME_MAX:
            yield "bad_frame", None
            return
        if len(stream) >= 2 + length:
            yield verdict(stream[2 : 2 + length])
        stream = stream[2 + length :]


def vectors():
    hexes = ""
    for line in [*(TREE / "tests/vectors/frames.txt").read_text(encoding="utf-8").splitlines(), ""]:
        key, _, rest = line.partition(" ")
        if key == "hex":
            hexes += rest
        elif not line and hexes:
            yield bytes.fromhex(hexes)
            hexes = ""


def test_what_is_wrong_with_a_frame_is_a_vector_of_frames_too():
    """So that all codecs are held to it, and not the agent alone."""
    known = {one for frame in vectors() for one in verdicts(frame)}
    said = {}
    for name, steps in DIALOGUES.items():
        stream = b"".join(step.data for step in steps if step.what == "send")
        said.update({one: name for one in verdicts(stream)})
    assert {result for result, _ in said} == {"ok", "bad_frame", "unknown_op", "bad_field"}
    assert not set(said) - known, {said[one]: one for one in set(said) - known}
