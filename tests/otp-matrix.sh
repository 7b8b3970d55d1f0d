#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
#
# Test with every release of Erlang that is supported: otp-matrix.sh [SUITE...] [-- PYTEST-ARGUMENT...]
#
# A SUITE is one of Debian's, whose Erlang is wanted, or `own' for the machine's; by default own and those below. A
# suite with the machine's release is left out, for own is the same. Each gets a root directory, made by debootstrap
# (which needs root, or sudo without a password) in ${XDG_CACHE_HOME:-~/.cache}/epmdns/roots and kept; one that
# cannot be fetched is skipped. With PYTEST-ARGUMENTs these tests are run, for instance
# tests/otp/test_module.py, in place of all. Builds first; EPMDNS_BUILD_DIR names a build to use instead. Ends with
# a line `N passed, N failed'.

set -u
tree=$(cd "$(dirname "$0")/.." && pwd) || exit 1
cd "$tree" || exit 1
# shellcheck source=packaging/lib/install-deps.sh
. packaging/lib/install-deps.sh
# shellcheck source=packaging/lib/roots.sh
. packaging/lib/roots.sh

export PYTHONDONTWRITEBYTECODE=1 LC_ALL=C.UTF-8

# release_of SUITE: the OTP release that it has.
release_of()
{
	case $1 in
	own) erl -noshell -eval 'io:format("~s", [erlang:system_info(otp_release)]), halt().' ;;
	bullseye) echo 23 ;;
	bookworm) echo 25 ;;
	trixie) echo 27 ;;
	forky) echo 29 ;;
	*) complain "there is no suite $1" ;;
	esac
}

# run NAME PYTEST-ARGUMENT...: run tests, whose record is of this name in the sum at the end.
run()
{
	record=$records/$1.xml
	sums="$sums $1=$record"
	shift
	/usr/bin/python3 -m pytest -p no:cacheprovider -q --durations=5 --junitxml="$record" "$@"
}

# run_all SUITE: all tests; but with the machine's own release those that tests/run.sh has run are not run again.
run_all()
{
	set -- "$1" tests/otp --ignore=tests/otp/test_releases_meet.py
	if [ "$1" = own ]; then
		set -- "$@" --ignore=tests/otp/test_module.py --ignore=tests/otp/test_two_hosts.py
	fi
	run "$@" -n 3 --dist loadgroup -m "not alone"
	shift
	run "$suite-alone" "$@" -m alone
}

suites=
while [ $# -gt 0 ] && [ "$1" != -- ]; do
	release_of "$1" >/dev/null || exit 2
	suites="$suites $1"
	shift
done
[ $# -eq 0 ] || shift

# shellcheck disable=SC2086  # lists of words
install_packages $PACKAGES_BUILD $PACKAGES_LAB $PACKAGES_TEST $PACKAGES_OTP || exit 1

if [ -z "${EPMDNS_BUILD_DIR:-}" ]; then
	export EPMDNS_BUILD_DIR="$tree/build"
	[ -e build/build.ninja ] || meson setup build -Dtests=enabled -Derlang=enabled || exit 1
	ninja -C build || complain "the build failed" || exit 1
fi
records=$EPMDNS_BUILD_DIR/otp/records
rm -rf "$records"
mkdir -p "$records"

own=$(release_of own)
if [ -z "$suites" ]; then
	suites=own
	for suite in bullseye bookworm trixie forky; do
		[ "$(release_of $suite)" = "$own" ] || suites="$suites $suite"
	done
fi

sums=
EPMDNS_OTP_ROOTS=
for suite in $suites; do
	heading "OTP $(release_of "$suite"), $suite"
	unset EPMDNS_OTP_ROOT
	if [ "$suite" != own ]; then
		# shellcheck disable=SC2086  # a list of words
		want_root "$suite" "$suite" "$suite" $PACKAGES_OTP_ROOT
		case $? in
		0) ;;
		2)
			echo "SKIPPED: $suite"
			continue
			;;
		*)
			sums="$sums $suite=$records/$suite.xml" # missing, and so a failure
			continue
			;;
		esac
		export EPMDNS_OTP_ROOT="$ROOTS/$suite"
		EPMDNS_OTP_ROOTS=$EPMDNS_OTP_ROOTS:$EPMDNS_OTP_ROOT
	fi
	if [ $# -gt 0 ]; then
		run "$suite" "$@"
	else
		run_all "$suite"
	fi
done

if [ $# -eq 0 ] && [ -n "$EPMDNS_OTP_ROOTS" ]; then
	heading "Nodes of different releases"
	unset EPMDNS_OTP_ROOT
	export EPMDNS_OTP_ROOTS
	run meet tests/otp/test_releases_meet.py
fi

heading "Sum"
# shellcheck disable=SC2086  # a list of words
exec /usr/bin/python3 tests/tally.py $sums
