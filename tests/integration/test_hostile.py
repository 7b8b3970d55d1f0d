# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""A neighbour that means ill: who is known stays, where it is, and what people are shown stays clean.

In short; tests/soak/hostile.py has it at length, with figures.
"""

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

from hostility import advertised, is_clean, lies_about, odd_services, rivals_of, unclean  # noqa: E402
from lab import wait_until  # noqa: E402
from lab_fixtures import opened_lab  # noqa: E402
from lab_wire import INET, Client  # noqa: E402
from mdns_forge import Crowd, start  # noqa: E402

LINES_OF_A_KIND = 6  # a few at once, then one in ten seconds
NOBODY = "10.77.0.250"


@pytest.fixture(scope="module")
def street(product):
    """Hosts of our own, for what they are told stays in their caches; the third has no Avahi."""
    with opened_lab() as lab:
        yield *lab.hosts("a", "b"), lab.host("c", bus=False)


@pytest.fixture
def cast(street):
    """An observer with a node of its own, and a host with two. Return: a function that brings them and returns the
    hosts, where the nodes are, what is advertised of them, and a watch."""

    a, b, c = street

    def bring(domain):
        for host in (a, b):
            host.start_agent()
        where = {name: host.address for host, n in ((a, 1), (b, 2)) for name in host.start_listeners(domain, n)}
        true, watch = advertised(a, where), a.watch()
        for name in where:
            watch.wait("up", name)
        return a, b, c, where, true, watch

    return bring


def places(client, names):
    """{name: (address, port)} as the agent answers."""
    found = {}
    for name in names:
        answer = client.ask("lookup", node=name.encode(), family=INET, timeout_ms=0)[-1]
        found[name] = (answer["address"], answer["port"]) if answer.op == "found" else answer.op
    return found


def attacked(attack, client, before, doubted=()):
    """Until it is over, all nodes are found where they were; some are verified, and so resolved anew, meanwhile."""
    while attack.alive:
        for name in doubted:
            client.ask("hint", node=name.encode())
        assert places(client, before) == before
    assert attack.wait() == 0, attack.output


def no_downs(watch, names):
    return not [what["node"] for _, what in watch.seen("down") if what["node"] in names]


def log_is_short(host):
    """No line of its agent is there too often, whatever it names."""
    kinds = {}
    for line in host.agents[-1].output.splitlines():
        kind = re.sub(r" \w+=.*", "", line)
        kinds[kind] = kinds.get(kind, 0) + 1
    assert all(n <= LINES_OF_A_KIND for n in kinds.values()), kinds


def test_lies_about_nodes_that_live_are_not_believed(cast):
    """They are told the observer alone, so that nobody objects."""
    a, b, c, where, true, watch = cast("slandered")
    known = [name for name in where if where[name] == b.address]
    lies = [lies_about(true[name], c.address) for name in known]
    steps = [{"services": [lie[what] for lie in lies], "rate": 40, "to": a.address} for what in lies[0]]
    steps[0]["times"] = 30  # in a second Avahi forgets the true address
    with Client(a) as client:
        attacked(start(c, *({"times": 6, **step} for step in steps)), client, places(client, where), doubted=known)
    assert no_downs(watch, where)
    log_is_short(a)
    resolve = ["avahi-resolve", "-4", "-n", "b.local"]
    wait_until(lambda: b.address in a.run(resolve, check=False).stdout, what="the lies to be forgotten")


def test_odd_services_and_claims_change_nothing_for_honest_nodes(cast):
    a, b, c, where, true, watch = cast("claimed")
    odd = odd_services(NOBODY, "odd.hostile")
    rivals = [rival for name in where for rival in rivals_of(true[name], (c.address, b.address, NOBODY))]
    fakes = Crowd("node", 100, addresses=[NOBODY], ttl=20)
    names_only = Crowd("bare", 300, first=100, ttl=30)
    with Client(a) as client:
        before = places(client, where)
        told = a.spawn([a.product.cli, "watch", "--all"], name="epmdns-watch")
        steps = {"services": odd + rivals}, {"crowd": fakes}, {"crowd": names_only}
        attacked(start(c, *({**step, "rate": 200} for step in steps)), client, before)
        watch.wait("up", "fake99@forged.home")
        late = b.start_listeners("claimed", 1, first=100)[0]
        watch.wait("up", late)  # behind three hundred that nobody can resolve, 64 of them in each 5 s
        assert places(client, before) == before
    assert no_downs(watch, where)
    assert not any(node["port"] == 0 or "8.8.8.8" in node["addresses"] for node in a.json("list", "--all"))
    assert unclean(a, "odd.hostile") == [] and is_clean(told.output)
    assert "turned-tag@odd.hostile" in told.output
    log_is_short(a)
