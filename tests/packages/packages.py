# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""The built packages, and what a machine has of them and of everything else."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

NAMES = ("epmdns", "erlang-epmdns")
UNITS = ("epmdnsd.socket", "epmdnsd.service")
RUNNING = {unit: ("enabled", "active") for unit in UNITS}  # as unit_states() has it
DEFAULTS = "/etc/default/epmdnsd"
BACK_WITHIN = 3.0  # seconds until nodes are there again, whatever became of the agent
PLACE = "/tmp/packages"  # on a machine; /tmp is a file system of its own there

# What apt and dpkg write down of what they do, logs and caches that are not ours, what was there before a user came or
# went, and where systemd has the temporary files of a service while it runs.
BOOKS = re.compile(
    r"(?!/var/(log|cache)/.*epmdns)"
    r"/(var/(lib/(apt|dpkg)|cache|log|tmp/systemd-private-[^/]+)|etc/(ld\.so\.cache|g?(passwd|group|shadow)-))(/|$)"
)


class Packages:
    """A directory with packages of one version."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.files = {}
        for name in NAMES:
            (self.files[name],) = self.directory.glob(f"{name}_*.deb")

    @property
    def version(self):
        """Of the programs: what follows in that of the packages is Debian's."""
        argv = ["dpkg-deb", "--field", self.files["epmdns"], "Version"]
        return re.split("[-+]", subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip())[0]

    def put(self, machine):
        """Bring them to a machine. Return: what to call them there."""
        place = machine.path(PLACE)
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        for file in self.files.values():
            shutil.copy(file, place)
        return [f"{PLACE}/{file.name}" for file in self.files.values()]

    def install(self, machine, *options):
        """As an administrator does, with all that they recommend. Return: CompletedProcess."""
        return machine.apt("install", *options, *self.put(machine))

    def needed(self, machine):
        """The packages that apt would install with them."""
        plan = machine.apt("install", "--simulate", *self.put(machine)).stdout
        return [name for name in re.findall(r"^Inst (\S+)", plan, re.M) if name not in NAMES]


def files(machine):
    """{path: what it is} of all files of a machine that last, without apt's and dpkg's books: kind, mode, owner, where
    a link leads, and below /etc what is in a file."""
    find = r'find / -xdev -printf "%p\t%y %m %U:%G %l\n"; find /etc -xdev -type f -exec md5sum {} +'
    listing = machine.run(["sh", "-c", find], timeout=60).stdout
    seen = {}
    for line in listing.splitlines():
        path, tab, what = line.partition("\t")
        if not tab:
            what, path = line.split("  ", 1)
            what = f"{seen.get(path, '')} {what}"
        if not BOOKS.match(path):
            seen[path] = what
    return seen


def difference(before, after):
    """What has come, gone or changed between two dictionaries, as lines."""
    paths = sorted(before.keys() | after.keys())
    return [
        f"{path}: {before.get(path, 'nothing')} -> {after.get(path, 'nothing')}"
        for path in paths
        if before.get(path) != after.get(path)
    ]


def unit_states(machine):
    """{unit: (enabled?, active?)} as systemctl says it."""
    return {
        unit: tuple(machine.systemctl(verb, unit, check=False).stdout.strip() for verb in ("is-enabled", "is-active"))
        for unit in UNITS
    }
