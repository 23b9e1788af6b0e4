# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# The disk as it is, and dm-linear on the same disk.
#
# shellcheck disable=SC2034,SC2154 # variables of guest.sh and its other parts

# raw_up KIND
raw_up() {
	local disk
	disk_new disk "bench-raw-$1" "$1"
	device[raw/$1]=$disk
}

# linear_up KIND
linear_up() {
	local disk
	[[ ${device[raw/$1]-} ]] || raw_up "$1"
	disk=${device[raw/$1]}
	modprobe dm_mod
	dmsetup create "bench-$1" --table "0 $(blockdev --getsz "$disk") linear $disk 0"
	dmsetup mknodes "bench-$1" >"$work/said"
	device[linear/$1]=/dev/mapper/bench-$1
}
