#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""Random loss at each host's port of the bridge: how often is a node that lives said to be down?"""

import argparse
import sys
import time
from collections import Counter

from soaklab import Lab, Party, every_second, say

MOST = 0.002  # false downs per peer and minute


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=2)
    parser.add_argument("--nodes", type=int, default=4, help="on each host")
    parser.add_argument("--percent", type=int, default=30)
    parser.add_argument("--seconds", type=int, default=180)
    parser.add_argument("--no-multicast", action="store_true",
                        help="drop all multicast: nobody is heard, everybody is verified all the time")  # fmt: skip
    parser.add_argument("--repeat", type=int, default=1, help="as often, with a rest in between")
    args = parser.parse_args()
    with Lab() as lab:
        party = Party(lab, args.hosts, args.nodes)
        minutes, n_downs, unheard = 0.0, 0, Counter()
        for _ in range(args.repeat):
            rules = ["ip daddr 224.0.0.251", "ip6 daddr ff02::fb"] if args.no_multicast else []
            rules += [f'iifname "{h.port}" numgen random mod 100 < {args.percent}' for h in party.hosts]
            lab.drop(*rules)
            began = time.monotonic()
            for _ in every_second(lambda: time.monotonic() < began + args.seconds):
                unheard[max(party.statuses("instances_unheard"))] += 1
            lab.drop()
            minutes += (time.monotonic() - began) / 60 * party.peers()
            downs = party.downs(after=began)
            n_downs += len(downs)
            for observer, when, node in downs:
                say(f"{observer} saw {node} go down at +{when - began:.1f} s")
            party.wait_for_all()
        say(f"{args.percent} % loss, {args.hosts} hosts of {args.nodes} nodes: {n_downs} false downs in "
            f"{minutes:.0f} peer-minutes, {n_downs / minutes:.4f} per peer-minute")  # fmt: skip
        for key in ("downs_silent", "downs_refused", "downs_withdrawn", "downs_replaced"):
            say(key, party.statuses(key))
        say("seconds with so many instances unheard by Avahi at the worst host:", dict(sorted(unheard.items())))
        return 1 if n_downs / minutes > MOST else 0


if __name__ == "__main__":
    sys.exit(main())
