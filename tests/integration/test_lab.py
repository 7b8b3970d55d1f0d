# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""The simulated hosts are what they claim to be. Without this, the other tests prove nothing."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lab import LabUnavailable, wait_until

HERE = Path(__file__).resolve().parent
NOBODY = 65534


@pytest.fixture(scope="module")
def pair(lab):
    return lab.hosts("left", "right")


def test_hosts_reach_each_other_by_address_only(pair):
    left, right = pair
    left.run(["bash", "-c", f"exec 3<>/dev/udp/{right.address}/9; echo >&3"])
    for name in ("right", "right.local", "right.home", "example.org"):
        assert left.run(["getent", "hosts", name], check=False).returncode == 2, name
    assert left.run(["hostname"]).stdout == "left\n"
    # A file that the machine does not have is not there either.
    said = right.run(["cat", "/etc/hosts", "/etc/resolv.conf"], check=False).stdout
    assert said in ("", "127.0.0.1 localhost\n::1 localhost\n")


def test_avahi_of_one_host_sees_what_the_other_publishes(pair):
    left, right = pair
    left.spawn(["avahi-publish", "-s", "probe", "_lab-probe._tcp", "4711"])

    def seen():
        lines = right.run(["avahi-browse", "-rpt", "_lab-probe._tcp"]).stdout.splitlines()
        return {line.split(";")[7] for line in lines if line.startswith("=")}

    wait_until(lambda: left.address in seen(), what="the service")


def test_a_pulled_cable_takes_the_carrier(pair):
    left, _ = pair
    read = ["ip", "-oneline", "link", "show", "eth0"]
    assert "NO-CARRIER" not in left.run(read).stdout
    left.link(up=False)
    wait_until(lambda: "NO-CARRIER" in left.run(read).stdout, what="the carrier to go")
    left.link(up=True)
    wait_until(lambda: "NO-CARRIER" not in left.run(read).stdout, what="the carrier to return")


def test_process_1_reaps_orphans(pair):
    """Who waits for a process to be gone, as a release does that stops its daemon, asks `kill -0`."""
    left, _ = pair
    orphan = left.run(["sh", "-c", "true & echo $!"]).stdout.strip()
    wait_until(lambda: left.run(["kill", "-0", orphan], check=False).returncode != 0, what="the orphan to be gone")


LITTLE_LAB = """
import sys, time
sys.path.insert(0, sys.argv[1])
from lab import Lab, LabUnavailable, wait_until
try:
    with Lab() as lab:
        host, = lab.hosts("solo")
        sleeper = host.spawn(["sleep", "1000"])
        all = ["avahi-daemon", "dbus-daemon", "sleep"]
        wait_until(lambda: sorted(host.running().values()) == all, what="exactly these to run")
        print(host.pid, sleeper.pid, lab.directory, flush=True)
        sys.stdin.read()
except LabUnavailable as reason:
    print("unavailable:", reason)
"""


def little_lab(source, user=None):
    """A lab in a Python of its own. Return: (its Popen, process ids in the lab, the lab's directory)."""
    options = {"user": user, "group": user, "extra_groups": []} if user else {}
    command = [sys.executable, "-B", "-c", LITTLE_LAB, source]
    pipe = subprocess.PIPE
    child = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd="/", **options)
    answer = child.stdout.readline().split()
    if not answer or answer[0] == "unavailable:":
        child.communicate()
        raise LabUnavailable(" ".join(answer))
    return child, [int(answer[0]), int(answer[1])], answer[2]


def gone(pids):
    return not any(os.path.exists(f"/proc/{pid}") for pid in pids)


def test_a_lab_dies_with_its_process(lab):
    child, pids, directory = little_lab(HERE)
    try:
        assert not gone(pids)
    finally:
        child.kill()
        child.communicate()
        shutil.rmtree(directory)
    wait_until(lambda: gone(pids), what="the hosts to die")


@pytest.mark.skipif(os.geteuid() != 0, reason="this run has no privileges, which proves it already")
def test_a_lab_needs_no_privileges(lab):
    if not lab.outer.user:
        pytest.skip("no user namespaces on this machine")
    # in a place that nobody can read, which neither the source tree nor tmp_path need be
    source = Path("/tmp") / f"epmdns-lab-source-{os.getpid()}"
    for part in (HERE, HERE.parent / "lib"):
        shutil.copytree(part, source / part.name, ignore=shutil.ignore_patterns("__pycache__"))
    source.chmod(0o755)
    try:
        child, pids, directory = little_lab(source / HERE.name, NOBODY)
        child.communicate("")
        assert child.returncode == 0
        wait_until(lambda: gone(pids), what="the hosts to die")
        assert not os.path.exists(directory)
    finally:
        shutil.rmtree(source)
