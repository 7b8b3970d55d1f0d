# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""What tests/integration shows of nodes on simulated hosts, with the release that is tested: all tests that ask
something of OTP, and not only of the agent."""

import pytest
from test_fallback import *  # noqa: F403
from test_net_kernel import *  # noqa: F403
from test_ping import *  # noqa: F403
from test_probes import *  # noqa: F403
from test_registration import *  # noqa: F403
from test_rules import *  # noqa: F403
from test_same_name import *  # noqa: F403

RESOLVES_FIRST = "before 24.2 OTP asks the resolver in net_kernel, and us only then"
LIMITED = {
    "test_a_fallback_that_hangs_does_not_hold_net_kernel_up": RESOLVES_FIRST,
    "test_several_carriers_are_answered_exactly_per_family": RESOLVES_FIRST,
}


@pytest.fixture(autouse=True)
def not_limited(compiled, request):
    reason = LIMITED.get(request.node.originalname)
    if reason and compiled.resolves_first:
        pytest.skip(reason)
