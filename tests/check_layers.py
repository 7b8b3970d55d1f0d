#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""Holds the tree to its design: who may include whom, versions that agree, licence lines everywhere.

Usage: check_layers.py SOURCE_ROOT
Prints "FILE:LINE: what is wrong"; exit status 1 if there are any.
"""

import os
import pathlib
import re
import sys

# Each layer includes itself and those to its left, and nothing else of ours. The command and the
# discovery program stand beside the daemon: they share its lower layers and know nothing of it.
LAYERS = {
    "include/epmdns": ["epmdns"],
    "agent/base": ["epmdns", "base"],
    "agent/model": ["epmdns", "base", "model"],
    "agent/edge": ["epmdns", "base", "model", "edge"],
    "agent/mediator": ["epmdns", "base", "model", "edge", "mediator"],
    "agent/daemon": ["epmdns", "base", "model", "edge", "mediator", "daemon"],
    "agent/cli": ["epmdns", "base", "cli"],
    "agent/discovery": ["epmdns", "base", "model", "discovery"],
}

# What both ends of the socketpair speak: of the edges, the only header that others may know.
WIRE = "edge/wire.h"

# Edges in several files: what these share is no other edge's.
EDGES = [
    ({"connection", "server", "session", "turns"}, {"edge/connection.h", "edge/server.h"}),
    ({"inquiry", "knock", "lanes", "place", "prober"},
     {"edge/inquiry.h", "edge/knock.h", "edge/lanes.h", "edge/place.h", "edge/prober.h"}),  # fmt: skip
]

# A model has no I/O and no clock, the codec nothing but bytes: these headers, and no other.
PURE = {
    "agent/model": {
        "arpa/inet.h",  # inet_pton() and inet_ntop() only
        "assert.h", "inttypes.h", "limits.h", "stdbool.h", "stddef.h", "stdint.h", "stdio.h",
        "stdlib.h", "string.h", "sys/types.h", "utlist.h",
    },
    "agent/base/codec.c": {"assert.h", "stdbool.h", "stddef.h", "string.h"},
    "include/epmdns": {"stddef.h", "stdint.h"},
}
IMPURE_OWN = {"agent/model": {"base/clock.h", "base/sd.h"}}
IMPURE_CALLS = {"agent/model": r"\b(printf|fprintf|fopen|system|getenv|puts|perror|time)\s*\("}

# Each library stays where it belongs: prefix of the header, and the directories that may use it.
LIBRARIES = {
    "avahi-": ["agent/discovery", "tests/unit/discovery"],
    "jansson": ["agent/cli", "tests/unit/cli"],
    "event": ["agent/daemon", "agent/edge", "agent/mediator", "agent/discovery", "tests"],
    "dbus": [],
    "uthash": ["agent/base"],  # through base/hash.h, which keys the hash
}

# Files that must say whose they are and under which licence.
MARKED = re.compile(r"\.(c|h|py|sh|erl|hrl|yml|service|socket|app\.src)$|(^|/)meson(\.build|_options\.txt)$")
SKIPPED_DIRS = re.compile(r"^(\..*|build.*|_build|ebin|__pycache__|node_modules|debian)$")

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')

problems = []


def complain(path, line, what):
    problems.append(f"{path}:{line}: {what}")


def files(root):
    """Yields the path of every file of the project, relative to root."""
    for directory, names, leaves in os.walk(root):
        names[:] = sorted(n for n in names if not SKIPPED_DIRS.match(n)
                          and not (pathlib.Path(directory) / n / "meson-private").is_dir())
        for leaf in sorted(leaves):
            yield pathlib.Path(directory, leaf).relative_to(root)


def longest_prefix(path, table):
    """The entry of a table keyed by directory or file that is nearest to path, or None."""
    return next((table[str(p)] for p in [path, *path.parents] if str(p) in table), None)


def check_own_include(path, number, header):
    layer = longest_prefix(path.parent, LAYERS)
    owner = header.split("/")[0]
    if "/" not in header:
        if layer is not None:
            complain(path, number, f'"{header}" does not say which layer it is of')
        return
    if layer is not None and owner not in layer and header != WIRE:
        complain(path, number, f"{path.parent} must not know {header}")
    own = next((headers for stems, headers in EDGES if path.stem in stems), {f"edge/{path.stem}.h"})
    if path.parent.name == "edge" and owner == "edge" and header not in own | {WIRE}:
        complain(path, number, f"edges are blind to each other, and this is {header}")
    if header in (longest_prefix(path, IMPURE_OWN) or ()):
        complain(path, number, f"a model has no I/O and no clock, and {header} is that")


def check_system_include(path, number, header):
    allowed = longest_prefix(path, PURE)
    if allowed is not None and header not in allowed:
        complain(path, number, f"this is pure and must not include <{header}>")
    for prefix, places in LIBRARIES.items():
        if header.startswith(prefix):
            at = str(path.parent)
            if not any(at == p or at.startswith(p + "/") for p in places):
                complain(path, number, f"<{header}> has no place in {at}")


def check_c(root, path):
    text = (root / path).read_text(encoding="utf-8")
    first = None
    for number, line in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            first = first or (number, match.group(2))
            if match.group(1) == '"':
                check_own_include(path, number, match.group(2))
            else:
                check_system_include(path, number, match.group(2))
        calls = longest_prefix(path, IMPURE_CALLS)
        if calls and re.search(calls, line) and not re.match(r"\s*(//|\*|/\*)", line):
            complain(path, number, "a model does nothing but compute")
    if path.suffix == ".h" and "#pragma once" not in text:
        complain(path, 1, "no #pragma once")
    own = path.with_suffix(".h")
    if path.suffix == ".c" and path.parts[0] == "agent" and (root / own).exists():
        expected = "/".join(own.parts[1:])
        if first is None or first[1] != expected:
            complain(path, first[0] if first else 1, f'includes "{expected}" not first')


def check_licence(root, path):
    head = (root / path).read_text(encoding="utf-8", errors="replace").split("\n", 4)[:4]
    for mark in ("SPDX-License-Identifier: ", "SPDX-FileCopyrightText: "):
        if not any(mark in line for line in head):
            complain(path, 1, f"no {mark.rstrip(': ')} in the first lines")


def check_versions(root):
    """meson.build, the Erlang application and the changelog's newest entry say the same version."""
    places = {
        "meson.build": r"^\s*version:\s*'([^']+)'",
        "erlang/src/epmdns.app.src": r'\{vsn,\s*"([^"]+)"\}',
        "CHANGELOG.md": r"^## \[?v?(\d+\.\d+\.\d+[^\]\s]*)",
    }
    found = {}
    for place, pattern in places.items():
        try:
            match = re.search(pattern, (root / place).read_text(encoding="utf-8"), re.MULTILINE)
        except FileNotFoundError:
            complain(place, 1, "is missing")
            continue
        if match is None:
            complain(place, 1, "says no version")
        else:
            found[place] = match.group(1)
    for place, version in found.items():
        if version != found.get("meson.build", version):
            complain(place, 1, f"version {version}, but {found['meson.build']} in meson.build")


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    n = 0
    for path in files(root):
        n += 1
        if MARKED.search(path.as_posix()):
            check_licence(root, path)
        if path.suffix in (".c", ".h"):
            check_c(root, path)
    check_versions(root)
    for problem in problems:
        print(problem)
    print(f"{n} files, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
