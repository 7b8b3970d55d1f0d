# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""-Dbackends= builds on a machine that has neither Avahi's client library nor D-Bus, and what it builds works."""

import json
import os
import re
import select
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from environment import clean_environment
from waiting import wait_until

TREE = Path(__file__).resolve().parents[2]
MESON = os.environ.get("EPMDNS_MESON", "meson")
LIBRARIES = ("libevent_core", "jansson")  # all that it may find
DEADLINE_S = 20.0


def run(*argv, **options):
    """Return: (exit code, stdout, stderr)."""
    done = subprocess.run(argv, capture_output=True, encoding="utf-8", stdin=subprocess.DEVNULL, **options)
    return done.returncode, done.stdout, done.stderr


def build(directory):
    """Return: where it was built."""
    found = directory / "pkgconfig"
    found.mkdir()
    for name in LIBRARIES:
        where = run("pkg-config", "--variable=pcfiledir", name, check=True)[1].strip()
        shutil.copy(Path(where) / f"{name}.pc", found)
    env = {key: value for key, value in os.environ.items() if not key.startswith(("PKG_CONFIG", "MESON", "NINJA"))}
    env["PKG_CONFIG_LIBDIR"] = str(found)
    assert run("pkg-config", "--exists", "avahi-client", env=env)[0] != 0
    assert run("pkg-config", "--exists", "dbus-1", env=env)[0] != 0
    options = [f"-D{name}=disabled" for name in ("erlang", "man", "tests")]
    for argv in (
        [MESON, "setup", str(directory / "built"), str(TREE), "-Dbackends=", "-Dbuildtype=plain", *options],
        ["nice", "-n", "19", "ninja", "-C", str(directory / "built")],  # other tests have deadlines
    ):
        code, out, err = run(*argv, env=env)
        assert code == 0, out + err
    return directory / "built"


@pytest.fixture(scope="module")
def built():
    if shutil.which("ninja") is None or shutil.which("pkg-config") is None:
        pytest.skip("needs ninja and pkg-config")
    with tempfile.TemporaryDirectory(prefix="epmdns-backends-") as directory:
        yield build(Path(directory))


class Agent:
    def __init__(self, built, directory):
        self.built = built
        self.env = clean_environment(EPMDNS_SOCKET=str(directory / "socket"))
        self.log = directory / "log"
        self.running = []
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([built / "agent/epmdnsd"], env=self.env, stderr=log)
        try:
            wait_until(lambda: self.is_running() and (directory / "socket").exists(), DEADLINE_S, "the socket")
        except BaseException:
            self.close()
            raise

    def is_running(self):
        assert self.process.poll() is None, self.log.read_text()
        return True

    def ask(self, *args):
        return run(self.built / "agent/epmdns", *args, env=self.env, timeout=DEADLINE_S)

    def register(self, node, port):
        """A client that holds a registration."""
        popen = subprocess.Popen(
            [self.built / "agent/epmdns", "register", node, str(port)], env=self.env, stdout=subprocess.PIPE
        )
        self.running.append(popen)
        assert select.select([popen.stdout], [], [], DEADLINE_S)[0], f"{node} was not registered"
        assert node.encode() in popen.stdout.readline()
        return popen

    def close(self):
        for popen in (*self.running, self.process):
            popen.kill()
            popen.wait()
            if popen.stdout is not None:
                popen.stdout.close()


@pytest.fixture
def agent(built):
    with tempfile.TemporaryDirectory(prefix="epmdns-backends-") as directory:  # short: sun_path has 108 bytes
        agent = Agent(built, Path(directory))
        yield agent
        agent.close()


def test_nothing_of_avahi_or_dbus_is_built_linked_or_read(built):
    installed = json.loads(run(MESON, "introspect", "--installed", built)[1])
    programs = [path for path, target in installed.items() if re.search("/s?bin/|/libexec/", target)]
    assert {Path(path).name for path in programs} == {"epmdnsd", "epmdns"}
    for path in programs:
        code, out, err = run("ldd", path)
        assert code == 0 and "libc.so" in out, err
        assert not re.search("avahi|dbus", out), out
    code, out, err = run("ninja", "-C", built, "-t", "deps")
    assert code == 0 and "event2/event.h" in out, err
    assert not re.search(r"/include/\S*(avahi|dbus)", out)


def test_it_says_what_is_built_in(built):
    program = built / "agent/epmdnsd"
    code, out, err = run(program, "--version")
    assert (code, err) == (0, "") and re.fullmatch(r"epmdnsd [0-9.]+\nbackends: none\n", out)
    code, out, err = run(program, "--help")
    assert (code, err) == (0, "")
    assert "this epmdnsd has: none" in " ".join(out.split())
    assert "--discovery-program PATH (default: none is built in)" in " ".join(out.split())


def test_a_backend_that_is_not_built_in_is_refused(built):
    code, out, err = run(built / "agent/epmdnsd", "--backend", "avahi")
    assert (code, out) == (2, "")
    assert err.startswith("epmdnsd: --backend: avahi is not built in, this epmdnsd has: none;")


def test_two_clients_meet_through_it(agent):
    first = agent.register("a@here.home", 4001)
    agent.register("b@there.home", 4002)
    assert agent.ask("lookup", "a@here.home") == (0, "127.0.0.1 4001 inet\n", "")
    assert agent.ask("lookup", "b@there.home") == (0, "127.0.0.1 4002 inet\n", "")
    nodes = {json.loads(line)["node"] for line in agent.ask("list", "--json")[1].splitlines()}
    assert nodes == {"a@here.home", "b@there.home"}
    first.terminate()
    wait_until(lambda: agent.ask("lookup", "a@here.home")[0] == 1, DEADLINE_S, "its end")


def test_auto_is_none_and_that_is_said(agent):
    code, out, err = agent.ask("status", "--json")
    status = json.loads(out)
    assert (code, err) == (0, "")
    assert (status["backend"], status["backend_state"]) == ("none", "none")
    assert status["backend_text"] == "no backend is built in"
    assert status["discovery_pid"] is None
    agent.process.terminate()
    assert agent.process.wait(DEADLINE_S) == 0
    assert agent.log.read_text().count("No backend is built in:") == 1
