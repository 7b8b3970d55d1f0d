# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""Instructions of a program by callgrind: those of its own code alone, for its libraries are others' work.

A stretch that the program has marked (counting.h) is a file, whose costs stand by object and function: a line
"ob=" says whose the following ones are, and the line after "calls=" is what was called there, which counts already.
"""

import re
import subprocess
import tempfile
from pathlib import Path

TRIGGER = re.compile(r"desc: Trigger: Client Request: (\S+) (\d+)$")
COST = re.compile(r"\d+ (\d+)$")


def count(argv, timeout=60):
    """Return: {name: instructions of the program's own code for each operation}, in their order."""
    with tempfile.TemporaryDirectory(prefix="epmdns-callgrind-") as directory:
        valgrind = ["valgrind", "--tool=callgrind", "--collect-atstart=no", "--compress-strings=no",
                    "--compress-pos=no", f"--callgrind-out-file={directory}/out"]  # fmt: skip
        done = subprocess.run([*valgrind, *map(str, argv)], capture_output=True, text=True, timeout=timeout)
        if done.returncode != 0:
            raise RuntimeError(f"{argv[0]} under callgrind: {done.stderr}")
        counts = {}
        for path in sorted(Path(directory).glob("out.*"), key=lambda path: int(path.suffix[1:])):
            name, operations, own = _read(path, Path(argv[0]).name)
            if name:
                counts[name] = own / operations
        return counts


def _read(path, program):
    """(name or None, operations, instructions of the program's own code) of one file."""
    name, operations, own = None, 1, 0
    is_own = is_call = False
    for line in path.read_text().splitlines():
        if match := TRIGGER.match(line):
            name, operations = match[1], int(match[2])
        elif line.startswith("ob="):
            is_own = Path(line[3:]).name == program
        elif line.startswith("calls="):
            is_call = True
        elif match := COST.match(line):
            own += int(match[1]) if is_own and not is_call else 0
            is_call = False
    return name, operations, own
