# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""The main job as the units run it, and that their sandbox is on and in nobody's way."""

import re
import time

import pytest

from lab_process import wait_until
from lab_wire import Client, Gone, code_name
from packages import UNITS

NEWS_WITHIN = 5.0  # seconds, on a machine that does more than this; usual figures are in README.md and epmdnsd(8)
EXPOSURE = 20  # the most that systemd-analyze may find, in tenths

SANDBOX = {
    "User": "epmdns", "Group": "epmdns", "Type": "notify", "NoNewPrivileges": "yes", "ProtectSystem": "strict",
    "ProtectHome": "yes", "PrivateTmp": "yes", "PrivateDevices": "yes", "ProtectClock": "yes", "ProtectHostname": "yes",
    "ProtectKernelLogs": "yes", "ProtectKernelModules": "yes", "ProtectKernelTunables": "yes",
    "ProtectControlGroups": "yes", "ProtectProc": "invisible", "RestrictNamespaces": "yes", "RestrictRealtime": "yes",
    "RestrictSUIDSGID": "yes", "LockPersonality": "yes", "MemoryDenyWriteExecute": "yes", "CapabilityBoundingSet": "",
    "AmbientCapabilities": "", "SystemCallArchitectures": "native", "UMask": "0077", "Restart": "always",
}  # fmt: skip
FAMILIES = {"AF_UNIX", "AF_INET", "AF_INET6", "AF_NETLINK"}


def main_job(a, b):
    """Nodes of two machines, whose host parts are made up, find each other. Return: them."""
    alice = a.start_node("alice@no.such.place")
    bob = b.start_node("bob@nor.such.another")
    assert alice.ping(bob) and bob.ping(alice)
    assert alice.peer_address(bob)[0] == b.address
    for machine in (a, b):
        machine.wait_for_nodes(alice, bob)
    return alice, bob


def test_the_main_job_in_the_sandbox(pair, report):
    a, b = pair
    _, bob = main_job(a, b)
    for machine in pair:
        seen = machine.show("epmdnsd.service", *SANDBOX, "RestrictAddressFamilies", "SystemCallFilter")
        assert {key: seen[key] for key in SANDBOX} == SANDBOX
        assert set(seen["RestrictAddressFamilies"].split()) == FAMILIES
        allowed = seen["SystemCallFilter"].split()
        assert "recvmsg" in allowed and not {"mount", "ptrace", "reboot", "~"} & set(allowed)
        for pid in machine.pids().values():
            status = machine.read(f"/proc/{pid}/status")
            assert re.search(r"^NoNewPrivs:\t1$", status, re.M) and re.search(r"^Seccomp:\t2$", status, re.M)

    watch = a.watch()
    killed = time.monotonic()
    bob.kill()
    gone, _ = watch.wait("down", bob.name, after=killed)
    assert gone - killed <= NEWS_WITHIN
    assert a.status()["downs_refused"] == 1  # its port was asked
    report(killed_and_known_elsewhere_s=f"{gone - killed:.2f}")


def test_a_cable_that_is_out_and_back(pair, report):
    a, b = pair
    alice, bob = main_job(a, b)
    watch = a.watch()
    out = time.monotonic()
    a.link(False)
    gone, _ = watch.wait("down", bob.name, after=out)
    back = time.monotonic()
    a.link(True)
    here, _ = watch.wait("up", bob.name, after=back)
    assert gone - out <= NEWS_WITHIN and here - back <= NEWS_WITHIN
    assert a.status()["downs_cut"] == 1
    alice.disconnect(bob)
    assert alice.ping(bob)
    report(out_s=f"{gone - out:.2f}", back_s=f"{here - back:.2f}")


def denied(machine):
    """What the journal has of processes that a system call has ended."""
    return re.findall(r".*SIGSYS.*|.*status=31/SYS.*", machine.journal())


def test_no_system_call_is_denied(pair):
    """Where a denied call answers EPERM nobody may notice. Here it ends the process."""
    a, b = pair
    for machine in pair:
        machine.drop_in("epmdnsd.service", "[Service]\nSystemCallErrorNumber=\n")
        machine.systemctl("restart", "epmdnsd.service")
        machine.wait_until_served()
    _, bob = main_job(a, b)
    watch = a.watch()
    out = time.monotonic()
    a.link(False)
    watch.wait("down", bob.name, after=out)
    a.link(True)
    watch.wait("up", bob.name, after=out)
    killed = time.monotonic()
    bob.kill()
    watch.wait("down", bob.name, after=killed)
    for machine in pair:
        machine.systemctl("restart", "avahi-daemon.service")
        machine.wait_until_served()
        assert machine.show("epmdnsd.service", "NRestarts") == {"NRestarts": "0"}
        assert machine.status()["discovery_restarts"] == 0
        assert denied(machine) == []


def test_a_system_call_that_is_denied_would_be_seen(a):
    a.drop_in("epmdnsd.service", "[Service]\nSystemCallErrorNumber=\nSystemCallFilter=~socketpair\nRestart=no\n")
    a.systemctl("restart", "epmdnsd.service", check=False)
    wait_until(lambda: denied(a), what="a denied system call")


def test_users_are_told_apart_and_none_takes_all(a):
    """The kernel's word for who a client is passes the sandbox."""
    a.drop_in("epmdnsd.service", "[Service]\nLimitNOFILE=300\n")
    a.systemctl("restart", "epmdnsd.service")
    a.wait_until_served()
    uids = [int(a.run(["id", "-u", user]).stdout) for user in ("alice", "bob")]
    half = a.status()["sessions_max"] // 2
    assert half < 150
    clients = [a.client(uids[0]) for _ in range(half)]
    try:
        with pytest.raises((AssertionError, Gone)):
            a.client(uids[0])
        refused = a.as_user("alice", ["epmdns", "list"], check=False)
        assert refused.returncode == 3 and "your user" in refused.stderr, refused
        assert a.as_user("bob", ["epmdns", "list"]).returncode == 0
        with a.client(uids[1]) as other:
            assert other.lookup_port("nobody@nowhere") == "not_found"
    finally:
        for client in clients:
            client.close()


def test_a_name_is_its_users(a):
    alice = a.start_node("alice@at.home")
    uid = int(a.run(["id", "-u", "bob"]).stdout)
    with a.client(uid) as thief:
        answer = thief.ask("register", node=alice.name.encode(), port=4711, carrier=1, dist_high=6, dist_low=5)[-1]
        assert code_name(answer["code"]) == "duplicate_name"
    with Client(a) as client:
        assert client.lookup_port(alice.name) == alice.port()


def test_systemd_finds_nothing_wrong_with_the_units(a, report):
    paths = [a.show(unit, "FragmentPath")["FragmentPath"] for unit in UNITS]
    verified = a.run(["systemd-analyze", "verify", "--man=no", *paths])
    assert verified.stdout + verified.stderr == ""
    analyze = ["systemd-analyze", "security", "--no-pager", "--offline=yes", f"--threshold={EXPOSURE}"]
    analyzed = a.run([*analyze, a.show("epmdnsd.service", "FragmentPath")["FragmentPath"]])
    (exposure,) = re.findall(r"Overall exposure level .*: ([\d.]+)", analyzed.stdout)
    report(exposure=exposure)
