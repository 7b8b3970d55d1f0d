# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""A node that is verified does not notice, and nobody is annoyed by lines in logs."""

import subprocess

import pytest

from lab import wait_until
from lab_wire import Client

PROBES = 12


def doubt(client, host, name):
    """Say to an agent that a node cannot be connected to, and wait until it has been probed."""
    assert client.ask("hint", node=name.encode())[-1].op == "done"
    wait_until(lambda: host.status()["probes_pending"] == 0, what="the probe")


def accepted(host):
    """TCP connections that a host has ever accepted."""
    lines = host.run(["cat", "/proc/net/snmp"]).stdout.splitlines()
    names, counts = (line.split() for line in lines if line.startswith("Tcp:"))
    return int(counts[names.index("PassiveOpens")])


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate and its key in one file."""
    path = tmp_path_factory.mktemp("tls") / "node.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=node",
         "-keyout", path, "-out", path.with_suffix(".crt")],
        check=True, capture_output=True,
    )  # fmt: skip
    with open(path, "ab") as pem:
        pem.write(path.with_suffix(".crt").read_bytes())
    return path


@pytest.mark.parametrize("carrier", ["inet_tcp", "inet_tls"])
def test_no_probe_leaves_a_trace_in_a_log(request, a, b, carrier):
    extra = ["-proto_dist", carrier]
    if carrier == "inet_tls":
        extra += ["-ssl_dist_opt", "server_certfile", request.getfixturevalue("certificate")]
    for host in (a, b):
        host.start_agent()
    alice = a.start_node(f"alice@a.{carrier.replace('_', '-')}", extra=extra)
    b.wait_for_nodes(alice)
    said, avahi_said = alice.process.output, a.avahi.output
    connections, watch = accepted(a), b.watch()
    with Client(b) as client:
        for _ in range(PROBES):
            doubt(client, b, alice.name)
    assert b.nodes()[alice.name]["state"] == "up"
    assert not watch.seen("down", alice.name)
    assert accepted(a) >= connections + PROBES
    assert alice.eval("1 + 1") == "2"  # by now it has had time to complain
    assert alice.process.output == said
    assert a.avahi.output == avahi_said
