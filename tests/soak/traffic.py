#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""Packets and bytes per second on the link, when nothing happens: each packet counted once, as it enters the
bridge, by nftables."""

import argparse
import json
import subprocess
import sys
import time

from soaklab import Lab, Party, say

from lab_process import tool

COUNTERS = {"mdns": "udp dport 5353", "unicast mdns": "udp sport 5353 udp dport != 5353", "arp": "ether type arp",
            "tcp": "meta l4proto tcp", "all": ""}  # fmt: skip


def nft(lab, *argv, script=None):
    command = [*lab.outer.enter(pid_namespace=False), tool("nft"), *argv]
    return subprocess.run(command, input=script, check=True, capture_output=True, text=True, timeout=15).stdout


def start_counting(lab):
    rules = "\n".join(f'{match} counter comment "{name}"' for name, match in COUNTERS.items())
    nft(lab, "-f", "-", script=f"table bridge traffic {{\nchain in {{\n"
        f"type filter hook prerouting priority -200;\n{rules}\n}}\n}}\n")  # fmt: skip


def read(lab):
    """{name: (packets, bytes)}"""
    found = {}
    for item in json.loads(nft(lab, "-j", "list", "table", "bridge", "traffic"))["nftables"]:
        rule = item.get("rule")
        if rule:
            counter = next(e["counter"] for e in rule["expr"] if "counter" in e)
            found[rule["comment"]] = (counter["packets"], counter["bytes"])
    return found


def measure(hosts, nodes, settle, seconds):
    with Lab() as lab:
        party = Party(lab, hosts, nodes, domain=f"traffic{nodes}")
        start_counting(lab)
        time.sleep(settle)
        before, began = read(lab), time.monotonic()
        peak, last = 0, before["all"][0]
        while time.monotonic() < began + seconds:
            time.sleep(1)
            now = read(lab)["all"][0]
            peak, last = max(peak, now - last), now
        after, lasted = read(lab), time.monotonic() - began
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
    parser.add_argument("nodes", type=int, nargs="*", default=[10, 50, 300], help="in all")
    args = parser.parse_args()
    n_downs = 0
    for nodes in args.nodes:
        ttl = min(120, max(15, 0.3 * nodes))
        n_downs += measure(args.hosts, nodes // args.hosts, settle=10 + ttl, seconds=max(60, 2 * ttl))
    return 1 if n_downs else 0


if __name__ == "__main__":
    sys.exit(main())
