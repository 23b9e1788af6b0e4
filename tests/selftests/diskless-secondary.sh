#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Test: a Secondary whose disk has failed serves reads, from the Primary
# Proves: G1, G8, G10
# Needs: brd, dm, nft
# Time limit: 300
#
# What its readers get is what the Primary's users were told, at once, whoever is
# Primary, and whether that one has a disk or not. None fails when the disk does: it
# waits while c connects anew. Where no Primary can be asked a read fails. A new disk
# ends it.

# shellcheck source=tests/selftests/lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source=tests/selftests/fault-lib.sh
source "$selftests/fault-lib.sh"

need dmsetup nft
SIZE=32
sectors=$((SIZE * 2048))

fail_disk() { DM_NOFLUSH=1 dm_table "$1" "0 $sectors error"; }
sound_disk() { DM_NOFLUSH=1 dm_table "$1" "0 $sectors linear /dev/ram$(node_id "$1") 0"; }
# A reader of c gets what one of the Primary gets.
reads_as() {
	local size
	size=$(device_size c)
	blockdev --flushbufs "$other" && compare "$size" "$other" "${1:-$DEV}"
}
read_one() { dd if="$other" of=/dev/null bs=4k count=1 iflag=direct status=none; }

# One after the other, until they are to end
read_on() {
	while [[ ! -e $WORK/read-enough ]]; do
		read_one 2>>"$WORK/read-errors" && echo >>"$WORK/reads"
	done
}
reads_done() { (($(wc -l <"$WORK/reads") >= $1)); }
readers_start() {
	local i
	readers=()
	for i in 1 2 3 4; do
		read_on &
		readers+=($!)
	done
	wait_for 20 "the first reads" reads_done 20
}
readers_end() {
	: >"$WORK/read-enough"
	wait "${readers[@]}"
}

cluster_ready 3 $SIZE disk=dm
other=$(device c)
must "there is data" dd if=/dev/urandom of="$DEV" bs=1M count=24 oflag=direct conv=fsync status=none

what="c's disk"
must "$what: the load begins" acked_start "$DEV" 2048
must "$what: readers of c begin" readers_start
must "$what returns errors" fail_disk c
ok "$what: it says so" wait_for 20 "c's disk has failed" is c disk.state Failed
ok "$what: c is connected all the same" wait_for 20 "c connected" connected c a
ok "$what: and known to have none" wait_for 20 "c Failed for a" is a peers.c.disk Failed
ok "$what: the load goes on" acked_goes_on 20
ok "$what: a reader of c is served" read_one
ok "$what: the readers are done" readers_end
same "$what: none of them had an error" '' "$(sort "$WORK/read-errors" | uniq -c)"
must "$what: the load ends" acked_stop
ok "$what: without an error" acked_no_errors
ok "$what: c reads as the Primary does" reads_as
ok "$what: what was acknowledged can be read there" acked check "$other" "$ACKED_LOG"
report "$what: a to c: " dio stale "$DEV" "$other" 50
report "$what: on the Secondary: " dio refused "$other"

what="the Primary cannot be asked"
link_cut c a
ok "$what: c knows" wait_for 20 "c without a" not connected c a
refused "$what: a read fails" 'rror' read_one
link_heal c
ok "$what: it is served again" wait_for 40 "a read" read_one

what="the Primary has no disk either"
must "$what" ditto a detach "$RES" --force
ok "$what: c reads as the Primary does" reads_as
ok "$what: which is what b has" reads_as "${DISK[b]}"

what="another Primary"
must "$what: a is demoted" ditto a demote "$RES"
must "$what: b is promoted without --force" ditto b promote "$RES"
DEV=$(device b)
ok "$what: c knows it" wait_for 20 "b Primary" is c peers.b.role Primary
report "$what: b to c: " dio stale "$DEV" "$other" 50
ok "$what: c reads as the Primary does" reads_as

what="a new disk"
for node in a c; do
	must "$what: $node lets go of the old one" ditto "$node" detach "$RES"
	must "$what: $node's disk is sound" sound_disk "$node"
	must "$what: $node takes it" wait_for 20 "attach" ditto "$node" attach "$RES"
done
must "$what: all are in sync" wait_sync b
ok "$what: all copies are equal" copies_equal
