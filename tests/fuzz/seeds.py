#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""Makes the seed corpora of the fuzz targets, and packs what was found.

Usage: seeds.py CORPUS_DIR STAMP FRAMES.TXT SESSIONS.TXT CORPUS-TARGET.HEX...
       seeds.py --pack DIR > CORPUS-TARGET.HEX

CORPUS_DIR/codec has each frame of the vectors and the short ones as one stream, CORPUS_DIR/mdns replies
of mDNS responders, CORPUS_DIR/service a few TXT records, CORPUS_DIR/session what each client of the
dialogues says, at once and in pieces.
All have the inputs of their CORPUS-TARGET.HEX, one a line, too.
"""

import pathlib
import struct
import sys

VALID = [b"txtvers=1", b"n=alice", b"h=a.home", b"cr=4", b"rv=1", b"v=6/5", b"p=inet_tcp",
         b"id=0123456789abcdef"]

SERVICES = {
    "minimal": VALID,
    "full": VALID[:7] + [b"c=blue", b"f=h", b"ip=192.168.1.17", VALID[7], b"role=db", b"x="],
    "inet6": VALID[:6] + [b"p=inet6_tls", b"ip=fd00::1", VALID[7]],
    "shuffled": list(reversed(VALID)) + [b""],
    "upper": [s.split(b"=")[0].upper() + b"=" + s.split(b"=")[1] for s in VALID],
    "repeated": VALID + VALID + [b"role=a", b"ROLE=b", b"role"],
    "latin1": VALID[:2] + [b"h=m\xfcller"] + VALID[3:] + [b"t=\xff\x80"],
    "odd": VALID + [b"=x", b"flag", b"c=a b.c", b"k" * 33 + b"=x"],
    "long": VALID[:1] + [b"n=" + b"n" * 200, b"h=" + b"h" * 54] + VALID[3:] + [b"c=" + b"c" * 62],
    "many": VALID + [b"%d=x" % i for i in range(30)],
    "old": [b"txtvers=2"] + VALID[1:],
    "empty": [b""],
}


# Replies to the question of fuzz_mdns.c: what Avahi says, and what nobody should.
INSTANCE = b"\x08hello~ab\x0c_erlang-dist\x04_tcp\x05local\0"
REVERSE = b"\x03101\x010\x0277\x0210\x07in-addr\x04arpa\0"
REVERSE6 = b"".join(b"\x01%c" % c for c in b"1" + b"0" * 23 + b"770000df") + b"\x03ip6\x04arpa\0"


def question(name, type):
    return name + struct.pack(">HH", type, 1)


def record(name, type, data, klass=1, ttl=10):
    return name + struct.pack(">HHIH", type, klass, ttl, len(data)) + data


def reply(questions, records, flags=0x8400, more=0):
    counts = len(questions), len(records) + more, 0, 0
    return struct.pack(">6H", 0x1234, flags, *counts) + b"".join(questions + records)


ASKED = [question(INSTANCE, 33), question(REVERSE, 12)]
ASKED6 = [question(INSTANCE, 33), question(REVERSE6, 12)]
HOST = record(b"\xc0\x32", 12, b"\x01a\xc0\x27")
SERVICE = record(b"\xc0\x0c", 33, b"\0\0\0\0\x12\x67\x01a\xc0\x27")
ADDRESS = record(b"\x01a\xc0\x27", 1, bytes((10, 77, 0, 101)))

REPLIES = {
    "advertised": reply(ASKED, [HOST, SERVICE, ADDRESS]),
    "advertised6": reply(ASKED6, [HOST, SERVICE, ADDRESS]),
    "withdrawn": reply(ASKED, [HOST]),
    "withdrawn6": reply(ASKED6, [HOST]),
    "whole-names": reply(ASKED, [record(REVERSE, 12, b"\x01a\x05local\0"), record(INSTANCE, 33, SERVICE[12:])]),
    "one-question": reply(ASKED[:1], [SERVICE]),
    "goodbye": reply(ASKED, [HOST, record(b"\xc0\x0c", 33, SERVICE[12:], ttl=0)]),
    "flush": reply(ASKED, [HOST, record(b"\xc0\x0c", 33, SERVICE[12:], klass=0x8001)]),
    "port-0": reply(ASKED, [record(b"\xc0\x0c", 33, bytes(6) + b"\x01a\xc0\x27")]),
    "loop": reply(ASKED, [record(b"\xc0" + bytes([12 + len(b"".join(ASKED))]), 33, b"")]),
    "forward": reply(ASKED, [record(b"\xc0\xff", 33, b""), SERVICE]),
    "error": reply(ASKED, [HOST], flags=0x8403),
    "more": reply(ASKED, [HOST], more=3),
    "query": struct.pack(">6H", 0x1234, 0, 2, 0, 0, 0) + b"".join(ASKED),
    "long-name": reply(ASKED, [record(b"\x3f" + b"x" * 63 + b"\x3f" + b"y" * 63 + b"\xc0\x0c", 16, b"")] * 3),
    "edns": reply(ASKED, [HOST, record(b"\0", 41, b"", klass=1440)]),
}


def frames(path):
    """Yields (name, frame) for each vector."""
    name, frame = None, bytearray()
    for line in path.read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition(" ")
        if key == "vector":
            name, frame = value, bytearray()
        elif key == "hex":
            frame += bytes.fromhex(value)
        elif not line.strip() and name:
            yield name, bytes(frame)
            name = None
    if name:
        yield name, bytes(frame)


def streams(path):
    """{"DIALOGUE-CLIENT": all that this client sends}"""
    found = {}
    dialogue, client = None, "a"
    for line in path.read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition(" ")
        if key == "dialogue":
            dialogue, client = value, "a"
        elif key == "client":
            client = value
        elif key in ("send", "more"):
            name = f"{dialogue}-{client}"
            found[name] = found.get(name, b"") + bytes.fromhex(value)
    return found


def write(directory, name, data):
    directory.mkdir(parents=True, exist_ok=True)
    (directory / name).write_bytes(data)


def make(corpus, vectors, dialogues, found):
    stream = b""
    for name, frame in frames(vectors):
        write(corpus / "codec", name, frame)
        if int.from_bytes(frame[:2], "big") == len(frame) - 2 and len(frame) < 100:
            stream += frame
    write(corpus / "codec", "stream", stream)
    for name, strings in SERVICES.items():
        write(corpus / "service", name, b"".join(bytes([len(s)]) + s for s in strings))
    for name, packet in REPLIES.items():
        write(corpus / "mdns", name, packet)
    for name, data in streams(dialogues).items():
        write(corpus / "session", name, b"\0" + data)
        write(corpus / "session", f"{name}-pieces", b"\5" + data)
    for path in found:
        target = path.stem.partition("-")[2]
        for number, line in enumerate(path.read_text(encoding="ascii").splitlines()):
            if not line.startswith("#"):
                write(corpus / target, f"found-{number}", bytes.fromhex(line))


def pack(directory):
    print("# SPDX-License-Identifier: Apache-2.0")
    print("# SPDX-FileCopyrightText: 2026 The epmdns authors")
    print("# What fuzzing has found: an input a line.")
    for line in sorted((path.read_bytes().hex() for path in directory.iterdir()), key=lambda one: (len(one), one)):
        print(line)


def main():
    if sys.argv[1] == "--pack":
        pack(pathlib.Path(sys.argv[2]))
        return
    corpus, stamp, vectors, dialogues, *found = map(pathlib.Path, sys.argv[1:])
    make(corpus, vectors, dialogues, found)
    stamp.touch()


if __name__ == "__main__":
    main()
