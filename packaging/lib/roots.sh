# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
# shellcheck shell=sh
#
# Root directories with another Debian in them, or a clean one: made once by debootstrap, which needs root or sudo
# without a password, and kept. Sourced after install-deps.sh by those that build or test in them; removed by
# removing the directory. Trees that want other packages in one make it anew, each for itself: not at the same time.

ROOTS=${XDG_CACHE_HOME:-$HOME/.cache}/epmdns/roots

# mirror: where packages come from, as apt has it; else debootstrap's own choice.
mirror()
{
	# shellcheck disable=SC2016  # apt's variable
	apt-get indextargets --format '$(REPO_URI)' | grep -m 1 '/debian/*$'
}

# in_root NAME DIRECTORY COMMAND...: run it as root in $ROOTS/NAME, where DIRECTORY is seen as /mnt and current.
# Mounts and processes are gone with it.
in_root()
{
	in_root_name=$1
	in_root_directory=$2
	shift 2
	# shellcheck disable=SC2016  # expanded by the inner shell
	as_root env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
		unshare --mount --pid --fork --kill-child sh -c '
			root=$1 directory=$2
			shift 2
			mount -t proc proc "$root/proc" && mount --bind "$directory" "$root/mnt" &&
				exec chroot "$root" sh -c "cd /mnt && exec \"\$@\"" sh "$@"' \
		sh "$ROOTS/$in_root_name" "$in_root_directory" "$@"
}

# fill_root NAME PACKAGE[:ARCHITECTURE]...: install these.
fill_root()
{
	fill_root_name=$1
	shift
	# shellcheck disable=SC2016  # expanded by the inner shell
	in_root "$fill_root_name" "$ROOTS" sh -c '
		for package in "$@"; do
			case $package in
			*:*) dpkg --add-architecture "${package#*:}" || exit 1 ;;
			esac
		done
		apt-get update -q && apt-get install -q -y --no-install-recommends "$@" && apt-get clean' sh "$@"
}

# configure_root DIRECTORY: what a power cut would spoil is made anew, and what a mirror has of a suite is good enough,
# however long it has not been renewed.
configure_root()
{
	echo force-unsafe-io | as_root tee "$1/etc/dpkg/dpkg.cfg.d/roots" >/dev/null &&
		echo 'Acquire::Check-Valid-Until "false";' | as_root tee "$1/etc/apt/apt.conf.d/roots" >/dev/null
}

# make_root NAME SUITE PACKAGE...: $ROOTS/NAME, with these packages and what they need; PACKAGE:ARCHITECTURE is of one
# that is not the machine's. Return: 0 it is there, 1 it cannot be made, 2 it cannot be fetched; $ROOTS/NAME.log then
# says why. What is made has another name until it is complete, and says what is in it: one that lacks what is wanted
# now is made anew.
make_root()
(
	root=$ROOTS/$1
	debian=$2
	shift 2
	wanted=$(echo "$@" | tr ' ' ,)
	mkdir -p "$ROOTS" || exit 1
	exec 9>"$root.lock"
	flock 9
	if [ "$(cat "$root/packages" 2>/dev/null)" = "$wanted" ]; then
		exit 0
	fi
	script= # none: the suite's own
	if [ ! -e "/usr/share/debootstrap/scripts/$debian" ]; then
		script=sid
	fi
	as_root rm -rf --one-file-system "$root" "$root.new" || exit 1
	# Its mounts are to be gone with it, however it ends. Only apt knows what packages of all kinds need: debootstrap
	# --include fails with some.
	if ! as_root unshare --mount debootstrap --variant=minbase "$debian" "$root.new" "$(mirror)" $script \
		>"$root.log" 2>&1 </dev/null ||
		! configure_root "$root.new" ||
		! fill_root "${root##*/}.new" "$@" >>"$root.log" 2>&1 </dev/null; then
		grep -q "^E: \(Failed getting release file\|Couldn't download\|Failed to fetch\)" "$root.log" && exit 2
		tail -n 20 "$root.log"
		exit 1
	fi
	rm -f "$root.log"
	as_root touch "$root.new/etc/hosts" && # where the lab can put its own
		echo "$wanted" | as_root tee "$root.new/packages" >/dev/null &&
		as_root mv "$root.new" "$root"
)

# want_root WHAT NAME SUITE PACKAGE...: make_root, and say why there is none for WHAT. Return: the same.
want_root()
{
	want_root_what=$1
	shift
	make_root "$@"
	case $? in
	0) return 0 ;;
	2)
		complain "$want_root_what cannot be fetched: $(grep -m 1 '^E:' "$ROOTS/$1.log")"
		return 2
		;;
	*) complain "there is no root for $want_root_what" ;;
	esac
}
