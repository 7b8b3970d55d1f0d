# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""Other packages over a version that runs, with nodes that stay."""

import time

import pytest

from lab_wire import SOCKET, Client
from packages import BACK_WITHIN, DEFAULTS, RUNNING, UNITS, difference, files, unit_states

OPTIONS = 'EPMDNSD_OPTIONS="--ttl 30"\n'
LISTEN = """
spawn(fun() -> {ok, _} = gen_tcp:listen(4711, [{reuseaddr, true}]), receive never -> ok end end)
"""
DROP_IN = "[Socket]\nBacklog=1000\n"


def inode(machine):
    return machine.run(["stat", "--format=%i", SOCKET]).stdout


def gap(watch, names, began):
    """Seconds in which a machine's own agent had not all of these nodes, from its watch."""
    lost, _ = watch.wait("lost", after=began)
    return max(watch.wait("up", name, after=lost)[0] for name in names) - lost


@pytest.mark.alone  # compares times
def test_an_upgrade_under_nodes_that_stay(pair, present, newer, report):
    a, b = pair
    a.write(DEFAULTS, OPTIONS)
    a.drop_in("epmdnsd.socket", DROP_IN)
    a.systemctl("restart", "epmdnsd.service")
    a.wait_until_served()
    alice, bob = a.start_node("alice@no.such.place"), b.start_node("bob@nor.such.another")
    a.spawn(a.user_command("bob", ["epmdns", "register", "cnode@at.home", "4711"]), name="register")
    a.start_vm("none@vm").eval(LISTEN, timeout=30)  # there, so that it lives when its port is asked
    names = {alice.name, bob.name, "cnode@at.home"}
    for machine in pair:
        machine.wait_for_nodes(*names)
    assert alice.ping(bob)
    with Client(a) as client:
        creations = client.listed()
    file, old = inode(a), a.pids()
    here, there = a.watch(), b.watch()
    assert a.status()["version"] == present.version

    began = time.monotonic()
    newer.install(a)
    away = gap(here, names, began)
    a.wait_until_served()
    a.wait_for_nodes(*names)
    with Client(a) as client:
        assert client.listed() == creations
    assert away <= BACK_WITHIN
    assert there.seen("down") == []
    assert set(b.nodes()) == names
    assert alice.connected() == {bob.name}
    report(upgrade_gap_s=f"{away:.2f}", seen_elsewhere=[what["event"] for _, what in there.events])

    assert a.status()["version"] == newer.version
    new = a.pids()
    assert len(new) == 2 and not set(new.values()) & set(old.values())
    for pid in new.values():
        assert "(deleted)" not in a.run(["readlink", f"/proc/{pid}/exe"]).stdout
    assert inode(a) == file
    assert unit_states(a) == RUNNING
    assert a.read(DEFAULTS) == OPTIONS and a.status()["ttl_s"] == 30
    assert a.read("/etc/systemd/system/epmdnsd.socket.d/test.conf") == DROP_IN
    carol = a.start_node("carol@no.such.place")
    assert carol.ping(bob)
    bob.kill()
    a.wait_for_nodes(alice, carol, "cnode@at.home")


def test_a_node_of_the_other_machine_stays_through_the_upgrade_of_both(pair, newer):
    a, b = pair
    alice, bob = a.start_node("alice@no.such.place"), b.start_node("bob@nor.such.another")
    for machine in pair:
        machine.wait_for_nodes(alice, bob)
    watches = [machine.watch() for machine in pair]
    for machine in pair:
        newer.install(machine)
    for machine, watch in zip(pair, watches):
        machine.wait_until_served()
        machine.wait_for_nodes(alice, bob)
        assert watch.seen("down") == []
    assert alice.ping(bob)


def test_an_administrator_who_has_disabled_it_keeps_it_disabled(a, newer):
    a.systemctl("disable", "--now", "epmdnsd.socket", "epmdnsd.service")
    newer.install(a)
    assert unit_states(a) == {unit: ("disabled", "inactive") for unit in UNITS}


def test_installing_the_same_again_changes_nothing(a, present):
    alice = a.start_node("alice@at.home")
    a.wait_for_nodes(alice)
    before = files(a)
    creation = a.nodes()[alice.name]["creation"]
    present.install(a, "--reinstall")
    a.wait_until_served()
    a.wait_for_nodes(alice)
    assert a.nodes()[alice.name]["creation"] == creation
    assert unit_states(a) == RUNNING
    assert difference(before, files(a)) == []


def test_back_to_the_older_version(a, present, newer):
    newer.install(a)
    alice = a.start_node("alice@at.home")
    a.wait_for_nodes(alice)
    present.install(a, "--allow-downgrades")
    a.wait_until_served()
    a.wait_for_nodes(alice)
    assert a.status()["version"] == present.version
