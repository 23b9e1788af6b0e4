#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Test: dittod is killed and started again, and the connections do not notice
# Proves: G7, G9
# Needs: brd
# Time limit: 180

# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.sh"

cluster_ready 2 16
cookie=$(field a peers.b.cookie)
dd if=/dev/urandom of="$DEV" bs=4k count=2000 oflag=direct status=none &
writer=$!
for node in a b; do
	must "dittod of $node is killed" kill_daemon "$node" KILL
done
ok "the connection stays up" connected a
ok "writes go on" wait "$writer"
declare -A lines
for node in a b; do
	lines[$node]=$(($(wc -l <"$WORK/dittod.$node.log") + 1))
	start_daemon "$node"
done
must "writes go on when they are back" dd if=/dev/urandom of="$DEV" bs=4k count=200 oflag=direct
for node in a b; do
	ok "dittod of $node listens" wait_for 20 "it listens" \
		shows listening tail -n "+${lines[$node]}" "$WORK/dittod.$node.log"
done
same "it is the same connection" "$cookie" "$(field a peers.b.cookie)"

# What they are for, they still do.
must "b is disconnected" ditto b disconnect "$RES"
must "a notices" wait_for 20 "b is gone" not connected a
must "b connects again" ditto b connect "$RES"
must "all are in sync" wait_sync a
ok "it is another connection" not is a peers.b.cookie "$cookie"
ok "all copies are equal" copies_equal
