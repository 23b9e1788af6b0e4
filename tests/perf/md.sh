# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# md raid1 of a disk and of one that nbd-server exports over loopback. Reads stay
# local (--write-mostly). On ram disks with a write-intent bitmap; the wide disk
# could not keep one, so there it has none, to its advantage. nbd-server answers
# from the page cache: that too is to its advantage.
#
# shellcheck disable=SC2034,SC2154 # variables of guest.sh and its other parts

md_count=0
declare -A md_remote	# by kind: the disk that is exported

md_load() {
	local program
	for program in nbd-server nbd-client mdadm; do
		command -v $program >/dev/null || die "$program is missing: scripts/setup bench installs it"
	done
	modprobe nbd nbds_max=4
	modprobe -a md_mod raid1
	export MDADM_NO_UDEV=1
	# No limit on the speed of its resync.
	echo 4000000 >/proc/sys/dev/raid/speed_limit_max
	echo 4000000 >/proc/sys/dev/raid/speed_limit_min
}

md_tool() { mdadm "$@" >"$work/said" 2>&1 || die "mdadm $*"; }

# md_export KIND DISK: as /dev/nbd$md_count
md_export() {
	local conf=$work/nbd-$1.conf port=$((10809 + md_count))
	printf '[generic]\nlistenaddr = 127.0.0.1\nport = %d\n' $port >"$conf"
	printf '[bench]\nexportname = %s\nflush = true\nfua = true\n' "$2" >>"$conf"
	nbd-server -C "$conf" -p "$work/nbd-$1.pid" >"$work/said" 2>&1 || die "nbd-server"
	nbd-client -N bench 127.0.0.1 $port "/dev/nbd$md_count" >"$work/said" 2>&1 ||
		die "nbd-client"
}

md_up() {
	local disk remote nbd=/dev/nbd$md_count md=/dev/md$md_count
	disk_new disk "bench-md-$1" "$1"
	disk_new remote "bench-md-$1-remote" "$1"
	md_export "$1" "$remote"
	if [[ $1 == ram ]]; then
		md_tool --create "$md" --run --force --level=1 --raid-devices=2 --metadata=1.0 \
			--bitmap=internal --assume-clean "$disk" --write-mostly "$nbd"
	else
		md_tool --build "$md" --run --force --level=1 --raid-devices=2 \
			--assume-clean "$disk" --write-mostly "$nbd"
	fi
	device[md/$1]=$md
	md_remote[$1]=$remote
	md_count=$((md_count + 1))
}

# md_resync DEVICE: of the remote disk, all of it; prints MiB/s
md_resync() {
	local nbd=/dev/nbd${1#/dev/md} size t
	size=$(blockdev --getsize64 "$1")
	md_tool "$1" --fail "$nbd"
	md_tool "$1" --remove "$nbd"
	md_tool --zero-superblock "$nbd"
	t=$(now_us)
	md_tool "$1" --add --write-mostly "$nbd"
	# Says 1 when it has ended before one looks.
	mdadm --wait "$1" >"$work/said" 2>&1 || true
	t=$(($(now_us) - t))
	[[ $(<"/sys/block/${1#/dev/}/md/degraded") == 0 ]] || die "$1 is not whole again"
	mib_per_s "$size" "$t"
}
