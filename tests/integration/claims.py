# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""What has to hold whenever two nodes have found each other."""

import re

LOOPBACK = "127.0.0.1"
SERVICE = "_erlang-dist._tcp"


def ping_proves_epmdns(here, there):
    """here pings there, and nothing but epmdns can have told it how."""
    assert here.ping(there), f"{here} does not reach {there}"
    nothing_else_could_help(here, there)
    address = LOOPBACK if here.host is there.host else there.host.address
    assert here.host.lookup(there) == [(address, there.port(), "inet")]
    assert here.peer_address(there)[0] == address


def nothing_else_could_help(here, there):
    """No epmd on either host, and no way to resolve the host part."""
    for host in {here.host, there.host}:
        assert "epmd" not in host.running().values()
    for address in {LOOPBACK, here.host.address, there.host.address}:
        assert connect(here, address, 4369) == "{error,econnrefused}"
    host_part = there.name.partition("@")[2]
    assert not here.resolves(host_part)
    assert here.host.run(["getent", "hosts", host_part], check=False).returncode != 0


def connect(node, address, port):
    """What a TCP connection attempt from a node comes to."""
    return node.eval(f'gen_tcp:connect("{address}", {port}, [], 2000)')


def texts_of(host, node):
    """The TXT records of a node as a host's Avahi knows them: a list of {key: value}."""
    lines = host.run(["avahi-browse", "-rpt", SERVICE]).stdout.splitlines()
    records = [line.split(";", 9)[9] for line in lines if line.startswith("=")]
    texts = [dict(re.findall(r'"([^"=]+)=([^"]*)"', record)) for record in records]
    name, _, part = node.name.partition("@")
    mine = {tuple(text.items()): text for text in texts if (text.get("n"), text.get("h")) == (name, part)}
    return list(mine.values())
