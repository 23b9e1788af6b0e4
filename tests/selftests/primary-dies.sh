#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Test: the Primary dies while all three nodes are at different positions
# Proves: G1, G2, G3
# Needs: brd, dm, nft, debugfs
# Time limit: 300
#
# b and then c stop hearing from a, which still writes; then a has neither network
# nor disk. Whoever has less is not promoted; with the other one they converge by
# what was being written, no more. What was acknowledged is there. a returns.

# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.sh"
# shellcheck source=fault-lib.sh
source "$selftests/fault-lib.sh"

need nft
# a must die before it gives c up: a roster that nobody else has heard of would count
# as a history of its own.
cluster_ready 3 128 disk=dm timeout=15000
must "there is data" dd if=/dev/urandom of="$DEV" bs=1M count=100 oflag=direct conv=fsync
sectors=$((128 * 2048))
region=$((4 << 20))

debugging a || skip "debugfs is not mounted"
for node in "${NODES[@]}"; do
	must "$node's regions cool" wait_for 40 "cold regions" cold "$node"
done

# Two regions, the one behind them, which is warmed ahead, and one more: the rest of
# the disk is not touched from here on.
hot=$((4 * region))
position() { field "$1" position; }
ahead() { (($(position "$1") > $(position "$2"))); }
must "the load begins" acked_start "$DEV" 2048
# One that only b gets, and one that not even b does: neither is acknowledged.
write_one() { exec dd if=/dev/urandom of="$DEV" bs=4k count=1 seek="$1" oflag=direct status=none 2>"$WORK/dd-$1"; }
must "c hears no more" link_blackhole c
write_one 8193 &
first=$!
must "b is ahead of c" wait_for 5 "b's position" ahead b c
must "b hears no more" link_blackhole b
write_one 8192 &
last=$!
must "a is ahead of b" wait_for 5 "a's position" ahead a b
ok "all are at different positions" test "$(position a)" -gt "$(position b)" -a \
	"$(position b)" -gt "$(position c)"

must "a's network ends" link_blackhole a
must "and its disk" env DM_NOFLUSH=1 bash -c "
	dmsetup load dt-a --table '0 $sectors error' &&
	dmsetup suspend --nolockfs --noflush dt-a && dmsetup resume dt-a"
kill -KILL "$ACKED" "$first" "$last"
must "b hears again" link_heal b
must "c hears again" link_heal c
must "b notices" wait_for 45 "a is gone" not connected b a
must "c notices" wait_for 45 "a is gone" not connected c a
must "b and c see each other" wait_for 30 "a connection" connected b c

refused "c, which has less, is not promoted" 'b has newer data' ditto c promote "$RES"
must "b is promoted, without --force" ditto b promote "$RES"
must "c is in sync" wait_for 60 "c is UpToDate" is b peers.c.disk UpToDate
sent=$(field b peers.c.resync-sent)
ok "c got no more than what was being written ($sent bytes)" test "$sent" -le "$hot"
ok "b has what was acknowledged" acked check "$(device b)" "$ACKED_LOG"
ok "b and c are equal" backing_equal b c

must "a goes down" ditto a down "$RES"
must "a's disk is back, as it was then" dm_table a "0 $sectors linear /dev/ram0 0"
must "and its network" link_heal a
must "a returns" ditto a up "$RES"
must "all are in sync" wait_sync b
sent=$(field b peers.a.resync-sent)
ok "a got no more than what was being written ($sent bytes)" test "$sent" -le "$hot"
ok "and something" test "$sent" -gt 0
ok "all copies are equal" copies_equal
