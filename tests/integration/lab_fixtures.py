# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""Three simulated hosts for the whole run, clean for each test; logs of everything with each failure.

The fixtures of tests/integration and tests/soak, whose conftest.py take them from here.
"""

from contextlib import contextmanager

import pytest

pytest.register_assert_rewrite("claims", "trials")  # so that their failures are explained, too

from lab import Host, Lab, LabUnavailable  # noqa: E402

REPORTED_BYTES = 6000  # of each log, from its end
open_labs = []
_sizes = {}  # how long each log was when the test began


@contextmanager
def opened_lab(kind=Lab):
    """An empty lab; starting it takes milliseconds. For a test that needs hosts of its own."""
    laboratory = kind()
    try:
        laboratory.__enter__()
    except LabUnavailable as reason:
        pytest.skip(f"cannot simulate hosts: {reason}")
    open_labs.append(laboratory)
    try:
        yield laboratory
    finally:
        open_labs.remove(laboratory)
        laboratory.__exit__(None, None, None)


@pytest.fixture(scope="session")
def lab():
    with opened_lab() as laboratory:
        yield laboratory


@pytest.fixture(scope="session")
def product():
    """The built programs are there."""
    missing = Host.product.missing()
    if missing:
        pytest.exit(f"build first (meson setup build && ninja -C build); missing: {' '.join(missing)}", 1)
    return Host.product


@pytest.fixture(scope="session")
def trio(lab, product):
    """Three hosts on one network, with a bus and a running Avahi each, without agents."""
    return lab.hosts("a", "b", "c")


@pytest.fixture(scope="session")
def hermit(lab, product):
    """A host with nothing but loopback: no network, no bus, no Avahi."""
    return lab.host("hermit", link=False, bus=False)


@pytest.fixture
def a(trio):
    return trio[0]


@pytest.fixture
def b(trio):
    return trio[1]


@pytest.fixture
def c(trio):
    return trio[2]


@pytest.fixture
def drop(lab):
    """Lab.drop(); a machine that cannot drop packets at a bridge is no failure."""

    def attempt(*rules):
        try:
            lab.drop(*rules)
        except LabUnavailable as reason:
            pytest.skip(str(reason))

    return attempt


@pytest.fixture
def report(record_property):
    """Call it with figures that a test has measured: they are shown (pytest -rP) and kept (--junitxml)."""

    def tell(**figures):
        for name, value in figures.items():
            record_property(name, str(value))
            print(f"{name}: {value}")

    return tell


@pytest.fixture(autouse=True)
def clean_hosts_for_the_next_test():
    for process in _processes():
        _sizes[process] = process.log.stat().st_size
    yield
    for laboratory in open_labs:
        laboratory.quiesce()


def _processes():
    return [process for laboratory in open_labs for process in laboratory.processes()]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """Attach to a failure what every process has written since the test began."""
    report = (yield).get_result()
    if not report.failed:
        return
    for process in _processes():
        with open(process.log, "rb") as log:
            log.seek(_sizes.get(process, 0))
            text = log.read()[-REPORTED_BYTES:].decode(errors="replace").strip()
        if text:
            report.sections.append((repr(process), text))
