# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""What OTP and its tools make of the nodes that epmdns finds: net_adm, global, pg and observer, on three hosts."""

import itertools

import pytest

from lab import wait_until

NOBODY = "nowhere.mesh"
_numbers = itertools.count(1)


@pytest.fixture
def mesh(trio):
    """One node on each host, all known to all, none connected; and a second one on the first host."""
    for host in trio:
        host.start_agent()
    domain = f"mesh{next(_numbers)}"
    placed = zip(("ann", "bob", "cyd", "amy"), (*trio, trio[0]))
    nodes = [host.start_node(f"{name}@{host.name}.{domain}", wait=False) for name, host in placed]
    for host in trio:
        host.wait_for_nodes(*nodes)
    return nodes


def names(nodes):
    return {node.name for node in nodes}


def host_part(node):
    return node.name.partition("@")[2]


def as_list(*nodes):
    """How Erlang prints a sorted list of these nodes."""
    return "[" + ",".join(f"'{name}'" for name in sorted(names(nodes))) + "]"


def wait_until_connected(nodes):
    """Until each is connected to all others."""
    for node in nodes:
        wait_until(
            lambda: node.connected() == names(nodes) - {node.name},
            what=lambda: f"{node} to be connected to all; it is to {node.connected()}",
        )


@pytest.fixture
def hosts_file():
    """Write the .hosts.erlang of a host."""
    written = []

    def write(host, *hosts):
        path = host.path("/run/home/.hosts.erlang")
        path.write_text("".join(f"'{name}'.\n" for name in hosts))
        written.append(path)

    yield write
    for path in written:
        path.unlink()


def test_nodes_that_are_found_are_connected_by_world(mesh, trio, hosts_file):
    assert [node.connected() for node in mesh] == [set()] * 4, "epmdns connects nobody"
    ann, bob, cyd, amy = mesh
    hosts_file(cyd.host, host_part(ann), NOBODY, host_part(bob), host_part(cyd))
    assert cyd.eval("lists:sort(net_adm:world())") == as_list(*mesh)
    wait_until_connected(mesh)
    some = f"['{host_part(ann)}', '{host_part(bob)}']"
    assert cyd.eval(f"lists:sort(net_adm:world_list({some}))") == as_list(ann, amy, bob)


def test_short_names_are_found_by_the_long_names_of_their_hosts(a, b, served, hosts_file):
    """As they stand in .hosts.erlang where there is DNS."""
    here, there = a.start_node("here@a", sname=True), b.start_node("there@b", sname=True)
    a.wait_for_nodes(here, there)
    hosts_file(a, "a.mesh", "b.mesh", NOBODY)
    assert here.eval("lists:sort(net_adm:world())") == "[here@a,there@b]"
    assert here.connected() == {there.name}


def test_names_of_this_host_and_of_others(mesh):
    ann, bob, cyd, amy = mesh
    own = f'{{ok,[{{"amy",{amy.port()}}},{{"ann",{ann.port()}}}]}}'
    sort = "{ok, Names} = net_adm:names(%s), {ok, lists:sort(Names)}"
    assert ann.eval(sort % "") == own
    for quote in "'\"":
        assert bob.eval(sort % f"{quote}{host_part(ann)}{quote}") == own
    assert bob.eval(f"net_adm:names('{host_part(cyd)}')") == f'{{ok,[{{"cyd",{cyd.port()}}}]}}'
    assert bob.eval(f"element(1, net_adm:names('{NOBODY}'))") == "error"


# The code of observer that lists the nodes for its menu, called without a window.
OBSERVER_NODES = """
    {ok, {_, [{abstract_code, {_, Forms}}]}} = beam_lib:chunks(code:which(observer_wx), [abstract_code]),
    {ok, observer_wx, Code} = compile:forms(Forms, [export_all, nowarn_export_all]),
    {module, observer_wx} = code:load_binary(observer_wx, "observer_wx", Code),
    element(1, observer_wx:get_nodes())
"""


def test_observer_lists_the_nodes_of_its_host_and_those_that_are_connected(mesh):
    ann, bob, _, amy = mesh
    if ann.eval("code:which(observer_wx)") == "non_existing":
        pytest.skip("no observer in this Erlang")
    assert ann.ping(bob)
    assert ann.eval(OBSERVER_NODES, timeout=30) == as_list(ann, amy, bob)


def test_global_and_pg_over_a_mesh_that_one_ping_each_has_formed(mesh):
    ann, bob, cyd, amy = mesh
    for node in (bob, cyd, amy):
        assert ann.ping(node)
    wait_until_connected(mesh)
    for node in mesh:
        assert node.eval("global:sync()") == "ok"

    # A name that one has registered is everybody's, until its node ends.
    keep = "spawn(fun() -> receive stop -> ok end end)"
    assert cyd.eval(f"P = {keep}, global:register_name(service, P)") == "yes"
    assert ann.eval(f"P = {keep}, global:register_name(service, P)") == "no"
    for node in mesh:
        assert node.eval("node(global:whereis_name(service))").strip("'") == cyd.name

    # A lock that one holds is nobody else's.
    lock = "global:set_lock({door, %s}, [node() | nodes()], 0)"
    assert bob.eval(f"spawn(fun() -> register(holder, self()), {lock % 'bob'}, receive stop -> ok end end), ok") == "ok"
    wait_until(lambda: ann.eval(lock % "ann") == "false", what="the lock to be held")
    bob.eval("holder ! stop")
    wait_until(lambda: ann.eval(f"{lock % 'ann'} andalso global:del_lock({{door, ann}})") == "true", what="the lock")

    # A group has its members of all nodes, and loses those of one that is killed.
    for node in mesh:
        node.eval(
            "Test = self(), spawn(fun() -> {ok, _} = pg:start_link(), ok = pg:join(room, self()), Test ! joined,"
            " receive stop -> ok end end), receive joined -> ok end"
        )

    def members(node):
        return node.eval("lists:sort([node(P) || P <- pg:get_members(room)])")

    def wait_for_members(nodes):
        expected = as_list(*nodes)
        for node in nodes:
            wait_until(lambda: members(node) == expected, what=lambda: f"{expected} on {node}; {members(node)}")

    wait_for_members(mesh)
    cyd.kill()
    wait_for_members([ann, bob, amy])
    wait_until(lambda: bob.eval("global:whereis_name(service)") == "undefined", what="the name to be free")
