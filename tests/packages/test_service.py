# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""What systemd does when something breaks, and the file of options."""

import json
import re
import signal
import time

import pytest

from lab_process import wait_until
from lab_wire import Client, reach
from packages import BACK_WITHIN, DEFAULTS

WATCHDOG_S = 5
WATCHDOG = f"[Service]\nWatchdogSec={WATCHDOG_S}\n"


def restarts(machine):
    return int(machine.show("epmdnsd.service", "NRestarts")["NRestarts"])


def two_nodes(machine):
    """A VM and a program that is none. Return: {full name: creation}."""
    alice = machine.start_node("alice@at.home")
    machine.spawn(machine.user_command("bob", ["epmdns", "register", "cnode@at.home", "4711"]), name="register")
    machine.wait_for_nodes(alice, "cnode@at.home")
    with Client(machine) as client:
        return client.listed()


def back_after(machine, creations, broken):
    """Seconds from a moment until these nodes are there, as the same."""
    with reach(machine) as client:
        assert client.wait_for(creations) == creations
        return time.monotonic() - broken


@pytest.mark.alone  # compares times
def test_an_agent_that_is_killed_is_back_with_its_nodes(a, report):
    creations = two_nodes(a)
    gaps = []
    for number in range(1, 4):
        pid = a.main_pid()
        broken = time.monotonic()
        a.kill_in(signal.SIGKILL, pid)
        wait_until(lambda: restarts(a) == number, what="a restart")
        gaps.append(back_after(a, creations, broken))
        assert a.main_pid() != pid
    assert max(gaps) <= BACK_WITHIN
    a.wait_until_served()
    report(killed_and_back_s=[f"{gap:.2f}" for gap in gaps])


def test_an_agent_that_hangs_is_replaced_by_the_watchdog(a):
    assert a.show("epmdnsd.service", "WatchdogUSec") == {"WatchdogUSec": "3min"}
    a.drop_in("epmdnsd.service", WATCHDOG)
    a.systemctl("restart", "epmdnsd.service")
    a.wait_until_served()
    creations = two_nodes(a)
    before = restarts(a)
    a.kill_in(signal.SIGSTOP, a.main_pid())
    wait_until(lambda: restarts(a) > before, 40, "the watchdog", interval=0.1)
    back_after(a, creations, time.monotonic())
    assert "Watchdog timeout" in a.journal("--unit=epmdnsd.service")


def test_an_avahi_that_hangs_is_named_and_no_reason_to_restart(a):
    """For longer than twice what the watchdog waits."""
    a.drop_in("epmdnsd.service", WATCHDOG)
    a.systemctl("restart", "epmdnsd.service")
    a.wait_until_served()
    creations = two_nodes(a)
    before = restarts(a), a.main_pid()
    a.kill_in(signal.SIGSTOP, a.main_pid("avahi-daemon.service"))

    def is_named():
        done = a.as_user("alice", ["epmdns", "status", "--json"], check=False)
        found = re.search(r"avahi-daemon has not answered for (\d+) s", json.loads(done.stdout)["backend_text"])
        return done.returncode == 1 and found and int(found[1]) > 2 * WATCHDOG_S + 1

    wait_until(is_named, 40, "the status to say it", interval=0.2)
    assert "avahi-daemon does not answer" in a.show("epmdnsd.service", "StatusText")["StatusText"]
    assert (restarts(a), a.main_pid()) == before
    with Client(a) as client:
        assert client.listed() == creations
    a.kill_in(signal.SIGCONT, a.main_pid("avahi-daemon.service"))
    a.wait_until_served()
    wait_until(
        lambda: "a.local" in a.show("epmdnsd.service", "StatusText")["StatusText"], what="a status that all is well"
    )
    assert (restarts(a), a.main_pid()) == before


def test_a_discovery_process_that_dies_is_replaced_by_the_agent(a):
    before = restarts(a), a.main_pid()
    old = a.status()["discovery_pid"]
    a.kill_in(signal.SIGKILL, old)
    wait_until(lambda: a.status()["discovery_pid"] not in (old, None), what="another")
    a.wait_until_served()
    assert (restarts(a), a.main_pid()) == before


def test_options_are_taken_from_the_file(a):
    assert "debug" not in a.run(["cat", f"/proc/{a.main_pid()}/cmdline"]).stdout
    options = "--log-level debug --ttl 30"
    a.write(DEFAULTS, f'EPMDNSD_OPTIONS="{options}"\n')
    a.systemctl("restart", "epmdnsd.service")
    a.wait_until_served()
    assert a.read(f"/proc/{a.main_pid()}/cmdline").split("\0")[1:-1] == options.split()
    assert a.status()["ttl_s"] == 30
    wait_until(lambda: a.journal("--unit=epmdnsd.service", "--priority=debug..debug").strip(), what="such a line")


def test_no_file_of_options_is_no_option(a):
    a.run(["rm", DEFAULTS])
    a.systemctl("restart", "epmdnsd.service")
    a.wait_until_served()
    assert a.read(f"/proc/{a.main_pid()}/cmdline").split("\0")[1:-1] == []


def test_a_wrong_option_ends_it_with_the_reason_and_not_in_a_loop(a):
    alice = a.start_node("alice@at.home")  # its VM goes on asking for the agent
    a.wait_for_nodes(alice)
    a.write(DEFAULTS, 'EPMDNSD_OPTIONS="--no-such-option"\n')
    restarted = a.systemctl("restart", "epmdnsd.service", check=False)
    assert restarted.returncode != 0
    assert "failed" in restarted.stderr, restarted  # and not that somebody has "canceled" it
    wait_until(lambda: a.show("epmdnsd.socket", "ActiveState")["ActiveState"] == "inactive", 20, "the socket to go")
    service = a.show("epmdnsd.service", "ActiveState", "ExecMainStatus", "NRestarts")
    assert service == {"ActiveState": "failed", "ExecMainStatus": "2", "NRestarts": "0"}
    reasons = a.journal("--unit=epmdnsd.service", "--grep=no-such-option").splitlines()
    assert 1 <= len(reasons) <= 3, reasons
    assert "no-such-option" in a.systemctl("status", "epmdnsd.service", check=False).stdout
    refused = a.as_user("alice", ["epmdns", "list"], check=False)
    assert refused.returncode == 3 and refused.stderr.strip()

    a.write(DEFAULTS, 'EPMDNSD_OPTIONS=""\n')
    a.systemctl("restart", "epmdnsd.service")
    a.wait_until_served()
    a.wait_for_nodes(alice)
    assert a.show("epmdnsd.socket", "ActiveState") == {"ActiveState": "active"}
