#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""What a host's agent stands on is killed, stopped, renamed or set to another time, while nodes come and go.

Afterwards every view has to be right within 5 s and N/50 s more; D-Bus objects and connections, descriptors and
memory have to be what they were; lookups of known nodes have to be answered all the time, no node that lives may
go down, and two nodes that were connected have to be so by the same connection.
"""

import argparse
import os
import re
import signal
import sys
import time

from soaklab import TESTS, Lab, Party, end_bus, say, sleep_until, wait_until
from trials import Lookups, connection, discovery_pid

from processes import private_kb

LEFT = 100  # of the nodes that come and go, those that stay at the end
TTL_S = 15
MEMORY_KB = 512  # that a process may have more after the last round than after the first
ASKED_MS = 100


def send_discovery(host, number):
    os.kill(discovery_pid(host), number)


class Break:
    """One thing that breaks. says: what the status has to say meanwhile, in one key of it."""

    def __init__(self, do, mend, says=None, seconds=10, is_away=False, is_quiet=False):
        self.do, self.mend, self.says, self.seconds = do, mend, says, seconds
        self.is_away, self.is_quiet = is_away, is_away or is_quiet  # quiet: no nodes come and go


def stop_with(name, number):
    return lambda host: getattr(host, name).signal(number)


def start_bus(host):
    host.start_bus()
    host.start_avahi(wait=False)


CONFLICT = "Host name conflict"  # in the words of avahi-daemon


def is_called(host, name):
    return host.status()["backend_text"] == f"{name}.local"


def wait_for_name(host, name):
    wait_until(lambda: is_called(host, name), 20,
               lambda: f"{host.name} to be called {name}; it is {host.status()['backend_text']}",
               interval=0.5)  # fmt: skip


def rename(host, suffix="-2"):
    host.run(["avahi-set-host-name", host.name + suffix])
    wait_for_name(host, host.name + suffix)


def helper(host, name):
    """A host without an agent; its Avahi is yet to be started."""
    known = {other.name: other for other in host.lab.members}
    return known.get(name) or host.lab.host(name, avahi=False)


def meet_twin(host):
    """Another host of the same name comes, and Avahi renames this one. One of them it has to be, and which
    it is is a matter of their records: when it is the other, that comes anew."""
    twin, witness = helper(host, "twin"), helper(host, "witness")
    witness.start_avahi()  # one that knows neither, so that both answer, and hear each other
    for _ in range(10):
        twin.link(up=False)
        twin.start_avahi(server={"host-name": host.name})
        twin.link(up=True)
        witness.run(["avahi-resolve", "-4n", f"{host.name}.local"], check=False)
        wait_until(lambda: is_called(host, f"{host.name}-2") or CONFLICT in twin.avahi.output, 20,
                   f"one of two hosts called {host.name} to be renamed", interval=0.5)  # fmt: skip
        if CONFLICT not in twin.avahi.output:
            return
        twin.stop_avahi()
    raise AssertionError(f"it is always the other {host.name} that is renamed")


def lose_twin(host):
    for name in ("twin", "witness"):
        helper(host, name).stop_avahi()
    rename(host, "")


def sleep(host):
    """The machine sleeps: nothing runs and no packet passes."""
    host.link(up=False)
    for pid in host.running():
        os.kill(pid, signal.SIGSTOP)


def wake(host):
    host.link(up=True)
    for pid in host.running():
        os.kill(pid, signal.SIGCONT)
    for process in host.processes:
        process.signal(signal.SIGCONT)  # and what waits for them


def nothing(host):
    pass


BREAKS = {
    "avahi-killed": Break(lambda host: host.kill_avahi(), lambda host: host.start_avahi(wait=False),
                          ("backend_text", "avahi-daemon is not running")),
    "bus-killed": Break(lambda host: end_bus(host, is_killed=True), start_bus, ("backend_text", "no D-Bus system bus")),
    "discovery-killed": Break(lambda host: send_discovery(host, signal.SIGKILL), nothing),
    "avahi-hung": Break(stop_with("avahi", signal.SIGSTOP), stop_with("avahi", signal.SIGCONT),
                        ("backend_text", "avahi-daemon has not answered for [0-9]+ s"), 60),
    "bus-hung": Break(stop_with("bus", signal.SIGSTOP), stop_with("bus", signal.SIGCONT),
                      ("backend_text", "the D-Bus system bus has not answered for [0-9]+ s"), 60),
    "discovery-hung": Break(lambda host: send_discovery(host, signal.SIGSTOP),
                            lambda host: send_discovery(host, signal.SIGCONT),
                            ("backend_text", "the discovery process has not answered for [0-9]+ s"), 60),
    "renamed": Break(rename, lambda host: rename(host, "")),
    "twin": Break(meet_twin, lose_twin, is_quiet=True),
    "clock-forward": Break(lambda host: host.step_clock(3600), nothing, None, 2 * TTL_S),
    "clock-back": Break(lambda host: host.step_clock(-3600), lambda host: (host.kill_avahi(), host.start_avahi()),
                        ("problem_clock", "was set back by 3600 s: until it shows [-0-9: ]+ again Avahi"), 2 * TTL_S),
    "asleep": Break(sleep, wake, None, 2 * TTL_S, is_away=True),
}  # fmt: skip


class World:
    """Two hosts, h0 that breaks and h1 that looks on, with nodes that listen and two of Erlang."""

    def __init__(self, lab, args):
        self.lab = lab
        self.churned, self.left, self.seconds = args.churned, min(LEFT, args.churned), args.seconds
        host = lab.host("h0", bus=False)
        host.own_clock()
        host.start_bus()
        host.start_avahi(wait=False)
        self.party = Party(lab, 2, args.nodes)
        self.host, self.observer = self.party.hosts
        self.erlang = [host.start_node(f"erl@{host.name}.soak") for host in self.party.hosts]
        assert self.erlang[0].ping(self.erlang[1])
        self.names = {*self.party.names, *(node.name for node in self.erlang)}
        self.wait_for_views(self.names, 60)
        self.connection = connection(*self.erlang)
        self.before = self.settled()

    def settled(self):
        """What is held once that has not changed for a while."""
        reads = []

        def is_steady():
            reads.append(self.held())
            return len(reads) > 2 and reads[-1] == reads[-2] == reads[-3]

        wait_until(is_steady, 60, "what is held to be steady", interval=1)
        return reads[-1]

    def wait_for_views(self, names, timeout):
        for host in self.party.hosts:
            host.wait_for_nodes(*names, timeout=timeout)

    def held(self):
        """What the processes of h0 hold that they could lose track of."""
        host = self.host
        objects = host.run(["/bin/sh", "-c", (
            "for n in $(seq 0 99); do dbus-send --system --dest=org.freedesktop.Avahi --print-reply"
            " /Client$n org.freedesktop.DBus.Introspectable.Introspect 2>/dev/null; done; true"
        )], timeout=60).stdout  # fmt: skip
        names = host.run(["dbus-send", "--system", "--dest=org.freedesktop.DBus", "--print-reply", "/",
                          "org.freedesktop.DBus.ListNames"]).stdout  # fmt: skip
        return {
            "objects": len(re.findall(r"<node name=", objects)), "connections": len(re.findall(r'":', names)),
            **{f"{name} descriptors": len(os.listdir(f"/proc/{pid}/fd")) for name, pid in self.pids().items()},
        }  # fmt: skip

    def pids(self):
        host = self.host
        return {
            "epmdnsd": host.agents[-1].pid, "discovery": discovery_pid(host), "avahi": host.avahi.pid,
            "bus": host.bus.pid,
        }  # fmt: skip

    def memory(self):
        """{process: kB that are its own}"""
        return {name: private_kb(pid) for name, pid in self.pids().items()}

    def start(self, script, *args):
        return self.host.spawn(["/usr/bin/python3", "-B", TESTS / "lib" / script, *args], name=script)


class Round:
    """One break of one kind, and what comes of it."""

    def __init__(self, world, name):
        self.world, self.name, self.what = world, name, BREAKS[name]
        self.faults = []

    def check(self, is_right, text):
        if not is_right:
            self.faults.append(text)
            say(f"  WRONG: {text}")

    def run(self):
        world, what, host = self.world, self.what, self.world.host
        port = host.nodes()[world.party.nodes[host][0]]["port"]
        lookups = [Lookups(each, sorted(world.names)) for each in world.party.hosts]
        churn = None if what.is_quiet else world.start(
            "epmdns_churn.py", f"{host.name}.churn", port, world.churned, world.left)  # fmt: skip
        log = len(host.agents[-1].output)
        began = time.monotonic()
        what.do(host)
        self.wait_while_broken(began)
        what.mend(host)
        mended = time.monotonic()
        names = set(world.names)
        if churn is not None:
            churn.signal(signal.SIGTERM)
            wait_until(lambda: "left" in churn.output, 20, "the nodes that stay")
            names |= {f"c{n}@{host.name}.churn" for n in range(world.left)}
            mended = time.monotonic()
        bound = 5 + len(names) / 50
        try:
            world.wait_for_views(names, 3 * bound)
        except AssertionError as reason:
            self.check(False, str(reason)[:400])
        back = time.monotonic() - mended
        self.check(back <= bound, f"views right after {back:.1f} s, not {bound:.1f} s")
        asked, elsewhere = (each.end() for each in lookups)
        if churn is not None:
            churn.kill()
        world.wait_for_views(world.names, 60)
        self.judge(began, asked, elsewhere)
        self.judge_held(world.before)
        lines = [line for line in host.agents[-1].output[log:].splitlines() if "warn" in line or "error" in line]
        say(f"{self.name}: views right {back:.1f} s after the repair (bound {bound:.1f} s);"
            f" {asked['n']} lookups, {asked['missed']} missed, p99 {asked['lookup']['p99']} µs"
            f" (raw {asked['raw']['p99']} µs), most {asked['lookup']['most'] / 1000:.1f} ms;"
            f" memory {world.memory()}")  # fmt: skip
        for line in lines:
            say("  " + line)
        return self.faults

    def wait_while_broken(self, began):
        world, what = self.world, self.what
        if what.says is not None:
            key, text = what.says
            wait_until(lambda: re.search(text, world.host.status()[key] or ""), 10,
                       lambda: f"status to say {text}; it says {world.host.status()[key]}")  # fmt: skip
            say(f"{self.name}: said after {time.monotonic() - began:.1f} s: {world.host.status()[key]}")
        sleep_until(began + min(what.seconds, world.seconds))

    def judge(self, began, asked, elsewhere):
        """The nodes that lived all the time, and who asked for them."""
        world = self.world
        away = world.names if self.what.is_away else ()
        downs = [down for down in world.party.downs(after=began) if down[2] in world.names and down[2] not in away]
        self.check(not downs, f"downs: {[(who, round(when - began, 1), node) for who, when, node in downs]}")
        if not self.what.is_away:
            missed = [asked["missed"], elsewhere["missed"]]
            self.check(missed == [0, 0], f"{missed} lookups here and elsewhere found nothing")
            self.check(asked["lookup"]["p99"] <= 3 * asked["raw"]["p99"], f"slow lookups: {asked}")
            most = max(ASKED_MS * 1000, 3 * asked["raw"]["most"])  # a starved machine is slow with anything
            self.check(asked["lookup"]["most"] <= most, f"a lookup took {asked['lookup']['most']} µs")
        now = connection(*world.erlang)
        self.check(now == world.connection, f"connection {now} instead of {world.connection}")

    def judge_held(self, before):
        now = {}

        def settled():
            now.update(self.world.held())
            return now == before

        try:
            wait_until(settled, 30, interval=1)
        except AssertionError:
            self.check(False, f"held before {before}, now {now}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="of each; of those that hang, a minute each")
    parser.add_argument("--nodes", type=int, default=5, help="on each of two hosts")
    parser.add_argument("--seconds", type=int, default=60, help="that it lasts at most")
    parser.add_argument("--churned", type=int, default=1000, help="nodes that come and go meanwhile")
    parser.add_argument("what", nargs="*", default=list(BREAKS), help=" ".join(BREAKS))
    args = parser.parse_args()
    faults = []
    with Lab() as lab:
        world = World(lab, args)
        for name in args.what:
            memories = []
            for _ in range(args.rounds):
                faults += [(name, fault) for fault in Round(world, name).run()]
                memories.append((world.pids(), world.memory()))
            (first_pids, first), (last_pids, last) = memories[0], memories[-1]
            more = {key: last[key] - first[key] for key in first if first_pids[key] == last_pids[key]}
            say(f"{name}: {args.rounds} rounds, memory from the first to the last {more} kB")
            faults += [(name, f"{key} grew by {kb} kB") for key, kb in more.items() if kb > MEMORY_KB]
    for fault in faults:
        say("WRONG:", *fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
