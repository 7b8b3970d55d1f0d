# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""Namespaces to run programs in, and the programs that run in them.

A namespace lives as long as its first process, a `cat` that reads from a socket whose other end only we
hold. Whatever happens to us, SIGKILL included, that socket closes, `cat` ends, and as it is process 1 of its
own pid namespace the kernel kills everything else in there. Nothing has to be cleaned up by anybody.
"""

from __future__ import annotations

import array
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

import lab_otp

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

from processes import state  # noqa: E402
from waiting import wait_until  # noqa: E402

SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# What the machine's own sessions leave in the environment and simulated hosts must not see.
FOREIGN = re.compile(
    r"(EPMDNS|ERL|ELIXIR|XDG|DBUS|LISTEN|AVAHI)_|(NOTIFY_SOCKET|RUNTIME_DIRECTORY|JOURNAL_STREAM)$"
)


class LabUnavailable(Exception):
    """This machine cannot simulate hosts; the text says in one line what is missing."""


def wait_until_steady(read, seconds, timeout, what, interval=0.1):
    """Call read until it has returned the same, and not None, for so long."""
    since, before = time.monotonic(), None

    def is_steady():
        nonlocal since, before
        now = read()
        if now is None or now != before:
            since, before = time.monotonic(), now
        return time.monotonic() - since >= seconds

    wait_until(is_steady, timeout, what, interval)


def tool(name):
    """What to call a system program by: its full path, for unprivileged users seldom have sbin in their PATH; or
    its name, if it is for a host to say whose it runs."""
    path = shutil.which(name, path=SEARCH_PATH)
    if path is None:
        raise LabUnavailable(f"the program {name} is not installed")
    return name if name in lab_otp.PROGRAMS else path


def clean_environment(home, extra=None):
    """Our environment without what belongs to the machine's own sessions; VMs that crash dump nothing."""
    env = {key: value for key, value in os.environ.items() if not FOREIGN.match(key)}
    env.update(PATH=f"{lab_otp.SEARCH_PATH}:{SEARCH_PATH}", HOME=home, LANG="C.UTF-8", LC_ALL="C.UTF-8")
    env.update(ERL_CRASH_DUMP_BYTES="0", **(extra or {}))
    return env


def _true_pid(sock):
    """Wait for the byte with which a program reports its start; return its process id as we see it.

    The program sits behind one or two forks and in other pid namespaces, so neither Popen nor the program
    itself knows that number; the kernel translates it when it passes credentials over a socket.
    """
    size = struct.calcsize("3i")
    data, ancillary, _, _ = sock.recvmsg(16, socket.CMSG_SPACE(size))
    for level, kind, payload in ancillary:
        if data and level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS:
            return array.array("i", payload[:size])[0] or None  # 0: not in our pid namespace
    return None


def launch(argv, **popen_options):
    """Start argv with one end of a socket pair as its standard input.

    argv must end in a shell that writes a byte to it. Return: (Popen, true pid or None, our end).
    """
    ours, theirs = socket.socketpair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    ours.settimeout(20)
    try:
        with theirs:
            popen = subprocess.Popen(argv, stdin=theirs, **popen_options)
        return popen, _true_pid(ours), ours
    except BaseException:
        ours.close()
        raise


class Process:
    """A program running on a simulated host; pid is the program's own, not that of a wrapper."""

    def __init__(self, name, popen, pid, channel, log):
        self.name = name
        self.pid = pid
        self.channel = channel  # socket that is the program's descriptor 3, if it asked for one
        self.log = log  # Path, or None when the caller reads the output itself
        self.popen = popen
        self.started = None  # just before its start, on the monotonic clock, if it runs in the background

    def __repr__(self):
        code = self.popen.poll()
        state = "running" if code is None else f"ended with {code}"
        if code is not None and code < 0:
            state = f"killed by {signal.Signals(-code).name}"
        return f"<{self.name} pid {self.pid} {state}>"

    @property
    def alive(self):
        return self.popen.poll() is None

    @property
    def output(self):
        """All that the program has written so far to standard output and error."""
        return self.log.read_text(errors="replace")

    def signal(self, number):
        if self.alive:
            if number == signal.SIGCONT:
                self.popen.send_signal(number)  # nsenter stops itself with the program that it waits for
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                pass

    def wait(self, timeout=10.0):
        """Wait for the end. Return: the exit code, or minus the number of the signal that killed it."""
        code = self.popen.wait(timeout)
        self.channel.close()
        return code

    def kill(self):
        """SIGKILL, and wait until it is really gone."""
        self.signal(signal.SIGKILL)
        return self.wait()

    def terminate(self, timeout=10.0):
        """SIGTERM; after timeout SIGKILL. Return: the exit code."""
        self.signal(signal.SIGTERM)
        try:
            return self.wait(timeout)
        except subprocess.TimeoutExpired:
            return self.kill()


class Namespace:
    """Own network, mounts, host name, IPC and processes; optionally an own user namespace around them."""

    # Process 1 reaps what is reparented to it, for who ignores SIGCHLD has no zombies (no trap of dash can do
    # that), and ends with our socket.
    INIT = "{setup}\necho up >&0\nexec env --ignore-signal=CHLD cat >/dev/null"
    KINDS = ("net", "mount", "uts", "ipc", "pid")

    def __init__(self, name, directory, setup, inside=None, new_user=False, args=(), under=()):
        """Run the shell text setup with args as process 1 of new namespaces, within another or in ours.

        under: a command to run the making of the namespaces under.

        Raise LabUnavailable with the first line that setup wrote if it fails.
        """
        self.name = name
        self.directory = Path(directory)
        self.user = new_user or (inside is not None and inside.user)
        self.processes = []
        log = self.directory / f"{name}.setup.log"
        argv = list(inside.enter()) if inside else []
        argv += [*under, tool("unshare"), "--fork", *(f"--{kind}" for kind in self.KINDS)]
        argv += ["--user", "--map-root-user"] if new_user else []
        argv += ["--", "/bin/sh", "-euc", self.INIT.format(setup=setup), name, *map(str, args)]
        with open(log, "wb") as out:
            self.popen, self.pid, self.life = launch(
                argv, stdout=out, stderr=out, cwd="/", env=clean_environment("/run/home")
            )
        if self.pid is None:
            self.close()
            lines = log.read_text(errors="replace").split("\n")
            raise LabUnavailable(lines[0] or "no reason was given")
        self.pid_namespace = os.readlink(f"/proc/{self.pid}/ns/pid")

    def enter(self, pid_namespace=True):
        """The command line that runs what is appended to it inside this namespace."""
        flags = ["--user", "--preserve-credentials"] if self.user else []
        flags += ["--pid"] if pid_namespace else []
        nsenter = [tool("nsenter"), f"--target={self.pid}", "--net", "--mount", "--uts", "--ipc"]
        return [*nsenter, "--root", "--wd", *flags, "--"]  # the first of these is for us being in a chroot

    def path(self, inner):
        """Where a file of this namespace is to be found from outside."""
        return Path(f"/proc/{self.pid}/root") / str(inner).lstrip("/")

    def _start(self, argv, env, channel, **popen_options):
        redirect = "3<&0 </dev/null" if channel else "</dev/null"
        shell = ["/bin/sh", "-c", f'echo up >&0; exec "$@" {redirect}', "sh"]
        command = [*self.enter(), *shell, *map(str, argv)]
        env = clean_environment("/run/home", env)
        return launch(command, cwd="/", env=env, **popen_options)

    def spawn(self, argv, name=None, env=None, channel=False, stdout=None):
        """Start argv in the background. Return: a Process whose output goes to a log file.

        channel: give the program a two-way socket as descriptor 3 (process.channel is our end).
        stdout: subprocess.PIPE to read standard output from process.popen.stdout instead.
        """
        name = name or os.path.basename(str(argv[0]))
        log = self.directory / f"{self.name}.{len(self.processes):03d}.{name[:100]}.log"
        started = time.monotonic()
        with open(log, "wb") as out:
            popen, pid, sock = self._start(argv, env, channel, stdout=stdout or out, stderr=out)
        process = Process(f"{self.name}: {name}", popen, pid, sock, log)
        process.started = started
        self.processes.append(process)
        if pid is None:
            raise RuntimeError(f"{process.name} did not start: {process.output}")
        return process

    def run(self, argv, timeout=15.0, check=True, env=None):
        """Run argv to its end. Return: CompletedProcess with text; with check an exit code is an error."""
        popen, pid, sock = self._start(
            argv, env, False, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace"
        )
        process = Process(str(argv[0]), popen, pid, sock, None)
        try:
            out, err = popen.communicate(timeout=timeout)
        except BaseException:
            process.signal(signal.SIGKILL)
            popen.wait()  # and not for what it has started, which may have its pipes still
            popen.stdout.close()
            popen.stderr.close()
            raise
        finally:
            sock.close()
        if check and popen.returncode != 0:
            said = (err.strip() or out.strip()) or "nothing"
            raise AssertionError(
                f"on {self.name}: {' '.join(map(str, argv))}: exit code {popen.returncode}, said: {said}"
            )
        return subprocess.CompletedProcess(argv, popen.returncode, out, err)

    def running(self):
        """{process id: name} of all that runs in here, however it was started, without process 1.

        The kernel keeps 15 characters of a name.
        """
        names = {}
        for entry in os.listdir("/proc"):
            try:
                if not entry.isdigit() or int(entry) == self.pid:
                    continue
                # not compared to process 1, whose number may be another's when it has ended
                if os.readlink(f"/proc/{entry}/ns/pid") != self.pid_namespace:
                    continue
                if state(entry) != "Z":
                    names[int(entry)] = Path(f"/proc/{entry}/comm").read_text().rstrip("\n")
            except OSError:
                continue  # ended meanwhile, or is not ours to look at
        return names

    def close(self):
        """Let process 1 end, and with it everything in the namespace; as when the power is cut."""
        self.life.close()
        self.popen.wait(20)
        for process in self.processes:
            process.wait()
