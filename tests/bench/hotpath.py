#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""Judges the instructions of the hot path against what they were: hotpath.py PROGRAM COMPILER [--update]

bounds.json has the counts, and the compiler that they are of. With the same one they may grow by a tenth, and
with another, which chooses and inlines otherwise, by a third. --update writes today's. Prints TAP.
"""

import argparse
import json
import sys
from pathlib import Path

import callgrind

BOUNDS = Path(__file__).resolve().parent / "bounds.json"
MARGIN, MARGIN_OF_ANOTHER_COMPILER = 0.10, 0.33


def judge(counts, bounds, margin):
    """Print a line for each that is counted or has a bound. Return: exit code."""
    n_bad = 0
    names = {**bounds, **counts}
    print(f"1..{len(names)}")
    for number, name in enumerate(names, 1):
        bound, count = bounds.get(name, 0), counts.get(name, 0)
        is_good = 0 < count <= bound * (1 + margin)  # what counts nothing is no gain
        n_bad += not is_good
        print(f"{'' if is_good else 'not '}ok {number} - {name}: {count:.0f} instructions, {bound} + {margin:.0%}")
        if is_good and count < bound * (1 - margin):
            print("# it has become so much cheaper that the bound should follow: --update")
    return 1 if n_bad else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=Path)
    parser.add_argument("compiler", help="such as gcc-12")
    parser.add_argument("--update", action="store_true")
    options = parser.parse_args()
    counts = callgrind.count([options.program])
    if options.update:
        rounded = {name: round(count) for name, count in counts.items()}
        BOUNDS.write_text(json.dumps({"compiler": options.compiler, "instructions": rounded}, indent=1) + "\n")
    bounds = json.loads(BOUNDS.read_text())
    is_same = bounds["compiler"] == options.compiler
    return judge(counts, bounds["instructions"], MARGIN if is_same else MARGIN_OF_ANOTHER_COMPILER)


if __name__ == "__main__":
    sys.exit(main())
