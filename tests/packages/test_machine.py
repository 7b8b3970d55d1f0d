# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""The machines themselves: what they do to the one that they run on, which is nothing."""

import subprocess
import sys
from pathlib import Path

from lab_process import wait_until

PROGRAM = """
import sys
sys.path[:0] = sys.argv[2:]
from machine import Disk, MachineLab
lab = MachineLab().__enter__()
machine = lab.machine("m", Disk((sys.argv[1],)))
print(machine.pid, lab.directory, flush=True)
sys.stdin.read()
"""
FIND_GROUP = 'mount -t cgroup2 cgroup2 "$1" && find "$1" -name "$2"'


def mounts():
    return Path("/proc/self/mounts").read_text()


def groups(name, place):
    """Control groups of this machine that are called so, anywhere."""
    argv = ["unshare", "--mount", "sh", "-c", FIND_GROUP, "sh", place, name]
    return subprocess.run(argv, capture_output=True, text=True, timeout=30).stdout.split()


def test_nothing_is_left_when_the_tests_are_killed(lab, bare, tmp_path):
    before = mounts()
    paths = [path for path in sys.path if path.startswith(str(Path(__file__).resolve().parents[1]))]
    argv = [sys.executable, "-c", PROGRAM, *bare.layers, *paths]
    with subprocess.Popen(list(map(str, argv)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as tests:
        pid, directory = tests.stdout.readline().split()
        name = Path(directory).name
        assert Path(f"/proc/{pid}/comm").read_text() == "systemd\n"
        assert len(groups(name, tmp_path)) == 1 and mounts() == before
        tests.kill()
    wait_until(lambda: not Path(directory).exists(), 40, "the files to go")
    assert not Path(f"/proc/{pid}").exists()
    assert groups(name, tmp_path) == []
    assert mounts() == before


def test_a_machine_of_its_own(lab, machines, bare):
    """Host name, users, network and processes are not those of this machine, and what it writes stays with it."""
    a, b = machines("a", "b", disk=bare)
    assert a.run(["hostname"]).stdout == "a\n" and a.run(["ps", "-o", "comm=", "1"]).stdout == "systemd\n"
    links = [line.split()[1].partition("@")[0] for line in a.run(["ip", "-o", "link"]).stdout.splitlines()]
    assert links == ["lo:", "eth0"]
    a.write("/etc/of-a", "")
    assert not b.exists("/etc/of-a") and not (bare.layers[0] / "etc/of-a").exists()
    c = lab.machine("c", a.freeze())
    assert c.exists("/etc/of-a")
    assert c.read("/etc/machine-id") != b.read("/etc/machine-id")
