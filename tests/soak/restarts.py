#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""Restarts of agent, Avahi and bus, in good order and by SIGKILL in turn: does another host see a node go down?"""

import argparse
import sys
import time

from soaklab import Lab, Party, end_bus, say, sleep_until, wait_until


def restart_agent(host, is_killed, pause):
    agent = host.agents[-1]
    agent.kill() if is_killed else agent.terminate()
    sleep_until(time.monotonic() + pause)
    host.start_agent(wait=False)


def restart_avahi(host, is_killed, pause):
    host.kill_avahi() if is_killed else host.stop_avahi()
    sleep_until(time.monotonic() + pause)
    host.start_avahi(wait=False)


def restart_bus(host, is_killed, pause):
    end_bus(host, is_killed)
    sleep_until(time.monotonic() + pause)
    host.start_bus()
    host.start_avahi(wait=False)


PAUSES = (0.1, 0.9, 1.3, 2.5, 5.0)  # seconds away: others notice after one, by what was withdrawn
RESTARTS = {"agent": restart_agent, "avahi": restart_avahi, "bus": restart_bus}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--nodes", type=int, default=3, help="on each of two hosts")
    parser.add_argument("what", nargs="*", default=list(RESTARTS), help=" ".join(RESTARTS))
    args = parser.parse_args()
    n_downs = 0
    with Lab() as lab:
        party = Party(lab, 2, args.nodes)
        host, observer = party.hosts
        for what in args.what:
            began = time.monotonic()
            for n in range(args.times):
                RESTARTS[what](host, n % 2 == 1, PAUSES[n % len(PAUSES)])
                wait_until(lambda: host.epmdns("status", check=False).returncode == 0, 60, f"restart {n}")
                observer.wait_for_nodes(*party.names, timeout=60)
            downs = [down for down in party.downs(after=began) if down[0] == observer.name]
            n_downs += len(downs)
            say(f"{args.times} restarts of {what}: {len(downs)} downs seen elsewhere; "
                f"{ {key: value for key, value in observer.status().items() if key.startswith('downs')} }")  # fmt: skip
            for _, when, node in downs:
                say(f"  {node} at +{when - began:.1f} s")
    return 1 if n_downs else 0


if __name__ == "__main__":
    sys.exit(main())
