# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""What is limited on the oldest releases, so that the documentation says neither more nor less."""

from test_probes import certificate  # noqa: F401

BOB = "bob@unheard.of"


def test_before_24_2_a_host_part_has_to_resolve_to_whatever(a, b, served, compiled):
    alice = a.start_node("alice@a.limits")
    bob = b.start_vm("bob", "-name", BOB, *b.with_epmdns())
    bob.eval("node()")
    a.wait_for_nodes(alice, BOB)
    assert not alice.resolves("unheard.of")
    assert alice.ping(BOB) == (not compiled.resolves_first)

    b.expect_node(BOB)
    assert alice.ping(BOB)
    assert alice.peer_address(BOB) == (b.address, bob.port())


def test_before_24_2_tls_wants_the_right_address(a, b, served, compiled, certificate):  # noqa: F811
    tls = ["-proto_dist", "inet_tls", "-connect_all", "false"]
    tls += ["-ssl_dist_opt", "server_certfile", certificate, "client_verify", "verify_none"]
    alice = a.start_node("alice@a.tls", extra=tls, wait=False)
    named = b.start_node("bob@b.tls", extra=tls, wait=False)
    literal = b.start_node(f"bob@{b.address}", extra=tls, wait=False)
    a.wait_for_nodes(alice, named, literal, timeout=30)
    assert alice.ping(literal)
    assert alice.ping(named) == (not compiled.resolves_first)
