# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""How a process is and what it has used, by its pid, in one meaning for all tests."""

import os
import re
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def _stat(pid):
    """What stat says of it, as in proc(5), from the state on: the name before that may have any characters."""
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()


def state(pid):
    """One letter, as of proc(5): T is stopped, Z one that has ended and is not reaped yet."""
    return _stat(pid)[0]


def _mappings(pid):
    """[(what is mapped, {key: kB})] of all that is in a process' memory, from below."""
    found = []
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            found.append(((line.split(maxsplit=5) + [""])[5], {}))
        elif line.endswith(" kB"):
            key, kb, _ = line.split()
            found[-1][1][key.rstrip(":")] = int(kb)
    return found


def memory_kb(pid, key):
    """One of the sums of smaps(5). Of a program that qemu runs (tests/cross.sh), what qemu itself has is left out:
    it is its heap and what lies above."""
    mappings = _mappings(pid)
    if os.path.basename(os.readlink(f"/proc/{pid}/exe")).startswith("qemu-"):
        names = [name for name, _ in mappings]
        mappings = mappings[: names.index("[heap]")]
    return sum(sizes.get(key, 0) for _, sizes in mappings)


def private_kb(*pids):
    """Memory that these processes have written to and share with nobody."""
    return sum(memory_kb(pid, "Private_Dirty") for pid in pids)


def cpu_seconds(pid):
    """User and system time of all its threads so far."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / TICKS
