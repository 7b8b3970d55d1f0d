# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""From C, over sockets: lookups, registrations, names and lists, against epmd and against the floors."""

import json

from figures import Figure, Promise, Row, compared


def times(seen, contender, what="lookup"):
    """(median, p99) by round, in microseconds."""
    return [(one["p50_ns"] / 1000, one["p99_ns"] / 1000) for one in seen[contender.who, what]]


def rates(seen, contender):
    """(thousands a second, None) by round."""
    return [(one["per_s"] / 1000, None) for one in seen[contender.who, "lookup"]]


class Field:
    """The contenders, made when they are first needed."""

    def __init__(self, arena):
        self.arena = arena
        self.made = {}
        self.sizes = (1, 50, 200) if arena.is_quick else (1, 1000, 10000)

    def get(self, kind, *args):
        if (kind, *args) not in self.made:
            self.made[(kind, *args)] = getattr(self.arena, kind)(*args)
        return self.made[(kind, *args)]

    def agents(self):
        """At one name, at a thousand, and at ten thousand."""
        return [self.get("agent", n) for n in self.sizes]

    def epmds(self):
        """At one name and at a thousand: its wall is at 1 017."""
        return [self.get("epmd", n) for n in self.sizes[:2]]

    def rounds(self, full, ms=50):
        """(rounds, milliseconds of each)"""
        return (2, 5) if self.arena.is_quick else (full, ms)


def lookup(field):
    pair, events = field.get("floor", "pair"), field.get("floor", "events")
    agents, epmds = field.agents(), field.epmds()
    seen = field.arena.measure("lookup", [pair, events, *agents, *epmds], *field.rounds(60), shares_cpu=True)

    def row(them, us, promise=None):
        sides = them.who, times(seen, them), us.who, times(seen, us)
        return compared("lookup", "lookup, 1 client", "µs", *sides, promise)

    yield row(pair, agents[0], Promise("<=", 1.5))
    yield row(events, agents[0])
    yield row(epmds[0], agents[0])
    yield row(epmds[1], agents[1])
    yield row(agents[0], agents[1], Promise("<=", 1.1))
    yield row(agents[0], agents[2], Promise("<=", 1.1))


def throughput(field):
    events = field.get("floor", "events")
    agents, epmds = field.agents(), field.epmds()
    for clients in (1, 8, 64):
        for us, them in zip(agents, epmds):
            seen = field.arena.measure("lookup", [events, us, them], *field.rounds(20), clients)
            what = f"lookups, {clients} client{'s' if clients > 1 else ''}"
            promise = Promise(">=", 0.8) if clients == 8 else None
            for other, promised in ((events, promise), (them, None)):
                yield compared("throughput", what, "k/s", other.who, rates(seen, other), us.who, rates(seen, us),
                               promised)  # fmt: skip
    for us in agents:
        seen = field.arena.measure("lookup", [events, us], *field.rounds(40), 1, 32)
        yield compared("throughput", "lookups, 1 client, 32 on the way", "k/s", events.who, rates(seen, events),
                       us.who, rates(seen, us), Promise(">=", 0.8))  # fmt: skip


def register(field):
    events, agents, epmds = field.get("floor", "events"), field.agents(), field.epmds()
    seen = field.arena.measure("register", [events, *agents, *epmds], *field.rounds(40), shares_cpu=True)
    for what, text in (("register", "connect and register"), ("gone", "close, name gone")):
        yield compared("register", text, "µs", events.who, times(seen, events, what), agents[0].who,
                       times(seen, agents[0], what))  # fmt: skip
        for them, us in zip(epmds, agents):
            yield compared("register", text, "µs", them.who, times(seen, them, what), us.who, times(seen, us, what),
                           Promise("<=", 0.5))  # fmt: skip
        yield compared("register", text, "µs", agents[0].who, times(seen, agents[0], what), agents[2].who,
                       times(seen, agents[2], what))  # fmt: skip


def names(field):
    _, us, most = field.agents()
    _, them = field.epmds()
    rounds = field.rounds(20)
    for what in ("names", "list"):
        seen = field.arena.measure(what, [them, us, most], *rounds)
        for ours in (us, most):
            yield compared("names", f"{what} of {ours.names}", "µs", them.who, times(seen, them, what), ours.who,
                           times(seen, ours, what))  # fmt: skip


def held(field):
    """How many names can be held: asked for a few more than epmd has places."""
    most = field.agents()[2]
    limit = 60 if field.arena.is_quick else 1100
    them = field.get("epmd", 0)
    theirs = field.arena.hold(them, limit)
    host = field.arena.host
    status = host.run([host.product.cli, "status", "--json"], env={"EPMDNS_SOCKET": most.where}).stdout
    ours = json.loads(status)["nodes"]
    yield Row("held", "registrations held", "nodes", "epmd", Figure.of([theirs]), "agent", Figure.of([ours]),
              Figure.of([ours / theirs]), Promise(">=", field.sizes[2], "ours"))  # fmt: skip
