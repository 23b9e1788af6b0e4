#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Test: a discard zeroes on all disks: on one that keeps no zeroes, and on one that knows none
# Proves: G12
# Needs: loop, on a file system that can punch holes; scsi_debug; null_blk
# Time limit: 180

# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.sh"

# a: a hole in a file reads as zeroes. b: what scsi_debug has unmapped reads as
# ones. c: null_blk takes no discards unless told to; newer ram disks do.
cluster_up 3 16 disk=loop up=0
disk_kind=scsi
disks_prepare
DISK[b]=$(disk_new b 1) || bail "no disk for b"
disk_kind=null
disks_prepare
DISK[c]=$(disk_new c 2) || bail "no disk for c"
write_conf "$RES" "$UUID" 7900
queue() { cat "/sys/block/$(basename "$(readlink -f "$1")")/queue/$2"; }

ok "b's disk takes discards" test "$(queue "${DISK[b]}" discard_max_bytes)" -gt 0
must "and it is written" dd if=/dev/urandom of="${DISK[b]}" bs=1M count=1 oflag=direct
must "then discarded" blkdiscard "${DISK[b]}"
refused "what it has discarded is no zeroes" differ cmp -n 1048576 "${DISK[b]}" /dev/zero
same "c's disk takes none" 0 "$(queue "${DISK[c]}" discard_max_bytes)"

for node in "${NODES[@]}"; do
	must "$node comes up" node_up "$node"
done
must "all are connected" wait_for 20 "connections" all_connected

# whole NODE: a discard of all that the Primary's device has
whole() {
	local dev
	dev=$(device "$1")
	must "data is written all over, on $1" dd if=/dev/urandom of="$dev" bs=1M oflag=direct \
		count=$(($(device_size "$1") >> 20))
	ok "the whole device is discarded" blkdiscard "$dev"
	ok "it reads as zeroes" cmp -n "$(device_size "$1")" "$dev" /dev/zero
	ok "all copies are equal" copies_equal
}

must "a becomes Primary" ditto a promote "$RES" --force
must "all are in sync" wait_sync a
whole a
must "pieces are discarded" fio --name=pieces --filename="$(device a)" --rw=randtrim --bs=12k \
	--ioengine=sync --direct=1 --io_size=4m --size="$(device_size a)" --randseed=7
ok "all copies are equal" copies_equal
must "a is demoted" ditto a demote "$RES"
must "b is promoted" ditto b promote "$RES"
must "all are in sync" wait_sync b
whole b
must "b is demoted" ditto b demote "$RES"
must "c is promoted" ditto c promote "$RES"
must "all are in sync" wait_sync c
refused "a device whose own disk takes no discards takes none" 'not supported' \
	blkdiscard "$(device c)"
must "data is written there" dd if=/dev/urandom of="$(device c)" bs=1M count=4 oflag=direct
ok "but zeroes it" blkdiscard --zeroout --length 4M "$(device c)"
ok "which are read" cmp -n 4194304 "$(device c)" /dev/zero
ok "all copies are equal" copies_equal
