#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Test: 16 TiB: bits for all of it in the memory that was promised, and a partial resync
# Proves: G2, G3, G6
# Needs: null_blk; 1 GiB of memory
# Time limit: 400

# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.sh"

tib=$((1 << 40))
# Of null_blk only what was written takes memory.
cluster_up 2 $((16 * tib >> 20)) disk=null up=0
for node in a b; do
	must "$node has metadata" ditto "$node" create-md "$RES" --max-peers 1
done

# Pages of the module's bitmaps, of all nodes
bitmap_pages() {
	awk '/ditto_bitmap_new/ && match($0, /pages=[0-9]+/) {
		sum += substr($0, RSTART + 6, RLENGTH - 6)
	} END { print sum + 0 }' /proc/vmallocinfo
}
same "no bitmap is in memory" 0 "$(bitmap_pages)"
must "a comes up" ditto a up "$RES"

refused "a cannot speak for b while it is away" 'b is not connected' \
	ditto a promote "$RES" --assume-equal
must "b comes up" ditto b up "$RES"
must "they are connected" wait_for 60 "connections" all_connected
size=$(device_size a)
ok "the device has 16 TiB, but for the metadata" test "$size" -gt $((16 * tib - (1 << 30)))
bytes=$(($(bitmap_pages) * 4096))
ok "the bitmaps take memory" test "$bytes" -gt 0
# Each page of 4096 bytes is found through an entry of 8.
limit=$((2 * 16 * (8 << 20)))
ok "at most 8 MiB for each TiB and peer ($bytes bytes)" test "$bytes" -le $((limit + limit / 512))

# New disks that read as zeroes are equal: 16 TiB are not copied.
must "a becomes Primary of disks that are said to be equal" ditto a promote "$RES" --assume-equal
DEV=$(device a)
must "b is in sync" wait_sync a
same "nothing was sent for that" 0 "$(field a peers.b.resync-sent)"
must "a is demoted" ditto a demote "$RES"
refused "no such word is taken later" 'has held data of the resource' \
	ditto a promote "$RES" --assume-equal
must "a becomes Primary again" ditto a promote "$RES"
last=$(((size >> 20) - 1))

# write_all SEED: a MiB in ten places from the first to the last
write_all() {
	local i
	for ((i = 0; i < 10; i++)); do
		openssl enc -aes-128-ctr -K "$(printf '%032x' $(($1 * 100 + i)))" -iv 0 </dev/zero 2>/dev/null |
			dd of="$DEV" bs=1M count=1 iflag=fullblock oflag=direct conv=notrunc status=none \
				seek=$((last * i / 9)) || return 1
	done
}
# The same places of the disks below
places_equal() {
	local i place
	for ((i = 0; i < 10; i++)); do
		place=$((last * i / 9 << 20))
		cmp -i "$place" -n 1048576 "${DISK[a]}" "${DISK[b]}" || return 1
		! cmp -s -i "$place:0" -n 1048576 "${DISK[a]}" /dev/zero || return 1
	done
}
must "it is written from the first to the last block" write_all 1
ok "b has it all" places_equal

must "the link of b is cut" link_cut b
must "a notices" wait_for 20 "b is gone" not connected a b
must "it is written all over again" write_all 2
same "what b misses is counted" $((10 << 20)) "$(field a peers.b.out-of-sync)"
must "the link is healed" link_heal b
must "b is in sync" wait_sync a
same "b got what it missed" $((10 << 20)) "$(field a peers.b.resync-sent)"
ok "and has it" places_equal

# The bits of 16 TiB come back from the disk.
must "b goes" ditto b down "$RES"
must "a is written to" write_all 3
must "a is demoted" ditto a demote "$RES"
must "a goes" ditto a down "$RES"
must "a returns" ditto a up "$RES"
must "a becomes Primary" ditto a promote "$RES"
same "and knows what b misses" $((10 << 20)) "$(field a peers.b.out-of-sync)"
must "b returns" ditto b up "$RES"
must "b is in sync" wait_sync a
ok "and has it" places_equal
