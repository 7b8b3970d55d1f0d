# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""Names that DNS has no room or no letters for are found as they are, on their host and on others."""

from itertools import permutations

import pytest

from claims import ping_proves_epmdns
from lab_node import atom

LABEL_MAX = 63  # bytes of an instance's name in DNS
NODE_MAX = 255  # characters of an atom


def meet(*nodes):
    """On each node's host all are listed, each with its own port; all ping all, whom Erlang asks for their names."""
    ports = {node.name: node.port() for node in nodes}
    for host in {node.host for node in nodes}:
        seen = host.wait_for_nodes(*nodes)
        assert {name: node["port"] for name, node in seen.items()} == ports
    for here, there in permutations(nodes, 2):
        ping_proves_epmdns(here, there)


def padded(alive, host, length):
    """A full name of so many characters, of which the middle is filled."""
    return f"{alive}{'x' * (length - len(alive) - 1 - len(host))}@{host}"


def test_names_as_long_as_they_may_be(a, b, served):
    """Names that differ behind what fits into a label, in the name as in the host part."""
    long_host = ".".join(["host" * 12] * 4)
    nodes = [
        a.start_node(padded("one", "a.long", 200), wait=False),
        a.start_node(padded("one", "b.long", NODE_MAX), wait=False),
        b.start_node(padded("one", "c.long", NODE_MAX), wait=False),
        b.start_node(f"one@{long_host}.long", wait=False),
    ]
    for node in nodes:
        node.wait_until_alive()
        assert len(node.name) > LABEL_MAX
    meet(*nodes)


def test_names_that_differ_only_in_case_are_different_nodes(a, b, served):
    """To Erlang; to DNS they are one."""
    nodes = [
        a.start_node("anna@a.case", wait=False),
        a.start_node("Anna@a.case", wait=False),
        b.start_node("ANNA@a.case", wait=False),
        b.start_node("anna@A.case", wait=False),
    ]
    for node in nodes:
        node.wait_until_alive()
    meet(*nodes)


def test_a_name_ends_and_the_one_that_differs_only_in_case_stays(a, b, served):
    lower = a.start_node("otto@a.case")
    upper = a.start_node("OTTO@a.case")
    b.wait_for_nodes(lower, upper)
    watch = b.watch()
    lower.kill()
    watch.wait("down", lower.name)
    assert [what["node"] for _, what in watch.seen("down")] == [lower.name]
    assert b.lookup(lower) == []
    assert b.lookup(upper) == [(a.address, upper.port(), "inet")]


@pytest.mark.parametrize("host_part", ["bücherei.home", "ÿ.¿é", "!we;ird=h&st%20.{~}"], ids=ascii)
def test_a_host_part_of_all_that_erlang_allows(a, b, served, host_part):
    """Which is latin-1 from "!" to "ÿ". An old OTP that wants it to resolve finds no such name in any file."""
    left, right = a.start_node(f"left@{host_part}"), b.start_node(f"right@{host_part}")
    for host in (a, b):
        host.wait_for_nodes(left, right)
        assert left.name in host.epmdns("list").stdout
    part = atom(host_part)
    both = f'[{{"left",{left.port()}}},{{"right",{right.port()}}}]'
    assert left.eval(f"{{ok, Names}} = net_adm:names({part}), lists:sort(Names)") == both
    place = f"{{ok,{{{b.address.replace('.', ',')}}},{right.port()},6}}"
    assert left.eval(f'epmdns:address_please("right", {part}, inet)') == place
    if not (a.product.otp.resolves_first and any(c > "~" for c in host_part)):
        meet(left, right)


def test_a_host_part_beyond_latin_1_is_no_name(a, served):
    """To Erlang itself; whoever asks for it is told that there is none."""
    node = a.start_node("asker@a.script")
    assert node.eval('epmdns:address_please("x", "東京.home", inet)') == "{error,nxdomain}"
    assert not node.ping("x@東京.home")
    done = a.epmdns("lookup", "x@東京.home", check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "a character outside latin-1" in done.stderr
