# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""One source for all releases: each compiles it without a warning, and passes the Erlang tests of the module with
the agent of the machine. Sources, flags and tests are those that the build has."""

import json

import pytest

from lab import Host
from lab_process import tool

BUILD = Host.product.build
TESTS = {
    test["name"]: test
    for test in json.loads((BUILD / "meson-info/intro-tests.json").read_text())
    if test["suite"] == ["epmdns:erlang"]
}


def test_it_is_compiled_without_a_warning(compiled, hermit, tmp_path):
    command = compiled.compiler("erlang-beams", tmp_path)
    assert "-Werror" in command
    done = hermit.run(command, timeout=120)
    assert done.stdout + done.stderr == ""
    assert (tmp_path / "epmdns.beam").exists()


@pytest.fixture(scope="module")
def daemon(compiled, hermit):
    """The agent as a program that can be started where the root's files are in place of the machine's."""
    program = Host.product.daemon
    if compiled.root is None:
        return program
    script = "/run/home/epmdnsd"
    hermit.path(script).write_text(f'#!/bin/sh\nexec chroot /machine {program} "$@"\n')
    hermit.path(script).chmod(0o755)
    return script


ALONE = [pytest.mark.alone]  # compares times
NAMED = [pytest.param(name, marks=[] if test["is_parallel"] else ALONE) for name, test in TESTS.items()]


@pytest.mark.parametrize("name", NAMED)
def test_the_module_passes(compiled, hermit, daemon, name):
    test = TESTS[name]
    _, *arguments = [each.replace(str(BUILD / "erlang"), str(compiled.directory)) for each in test["cmd"]]
    # Hosts share /tmp, and a process id, by which the tests name their files there, may be another's on another host.
    environment = {**test["env"], "EPMDNS_DAEMON": daemon, "TMPDIR": "/run/home"}
    done = hermit.run([tool("erl"), *arguments], timeout=test["timeout"], check=False, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
