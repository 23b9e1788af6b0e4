#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Test: a block that a disk cannot read is read from a peer, and written anew
# Proves: G2, G8, G12
# Needs: brd, dm, dm-delay, nft
# Time limit: 480
#
# Between the sectors that are sound a disk has some of which reads go to a device
# that fails them, while writes go where they should: what is written anew is seen
# when the disk is made sound again.

# shellcheck source=tests/selftests/lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source=tests/selftests/fault-lib.sh
source "$selftests/fault-lib.sh"

need dmsetup nft
need_module dm_delay
SIZE=64
sectors=$((SIZE * 2048))
bad=81920	# 40 MiB: a block of 4 KiB that the writer leaves alone

# NODE's disk cannot read the sectors [FROM, TO), FROM not 0; or not even write them
cannot_read() {
	local node=$1 from=$2 to=$3 ram
	ram=/dev/ram$(node_id "$node")
	dm_table "$node" "0 $from linear $ram 0" \
		"$from $((to - from)) delay /dev/mapper/dt-bad $from 0 $ram $from 0" \
		"$to $((sectors - to)) linear $ram $to"
}
dead_block() {
	local node=$1 from=$2 to=$3 ram
	ram=/dev/ram$(node_id "$node")
	dm_table "$node" "0 $from linear $ram 0" "$from $((to - from)) error" \
		"$to $((sectors - to)) linear $ram $to"
}
sound() { dm_table "$1" "0 $sectors linear /dev/ram$(node_id "$1") 0"; }
original() { dd if="$WORK/data" bs=512 skip="$1" count="$2" status=none; }
# What NODE's disk holds there, whatever it can read
has_block() { cmp <(dd if="/dev/ram$(node_id "$1")" bs=512 skip="$bad" count=8 iflag=direct status=none) <(original "$bad" 8); }
spoil() { dd if=/dev/urandom of="/dev/ram$(node_id "$1")" bs=4k seek=$((bad / 8)) count=1 oflag=direct status=none; }
read_block() { cmp <(dd if="$1" bs=4k skip=$((bad / 8)) count=1 iflag=direct status=none) <(original "$bad" 8); }
counts() { (($(field "$1" "$2") >= $3)); }

cluster_ready 3 $SIZE disk=dm
dd if=/dev/urandom of="$WORK/data" bs=1M count=56 status=none
must "there is data" dd if="$WORK/data" of="$DEV" bs=1M oflag=direct conv=fsync status=none
must "a disk that cannot be read" dmsetup create dt-bad --table "0 $sectors error"
dmsetup mknodes dt-bad >/dev/null
same "the kernel has the option" repair "$(field a options.on-read-error)"

what="a block of the Primary"
must "$what: is lost" spoil a
must "$what: cannot be read" cannot_read a "$bad" $((bad + 8))
ok "$what: a reader of half of it gets the data" cmp \
	<(dd if="$DEV" bs=512 skip="$bad" count=4 iflag=direct status=none) <(original "$bad" 4)
same "$what: which is no reason to write" 0 "$(field a disk.repaired)"
ok "$what: a reader of it gets the data" read_block "$DEV"
ok "$what: it is written anew" wait_for 20 "a repair" is a disk.repaired 4096
ok "$what: the errors are counted" counts a disk.read-errors 2
ok "$what: the disk is kept" is a disk.state UpToDate
must "$what: can be read again" sound a
ok "$what: and is as it was" has_block a
ok "$what: all copies are equal" copies_equal

what="what is being written"
must "$what: cannot be read" cannot_read a 8 8192
must "$what: the load begins" acked_start "$DEV" 1024
for _ in 1 2 3 4 5 6; do
	dd if="$DEV" of=/dev/null bs=4k count=1024 iflag=direct status=none ||
		fail "$what: a reader sees an error"
done
ok "$what: much of it is written anew" counts a disk.repaired 1000000
ok "$what: the load goes on" acked_goes_on 20
must "$what: the load ends" acked_stop
ok "$what: without an error" acked_no_errors
ok "$what: what was acknowledged can be read" acked check "$DEV" "$ACKED_LOG"
must "$what: can be read again" sound a
ok "$what: what was acknowledged is there" acked check "$DEV" "$ACKED_LOG"
ok "$what: the disk is kept" is a disk.state UpToDate
ok "$what: all copies are equal" copies_equal

what="a resync"
must "$what: a block is lost" spoil a
must "$what: it cannot be read" cannot_read a "$bad" $((bad + 8))
repaired=$(field a disk.repaired)
must "$what: begins" ditto a invalidate "$RES" c
must "$what: has the block written anew, from a member" wait_for 20 "a repair" counts a \
	disk.repaired $((repaired + 4096))
ok "$what: goes on, as long as that may help" wait_for 20 "the end of it" says a c "cannot read"
must "$what: it can be read again" sound a
ok "$what: it is as it was" has_block a
must "$what: ends" wait_sync a
ok "$what: and in the new copy" has_block c
ok "$what: all copies are equal" copies_equal

what="a resync, and no other copy"
must "$what: a block cannot be read" cannot_read a "$bad" $((bad + 8))
must "$what: b is not connected" ditto a disconnect "$RES" b
must "$what: begins" ditto a invalidate "$RES" c
ok "$what: cannot end" wait_for 20 "the reason" says a c "cannot read"
ok "$what: the disk is kept" is a disk.state UpToDate
must "$what: the block can be read again" sound a
must "$what: ends" wait_for 60 "c in sync" is a peers.c.replication Established
must "$what: b is connected" ditto a connect "$RES" b
must "$what: all are in sync" wait_sync a
ok "$what: all copies are equal" copies_equal

what="a block of a Secondary"
must "$what: is lost" spoil c
must "$what: cannot be read" cannot_read c "$bad" $((bad + 8))
ok "$what: a reader there gets the Primary's" read_block "$(device c)"
ok "$what: the disk is kept" is c disk.state UpToDate
refused "$what: verify finds it" 'differ' ditto a verify "$RES" --wait
must "$what: it is resynced" wait_sync a
must "$what: can be read again" sound c
ok "$what: and is as it was" has_block c
ok "$what: all copies are equal" copies_equal

what="no other copy"
must "$what: a block cannot be read" cannot_read a "$bad" $((bad + 8))
link_cut a
ok "$what: a is alone" wait_for 20 "a alone" is a 'peers.*.connection' Connecting
refused "$what: the reader sees an error" 'error' dd if="$DEV" of=/dev/null bs=4k \
	skip=$((bad / 8)) count=1 iflag=direct
ok "$what: the disk is kept" is a disk.state UpToDate
ok "$what: other blocks can be written" dd if=/dev/urandom of="$DEV" bs=4k count=16 oflag=direct status=none
must "$what: the block can be read again" sound a
link_heal a
must "$what: all are in sync" wait_sync a
ok "$what: all copies are equal" copies_equal

what="a Primary without a disk"
must "$what: b cannot read a block" cannot_read b "$bad" $((bad + 8))
must "$what: a's disk is given up" ditto a detach "$RES" --force
for _ in 1 2 3 4; do
	read_block "$DEV" || fail "$what: a reader sees an error"
done
ok "$what: b was asked" counts b disk.read-errors 1
ok "$what: b's disk is kept" is b disk.state UpToDate
must "$what: b can read it again" sound b
must "$what: a is demoted" ditto a demote "$RES"
must "$what: c is promoted" ditto c promote "$RES"
must "$what: a lets go of its disk" ditto a detach "$RES"
must "$what: and takes it again" wait_for 20 "attach" ditto a attach "$RES"
must "$what: all are in sync" wait_sync c
DEV=$(device c)

what="it cannot be written either"
must "$what" dead_block c "$bad" $((bad + 8))
ok "$what: a reader gets the data" read_block "$DEV"
ok "$what: the disk has failed" wait_for 20 "c's disk has failed" is c disk.state Failed
ok "$what: a reader gets the data still" read_block "$DEV"
must "$what: c is demoted" ditto c demote "$RES"

what="on-read-error = detach"
for node in "${NODES[@]}"; do
	must "$what: $node goes down" ditto "$node" down "$RES"
done
must "$what: the disk is sound" sound c
sed -i 's/^on-read-error = .*/on-read-error = detach/; s/^resync-checksum = .*/resync-checksum = yes/' \
	"$CONF/$RES.conf"
for node in "${NODES[@]}"; do
	must "$what: $node comes up" ditto "$node" up "$RES"
done
must "$what: a is connected" wait_for 20 "connections of a" connected a
must "$what: a is promoted" ditto a promote "$RES"
DEV=$(device a)
must "$what: all are in sync" wait_sync a
must "$what: a block of a target is lost" spoil b
must "$what: and cannot be read" cannot_read b "$bad" $((bad + 8))
must "$what: it is to be compared" ditto a invalidate "$RES" b
must "$what: the target is in sync" wait_sync a
ok "$what: its errors are counted" counts b disk.read-errors 1
ok "$what: its disk is kept, for what is compared is written anew" is b disk.state UpToDate
must "$what: it can be read again" sound b
ok "$what: and is as it was" has_block b
ok "$what: all copies are equal" copies_equal
must "$what: a block cannot be read" cannot_read a "$bad" $((bad + 8))
ok "$what: a reader gets the data" read_block "$DEV"
ok "$what: the disk has failed" wait_for 20 "a's disk has failed" is a disk.state Failed
must "$what: the disk is sound again" sound a
