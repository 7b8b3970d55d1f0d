#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""Nodes that come and go: epmdns_churn.py HOST PORT N LEFT

Registers N nodes cN@HOST, all with that port, and unregisters them, again and again; after SIGTERM registers the
first LEFT of them, prints "left" and stays. Ends when it is killed.
"""

import signal
import sys
import time

import epmdns_wire as wire

AT_ONCE = 48  # of one session
PAUSE_S = 0.2

is_over = False


def end(*_):
    global is_over
    is_over = True


def ask_for_all(sessions, names, op, **fields):
    """So many names in each session. Waits for the answers."""
    for session, at in zip(sessions, range(0, len(names), AT_ONCE)):
        some = names[at : at + AT_ONCE]
        frames = [wire.encode(op, number, node=name, **fields) for number, name in enumerate(some, 2)]
        session.socket.sendall(b"".join(frames))
        for _ in some:
            answer = session.receive()
            assert answer is not None and answer.op != "error", answer


def main():
    host, port, n, left = sys.argv[1].encode(), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    names = [b"c%d@%s" % (number, host) for number in range(n)]
    facts = {"port": port, "carrier": 1, "dist_high": 6, "dist_low": 5}
    signal.signal(signal.SIGTERM, end)
    sessions = [wire.greeted() for _ in range(0, n, AT_ONCE)]
    rounds = 0
    while not is_over:
        ask_for_all(sessions, names, "register", **facts)
        ask_for_all(sessions, names, "unregister")
        rounds += 1
        time.sleep(PAUSE_S)
    ask_for_all(sessions, names[:left], "register", **facts)
    print(f"left, after {rounds} rounds", flush=True)
    while True:
        signal.pause()


if __name__ == "__main__":
    main()
