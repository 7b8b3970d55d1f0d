# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""What epmdns-fleet(7) says of machines that come by the dozen: copies of one image, without a network or a clock at
first, and with nothing to write to."""

import re
import shutil
import time

import pytest

from claims import ping_proves_epmdns
from lab import LabUnavailable, wait_until
from lab_agent import TREE
from lab_fixtures import opened_lab

PAGE = TREE / "packaging/man/epmdns-fleet.7.scd"
HOST_NAME = "raspberrypi"
SERIAL = "/proc/device-tree/serial-number"
FOUND_WITHIN = 5.0  # seconds from the link; mostly it is one or two
TOLD_APART_WITHIN = 12.0  # mostly 5, of which Avahi has 2 or 3


@pytest.fixture
def place(product):
    """A network that no other test's Avahi has ever been on."""
    with opened_lab() as lab:
        yield lab


def boot(host):
    """Everything at once, as an init system does that waits for nothing."""
    host.start_bus()
    host.start_avahi(wait=False)
    host.start_agent(wait=False)


def without_network(host):
    host.link(False)
    host.ip("addr flush dev eth0")


def with_network(host):
    host.link(True)
    host.ip(f"addr add {host.address}/24 broadcast + dev eth0")  # as of DHCP


def bare_host(lab, name, link=True):
    return lab.host(name, link=link, bus=False)


@pytest.fixture
def clones(place):
    """Two machines of one image, powered on at once: nothing differs but the hardware address."""
    hosts = [bare_host(place, name) for name in ("one", "two")]
    for host in hosts:
        host.run(["hostname", HOST_NAME])
        boot(host)
    return hosts


def test_clones_with_one_host_name_and_machine_id_find_each_other(clones):
    machine_ids = {host.run(["cat", "/etc/machine-id"], check=False).stdout for host in clones}
    assert len(machine_ids) == 1
    nodes = [host.start_node(f"app-{serial}@pi.fleet") for host, serial in zip(clones, ("1a2b", "3c4d"))]
    for host in clones:
        host.wait_for_avahi()
        host.wait_for_nodes(*nodes)
    names = sorted(host.status()["backend_text"] for host in clones)
    assert names == [f"{HOST_NAME}-2.local", f"{HOST_NAME}.local"]
    assert len({host.status()["agent"] for host in clones}) == 2
    ping_proves_epmdns(*nodes)
    assert nodes[1].ping(nodes[0])
    for host in clones:  # one renaming, and no more
        assert host.avahi.output.count("Host name conflict") == host.status()["backend_text"].count("-2")


def program(host, name, port):
    """What stands in for a node where Erlang makes no difference."""
    host.start_server(port)
    host.spawn([host.product.cli, "register", name, port], name="epmdns-register")


def test_clones_with_one_node_name_are_shown_as_a_conflict(clones):
    for port, host in enumerate(clones, 4001):
        host.wait_until_served()
        program(host, "app@pi.fleet", port)
    for port, host in enumerate(clones, 4001):
        wait_until(lambda: "(conflict)" in host.epmdns("list").stdout, what="the conflict to be shown")
        assert host.lookup("app@pi.fleet") == [("127.0.0.1", port, "inet")]
        wait_until(lambda: "runs a node of the same name" in host.agents[-1].output, what="the log to say so")


def test_the_node_names_that_the_page_makes_of_a_machine_are_names(clones):
    lines = [line.replace(r"\\", "\\") for line in re.findall('^NODE=".*"$', PAGE.read_text(), re.M)]
    assert len(lines) == 4
    host = clones[0]
    host.wait_until_served()
    host.path("/run/serial").write_bytes(b"10000000abcd1234\0")  # as the device tree has it
    names = set()
    for port, line in enumerate(lines, 4001):
        if "systemd-id128" in line and shutil.which("systemd-id128") is None:
            continue
        name = host.run(["/bin/sh", "-euc", f'{line.replace(SERIAL, "/run/serial")}\necho "$NODE"']).stdout.strip()
        program(host, name, port)
        names.add(name)
    clones[1].wait_for_nodes(*names)
    assert {"app-10000000abcd1234@pi.fleet", f"app@{HOST_NAME}.fleet"} < names


def wait_until_found(host, node, since):
    wait_until(lambda: host.lookup(node), FOUND_WITHIN, f"{node} to be found on {host.name}")
    assert time.monotonic() - since <= FOUND_WITHIN


def test_a_machine_without_any_interface_at_boot_is_found_once_there_is_one(place):
    """As with a Wi-Fi stick whose driver is late, or a VM that is sooner than all else."""
    late, other = bare_host(place, "late", link=False), bare_host(place, "other")
    boot(other)
    late.start_agent(wait=False)
    node = late.start_node("app@late.fleet")
    assert late.lookup(node) == [("127.0.0.1", node.port(), "inet")]
    there = other.start_node("app@other.fleet")
    late.start_bus()
    late.start_avahi()
    late.wait_until_served()
    other.wait_for_nodes(there)
    plugged = time.monotonic()
    late.plug_in()
    late.address = f"10.77.0.{late.number}"
    wait_until_found(late, there, plugged)
    wait_until_found(other, node, plugged)
    ping_proves_epmdns(node, there)
    ping_proves_epmdns(there, node)


def test_a_machine_whose_cable_and_address_come_late_is_found_once_they_are_there(place):
    late, other = bare_host(place, "late"), bare_host(place, "other")
    without_network(late)
    for host in (late, other):
        boot(host)
    for port, host in enumerate((late, other), 4001):
        host.wait_until_served()
        program(host, f"app@{host.name}.cable", port)
        host.wait_for_nodes(f"app@{host.name}.cable")
    plugged = time.monotonic()
    with_network(late)
    wait_until_found(late, "app@other.cable", plugged)
    wait_until_found(other, "app@late.cable", plugged)
    assert other.lookup("app@late.cable") == [(late.address, 4001, "inet")]


def test_clones_that_get_the_network_at_the_same_moment_are_told_apart(place):
    """Each has one and the same host name by then, so that each is first taken for another, until Avahi renames them."""
    hosts = [bare_host(place, name) for name in ("one", "two", "three")]
    for host in hosts:
        host.run(["hostname", HOST_NAME])
        without_network(host)
        boot(host)
    for port, host in enumerate(hosts, 4001):
        host.wait_until_served()
        program(host, f"app@{host.name}.met", port)
        host.wait_for_nodes(f"app@{host.name}.met")
    for host in hosts:
        with_network(host)
    right = {f"app@{host.name}.met": [host.address] for host in hosts}

    def all_are_right():
        seen = [{node["node"]: node["addresses"] for node in host.json("list")} for host in hosts]
        return seen == [{**right, f"app@{host.name}.met": ["127.0.0.1"]} for host in hosts]

    wait_until(all_are_right, TOLD_APART_WITHIN, lambda: f"{right}; there is {[h.json('list') for h in hosts]}", 0.2)
    names = {host.status()["backend_text"] for host in hosts}
    assert names == {f"{HOST_NAME}.local", f"{HOST_NAME}-2.local", f"{HOST_NAME}-3.local"}


def test_a_clock_that_goes_from_1970_to_now_loses_no_node(place):
    host, other = bare_host(place, "epoch"), bare_host(place, "watcher")
    try:
        host.own_clock()
    except LabUnavailable as reason:
        pytest.skip(str(reason))
    years = time.time() - 10
    host.step_clock(-int(years))
    for each in (host, other):
        boot(each)
    node = host.start_node("app@epoch.fleet", env=host.clock_environment())
    there = other.start_node("app@watcher.fleet")
    mine = [node, there]
    for each in (host, other):
        each.wait_for_nodes(*mine)
    assert host.run(["date", "+%Y"], env=host.clock_environment()).stdout == "1970\n"
    assert node.ping(there)
    connection = node.peer_address(there)
    watches = [each.watch() for each in (host, other)]

    host.step_clock(int(years))
    assert int(host.run(["date", "+%Y"], env=host.clock_environment()).stdout) > 2020
    # What comes now, is announced, found and withdrawn as ever.
    program(host, "late@epoch.fleet", 4001)
    for watch in watches:
        watch.wait("up", "late@epoch.fleet")
    for process in host.processes[-2:]:
        process.kill()
    for watch in watches:
        watch.wait("down", "late@epoch.fleet")
    for each in (host, other):
        each.wait_for_nodes(*mine)
    for watch in watches:
        assert [what["node"] for _, what in watch.events if what["event"] == "down"] == ["late@epoch.fleet"]
    assert host.status()["problem_clock"] is None
    assert node.peer_address(there) == connection


# All mounts of this host but those of the kernel and /run.
READ_ONLY = """
while read -r _ _ _ _ place _; do
    case $place in
    /run | /proc | /proc/* | /sys | /sys/* | /dev | /dev/*) ;;
    *) mount -o remount,bind,ro "$place" ;;
    esac
done </proc/self/mountinfo
"""


def test_with_a_read_only_root_only_the_runtime_directory_is_written_to(place):
    host, other = bare_host(place, "sealed"), bare_host(place, "open")
    host.run(["/bin/sh", "-euc", READ_ONLY])
    for directory in ("/", "/tmp", "/var", "/etc", "/root"):
        done = host.run(["touch", f"{directory}/written"], check=False)
        assert "Read-only" in done.stderr
    for each in (host, other):
        boot(each)
    node = host.start_node("app@sealed.fleet", env={"HOME": "/root"})
    there = other.start_node("app@open.fleet")
    for each in (host, other):
        each.wait_for_nodes(node, there)
    ping_proves_epmdns(node, there)
    assert there.ping(node)
    files = host.run(["find", "/run", "-mindepth", "1", "-not", "-type", "d"]).stdout.split()
    ours = {file for file in files if not file.startswith(("/run/dbus/", "/run/avahi-daemon/"))}
    resolv_conf = {file for file in ours if file.endswith("resolv.conf")}  # the lab's
    assert ours - resolv_conf == {"/run/epmdns/socket", "/run/epmdns/socket.lock"}
    assert host.agents[-1].terminate() == 0
