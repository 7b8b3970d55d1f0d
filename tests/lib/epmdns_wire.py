# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""The wire protocol of epmdns-protocol(7), for tests: a third implementation beside the C and the Erlang one.

    frame = encode("lookup", 7, node=b"bob@b.home", family=4)
    message = decode(frame[2:])
    message.op, message.id, message["node"]     # 'lookup', 7, b'bob@b.home'

A field that may be repeated is a list; strings are bytes, numbers are ints.
"""

from __future__ import annotations

import os
import socket
import struct
from dataclasses import dataclass, field

FRAME_MAX = 8192
BODY_MIN = 5
CRITICAL = 128

REQUESTS = {
    "hello": 1, "register": 2, "unregister": 3, "lookup": 4, "names": 5, "list": 6, "watch": 7, "cancel": 8,
    "status": 9, "hint": 10,
}
ANSWERS = {"welcome": 129, "registered": 130, "done": 131, "found": 132, "item": 133, "report": 134, "error": 255}
OPS = {**REQUESTS, **ANSWERS}
OP_NAMES = {number: name for name, number in OPS.items()}

REQUIRED = {
    "hello": ("version",),
    "register": ("node", "port", "carrier", "dist_high", "dist_low"),
    "unregister": ("node",),
    "lookup": ("node", "family"),
    "hint": ("node",),
    "welcome": ("version",),
    "registered": ("creation", "revision"),
    "found": ("port", "dist_high", "dist_low", "address"),
    "error": ("code",),
}

CODES = {
    "bad_frame": 1, "bad_version": 2, "hello_first": 3, "unknown_op": 4, "bad_field": 5, "duplicate_id": 6,
    "duplicate_name": 7, "not_owner": 8, "not_found": 9, "only_link_local": 10, "limit": 11, "timeout": 12,
    "unavailable": 13,
}

UP, READY, DOWN, CHANGED = 1, 2, 3, 4  # what the field event says


@dataclass(frozen=True)
class Field:
    tag: int
    name: str
    size: int = 0  # bytes of a number; 0: a string
    low: int = 0  # least value of a number, least length of a string
    high: int = 0
    repeat: int = 0  # how often it may be given; 0: once, as a plain value
    only: tuple = ()  # the values or lengths there are, where a range does not say it


def _number(tag, name, size, low=0, high=None, only=()):
    return Field(tag, name, size, low, 256**size - 1 if high is None else high, 0, only)


def _string(tag, name, low, high, repeat=0, only=()):
    return Field(tag, name, 0, low, high, repeat, only)


FIELDS = [
    _number(1, "version", 2), _number(2, "version_min", 2), _string(3, "software", 0, 64),
    _string(4, "capability", 1, 32, 16), _string(5, "owner", 16, 16), _string(6, "agent", 1, 32),
    _string(8, "node", 1, 255), _string(9, "host", 1, 253), _number(10, "port", 2, 1),
    _number(11, "carrier", 1, 1, 4), _number(12, "family", 1, 4, 6, (4, 6)), _number(13, "dist_high", 2),
    _number(14, "dist_low", 2), _number(15, "flags", 1), _string(16, "bound", 4, 16, 0, (4, 16)),
    _number(17, "creation", 4, 4), _number(18, "revision", 4, 1), _string(19, "cluster", 1, 62),
    _string(20, "tag", 2, 200, 16), _number(21, "timeout_ms", 4), _number(22, "filter", 1),
    _string(23, "address", 4, 16, 8, (4, 16)), _number(24, "origin", 1), _string(25, "interface", 1, 64),
    _number(26, "state", 1), _number(27, "age_s", 4), _number(28, "event", 1), _string(29, "stat", 1, 256, 64),
    _number(30, "code", 1), _string(31, "text", 0, 1024),
]  # fmt: skip
BY_TAG = {row.tag: row for row in FIELDS}
BY_NAME = {row.name: row for row in FIELDS}


class WireError(Exception):
    """What a decoder refuses. result: bad_frame, unknown_op or bad_field; the rest as far as it was read."""

    def __init__(self, result, op=0, id=0, field=None):
        super().__init__(f"{result} {field or ''}".strip())
        self.result = result
        self.op = op  # the number
        self.id = id
        self.field = field


@dataclass
class Message:
    op: str
    id: int
    fields: dict = field(default_factory=dict)

    def __getitem__(self, name):
        return self.fields[name]

    def __contains__(self, name):
        return name in self.fields

    def get(self, name, default=None):
        return self.fields.get(name, default)


def encode_body(op, id, /, **fields):
    """A frame body. op: a name, or any number. Values are not checked: tests send what is wrong, too."""
    body = struct.pack(">BI", OPS.get(op, op), id)
    for row in FIELDS:
        if row.name not in fields:
            continue
        value = fields.pop(row.name)
        for one in value if row.repeat else [value]:
            data = one.to_bytes(row.size, "big") if row.size else one
            body += struct.pack(">BH", row.tag, len(data)) + data
    if fields:
        raise TypeError(f"no such field: {', '.join(fields)}")
    return body


def frame(body):
    return struct.pack(">H", len(body)) + body


def encode(op, id, /, **fields):
    return frame(encode_body(op, id, **fields))


def _take(row, data, seen):
    """Why a value is none of this field's, or None with it put into seen."""
    value = data
    if row.size:
        if len(data) != row.size:
            return "wrong length"
        value = int.from_bytes(data, "big")
    measure = value if row.size else len(data)
    if not row.low <= measure <= row.high or (row.only and measure not in row.only):
        return "out of range"
    if not row.repeat and row.name in seen:
        return "given twice"
    if row.repeat:
        if len(seen.setdefault(row.name, [])) == row.repeat:
            return "given too often"
        seen[row.name].append(value)
    else:
        seen[row.name] = value
    return None


def decode(body):
    """The Message that a frame body is. Raises WireError."""
    if len(body) < BODY_MIN:
        raise WireError("bad_frame")
    op, id = struct.unpack_from(">BI", body)
    at = BODY_MIN
    seen = {}
    problem = None
    while at < len(body):
        if len(body) - at < 3:
            raise WireError("bad_frame", op, id)
        tag, length = struct.unpack_from(">BH", body, at)
        data = body[at + 3 : at + 3 + length]
        at += 3 + length
        if at > len(body):
            raise WireError("bad_frame", op, id)
        row = BY_TAG.get(tag)
        if problem is not None:
            continue  # the rest must still be well-formed
        if row is None:
            if tag >= CRITICAL:
                problem = WireError("bad_field", op, id)
        elif _take(row, data, seen) is not None:
            problem = WireError("bad_field", op, id, row.name)
    if op not in OP_NAMES:
        raise WireError("unknown_op", op, id)
    if problem is not None:
        raise problem
    for name in sorted(REQUIRED.get(OP_NAMES[op], ()), key=lambda name: BY_NAME[name].tag):
        if name not in seen:
            raise WireError("bad_field", op, id, name)
    return Message(OP_NAMES[op], id, seen)


def split(data):
    """(bodies of the complete frames, rest). Raises WireError when it is no stream of frames."""
    bodies = []
    while len(data) >= 2:
        (length,) = struct.unpack_from(">H", data)
        if not BODY_MIN <= length <= FRAME_MAX:
            raise WireError("bad_frame")
        if len(data) < 2 + length:
            break
        bodies.append(data[2 : 2 + length])
        data = data[2 + length :]
    return bodies, data


class Stream:
    """The messages that come from a socket, one by one."""

    def __init__(self, socket):
        self.socket = socket
        self.rest = b""
        self.waiting = []

    def receive(self):
        """The next Message, or None when the other end has closed the session."""
        while not self.waiting:
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError:
                return None
            if not data:
                assert not self.rest, f"cut off: {self.rest!r}"
                return None
            bodies, self.rest = split(self.rest + data)
            self.waiting += bodies
        return decode(self.waiting.pop(0))


def greeted():
    """The Stream of a session with the agent, found as programs find it. Raises OSError."""
    session = Stream(socket.socket(socket.AF_UNIX))
    session.socket.connect(os.environ.get("EPMDNS_SOCKET", "/run/epmdns/socket"))
    session.socket.sendall(encode("hello", 1, version=1))
    if session.receive() is None:
        raise ConnectionResetError("the agent has closed the session")
    return session
