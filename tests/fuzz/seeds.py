#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""Makes the seed corpora of the fuzz targets.

Usage: seeds.py FRAMES.TXT CORPUS_DIR [STAMP]

CORPUS_DIR/codec has each frame of the vectors and the short ones as one stream, CORPUS_DIR/service a
few TXT records.
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


def main():
    vectors, corpus = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    for target in ("codec", "service"):
        (corpus / target).mkdir(parents=True, exist_ok=True)
    stream = b""
    for name, frame in frames(vectors):
        (corpus / "codec" / name).write_bytes(frame)
        if int.from_bytes(frame[:2], "big") == len(frame) - 2 and len(frame) < 100:
            stream += frame
    (corpus / "codec" / "stream").write_bytes(stream)
    for name, strings in SERVICES.items():
        txt = b"".join(bytes([len(s)]) + s for s in strings)
        (corpus / "service" / name).write_bytes(txt)
    for stamp in sys.argv[3:]:
        pathlib.Path(stamp).touch()


if __name__ == "__main__":
    main()
