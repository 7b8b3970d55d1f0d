# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""Machines of the suite that is tested, and its packages; the journals of a test's machines with its failure.

tests/packages.sh says in the environment what is tested: EPMDNS_SYSTEM_ROOT, a root directory that systemd can boot
and whose apt has all that the packages need; EPMDNS_PACKAGES and EPMDNS_PACKAGES_NEWER, directories with the packages
and with those of a later version. What is made of the former once is kept beside it.
"""

import fcntl
import os
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "packages"), str(TESTS / "integration"), str(TESTS / "lib")]
pytest.register_assert_rewrite("machine", "packages")

from lab_fixtures import open_labs, opened_lab, report  # noqa: E402, F401
from machine import Disk, MachineLab  # noqa: E402
from packages import Packages  # noqa: E402

REPORTED_BYTES = 12000  # of each journal and log, from its end


def pytest_configure(config):
    config.addinivalue_line("markers", "alone: not beside other tests")


@pytest.fixture(scope="session")
def lab():
    with opened_lab(MachineLab) as laboratory:
        yield laboratory


@pytest.fixture(scope="session")
def bare():
    """The disk of a machine that has none of our packages, nor what they need."""
    return Disk((Path(os.environ["EPMDNS_SYSTEM_ROOT"]),))


@pytest.fixture(scope="session")
def present():
    """The packages of this version."""
    return Packages(os.environ["EPMDNS_PACKAGES"])


@pytest.fixture(scope="session")
def newer():
    """The packages of a later version."""
    return Packages(os.environ["EPMDNS_PACKAGES_NEWER"])


@pytest.fixture(scope="session")
def installed(lab, bare, present):
    """The disk of a machine on which the packages were installed: once for all tests, also for those that other
    processes run."""
    kept = present.directory.parent / "installed"
    with open(f"{kept}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            machine = lab.machine("template", bare)
            present.install(machine)
            machine.wait_until_served()
            machine.freeze().save(lab, kept)
    return Disk((kept, *bare.layers))


@pytest.fixture
def machines(lab, installed):
    """machines(NAME...): machines that have booted, with the packages installed, or on another disk; gone after
    the test."""

    def boot(*names, disk=None):
        added = lab.machines(*names, disk=disk or installed)
        for machine in added if disk is None else []:
            machine.wait_until_served()
        return added

    yield boot
    for machine in list(lab.members):
        lab.remove(machine)


@pytest.fixture
def a(machines):
    """A machine with the packages."""
    return machines("a")[0]


@pytest.fixture
def pair(machines):
    """Two machines with the packages, on one network."""
    return machines("a", "b")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """Attach to a failure what its machines have to say."""
    outcome = (yield).get_result()
    if not outcome.failed:
        return
    for machine in [machine for laboratory in open_labs for machine in laboratory.members]:
        texts = [(repr(process), process.output) for process in machine.processes]
        if machine.popen.poll() is None:
            texts.append((f"journal of {machine.name}", machine.journal()))
        for name, text in texts:
            if text.strip():
                outcome.sections.append((name, text[-REPORTED_BYTES:].strip()))
