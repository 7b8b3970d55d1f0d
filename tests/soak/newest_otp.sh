#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
#
# Probe a node of Debian's newest Erlang on a TLS port and look at its log: newest_otp.sh [DIRECTORY]
#
# DIRECTORY gets a Debian sid with Erlang (about 400 MB; default: a temporary one, removed at the end), or has it
# already. Needs root and debootstrap for that; the mirror is DEBIAN_MIRROR, else what apt uses.
# EPMDNS_BUILD_DIR is the build, as for all tests on simulated hosts.

set -eu
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck disable=SC2016  # apt's variable
mirror=${DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' | grep -m 1 '/debian/*$' || true)}
root=${1:-}
if [ -z "$root" ]; then
	root=$(mktemp -d)
	trap 'rm -rf "$root"' EXIT
fi
if [ ! -e "$root/usr/bin/erl" ]; then
	debootstrap --variant=minbase --include=erlang-base,erlang-ssl,erlang-crypto,erlang-public-key,erlang-asn1 \
		sid "$root" ${mirror:+"$mirror"} >"$root.log" 2>&1 || {
		tail -n 20 "$root.log" >&2
		exit 1
	}
	rm -f "$root.log"
fi
/usr/bin/python3 -B "$here/newest_otp.py" "$root"
