# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""The tables alone: what a lookup costs more with a hundred thousand names than with one."""

import json
import subprocess
from collections import defaultdict

import callgrind
from figures import Figure, Promise, Row

TABLES = ["bare", "registry", "peers"]


def tables(programs, is_quick):
    sizes = [1, 100, 1000] if is_quick else [1, 1000, 10000, 100000]
    rounds, lookups = (2, 1000) if is_quick else (20, 100000)
    argv = [programs / "bench-tables", rounds, lookups, *sizes]
    out = subprocess.run(list(map(str, argv)), capture_output=True, text=True, check=True, timeout=300).stdout
    times = defaultdict(list)
    for line in out.splitlines():
        one = json.loads(line)
        times[one["table"], one["names"]].append(one["lookup_ns"] / 1000)
    counts = callgrind.count([programs / "bench-tables", 1, min(lookups, 20000), *sizes], timeout=300)
    for table in TABLES:
        for size in sizes[1:]:
            first, last = times[table, 1], times[table, size]
            is_promised = table != "bare" and size == sizes[-1]
            yield Row("tables", f"a lookup in {table}: more than with 1 name", "µs", "1 name", Figure.of(first),
                      f"{size} names", Figure.of(b - a for a, b in zip(first, last)),
                      promise=Promise("<=", 0.5, "ours") if is_promised else None)  # fmt: skip
            first, last = counts[f"{table}@1"], counts[f"{table}@{size}"]
            yield Row("tables", f"a lookup in {table}", "instructions", "1 name", Figure.of([first]), f"{size} names",
                      Figure.of([last]), Figure.of([last / first]),
                      Promise("<=", 1.3) if is_promised else None)  # fmt: skip
