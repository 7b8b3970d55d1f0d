# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""The fixtures of tests/integration; and the product is compiled by the Erlang that is tested."""

import sys
from pathlib import Path

import pytest

pytest.register_assert_rewrite(*(f"test_{name}" for name in (
    "fallback", "net_kernel", "ping", "probes", "registration", "rules", "same_name")))  # see test_two_hosts.py

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "integration"), str(TESTS / "lib")]

from lab_fixtures import *  # noqa: E402, F403
from ways import agents, authority, kernel, pair, tls  # noqa: E402, F401


def pytest_configure(config):
    config.addinivalue_line("markers", "alone: not beside other tests")


@pytest.fixture(scope="session", autouse=True)
def compiled(hermit):
    """The Erlang that is tested, see tests/integration/lab_otp.py; it has compiled the product."""
    otp = hermit.product.otp
    otp.compile(hermit)
    return otp


@pytest.fixture
def served(a, b):
    """Two hosts with an agent each."""
    a.start_agent()
    b.start_agent()


@pytest.fixture(scope="session")
def release(compiled):
    """The number of the OTP release: 23 and so on."""
    return compiled.release
