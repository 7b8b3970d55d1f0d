# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""The tests that come with the packages, run as Debian runs them."""

import shutil

from lab_agent import TREE

SOURCE = "/tmp/source"


def test_autopkgtest(a, present):
    a.apt("install", "--no-install-recommends", "autopkgtest", "dpkg-dev")
    a.run(["sh", "-c", "rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/*"])  # it would try and try again
    packages = present.put(a)
    shutil.copytree(TREE / "packaging/debian", a.path(SOURCE) / "debian")
    # It need not know that it is on a machine of its own, as the test wants to be.
    argv = ["autopkgtest", "--ignore-restrictions=isolation-container", "--no-built-binaries", *packages]
    done = a.run([*argv, f"{SOURCE}/", "--", "null"], 300, check=False)
    assert done.returncode == 0 and "main-job             PASS" in done.stdout, done.stdout + done.stderr
