# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""Where the flags may be given other than on erl's command line; and nodes that start nodes."""

from pathlib import Path

import pytest

from claims import wait_until_listed
from lab import wait_until
from lab_agent import COOKIE
from lab_node import QUIET, Terminal, atom
from trials import UNMESHED
from ways import host_part, need, no_epmd_runs, wait_until_all_alive, wait_until_all_see

VARIABLES = ["ERL_AFLAGS", "ERL_FLAGS", "ERL_ZFLAGS"]


def test_each_of_erlangs_variables_may_hold_the_flags(agents):
    left, right = agents
    flags = " ".join(map(str, left.with_epmdns()))
    nodes = []
    for variable in VARIABLES:
        name = f"{variable.lower()}@{host_part(left)}"
        nodes.append(left.start_vm(name, "-name", name, env={variable: flags}))
    caller = right.start_node(f"caller@{host_part(right)}", wait=False)
    wait_until_all_alive(*nodes, caller)
    wait_until_all_see(agents, *nodes, caller)
    for node in nodes:
        assert caller.ping(node)
    no_epmd_runs(*agents)


def test_elixir_takes_them_from_its_option_and_its_variable(agents, compiled):
    """iex has them as the README says it, elixir from the variable alone."""
    if not Path(f"{compiled.root or ''}/usr/bin/iex").exists():
        pytest.skip("there is no Elixir beside this Erlang")
    left, right = agents
    flags = " ".join(map(str, [*left.with_epmdns(), *QUIET]))
    shell, script = f"iex@{host_part(left)}", f"script@{host_part(left)}"
    left.expect_node(shell)
    caller = right.start_node(f"caller@{host_part(right)}", wait=False)
    left.spawn(
        ["elixir", "--name", script, "--cookie", COOKIE, "--no-halt", "-e", "IO.puts(:up)"],
        env={"ELIXIR_ERL_OPTIONS": flags},
    )
    iex = Terminal(left, ["iex", "--name", shell, "--cookie", COOKIE, "--erl", flags])
    caller.wait_until_alive()
    for host in agents:
        wait_until(lambda: set(host.nodes()) == {shell, script, caller.name}, 30, "both nodes of Elixir")
    for name in (shell, script):
        assert caller.ping(name)
    iex.wait_for(f"iex({shell})1>")
    iex.type("Node.list() |> Enum.sort()\n")
    iex.wait_for(f':"{caller.name}"')
    no_epmd_runs(*agents)


def test_the_kernel_parameter_names_the_module(agents, kernel):
    need(kernel, (10, 2), 27.2, "the kernel parameter epmd_module")
    left, right = agents
    name = f"parameter@{host_part(left)}"
    path = ["-pa", left.product.ebin]
    node = left.start_vm(name, "-name", name, "-start_epmd", "false", "-kernel", "epmd_module", "epmdns", *path)
    late = left.start_vm(f"late@{host_part(left)}", *path)
    caller = right.start_node(f"caller@{host_part(right)}", wait=False)
    late.eval("ok = application:set_env(kernel, epmd_module, epmdns)", timeout=30)
    late.eval(f"{{ok, _}} = net_kernel:start({atom(late.name)}, #{{name_domain => longnames}}), ok")
    wait_until_all_alive(node, caller)
    wait_until_all_see(agents, node, late, caller)
    for one in (node, late):
        assert caller.ping(one)
    no_epmd_runs(*agents)


def test_where_the_module_is_not_heeded_the_node_looks_for_epmd(agents, kernel):
    """As a kernel parameter before OTP 27.2, and as a flag given twice to OTP 23."""
    left, _ = agents
    name, module = f"unheeded@{host_part(left)}", ["-start_epmd", "false", "-pa", left.product.ebin]
    if kernel < (8, 0):
        module += ["-epmd_module", "epmdns", "-epmd_module", "epmdns"]
    elif kernel < (10, 2):
        module += ["-kernel", "epmd_module", "epmdns"]
    else:
        pytest.skip("in this release the module is heeded")
    vm = left.start_vm(name, "-name", name, *module)
    assert vm.process.wait(30) != 0
    assert "register/listen error: econnrefused" in vm.process.output


PEERS = 50

# All at the same time. Return: what those came to that are not there.
START_PEERS = """
    Start = fun(Number) ->
        Name = lists:concat(["peer", Number]),
        spawn_monitor(fun() -> exit(START) end)
    end,
    Starts = [Start(Number) || Number <- lists:seq(1, NUMBER)],
    Ends = [receive {'DOWN', Monitor, process, Pid, End} -> End end || {Pid, Monitor} <- Starts],
    [End || End <- Ends, not (is_tuple(End) andalso element(1, End) =:= ok)]
"""
BY_PEER = 'peer:start(#{{name => Name, host => "{host}", args => string:lexemes("{args}", " "), wait_boot => 60000}})'
BY_SLAVE = "slave:start('{host}', Name, \"{args}\")"  # where there is no peer yet


@pytest.mark.alone  # beside it, others would wait in vain
def test_fifty_nodes_are_started_by_one_at_once(agents, kernel):
    left, _ = agents
    args = [*left.with_epmdns(), *QUIET, *UNMESHED, "+S", "1", "-setcookie", COOKIE]
    by = BY_PEER if kernel >= (8, 4) else BY_SLAVE
    start = by.format(host=left.address, args=" ".join(map(str, args)))
    origin = left.start_node(f"origin@{left.address}", extra=UNMESHED)
    names = {f"peer{number}@{left.address}" for number in range(1, PEERS + 1)} | {origin.name}
    assert origin.eval(START_PEERS.replace("START", start).replace("NUMBER", str(PEERS)), timeout=90) == "[]"
    for host in agents:
        wait_until_listed(host, names, timeout=20)
    origin.kill()
    for host in agents:
        wait_until_listed(host, [], timeout=20)
