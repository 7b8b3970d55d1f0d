# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""The benchmark still runs, all of it: in its short form, whose figures are printed and mean nothing."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).resolve().parent / "bench.py"
README = BENCH.parents[2] / "README.md"
SKIPPED = 77
# Rows of each part; two halves run side by side, for they mostly wait.
HALVES = [
    {"lookup": 6, "throughput": 15, "register": 8, "names": 4, "held": 1, "tables": 12, "footprint": 4, "network": 2},
    {"vm": 4},
]


def table_rows(text):
    """What the rows of the benchmark's table are about, whatever the numbers: [(first cell, promised or not)]."""
    lines = re.search(r"^\| \| theirs \|.*?(?=^$|\Z)", text, re.MULTILINE | re.DOTALL)[0].splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [(re.sub(r"\d+", "N", row[0]), row[-1] != "") for row in cells]


def test_every_part_gives_its_rows(tmp_path):
    runs = []
    for number, parts in enumerate(HALVES):
        out = ["--json", tmp_path / f"{number}.json", "--markdown", tmp_path / f"{number}.md"]
        argv = [sys.executable, "-B", BENCH, "--quick", *out, *parts]
        runs.append(
            subprocess.Popen(list(map(str, argv)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        )
    try:
        ends = [(*run.communicate(timeout=180), run.returncode) for run in runs]
    finally:
        for run in runs:
            run.kill()  # where one has failed, or takes too long
    for number, (expected, (out, err, code)) in enumerate(zip(HALVES, ends)):
        if code == SKIPPED:
            pytest.skip(err.strip())
        assert code == 0, err
        print(out)
        rows = json.loads((tmp_path / f"{number}.json").read_text())["rows"]
        assert {part: sum(row["part"] == part for row in rows) for part in expected} == expected
        assert all(row["ours"]["median"] is not None for row in rows)
    here = [row for number in range(len(HALVES)) for row in table_rows((tmp_path / f"{number}.md").read_text())]
    assert sorted(here) == sorted(table_rows(README.read_text())), "the README has the table of another benchmark"
