#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
#
# Build for other architectures, and test that: cross.sh [[SUITE/]ARCHITECTURE...]
#
# ARCHITECTURE is arm64 or armhf, SUITE one of Debian's, bookworm if none is given. By default both in bookworm; on
# trixie/armhf time has 64 bits and a long 32, so do not forget it after changes to what keeps time. Each gets a root
# directory with a cross compiler, made by debootstrap (which needs root, or sudo without a password) in
# ${XDG_CACHE_HOME:-~/.cache}/epmdns/roots and kept; one that cannot be fetched is skipped. What is built is in
# build-cross. The programs are run by qemu, nothing of which is set up on the machine: unit tests, those of
# the front and of the command line, and some of the lab's, where agents for that architecture serve the machine's own
# Erlang. Last the Debian package is built. Builds for the machine first; EPMDNS_BUILD_DIR names a build to use
# instead. Ends with a line `N passed, N failed'.

set -u
tree=$(cd "$(dirname "$0")/.." && pwd) || exit 1
cd "$tree" || exit 1
# shellcheck source=packaging/lib/install-deps.sh
. packaging/lib/install-deps.sh
# shellcheck source=packaging/lib/roots.sh
. packaging/lib/roots.sh

export PYTHONDONTWRITEBYTECODE=1 LC_ALL=C.UTF-8
export EPMDNS_STORM_STEPS=8000 # about the fewest in which all happens that is to

# emulator_of ARCHITECTURE: the program that runs its programs.
emulator_of()
{
	case $1 in
	arm64) echo qemu-aarch64-static ;;
	armhf) echo qemu-arm-static ;;
	*) complain "there is no architecture $1; there are arm64 and armhf" ;;
	esac
}

# compile NAME ARCHITECTURE EMULATOR: in the root NAME, all that there is, into build-cross/NAME.
compile()
{
	mkdir -p "build-cross/$1" || return 1
	printf '[binaries]\nexe_wrapper = '\''%s'\''\n' "$3" >"build-cross/$1.emulator"
	if [ ! -e "build-cross/$1/build.ninja" ]; then
		in_root "$1" "$tree" meson env2mfile --cross --debarch "$2" -o "build-cross/$1.cross" &&
			in_root "$1" "$tree" meson setup --cross-file "build-cross/$1.cross" \
				--cross-file "build-cross/$1.emulator" "build-cross/$1" -Dtests=enabled \
				-Derlang=disabled -Dman=disabled || return 1
	fi
	in_root "$1" "$tree" ninja -C "build-cross/$1"
}

# stand_in NAME EMULATOR: build-cross/NAME/emulated is a build directory for the tests. Its programs are scripts, which
# run those of NAME with the libraries there, by an emulator that has the program's name, for that is what the process
# is called. The rest is the machine's.
stand_in()
{
	emulated=$tree/build-cross/$1/emulated
	mkdir -p "$emulated/by" || return 1
	for program in agent/epmdnsd agent/epmdns agent/epmdns-discovery tests/unit/discovery/fake-discovery; do
		script=$emulated/$program
		by=$emulated/by/${program##*/}
		mkdir -p "$(dirname "$script")" && ln -sf "$ROOTS/$1/usr/bin/$2" "$by" &&
			printf '#!/bin/sh\nexec "%s" -L "%s" "%s" "$@"\n' "$by" "$ROOTS/$1" \
				"$tree/build-cross/$1/$program" >"$script" &&
			chmod 755 "$script" || return 1
	done
	ln -sfn "$EPMDNS_BUILD_DIR/erlang" "$emulated/erlang" && ln -sfn "$EPMDNS_BUILD_DIR/tests/bench" "$emulated/tests/bench"
}

# unit NAME: the unit tests, in the root.
unit()
{
	as_root rm -f "build-cross/$1/meson-logs/testlog.json"
	in_root "$1" "$tree" env EPMDNS_STORM_STEPS=$EPMDNS_STORM_STEPS \
		meson test -C "build-cross/$1" --no-rebuild --print-errorlogs --suite unit --timeout-multiplier 4
	cp "build-cross/$1/meson-logs/testlog.json" "$records/$1-unit.json"
}

# programs NAME RECORD PYTEST-ARGUMENT...: tests that run the programs.
programs()
{
	stand_in=$tree/build-cross/$1/emulated
	record=$records/$1-$2.xml
	shift 2
	EPMDNS_BUILD_DIR=$stand_in /usr/bin/python3 -m pytest -p no:cacheprovider -q --durations=5 \
		--junitxml="$record" "$@"
}

if [ $# -eq 0 ]; then
	set -- arm64 armhf
fi
for target in "$@"; do
	case $target in
	-* | *[!a-z0-9/-]* | */*/*) complain "$target is no target" || exit 2 ;;
	esac
	emulator_of "${target#*/}" >/dev/null || exit 2
done

# shellcheck disable=SC2086  # lists of words
install_packages $PACKAGES_BUILD $PACKAGES_LAB $PACKAGES_TEST debootstrap || exit 1

if [ -z "${EPMDNS_BUILD_DIR:-}" ]; then
	export EPMDNS_BUILD_DIR="$tree/build"
	[ -e build/build.ninja ] || meson setup build -Dtests=enabled -Derlang=enabled || exit 1
	ninja -C build || complain "the build failed" || exit 1
fi
trap 'as_root chown -R "$(id -u):$(id -g)" build-cross' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
records=$tree/build-cross/records
rm -rf "$records"
mkdir -p "$records"

sums=
for target in "$@"; do
	case $target in
	*/*) suite=${target%/*} ;;
	*) suite=bookworm ;;
	esac
	arch=${target#*/}
	name=$suite-cross-$arch
	emulator=$(emulator_of "$arch")
	heading "$arch, $suite"
	# shellcheck disable=SC2046  # a list of words
	want_root "$target" "$name" "$suite" $(packages_cross "$arch")
	case $? in
	0) ;;
	2)
		echo "SKIPPED: $target"
		continue
		;;
	*)
		sums="$sums $name=$records/none.xml" # missing, and so a failure
		continue
		;;
	esac
	sums="$sums $name-unit=$records/$name-unit.json $name-programs=$records/$name-programs.xml"
	sums="$sums $name-lab=$records/$name-lab.xml $name-package=$records/$name-package.xml"
	if compile "$name" "$arch" "$emulator" && stand_in "$name" "$emulator"; then
		unit "$name"
		programs "$name" programs -n 3 tests/front tests/cli
		programs "$name" lab -n 2 tests/integration/test_ping.py
		EPMDNS_CROSS_SUITE=$suite EPMDNS_CROSS_ARCH=$arch EPMDNS_CROSS_RUN="$ROOTS/$name/usr/bin/$emulator -L $ROOTS/$name" \
			programs "$name" package tests/cross
	else
		complain "the build for $target failed"
	fi
done

heading "Sum"
# shellcheck disable=SC2086  # a list of words
/usr/bin/python3 tests/tally.py $sums
