#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""Nodes that come and go: epmdns_churn.py HOST PORT N LEFT

Registers N nodes cN@HOST, all with that port, and unregisters them, again and again, with a new agent, too;
after SIGTERM registers the first LEFT of them, prints "left" and stays. Ends when it is killed.
"""

import os
import signal
import socket
import sys
import time

import epmdns_wire as wire

PATH = os.environ.get("EPMDNS_SOCKET", "/run/epmdns/socket")
AT_ONCE = 48  # of one session
PAUSE_S = 0.2

is_over = False


def end(*_):
    global is_over
    is_over = True


class Session:
    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(PATH)
        self.stream = wire.Stream(self.socket)
        self.socket.sendall(wire.encode("hello", 1, version=1))
        self.stream.receive()
        self.last = 1

    def ask_for_all(self, op, names, **fields):
        self.socket.sendall(b"".join(wire.encode(op, self.last + n, node=name, **fields) for n, name in enumerate(names, 1)))
        self.last += len(names)
        for _ in names:
            answer = self.stream.receive()
            assert answer is not None and answer.op != "error", answer


def run_once(groups, sessions, port, op):
    for group, session in zip(groups, sessions):
        fields = {"port": port, "carrier": 1, "dist_high": 6, "dist_low": 5} if op == "register" else {}
        session.ask_for_all(op, group, **fields)


def main():
    host, port, n, left = sys.argv[1].encode(), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    names = [b"c%d@%s" % (number, host) for number in range(n)]
    groups = [names[at : at + AT_ONCE] for at in range(0, n, AT_ONCE)]
    signal.signal(signal.SIGTERM, end)
    sessions = [Session() for _ in groups]
    rounds = 0
    while not is_over:
        run_once(groups, sessions, port, "register")
        run_once(groups, sessions, port, "unregister")
        rounds += 1
        time.sleep(PAUSE_S)
    names = names[:left]
    run_once([names[at : at + AT_ONCE] for at in range(0, left, AT_ONCE)], sessions, port, "register")
    print(f"left, after {rounds} rounds", flush=True)
    while True:
        signal.pause()


if __name__ == "__main__":
    main()
