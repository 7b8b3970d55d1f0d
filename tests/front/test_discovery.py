# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""The discovery program itself, without a bus: how it ends."""

import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest
from environment import clean_environment
from front import BUILD, WRAP

PROGRAM = Path(os.environ.get("EPMDNS_DISCOVERY", BUILD / "agent/epmdns-discovery"))
if not PROGRAM.is_file():  # meson does not name us then; pytest may have been told of the whole directory
    pytest.skip("this build has no backend", allow_module_level=True)
LINK_FD = 3
VALGRIND = ["valgrind", "--quiet", "--error-exitcode=99", "--leak-check=full", "--errors-for-leak-kinds=definite"]


def is_sanitized():
    return b"__asan_init" in PROGRAM.read_bytes()


@pytest.mark.skipif(bool(WRAP) or shutil.which("valgrind") is None or is_sanitized(), reason="needs valgrind alone")
@pytest.mark.parametrize("options", [[], ["--interface", "lo", "--ignore-interface", "x*"]], ids=["plain", "named"])
def test_it_ends_in_good_order_with_the_front(options):
    """It freed the events of its interfaces after their event base, which nothing but valgrind noticed."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        process = subprocess.Popen(
            ["/bin/sh", "-c", f'exec "$@" {LINK_FD}<&0 </dev/null', "sh", *VALGRIND, str(PROGRAM), *options],
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            env=clean_environment(DBUS_SYSTEM_BUS_ADDRESS="unix:path=/nonexistent/bus"),
        )
        theirs.close()
        assert ours.recv(65536)  # its build: it runs
        ours.shutdown(socket.SHUT_RDWR)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
