# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""What is limited on the oldest releases, so that the documentation says neither more nor less."""

BOB = "bob@unheard.of"


def test_before_24_2_a_host_part_has_to_resolve_to_whatever(a, b, compiled):
    for host in (a, b):
        host.start_agent()
    alice = a.start_node("alice@a.limits")
    bob = b.start_vm("bob", "-name", BOB, *b.with_epmdns())
    bob.eval("node()")
    a.wait_for_nodes(alice, BOB)
    assert not alice.resolves("unheard.of")
    assert alice.ping(BOB) == (not compiled.resolves_first)

    b.expect_node(BOB)
    assert alice.ping(BOB)
    assert alice.peer_address(BOB) == (b.address, bob.port())
