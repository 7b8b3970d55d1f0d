# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""What the tests of ways to start a node share: two hosts of both families, the Erlang under test, certificates."""

import subprocess

import pytest

from claims import wait_until_listed

DOMAIN = "ways"  # of the names of all hosts here


@pytest.fixture(scope="session")
def pair(lab, product):
    """Two hosts on one network, with addresses of both families that Erlang can use, a bus and an Avahi."""
    hosts = [lab.host(name, avahi=False) for name in ("left", "right")]
    for host in hosts:
        host.address6 = f"fd00:78::{host.number:x}"  # not that of test_net_kernel.py, which has the same network
        if host.ip(f"addr add {host.address6}/64 dev eth0 nodad", check=False).returncode != 0:
            pytest.skip("no IPv6 on this machine")
        host.start_avahi(wait=False)
    for host in hosts:
        host.wait_for_avahi()
    return hosts


@pytest.fixture(scope="session")
def kernel(pair):
    """The version of the kernel application of the Erlang under test, as a tuple."""
    vm = pair[0].start_vm("asked for its version")
    version = vm.eval("element(2, application:get_key(kernel, vsn))", timeout=30)
    return tuple(map(int, version.strip('"').split(".")))


def need(kernel, since, release, what):
    """Skip a test where this kernel is older than the one that brought something, with an OTP release."""
    if kernel < since:
        pytest.skip(f"{what} came with OTP {release}, whose kernel is {since}; this one is {kernel}")


@pytest.fixture
def agents(pair):
    for host in pair:
        host.start_agent(wait=False)
    for host in pair:
        host.wait_until_served()
    return pair


def host_part(host):
    """A name for a host that nobody but epmdns knows."""
    return f"{host.name}.{DOMAIN}"


@pytest.fixture(scope="session")
def authority(lab, pair):
    """The directory of a certificate authority that vouches for host_part() of both hosts."""
    directory = lab.directory / "tls"
    directory.mkdir()
    names = ",".join(f"DNS:{host_part(host)}" for host in pair)
    (directory / "san").write_text(f"subjectAltName={names}\n")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    for command in (
        ["req", "-x509", *key, "-days", "2", "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem"],
        ["req", *key, "-subj", "/CN=node", "-keyout", "node.key", "-out", "node.csr"],
        ["x509", "-req", "-in", "node.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-set_serial", "1",
         "-days", "2", "-extfile", "san", "-out", "node.pem"],
    ):  # fmt: skip
        subprocess.run(["openssl", *command], cwd=directory, check=True, capture_output=True)
    return directory


@pytest.fixture(scope="session")
def tls(authority):
    """Flags for erl: who connects and who is connected to has to show a certificate of the authority."""
    files = {"certfile": "node.pem", "keyfile": "node.key", "cacertfile": "ca.pem"}
    shown = ",".join(f'{{{key},"{authority / name}"}}' for key, name in files.items())
    options = authority / "options"
    options.write_text(
        f"[{{server,[{shown},{{verify,verify_peer}},{{fail_if_no_peer_cert,true}}]}},"
        f"{{client,[{shown},{{verify,verify_peer}}]}}]."
    )
    return ["-ssl_dist_optfile", options]


def help_old_tls(kernel, *nodes):
    """Before OTP 24.2 TLS connects to where the host part resolves to, whatever we say: let it resolve, in
    each of these nodes, to where the others are, as with an /etc/hosts."""
    if kernel >= (8, 2):
        return
    for node in nodes:
        for other in nodes:
            name = other.name.partition("@")[2]
            for address, _, _ in node.host.lookup(other):
                node.eval(f'{{ok, Ip}} = inet:parse_address("{address}"), inet_db:add_host(Ip, ["{name}"])')
        node.eval("inet_db:set_lookup([file, native])")


def wait_until_all_alive(*nodes):
    for node in nodes:
        node.wait_until_alive(timeout=60)


def wait_until_all_see(hosts, *nodes):
    """Until every one of these hosts lists exactly these nodes, hidden ones too."""
    for host in hosts:
        wait_until_listed(host, {node.name for node in nodes}, "--all", timeout=15)


def no_epmd_runs(*hosts):
    for host in hosts:
        assert "epmd" not in host.running().values()
