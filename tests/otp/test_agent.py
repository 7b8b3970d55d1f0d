# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""VMs that run the agent themselves, as *AN AGENT UNDER THE VM* in epmdns-erlang(7) has it: its examples, word by word,
in an application of their own."""

import os
import re
import signal
import time
from pathlib import Path

import pytest

from claims import ping_proves_epmdns
from lab import wait_until
from lab_agent import COOKIE
from lab_node import QUIET, atom
from lab_otp import SEARCH_PATH as OTP_PATH
from lab_process import SEARCH_PATH

PROGRAMS = f"{OTP_PATH}:{SEARCH_PATH}"  # those that hosts find
PAGE = Path(__file__).resolve().parents[2] / "packaging/man/epmdns-erlang.7.scd"
SECTION = PAGE.read_text().split("# AN AGENT UNDER THE VM\n")[1].split("\n# ")[0]
ERLANG, ELIXIR = re.findall(r"In (?:Erlang|Elixir):\n\n```\n(.*?)```", SECTION, re.S)

# What an application has besides.
MODULE = """
-module(shop).
-behaviour(application).
-behaviour(supervisor).
-export([start/2, stop/1, init/1]).
start(_, _) -> supervisor:start_link({local, shop}, ?MODULE, []).
stop(_) -> ok.
"""
# One that takes until it is told to stop.
SLOW = """
-module(slow).
-behaviour(application).
-export([start/2, prep_stop/1, stop/1]).
start(_, _) -> {ok, spawn_link(fun() -> receive stop -> ok end end)}.
prep_stop(State) -> true = register(slow, self()), receive stop -> State end.
stop(_) -> ok.
"""
START = """
    {ok, NAME, Beam} = compile:file("NAME.erl", [binary, return_errors]),
    {module, NAME} = code:load_binary(NAME, "NAME.erl", Beam),
    Keys = [{vsn, "1"}, {modules, [NAME]}, {registered, []}, {applications, [kernel, stdlib]}, {mod, {NAME, []}}],
    ok = application:load({application, NAME, Keys}),
    application:start(NAME)
"""
AGENT = {"epmdnsd", "epmdns-discover"}  # the kernel keeps 15 characters


@pytest.fixture
def equip(compiled):
    """Put epmdnsd on the PATH of a host. Return: the environment that its VMs need."""

    def put(host):
        product = host.product
        programs = host.path("/run/home/bin")
        programs.mkdir(exist_ok=True)
        machine = "chroot /machine " if compiled.root else ""
        (programs / "epmdnsd").write_text(f'#!/bin/sh\nexec {machine}{product.daemon} "$@"\n')
        (programs / "epmdnsd").chmod(0o755)
        host.path("/run/home/shop.erl").write_text(MODULE + ERLANG)
        return {"PATH": f"/run/home/bin:{PROGRAMS}", "EPMDNS_DISCOVERY_PROGRAM": product.discovery}

    return put


@pytest.fixture
def start(equip):
    """Start a node whose application runs an agent. Return: the Node, which may not be registered yet."""

    def start_node(host, name, **extra):
        return start_application(host.start_node(name, env={**equip(host), **extra}))

    return start_node


def start_application(vm, name="shop"):
    assert vm.eval(START.replace("NAME", name), timeout=30) == "ok"
    return vm


def agents_of(host):
    """{process id: name} of the agents on a host and their children."""
    return {pid: name for pid, name in host.running().items() if name in AGENT}


def wait_for_agent(host):
    """Until a whole agent runs there. Return: its process id."""

    def is_whole():
        running = agents_of(host)
        daemons = [pid for pid, name in running.items() if name == "epmdnsd"]
        return len(running) == 2 and len(daemons) == 1 and daemons[0]

    return wait_until(is_whole, 15, lambda: f"an agent; there is {agents_of(host)}")


def lines_of(vm, text):
    return [line for line in vm.process.output.splitlines() if text in line]


def test_two_nodes_with_an_agent_each_find_each_other(a, b, start):
    nodes = [start(a, "one@a.shop"), start(b, "other@b.shop")]
    for host in (a, b):
        wait_for_agent(host)
        host.wait_for_nodes(*nodes, timeout=15)
    ping_proves_epmdns(nodes[0], nodes[1])
    nodes[1].disconnect(nodes[0])
    ping_proves_epmdns(nodes[1], nodes[0])


def test_the_death_of_the_vm_is_the_end_of_its_agent_and_is_told(a, b, start):
    b.start_agent()
    vm = start(a, "dies@a.shop")
    watch = b.watch()
    b.wait_for_nodes(vm, timeout=15)
    wait_for_agent(a)
    killed = time.monotonic()
    vm.kill()
    wait_until(lambda: not agents_of(a), 3, lambda: f"the end of the agent; there is {agents_of(a)}")
    watch.wait("down", vm.name, after=killed, timeout=5)


def test_an_agent_that_is_killed_is_replaced_and_the_node_stays_the_same(a, b, start):
    b.start_agent()
    vm = start(a, "stays@a.shop")
    watch = b.watch()
    creation = b.wait_for_nodes(vm, timeout=15)[vm.name]["creation"]
    killed = wait_for_agent(a)
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: killed not in agents_of(a) and wait_for_agent(a), 15, "the next agent")
    assert a.wait_for_nodes(vm)[vm.name]["creation"] == creation == int(vm.eval("erlang:system_info(creation)"))
    b.wait_for_nodes(vm, timeout=15)
    assert watch.seen("down") == []
    assert len(lines_of(vm, "epmdns: the agent was ended by signal 9; trying again, in the end every 30 s")) == 1
    assert vm.eval("supervisor:count_children(shop)").startswith("[{specs,1},{active,1}")


def test_the_end_of_the_application_waits_until_goodbye_is_said(a, b, start):
    """Its node lives, and is withdrawn."""
    b.start_agent()
    watch = b.watch()
    vm = start(a, "left@a.shop")
    watch.wait("up", vm.name, timeout=15)
    wait_for_agent(a)
    began = time.monotonic()
    assert vm.eval("application:stop(shop)") == "ok"
    assert "epmdnsd" not in agents_of(a).values()  # it has ended before
    when, what = watch.wait("changed", vm.name, after=began)
    assert when - began < 2 and what["state"] == "unconfirmed"
    assert lines_of(vm, "is killed") == []
    assert vm.eval("application:start(shop)") == "ok"
    b.wait_for_nodes(vm, timeout=15)


def test_a_vm_that_shuts_down_is_gone_at_once(a, b, start):
    """Its agent serves until the node listens no more: nobody takes that for one that lives without an agent."""
    b.start_agent()
    watch = b.watch()
    vm = start(a, "ends@a.shop")
    watch.wait("up", vm.name, timeout=15)
    wait_for_agent(a)
    began = time.monotonic()
    assert vm.stop() == 0
    ended = time.monotonic()
    wait_until(lambda: not agents_of(a), 3, lambda: f"the end of the agent; there is {agents_of(a)}")
    when, _ = watch.wait("down", vm.name, after=began, timeout=5)
    assert when - ended < 2.5
    assert watch.seen("changed", vm.name) == []


def test_when_a_vm_shuts_down_its_node_is_found_until_all_its_applications_have_stopped(a, b, equip):
    b.start_agent()
    vm = a.start_node("slow@a.shop", env=equip(a))
    a.path("/run/home/slow.erl").write_text(SLOW)
    start_application(vm, "slow")  # stopped after those that were started after it
    start_application(vm)
    b.wait_for_nodes(vm, timeout=15)
    vm.process.signal(signal.SIGTERM)
    wait_until(lambda: vm.eval("is_pid(whereis(slow))") == "true", what="the application to be stopped")
    assert vm.eval("whereis(shop)") == "undefined"
    assert vm.eval("init:get_status()").startswith("{stopping,")
    asks = b.start_node("asks@b.shop")
    assert asks.ping(vm)
    assert set(b.nodes()) == {vm.name, asks.name}
    vm.eval("slow ! stop")
    assert vm.process.wait() == 0
    b.wait_for_nodes(asks)
    wait_until(lambda: not agents_of(a), 3, "the end of the agent")


def test_without_the_program_the_application_runs_on_and_says_so_once(a, b, equip):
    b.start_agent("--backend", "none")
    env = {**equip(a), "PATH": PROGRAMS}
    vm = start_application(a.start_node("lacks@a.shop", env=env))
    retried = "element(5, sys:get_state(epmdns_agent)) >= 1000"  # ms until the next but one
    wait_until(lambda: vm.eval(retried) == "true", 10, "two more tries")
    (line,) = lines_of(vm, "epmdns: there is no agent to start: no program at ")
    assert "PATH, /usr/local/sbin/epmdnsd, /usr/sbin/epmdnsd; trying again" in line
    assert vm.eval("supervisor:count_children(shop)").startswith("[{specs,1},{active,1}")
    assert agents_of(a) == {}


def test_of_two_vms_on_a_host_one_has_the_agent_and_the_other_takes_over(a, b, start):
    b.start_agent()
    first = start(a, "first@a.shop")
    wait_for_agent(a)
    second = start(a, "second@a.shop")
    creation = b.wait_for_nodes(first, second, timeout=15)[second.name]["creation"]
    wait_until(lambda: lines_of(second, "the agent ended with exit code 1; trying again"), 15, "the second to try")
    watch = b.watch()
    killed = time.monotonic()
    first.kill()
    watch.wait("down", first.name, after=killed)
    wait_for_agent(a)
    a.wait_for_nodes(second, timeout=15)
    found = b.wait_for_nodes(second, timeout=15)[second.name]
    assert found["creation"] == creation
    assert watch.seen("down", second.name) == []
    assert len(lines_of(second, "Another agent holds the socket's lock")) == 1

    other = b.start_node("asks@b.shop")
    assert other.ping(second)
    first = start(a, "first@a.shop")
    b.wait_for_nodes(first, second, other, timeout=15)
    assert other.ping(first)
    wait_until(lambda: lines_of(first, "Another agent holds the socket's lock"), what="the first to try")


def test_a_vm_in_elixir(a, b, compiled, equip):
    if not Path(f"{compiled.root or ''}/usr/bin/elixir").exists():
        pytest.skip("there is no Elixir beside this Erlang")
    b.start_agent()
    flags = " ".join(map(str, [*a.with_epmdns(), *QUIET]))
    name = "drop@a.shop"
    a.expect_node(name)
    started = "{:ok, _} = " + ELIXIR.strip().splitlines()[1]
    # The supervisor is linked to who starts it.
    script = f"{ELIXIR.strip().splitlines()[0]}\n{started}\nProcess.sleep(:infinity)"
    vm = a.spawn(
        ["elixir", "--name", name, "--cookie", COOKIE, "--no-halt", "-e", script],
        env={**equip(a), "ELIXIR_ERL_OPTIONS": flags},
    )
    b.wait_for_nodes(name, timeout=30)
    asks = b.start_node("asks@b.shop")
    assert asks.ping(name)
    children = f"rpc:call({atom(name)}, 'Elixir.Process', whereis, [epmdns_agent])"
    assert asks.eval(f"is_pid({children})") == "true"
    vm.kill()
    wait_until(lambda: not agents_of(a), 3, "the end of the agent")
    b.wait_for_nodes(asks)
