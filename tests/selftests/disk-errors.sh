#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Test: disks that fail: the device goes on with the copies that are left
# Proves: G1, G2, G7, G8
# Needs: brd, dm, nft, debugfs
# Time limit: 480
#
# A writer remembers what was acknowledged to it. While it writes, the Primary's
# disk returns errors, to writes, to reads alone, or nothing at all any more: no
# write fails, reads are served by a peer, and whoever is promoted has all of it.
# The disk returns, and gets what it missed.

# shellcheck source=tests/selftests/lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source=tests/selftests/fault-lib.sh
source "$selftests/fault-lib.sh"

need dmsetup nft
SIZE=64
sectors=$((SIZE * 2048))

# table NODE TABLE: from now on, whatever is under way
table() { DM_NOFLUSH=1 dm_table "$1" "$2"; }
fail_disk() { table "$1" "0 $sectors error"; }
# Where it was
sound_disk() { table "$1" "0 $sectors linear /dev/ram$(node_id "$1") 0"; }
# The sectors [FROM, TO) of it alone
fail_part() {
	local node=$1 from=$2 to=$3 ram
	ram=/dev/ram$(node_id "$node")
	DM_NOFLUSH=1 dm_table "$node" "0 $from linear $ram 0" "$from $((to - from)) error" \
		"$to $((sectors - to)) linear $ram $to"
}

# What a reader of the device gets is what is on NODE's disk.
reads_as() {
	local size
	size=$(device_size a)
	blockdev --flushbufs "$DEV" && compare "$size" "$DEV" "${DISK[$1]}"
}

# back NODE: down, its disk sound again, and up; then all are in sync
back() {
	must "$what: $1 goes down" ditto "$1" down "$RES"
	must "$what: $1's disk is back" sound_disk "$1"
	must "$what: $1 comes up" ditto "$1" up "$RES"
	must "$what: all are in sync" wait_sync "$2"
}

cluster_ready 3 $SIZE disk=dm
must "there is data" dd if=/dev/urandom of="$DEV" bs=1M count=48 oflag=direct conv=fsync status=none
# What is hot when the disk fails is resynced whole: let it be what the load writes.
debugging a || skip "debugfs is not mounted"
must "a's regions cool" wait_for 40 "cold regions" cold a

what="the Primary's disk"
must "$what: the load begins" acked_start "$DEV" 4096
must "$what returns errors" fail_disk a
ok "$what: it says so" wait_for 20 "a's disk has failed" is a disk.state Failed
ok "$what: it is Primary still" is a role Primary
ok "$what: the load goes on" acked_goes_on 20
ok "$what: without an error" acked_no_errors
ok "$what: b and c are UpToDate for it" is a 'peers.*.disk' UpToDate
within 5 "$what: status answers" ditto a status "$RES"
must "$what: the load ends" acked_stop
must "$what: what was acknowledged can be read" acked check "$DEV" "$ACKED_LOG"
ok "$what: reads come from a good copy" reads_as b
ok "$what: b and c are equal" backing_equal b c
refused "$what: nothing to verify" "no local copy" ditto a verify "$RES" --wait

what="then a peer"
must "$what: the load begins" acked_start "$DEV" 4096
link_cut c
ok "$what is lost: the load goes on" acked_goes_on 40
ok "$what: without an error" acked_no_errors
must "$what: the load ends" acked_stop
ok "$what: reads come from the last good copy" reads_as b
link_heal c

what="handed over"
must "$what: a is demoted" ditto a demote "$RES"
must "$what: b is promoted without --force" ditto b promote "$RES"
DEV=$(device b)
ok "$what: b has what was acknowledged" acked check "$DEV" "$ACKED_LOG"
back a b
sent=$(field b peers.a.resync-sent)
ok "$what: a got less than half of the device ($sent bytes)" \
	test "$sent" -lt $((SIZE << 19))
ok "$what: all copies are equal" copies_equal

what="a Secondary's disk"
must "$what: the load begins" acked_start "$DEV" 4096
must "$what returns errors" fail_disk c
ok "$what: it says so" wait_for 20 "c's disk has failed" is c disk.state Failed
ok "$what: the load goes on" acked_goes_on 20
ok "$what: without an error" acked_no_errors
must "$what: the load ends" acked_stop
back c b
ok "$what: all copies are equal" copies_equal

what="a bad block of the Primary"
must "$what: cannot be read" fail_part b 20480 20488
ok "$what: a reader does not see it" reads_as a
ok "$what: the disk has failed" wait_for 20 "b's disk has failed" is b disk.state Failed
must "$what: b is demoted" ditto b demote "$RES"
must "$what: a is promoted without --force" ditto a promote "$RES"
DEV=$(device a)
back b a
ok "$what: all copies are equal" copies_equal

what="the Primary's disk stands still"
must "$what: the load begins" acked_start "$DEV" 4096
must "$what" dmsetup suspend --noflush --nolockfs dt-a
# Its loss has to be recorded, which takes a time-out to fail.
ditto a disconnect "$RES" c
ok "$what: it has failed" wait_for 40 "a's disk has failed" is a disk.state Failed
ok "$what: the load goes on" acked_goes_on 40
ok "$what: without an error" acked_no_errors
must "$what: the load ends" acked_stop
ok "$what: what was acknowledged can be read" acked check "$DEV" "$ACKED_LOG"
within 40 "$what: down ends" ditto a down "$RES"
ok "$what: b is promoted without --force" ditto b promote "$RES"
DEV=$(device b)
ok "$what: b has what was acknowledged" acked check "$DEV" "$ACKED_LOG"
must "$what: it moves again" dmsetup resume dt-a
must "$what: a comes up" wait_for 20 "a up" ditto a up "$RES"
must "$what: all are in sync" wait_sync b
ok "$what: all copies are equal" copies_equal

what="no copy left"
must "$what: the load begins" acked_start "$DEV" 4096
must "$what: b's disk returns errors" fail_disk b
ok "$what: the load goes on" wait_for 20 "b's disk has failed" is b disk.state Failed
link_blackhole b
ok "$what: the load sees errors" wait_for 40 "errors" not acked_no_errors
must "$what: the load ends" acked_stop
within 40 "$what: down ends" ditto b down "$RES"
link_heal b
# What was in flight may have reached one of them only: that one has to be it.
must "$what: a and c see each other" wait_for 40 "a and c connected" connected a c
survivor=a
ditto a promote "$RES" 2>"$WORK/promote" || survivor=c
diag "$(<"$WORK/promote")"
must "$what: $survivor is promoted without --force" \
	wait_for 20 "a Primary" ditto "$survivor" promote "$RES"
DEV=$(device "$survivor")
ok "$what: $survivor has what was acknowledged" acked check "$DEV" "$ACKED_LOG"
