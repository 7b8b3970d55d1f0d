# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""A VM that runs becomes a node by epmdns:start/1,2: without any flag from OTP 27.2 on, with one before."""

import pytest

from claims import ping_proves_epmdns
from lab import wait_until

NEEDS_FLAGS = "{error,needs_flags}"
HAS_PARAMETER = 27  # since 27.2, and Debian has 27.3
HAS_OPTIONS = 25  # net_kernel:start/2 came with 24.3
FLAG = ["-epmd_module", "epmdns"]


@pytest.fixture
def start_bare(release):
    """Start a VM that is no node, with the flag only where it has to be."""

    def start(host, label, *flags, flag=release < HAS_PARAMETER):
        return host.start_vm(label, "-pa", host.product.ebin, *(FLAG if flag else []), *flags)

    return start


def become(vm, argument, options="#{}"):
    """Call epmdns:start/2. Return: the node's name, or the error."""
    return vm.eval(f"case epmdns:start({argument}, {options}) of {{ok, P}} when is_pid(P) -> node(); E -> E end").strip("'")


def parameter(vm):
    return vm.eval("application:get_env(kernel, epmd_module)")


def test_without_any_flag_it_starts_where_otp_allows_it(a, b, served, start_bare, release):
    vm = start_bare(a, "late@a.start", flag=False)
    answer = become(vm, "'late@a.start'")
    if release < HAS_PARAMETER:
        assert (answer, parameter(vm)) == (NEEDS_FLAGS, "undefined")
        assert vm.eval("node()") == "nonode@nohost"
        return
    assert (answer, parameter(vm)) == ("late@a.start", "{ok,epmdns}")
    other = b.start_node("other@b.start")
    ping_proves_epmdns(vm, other)
    vm.disconnect(other)
    ping_proves_epmdns(other, vm)


def test_a_name_may_be_of_any_kind_and_stop_makes_room_for_the_next(a, start_bare):
    a.start_agent()
    watch = a.watch()
    vm = start_bare(a, "many")
    for argument, name in [
        ("'atom@a.start'", "atom@a.start"),
        ('"text@a.start"', "text@a.start"),
        ('<<"binary@a.start">>', "binary@a.start"),
        ("short", "short@a"),
        ('"short@attic"', "short@attic"),
        (f'"literal@{a.address}"', f"literal@{a.address}"),
        ('"literal@fd00:77::1"', "literal@fd00:77::1"),
    ]:
        assert become(vm, argument) == name
        assert vm.eval("net_kernel:longnames()") == ("false" if "short" in name else "true")
        assert a.wait_for_nodes(name)[name]["creation"] == int(vm.eval("erlang:system_info(creation)"))
        assert vm.eval("net_kernel:stop()") == "ok"
        watch.wait("down", name)
    # What it has chosen is what net_kernel:start uses from then on.
    assert vm.eval("element(1, net_kernel:start(['otp@a.start', longnames]))") == "ok"
    a.wait_for_nodes("otp@a.start")


def test_a_node_that_runs_is_left_alone(a, start_bare):
    """The one that epmdns has started, and one that another module serves."""
    a.start_agent("--backend", "none")
    ours = start_bare(a, "ours@a.start")
    assert become(ours, "'ours@a.start'") == "ours@a.start"
    theirs = a.start_vm(
        "theirs@a.start", "-name", "theirs@a.start", "-start_epmd", "false", "-dist_listen", "false",
        "-pa", a.product.ebin,
    )  # fmt: skip
    theirs.wait_until_alive()
    for node in (ours, theirs):
        module, before = node.eval("net_kernel:epmd_module()"), parameter(node)
        assert node.eval("epmdns:start('another@a.start') =:= {error, {already_started, whereis(net_sup)}}") == "true"
        assert (node.eval("net_kernel:epmd_module()"), parameter(node)) == (module, before)
        assert node.eval("node()").strip("'") == node.name
    assert theirs.eval("net_kernel:epmd_module()") == "erl_epmd"
    assert set(a.nodes()) == {"ours@a.start"}


def test_what_erl_epmd_did_before_does_not_matter(a, start_bare, release):
    """Its process, started by hand; and, where nothing has been chosen yet, a node that it has served."""
    a.start_agent("--backend", "none")
    vm = start_bare(a, "after@a.start")
    vm.eval("spawn(fun() -> {ok, _} = erl_epmd:start_link(), receive stop -> ok end end)")
    wait_until(lambda: vm.eval("is_pid(whereis(erl_epmd))") == "true", what="erl_epmd")
    assert become(vm, "'after@a.start'") == "after@a.start"
    a.wait_for_nodes("after@a.start")

    if release >= HAS_PARAMETER:
        second = start_bare(a, "second@a.start")
        quietly = "#{name_domain => shortnames, dist_listen => false}"
        assert second.eval(f"{{ok, _}} = net_kernel:start(before, {quietly}), net_kernel:epmd_module()") == "erl_epmd"
        assert second.eval("net_kernel:stop()") == "ok"
        assert become(second, "'second@a.start'") == "second@a.start"
        a.wait_for_nodes("after@a.start", "second@a.start")


def test_without_an_agent_it_starts_at_once_and_is_registered_later(hermit, start_bare):
    vm = start_bare(hermit, "early@h.start")
    took = vm.eval("{Us, {ok, _}} = timer:tc(fun() -> epmdns:start('early@h.start') end), Us div 1000")
    assert int(took) < 2000
    hermit.start_agent("--backend", "none")
    hermit.wait_for_nodes("early@h.start")


def test_a_name_that_is_taken_is_an_error_and_another_one_works(a, start_bare):
    a.start_agent("--backend", "none")
    holder = a.start_node("taken@a.start")
    vm = start_bare(a, "newcomer")
    assert become(vm, "'taken@a.start'").startswith("{error,")
    assert vm.eval("node()") == "nonode@nohost"
    assert become(vm, "'not a name'").startswith("{error,")
    assert become(vm, "'free@a.start'") == "free@a.start"
    assert vm.ping(holder)
    a.wait_for_nodes("taken@a.start", "free@a.start")


def test_options_are_those_of_net_kernel(a, b, served, start_bare, release):
    other = b.start_node("other@b.options")
    a.wait_for_nodes(other)
    vm = start_bare(a, "hidden@a.options")
    if release < HAS_OPTIONS:
        assert become(vm, "'hidden@a.options'", "#{hidden => true}") == NEEDS_FLAGS
        return
    assert become(vm, "'hidden@a.options'", "#{hidden => true}") == "hidden@a.options"
    wait_until(lambda: "hidden@a.options" in b.nodes("--all"), what="the hidden node on the other host")
    assert b.nodes("--all")["hidden@a.options"]["hidden"] is True
    assert "hidden@a.options" not in b.nodes()
    assert other.ping("hidden@a.options")
    assert other.eval("{nodes(), nodes(hidden)}") == "{[],['hidden@a.options']}"

    assert vm.eval("net_kernel:stop()") == "ok"
    assert become(vm, "'deaf@a.options'", "#{dist_listen => false}") == "deaf@a.options"
    assert vm.ping(other)
    assert set(a.nodes("--all")) == {other.name}


def test_a_node_without_a_name_gets_one_from_the_first_that_it_meets(a, b, served, start_bare):
    """Which it has to connect to: from a node that has no name yet net_adm:ping/1 says pang, in all releases."""
    host = b.start_node("host@b", sname=True)
    a.wait_for_nodes(host)
    vm = start_bare(a, "guest")
    assert become(vm, "undefined") == "nonode@nohost"
    assert vm.connect(host)
    name = vm.eval("node()").strip("'")
    assert name.endswith("@a")
    wait_until(lambda: host.eval("nodes(hidden)").strip("[]'") == name, what=f"{host} to know of {name}")


def test_a_flag_that_names_another_module_counts(a, start_bare):
    vm = start_bare(a, "obedient", "-epmd_module", "erl_epmd", flag=False)
    assert become(vm, "'obedient@a.start'") == NEEDS_FLAGS
    assert (parameter(vm), vm.eval("net_kernel:epmd_module()")) == ("undefined", "erl_epmd")
    assert vm.eval("node()") == "nonode@nohost"


def test_elixir_calls_it_with_an_atom_or_a_string(a, release):
    if a.run(["elixir", "--version"], check=False).returncode != 0:
        pytest.skip("no Elixir for this Erlang")
    a.start_agent("--backend", "none")
    flags = [] if release >= HAS_PARAMETER else ["--erl", " ".join(FLAG)]
    calls = (f"{{:ok, _}} = :epmdns.start({name}); IO.puts(Node.self()); :ok = Node.stop()"
             for name in (':"ada@a.elixir"', '"bea@a.elixir"'))  # fmt: skip
    done = a.run(["elixir", *flags, "-pa", a.product.ebin, "-e", "; ".join(calls)], timeout=30)
    assert done.stdout.split() == ["ada@a.elixir", "bea@a.elixir"]
