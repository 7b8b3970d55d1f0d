# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""What the suite does a few times and tests/soak many times, until something gives."""

import json
import os
import re
import signal
import threading
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

from claims import Records
from lab import wait_until
from lab_node import atom
from lab_wire import Client, Gone, reach

BACK_WITHIN = 2.0  # seconds after a new agent's socket accepts
SEEMS_IN_USE = "seems to be in use by another Erlang node"

# Nodes that are left alone by Erlang's global, which connects all with all, and parts from its others a node
# that cannot be connected to one of them.
UNMESHED = ["-connect_all", "false", "-kernel", "prevent_overlapping_partitions", "false"]

# Nodes that are connected only to whom a test says, for as long as it says. A late message of Erlang's own
# after a disconnect would else connect them anew, and two nodes that dial each other at the same moment, one
# of them in vain, leave the other waiting for 7 s (dist_util.erl, recv_status/1).
ALONE = [*UNMESHED, "dist_auto_connect", "never"]


def restart_agent(host, names, *args):
    """Kill the agent of a host and start another. Return: (seconds until these nodes are back, creations)."""
    host.agents[-1].kill()
    agent = host.start_agent(*args, wait=False)
    with reach(host) as client:
        creations = client.wait_for(names)
        back = time.monotonic() - client.accepted
    assert agent.alive
    return back, creations


class Askers:
    """Clients that go on asking an agent for nodes, over the end of each one. A context manager.

    Every answer has to be the right one: while nodes have yet to return to a new agent, it has to wait, for
    two seconds after its start.
    """

    PATIENCE = 2.0  # seconds

    def __init__(self, host, ports, count=2):
        self.host = host
        self.ports = ports
        self.answers = 0
        self.wrong = []
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(count)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception):
        self._end.set()
        for thread in self._threads:
            thread.join(15)

    def _ask(self):
        while not self._end.is_set():
            agent = self.host.agents[-1]
            try:
                with Client(self.host) as client:
                    self._ask_until_gone(client, agent)
            except (OSError, Gone):
                self._end.wait(0.01)

    def _ask_until_gone(self, client, agent):
        while not self._end.is_set():
            for name, port in self.ports.items():
                answer = client.lookup_port(name, timeout_ms=2000)
                self.answers += 1
                age = time.monotonic() - agent.started
                if answer != port and (answer != "not_found" or age < self.PATIENCE):
                    self.wrong.append((name, answer, f"{age:.3f} s after the agent's start"))
            self._end.wait(0.005)


def start_calling(node, other):
    """Have a node connect to another and part from it, again and again; stop_calling() ends it."""
    other = atom(other.name)
    node.eval(
        "Called = self(), spawn(fun() -> register(caller, self()), Called ! called,"
        " (fun Call(N) -> receive {stop, From} -> From ! {calls, N} after 5 ->"
        f"  case {{net_kernel:connect_node({other}), erlang:disconnect_node({other})}} of"
        "    {true, _} -> Call(N + 1); _ -> Call(N) end end end)(0) end),"
        "receive called -> ok end"
    )


def stop_calling(node):
    """Return: how many calls were answered."""
    return int(node.eval("caller ! {stop, self()}, receive {calls, N} -> N end", timeout=30))


def connection(node, other):
    """What tells one connection between two nodes from the next."""
    return node.eval(f"{{ok, I}} = net_kernel:node_info({atom(other.name)}), lists:keyfind(owner, 1, I)")


def held(node):
    """How many processes, ports and atoms a VM has."""
    kinds = ("process", "port", "atom")
    answer = node.eval("[" + ",".join(f"erlang:system_info({kind}_count)" for kind in kinds) + "]")
    return dict(zip(kinds, map(int, answer.strip("[]").split(","))))


def last_atoms(node):
    """The youngest atoms of a VM, for reports: the table only grows, and a term can be made of an index."""
    return node.eval(
        "N = erlang:system_info(atom_count), [binary_to_term(<<131, 75, I:24>>) || I <- lists:seq(N - 9, N - 1)]"
    )


def wait_until_no_more_is_held(node, before):
    """Until a VM has no more processes, ports and atoms than before. Return: what it has."""

    def settled():
        now = held(node)
        return now if all(now[kind] <= before[kind] for kind in before) else None

    return wait_until(settled, 10, lambda: f"{node} to hold {before}; it holds {held(node)}; {last_atoms(node)}")


def descriptors(process):
    return len(os.listdir(f"/proc/{process.pid}/fd"))


def wait_for_sessions(host, expected):
    """Until an agent has exactly so many clients, besides the one that asks."""
    wait_until(
        lambda: host.status()["sessions"] == expected + 1,
        what=lambda: f"{expected} clients; there are {host.status()['sessions'] - 1}",
    )


def restarts_under_load(host, crowd_size, rounds, report):
    """Kill and replace the agent under everybody's hands: see the asserts for what has to hold.

    Two nodes stay connected, the others connect and part all the time, clients ask for all of them.
    """
    options = ("--backend", "none")
    host.start_agent(*options)
    crowd = [host.start_node(f"n{n}@a.crowd", extra=ALONE, wait=False) for n in range(crowd_size)]
    for node in crowd:
        node.wait_until_alive()
    left, right, *restless = crowd
    ring = list(zip(restless, [*restless[1:], restless[0]]))
    names = [node.name for node in crowd]
    host.wait_for_nodes(*crowd)
    ports = {node.name: node.port() for node in crowd}
    creations = {name: node["creation"] for name, node in host.nodes().items()}

    def settle():
        """All is loaded and named that ever will be, and everybody has both connections to the agent."""
        assert left.connect(right)
        for node in crowd:
            assert node.eval("length(element(2, net_adm:names()))") == str(len(crowd))
        for node, other in ring:
            assert node.connect(other)
            node.disconnect(other)
        wait_for_sessions(host, 2 * len(crowd))

    host.agents[-1].kill()
    for node in crowd:
        node.eval("net_adm:names()")  # in vain
        node.resolves("nowhere")  # starts Erlang's resolver, as the fallback does
    host.start_agent(*options)
    host.wait_for_nodes(*crowd)
    for node, other in ring:
        start_calling(node, other)
        stop_calling(node)
    settle()
    lasting = connection(left, right)
    for node in crowd:
        node.eval("ehostunreach")  # an atom that OTP 23 learns only when it has gone where the resolver says
    before = {node: held(node) for node in crowd}
    spare = descriptors(host.agents[-1]) - host.status()["sessions"]

    delays = []
    for node, other in ring:
        start_calling(node, other)
    with Askers(host, ports) as askers:
        for _ in range(rounds):
            delay, back = restart_agent(host, names, *options)
            delays.append(delay)
            assert back == creations
    calls = [stop_calling(node) for node in restless]

    assert max(delays) <= BACK_WITHIN, f"back after {[f'{d:.2f}' for d in delays]} s"
    assert askers.wrong == []
    assert askers.answers > rounds
    assert all(calls), "nobody reached anybody meanwhile"
    assert connection(left, right) == lasting
    settle()
    assert {name: node["creation"] for name, node in host.nodes().items()} == creations
    after = {node: wait_until_no_more_is_held(node, before[node]) for node in crowd}
    assert descriptors(host.agents[-1]) - host.status()["sessions"] == spare
    for node in crowd:
        assert "duplicate_name" not in node.process.output
    report(
        restarts=rounds,
        back_after_s=f"median {median(delays):.3f}, max {max(delays):.3f}",
        answers=askers.answers,
        calls=calls,
        held=[(before[node], after[node]) for node in crowd],
    )


def restarts_in_view_of_another_host(host, observer, rounds, report):
    """Kill and replace the agent of a host; another one, which watches, sees its nodes all the time.

    For each agent they are the same nodes in a later revision.
    """
    host.start_agent()
    observer.start_agent()
    pair = [host.start_node(f"{name}@a.view", extra=ALONE, wait=False) for name in ("tick", "tack")]
    guest = observer.start_node("guest@b.view", extra=ALONE)
    observer.wait_for_nodes(*pair, guest, timeout=30)
    watch = observer.watch()
    creations = {name: node["creation"] for name, node in observer.nodes().items()}
    names = [node.name for node in pair]
    assert guest.connect(pair[0])
    lasting = connection(guest, pair[0])

    def revisions():
        """Of each node: {agent that publishes it: revision}."""
        return [{text["id"]: int(text["rv"], 0) for text in records.of(node)} for node in pair]

    def renewed(known):
        """The revisions for a new agent, when every node has one."""
        new = [{agent: node[agent] for agent in node.keys() - known} for node in revisions()]
        return new if all(new) else None

    delays = []
    records = Records(observer)
    last = wait_until(lambda: renewed(set()), what="the records")
    known = set()
    for _ in range(rounds):
        known.update(*last)
        delay, _ = restart_agent(host, names)
        delays.append(delay)
        new = wait_until(lambda: renewed(known), what="the records of a new agent")
        for one, next_one in zip(last, new):
            assert min(next_one.values()) > max(one.values())
        last = new

    observer.wait_for_nodes(*pair, guest)
    assert watch.seen("down") == [] and watch.seen("lost") == []
    assert {name: node["creation"] for name, node in observer.nodes().items()} == creations
    assert max(delays) <= BACK_WITHIN
    assert connection(guest, pair[0]) == lasting
    report(restarts_in_view=rounds, back_after_s=f"median {median(delays):.3f}, max {max(delays):.3f}")


def start_and_stop(host, rounds, report):
    """One VM takes a name and gives it back, again and again: never refused, and gone when stop/0 returns."""
    vm = host.start_vm("yoyo@a.yoyo", *host.with_epmdns())
    vm.eval("ok", timeout=30)
    start = "{ok, _} = net_kernel:start(['yoyo@a.yoyo', longnames]), ok"
    with Client(host) as client:
        began = time.monotonic()
        for _ in range(rounds):
            vm.eval(start)
            assert list(client.listed()) == [vm.name]
            vm.eval("ok = net_kernel:stop()")
            assert client.listed() == {}
        took = time.monotonic() - began
    assert SEEMS_IN_USE not in vm.process.output
    report(starts_and_stops=rounds, each_ms=f"{took / rounds * 1000:.1f}")


def race_for_a_name(host, rounds):
    """Two VMs boot side by side under one name: one gets it, the other says why not, and ends."""
    for number in range(rounds):
        racers = [host.start_node(f"racer{number}@a.race", wait=False) for _ in range(2)]
        loser = wait_until(lambda: [racer for racer in racers if not racer.process.alive], 30, "a loser")[0]
        (winner,) = [racer for racer in racers if racer is not loser]
        assert loser.process.wait() != 0
        assert SEEMS_IN_USE in loser.process.output
        winner.wait_until_alive()
        host.wait_for_nodes(winner)
        assert host.nodes()[winner.name]["port"] == winner.port()
        winner.kill()


def heirs_take_over(host, heirs):
    """Each VM takes the name at the very moment that the one before has been killed: never refused."""
    vms = [host.start_vm("heir@a.line", *host.with_epmdns()) for _ in range(heirs)]
    for vm in vms:
        vm.eval("ok", timeout=30)
    creations = set()
    for number, vm in enumerate(vms):
        if number > 0:
            vms[number - 1].kill()
        vm.eval("{ok, _} = net_kernel:start(['heir@a.line', longnames]), ok")
        creations.add(host.nodes()[vm.name]["creation"])
        assert SEEMS_IN_USE not in vm.process.output
    assert len(creations) == heirs


CARRIERS = {1: [], 2: ["-proto_dist", "inet_tcp", "inet6_tcp"]}

# How long net_kernel may be held up in all, in ms: 200 once, as designed, and what connecting itself takes.
HELD_UP_AT_MOST = 200
EACH_CONNECT_TAKES = 1


class Delays(NamedTuple):
    """What connect_and_measure() found; times in ms."""

    answers: list  # of net_kernel:connect_node/1
    strays: int  # messages that were left in the mailboxes of those who called it
    took: int  # until all had their answers
    longest: int  # that net_kernel kept a caller waiting
    in_all: int  # the sum of all that were longer than 10 ms, which a busy machine takes by itself


# The one who measures has priority, so that it is net_kernel that it waits for and not its own turn.
MEASURE = """
    process_flag(priority, high),
    Began = erlang:monotonic_time(microsecond),
    Call = fun(Name) -> fun() ->
        Answer = net_kernel:connect_node(Name),
        {messages, Strays} = process_info(self(), messages),
        exit({answered, Answer, Strays})
    end end,
    Callers = [spawn_opt(Call(Name), [monitor, {priority, normal}]) || Name <- Names],
    Measure = fun Measure(0, Answers, Strays, Delays) ->
        {Answers, length(Strays), erlang:monotonic_time(microsecond) - Began, Delays};
    Measure(Left, Answers, Strays, Delays) ->
        {Us, true} = timer:tc(fun() -> net_kernel:longnames() end),
        receive {'DOWN', _, process, _, {answered, Answer, More}} ->
            Measure(Left - 1, [Answer | Answers], More ++ Strays, [Us | Delays])
        after 1 -> Measure(Left, Answers, Strays, [Us | Delays]) end
    end,
    {Answers, Strays, Took, Delays} = Measure(length(Callers), [], [], []),
    Over = [Us div 1000 || Us <- Delays, Us > 10000],
    {Answers, Strays, Took div 1000, lists:max(Delays) div 1000, lists:sum(Over)}
"""


def connect_and_measure(node, names):
    """Have a node connect to all these names at once; see how long net_kernel keeps others waiting. Return: Delays."""
    listed = ",".join(map(atom, names))
    text = node.eval(f"Names = [{listed}], {MEASURE}", timeout=60)
    answers, *numbers = re.fullmatch(r"\{\[(.*?)\],(\d+),(\d+),(\d+),(\d+)\}", text).groups()
    return Delays(answers.split(","), *map(int, numbers))


def connect_without_an_answer(host, agent, connects, carriers, report):
    """A node connects to names that nobody has while the agent is stopped: net_kernel does not wait for that.

    The design: not at all with one carrier; with several it asks, but after one timeout not again.
    """
    node = host.start_node("busy@a.kernel", extra=CARRIERS[carriers])
    agent.signal(signal.SIGSTOP)
    delays = connect_and_measure(node, [f"unknown{n}@void.home" for n in range(connects)])
    agent.signal(signal.SIGCONT)
    assert delays.answers == ["false"] * connects
    assert delays.in_all <= HELD_UP_AT_MOST + EACH_CONNECT_TAKES * connects, delays._replace(answers="all false")
    assert delays.strays == 0
    wait_until(lambda: node.name in host.nodes(), what="the node, still")
    report(carriers=carriers, net_kernel_held_up_ms=delays.in_all, longest_ms=delays.longest)


class Lookups:
    """A process on a host that looks up nodes, which have to be known, all the time; a context manager."""

    def __init__(self, host, names):
        argv = ["/usr/bin/python3", "-B", Path(__file__).resolve().parents[1] / "lib/epmdns_ask.py", *names]
        self.process = host.spawn(argv, name="lookups")
        wait_until(lambda: self.process.output, what="lookups to begin")

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.process.kill()

    def end(self):
        """Return: what epmdns_ask.py has measured."""
        self.process.signal(signal.SIGTERM)
        wait_until(lambda: not self.process.alive, what="the figures of lookups")
        return json.loads(self.process.output)


def discoveries(host):
    """Process ids of the discovery programs on a host."""
    return [pid for pid, name in host.running().items() if name == "epmdns-discovery"[:15]]


def discovery_pid(host):
    """That of the one that is there, or soon will be."""
    return wait_until(lambda: discoveries(host), what=f"a discovery process on {host.name}")[0]
