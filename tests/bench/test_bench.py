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
EXPECTED = {
    "lookup": 6, "throughput": 15, "register": 6, "names": 4, "held": 1, "vm": 4, "footprint": 4, "network": 2,
    "tables": 12,
}  # fmt: skip


def test_every_part_gives_its_rows(tmp_path):
    path = tmp_path / "rows.json"
    argv = [sys.executable, "-B", BENCH, "--quick", "--json", path]
    done = subprocess.run([*map(str, argv)], capture_output=True, text=True, timeout=180)
    if done.returncode == SKIPPED:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    print(done.stdout)
    rows = json.loads(path.read_text())["rows"]
    assert {part: sum(row["part"] == part for row in rows) for part in EXPECTED} == EXPECTED
    assert all(row["ours"]["median"] is not None for row in rows)
