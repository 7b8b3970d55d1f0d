# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""Add up what the test runners have recorded: tally.py NAME=FILE...

A FILE is Meson's log of a run (.json: one object per program) or pytest's (.xml: JUnit). Programs that print
TAP or EUnit's summary count by their cases, others as one. Prints a line per run, then `N passed, N failed`.
A run without a record, or of nothing, has failed. Exit code 1 if anything has failed or nothing has run.
"""

import json
import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

EUNIT = re.compile(
    r"^\s*(?:All (\d+) tests|(\d+) tests|Test) passed\.|^\s*Failed: (\d+)\..*Passed: (\d+)\.", re.M
)


def count_program(run):
    """(passed, failed, skipped) of one program that Meson has run."""
    out = run.get("stdout") or ""
    good = run["result"] in ("OK", "EXPECTEDFAIL")
    if run["result"] == "SKIP":
        return 0, 0, 1
    skipped = len(re.findall(r"^ok\b.*# *skip", out, re.M | re.I))
    passed = len(re.findall(r"^ok\b", out, re.M)) - skipped
    failed = len(re.findall(r"^not ok\b", out, re.M))
    eunit = EUNIT.search(out)
    if eunit:
        every, several, bad, rest = eunit.groups()
        passed = int(every or several or rest or 1)
        failed = int(bad or 0)
    elif not passed + failed + skipped:
        passed = int(good)
    return passed, failed or int(not good), skipped


def count_meson(path):
    counts = [count_program(json.loads(line)) for line in path.read_text().splitlines()]
    return [sum(column) for column in zip(*counts)] or [0, 0, 0]


def count_junit(path):
    passed = failed = skipped = 0
    for case in ElementTree.parse(path).iter("testcase"):
        kinds = {child.tag for child in case}
        if kinds & {"failure", "error"}:
            failed += 1
        elif "skipped" in kinds:
            skipped += 1
        else:
            passed += 1
    return [passed, failed, skipped]


def main(arguments):
    totals = [0, 0, 0]
    for argument in arguments:
        name, _, file = argument.partition("=")
        path = Path(file)
        try:
            counts = count_junit(path) if path.suffix == ".xml" else count_meson(path)
            note = ""
            if not any(counts):
                counts, note = [0, 1, 0], "  (ran nothing)"
        except (OSError, ValueError, ElementTree.ParseError):
            counts, note = [0, 1, 0], "  (left no record)"
        totals = [total + count for total, count in zip(totals, counts)]
        print(f"  {name:<22} {counts[0]:>5} passed {counts[1]:>4} failed {counts[2]:>4} skipped{note}")
    passed, failed, skipped = totals
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return int(failed > 0 or passed == 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
