# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""The benchmark still runs, all of it: in its short form, whose figures are printed and mean nothing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).resolve().parent / "bench.py"
SKIPPED = 77
# Rows of each part; two halves run side by side, for they mostly wait.
HALVES = [
    {"lookup": 6, "throughput": 15, "register": 8, "names": 4, "held": 1, "tables": 12, "footprint": 4, "network": 2},
    {"vm": 4},
]


def test_every_part_gives_its_rows(tmp_path):
    runs = []
    for number, parts in enumerate(HALVES):
        argv = [sys.executable, "-B", BENCH, "--quick", "--json", tmp_path / f"{number}.json", *parts]
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
