#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""Nodes that only listen: epmdns_nodes.py HOST FIRST N

Registers nFIRST@HOST and those that follow, N in all, each with a port of its own that takes connections and
says nothing; prints "ready" when all are registered, and registers them again with a new agent as the same.
The agent is found by EPMDNS_SOCKET, else at /run/epmdns/socket. Ends when it is killed.
"""

import resource
import select
import socket
import sys

import epmdns_wire as wire

AT_ONCE = 48  # nodes of one session, which may have 64, and requests on the way


class Nodes:
    """Some nodes on one session."""

    def __init__(self, names):
        self.known = {name: {} for name in names}
        self.listeners = {}
        for name in names:
            listener = socket.socket()
            listener.bind(("", 0))
            listener.listen(64)
            self.listeners[name] = listener

    def register(self):
        """Return: whether there was an agent."""
        try:
            stream = wire.greeted()
            for number, (name, again) in enumerate(self.known.items(), 2):
                port = self.listeners[name].getsockname()[1]
                stream.socket.sendall(wire.encode("register", number, node=name, port=port, carrier=1, dist_high=6,
                                                  dist_low=5, **again))  # fmt: skip
            for name in self.known:
                answer = stream.receive()
                if answer is None:
                    return False
                assert answer.op == "registered", answer
                self.known[name] = {"creation": answer["creation"], "revision": answer["revision"]}
        except OSError:
            return False
        self.socket = stream.socket
        return True


def main():
    host, first, n = sys.argv[1].encode(), int(sys.argv[2]), int(sys.argv[3])
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, n + 200), most))
    names = [b"n%d@%s" % (number, host) for number in range(first, first + n)]
    groups = [Nodes(names[at : at + AT_ONCE]) for at in range(0, n, AT_ONCE)]
    poll = select.poll()
    listeners = {listener.fileno(): listener for group in groups for listener in group.listeners.values()}
    for fd in listeners:
        poll.register(fd, select.POLLIN)
    sessions, waiting, is_told = {}, list(groups), False
    while True:
        for group in waiting[:]:
            if group.register():
                waiting.remove(group)
                sessions[group.socket.fileno()] = group
                poll.register(group.socket, select.POLLIN)
        if not waiting and not is_told:
            print("ready", flush=True)
            is_told = True
        for fd, _ in poll.poll(50 if waiting else None):
            if fd in listeners:
                listeners[fd].accept()[0].close()
            elif not sessions[fd].socket.recv(4096):
                poll.unregister(fd)
                waiting.append(sessions.pop(fd))
                waiting[-1].socket.close()


if __name__ == "__main__":
    main()
