# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""What the scripted agents of these tests say."""

import epmdns_wire as wire

KEYS = [
    "node", "name", "host", "family", "carrier", "addresses", "port", "creation", "cluster", "hidden", "origin",
    "interface", "state", "age_s", "tags",
]  # fmt: skip

ALICE = {
    "node": b"alice@a.home", "port": 41231, "carrier": 1, "address": [bytes([127, 0, 0, 1])], "creation": 77,
    "origin": 1, "state": 1, "age_s": 130,
}  # fmt: skip
BOB = {
    "node": b"bob@b.home", "port": 38251, "carrier": 1, "address": [bytes([192, 168, 1, 17]), bytes([10, 0, 0, 9])],
    "creation": 4294967295, "origin": 2, "interface": b"eth0", "state": 1, "age_s": 7, "cluster": b"red",
    "tag": [b"role=db", b"rack=4"],
}  # fmt: skip


def answering(op, *answers, final=("done", {}), asserting=None):
    """A script that greets, expects op, and sends items and a final answer."""

    def script(session):
        session.welcome()
        request = session.expect(op)
        if asserting:
            asserting(request)
        for fields in answers:
            session.send("item", request.id, **fields)
        session.send(final[0], request.id, **final[1])
        session.until_closed()

    return script


def refusing(op, code, text=b""):
    return answering(op, final=("error", {"code": wire.CODES[code], **({"text": text} if text else {})}))
