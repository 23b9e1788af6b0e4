# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# The disks that everything is measured on.
#
# ram:  brd. Written once from end to end before it is used: brd takes its pages
#       when they are first written, and who came first would pay for that.
# wide: 16 GiB, for which no guest has the memory. brd would do if little of it
#       is touched, but then nearly each write touches a page for the first
#       time, and what is measured is the allocator. So null_blk without memory:
#       16 GiB and 256 MiB of it cost the same, and what differs is the work of
#       the layer above. It is used as brd is, by bios (queue_mode 0) that end
#       where they were submitted. Metadata, which must stay, is on a ram disk.
#
# shellcheck disable=SC2034,SC2154 # variables of guest.sh and its other parts

disk_ram_mib=264	# 256, and room for metadata behind it
disk_wide_mib=16384
disk_count=0

# disk_load N: so many ram disks at most; they take memory once they are used
disk_load() {
	modprobe brd rd_nr="$1" rd_size=$((disk_ram_mib * 1024)) max_part=0
	modprobe null_blk nr_devices=0
}

# disk_bare VARIABLE: a ram disk for metadata
disk_bare() {
	printf -v "$1" '/dev/ram%d' "$disk_count"
	disk_count=$((disk_count + 1))
	[[ -b ${!1} ]] || die "there are too few ram disks"
}

# Something that is not zeroes, which a resync would not send
disk_pattern() {
	local i
	head -c 8M /dev/urandom >"$work/8m"
	for ((i = 0; i < disk_ram_mib; i += 8)); do
		cat "$work/8m"
	done >"$work/pattern"
}

# disk_ram VARIABLE: a ram disk that is written already
disk_ram() {
	disk_bare "$1"
	[[ -e $work/pattern ]] || disk_pattern
	dd if="$work/pattern" of="${!1}" bs=1M oflag=direct status=none
}

# disk_wide VARIABLE NAME
disk_wide() {
	local dir=/sys/kernel/config/nullb/$2
	mkdir "$dir"
	echo 0 >"$dir/queue_mode"
	echo 0 >"$dir/irqmode"
	echo 0 >"$dir/memory_backed"
	echo 512 >"$dir/blocksize"
	echo $disk_wide_mib >"$dir/size"
	echo 1 >"$dir/power"
	printf -v "$1" '/dev/nullb%d' "$(<"$dir/index")"
	# Newer kernels name it after the directory.
	[[ ! -b /dev/$2 ]] || printf -v "$1" '/dev/%s' "$2"
}

# disk_new VARIABLE NAME KIND
disk_new() {
	case $3 in
	ram) disk_ram "$1" ;;
	wide) disk_wide "$1" "$2" ;;
	esac
}
