#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Test: two Primaries that could not see each other: found on both ends, merged on none
# Proves: G5, G6
# Needs: brd, nftables
# Time limit: 180

# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.sh"

need nft ss
cluster_ready 2 16 timeout=2000 ping=500
must "data is written" dd if=/dev/urandom of="$DEV" bs=1M count=4 oflag=direct
must "the link is cut" link_cut b
must "b notices" wait_for 20 "a is gone" not connected b
must "a notices" wait_for 20 "b is gone" not connected a
must "b is promoted, too" ditto b promote "$RES" --force
other=$(device b)
must "a is written to" dd if=/dev/urandom of="$DEV" bs=64k count=2 oflag=direct
must "b is written to" dd if=/dev/urandom of="$other" bs=64k count=2 seek=8 oflag=direct
size=$(device_size a)
sums() { head -c "$size" "$DEV" | cksum; head -c "$size" "$other" | cksum; }
before=$(sums)

on a timeout "$(scaled 60)" "$TOOL" events >"$WORK/events.a" &
on b timeout "$(scaled 60)" "$TOOL" events >"$WORK/events.b" &
must "the link is healed" link_heal b
ok "a finds the divergence" wait_for 30 "an event at a" grep -q diverged "$WORK/events.a"
ok "b finds it" wait_for 30 "an event at b" grep -q diverged "$WORK/events.b"
for node in a b; do
	ok "the status of $node says so" wait_for 20 "a reason at $node" \
		shows '[Dd]iverged' ditto "$node" status "$RES"
done
ok "they are not connected" not connected a
same "nothing was touched" "$before" "$(sums)"

must "b is demoted" ditto b demote "$RES"
must "its copy is given up" ditto b invalidate "$RES"
ok "they connect again" ditto b connect "$RES"
ditto a connect "$RES"
must "b is resynced" wait_sync a
same "a's data is what it was" "$(head -n 1 <<<"$before")" "$(head -c "$size" "$DEV" | cksum)"
ok "all copies are equal" copies_equal
