#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
#
# Build the Debian packages of this tree:
#     build-deb.sh [--suite SUITE] [--arch ARCHITECTURE] [--twice] [--output DIRECTORY]
#
# On this machine, which needs root or sudo without a password if something has to be installed; with --suite in a
# clean root directory of that suite of Debian (roots.sh), which needs it in any case. What the tree contains but git
# ignores is left out. The packages are checked by lintian, and replace those in DIRECTORY (default: build-deb, and the
# suite below it if one is given). With --twice they are built again elsewhere, with another umask, time zone, locale and
# home, and have to be the same to the last bit.
#
# With --arch, arm64 or armhf for instance, the package of the agent is built for that, by a cross compiler and without
# running tests (tests/cross.sh does), in a clean root of SUITE, by default the machine's own; it stands beside those
# of other architectures there. erlang-epmdns is for all of them.

set -u
tree=$(cd "$(dirname "$0")/.." && pwd) || exit 1
# shellcheck source=packaging/lib/install-deps.sh
. "$tree/packaging/lib/install-deps.sh"
# shellcheck source=packaging/lib/roots.sh
. "$tree/packaging/lib/roots.sh"

usage()
{
	complain "$*; usage: build-deb.sh [--suite SUITE] [--arch ARCHITECTURE] [--twice] [--output DIRECTORY]"
	exit 2
}

suite=
arch=
twice=
output=
while [ $# -gt 0 ]; do
	case $1 in
	--suite | --arch | --output)
		[ $# -ge 2 ] || usage "$1 wants a value"
		case $1 in
		--suite) suite=$2 ;;
		--arch) arch=$2 ;;
		--output) output=$2 ;;
		esac
		shift
		;;
	--twice) twice=--twice ;;
	*) usage "\"$1\" is no option" ;;
	esac
	shift
done
case $suite in *[!a-z0-9-]* | -*) usage "\"$suite\" is no suite" ;; esac
case $arch in *[!a-z0-9-]* | -*) usage "\"$arch\" is no architecture" ;; esac
own_arch=$(dpkg --print-architecture) || exit 1
if [ "$arch" = "$own_arch" ]; then
	arch=
elif [ -n "$arch" ] && [ -z "$suite" ] && [ -z "${EPMDNS_IN_ROOT:-}" ]; then
	suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
fi
output=${output:-$tree/build-deb${suite:+/$suite}}
mkdir -p "$output" && output=$(cd "$output" && pwd) || exit 1

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work" 2>/dev/null || as_root rm -rf "$work"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# copy_tree DIRECTORY: what belongs to the tree, as it is now.
copy_tree()
{
	mkdir -p "$1" || return 1
	if [ "$(git -C "$tree" rev-parse --show-toplevel 2>/dev/null)" = "$tree" ]; then
		git -C "$tree" ls-files -z --cached --others --exclude-standard
	else
		(cd "$tree" && find . -type d \( -name 'build*' -o -name .git -o -name __pycache__ \) -prune -o \
			\( -type f -o -type l \) -print0)
	fi | (cd "$tree" && tar --create --null --files-from - --ignore-failed-read) | tar --extract --directory "$1"
	[ -e "$1/packaging/debian/rules" ] || complain "cannot copy $tree"
}

# replace FILE...: the packages of an architecture, and what belongs to them, are now these.
replace()
{
	rm -f "$output"/*epmdns*_"${arch:-$own_arch}".*
	[ -n "$arch" ] || rm -f "$output"/*epmdns*_all.*
	mv -f -- "$@" "$output/"
}

if [ -n "$suite" ]; then
	install_packages debootstrap || exit 1
	root=$suite-build
	if [ -n "$arch" ]; then
		root=$suite-cross-$arch
		PACKAGES_DEB=$(packages_cross "$arch")
	fi
	# shellcheck disable=SC2086  # a list of words
	want_root "$suite${arch:+ for $arch}" "$root" "$suite" $PACKAGES_DEB || exit 1
	copy_tree "$work/tree" && mkdir "$work/output" || exit 1
	# shellcheck disable=SC2086  # a word or none
	in_root "$root" "$work" env TMPDIR=/mnt EPMDNS_IN_ROOT=yes \
		tree/packaging/build-deb.sh $twice ${arch:+--arch "$arch"} --output output || exit 1
	as_root chown -R "$(id -u):$(id -g)" "$work"
	replace "$work/output"/*
	exit
fi

# prepare DIRECTORY: a source package's tree. The release of Debian is part of the version, so that packages of
# another one are other packages, and a newer one's are newer.
prepare()
{
	copy_tree "$1" && mv "$1/packaging/debian" "$1/debian" || return 1
	release=$(. /etc/os-release && echo "${ID}${VERSION_ID:-}")
	sed -i "1 s/(\([^)]*\))/(\1+$(echo "$release" | sed 's/^debian/deb/'))/" "$1/debian/changelog"
}

# build DIRECTORY: the packages, which are then beside it.
build()
(
	# shellcheck disable=SC2086  # a list of words
	cd "$1" && dpkg-buildpackage --no-sign $how >"$1.log" 2>&1 </dev/null && return
	tail -n 40 "$1.log" >&2
	complain "the build failed"
)

# shellcheck disable=SC2086  # a list of words
install_packages $PACKAGES_DEB || exit 1
prepare "$work/first/epmdns" || exit 1
how=--build=binary
if [ -n "$arch" ]; then
	how="--build=any --host-arch $arch --build-profiles=cross,nocheck"
elif ! (cd "$work/first/epmdns" && dpkg-checkbuilddeps 2>/dev/null); then
	missing=$(cd "$work/first/epmdns" && dpkg-checkbuilddeps 2>&1 | sed 's/.*: //; s/([^)]*)//g')
	# shellcheck disable=SC2086  # a list of words
	install_packages $missing || exit 1
fi

build "$work/first/epmdns" || exit 1
if ! lintian --allow-root --fail-on error,warning --tag-display-limit 0 "$work/first/"*.changes; then
	complain "lintian has complaints"
	exit 1
fi
if [ -n "$twice" ]; then
	prepare "$work/again/in/another/place/epmdns" || exit 1
	(
		umask 027
		export TZ=Pacific/Kiritimati LC_ALL=C HOME=/nonexistent DEB_BUILD_OPTIONS="nocheck parallel=1"
		build "$work/again/in/another/place/epmdns"
	) || exit 1
	for package in "$work/first/"*.deb; do
		cmp "$package" "$work/again/in/another/place/${package##*/}" ||
			complain "is not reproducible: ${package##*/}" || exit 1
	done
	echo "Built twice, and the same."
fi
replace "$work/first/"*.deb "$work/first/"*.changes "$work/first/"*.buildinfo || exit 1
(cd "$output" && ls -l -- *"${arch:+_$arch}".deb)
