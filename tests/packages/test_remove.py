# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""What is left when the packages go: the nodes that run, and after a purge nothing."""

from lab_process import wait_until
from lab_wire import SOCKET
from packages import DEFAULTS, NAMES, RUNNING, difference, files, unit_states


def assert_nothing_runs(machine):
    assert machine.run(["pgrep", "--list-full", "epmdns"], check=False).stdout == ""
    assert not machine.exists("/run/epmdns")
    assert machine.systemctl("--failed", "--plain", "--no-legend").stdout == ""
    units = machine.systemctl("list-units", "--all", "--plain", "--no-legend", "epmdnsd*").stdout
    assert {line.split()[1] for line in units.splitlines()} <= {"not-found"}  # until a purge, they are enabled


def test_nodes_outlive_the_removal_and_return_with_the_packages(a, present):
    alice, bob = (a.start_node(f"{name}@at.home") for name in ("alice", "bob"))
    assert alice.ping(bob)
    a.wait_for_nodes(alice, bob)
    creation = a.nodes()[alice.name]["creation"]
    a.apt("remove", *NAMES)
    assert_nothing_runs(a)
    assert not a.exists("/usr/bin/epmdns")
    assert a.exists(DEFAULTS), "a conffile stays until the purge"
    assert alice.connected() == {bob.name}
    present.install(a)
    a.wait_until_served()
    a.wait_for_nodes(alice, bob)
    assert a.nodes()[alice.name]["creation"] == creation
    assert unit_states(a) == RUNNING


def test_a_purge_leaves_nothing(machines, bare, present):
    """All that the packages need is there before, so that what differs afterwards is ours."""
    (a,) = machines("a", disk=bare)
    a.apt("install", *present.needed(a))
    before, accounts = files(a), [a.read(f"/etc/{name}") for name in ("passwd", "group", "shadow", "gshadow")]
    present.install(a)
    a.wait_until_served()
    alice = a.start_node("alice@at.home")
    a.wait_for_nodes(alice)
    a.write(DEFAULTS, 'EPMDNSD_OPTIONS="--ttl 30"\n')
    a.systemctl("restart", "epmdnsd.service")
    a.wait_for_nodes(alice)
    assert len(difference(before, files(a))) > 20
    a.apt("purge", *NAMES)
    assert_nothing_runs(a)
    assert [a.read(f"/etc/{name}") for name in ("passwd", "group", "shadow", "gshadow")] == accounts
    assert difference(before, files(a)) == []
    assert alice.eval("1 + 1") == "2"


def test_a_purge_after_a_removal(a):
    a.apt("remove", *NAMES)
    a.apt("purge", *NAMES)
    assert_nothing_runs(a)
    assert not a.exists(DEFAULTS)
    assert a.run(["getent", "passwd", "epmdns"], check=False).returncode == 2
    assert a.run(["dpkg-query", "--show", *NAMES], check=False).stdout == ""


def test_a_purge_leaves_the_user_of_one_who_still_runs(a):
    """As where no systemd has ended the agent."""
    a.spawn(a.user_command("epmdns", ["sleep", "infinity"]))
    wait_until(lambda: a.run(["pgrep", "--uid", "epmdns", "sleep"], check=False).stdout, what="the program")
    a.apt("remove", *NAMES)
    done = a.apt("purge", *NAMES)
    assert "the system user epmdns is left" in done.stdout + done.stderr
    assert a.run(["dpkg-query", "--show", *NAMES], check=False).stdout == ""
    assert not a.exists(DEFAULTS)


def test_the_machine_boots_after_a_removal(a, lab):
    a.apt("remove", *NAMES)
    disk = a.freeze()
    b = lab.machine("b", disk)
    assert_nothing_runs(b)
    wait_until(lambda: b.systemctl("is-active", "avahi-daemon", check=False).stdout.strip() == "active", what="Avahi")
    assert not b.exists(SOCKET)
