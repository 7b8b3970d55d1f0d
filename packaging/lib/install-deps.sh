# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
# shellcheck shell=sh
#
# What this project needs from Debian, in one place, and how to get it; sourced by the scripts of packaging and tests,
# which set tree to the top of the source tree. Installing starts no service: not the system bus, not Avahi, not epmd.

# shellcheck disable=SC2034  # used by those who source this file
PACKAGES_BUILD="meson ninja-build pkg-config gcc libc6-dev
	libevent-dev libavahi-client-dev uthash-dev libjansson-dev
	erlang-base erlang-dev scdoc"
# shellcheck disable=SC2034
PACKAGES_LAB="python3 iproute2 dbus dbus-daemon avahi-daemon"
# shellcheck disable=SC2034
PACKAGES_TEST="python3-pytest python3-pytest-xdist avahi-utils nftables openssl faketime bash-completion
	libcmocka-dev valgrind clang libclang-rt-dev clang-format
	erlang-eunit erlang-tools erlang-dialyzer erlang-syntax-tools erlang-ssl rebar3"
# To build the Debian packages; the rest is in packaging/debian/control.
# shellcheck disable=SC2034
PACKAGES_DEB="build-essential debhelper git lintian"
# For tests/packages.sh; and what it has in each of its roots.
# shellcheck disable=SC2034
PACKAGES_MACHINES="debootstrap git iproute2 python3-pytest python3-pytest-xdist"
# shellcheck disable=SC2034
PACKAGES_SYSTEM="systemd systemd-sysv dbus iproute2 procps bash-completion"
# For tests/otp-matrix.sh; and what it has in each of its roots.
# shellcheck disable=SC2034
PACKAGES_OTP="debootstrap elixir git"
# shellcheck disable=SC2034
PACKAGES_OTP_ROOT="erlang-base erlang-dev erlang-eunit erlang-crypto erlang-ssl erlang-tools
	erlang-syntax-tools elixir"

# packages_cross ARCHITECTURE: what is in a root that builds for another: the Debian package, and tests that qemu runs.
packages_cross()
{
	echo "$PACKAGES_DEB crossbuild-essential-$1 meson ninja-build scdoc qemu-user-static" \
		"pkg-config:$1 uthash-dev:$1 libevent-dev:$1 libavahi-client-dev:$1 libjansson-dev:$1 libcmocka-dev:$1"
}

: "${tree:?is set by the script that sources this one}"

POLICY=/usr/sbin/policy-rc.d
POLICY_SAVED=$POLICY.saved-by-epmdns
POLICY_MARK="# Put here by epmdns while it installs packages; safe to delete."

# complain TEXT...: one line on standard error, and failure.
complain()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	return 1
}

# heading TEXT...: what comes next.
heading()
{
	printf '\n== %s\n' "$*"
}

as_root()
{
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	else
		sudo -n "$@"
	fi
}

# missing_packages PACKAGE...: print those that are not installed, on one line.
missing_packages()
{
	for package in "$@"; do
		status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || status=
		if [ "$status" != installed ]; then
			printf '%s ' "$package"
		fi
	done
}

# forbid_services: from now on packages may not start their services (invoke-rc.d and
# deb-systemd-invoke ask this file). An administrator's own file is copied with all its attributes.
forbid_services()
{
	allow_services # a run that was killed may have left its file
	if [ -e $POLICY ] || [ -L $POLICY ]; then
		as_root cp -a $POLICY $POLICY_SAVED || return 1
	fi
	printf '#!/bin/sh\n%s\nexit 101\n' "$POLICY_MARK" | as_root tee $POLICY.new >/dev/null &&
		as_root chmod 755 $POLICY.new &&
		as_root mv -f $POLICY.new $POLICY
}

# allow_services: put things back exactly as they were.
allow_services()
{
	if [ -e $POLICY_SAVED ] || [ -L $POLICY_SAVED ]; then
		as_root mv -f $POLICY_SAVED $POLICY
	elif grep -qsxF "$POLICY_MARK" $POLICY; then
		as_root rm -f $POLICY
	fi
}

# apt_install LOG PACKAGE...: one at a time, so that nobody puts back a file that another still needs.
apt_install()
(
	log=$1
	shift
	exec 9<"$tree/packaging/lib/install-deps.sh"
	flock 9
	trap allow_services EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
	forbid_services || exit 1
	if ! as_root apt-get update -q >"$log" 2>&1 </dev/null; then
		echo "apt-get update failed; trying with the lists that are there" >>"$log"
	fi
	as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 \
		apt-get install -q -y --no-install-recommends -o DPkg::Lock::Timeout=300 "$@" \
		>>"$log" 2>&1 </dev/null
)

# install_packages PACKAGE...: install what is missing of these, quietly. On failure say in one line why.
install_packages()
{
	if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
		complain "there is no apt-get here: install the equivalents of these yourself: $*"
		return 1
	fi
	missing=$(missing_packages "$@")
	missing=${missing% }
	if [ -z "$missing" ]; then
		return 0
	fi
	if [ "$(id -u)" -ne 0 ] && ! sudo -n true 2>/dev/null; then
		complain "neither root nor sudo without a password; first: apt-get install $missing"
		return 1
	fi
	printf 'Installing (no service is started): %s\n' "$missing"
	apt_log=$(mktemp)
	# shellcheck disable=SC2086  # a list of words
	if ! apt_install "$apt_log" $missing; then
		reason=$(grep '^E:' "$apt_log" | head -n 1)
		if grep -q 'Failed to fetch' "$apt_log"; then
			reason="$reason (no network?)"
		fi
		complain "could not install $missing: ${reason:-interrupted}; apt-get's words are in $apt_log"
		return 1
	fi
	rm -f "$apt_log"
}
