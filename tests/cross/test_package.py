# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""The Debian package for another architecture, as tests/cross.sh says it in the environment: EPMDNS_CROSS_SUITE,
EPMDNS_CROSS_ARCH, and EPMDNS_CROSS_RUN, a command that runs the programs of that architecture."""

import os
import subprocess
from pathlib import Path

TREE = Path(__file__).resolve().parents[2]
ARCH = os.environ["EPMDNS_CROSS_ARCH"]
BUILD_S = 900


def run(*argv, timeout=60):
    """Return: what the command has printed."""
    done = subprocess.run(list(map(str, argv)), capture_output=True, text=True, timeout=timeout)
    assert done.returncode == 0, f"{argv}: {done.stdout[-4000:]}{done.stderr[-4000:]}"
    return done.stdout


def test_what_is_built_is_of_that_architecture_and_runs(tmp_path):
    script = TREE / "packaging/build-deb.sh"
    run(script, "--suite", os.environ["EPMDNS_CROSS_SUITE"], "--arch", ARCH, "--output", tmp_path, timeout=BUILD_S)
    (package,) = tmp_path.glob("epmdns_*.deb")
    version, arch = run("dpkg-deb", "--show", "--showformat=${Version} ${Architecture}", package).split()
    assert arch == ARCH
    run("dpkg-deb", "--extract", package, tmp_path / "root")
    for program in ("usr/sbin/epmdnsd", "usr/bin/epmdns"):
        said = run(*os.environ["EPMDNS_CROSS_RUN"].split(), tmp_path / "root" / program, "--version")
        assert version.startswith(said.split()[1]), said
