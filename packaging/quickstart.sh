#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
#
# From a fresh Debian to two hosts whose Erlang nodes find each other: installs what is missing (root, or
# sudo without a password), builds in build/, and shows it on two simulated hosts: network namespaces with
# a bus and an Avahi of their own. This machine's bus, Avahi and network are left alone. No input, no
# arguments; may be repeated.

set -u
tree=$(cd "$(dirname "$0")/.." && pwd) || exit 1
cd "$tree" || exit 1
# shellcheck source=packaging/lib/install-deps.sh
. packaging/lib/install-deps.sh

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
	bold=$(printf '\033[1m')
	plain=$(printf '\033[0m')
else
	bold=
	plain=
fi

step()
{
	printf '\n%s%s%s\n\n' "$bold" "$*" "$plain"
}

# quietly COMMAND...: its output only if it fails.
quietly()
{
	printf '   $ %s\n' "$*"
	log=$(mktemp)
	if ! "$@" >"$log" 2>&1 </dev/null; then
		tail -n 30 "$log" >&2
		rm -f "$log"
		return 1
	fi
	rm -f "$log"
}

step "1. What it needs, from Debian"
# shellcheck disable=SC2086  # lists of words
install_packages $PACKAGES_BUILD $PACKAGES_LAB || exit 1
echo "   Everything is there."

step "2. Build"
if [ ! -e build/build.ninja ]; then
	quietly meson setup build || complain "meson setup failed" || exit 1
fi
quietly ninja -C build || complain "the build failed" || exit 1

step "3. Two hosts, a and b: their own network, no DNS, no hosts file, no epmd"
EPMDNS_BUILD_DIR=$tree/build /usr/bin/python3 packaging/lib/demo.py
shown=$?

step "Now on this machine"
cat <<END
   \$ meson devenv -C build            # a shell with all paths set; what follows is typed in it
   \$ epmdnsd &
   \$ erl -name me@any.name -start_epmd false -epmd_module epmdns
   \$ epmdns list                      # from another such shell

   To stay:  packaging/build-deb.sh, and install what it has built; README.md has the rest

   Nodes of this machine find each other at once, those of other machines while avahi-daemon runs.
END
exit "$shown"
