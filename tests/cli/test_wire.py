# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""The tests' own codec against the golden vectors, which bind the C and the Erlang one too."""

from pathlib import Path

import epmdns_wire as wire
import pytest

VECTORS = Path(__file__).resolve().parents[1] / "vectors/frames.txt"


def blocks():
    """The vectors as lists of (key, value)."""
    if not VECTORS.exists():
        return []
    block, found = [], []
    for line in [*VECTORS.read_text().splitlines(), ""]:
        if line.startswith("#"):
            continue
        if line.strip():
            key, _, value = line.strip().partition(" ")
            block.append((key, value.strip()))
        elif block:
            found.append(block)
            block = []
    return found


def value_of(key, text):
    row = wire.BY_NAME[key]
    return int(text) if row.size else bytes.fromhex(text)


def fields_of(block):
    fields = {}
    for key, text in block:
        if key in wire.BY_NAME:
            if wire.BY_NAME[key].repeat:
                fields.setdefault(key, []).append(value_of(key, text))
            else:
                fields[key] = value_of(key, text)
    return fields


def decode_all(data):
    """What a decoder makes of the bytes of one vector."""
    bodies, rest = wire.split(data)
    if len(bodies) != 1 or rest:
        raise wire.WireError("bad_frame")
    return wire.decode(bodies[0])


@pytest.mark.parametrize("block", blocks(), ids=lambda block: dict(block)["vector"])
def test_vector(block):
    said = dict(block)
    data = bytes.fromhex("".join(text for key, text in block if key == "hex"))
    try:
        message = decode_all(data)
    except wire.WireError as error:
        assert error.result == said["result"]
        assert "id" not in said or error.id == int(said["id"])
        if error.result == "bad_field":
            assert error.field == said.get("problem")
        return
    assert said["result"] == "ok"
    assert (message.op, message.id) == (said["op"], int(said["id"]))
    assert message.fields == fields_of(block)
    again = wire.encode(message.op, message.id, **message.fields)
    assert (again == data) == (said.get("canonical", "yes") == "yes")
    assert wire.decode(again[2:]) == message


def test_vectors_are_there():
    assert blocks()


def good_frames():
    return {
        dict(block)["vector"]: bytes.fromhex("".join(text for key, text in block if key == "hex"))
        for block in blocks() if dict(block)["result"] == "ok"
    }  # fmt: skip


def test_every_good_vector_cut_off_by_the_stream_is_waited_for():
    for name, frame in good_frames().items():
        for length in range(len(frame)):
            assert wire.split(frame[:length]) == ([], frame[:length]), (name, length)


def verdict(body):
    try:
        return "ok", set(wire.decode(body).fields)
    except wire.WireError as error:
        return error.result, error.field


def test_every_good_vector_cut_off_by_its_peer_lacks_what_is_cut_off():
    """As in tests/unit/test_codec_cut.c: bad_frame but between two fields; there, what is required may be missing."""
    for name, frame in good_frames().items():
        body, end, names = frame[2:], wire.BODY_MIN, set()
        required = [row.name for row in wire.FIELDS if row.name in wire.REQUIRED.get(wire.OP_NAMES[body[0]], ())]
        for length in range(len(body) + 1):
            expected = ("bad_frame", None)
            if length == end:
                missing = next((field for field in required if field not in names), None)
                expected = ("ok", names) if missing is None else ("bad_field", missing)
            assert verdict(body[:length]) == expected, (name, length)
            if length == end < len(body):
                end += 3 + int.from_bytes(body[length + 1 : length + 3], "big")
                names = names | {wire.BY_TAG[body[length]].name} if body[length] in wire.BY_TAG else names
        assert end == len(body)


def test_split_leaves_what_is_not_whole():
    frame = wire.encode("status", 7)
    assert wire.split(frame + frame[:-1]) == ([frame[2:]], frame[:-1])
    with pytest.raises(wire.WireError):
        wire.split(b"\x00\x04abcd")
