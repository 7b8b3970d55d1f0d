# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
"""Which Erlang a simulated host runs: the machine's own, or that of a root directory.

A root is a Debian of whatever suite, with Erlang; tests/otp-matrix.sh makes them. Its programs see the machine's
files, with their own /usr and /etc in place of the machine's, and the host's /run, network and processes. So a
test calls `erl` and gets it from the root, and everything else, the product included, is the machine's.
"""

from __future__ import annotations

import fcntl
import json
import shutil
from pathlib import Path

# $2: the directory with the files that replace those in /etc, $3: which of these is /etc/hosts, $4: the root.
# The host's PATH begins with /run/otp/programs; what runs in the root has an empty /run/otp.
ROOT_SETUP = """
add() {
    if [ -L "$1" ]; then cp -P "$1" /run/otp/
    elif [ -d "$1" ]; then mkdir "/run/otp/${1##*/}"; mount "$2" "$1" "/run/otp/${1##*/}"
    fi
}
mkdir /run/otp
mount -t tmpfs -o mode=755 tmpfs /run/otp
mkdir /run/otp/machine /run/otp/programs
mount --rbind / /run/otp/machine
for entry in /*; do
    case $entry in
    /usr | /etc | /bin | /sbin | /lib*) add "$4$entry" --rbind ;;
    /run) add /run --bind ;;
    *) [ -e "/run/otp$entry" ] || add "$entry" --rbind ;;
    esac
done
for file in resolv.conf nsswitch.conf passwd group; do
    mount --bind "$2/$file" "/run/otp/etc/$file"
done
mount --bind "$2/$3" /run/otp/etc/hosts
cat >/run/otp/programs/any <<'END'
#!/bin/sh
exec chroot /run/otp env -C "$PWD" "/usr/bin/${0##*/}" "$@"
END
chmod 755 /run/otp/programs/any
for program in $PROGRAMS; do ln -s any "/run/otp/programs/$program"; done
"""

PROGRAMS = ("erl", "erlc", "escript", "epmd", "erl_call", "run_erl", "to_erl", "rebar3", "elixir", "iex", "mix")
SEARCH_PATH = "/run/otp/programs"  # nothing is there on a host that runs the machine's own Erlang

# Before OTP 24.2 a node is not looked for whose host part does not resolve (inet_tcp_dist.erl, gen_select/2).
# It does resolve on hosts that run one so old, to where nobody is.
NOWHERE = ("192.0.2.1", "2001:db8::1")
FIRST_THAT_ASKS_US = 24


class Otp:
    """An Erlang, and the product compiled by it."""

    def __init__(self, build, root=None):
        self.build = build
        self.root = Path(root).resolve() if root else None
        self.directory = build / "otp" / self.root.name / "erlang" if root else build / "erlang"
        self.ebin = self.directory / "ebin"

    @property
    def release(self):
        """23 and so on."""
        top = Path(f"{self.root or ''}/usr/bin/erl").resolve().parents[1]
        return int((top / "releases/start_erl.data").read_text().split()[1])

    @property
    def resolves_first(self):
        return self.release < FIRST_THAT_ASKS_US

    def within(self, argv):
        """The command that runs another one where the files of the root are in place of the machine's."""
        return [*(["chroot", "/run/otp", "env", "-C", "/run/home"] if self.root else []), *argv]

    def setup(self):
        """Shell text for a host, see ROOT_SETUP."""
        return ROOT_SETUP.replace("$PROGRAMS", " ".join(PROGRAMS)) if self.root else ""

    def compile(self, host):
        """Compile the product and its Erlang tests, on a host that runs this Erlang, if that is not done yet.
        Runs of tests that go on side by side wait for the first."""
        if self.root is None:
            return
        self.directory.mkdir(parents=True, exist_ok=True)
        with open(self.directory / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for target in ("erlang-beams", "erlang-test-beams"):
                beams = [self.directory / beam.relative_to(self.build / "erlang") for beam in self._find(target)[2]]
                if any(is_older(beam, self._find(target)[1]) for beam in beams):
                    beams[0].parent.mkdir(exist_ok=True)
                    host.run(self.compiler(target, beams[0].parent), timeout=120)
            shutil.copy(self.build / "erlang/ebin/epmdns.app", self.ebin)

    def compiler(self, target, directory):
        """The command that compiles what Meson calls by this name, with its sources and flags, into a directory."""
        arguments, sources, _ = self._find(target)
        places = {"@OUTDIR@": [directory], "@INPUT@": sources}
        return ["erlc", *(word for each in arguments for word in places.get(each, [each]))]

    def _find(self, name):
        """(arguments of erlc, sources, beams) of a target in the build."""
        targets = json.loads((self.build / "meson-info/intro-targets.json").read_text())
        (target,) = (each for each in targets if each["name"] == name)
        (group,) = target["target_sources"]
        return group["compiler"][1:], list(map(Path, group["sources"])), list(map(Path, target["filename"]))


def is_older(path, others):
    """Is a file missing, or older than one of the others?"""
    return not path.exists() or any(path.stat().st_mtime <= other.stat().st_mtime for other in others)
