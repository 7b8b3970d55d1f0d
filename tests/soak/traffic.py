#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""Packets and bytes per second on the link, when nothing happens: each packet counted once, as it enters the
bridge, by nftables."""

import argparse
import sys
import time

from soaklab import Lab, Party, counters, every_second, nft, say

COUNTERS = {"mdns": "udp dport 5353", "unicast mdns": "udp sport 5353 udp dport != 5353", "arp": "ether type arp",
            "tcp": "meta l4proto tcp", "all": ""}  # fmt: skip


def start_counting(lab):
    rules = "\n".join(f'{match} counter comment "{name}"' for name, match in COUNTERS.items())
    nft(lab.outer, f"table bridge traffic {{\nchain in {{\n"
        f"type filter hook prerouting priority -200;\n{rules}\n}}\n}}\n")  # fmt: skip


def measure(hosts, nodes, seconds):
    with Lab() as lab:
        party = Party(lab, hosts, nodes, domain=f"traffic{nodes}")
        start_counting(lab)
        party.wait_for_calm()
        before, began = counters(lab.outer), time.monotonic()
        peak, last = 0, before["all"][0]
        for _ in every_second(lambda: time.monotonic() < began + seconds):
            now = counters(lab.outer)["all"][0]
            peak, last = max(peak, now - last), now
        after, lasted = counters(lab.outer), time.monotonic() - began
        rates = {
            name: tuple(round((after[name][i] - before[name][i]) / lasted, 2) for i in (0, 1)) for name in COUNTERS
        }
        say(f"{hosts * nodes} nodes on {hosts} hosts, TTL {party.statuses('ttl_s')}, {lasted:.0f} s: "
            f"{rates['all'][0]} packets/s, {rates['all'][1]:.0f} B/s, most in a second {peak}; {rates}")  # fmt: skip
        for key in ("downs_silent", "downs_refused", "downs_withdrawn", "instances_unheard"):
            say(" ", key, party.statuses(key))
        return len(party.downs())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=5)
    parser.add_argument("--seconds", type=int, help="by default a minute, or two TTLs")
    parser.add_argument("nodes", type=int, nargs="*", default=[10, 50, 300], help="in all")
    args = parser.parse_args()
    n_downs = 0
    for nodes in args.nodes:
        ttl = min(120, max(15, 0.3 * nodes))
        n_downs += measure(args.hosts, nodes // args.hosts, args.seconds or max(60, 2 * ttl))
    return 1 if n_downs else 0


if __name__ == "__main__":
    sys.exit(main())
