# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""What a process has used, by its pid, in one meaning for all tests."""

import os
import re
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def private_kb(*pids):
    """Memory that these processes have written to and share with nobody."""
    return sum(int(re.search(r"^Private_Dirty: +(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)[1])
               for pid in pids)  # fmt: skip


def cpu_seconds(pid):
    """User and system time of all its threads so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS
