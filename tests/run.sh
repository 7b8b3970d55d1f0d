#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
#
# Build everything and run every test: install what is missing (root, or sudo without a password), unit and
# Erlang tests, the unit tests again under AddressSanitizer and UBSan and under valgrind, and the
# integration tests and the short form of the benchmark on simulated hosts, which need no privileges. No
# input, no arguments; may be repeated. Ends with a line `N passed, N failed`.

set -u
tree=$(cd "$(dirname "$0")/.." && pwd) || exit 1
cd "$tree" || exit 1
# shellcheck source=packaging/lib/install-deps.sh
. packaging/lib/install-deps.sh

build=$tree/build
sanitized=$tree/build-asan
records=$build/test-records
export PYTHONDONTWRITEBYTECODE=1 LC_ALL=C.UTF-8
export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1

# shellcheck disable=SC2086  # lists of words
install_packages $PACKAGES_BUILD $PACKAGES_LAB $PACKAGES_TEST || exit 1

# prepare DIRECTORY MESON-OPTION...: configure and compile. A directory that was configured before knows
# nothing of what was installed since.
prepare()
{
	directory=$1
	shift
	again=
	if [ -e "$directory/build.ninja" ]; then
		again=--reconfigure
		meson configure --clearcache "$directory" >/dev/null
	fi
	log=$(mktemp)
	# shellcheck disable=SC2086  # a word or none
	meson setup $again "$directory" -Dtests=enabled "$@" >"$log" 2>&1 || {
		cat "$log"
		rm -f "$log"
		return 1
	}
	rm -f "$log"
	ninja -C "$directory"
}

# unit DIRECTORY NAME MESON-TEST-OPTION...: run tests, and keep the record for the sum at the end.
unit()
{
	directory=$1
	name=$2
	shift 2
	rm -f "$directory/meson-logs/$name"*.json
	meson test -C "$directory" --no-rebuild --print-errorlogs --logbase "$name" "$@"
	# meson adds the name of a wrapper to that of the log
	cp "$directory/meson-logs/$name"*.json "$records/$name.json"
}

heading "Build"
prepare "$build" -Derlang=enabled -Dman=enabled || complain "the build failed" || exit 1
rm -rf "$records"
mkdir -p "$records"

# What follows mostly waits, so the next build goes on beside it.
build_log=$(mktemp)
(
	CC=clang
	export CC
	prepare "$sanitized" -Db_sanitize=address,undefined -Db_lundef=false -Derlang=disabled -Dman=disabled
) >"$build_log" 2>&1 &
builder=$!
renice -n 19 -p $builder >/dev/null

heading "Unit and Erlang tests" # which mostly wait
unit "$build" unit --num-processes 4

heading "Unit tests with AddressSanitizer and UBSan, built by clang"
if wait $builder; then
	unit "$sanitized" sanitized --suite unit
else
	cat "$build_log"
fi
rm -f "$build_log"

heading "Unit tests under valgrind"
export EPMDNS_STORM_STEPS=8000 # about the fewest in which all happens that is to; else it is half of the time
unit "$build" valgrind --suite unit --timeout-multiplier 10 \
	--wrap 'valgrind --quiet --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite'

# They mostly wait: three at a time, each on hosts of its own.
heading "Integration tests"
EPMDNS_BUILD_DIR=$build /usr/bin/python3 -m pytest -p no:cacheprovider -q --durations=5 -n 3 --dist loadfile \
	--junitxml="$records/integration.xml" tests/integration

# Pins processors, which is not to be beside tests of time.
heading "Benchmark, in its short form"
EPMDNS_BUILD_DIR=$build /usr/bin/python3 -m pytest -p no:cacheprovider -q \
	--junitxml="$records/bench.xml" tests/bench

heading "Sum"
exec /usr/bin/python3 tests/tally.py unit="$records/unit.json" sanitized="$records/sanitized.json" \
	valgrind="$records/valgrind.json" integration="$records/integration.xml" \
	bench="$records/bench.xml"
