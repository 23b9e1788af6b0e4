#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Test: disks of other block sizes and of other sizes: taken where that can be, else refused at both ends
# Proves: G1, G12
# Needs: loop, xfs
# Time limit: 240

# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.sh"
# shellcheck source=fs-lib.sh
source "$selftests/fs-lib.sh"

need mkfs.xfs

# other_disk NAME [SIZE]: node c has another disk from now on, of $block
other_disk() {
	losetup -d "${DISK[c]}"
	DISK[c]=$(disk_new "c-$1" 2 "${2:-$disk_size}") || return 1
	write_conf "$RES" "$UUID" 7900
}
block_size() { field "$1" device.block-size; }
standalone() { is "$1" "peers.$2.connection" StandAlone; }
# both_refuse A C REGEX-A REGEX-C: and say why
both_refuse() {
	ok "$1 gives $2 up" wait_for 20 "$1 is StandAlone" standalone "$1" "$2"
	ok "$2 gives $1 up" wait_for 20 "$2 is StandAlone" standalone "$2" "$1"
	ok "$1 says why" shows "$3" field "$1" "peers.$2.reason"
	ok "$2 says why" shows "$4" field "$2" "peers.$1.reason"
}

cluster_up 3 320 disk=loop up=2
block=4096
must "c has a disk with blocks of 4 KiB" other_disk 4k
must "a becomes Primary" ditto a promote "$RES" --force
DEV=$(device a)
must "b is in sync" wait_for 60 "b is UpToDate" is a peers.b.disk UpToDate
same "the device has blocks of 512 bytes" 512 "$(blockdev --getss "$DEV")"

# In use: what was made for 512 bytes could not go on.
must "a file system with sectors of 512 bytes" mkfs.xfs -q -f -s size=512 "$DEV"
mkdir "$WORK/mnt"
must "it is mounted" mount "$DEV" "$WORK/mnt"
must "c comes up" node_up c
both_refuse a c 'peer.s disk has blocks of 4096 bytes, this device is in use with 512: stop its users' \
	'this disk has blocks of 4096 bytes, the Primary.s device is in use with 512: stop its users'
ok "the kernel's log says so, too" shows "ditto $RES c: .*blocks of 4096 bytes" dmesg
ok "b follows all the while" is a peers.b.disk UpToDate
same "the device is what it was" 512 "$(blockdev --getss "$DEV")"
must "it is unmounted" umount "$WORK/mnt"

# Not in use: it takes the largest, everywhere, and keeps it.
must "a wants c again" ditto a connect "$RES" c
must "c wants a again" ditto c connect "$RES" a
must "all are in sync" wait_sync a
same "the device has blocks of 4 KiB" 4096 "$(blockdev --getss "$DEV")"
same "status says so" 4096 "$(block_size a)"
ok "b's has taken them over" wait_for 10 "b has them" is b device.block-size 4096
same "c's has them anyway" 4096 "$(block_size c)"
refused "half a block is refused" 'Invalid argument' \
	dd if=/dev/zero of="$DEV" bs=512 count=1 oflag=direct
must "data is written" dd if=/dev/urandom of="$DEV" bs=4k count=1000 seek=100 oflag=direct conv=fsync
ok "all copies are equal" copies_equal

must "c goes" ditto c down "$RES"
must "a is demoted" ditto a demote "$RES"
must "b is promoted" ditto b promote "$RES"
same "b's device has the same blocks" 4096 "$(blockdev --getss "$(device b)")"
must "b goes" ditto b down "$RES"
must "a goes" ditto a down "$RES"
must "a returns" ditto a up "$RES"
same "a has not forgotten" 4096 "$(block_size a)"
must "b returns" ditto b up "$RES"
must "b is promoted" ditto b promote "$RES"
must "c returns" ditto c up "$RES"
must "all are in sync" wait_sync b

# A smaller disk is refused, a larger one can be made as small.
size=$(device_size b)
must "c goes again" ditto c down "$RES"
must "c has a smaller disk" other_disk small 312
must "c comes up with it" node_up c
smaller=$(device_size c)
ok "it is smaller" test "$smaller" -lt "$size"
both_refuse b c "peer has $smaller bytes of data, this node $size" \
	"peer has $size bytes of data, this node $smaller"
must "c goes once more" ditto c down "$RES"
must "c has a larger disk" other_disk large 328
refused "which holds less than it is told to" "has room for [0-9]* bytes of data, --size wants" \
	ditto c create-md "$RES" --size 512M
must "and is told to be as small" ditto c create-md "$RES" --size "$size"
must "c comes up with that" ditto c up "$RES"
must "b wants c again" ditto b connect "$RES" c
must "all are in sync" wait_sync b
ok "all copies are equal" copies_equal

# An administrator who knows what will come.
must "c goes for good" ditto c down "$RES"
block=512
must "c has blocks of 512 bytes" other_disk 512
must "it is to be ready for others" ditto c create-md "$RES" --block-size 4K
must "c comes up with it" ditto c up "$RES"
same "it is" 4096 "$(block_size c)"
