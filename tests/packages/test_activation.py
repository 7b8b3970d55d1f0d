# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""The socket is systemd's: it is there before the agent and after it, and who may connect is its to say."""

import os.path
import re
from pathlib import Path

import pytest

from lab_process import wait_until
from lab_wire import SOCKET, Client, Gone
from packages import unit_states

PAGE = Path(__file__).resolve().parents[2] / "packaging/man/epmdnsd.8.scd"
GATE = "/run/may-start"

# The agent does not start before somebody has written to this pipe: what happens meanwhile is no matter of luck.
GATED = f"""[Service]
ExecStartPre=/bin/cat {GATE}
"""


def socket_file(machine):
    """What tells one file from another at the same place."""
    return machine.run(["stat", "--format=%i %a %U:%G %W", SOCKET]).stdout


def test_a_client_starts_the_agent_and_the_socket_stays(a):
    before = socket_file(a)
    for end in (["stop", "epmdnsd.service"], ["kill", "--signal=SIGKILL", "epmdnsd.service"]):
        a.systemctl(*end)
        if end[0] == "stop":
            assert a.main_pid() == 0 and unit_states(a)["epmdnsd.service"][1] == "inactive"
        assert socket_file(a) == before
        assert a.as_user("alice", ["epmdns", "list"]).returncode == 0
        assert a.main_pid() != 0
        assert socket_file(a) == before
    a.wait_until_served()


def test_a_node_starts_the_agent(a):
    a.systemctl("stop", "epmdnsd.service")
    alice = a.start_node("alice@at.home")
    a.wait_for_nodes(alice)


def test_who_comes_while_it_is_restarted_waits_and_is_answered(a):
    before = socket_file(a)
    a.run(["mkfifo", GATE])
    a.drop_in("epmdnsd.service", GATED)
    a.systemctl("restart", "--no-block", "epmdnsd.service")
    wait_until(lambda: a.show("epmdnsd.service", "SubState")["SubState"] == "start-pre", what="the gate")
    node = a.start_node("alice@at.home", wait=False)  # boots all the same
    lists = [a.spawn(a.user_command("alice", ["epmdns", "list", "--json"]), name=f"list-{n}") for n in range(5)]
    wait_until(
        # the listener, the node, and these
        lambda: a.run(["cat", "/proc/net/unix"]).stdout.count(f"{SOCKET}\n") >= 2 + len(lists), what="all to connect"
    )
    assert all(process.alive for process in lists)
    a.write(GATE, "")
    assert [process.wait() for process in lists] == [0] * len(lists)
    node.wait_until_alive()
    a.wait_for_nodes(node)
    assert socket_file(a) == before


def test_no_connection_is_refused_during_restarts(a):
    before = socket_file(a)
    answered = cut = 0
    for _ in range(5):
        restart = a.spawn(["systemctl", "restart", "epmdnsd.service"])
        while restart.alive:
            try:
                with Client(a) as client:  # OSError is what must not be
                    client.listed()
                answered += 1
            except (Gone, ConnectionResetError):
                cut += 1  # taken by the agent that was ending
        assert restart.wait() == 0
    assert answered > 5 and cut <= 10, (answered, cut)
    assert socket_file(a) == before


def page_on_groups():
    """What epmdnsd(8) says how a group gets the socket. Return: (path of a file, its text, the commands that follow)."""
    section = PAGE.read_text().partition("\n# DEBIAN\n")[2].partition("\n# SECURITY\n")[0]
    path, text, commands = re.search(
        r"^```\n# (/etc/systemd/system/\S+)\n(.+?)^```\n\n^```\n((?:\$ sudo .+\n)+)```$", section, re.M | re.S
    ).groups()
    return path, text, re.findall(r"^\$ sudo (.+)$", commands, re.M)


def test_a_group_may_register_and_others_are_told(a, lab):
    """The drop-in of epmdnsd(8), as it stands there."""
    path, text, commands = page_on_groups()
    assert "systemctl restart epmdnsd.socket epmdnsd.service" in commands
    a.run(["groupadd", "erlang"])
    a.run(["usermod", "--append", "--groups=erlang", "alice"])
    a.run(["mkdir", "-p", os.path.dirname(path)])
    a.write(path, text)
    for command in commands:
        a.run(command.split())
    assert a.run(["stat", "--format=%a %U:%G", SOCKET]).stdout == "660 root:erlang\n"
    a = lab.machine("a", a.freeze())  # and so it is after a boot
    a.wait_until_served()
    assert a.run(["stat", "--format=%a %U:%G", SOCKET]).stdout == "660 root:erlang\n"
    alice = a.start_node("alice@at.home")
    assert alice.name in a.as_user("alice", ["epmdns", "list"]).stdout
    for command in (["list"], ["register", "bob@at.home", "4711"]):
        refused = a.as_user("bob", ["epmdns", *command], check=False)
        assert refused.returncode == 3
        assert SOCKET in refused.stderr and "Permission denied" in refused.stderr
    with pytest.raises(PermissionError):
        a.client(int(a.run(["id", "-u", "bob"]).stdout))
    assert set(a.nodes()) == {alice.name}
