#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Test: what the Primary's user was told is read on the Secondaries at once
# Proves: G10
# Needs: brd
# Time limit: 180

# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.sh"

cluster_ready 3 16
b=$(device b) c=$(device c)
report "a to b: " dio stale "$DEV" "$b" 200
report "a to c: " dio stale "$DEV" "$c" 200
# The same while others write too.
fio --name=load --filename="$DEV" --rw=randwrite --bs=4k --offset=8m --size=4m \
	--iodepth=8 --ioengine=libaio --direct=1 --time_based --runtime="$(scaled 60)" >/dev/null 2>&1 &
load=$!
# In the lower half, away from the load.
dd if=/dev/zero of="$DEV" bs=1M count=1 oflag=direct status=none
for i in {1..10}; do
	dd if=/dev/urandom of="$WORK/data" bs=64k count=1 status=none
	dd if="$WORK/data" of="$DEV" bs=64k count=1 seek="$i" oflag=direct status=none
	dd if="$b" bs=64k count=1 skip="$i" iflag=direct status=none |
		cmp -s - "$WORK/data" || fail "read number $i under load is stale"
done
kill "$load"
wait "$load" 2>/dev/null
ok "all copies are equal" copies_equal
