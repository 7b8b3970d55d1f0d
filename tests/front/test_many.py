# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""Ten thousand nodes on one machine. (What one user is refused, and told: test_abuse.py.)"""

import time

import epmdns_wire as wire
import pytest
from front import ALONE, WRAP

MANY = 10000
PER_SESSION = 64  # AGENT_NODES_PER_SESSION_MAX; and so many requests may be on their way
BYTES_EACH = 2048  # what a registration may cost, its share of a session included
LOOKUP_S = 0.001  # on average, most of it ours

pytestmark = pytest.mark.skipif(bool(WRAP), reason="times and limits are not those of the agent alone")


def name(number):
    return b"n%d@many.home" % number


def register(daemon, numbers):
    """So many nodes, each group on a session of its own. Return: these sessions."""
    clients = []
    for first in range(0, len(numbers), PER_SESSION):
        group = numbers[first : first + PER_SESSION]
        client = daemon.client()
        client.socket.sendall(
            b"".join(
                wire.encode("register", 100 + n, node=name(n), port=1 + n, carrier=1, dist_high=6, dist_low=5)
                for n in group
            )
        )
        for _ in group:
            answer = client.receive()
            assert answer.op == "registered", answer
        clients.append(client)
    return clients


def look_up(client, numbers):
    """{number: port}, pipelined."""
    ports = {}
    for first in range(0, len(numbers), PER_SESSION):
        group = numbers[first : first + PER_SESSION]
        client.socket.sendall(b"".join(wire.encode("lookup", 100 + n, node=name(n), family=4) for n in group))
        for _ in group:
            answer = client.receive()
            assert answer.op == "found", answer
            ports[answer.id - 100] = answer["port"]
    return ports


def test_ten_thousand_nodes_are_registered_found_and_gone(place, record_property):
    daemon = place.daemon(*ALONE).started()
    reader = daemon.client()
    before_kb = daemon.memory_kb()
    began = time.monotonic()
    clients = register(daemon, range(MANY))
    registered = time.monotonic()
    assert len(reader.list()) == MANY
    listed = time.monotonic()
    assert look_up(reader, range(MANY)) == {n: n + 1 for n in range(MANY)}
    found = time.monotonic()
    assert (found - listed) / MANY < LOOKUP_S
    bytes_each = (daemon.memory_kb() - before_kb) * 1024 / MANY
    assert bytes_each <= BYTES_EACH

    status = reader.status()
    assert (status["nodes"], status["advertised"], status["problem_adverts"]) == (str(MANY), "0", "")

    closing = time.monotonic()
    for client in clients:
        client.close()
    reader.status_with(nodes=0)
    gone = time.monotonic()
    assert reader.list() == {}
    record_property("register_s", f"{registered - began:.2f}")
    record_property("list_s", f"{listed - registered:.2f}")
    record_property("look_up_s", f"{found - listed:.2f}")
    record_property("gone_s", f"{gone - closing:.2f}")
    record_property("bytes_each", f"{bytes_each:.0f}")
    print(f"{MANY} registered in {registered - began:.2f} s, listed in {listed - registered:.2f} s, "
          f"looked up in {found - listed:.2f} s, all gone in {gone - closing:.2f} s, {bytes_each:.0f} bytes each")  # fmt: skip
