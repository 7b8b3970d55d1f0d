#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""A neighbour that means ill, and what it costs: memory, CPU and log lines of both processes of an observer, and what
becomes of honest nodes."""

import argparse
import sys
import threading
import time

from soaklab import Lab, counters, every_second, nft, say, wait_until

from hostility import advertised, lies_about, odd_services, rivals_of, unclean
from lab_wire import Client
from mdns_forge import GROUP, Crowd, send, start
from views import Processes

HONEST = 5  # nodes on the honest host
OURS = ("epmdnsd", "epmdns-discovery")
PROBES_A_SECOND = 100  # PROBER_PER_SECOND; counted from when the second began, so twice that may come in a row
MEMORY_MB, CPU_SHARE, LOG_EVERY_S = 8, 0.20, 10


class Meter:
    """Memory (private, dirty), CPU and log lines of an agent and its child, from begin to end."""

    def __init__(self, host, interval=0.25):
        self.host, self.interval = host, interval
        self.processes = Processes([host], OURS)
        self.is_over = threading.Event()

    def __enter__(self):
        self.began, self.cpu, self.busiest = time.monotonic(), self._cpu(), 0.0
        self.memory = self.peak = self._memory()
        self.lines = len(self._log())
        self.thread = threading.Thread(target=self._sample)
        self.thread.start()
        return self

    def __exit__(self, *exception):
        self.is_over.set()
        self.thread.join()

    def _cpu(self):
        """{name: seconds}"""
        return {name: seconds for name, (seconds,) in self.processes.cpu().items()}

    def _memory(self):
        """{name: kB}"""
        return {name: kilobytes for name, (kilobytes,) in self.processes.memory().items()}

    def _log(self):
        return self.host.agents[-1].output.splitlines()

    def _sample(self):
        last = (time.monotonic(), self._cpu())
        while not self.is_over.wait(self.interval):
            memory = self._memory()
            if sum(memory.values()) > sum(self.peak.values()):
                self.peak = memory
            now = (time.monotonic(), self._cpu())
            if now[0] - last[0] >= 5:
                used = sum(now[1].values()) - sum(last[1].values())
                self.busiest, last = max(self.busiest, used / (now[0] - last[0])), now

    def report(self, what):
        """Print all, and check what is promised. Return: whether it holds."""
        seconds = time.monotonic() - self.began
        used = {name: value - self.cpu[name] for name, value in self._cpu().items()}
        share = sum(used.values()) / seconds
        grown = (sum(self.peak.values()) - sum(self.memory.values())) / 1024
        lines = self._log()[self.lines :]
        kinds = {}
        for line in lines:
            sentence = line.split(" node=")[0].split(" instance=")[0]
            kinds[sentence] = kinds.get(sentence, 0) + 1
        say(f"{what}: {seconds:.0f} s; CPU {share:.1%} of a core (worst 5 s {self.busiest:.1%}): "
            + ", ".join(f"{name} {value:.2f} s" for name, value in used.items()))  # fmt: skip
        say(f"  private memory: {self.memory} kB, peak {self.peak} kB (+{grown:.1f} MB), end {self._memory()} kB")
        for sentence, n in kinds.items():
            say(f"  log, {n} times: {sentence}")
        verdicts = {
            "memory": grown <= MEMORY_MB,
            "CPU": share <= CPU_SHARE,
            "log": all(n <= 5 + seconds / LOG_EVERY_S for n in kinds.values()),
        }
        for name, is_fine in verdicts.items():
            if not is_fine:
                say(f"  TOO MUCH: {name}")
        return all(verdicts.values())


class Street:
    """An observer and an honest host, both with nodes, and a forger without Avahi."""

    def __init__(self, lab):
        self.lab = lab
        self.observer, self.honest = lab.hosts("observer", "honest")
        self.forger = lab.host("forger", bus=False)
        for host in (self.observer, self.honest):
            host.start_agent()
        self.own = self.observer.start_listeners("own", 2)
        self.neighbours = self.honest.start_listeners("near", HONEST)
        self.n_new = 100  # of the honest host's next node
        self.watch = self.observer.watch()
        for name in self.neighbours:
            self.watch.wait("up", name, timeout=30)
        # what Avahi tells in the first seconds of browsing is no flood
        wait_until(lambda: self.observer.status()["uptime_s"] > 4, what="the beginning to be over", interval=0.2)

    def advertised(self):
        """{node: Service} of all honest nodes, as a forger can read it."""
        where = {name: self.observer.address for name in self.own}
        return advertised(self.observer, where | {name: self.honest.address for name in self.neighbours})

    def status(self, *keys):
        status = self.observer.status()
        return {key: value for key, value in status.items() if key in keys or key.startswith("problem_") and value}

    def is_honest_well(self):
        """No honest node went down, and all are found where they are."""
        downs = [what["node"] for _, what in self.watch.seen("down") if what["node"] in self.neighbours]
        lost = [name for name in self.neighbours if not self.observer.lookup(name)]
        say(f"  honest nodes: {len(downs)} downs, {len(lost)} not found; newcomers' time: {self.newcomer()}")
        return not downs and not lost

    def newcomer(self, timeout=25):
        """Seconds until a new honest node is seen; None: not within the timeout."""
        began = time.monotonic()
        name = self.honest.start_listeners("near", 1, first=self.n_new)[0]
        self.n_new += 1
        try:
            return round(self.watch.wait("up", name, timeout=timeout)[0] - began, 2)
        except AssertionError:
            return None


def flood(street, style, seconds=0, count=2500, rate=220):
    """seconds: a stream of ever new ones that leave after ten seconds."""
    nobodys = [f"10.77.0.{last}" for last in range(234, 254)]
    crowd = Crowd(style, int(seconds * rate / 2) if seconds else count, addresses=nobodys, spread=len(nobodys))
    if seconds:
        crowd.life = 10 * rate // 2
    with Meter(street.observer) as meter:
        process = start(street.forger, {"crowd": crowd, "rate": rate})
        wait_until(lambda: not process.alive, 300, "the forger to end", interval=0.5)
        say(f"sent: {process.output.strip()}; {street.status('peers', 'instances', 'instances_dropped', 'ttl_s')}")
        is_fine = meter.report(f"{style}{' stream' if seconds else ''}")
        is_fine &= street.is_honest_well()
        wait_until(lambda: not street.observer.status()["probes_pending"], 120, "all to be verified", interval=0.5)
        is_fine &= meter.report("and after")
        say(f"  {street.status('peers', 'instances', 'instances_dropped', 'probes_pending')}")
    return is_fine


def odd(street):
    services = odd_services("10.77.0.250")
    with Meter(street.observer) as meter:
        send(street.forger, {"services": services, "rate": 20, "times": 10}, timeout=60)
        is_fine = meter.report(f"{len(services)} odd services")
    for node in street.observer.json("list", "--all"):
        if node["origin"] == "lan" and node["node"] not in street.neighbours:
            say(f"  shown: {node['node']!r} at {node['addresses']} cluster {node['cluster']!r}")
    wrong = unclean(street.observer, "odd.home")
    for line in wrong:
        say("  NOT CLEAN:", line)
    return is_fine & street.is_honest_well() & (not wrong)


def places(street):
    """{node: where it is found} of all, here and there."""
    return {name: street.observer.lookup(name) for name in street.own + street.neighbours}


def claim(street, seconds=30):
    """One host claims everybody's names: as the same and as another registration, at its own address, at that of
    the host, at nobody's; at a port where it listens and at one where nobody does."""
    known, before = street.advertised(), places(street)
    listener = street.forger.start_server(9)
    where = (street.forger.address, street.honest.address, "10.77.0.240")
    rivals = [rival for name in known for rival in rivals_of(known[name], where)]
    rate = 40
    with Meter(street.observer) as meter:
        process = start(street.forger, {"services": rivals, "rate": rate, "times": seconds * rate // len(rivals)})
        changed, states = set(), set()
        while process.alive:
            changed |= {(name, str(where)) for name, where in places(street).items() if where != before[name]}
            states |= {node["state"] for node in street.observer.json("list", "--all")}
        assert process.wait() == 0, process.output
        is_fine = meter.report(f"{len(rivals)} claims to {len(before)} names")
    say(f"  found elsewhere meanwhile: {sorted(changed) or 'none'}; states seen: {sorted(states)}")
    listener.kill()
    over = time.monotonic()
    wait_until(lambda: {node["state"] for node in street.observer.json("list", "--all")
                        if node["node"] in before} == {"up"}, 90, "all to be simply up", interval=0.3)  # fmt: skip
    say(f"  conflicts over {time.monotonic() - over:.1f} s after the rival had ended; all where they were: "
        f"{places(street) == before}")  # fmt: skip
    return is_fine & (not changed) & street.is_honest_well() & (places(street) == before)


def goodbye(street, seconds=4):
    """Goodbyes, flushed addresses and other records of the very same instances, for nodes that live, at ten a second
    each. Meanwhile all are looked up, and verified since a client says that it does not reach them."""
    known, before = street.advertised(), places(street)
    lies = [lies_about(known[name], street.forger.address) for name in street.neighbours]
    is_fine = True
    with Meter(street.observer) as meter, Client(street.observer) as client:
        for what in lies[0]:
            for whom, to in (("all", GROUP), ("the observer alone", street.observer.address)):
                began, wrong, looks = time.monotonic(), {}, 0
                told = {"services": [lie[what] for lie in lies], "times": 10 * seconds, "to": to}
                process = start(street.forger, {**told, "rate": 10 * len(lies)})
                while process.alive:
                    for name in street.neighbours:
                        assert client.ask("hint", node=name.encode())[-1].op == "done"
                    looks += 1
                    for name, where in places(street).items():
                        if where != before[name]:
                            wrong[str(where)] = wrong.get(str(where), 0) + 1
                assert process.wait() == 0, process.output
                downs = len(street.watch.seen("down", after=began))
                say(f"  {whom} told that {what}: {downs} downs; of {looks} times that each was looked up, other places "
                    f"were found: {wrong or 'none'}")  # fmt: skip
                is_fine &= not wrong and not downs
        is_fine &= meter.report("lies")
    return is_fine & street.is_honest_well()


def kill_last(host):
    """What was started there last. Return: when."""
    host.processes[-1].kill()
    return time.monotonic()


def scanner(street, ports=2000):
    """Thousands of services at one host that knows nothing of it, announced and withdrawn: how often is it asked?
    Meanwhile an honest node dies, which is to be noticed."""
    victim = street.lab.host("victim", avahi=False)
    nft(victim, "table ip scan {\nchain in {\ntype filter hook input priority 0;\n"
        f"ip saddr {street.observer.address} tcp flags & (syn | ack) == syn counter comment \"syn\"\n"
        f"ip saddr {street.observer.address} udp dport 5353 ip daddr != 224.0.0.251 counter comment \"mdns\"\n"
        "}\n}\n")  # fmt: skip
    results = []
    for what, address in (("is not on our link", "8.8.8.8"), ("refuses", victim.address), ("is silent", "10.77.0.230")):
        begun = counters(victim)
        crowd = Crowd("node", ports, addresses=[address], ttl=30, life=200, first=len(results) * ports)
        doomed = street.honest.start_listeners(f"doomed{len(results)}", 1)[0]
        street.watch.wait("up", doomed, timeout=10)
        with Meter(street.observer) as meter:
            process = start(street.forger, {"crowd": crowd, "rate": 400})
            pending, peak, last = 0, 0, (time.monotonic(), begun["syn"][0])
            killed = None
            for _ in every_second(lambda: process.alive):
                now = (time.monotonic(), counters(victim)["syn"][0])
                peak, last = max(peak, (now[1] - last[1]) / (now[0] - last[0])), now
                pending = max(pending, street.observer.status()["probes_pending"])
                if killed is None and pending > 5:
                    killed = kill_last(street.honest)
            killed = killed or kill_last(street.honest)
            gone = street.watch.wait("down", doomed, timeout=30)[0] - killed
            ended = counters(victim)
            syn, mdns = (ended[name][0] - begun[name][0] for name in ("syn", "mdns"))
            is_fine = meter.report(f"{ports} ports of one host that {what}")
        say(f"  the victim got of this agent {syn} SYN, most {peak:.0f} a second, and {mdns} questions; waiting to be "
            f"verified at most: {pending}; a node that died meanwhile was gone in {gone:.1f} s")  # fmt: skip
        is_fine &= peak <= 2 * PROBES_A_SECOND and gone < 5
        results.append(is_fine and (what != "is not on our link" or pending <= 1))
    return all(results) & street.is_honest_well()


SCENARIOS = {
    "flood": lambda street: flood(street, "node"),
    "junk": lambda street: flood(street, "junk"),
    "bare": lambda street: flood(street, "bare"),
    "stream": lambda street: flood(street, "node", seconds=120),
    "odd": odd,
    "claim": claim,
    "goodbye": goodbye,
    "scanner": scanner,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", default=list(SCENARIOS), help=" ".join(SCENARIOS))
    args = parser.parse_args()
    bad = []
    for what in args.what:
        with Lab() as lab:
            say(f"== {what}")
            if not SCENARIOS[what](Street(lab)):
                bad.append(what)
    if bad:
        say("not as promised:", *bad)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
