#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""What epmd, the floors and the agent cost, measured side by side: see README.md.

    bench.py                    # all parts
    bench.py lookup names       # some
    bench.py --quick            # all of them, too short to mean anything: does it still run?
    bench.py --json FILE        # the same rows for programs
    bench.py --markdown FILE    # those that are promised or against epmd, for a document
"""

import argparse
import json
import os
import platform
import sys
import time

import footprint
import network
import sockets
import tables
import vm
from arena import Arena, Host, Lab, LabUnavailable
from figures import document, table

PARTS = {
    "lookup": lambda bench: sockets.lookup(bench.field),
    "throughput": lambda bench: sockets.throughput(bench.field),
    "register": lambda bench: sockets.register(bench.field),
    "names": lambda bench: sockets.names(bench.field),
    "held": lambda bench: sockets.held(bench.field),
    "vm": lambda bench: vm.vm(bench.arena()),
    "footprint": lambda bench: footprint.footprint(bench.hosts()[0], bench.field, bench.is_quick),
    "network": lambda bench: network.network(*bench.hosts(), bench.is_quick),
    "tables": lambda bench: tables.tables(bench.field.arena.programs, bench.is_quick),
}


class Bench:
    """What the parts have in common."""

    def __init__(self, lab, options):
        self.lab = lab
        self.is_quick = options.quick
        self.options = options
        self.field = sockets.Field(self.arena())
        self.pair = []

    def arena(self):
        """A host of its own."""
        return Arena(self.lab, self.options)

    def hosts(self):
        """Two on one network, where nothing runs but a bus and Avahi."""
        self.pair = self.pair or self.lab.hosts("near", "far")
        for host in self.pair:
            host.quiesce()
        return self.pair


def machine():
    """This machine in one line."""
    with open("/proc/cpuinfo") as cpuinfo:
        models = [line.split(":", 1)[1].strip() for line in cpuinfo if line.startswith("model name")]
    return f"{os.cpu_count()} × {models[0] if models else platform.machine()}, Linux {platform.release()}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="run everything, for a moment each")
    parser.add_argument("--realtime", action="store_true", help="ahead of all else on this machine (root)")
    parser.add_argument("--json", metavar="FILE", help="write the rows there, too")
    parser.add_argument("--markdown", metavar="FILE", help="write those there that are promised or against epmd")
    parser.add_argument("parts", nargs="*", metavar="PART", help=" ".join(PARTS))
    options = parser.parse_args()
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    missing = Host.product.missing()
    if missing:
        parser.error(f"not built: {missing[0]} (EPMDNS_BUILD_DIR says where it is)")
    rows = []
    try:
        with Lab() as lab:
            bench = Bench(lab, options)
            for part in options.parts or PARTS:
                for row in PARTS[part](bench):
                    rows.append(row)
                    print(f"{part}: {row.what}", file=sys.stderr, flush=True)
    except LabUnavailable as reason:
        print(f"cannot simulate hosts: {reason}", file=sys.stderr)
        return 77
    when = time.strftime("%Y-%m-%d")
    print(f"{when}, {machine()}{', quick: means nothing' if options.quick else ''}\n\n{table(rows)}")
    if options.json:
        with open(options.json, "w") as out:
            json.dump({"date": when, "machine": machine(), "quick": options.quick,
                       "rows": [row.as_json() for row in rows]}, out, indent=1)  # fmt: skip
    if options.markdown:
        with open(options.markdown, "w", encoding="utf-8") as out:
            out.write(f"{document(rows)}\n\n{when}, {machine()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
