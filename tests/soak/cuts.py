#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""Cables out and power cut, again and again: how long until the other hosts say so?"""

import argparse
import sys
import time
from statistics import median

from soaklab import Lab, Party, say, sleep_until

MOST = 20.0  # seconds, up to 50 instances


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--nodes", type=int, default=4, help="on each of five hosts")
    args = parser.parse_args()
    delays = {"cable": [], "power": []}
    with Lab() as lab:
        party = Party(lab, 5, args.nodes)
        observers = party.hosts[2:]
        for n in range(args.times):
            cut = time.monotonic()
            victim = party.hosts[n % 2]
            victim.link(up=False)
            for observer in observers:
                for name in party.nodes[victim]:
                    when, _ = party.watches[observer].wait("down", name, after=cut, timeout=60)
                    delays["cable"].append(when - cut)
            victim.link(up=True)
            party.wait_for_all()
            sleep_until(time.monotonic() + n % 5 * 3)  # another phase of the refresh
        for n in range(args.times):
            host = lab.hosts(f"doomed{n}")[0]
            host.start_agent()
            names = host.start_listeners("doomed", args.nodes)
            for observer in observers:
                for name in names:
                    party.watches[observer].wait("up", name, timeout=30)
            sleep_until(time.monotonic() + n % 5 * 3)
            cut = time.monotonic()
            lab.cut_power(host)
            for observer in observers:
                for name in names:
                    when, _ = party.watches[observer].wait("down", name, after=cut, timeout=60)
                    delays["power"].append(when - cut)
        for what, times in delays.items():
            say(f"{what}: median {median(times):.1f} s, {min(times):.1f} to {max(times):.1f} s, n={len(times)} "
                f"({args.times} cuts, {len(observers)} observers, {args.nodes} nodes)")  # fmt: skip
    return 1 if max(delays["cable"] + delays["power"]) > MOST else 0


if __name__ == "__main__":
    sys.exit(main())
