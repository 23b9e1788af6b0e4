#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Test: verify finds exactly the differences that were planted
# Proves: G2, G3, G8
# Needs: brd, dm-delay
# Time limit: 180

# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.sh"

need_module dm_delay
cluster_ready 3 16 disk=dm
must "data is written" dd if=/dev/urandom of="$DEV" bs=1M count=8 oflag=direct
ok "at first it finds nothing" ditto a verify "$RES" --wait

# plant NODE BLOCK COUNT: other bytes under the module's feet, in blocks of 4 KiB
plant() {
	dd if=/dev/urandom of="${DISK[$1]}" bs=4k seek="$2" count="$3" \
		conv=notrunc oflag=direct status=none
}
plant b 0 1
plant b 1000 3
plant c 1500 2
# A single byte in an otherwise equal block
dd if="${DISK[c]}" of="$WORK/block" bs=4k skip=2000 count=1 iflag=direct status=none
printf '\xff\x00' | dd of="$WORK/block" bs=1 seek=77 conv=notrunc status=none
dd if="$WORK/block" of="${DISK[c]}" bs=4k seek=2000 count=1 oflag=direct status=none

ok "the disks differ now" not backing_equal
ditto a pause-sync "$RES"
refused "verify says so" 'differ' ditto a verify "$RES" --wait
cp "$WORK/out" "$WORK/report"
same "four blocks of b are counted" $((4 * 4096)) "$(field a peers.b.verify-errors)"
same "three blocks of c are" $((3 * 4096)) "$(field a peers.c.verify-errors)"
same "b's are listed" "0 4096 4096000 12288" \
	"$(fields a "$RES" 'peers.b.verify-ranges.*.offset' 'peers.b.verify-ranges.*.length' |
		paste -sd ' ' | awk '{ print $1, $3, $2, $4 }')"
ok "and printed" grep -q 'at byte 4096000: 12288 bytes' "$WORK/report"
same "none of c's is among b's" "6144000 8192 8192000 4096" \
	"$(fields a "$RES" 'peers.c.verify-ranges.*.offset' 'peers.c.verify-ranges.*.length' |
		paste -sd ' ' | awk '{ print $1, $3, $2, $4 }')"
# Of 16 KiB each: blocks 0; 1000 to 1002, in one; 1500 and 1501, in one; 2000.
same "they are out of sync, as whole bits" $((2 * 16384)) "$(field a peers.b.out-of-sync)"
same "as c's are" $((2 * 16384)) "$(field a peers.c.out-of-sync)"
ok "b is no longer UpToDate" not is a peers.b.disk UpToDate
ditto a resume-sync "$RES"
must "they are repaired" wait_sync a
ok "nothing is found the second time, and the disks are equal" copies_equal

# What the disk below a holds grows old from its first error on: reads come back late
# from it, and no write gets there. That says nothing of b and c, which have it all,
# but for a block of b's that was found to differ before: no user may ever read that.
what="the Primary's disk fails under a verify"
sectors=$(blockdev --getsz "${DISK[a]}")
ram=$(dmsetup table dt-a | awk '{ print $4 }')
must "$what: a disk that fails" dmsetup create dt-error --table "0 $sectors error"
error=$(dmsetup info -c --noheadings -o major,minor --separator : dt-error)
early=4096
beginning() { dd if="$DEV" bs=64k count=1 iflag=direct status=none | cksum; }
right=$(beginning)
sent=$(field a peers.b.resync-sent)
must "$what: b differs at the beginning" plant b 0 1
must "$what: reads are late, but for the first, and writes fail" dm_table a \
	"0 $early delay $ram 0 0 $error 0 0" \
	"$early $((sectors - early)) delay $ram $early 3000 $error $early 0"
must "$what: it begins" ditto a verify "$RES"
differs() { is a peers.b.verify-errors 4096; }
must "$what: that is found in time" wait_for 10 "a difference" differs
must "$what: all else is written to" dd if=/dev/urandom of="$DEV" bs=1M seek=1 count=11 \
	oflag=direct status=none
ok "$what: the disk has failed" is a disk.state Failed
verified() { not is a peers.b.replication Verify && not is a peers.c.replication Verify; }
must "$what: it ends" wait_for 30 "the end of the verify" verified
same "$what: b is said to differ there, and nowhere else" 4096 "$(field a peers.b.verify-errors)"
same "$what: c is not said to differ" 0 "$(field a peers.c.verify-errors)"
for _ in {1..4}; do
	same "$what: users read what they have written" "$right" "$(beginning)"
done
# It leaves the roster for that, and comes back.
repaired() {
	is a roster 6 && is a peers.b.disk UpToDate && (($(field a peers.b.resync-sent) > sent))
}
must "$what: b gets from c what it differs in" wait_for 20 "b UpToDate" repaired
ok "$what: c follows" is a peers.c.replication Established
ok "$what: writes go on" dd if=/dev/urandom of="$DEV" bs=1M count=1 oflag=direct status=none
# Reads that are on their way to it would keep it open: they return with the table.
must "$what: its disk is quick again" dm_table a "0 $sectors error"
