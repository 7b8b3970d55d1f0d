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


def test_split_leaves_what_is_not_whole():
    frame = wire.encode("status", 7)
    assert wire.split(frame + frame[:-1]) == ([frame[2:]], frame[:-1])
    with pytest.raises(wire.WireError):
        wire.split(b"\x00\x04abcd")
