#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""How long lookups take: epmdns_ask.py NODE...

Looks up these nodes in turn, and after each has a process of its own give back the same bytes over a Unix
socket pair: what is the least that it could take at that moment. Prints an empty line when it begins, and
after SIGTERM a JSON object: how many lookups there were, how many that found nothing, and p50, p99 and the most in
µs of lookups and of the other.
"""

import json
import os
import signal
import socket
import sys
import time

import epmdns_wire as wire

PAUSE_S = 0.002

is_over = False


def end(*_):
    global is_over
    is_over = True


def echo(ours):
    while data := ours.recv(4096):
        ours.sendall(data)
    os._exit(0)


def figures(times):
    times = sorted(times)
    return {"p50": times[len(times) // 2], "p99": times[len(times) * 99 // 100], "most": times[-1]}


def main():
    names = [name.encode() for name in sys.argv[1:]]
    raw, theirs = socket.socketpair(socket.AF_UNIX)
    if os.fork() == 0:
        raw.close()
        echo(theirs)
    theirs.close()
    signal.signal(signal.SIGTERM, end)
    agent = wire.greeted()
    looked_up, echoed, missed = [], [], 0
    print(flush=True)
    frames = [wire.encode("lookup", 7, node=name, family=4) for name in names]
    while not is_over:
        frame = frames[len(looked_up) % len(frames)]
        began = time.monotonic_ns()
        agent.socket.sendall(frame)
        answer = agent.socket.recv(4096)
        between = time.monotonic_ns()
        raw.sendall(frame)
        raw.recv(4096)
        ended = time.monotonic_ns()
        looked_up.append((between - began) // 1000)
        echoed.append((ended - between) // 1000)
        missed += wire.decode(wire.split(answer)[0][0]).op != "found"
        time.sleep(PAUSE_S)
    print(json.dumps({"n": len(looked_up), "missed": missed, "lookup": figures(looked_up), "raw": figures(echoed)}))


if __name__ == "__main__":
    main()
