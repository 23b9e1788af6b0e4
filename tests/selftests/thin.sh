#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Test: zeroes and discards stay thin: a target takes no more room than its source
# Proves: "a thin target is no bigger than its source"; G2
# Needs: loop
# Time limit: 180

# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.sh"

cluster_up 3 64 disk=loop up=1
must "a becomes Primary" ditto a promote "$RES" --force
DEV=$(device a)
size=$(device_size a)
grep -q '^[1-9]' "/sys/block/${DEV#/dev/}/queue/discard_max_bytes" || skip "loop cannot discard here"

# Bytes that a node's disk takes. Metadata differs: of each peer there may be a bitmap.
room() { sync "$WORK/disk-$1"; du -B1 "$WORK/disk-$1" | cut -f1; }
slack=$((256 << 10))
write() { dd if=/dev/urandom of="$DEV" oflag=direct conv=notrunc status=none "$@"; }

must "one piece of data" write bs=1M count=4 seek=2
# Where most of each extent is a hole, too.
for ((i = 0; i < 16; i++)); do
	write bs=4k count=1 seek=$(((16 << 8) + i * 128 + i)) || bail "cannot write"
done
must "data that is zero" dd if=/dev/zero of="$DEV" bs=1M count=4 seek=32 oflag=direct \
	conv=notrunc status=none
must "some is given back" blkdiscard -o $((3 << 20)) -l $((1 << 20)) "$DEV"
source=$(room a)
ok "the source is thin: $source bytes of $size" test "$source" -lt $((size / 4))

must "b, whose disk is empty, joins" node_up b
must "c's disk is full of something else" dd if=/dev/urandom of="${DISK[c]}" bs=1M oflag=direct \
	count=$((size >> 20)) status=none
full=$(room c)
ok "it takes all its room: $full bytes" test "$full" -gt $((size / 2))
must "c joins" node_up c
must "all are in sync" wait_sync a
source=$(room a)
for node in b c; do
	taken=$(room "$node")
	ok "$node is no bigger than a: $taken bytes, $source" test "$taken" -le $((source + slack))
done
ok "all copies are equal" copies_equal

# What is given back later, is given back everywhere.
must "a large piece of data" write bs=1M count=16 seek=40
for node in a b c; do
	declare "before_$node=$(room "$node")"
done
must "is given back" blkdiscard -o $((40 << 20)) -l $((16 << 20)) "$DEV"
must "zeroes are written by the device" blkdiscard -z -o $((2 << 20)) -l $((1 << 20)) "$DEV"
for node in a b c; do
	before=before_$node
	taken=$((${!before} - $(room "$node")))
	ok "$node has given back $taken bytes" test "$taken" -ge $((16 << 20))
done

# While a node is away: it gets holes where the source has some.
must "b goes down" ditto b down "$RES"
must "much is written" write bs=1M count=8 seek=40
must "and given back" blkdiscard -o $((41 << 20)) -l $((7 << 20)) "$DEV"
must "b comes up" ditto b up "$RES"
must "b is in sync" wait_sync a
source=$(room a) taken=$(room b)
ok "b is no bigger than a: $taken bytes, $source" test "$taken" -le $((source + slack))
ok "all copies are equal in the end" copies_equal
