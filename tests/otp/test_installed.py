# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""Where the application is installed, VMs find it by themselves; and Elixir's shell, as at the head of the README. With
the machine's own Erlang only, for which the build is."""

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from lab_agent import COOKIE
from lab_node import QUIET, Node, Terminal
from lab_process import tool

pytestmark = pytest.mark.skipif("EPMDNS_OTP_ROOT" in os.environ, reason="the build is for the machine's own Erlang")
README = (Path(__file__).resolve().parents[2] / "README.md").read_text()


@pytest.fixture(scope="module")
def library(product, tmp_path_factory):
    """An Erlang that has what the machine's has, by links, and epmdns among its libraries, put there by the
    installation. Return: the environment for its erlexec."""
    machine = Path(shutil.which("erl")).resolve().parents[1]
    root = tmp_path_factory.mktemp("installed")
    install = ["meson", "install", "-C", product.build, "--no-rebuild", "--destdir", root]
    subprocess.run(install, check=True, capture_output=True, timeout=60)
    top = root / machine.relative_to("/")
    for one in (*machine.glob("*"), *machine.glob("lib/*")):
        link = top / one.relative_to(machine)
        if not link.exists():
            link.symlink_to(one)
    (binaries,) = machine.glob("erts-*/bin")
    return {"ROOTDIR": top, "BINDIR": binaries, "EMU": "beam", "PROGNAME": "erl"}


def test_no_path_is_needed_for_what_is_installed(hermit, library):
    hermit.start_agent("--backend", "none")
    flags = ["-setcookie", COOKIE, "-name", "found@a.installed", "-start_epmd", "false", "-epmd_module", "epmdns"]
    argv = [library["BINDIR"] / "erlexec", *QUIET, "-noinput", *flags]
    node = Node(hermit, "found@a.installed", argv, env=library)
    node.wait_until_alive()
    assert node.eval("code:lib_dir(epmdns)").startswith(f'"{library["ROOTDIR"]}/lib/epmdns-')
    hermit.wait_for_nodes(node)


def test_iex_and_its_remote_shell(a, b, served, product):
    """Bob is started as at the head of the README; Carol's shell is one of his, from another host."""
    (line,) = re.findall(r"^host B\$ (iex .*)$", README, re.M)
    bob = shlex.split(line)
    flags = bob[bob.index("--erl") :]

    def iex(host, *argv):
        return Terminal(host, ["env", f"ERL_LIBS={product.build}", tool("iex"), "--cookie", COOKIE, *argv])

    alice = a.start_node("alice@a.home")
    shell = iex(b, *bob[1:])
    shell.wait_for("iex(bob@b.home)1>")
    shell.type("Node.ping :'alice@a.home'\r")
    shell.wait_for(":pong")
    assert alice.connected() == {"bob@b.home"}
    remote = iex(a, "--name", "carol@a.home", "--remsh", "bob@b.home", *flags)
    remote.wait_for("iex(bob@b.home)1>")
    remote.type('IO.puts "on host #{elem(:inet.gethostname(), 1)}"\r')
    remote.wait_for("on host b")
