# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""What has to hold whenever two nodes have found each other."""

import re

from lab import wait_until

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


class Records:
    """The nodes that are advertised, as a host's Avahi sees them come and go; nothing of ours is asked."""

    def __init__(self, host):
        self.browser = host.spawn(["avahi-browse", "-rp", SERVICE])

    def of(self, node):
        """The TXT records that a node has now: a list of {key: value}."""
        seen = {}
        for line in self.browser.output.splitlines(keepends=True):
            if not line.endswith("\n"):
                break  # it is being written
            event, interface, protocol, instance, *rest = line.split(";", 9)
            if event == "-":
                seen.pop((interface, protocol, instance), None)
            elif event == "=":
                seen[interface, protocol, instance] = dict(re.findall(r'"([^"=]+)=([^"]*)"', rest[-1]))
        texts = {tuple(text.items()): text for text in seen.values()}
        return [text for text in texts.values() if f"{text.get('n')}@{text.get('h')}" == node.name]


def listed(host, *args):
    """The names of all nodes in `epmdns list`, whatever their state."""
    return {node["node"] for node in host.json("list", *args)}


def wait_until_listed(host, names, *args, timeout=10.0):
    """Until `epmdns list` shows exactly these names."""
    wait_until(
        lambda: listed(host, *args) == set(names),
        timeout,
        lambda: f"{sorted(names)} on {host.name}; there is {sorted(listed(host, *args))}",
        interval=0.05,
    )
