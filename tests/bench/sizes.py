#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""How large packages and programs are: sizes.py PACKAGE.deb...

Prints a Markdown table, a row for each: bytes of the package, kB when it is installed, and of each program in it what is
loaded of it (code and constants) and what each process has of its own (data, without what is zero at first), in kB.
Packages of the agent come from packaging/build-deb.sh, with --arch for other machines. What the processes have in
memory is measured by bench.py footprint; of other architectures with EPMDNS_BUILD_DIR=build-cross/NAME/emulated, which
tests/cross.sh leaves.
"""

import struct
import subprocess
import sys
import tempfile
from pathlib import Path

ALLOCATED, WRITABLE, NOT_IN_FILE = 2, 1, 8  # sh_flags, sh_flags, sh_type
PROGRAMS = ("epmdnsd", "epmdns-discovery", "epmdns")


def loaded(elf):
    """(code and constants, data) of a program, in bytes; as size(1) counts them, which may know no other machine's."""
    assert elf[:4] == b"\x7fELF" and elf[5] == 1, "no little-endian ELF file"
    is_64 = elf[4] == 2
    start, entry, count = struct.unpack_from("<Q10xHH" if is_64 else "<I10xHH", elf, 0x28 if is_64 else 0x20)
    text = data = 0
    for i in range(count):
        kind, flags, _, _, size = struct.unpack_from("<4xIQQQQ" if is_64 else "<4xIIIII", elf, start + i * entry)
        if flags & ALLOCATED and kind != NOT_IN_FILE:
            if flags & WRITABLE:
                data += size
            else:
                text += size
    return text, data


def field(package, name):
    return subprocess.run(["dpkg-deb", "--field", package, name], check=True, capture_output=True,
                          encoding="utf-8").stdout.strip()  # fmt: skip


def row(package):
    cells = [field(package, "Package"), field(package, "Version"), field(package, "Architecture"),
             f"{Path(package).stat().st_size}", field(package, "Installed-Size")]  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="epmdns-sizes-") as directory:
        subprocess.run(["dpkg-deb", "--extract", package, directory], check=True)
        files = {path.name: path for path in Path(directory).rglob("*") if path.is_file() and path.stat().st_mode & 0o100}
        for name in PROGRAMS:
            cells.append("+".join(f"{size / 1024:.0f}" for size in loaded(files[name].read_bytes()))
                         if name in files else "")  # fmt: skip
    return cells


def table(packages):
    rows = [["package", "version", "architecture", "bytes", "installed, kB", *(f"{name}, kB" for name in PROGRAMS)]]
    rows += [row(package) for package in packages]
    rows.insert(1, ["---"] * len(rows[0]))
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    print(table(sys.argv[1:]))
