# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""epmdns on a simulated host: agent, command line, watching, and nodes that use it."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from pathlib import Path

from lab_node import QUIET, Node
from lab_otp import Otp
from lab_process import Namespace, tool, wait_until

SERVER = """
import socket, sys
family = socket.AF_INET6 if sys.argv[2] == "inet6" else socket.AF_INET
server = socket.create_server(("", int(sys.argv[1])), family=family)
print("listening", flush=True)
while True:
    server.accept()[0].close()
"""
UNREACHABLE = 3  # exit code of the command line when no agent answers
COOKIE = "epmdns-lab"


TREE = Path(__file__).resolve().parents[2]


class Product:
    """Where the built programs are: $EPMDNS_BUILD_DIR, else build/ in the source tree.

    otp_root: see lab_otp.py; by default $EPMDNS_OTP_ROOT, else the machine's own Erlang.
    """

    def __init__(self, otp_root=None):
        self.build = Path(os.environ.get("EPMDNS_BUILD_DIR") or TREE / "build").resolve()
        self.otp = Otp(self.build, otp_root or os.environ.get("EPMDNS_OTP_ROOT"))
        self.daemon = self.build / "agent/epmdnsd"
        self.discovery = self.build / "agent/epmdns-discovery"
        self.cli = self.build / "agent/epmdns"
        self.ebin = self.otp.ebin

    def missing(self):
        """What is not built yet."""
        wanted = (self.daemon, self.discovery, self.cli, self.build / "erlang/ebin/epmdns.beam")
        return [str(path) for path in wanted if not path.exists()]


class Watch:
    """A running `epmdns watch --json`; events are (seconds on the monotonic clock, object)."""

    def __init__(self, host, *args):
        argv = [host.product.cli, "watch", "--json", *args]
        self.host = host
        self.process = host.spawn(argv, name="epmdns-watch", stdout=subprocess.PIPE)
        self.events = []
        self._news = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.popen.stdout:
            now = time.monotonic()
            with self._news:
                self.events.append((now, json.loads(line)))
                self._news.notify_all()

    def seen(self, event, node=None, after=0.0):
        """The events of this kind, about this node if given, that came later than a moment."""
        return [
            (when, what)
            for when, what in list(self.events)
            if what["event"] == event and when >= after and node in (None, what.get("node"))
        ]

    def wait(self, event, node=None, after=0.0, timeout=10.0):
        """Wait for such an event. Return: (when, what) of the first."""
        deadline = time.monotonic() + timeout
        with self._news:
            while not self.seen(event, node, after):
                left = deadline - time.monotonic()
                if left <= 0 or not self._news.wait(left):
                    told = [(f"{when:.3f}", what) for when, what in self.events]
                    raise AssertionError(
                        f"waited {timeout:g} s in vain for {event} {node or ''}; so far: {told}"
                    )
        return self.seen(event, node, after)[0]


class AgentHost(Namespace):
    """What a host can do with the product; lab.Host adds the network and Avahi."""

    product = Product()

    def __init__(self, *args, **options):
        self.agents = []
        super().__init__(*args, **options)

    def start_agent(self, *args, env=None, wait=True):
        """Start epmdnsd with its socket at the usual place, /run/epmdns/socket.

        wait: until it can be reached and its backend, if it has one, works.
        """
        argv = [self.product.daemon, "--discovery-program", self.product.discovery, *args]
        agent = self.spawn(argv, name="epmdnsd", env={**self.clock_environment(), **(env or {})})
        self.agents.append(agent)
        if wait:
            self.wait_until_served()
        return agent

    def wait_until_served(self, codes=(0,), timeout=15.0):
        """Until `epmdns status` ends with one of codes: 0 all well, 1 reachable without its backend."""
        last = None

        def is_served():
            nonlocal last
            for agent in self.agents[-1:]:
                assert agent.alive, f"{agent} said: {agent.output}"
            last = self.epmdns("status", check=False)
            return last.returncode in codes

        wait_until(is_served, timeout, lambda: f"the agent on {self.name}; status: {last}", interval=0.05)

    def epmdns(self, *args, **options):
        """Run the command line. Return: CompletedProcess."""
        return self.run([self.product.cli, *args], **options)

    def json(self, *args):
        """What a command prints with --json: a list of objects."""
        return [json.loads(line) for line in self.epmdns(*args, "--json").stdout.splitlines()]

    def nodes(self, *args):
        """{full name: object} of all nodes in `epmdns list` that are up."""
        return {o["node"]: o for o in self.json("list", *args) if o["state"] == "up"}

    def wait_for_nodes(self, *names, timeout=10.0):
        """Until `epmdns list` shows exactly these nodes as up. Return: what nodes() returns."""
        wanted = {getattr(name, "name", name) for name in names}
        wait_until(
            lambda: set(self.nodes()) == wanted,
            timeout,
            lambda: f"{sorted(wanted)} on {self.name}; there is: {self.json('list', '--all')}",
            interval=0.05,
        )
        return self.nodes()

    def lookup(self, name):
        """`epmdns lookup`: [(address, port, family)], empty if not found."""
        done = self.epmdns("lookup", getattr(name, "name", name), check=False)
        rows = [line.split() for line in done.stdout.splitlines()]
        return [(address, int(port), family) for address, port, family in rows]

    def watch(self, *args):
        """Follow the nodes that this host sees. Return: a Watch that has shown what was there."""
        watch = Watch(self, *args)
        watch.wait("ready")
        return watch

    def status(self):
        """What `epmdns status` says: {key: value}."""
        return json.loads(self.epmdns("status", "--json", check=False).stdout)

    def start_listeners(self, domain, number, first=0):
        """Register so many nodes that listen and say nothing, nFIRST@HOST.DOMAIN and on. Return: their names."""
        host = f"{self.name}.{domain}"
        argv = ["/usr/bin/python3", "-B", TREE / "tests/lib/epmdns_nodes.py", host, first, number]
        nodes = self.spawn(argv, name="nodes")
        wait_until(lambda: "ready" in nodes.output, 30, f"nodes on {self.name}")
        return [f"n{n}@{host}" for n in range(first, first + number)]

    def kill_listeners(self):
        """End all that start_listeners() has started, without a word."""
        for process in self.processes:
            if process.name == f"{self.name}: nodes" and process.alive:
                process.kill()

    def start_epmd(self, *port, env=None):
        """An epmd; port: -port and a number, if not the usual one. Return: its Process, once it answers."""
        argv = [tool("epmd"), *port]
        epmd = self.spawn(argv, name="epmd", env=env)
        wait_until(lambda: self.run([*argv, "-names"], env=env, check=False).returncode == 0, what="epmd")
        return epmd

    def start_server(self, port, family="inet"):
        """A program that takes connections at a port and closes them. Return: its Process, once it listens."""
        server = self.spawn(["/usr/bin/python3", "-c", SERVER, port, family], name="server")
        wait_until(lambda: "listening" in server.output, what=f"port {port} of {self.name} to be served")
        return server

    def start_vm(self, label, *args, env=None, under=()):
        """Start an Erlang VM that has what args say: a name or none, epmdns or not.

        label: what a Node is called whose VM gets its name later. under: a command to run the VM under.
        """
        self.expect_node(label)
        command = ["erl", *QUIET, "-noinput", "-setcookie", COOKIE, *args]
        return Node(self, label, self.product.otp.within([*under, *command]), env)

    def with_epmdns(self):
        """The arguments for erl that make it use epmdns, and start no epmd."""
        return ["-start_epmd", "false", "-epmd_module", "epmdns", "-pa", self.product.ebin]

    def start_node(self, name, sname=False, extra=(), env=None, wait=True, under=()):
        """Start an Erlang node that uses epmdns, and no epmd. extra: more arguments for erl."""
        named = ["-sname" if sname else "-name", name]
        node = self.start_vm(name, *named, *self.with_epmdns(), *extra, env=env, under=under)
        if wait:
            node.wait_until_alive()
        return node
