#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Test: a Primary whose disk has failed takes its peers in again
# Proves: G1, G2, G8
# Needs: brd, dm, nft
# Time limit: 480
#
# While somebody writes, its disk fails, and then each of the others loses it for a
# moment, one after the other: no write fails, for whoever returns gets what it has
# missed from the one that has not. With the last one all I/O fails, and that one is
# promoted with all that was acknowledged.

# shellcheck source=tests/selftests/lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source=tests/selftests/fault-lib.sh
source "$selftests/fault-lib.sh"

need dmsetup nft
SIZE=32
sectors=$((SIZE * 2048))

fail_disk() { DM_NOFLUSH=1 dm_table "$1" "0 $sectors error"; }
sound_disk() { DM_NOFLUSH=1 dm_table "$1" "0 $sectors linear /dev/ram$(node_id "$1") 0"; }
# What a reader of the device gets is what is on NODE's disk.
reads_as() {
	local size
	size=$(device_size a)
	blockdev --flushbufs "$DEV" && compare "$size" "$DEV" "${DISK[$1]}"
}

cluster_ready 3 $SIZE disk=dm
must "there is data" dd if=/dev/urandom of="$DEV" bs=1M count=24 oflag=direct conv=fsync status=none

what="a's disk"
must "$what: the load begins" acked_start "$DEV" 4096
must "$what returns errors" fail_disk a
ok "$what: it says so" wait_for 20 "a's disk has failed" is a disk.state Failed
ok "$what: the load goes on" acked_goes_on 20

for node in c b; do
	what="$node for a moment"
	link_cut "$node"
	ok "$what: is lost" wait_for 40 "$node lost" not connected a "$node"
	ok "$what: the load goes on" acked_goes_on 40
	link_heal "$node"
	ok "$what: is taken in again" wait_for 60 "$node UpToDate" is a "peers.$node.disk" UpToDate
	ok "$what: the load goes on with it" acked_goes_on 20
done
ok "without an error" acked_no_errors
must "the load ends" acked_stop
ok "what was acknowledged can be read" acked check "$DEV" "$ACKED_LOG"
ok "b and c are equal" backing_equal b c
ok "reads come from a good copy" reads_as c

what="no member left"
link_cut b
ok "$what: b is lost" wait_for 40 "b lost" not connected a b
must "$what: the load begins" acked_start "$DEV" 4096
link_cut c
ok "$what: the load sees errors" wait_for 40 "errors" not acked_no_errors
must "$what: the load ends" acked_stop
link_heal b
link_heal c
must "$what: a is demoted" ditto a demote "$RES"
must "$what: b and c see each other" wait_for 40 "b and c connected" connected b c
must "$what: the one that was lost last is promoted without --force" \
	wait_for 20 "c Primary" ditto c promote "$RES"
DEV=$(device c)
ok "$what: it has what was acknowledged" acked check "$DEV" "$ACKED_LOG"
must "$what: a lets go of its disk" ditto a detach "$RES"
must "$what: it is sound" sound_disk a
must "$what: a takes it again" wait_for 20 "attach" ditto a attach "$RES"
must "$what: all are in sync" wait_sync c
ok "$what: all copies are equal" copies_equal
