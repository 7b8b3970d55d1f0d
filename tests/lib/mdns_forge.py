#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""A neighbour that means ill: multicasts mDNS records that nobody would publish.

    mdns_forge.py ADDRESS FILE

sends from the interface that has ADDRESS what FILE says, a JSON list of steps, each {"services": [Service …] or
"crowd": Crowd, "rate": packets a second, "times": how often, "to": one host that alone hears it, so that nobody can
object}, and prints "sent N" after each. It needs no Avahi, and may run beside one. A test writes such a file with
start(). What is not ASCII stands in it as latin-1, a byte a character.
"""

import json
import os
import socket
import struct
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field

GROUP, PORT = "224.0.0.251", 5353
TYPE = (b"_erlang-dist", b"_tcp", b"local")
A, PTR, TXT, AAAA, SRV = 1, 12, 16, 28, 33
IN, FLUSH = 1, 0x8000  # FLUSH: what others had of this name and type is void, RFC 6762 §10.2


def name(labels):
    """A DNS name of any bytes whatever, without compression."""
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def record(labels, kind, data, ttl, flush=True):
    class_ = IN | (FLUSH if flush else 0)
    return name(labels) + struct.pack(">HHIH", kind, class_, ttl, len(data)) + data


def response(records):
    return struct.pack(">6H", 0, 0x8400, 0, len(records), 0, 0) + b"".join(records)


@dataclass
class Service:
    """One instance of our type. records: which of its records are sent."""

    instance: str
    port: int = 4711
    txt: list = field(default_factory=list)
    host: str = "forger.local"
    addresses: list = field(default_factory=list)
    ttl: int = 120
    records: str = "ptr srv txt addresses"

    def packet(self):
        parts = self.records.split()
        full = (self.instance.encode("latin-1"), *TYPE)
        host = [label.encode("latin-1") for label in self.host.split(".")]
        out = []
        if "ptr" in parts:
            out.append(record(TYPE, PTR, name(full), self.ttl, flush=False))
        if "srv" in parts:
            out.append(record(full, SRV, struct.pack(">3H", 0, 0, self.port) + name(host), self.ttl))
        if "txt" in parts:
            strings = [text.encode("latin-1") for text in self.txt] or [b""]
            out.append(record(full, TXT, b"".join(bytes([len(s)]) + s for s in strings), self.ttl))
        for address in self.addresses if "addresses" in parts else []:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            kind = AAAA if ":" in address else A
            out.append(record(host, kind, socket.inet_pton(family, address), self.ttl))
        return response(out)


@dataclass
class Crowd:
    """So many services, made as they are sent.

    style: "node", which looks like one of ours; "junk", whose TXT says nothing; "bare", a PTR record with nothing
    behind it. life: sent with a goodbye of the one that many places before it; 0: nobody leaves.
    """

    style: str
    count: int
    first: int = 0
    addresses: list = field(default_factory=list)
    ttl: int = 120
    life: int = 0
    spread: int = 1  # hosts that they are on, each of which has one of the addresses
    port: int = 1024

    def service(self, number, leaves=False):
        made = Service(f"fake{number}@forged.home~{number:08x}", self.port + number % 60000, ttl=self.ttl)
        made.txt = node_txt(f"fake{number}", "forged.home", creation=1000 + number)
        made.host = f"forger{number % self.spread}.local"
        made.addresses = self.addresses[number % self.spread :: self.spread]
        if self.style == "junk":
            made.txt = ["junk=1"]
        elif self.style == "bare":
            made.records = "ptr"
        if leaves:
            made.ttl, made.records = 0, made.records.replace("addresses", "")
        return made

    def packets(self):
        for number in range(self.first, self.first + self.count):
            yield self.service(number).packet()
            if self.life and number >= self.first + self.life:
                yield self.service(number - self.life, leaves=True).packet()


def node_txt(alive, host, creation=77, revision=1, agent="f0f0f0f0f0f0f0f0", **more):
    """What one of ours says. more: other keys, or None to leave one out."""
    values = {"txtvers": "1", "n": alive, "h": host, "cr": creation, "rv": revision, "v": "6/5", "p": "inet_tcp"}
    values.update(id=agent, **more)
    return [f"{key}={value}" for key, value in values.items() if value is not None]


def open_socket(address):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
        sock.setsockopt(socket.SOL_SOCKET, option, 1)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)  # Avahi takes nothing else
    sock.bind(("", PORT))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 0)  # of what comes in nothing is read
    return sock


def packets_of(step):
    for _ in range(step.get("times", 1)):
        if "crowd" in step:
            yield from Crowd(**step["crowd"]).packets()
        for service in step.get("services", []):
            yield Service(**service).packet()


def main():
    address, path = sys.argv[1:]
    with open(path) as script:
        steps = json.load(script)
    sock = open_socket(address)
    for step in steps:
        due, sent = time.monotonic(), 0
        for packet in packets_of(step):
            time.sleep(max(0, due - time.monotonic()))
            due += 1 / step.get("rate", 50)
            sock.sendto(packet, (step.get("to", GROUP), PORT))
            sent += 1
        print("sent", sent, flush=True)


def start(host, *steps):
    """Have a simulated host send this. Return: its process; finish() waits for its end."""
    handle, path = tempfile.mkstemp(prefix="forge-", suffix=".json", dir=host.directory)
    with os.fdopen(handle, "w") as out:
        json.dump(steps, out, default=asdict)
    return host.spawn(["/usr/bin/python3", "-B", os.path.abspath(__file__), host.address, path], name="mdns_forge")


def send(host, *steps, timeout=30):
    """The same, and wait until all is sent."""
    process = start(host, *steps)
    assert process.wait(timeout) == 0, process.output
    return process


if __name__ == "__main__":
    main()
