# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""Nodes of different releases on different hosts find each other wherever OTP lets them connect.

The releases are the machine's own and those of the root directories in $EPMDNS_OTP_ROOTS, separated by colons.
"""

import os
from itertools import combinations

import pytest
from claims import ping_proves_epmdns
from lab_agent import Product

ROOTS = ["", *filter(None, os.environ.get("EPMDNS_OTP_ROOTS", "").split(":"))]
RELEASES = {Product(root).otp.release: root for root in ROOTS}
# From 26 on, OTP insists on what there is since 24 (kernel/include/dist.hrl, MANDATORY_DFLAGS_26).
INSISTS = 26
HAS_IT_ALL = 24
ALONE = ["-connect_all", "false"]


@pytest.fixture(scope="module")
def hosts(lab, product):
    """{release: a host that runs it}"""
    found = {each: lab.host(f"otp{each}", avahi=False, otp_root=root) for each, root in RELEASES.items()}
    for host in found.values():
        host.start_avahi(wait=False)
        host.product.otp.compile(host)
    for host in found.values():
        host.wait_for_avahi()
    return found


@pytest.mark.parametrize("older, newer", combinations(sorted(RELEASES), 2))
def test_nodes_of_two_releases_meet_where_otp_lets_them(hosts, older, newer):
    pair = [hosts[older], hosts[newer]]
    for host in pair:
        host.start_agent()
    first, second = [host.start_node(f"n@{host.name}.{older}-{newer}", extra=ALONE, wait=False) for host in pair]
    for node in (first, second):
        node.wait_until_alive()
    for node in (first, second):
        node.host.wait_for_nodes(first, second)
    may_meet = newer < INSISTS or older >= HAS_IT_ALL
    for here, there in ((first, second), (second, first)):
        if may_meet:
            ping_proves_epmdns(here, there)
            here.disconnect(there)
        else:
            assert not here.ping(there)
