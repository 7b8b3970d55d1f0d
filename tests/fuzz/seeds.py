#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""Makes the seed corpora of the fuzz targets, and packs what was found.

Usage: seeds.py CORPUS_DIR STAMP FRAMES.TXT SESSIONS.TXT CORPUS-TARGET.HEX...
       seeds.py --pack DIR > CORPUS-TARGET.HEX

CORPUS_DIR/codec has each frame of the vectors and the short ones as one stream, CORPUS_DIR/service a
few TXT records, CORPUS_DIR/session what each client of the dialogues says, at once and in pieces.
All have the inputs of their CORPUS-TARGET.HEX, one a line, too.
"""

import pathlib
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
