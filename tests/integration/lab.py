# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""Simulated hosts on one machine: real Linux, real D-Bus, real Avahi, real Erlang, no privileges, no mocks.

    with Lab() as lab:
        a, b = lab.hosts("a", "b")
        a.start_agent()
        b.start_agent()
        alice = a.start_node("alice@a.home")
        bob = b.start_node("bob@b.home")
        assert alice.ping(bob)

A host has its own network, /run, host name and processes, and sits on a bridge with the others. No name
resolves there: what finds another host's node is epmdns or nothing. The machine's own bus, Avahi, network
and files are never touched. User namespaces are used where they are allowed, so no privileges are needed;
where they are not, root can still do it. Needs util-linux, iproute2, dbus-daemon, avahi-daemon and erl.
Nodes run the machine's Erlang, or another: see lab_otp.py.
"""

from __future__ import annotations

import configparser
import os
import re
import shutil
import signal
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lab_agent import AgentHost, Product
from lab_otp import NOWHERE
from lab_process import LabUnavailable, Namespace, clean_environment, tool, wait_until

__all__ = ["Lab", "Host", "LabUnavailable", "wait_until"]

# A private /proc is refused in some containers; the host works without, only `ps` shows too much there.
LAB_SETUP = """
mount -t proc proc /proc 2>/dev/null || true
ip link set lo up
"""

BRIDGE = "type bridge mcast_snooping 0 forward_delay 0 stp_state 0"

# $1: host name, $2: directory with the files that replace those in /etc.
# resolv.conf is often a link into /run, which is empty by then.
HOST_SETUP = """
mount -t proc proc /proc 2>/dev/null || true
resolv_conf=$(readlink -f /etc/resolv.conf || true)
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/dbus /run/lock /run/home
case $resolv_conf in /run/*) mkdir -p "${resolv_conf%/*}"; : >"$resolv_conf" ;; esac
for file in hosts resolv.conf nsswitch.conf passwd group; do
    if [ -e "/etc/$file" ]; then mount --bind "$2/$file" "/etc/$file"; fi
done
hostname "$1"
ip link set lo up
"""

# avahi-daemon refuses a runtime directory that is not its user's, and only one user id exists in here:
# so avahi, and for its policy's sake netdev, are other names of root.
ETC = {
    "hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "hosts-nowhere": "127.0.0.1 localhost\n::1 localhost\n",
    "resolv.conf": "",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\nservices: files\nprotocols: files\n",
    "passwd": "".join(
        f"{user}:x:{uid}:{uid}::/run/home:/bin/sh\n"
        for user, uid in (("root", 0), ("avahi", 0), ("messagebus", 0), ("nobody", 65534))
    ),
    "group": "".join(
        f"{group}:x:{gid}:\n"
        for group, gid in (("root", 0), ("avahi", 0), ("messagebus", 0), ("netdev", 0), ("nogroup", 65534))
    ),
}

# No service activation: a test decides when Avahi runs. The policy is closed as on a real system bus and
# opened by the file that Avahi ships.
BUS_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=/run/dbus/system_bus_socket</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <deny own="*"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus"/>
  </policy>
  <include ignore_missing="yes">/etc/dbus-1/system.d/avahi-dbus.conf</include>
  <include ignore_missing="yes">/usr/share/dbus-1/system.d/avahi-dbus.conf</include>
</busconfig>
"""

BUS_SOCKET = "/run/dbus/system_bus_socket"
AVAHI_CONFIG = "/etc/avahi/avahi-daemon.conf"


class Wired(AgentHost):
    """A host within a lab, which can be plugged into its networks."""

    def __init__(self, lab, name, number, setup, **options):
        self.lab = lab
        self.number = number
        self.port = f"to-{name}"  # the bridge's end of eth0
        self.address = f"10.77.0.{number}"
        super().__init__(name, lab.directory, setup, inside=lab.outer, **options)

    def plug_in(self, interface="eth0", lan="lan", net=77, addresses=None):
        """A cable from an interface of ours to a bridge of the lab. Return: the bridge's end.

        addresses: with prefixes, by default one of IPv4 (10.NET.0.NUMBER) and a link-local one of IPv6. They
        are ready at once (no detection of duplicates). No IPv6 on this machine is no reason to fail.
        """
        port = self.port if interface == "eth0" else f"{self.port}-{interface}"
        if addresses is None:
            addresses = [f"10.{net}.0.{self.number}/24", f"fe80::{net}:{self.number:x}/64"]
        self.lab.ip(
            f"link add name {port} type veth peer name {interface}"
            f" address 02:00:0a:{net:02x}:00:{self.number:02x} netns {self.pid}",
            f"link set dev {port} master {lan} up",
        )
        self.ip(f"link set {interface} addrgenmode none", check=False)
        for address in addresses:
            if ":" in address:
                self.ip(f"addr add {address} dev {interface} nodad", check=False)
            else:
                self.ip(f"addr add {address} broadcast + dev {interface}")
        self.ip(f"link set {interface} up")
        return port

    def plug_out(self, interface):
        """Take a second interface away, cable and all."""
        self.ip(f"link del {interface}")

    def ip(self, *commands, check=True):
        """Run ip(8) commands on this host."""
        return _ip(self.enter(pid_namespace=False), commands, check)

    def link(self, up, port=None):
        """Plug a network cable (of eth0, if no port of plug_in() is given) in or out, at the switch's end:
        this host sees the carrier go."""
        self.lab.ip(f"link set dev {port or self.port} {'up' if up else 'down'}")


class Host(Wired):
    """A simulated host. Made by Lab.host()."""

    def __init__(self, lab, name, number, link=True, otp_root=None):
        if otp_root:
            self.product = Product(otp_root)
        otp = self.product.otp
        self.bus = None
        self.avahi = None
        self.clock = None  # the file that says how far this host's clock is ahead of the machine's
        self.clock_ahead = 0
        etc = lab.directory / "etc"
        hosts = "hosts-nowhere" if otp.resolves_first else "hosts"
        setup = f"{HOST_SETUP}{otp.setup()}cd /run/home"
        super().__init__(lab, name, number, setup, args=(name, etc, hosts, otp.root or ""))
        if link:
            self.plug_in()
            self.ip("route add default dev eth0", f"route add unreachable {NOWHERE[0]}")
        else:
            self.address = "127.0.0.1"

    def expect_node(self, name):
        """A node of this name will be looked for, so that an old Erlang wants its host part to resolve (see
        lab_otp.NOWHERE); start_vm() says so of all nodes by itself."""
        host_part = name.partition("@")[2]
        if not re.fullmatch(r"[\d.]*|.*:.*|localhost.*", host_part):
            with open(self.lab.directory / "etc/hosts-nowhere", "a") as hosts:
                hosts.write("".join(f"{address} {host_part}\n" for address in NOWHERE))

    def start_bus(self):
        """A private system bus at the usual place."""
        config = self.directory / "bus.conf"
        config.write_text(BUS_CONFIG)
        argv = [tool("dbus-daemon"), f"--config-file={config}", "--nofork", "--nopidfile", "--nosyslog"]
        self.bus = self.spawn(argv, name="dbus-daemon", env=self.clock_environment())
        wait_until(
            lambda: self._still(self.bus) and self.path(BUS_SOCKET).exists(),
            what=f"the bus of {self.name}",
        )
        return self.bus

    def own_clock(self):
        """From now on bus, Avahi and agents are started with a clock that step_clock() sets, by libfaketime;
        the monotonic one is left alone. Raises LabUnavailable without it."""
        self.clock = self.directory / f"{self.name}.clock"
        self.step_clock(0)
        self.clock_environment()

    def step_clock(self, seconds):
        """Set this host's clock forward, or back."""
        self.clock_ahead += seconds
        new = self.clock.with_suffix(".new")
        new.write_text(f"{self.clock_ahead:+d}\n")
        new.rename(self.clock)

    def clock_environment(self):
        if self.clock is None:
            return {}
        libraries = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
        if not libraries:
            raise LabUnavailable("libfaketime is not installed")
        return {
            "LD_PRELOAD": libraries[0], "FAKETIME_TIMESTAMP_FILE": self.clock, "FAKETIME_NO_CACHE": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }  # fmt: skip

    def stop_bus(self):
        self.bus.terminate()
        self.path(BUS_SOCKET).unlink(missing_ok=True)

    def start_avahi(self, wait=True, **overrides):
        """The stock avahi-daemon with its shipped configuration.

        overrides: {section: {key: value}}, for instance server={"use-iff-running": "yes"}.
        """
        config = configparser.ConfigParser(interpolation=None)
        config.optionxform = str
        config.read(AVAHI_CONFIG)
        config.read_dict(overrides)
        path = self.directory / f"{self.name}.avahi.conf"
        with open(path, "w") as out:
            config.write(out, space_around_delimiters=False)
        argv = [tool("avahi-daemon"), "-f", path, "--no-drop-root", "--no-chroot"]
        argv += ["--no-rlimits", "--no-proc-title"]
        self.avahi = self.spawn(argv, name="avahi-daemon", env=self.clock_environment())
        if wait:
            self.wait_for_avahi()
        return self.avahi

    def wait_for_avahi(self):
        """Until Avahi has claimed the host's name in .local, which takes it nearly a second."""
        wait_until(
            lambda: self._still(self.avahi) and "Server startup complete" in self.avahi.output,
            what=f"Avahi on {self.name}",
        )

    def stop_avahi(self):
        """An orderly end, with goodbyes to the network."""
        return self.avahi.terminate()

    def kill_avahi(self):
        """As if it had crashed; its files stay behind."""
        code = self.avahi.kill()
        self.path("/run/avahi-daemon/pid").unlink(missing_ok=True)
        return code

    @staticmethod
    def _still(process):
        if not process.alive:
            raise AssertionError(f"{process} said: {process.output}")
        return True

    def quiesce(self):
        """End what a test has started: agents in good order, so that they say good-bye to the network, all
        else at once. Bus and Avahi run on; an Avahi that the test has ended is started again."""
        mine = [p for p in self.processes if p.alive and p not in (self.bus, self.avahi)]
        for process in mine:
            process.signal(signal.SIGCONT)
            if process not in self.agents:
                process.kill()
        for process in mine:
            process.terminate(3)
        for pid, name in self.running().items():  # what those have left behind
            if name not in ("avahi-daemon", "dbus-daemon"):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        if self.avahi is not None and not self.avahi.alive:
            self.start_avahi()


class Lab:
    """A private bridge and the hosts on it; a context manager. Raises LabUnavailable on entry."""

    def __init__(self, keep_logs=False, privileged=False):
        """privileged: hosts have all users of this machine, which takes root, in place of root alone."""
        self.keep_logs = keep_logs
        self.privileged = privileged
        self.members = []
        self.is_dropping = False

    def __enter__(self):
        for name in ("unshare", "nsenter", "mount", "ip", "hostname"):
            tool(name)
        self.directory = Path(tempfile.mkdtemp(prefix="epmdns-lab-"))
        (self.directory / "etc").mkdir()
        for name, text in ETC.items():
            (self.directory / "etc" / name).write_text(text)
        try:
            self.outer = self._open()
            self.add_lan("lan")
        except BaseException:
            shutil.rmtree(self.directory, ignore_errors=True)
            raise
        return self

    def _open(self):
        if self.privileged and os.geteuid() != 0:
            raise LabUnavailable("not root")
        try:
            if not self.privileged:
                return Namespace("lab", self.directory, LAB_SETUP, new_user=True)
        except LabUnavailable as reason:
            if os.geteuid() != 0:
                raise LabUnavailable(f"not root, and no user namespaces without that here: {reason}")
        try:
            return Namespace("lab", self.directory, LAB_SETUP)
        except LabUnavailable as reason:
            raise LabUnavailable(f"root may not make namespaces here ({reason})")

    def __exit__(self, *exception):
        for host in self.members:
            host.life.close()
        self.outer.close()
        for host in self.members:
            host.close()
        if not self.keep_logs:
            shutil.rmtree(self.directory, ignore_errors=True)

    def add_lan(self, name):
        """Another network: a bridge without hosts."""
        self.ip(f"link add {name} {BRIDGE}", f"link set {name} up")

    def ip(self, *commands, check=True):
        """Run ip(8) commands where the bridge is."""
        return _ip(self.outer.enter(pid_namespace=False), commands, check)

    def host(self, name, link=True, bus=True, avahi=True, otp_root=None):
        """Add one host; link=False: only loopback; otp_root: see lab_otp.py."""
        host = Host(self, name, len(self.members) + 1, link, otp_root)
        self.members.append(host)
        if bus:
            host.start_bus()
        if bus and avahi:
            host.start_avahi()
        return host

    def hosts(self, *names, **avahi):
        """Add several hosts with bus and Avahi, whose configuration may differ (see Host.start_avahi); their
        Avahis start side by side."""
        added = [self.host(name, avahi=False) for name in names]
        for host in added:
            host.start_avahi(wait=False, **avahi)
        for host in added:
            host.wait_for_avahi()
        return added

    def drop(self, *rules):
        """Have the bridge drop what these nftables rules name, in place of what it dropped before; none:
        nothing. A rule sees what comes in at a port, iifname "to-NAME", before anybody else does.

        Raises LabUnavailable where the kernel has no nftables for bridges.
        """
        table = ["table bridge lab {", "chain in {", "type filter hook prerouting priority -300;"]
        table += [f"{rule} drop" for rule in rules] + ["}", "}"]
        script = ["table bridge lab", "delete table bridge lab", *(table if rules else [])]
        done = subprocess.run(
            [*self.outer.enter(pid_namespace=False), tool("nft"), "-f", "-"],
            input="\n".join(script) + "\n", capture_output=True, text=True, timeout=15,
            env=clean_environment("/"), cwd="/",
        )  # fmt: skip
        if done.returncode != 0:
            raise LabUnavailable(f"nft: {done.stderr.strip()}")
        self.is_dropping = bool(rules)

    def cut_power(self, host):
        """End a host with all that runs on it; nobody says good-bye, and it is not a member any more."""
        host.link(up=False)
        self.members.remove(host)
        host.close()

    def quiesce(self):
        """Between two tests: see Host.quiesce."""
        if self.is_dropping:
            self.drop()
        with ThreadPoolExecutor() as pool:
            list(pool.map(Host.quiesce, self.members))

    def processes(self):
        """All processes ever started on any host, for reports."""
        return [process for host in self.members for process in host.processes]


def _ip(enter, commands, check):
    """Run commands by one ip(8). It must see our process ids, so the pid namespace is not entered."""
    done = subprocess.run(
        [*enter, tool("ip"), *([] if check else ["-force"]), "-batch", "-"],
        input="\n".join(commands), capture_output=True, text=True, timeout=15,
        env=clean_environment("/"), cwd="/",
    )
    if check and done.returncode != 0:
        raise RuntimeError(f"ip {'; '.join(commands)}: {done.stderr.strip()}")
    return done
