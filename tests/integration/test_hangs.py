# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""What the agent stands on hangs, is renamed, or lives in another time: it says so, and nothing is lost.

For a minute each, with a thousand nodes that come and go: tests/soak/breakage.py.
"""

import itertools
import os
import re
import signal
from contextlib import contextmanager

import pytest

from lab import LabUnavailable, wait_until
from trials import Lookups, connection, discovery_pid

AVAHI, BUS, DISCOVERY = "avahi-daemon", "the D-Bus system bus", "the discovery process"
numbers = itertools.count(1)


class Couple:
    """Two hosts with a watch each, nodes that listen on both, and two of Erlang that are connected."""

    def __init__(self, *hosts):
        self.hosts = hosts
        self.domain = f"hang{next(numbers)}"
        for host in hosts:
            host.start_agent()
        erlang = [host.start_node(f"erl@{host.name}.{self.domain}", wait=False) for host in hosts]
        self.names = [name for host in hosts for name in host.start_listeners(self.domain, 2)]
        self.names += [node.name for node in erlang]
        self.wait_for_views(20)
        assert erlang[0].ping(erlang[1])
        self.erlang = erlang
        self.connection = connection(*erlang)
        self.watches = [host.watch() for host in hosts]

    def wait_for_views(self, timeout=5 + 1):
        for host in self.hosts:
            host.wait_for_nodes(*self.names, timeout=timeout)

    def add_nodes(self):
        """One on each host, which is then seen by both."""
        for host in self.hosts:
            self.names += host.start_listeners(f"late{next(numbers)}", 1)

    def check(self):
        """All is as it was, and has been all the time; of an earlier test Avahi may still forget some."""
        assert not [event for watch in self.watches for name in self.names for event in watch.seen("down", name)]
        assert connection(*self.erlang) == self.connection


@contextmanager
def answered_lookups(host, names):
    """Nodes that are known are found all the time: every lookup, and 99 in 100 within 100 ms.

    The slowest one says more of the machine: a single moment without a processor makes it."""
    with Lookups(host, names) as lookups:
        yield
        figures = lookups.end()
    assert figures["n"] > 100 and figures["missed"] == 0, figures
    assert figures["lookup"]["p99"] < 100_000, figures


@pytest.mark.parametrize("what", [AVAHI, BUS, DISCOVERY])
def test_what_hangs_is_named_and_all_is_well_once_it_goes_on(a, b, what):
    couple = Couple(a, b)
    process = {AVAHI: a.avahi, BUS: a.bus}.get(what)
    discovery = discovery_pid(a)

    def send(number):
        process.signal(number) if process else os.kill(discovery, number)

    with answered_lookups(a, couple.names):
        send(signal.SIGSTOP)
        try:
            status = a.status()
            assert status["backend_state"] == "connecting"
            assert re.match(what + r" has not answered for \d+ s$", status["backend_text"]), status
            couple.add_nodes()
        finally:
            send(signal.SIGCONT)
        couple.wait_for_views()
        wait_until(lambda: a.status()["backend_state"] == "running", what="the status to know")
    couple.check()
    assert a.status()["discovery_restarts"] == 0
    assert len(re.findall(f"Discovery stands still: {what} has not answered for", a.agents[-1].output)) == 1


def test_a_renamed_host_keeps_its_nodes(a, b):
    couple = Couple(a, b)
    try:
        for name in ("a-2", "a"):
            a.run(["avahi-set-host-name", name])
            wait_until(lambda: a.status()["backend_text"] == f"{name}.local", what="the agent to know")
            wait_until(lambda: name_of_service(b, couple.domain) == {f"{name}.local"}, what="others to know")
            couple.add_nodes()
            couple.wait_for_views()
    finally:
        a.run(["avahi-set-host-name", "a"], check=False)
    couple.check()


def name_of_service(host, domain):
    """The host names that the nodes of host a have in their SRV records, as Avahi elsewhere knows them."""
    found = host.run(["avahi-browse", "-rpt", "_erlang-dist._tcp"]).stdout.splitlines()
    rows = [line.split(";", 9) for line in found if line.startswith("=") and f'"h=a.{domain}"' in line]
    return {row[6] for row in rows}


@pytest.fixture(scope="module")
def clocked(lab, product):
    """A host whose clock can be set."""
    host = lab.host("clocked", bus=False)
    try:
        host.own_clock()
    except LabUnavailable as reason:
        pytest.skip(str(reason))
    host.start_bus()
    host.start_avahi()
    return host


def test_a_clock_that_is_set_forward_loses_nothing_and_one_set_back_is_told(clocked, b):
    couple = Couple(clocked, b)
    heard = clocked.spawn(["stdbuf", "-oL", "avahi-browse", "-p", "_erlang-dist._tcp"], name="avahi-browse")
    elsewhere = re.escape(rf"b\.{couple.domain}")
    wait_until(lambda: re.search(f"^[+].*{elsewhere}", heard.output, re.M), what="what Avahi knows")
    clocked.step_clock(3600)  # in Avahi's cache everything is too old
    wait_until(lambda: re.search(f"^-.*{elsewhere}", heard.output, re.M), what="Avahi to forget")
    heard.kill()
    couple.add_nodes()
    couple.wait_for_views()
    wait_until(lambda: clocked.status()["instances_unheard"] == 0, what="Avahi to hear all again")
    assert clocked.status()["problem_clock"] is None

    clocked.step_clock(-3600)
    assert "was set back by 3600 s: until it shows " in clocked.status()["problem_clock"]
    clocked.stop_avahi()
    clocked.start_avahi()
    wait_until(lambda: clocked.status()["problem_clock"] is None, what="the new Avahi to count")
    couple.wait_for_views()
    couple.check()
