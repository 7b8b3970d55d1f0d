# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""The commands that stay: watch and register, through restarts of the agent."""

import json
import os
import signal

import pytest
from epmdns_wire import CHANGED, DOWN, READY, UP
from scripts import ALICE, BOB, KEYS


def watched(session, *events):
    """Greet, and answer the watch with (event, fields). Return: the request."""
    session.welcome()
    request = session.expect("watch")
    for event, fields in events:
        session.send("item", request.id, event=event, **fields)
    return request


def test_watch_prints_a_line_an_event(place):
    def script(session):
        request = watched(session, (UP, ALICE), (READY, {}), (UP, BOB), (CHANGED, {**BOB, "state": 3}))
        assert request.fields == {}
        session.send("item", request.id, event=DOWN, node=b"bob@b.home")
        session.until_closed()

    with place.agent(script):
        watch = place.start("watch")
        assert watch.out(5) == [
            "up       alice@a.home  127.0.0.1  41231  -  local",
            "ready",
            "up       bob@b.home  192.168.1.17  38251  red  eth0",
            "changed  bob@b.home  192.168.1.17  38251  red  eth0  (conflict)",
            "down     bob@b.home  -  -  -  -",
        ]
        assert watch.stop() == -signal.SIGTERM
        assert watch.lines["err"] == []


def test_watch_json_has_all_keys_in_every_event(place):
    def script(session):
        request = watched(session, (UP, BOB), (READY, {}))
        assert request.fields == {"filter": 1, "cluster": b"red"}
        session.send("item", request.id, event=DOWN, **BOB)

    with place.agent(script):
        watch = place.start("watch", "--json", "--all", "--cluster", "red")
        events = [json.loads(line) for line in watch.out(4)]
        watch.stop()
    assert [event["event"] for event in events] == ["up", "ready", "down", "lost"]
    assert all(list(event) == ["event", *KEYS] for event in events)
    assert all(events[i][key] is None for i in (1, 3) for key in KEYS)
    assert events[0]["tags"] == {"role": "db", "rack": "4"}


def test_watch_starts_again_when_the_agent_is_lost(place):
    def first(session):
        watched(session, (UP, ALICE), (READY, {}))

    def second(session):
        watched(session, (UP, BOB), (READY, {}))
        session.until_closed()

    with place.agent(first, second) as agent:
        watch = place.start("watch")
        assert [line.split()[0] for line in watch.out(5)] == ["up", "ready", "lost", "up", "ready"]
        assert watch.err(1) == [f"epmdns: the agent at {place.socket} closed the connection; trying again"]
        watch.stop()
        agent.wait(2)


def test_watch_waits_for_an_agent_that_is_gone(place):
    def first(session):
        watched(session, (READY, {}))

    with place.agent(first):
        watch = place.start("watch")
        assert watch.out(2) == ["ready", "lost"]
    place.socket.unlink()

    def second(session):
        watched(session, (READY, {}))
        session.until_closed()

    with place.agent(second):
        assert watch.out(3) == ["ready", "lost", "ready"]
        watch.stop()


def test_watch_says_lost_once(place):
    """An agent that takes the connection and does nothing with it is not lost again and again."""

    def first(session):
        watched(session, (READY, {}))

    def again(session):
        session.welcome()
        session.expect("watch")

    with place.agent(first, again, lambda session: None, again, first, again) as agent:
        watch = place.start("watch")
        agent.wait(6)
        watch.stop()
    assert watch.lines["out"] == ["ready", "lost", "ready", "lost"]
    assert watch.lines["err"] == 2 * [f"epmdns: the agent at {place.socket} closed the connection; trying again"]


def test_watch_goes_on_when_it_is_refused_later(place):
    """An agent that starts again may be full for a while."""

    def refuse(session):
        session.welcome()
        session.error(session.expect("watch").id, "limit", b"full")
        session.until_closed()

    def first(session):
        watched(session, (READY, {}))

    def last(session):
        watched(session, (READY, {}))
        session.until_closed()

    with place.agent(first, refuse, last):
        watch = place.start("watch")
        assert watch.out(3) == ["ready", "lost", "ready"]
        watch.stop()


def test_watch_goes_on_when_the_agent_ends_it(place):
    def first(session):
        request = watched(session, (READY, {}))
        session.send("done", request.id)
        session.until_closed()

    def last(session):
        watched(session, (READY, {}))
        session.until_closed()

    with place.agent(first, last):
        watch = place.start("watch")
        assert watch.out(3)[:3] == ["ready", "lost", "ready"]
        watch.stop()


def test_watch_skips_events_of_a_later_version(place):
    def script(session):
        watched(session, (99, BOB), (READY, {}))
        session.until_closed()

    with place.agent(script):
        watch = place.start("watch")
        assert watch.out(1) == ["ready"]
        watch.stop()


def test_watch_ends_when_refused_at_first(place):
    def script(session):
        session.welcome()
        session.error(session.expect("watch").id, "bad_field", b"cluster: no")
        session.until_closed()

    with place.agent(script):
        assert place.run("watch", "--cluster", "x") == (2, "", "epmdns: cluster: no (bad_field)\n")


@pytest.mark.parametrize("option", [(), ("--json",)])
def test_watch_ends_when_nobody_reads(place, option):
    """Not only at the next event, which may be hours away."""

    def script(session):
        watched(session, (READY, {}))
        session.until_closed()

    with place.agent(script):
        reader, writer = os.pipe()
        watch = place.start("watch", *option, stdout=writer)
        os.close(writer)
        assert os.read(reader, 1000).endswith(b"\n")
        os.close(reader)
        assert watch.popen.wait(30) == 0


def test_watch_ends_when_nobody_reads_while_it_waits_for_an_agent(place):
    with place.agent(lambda session: watched(session, (READY, {}))):
        reader, writer = os.pipe()
        watch = place.start("watch", stdout=writer)
        os.close(writer)
        watch.err(1)
    os.close(reader)
    assert watch.popen.wait(30) in (0, -signal.SIGPIPE)


# register


def registered(session, creation=77, revision=3):
    """Greet and take the registration. Return: (hello, request)."""
    hello = session.welcome()
    request = session.expect("register")
    session.send("registered", request.id, creation=creation, revision=revision)
    return hello, request


def test_register_prints_one_line_and_stays(place):
    def script(session):
        hello, request = registered(session)
        assert len(hello["owner"]) == 16
        assert request.fields == {
            "node": b"me@h", "port": 4711, "carrier": 3, "dist_high": 6, "dist_low": 6, "flags": 1,
            "bound": bytes([10, 0, 0, 1]), "cluster": b"red", "tag": [b"k=v", b"e="],
        }  # fmt: skip
        session.until_closed()

    with place.agent(script) as agent:
        holder = place.start(
            "register", "me@h", "4711", "--carrier", "inet_tls", "--address", "10.0.0.1", "--cluster", "red",
            "--tag", "k=v", "--tag=e=", "--hidden",
        )  # fmt: skip
        assert holder.out(1) == ["me@h is registered at port 4711 with creation 77"]
        assert holder.popen.poll() is None
        assert holder.stop() == -signal.SIGTERM
        agent.wait(1)  # its end is the end of the registration
    assert holder.lines["err"] == []


def test_register_keeps_creation_and_owner_when_the_agent_restarts(place):
    seen = []

    def script(revision):
        def run(session):
            seen.append(registered(session, revision=revision))

        return run

    def last(session):
        seen.append(registered(session, revision=8))
        session.until_closed()

    with place.agent(script(3), script(7), last) as agent:
        holder = place.start("register", "me@h", "4711")
        agent.wait(2)
        holder.wait_for("err", lambda lines: sum("again" in line for line in lines) >= 4)
        holder.stop()
    requests = [request for _, request in seen]
    assert "creation" not in requests[0] and "revision" not in requests[0]
    assert [(r["creation"], r["revision"]) for r in requests[1:]] == [(77, 3), (77, 7)]
    assert len({hello["owner"] for hello, _ in seen}) == 1
    assert holder.lines["out"] == ["me@h is registered at port 4711 with creation 77"]
    assert holder.lines["err"][:2] == [
        f"epmdns: the agent at {place.socket} closed the connection; registering again when it is back",
        "epmdns: me@h is registered again",
    ]


def test_register_waits_for_an_agent_that_is_gone(place):
    with place.agent(registered):
        holder = place.start("register", "me@h", "4711")
        holder.err(1)
    place.socket.unlink()

    def second(session):
        _, request = registered(session)
        assert (request["creation"], request["revision"]) == (77, 3)
        session.until_closed()

    with place.agent(second):
        assert holder.err(2)[1] == "epmdns: me@h is registered again"
        holder.stop()


def test_register_says_that_the_name_is_taken(place):
    def script(session):
        session.welcome()
        session.error(session.expect("register").id, "duplicate_name", b"held by session 7")
        session.until_closed()

    with place.agent(script):
        assert place.run("register", "me@h", "4711") == (
            1,
            "",
            "epmdns: me@h is already registered by another live program on this machine;"
            " stop that one or take another name (duplicate_name)\n",
        )


def test_register_holds_on_when_the_name_was_taken_meanwhile(place):
    def taken(session):
        session.welcome()
        request = session.expect("register")
        assert request["creation"] == 77
        session.error(request.id, "duplicate_name")

    def back(session):
        _, request = registered(session)
        assert request["creation"] == 77
        session.until_closed()

    with place.agent(registered, taken, back):
        holder = place.start("register", "me@h", "4711")
        err = holder.wait_for("err", lambda lines: lines and lines[-1] == "epmdns: me@h is registered again")
        assert sum("already registered" in line for line in err) == 1
        holder.stop()


def test_register_shows_the_agents_reason(place):
    def script(session):
        session.welcome()
        session.error(session.expect("register").id, "bad_field", b"tag: the key txtvers is taken")
        session.until_closed()

    with place.agent(script):
        code, _, err = place.run("register", "me@h", "4711", "--tag", "txtvers=1")
    assert (code, err) == (2, "epmdns: me@h: tag: the key txtvers is taken (bad_field)\n")


def test_register_survives_an_answer_to_something_else(place):
    def script(session):
        session.welcome()
        session.send("done", session.expect("register").id)
        session.until_closed()

    with place.agent(script):
        assert place.run("register", "me@h", "4711") == (
            1, "", "epmdns: me@h: the agent gave an answer to something else\n",
        )  # fmt: skip


