# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""Two simulated hosts whose Erlang nodes find each other; the middle part of quickstart.sh.

Everything shown has really happened just then: commands run on the hosts, and what they printed.
"""

import os
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests/integration"))

from lab import Lab, LabUnavailable, wait_until  # noqa: E402

TTY = sys.stdout.isatty() and "NO_COLOR" not in os.environ
BOLD, DIM, PLAIN = ("\033[1m", "\033[2m", "\033[0m") if TTY else ("", "", "")
FLAGS = "-start_epmd false -epmd_module epmdns"


def show(prompt, command, output=""):
    print(f"   {DIM}{prompt}{PLAIN} {BOLD}{command}{PLAIN}", flush=True)
    for line in output.splitlines():
        print(f"   {line}", flush=True)


def ping(prompt, node, other):
    show(prompt, f"net_adm:ping('{other.name}').", node.eval(f"net_adm:ping('{other.name}')"))


def listing(host):
    show(f"{host.name}$", "epmdns list", host.epmdns("list").stdout)


def demonstrate(lab):
    a, b = lab.hosts("a", "b")
    for host, name in ((a, "alice@a.home"), (b, "bob@b.home")):
        host.start_agent()
        show(f"{host.name}$", "epmdnsd &")
        show(f"{host.name}$", f"erl -name {name} {FLAGS}")
    alice, bob = a.start_node("alice@a.home", wait=False), b.start_node("bob@b.home", wait=False)
    for host in (a, b):
        host.wait_for_nodes(alice, bob, timeout=30)
    print()
    ping("(alice@a.home)1>", alice, bob)
    ping("(bob@b.home)1>", bob, alice)
    print()
    listing(a)
    listing(b)
    print()
    resolved = a.run(["getent", "hosts", "b.home"], check=False)
    show("a$", "getent hosts b.home || echo no such host", resolved.stdout or "no such host")
    killed = time.monotonic()
    bob.kill()
    wait_until(lambda: bob.name not in a.nodes(), what="bob to be gone from host a")
    show("b$", "kill -9 bob", f"gone from host a's list after {time.monotonic() - killed:.1f} s")


if __name__ == "__main__":
    try:
        with Lab() as laboratory:
            demonstrate(laboratory)
    except LabUnavailable as reason:
        sys.exit(f"quickstart.sh: cannot simulate hosts on this machine: {reason}")
    except KeyboardInterrupt:
        sys.exit(130)
    except AssertionError as failure:
        sys.exit(f"quickstart.sh: {failure}")
