# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""Simulated machines: a Debian each that systemd boots, with users, services, packages and a network.

    with MachineLab() as lab:
        a, b = lab.machines("a", "b", disk=Disk((root,)))
        a.run(["apt-get", "install", "-y", "avahi-daemon"])
        a.systemctl("is-active", "avahi-daemon")

They are hosts as those of tests/integration/lab.py, on the same kind of bridge, of one who is root. The files of a
machine lie over those of a root directory (packaging/lib/roots.sh), which is never written to; what it has written
can become the lower part of another machine's disk, see Machine.freeze(). Control groups have a tree of their own.
Whatever becomes of us, SIGKILL included, the processes go as those of any lab do, their mounts with them, and a
keeper removes control groups and files.
"""

from __future__ import annotations

import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from lab import Lab, Wired
from lab_otp import Otp
from lab_process import LabUnavailable, clean_environment, tool, wait_until
from lab_wire import SOCKET, Client

BOOT_TIMEOUT = 60

# $1: the lab's directory, $2: the name of the control group. Says where that is once it is there; when we are gone
# it takes away what no namespace does.
KEEPER = """
mount -t cgroup2 cgroup2 "$1/cgroup"
cd "$1/cgroup"
top=$(sed -n 's/^0:://p' /proc/self/cgroup)/$2
mkdir ".$top"
echo "$top"
cat >/dev/null
tries=0
while [ -e ".$top" ] && [ $tries -lt 300 ]; do
    find ".$top" -depth -type d -exec rmdir {} ';' 2>/dev/null || true
    tries=$((tries + 1))
    [ ! -e ".$top" ] || sleep 0.1
done
cd /
umount "$1/cgroup" 2>/dev/null || true
rm -rf "$1"
"""

# What is not a machine's own: kernel and file system.
MASKED = "systemd-modules-load.service e2scrub_reap.service"

# $1: host name, $2: layers below, $3: a directory with an empty upper, work and root, $4: units that are not to start.
MACHINE_SETUP = """
mount -t overlay -o "lowerdir=$2,upperdir=$3/upper,workdir=$3/work" overlay "$3/root"
cd "$3/root"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mkdir -p run/systemd/system
for unit in $4; do ln -s /dev/null "run/systemd/system/$unit"; done
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom tty; do
    : >"dev/$device"
    mount --bind "/dev/$device" "dev/$device"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
hostname "$1"
echo "$1" >etc/hostname
printf '127.0.0.1 localhost\\n::1 localhost\\n' >etc/hosts
rm -f etc/resolv.conf
: >etc/resolv.conf
tr -d - </proc/sys/kernel/random/uuid >etc/machine-id
pivot_root . mnt
umount -l /mnt
"""


class Installed:
    """The product as its packages have installed it."""

    cli = "/usr/bin/epmdns"
    otp = Otp(Path("/usr"))


class Handle:
    """What a Client takes for a host: the file that is connected to, by its descriptor."""

    def __init__(self, descriptor):
        self.descriptor = descriptor

    def path(self, _):
        return Path(f"/proc/self/fd/{self.descriptor}")


@dataclass(frozen=True)
class Disk:
    """What a new machine has on its disk: directories, each over those after it."""

    layers: tuple

    def save(self, lab, place):
        """Keep the uppermost layer at a place that outlives the lab."""
        lab.outer.run(["rm", "-rf", f"{place}.new"])
        lab.outer.run(["cp", "--archive", self.layers[0], f"{place}.new"], timeout=120)
        os.rename(f"{place}.new", place)


class Machine(Wired):
    """A simulated machine. Made by MachineLab.machine()."""

    KINDS = (*Wired.KINDS, "cgroup")
    INIT = "{setup}\necho up >&0\nexec env -i container=lab PATH=/usr/sbin:/usr/bin /lib/systemd/systemd </dev/null"
    product = Installed()

    def __init__(self, lab, name, number, disk):
        self.disk = disk
        self.files = lab.new_files(name)
        place = (name, ":".join(map(str, disk.layers)), self.files, MASKED)
        group = lab.new_group(name)
        enter_group = ["/bin/sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', group]
        super().__init__(lab, name, number, MACHINE_SETUP, args=place, under=enter_group)
        self.plug_in()
        self.ip("route add default dev eth0")

    def wait_for_boot(self):
        """Until all that is to start has started, or failed."""

        def is_up():
            if self.popen.poll() is not None:
                raise AssertionError(f"{self.name} did not boot: {self.console()}")
            state = self.systemctl("is-system-running", check=False).stdout.strip()
            return state if state in ("running", "degraded") else None

        state = wait_until(is_up, BOOT_TIMEOUT, lambda: f"{self.name} to boot: {self.console()}", interval=0.1)
        failed = self.systemctl("--failed", "--plain", "--no-legend").stdout
        assert state == "running", f"{self.name} is {state}; failed: {failed}; {self.journal()}"

    def console(self):
        return (self.directory / f"{self.name}.setup.log").read_text(errors="replace")[-2000:]

    def systemctl(self, *args, **options):
        """Return: CompletedProcess."""
        return self.run(["systemctl", "--no-pager", *args], **options)

    def show(self, unit, *properties):
        """What `systemctl show` says of a unit: {property: value}."""
        asked = [f"--property={name}" for name in properties]
        lines = self.systemctl("show", *asked, unit).stdout.splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def main_pid(self, unit="epmdnsd.service"):
        """Process id of a unit's main process as the machine sees it, 0 if there is none."""
        return int(self.show(unit, "MainPID")["MainPID"])

    def pids(self):
        """{name: process id} of what runs in the service's control group, as the machine sees it."""
        group = self.show("epmdnsd.service", "ControlGroup")["ControlGroup"]
        found = {}
        if group:
            for pid in self.run(["cat", f"/sys/fs/cgroup{group}/cgroup.procs"], check=False).stdout.split():
                name = self.run(["cat", f"/proc/{pid}/comm"], check=False).stdout.strip()
                found[name] = int(pid)
        return found

    def kill_in(self, number, *pids):
        """Send a signal to processes by the machine's own numbers."""
        self.run(["kill", f"-{int(number)}", *pids])

    def journal(self, *args):
        """What the journal has, or of it what journalctl's arguments say."""
        return self.run(["journalctl", "--no-pager", "--output=short-monotonic", *args], check=False).stdout

    def drop_in(self, unit, text):
        """Give a unit a drop-in, as an administrator does, without starting anything."""
        directory = f"/etc/systemd/system/{unit}.d"
        self.run(["mkdir", "-p", directory])
        self.write(f"{directory}/test.conf", text)
        self.systemctl("daemon-reload")

    def write(self, path, text):
        self.path(path).write_text(text)

    def read(self, path):
        return self.path(path).read_text()

    def exists(self, path):
        return os.path.lexists(self.path(path))

    def as_user(self, user, argv, **options):
        """Run a command as a user of the machine."""
        return self.run(self.user_command(user, argv), **options)

    @staticmethod
    def user_command(user, argv):
        return ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--reset-env", "--", *argv]

    def apt(self, *args):
        """apt as an administrator calls it, who answers no questions. It has no way to a mirror."""
        return self.run(["apt", "-y", *args], timeout=240, env={"DEBIAN_FRONTEND": "noninteractive"})

    def start_vm(self, label, *args, env=None, under=()):
        """As AgentHost.start_vm(), of a user who is nobody in particular."""
        return super().start_vm(label, *args, env=env, under=self.user_command("alice", under))

    def client(self, uid):
        """A Client of the agent, see lab_wire.py, of any user. Raises OSError, as for one who may not connect."""
        path = os.open(self.path(SOCKET), os.O_PATH)  # only root gets through /proc to another machine's files
        os.seteuid(uid)
        try:
            return Client(Handle(path))
        finally:
            os.seteuid(0)
            os.close(path)

    def with_epmdns(self):
        """The arguments for erl: no path, for the packages have put the application where Erlang looks."""
        return ["-start_epmd", "false", "-epmd_module", "epmdns"]

    def expect_node(self, name):
        """Nothing to be done: these releases of OTP ask us before they resolve."""

    def close(self):
        """As when the power is cut."""
        if self.pid is not None and self.popen.poll() is None:
            try:
                os.kill(self.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        super().close()

    def freeze(self):
        """End this machine. Return: a Disk with all that it had."""
        self.run(["sync", "-f", "/"])
        self.lab.remove(self, keep_files=True)
        return Disk((self.files / "upper", *self.disk.layers))


class MachineLab(Lab):
    """A private bridge and the machines on it."""

    def __init__(self):
        super().__init__(privileged=True)
        self.groups = 0

    def __enter__(self):
        super().__enter__()
        try:
            self._start_keeper()
            self.disks = self.directory / "disks"
            self.disks.mkdir()
            self.outer.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", self.disks])
            self.outer.run(["mount", "-t", "cgroup2", "cgroup2", self.directory / "cgroup"])
        except BaseException as error:
            self.__exit__()
            if isinstance(error, AssertionError):
                raise LabUnavailable(str(error))
            raise
        return self

    def _start_keeper(self):
        (self.directory / "cgroup").mkdir()
        argv = [tool("unshare"), "--mount", "--", "/bin/sh", "-euc", KEEPER, "keeper"]
        argv += [str(self.directory), self.directory.name]
        self.keeper = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True, cwd="/", env=clean_environment("/"),
        )  # fmt: skip
        self.group = self.keeper.stdout.readline().strip()
        if not self.group:
            raise LabUnavailable(f"no control groups: {self.keeper.communicate()[1].strip()}")

    def __exit__(self, *exception):
        super().__exit__(*exception)
        if hasattr(self, "keeper"):
            self.keeper.communicate(timeout=60)

    def new_files(self, name):
        """A place for what a machine writes, which its lab's end removes at the latest."""
        self.groups += 1
        files = self.disks / f"{self.groups}-{name}"
        self.outer.run(["mkdir", files, *(files / part for part in ("upper", "work", "root"))])
        return files

    def new_group(self, name):
        group = Path(f"{self.directory}/cgroup{self.group}/{self.groups}-{name}")
        self.outer.run(["mkdir", group])
        return group

    def machine(self, name, disk, wait=True):
        taken = {member.number for member in self.members}
        number = min(set(range(1, 250)) - taken)
        machine = Machine(self, name, number, disk)
        self.members.append(machine)
        if wait:
            machine.wait_for_boot()
        return machine

    def machines(self, *names, disk):
        """Several machines, which boot side by side."""
        added = [self.machine(name, disk, wait=False) for name in names]
        with ThreadPoolExecutor() as pool:
            list(pool.map(Machine.wait_for_boot, added))
        return added

    def remove(self, machine, keep_files=False):
        """Cut a machine's power, and forget it."""
        self.members.remove(machine)
        self.ip(f"link del {machine.port}", check=False)
        machine.close()
        if not keep_files:
            self.outer.run(["rm", "-rf", machine.files])
