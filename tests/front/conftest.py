# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""Every test has a place of its own, and the daemons' logs stand beside its failure."""

import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import front  # noqa: E402

NETWORK_PROBLEM = front.enter_own_network()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    place = getattr(item, "funcargs", {}).get("place")
    if report.failed and report.when == "call" and place is not None:
        for daemon in place.daemons:
            report.sections.append((f"epmdnsd {daemon.process.args[1:]}", daemon.output()))


@pytest.fixture
def place():
    with tempfile.TemporaryDirectory(prefix="epmdns-front-") as directory:  # short: sun_path has 108 bytes
        place = front.Place(Path(directory))
        yield place
        place.close()


@pytest.fixture
def network():
    """For tests whose nodes have addresses."""
    if NETWORK_PROBLEM is not None:
        pytest.skip(NETWORK_PROBLEM)
