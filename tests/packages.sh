#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
#
# Test the Debian packages on machines that systemd boots: packages.sh [SUITE...] [-- PYTEST-ARGUMENT...]
#
# A SUITE is one of Debian's; by default bookworm and trixie. For each the packages are built, and once more as a
# later version, and installed with apt on simulated machines (see tests/packages/README.md). What these have comes
# from a root directory, made by debootstrap in ${XDG_CACHE_HOME:-~/.cache}/epmdns/roots and kept, as are the
# packages that apt will ask for: the machines have no way to a mirror. A suite that cannot be fetched is skipped.
# With PYTEST-ARGUMENTs these tests are run, for instance tests/packages/test_upgrade.py, in place of all. Takes
# root, or sudo without a password. EPMDNS_BUILD_DIR names a directory to put packages and records in, in place of
# build/. Ends with a line `N passed, N failed'.

set -u
tree=$(cd "$(dirname "$0")/.." && pwd) || exit 1
cd "$tree" || exit 1
# shellcheck source=packaging/lib/install-deps.sh
. packaging/lib/install-deps.sh
# shellcheck source=packaging/lib/roots.sh
. packaging/lib/roots.sh

export LC_ALL=C.UTF-8
place=${EPMDNS_BUILD_DIR:-$tree/build}/packages
NEWER=99.0.0

# build SUITE TREE DIRECTORY [--twice]: its packages.
build()
{
	rm -rf "$3"
	mkdir -p "$3"
	# shellcheck disable=SC2086  # a word or none
	if ! "$2/packaging/build-deb.sh" --suite "$1" ${4:-} --output "$3" >"$3.log" 2>&1; then
		tail -n 30 "$3.log"
		complain "no packages of $1 from $2"
	fi
}

# copy_as_newer DIRECTORY: this tree there, as a later version. A file that git knows may have been deleted.
copy_as_newer()
{
	# shellcheck disable=SC2016  # expanded by the other shell
	git ls-files -z --cached --others --exclude-standard | xargs -0 sh -c '
		for file; do
			[ -e "$file" ] || [ -L "$file" ] || continue
			cp --parents --no-dereference --target-directory="$0" "$file" || exit 1
		done' "$1" && git -C "$1" init --quiet || return 1
	version=$(sed -n "s/^  version: '\(.*\)',$/\1/p" meson.build)
	sed -i "s/^  version: '$version',$/  version: '$NEWER',/" "$1/meson.build"
	sed -i "1s/($version\(.*\))/($NEWER\1)/" "$1/packaging/debian/changelog"
	sed -i '/^export DEB_BUILD_MAINT_OPTIONS/a export DEB_BUILD_OPTIONS = nocheck' "$1/packaging/debian/rules"
	sed -i "s/$version/$NEWER/" "$1/erlang/src/epmdns.app.src"
}

# fill SUITE: what apt will ask for, and users. With the lists that are there, if they will do.
fill()
{
	# shellcheck disable=SC2016  # expanded in the root
	in_root "system-$1" "$place/$1/present" sh -c '
		for user in alice bob; do
			getent passwd $user >/dev/null || useradd --create-home --shell /bin/bash $user || exit 1
		done
		fetch()
		{
			apt-get install -y --download-only ./epmdns_*.deb ./erlang-epmdns_*.deb &&
				apt-get install -y --download-only --no-install-recommends autopkgtest dpkg-dev
		}
		fetch || { apt-get update && fetch; }' >"$place/$1/fill.log" 2>&1 </dev/null
}

# prepare SUITE: a root and packages. Return: as make_root does.
prepare()
{
	# shellcheck disable=SC2086  # a list of words
	want_root "$1" "system-$1" "$1" $PACKAGES_SYSTEM || return $?
	mkdir -p "$place/$1" && as_root rm -rf "$place/$1/installed" || return 1
	build "$1" "$tree" "$place/$1/present" --twice && build "$1" "$newer" "$place/$1/newer" && fill "$1" || return 1
}

# run SUITE RECORD PYTEST-ARGUMENT...: tests on machines of SUITE, whose record is in the sum at the end.
run()
{
	suite=$1
	record=$place/$2.xml
	sums="$sums $2=$record"
	shift 2
	as_root env LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 "EPMDNS_SYSTEM_ROOT=$ROOTS/system-$suite" \
		"EPMDNS_PACKAGES=$place/$suite/present" "EPMDNS_PACKAGES_NEWER=$place/$suite/newer" \
		/usr/bin/python3 -m pytest -p no:cacheprovider -q --durations=5 -rP -o junit_family=xunit1 \
		--junitxml="$record" "$@"
}

suites=
while [ $# -gt 0 ] && [ "$1" != -- ]; do
	case $1 in
	-* | */*) complain "$1 is no suite" || exit 2 ;;
	esac
	suites="$suites $1"
	shift
done
[ $# -eq 0 ] || shift

# shellcheck disable=SC2086  # a list of words
install_packages $PACKAGES_MACHINES || exit 1

newer=$(mktemp -d) || exit 1
trap 'rm -rf "$newer"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
copy_as_newer "$newer" || complain "the tree cannot be copied" || exit 1

sums=
for suite in ${suites:-bookworm trixie}; do
	heading "Packages of $suite"
	rm -f "$place/$suite.xml" "$place/$suite-alone.xml"
	prepare "$suite"
	case $? in
	0) ;;
	2)
		echo "SKIPPED: $suite"
		continue
		;;
	*)
		complain "$suite cannot be tested"
		sums="$sums $suite=$place/$suite.xml" # missing, and so a failure
		continue
		;;
	esac
	if [ $# -gt 0 ]; then
		run "$suite" "$suite" -n 3 "$@"
	else
		run "$suite" "$suite" -n 3 -m "not alone" tests/packages
		run "$suite" "$suite-alone" -m alone tests/packages
	fi
done

heading "Sum"
# shellcheck disable=SC2086  # a list of words
/usr/bin/python3 tests/tally.py $sums
