# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# DRBD 8.4: two minors of one kernel, connected over loopback. The buffers are
# larger than its defaults, which were too small for it to be at its best, and
# its resync may go as fast as it can.
#
# shellcheck disable=SC2034,SC2154 # variables of guest.sh and its other parts

drbdsetup=/lib/drbd/drbdsetup-84
drbd_disk=(--c-max-rate=4194304 --c-fill-target=100000)
drbd_net=(--protocol=C --max-buffers=8000 --max-epoch-size=8000 --sndbuf-size=2M)
drbd_minor=0

drbd() { "$drbdsetup" "$@" >"$work/said" 2>&1 || die "drbdsetup $*"; }

drbd_load() {
	[[ -x $drbdsetup ]] || die "$drbdsetup is missing: scripts/setup bench installs it"
	mkdir -p /run/lock /var/lib/drbd
	modprobe drbd minor_count=16 usermode_helper=disabled
}

# drbd_node MINOR KIND: a resource and its minor, named and numbered so
drbd_node() {
	local minor=$1 disk meta where=internal index=internal
	disk_new disk "bench-drbd-$minor" "$2"
	meta=$disk
	[[ $2 == ram ]] || { disk_bare meta; where=flex-external index=flexible; }
	drbdmeta --force "$minor" v08 "$meta" "$where" create-md >"$work/said" 2>&1 ||
		die "drbdmeta $minor"
	drbd new-resource "r$minor"
	drbd new-minor "r$minor" "$minor" 0
	drbd attach "$minor" "$disk" "$meta" "$index" "${drbd_disk[@]}"
}

# drbd_pair KIND: two minors that are connected; $pair is the first, the Primary
drbd_pair() {
	pair=$drbd_minor
	local other=$((pair + 1)) here=127.0.0.1
	drbd_minor=$((drbd_minor + 2))
	drbd_node "$pair" "$1"
	drbd_node "$other" "$1"
	drbd connect "r$pair" "$here:$((7000 + pair))" "$here:$((7000 + other))" "${drbd_net[@]}"
	drbd connect "r$other" "$here:$((7000 + other))" "$here:$((7000 + pair))" "${drbd_net[@]}"
	drbd wait-connect "$pair" --wfc-timeout=30
	# Whatever is on the disks counts as equal.
	drbd new-current-uuid "$pair" --clear-bitmap
	drbd primary "$pair"
}

drbd_up() {
	local pair
	drbd_pair "$1"
	device[drbd/$1]=/dev/drbd$pair
}

drbd-absent_up() {
	local pair
	drbd_pair "$1"
	device[drbd-absent/$1]=/dev/drbd$pair
	drbd disconnect "127.0.0.1:$((7000 + pair))" "127.0.0.1:$((7001 + pair))"
	drbd down "r$((pair + 1))"
}

# KiB that a minor has received
drbd_received() {
	awk -v minor="$1:" '$1 == minor { getline; split($2, nr, ":"); print nr[2] }' /proc/drbd
}

# drbd_resync DEVICE: the other minor's copy, all of it; prints MiB/s
drbd_resync() {
	local minor=${1#/dev/drbd} size before got t
	local other=$((minor + 1))
	size=$(blockdev --getsize64 "$1")
	before=$(drbd_received "$other")
	t=$(now_us)
	drbd invalidate "$other"
	drbd wait-sync "$other"
	t=$(($(now_us) - t))
	got=$((($(drbd_received "$other") - before) * 1024))
	((got >= size)) || die "$1: $got bytes were received, not $size"
	mib_per_s "$size" "$t"
}
