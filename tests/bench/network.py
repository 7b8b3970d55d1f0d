# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""On two simulated hosts with a stock Avahi each: how long it takes the other one to know."""

import random
import subprocess
import time

from arena import tool
from epmdns_wire import DOWN, UP
from figures import Figure, Promise, Row
from lab_wire import Client

PORT = 4000  # nobody listens there: as when a VM has crashed
PHASE_S = 0.3
TYPE = "_bench._tcp"


def begin_at_any_phase():
    """Of whatever goes on in intervals. Return: when that is."""
    time.sleep(random.uniform(0, PHASE_S))
    return time.monotonic()


class Link:
    """Two hosts with agents; what is registered at one is watched at the other."""

    def __init__(self, near, far):
        self.near, self.far = near, far
        for host in (self.near, self.far):
            host.start_agent()
        self.watcher = Client(self.far)
        self.watcher.send("watch", filter=1)
        self.asker = Client(self.far)
        browse = [tool("avahi-browse"), "--resolve", "--parsable", TYPE]
        self.browser = self.far.spawn(browse, name="avahi-browse", stdout=subprocess.PIPE)

    def expect(self, event, node):
        """Wait for it. Return: when it was told."""
        while True:
            item = self.watcher.next()
            if item["event"] == event and item.get("node") == node.encode():
                return time.monotonic()

    def come_and_go(self, node):
        """Return: seconds until a registration is found and resolvable there, and until its end is known."""
        client = Client(self.near)
        began = begin_at_any_phase()
        client.send("register", node=node.encode(), port=PORT, carrier=1, dist_high=6, dist_low=5)
        self.expect(UP, node)
        assert self.asker.lookup_port(node) == PORT
        up = time.monotonic() - began
        began = begin_at_any_phase()
        client.close()
        return up, self.expect(DOWN, node) - began

    def publish(self, name):
        """The same with Avahi's own programs, and with its default, which asks first whether the name is free."""
        began = begin_at_any_phase()
        publisher = self.near.spawn([tool("avahi-publish"), "-s", name, TYPE, str(PORT)], name="avahi-publish")
        for line in self.browser.popen.stdout:
            fields = line.decode().split(";")
            if fields[0] == "=" and fields[3] == name:
                break
        took = time.monotonic() - began
        publisher.terminate()
        return took


def network(near, far, is_quick):
    link = Link(near, far)
    samples, publications = (1, 1) if is_quick else (60, 20)
    ups, downs, theirs = [], [], []
    for n in range(samples):
        up, down = link.come_and_go(f"bench{n}@near.bench")
        ups.append(up)
        downs.append(down)
        if n < publications:
            theirs.append(link.publish(f"bench{n}"))
    theirs, ups, downs = Figure.of(theirs), Figure.of(ups), Figure.of(downs)
    ratio = Figure.of([ups.median / theirs.median])
    yield Row("network", "registered, found and resolvable elsewhere", "s", "Avahi's default", theirs, "agent", ups,
              ratio, Promise("<=", 0.2, "ours"))  # fmt: skip
    yield Row("network", "killed, known elsewhere", "s", us="agent", ours=downs, promise=Promise("<=", 1.2, "ours"))
