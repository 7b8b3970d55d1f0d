# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""One apt command on a machine that has nothing: the agent runs, users find programs and pages, Erlang its module."""

import json
import re
import resource

from lab_process import wait_until
from lab_wire import SOCKET
from packages import RUNNING, difference, files, unit_states

def most_descriptors():
    """That a process can have here: who tests in a container may be as little allowed to raise it as its root."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def test_one_command_and_all_is_there(machines, bare, present):
    (a,) = machines("a", disk=bare)
    for program in ("/usr/bin/erl", "/usr/sbin/avahi-daemon", "/usr/bin/epmdns"):
        assert not a.exists(program)
    present.install(a)
    a.wait_until_served()
    assert unit_states(a) == RUNNING
    assert a.systemctl("is-active", "avahi-daemon.service").stdout.strip() == "active"
    assert a.systemctl("is-system-running").stdout.strip() == "running"
    assert json.loads(a.as_user("alice", ["epmdns", "status", "--json"]).stdout)["backend_state"] == "running"
    assert a.as_user("alice", ["epmdns", "list"]).stdout == ""

    alice = a.start_node("alice@no.such.place")
    assert re.fullmatch(r'"/usr/lib/erlang/lib/epmdns-[^/]+"', alice.eval("code:lib_dir(epmdns)"))
    for user in ("alice", "bob"):
        heading, line = a.as_user(user, ["epmdns", "list"]).stdout.splitlines()
        assert heading.split() == "NODE ADDRESS PORT CLUSTER VIA SEEN".split()
        assert line.split()[:3] == [alice.name, "127.0.0.1", str(alice.port())]
    assert f"name alice at port {alice.port()}" in a.as_user("bob", ["epmdns", "names"]).stdout


def test_who_runs_it_and_whose_the_socket_is(a):
    name, _, uid, gid, _, _, shell = a.run(["getent", "passwd", "epmdns"]).stdout.strip().split(":")
    assert (name, shell) == ("epmdns", "/usr/sbin/nologin") and 0 < int(uid) < 1000
    assert a.run(["getent", "group", "epmdns"]).stdout.split(":")[2] == gid
    pids = a.pids()
    assert sorted(pids) == ["epmdns-discover", "epmdnsd"]  # the kernel keeps 15 characters
    for pid in pids.values():
        status = a.read(f"/proc/{pid}/status")
        assert re.search(rf"^Uid:\t{uid}\t{uid}\t{uid}\t{uid}$", status, re.M)
        assert re.search(rf"^Gid:\t{gid}\t{gid}\t{gid}\t{gid}$", status, re.M)
        for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb"):
            assert re.search(rf"^Cap{kind}:\t0+$", status, re.M), status
    asked = a.run(["stat", "--format=%F %a %U", SOCKET]).stdout.strip()
    assert asked == "socket 666 root"
    assert a.status()["socket"] == SOCKET
    descriptors = int(re.search(r"^Max open files +(\d+)", a.read(f"/proc/{pids['epmdnsd']}/limits"), re.M)[1])
    assert descriptors >= min(int(a.show("epmdnsd.service", "LimitNOFILE")["LimitNOFILE"]), most_descriptors())
    assert a.status()["sessions_max"] == min(20480, descriptors - 192)


def test_what_it_says_of_itself(a):
    wait_until(
        lambda: re.search(r'^ +Status: ".*a\.local.*"$', a.systemctl("status", "epmdnsd.service").stdout, re.M),
        what=lambda: f"a status: {a.show('epmdnsd.service', 'StatusText')}",
    )
    assert "man:epmdnsd(8)" in a.systemctl("status", "epmdnsd.service").stdout
    log = a.journal("--unit=epmdnsd.service", "--priority=warning")
    assert "epmdnsd" not in log, log


def test_manual_pages(a):
    pages = ("man1/epmdns.1", *(f"man7/epmdns-{topic}.7" for topic in ("erlang", "fleet", "protocol")), "man8/epmdnsd.8")
    for page in pages:
        assert ".TH " in a.run(["zcat", f"/usr/share/man/{page}.gz"]).stdout, page


def test_completion_of_both_commands(a):
    for command in ("epmdns", "epmdnsd"):
        script = f'. /usr/share/bash-completion/completions/{command} && complete -p {command}'
        assert "complete -" in a.run(["bash", "-c", script]).stdout


def test_without_avahi_it_serves_and_an_avahi_that_comes_later_is_found(machines, bare, present):
    (a,) = machines("a", disk=bare)
    present.install(a, "--no-install-recommends")
    a.wait_until_served(codes=[1])
    assert not a.exists("/usr/sbin/avahi-daemon")
    assert unit_states(a) == RUNNING
    alice, bob = (a.start_node(f"{name}@at.home") for name in ("alice", "bob"))
    assert alice.ping(bob)
    assert a.status()["backend_state"] == "connecting"
    pid = a.main_pid()
    a.apt("install", "--no-install-recommends", "avahi-daemon")
    a.wait_until_served()
    assert a.main_pid() == pid
    assert set(a.nodes()) == {alice.name, bob.name}


def test_an_avahi_that_is_masked_is_not_missed(a):
    units = ("avahi-daemon.service", "avahi-daemon.socket")
    a.systemctl("mask", "--now", *units)
    a.systemctl("restart", "epmdnsd.service")
    a.wait_until_served(codes=[1])
    alice = a.start_node("alice@at.home")
    a.wait_for_nodes(alice)
    a.systemctl("unmask", *units)
    a.systemctl("start", *units)
    a.wait_until_served()
    assert a.show("epmdnsd.service", "NRestarts") == {"NRestarts": "0"}


def test_running_it_writes_nothing_to_the_disk(a):
    before = files(a)
    alice = a.start_node("alice@at.home")
    a.wait_for_nodes(alice)
    a.systemctl("restart", "epmdnsd.service")
    a.wait_until_served()
    alice.kill()
    a.wait_for_nodes()
    assert difference(before, files(a)) == []
