#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Test: torn metadata costs the older copy at most, foreign metadata is refused
# Proves: G11
# Needs: nothing special
# Time limit: 200
#
# Two versions of both superblocks are captured. Then each slot is written half
# way from the one to the other, torn at every sector; both slots are torn;
# and superblocks are put there that are whole, but of another resource, node,
# version or device. The kernel attaches, or refuses, exactly where check-md is
# content, or is not, and goes on from the generation that dump-md shows.

# shellcheck source=tests/selftests/lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source=tests/selftests/fault-lib.sh
source "$selftests/fault-lib.sh"

# Bytes of fields in a superblock; see core/md.c.
AT_VERSION=8 AT_SEQUENCE=16 AT_SLOT=24 AT_NODE=28 AT_UUID=32 AT_DISK_UUID=48 AT_FLAGS=64
AT_SHIFT=68 AT_DATA=80 AT_DEVICE=88 AT_AREA=96 AT_BITMAP=128 AT_PEERS=352
owner=0	# 1: the metadata is sound, only another's: dump-md shows it

SIZE=$((16 * 1024 * 1024))
declare -A slot_at=([0]=$((SIZE - 4096)) [1]=$((SIZE - 8192)))

# slot_read SLOT FILE, slot_write SLOT FILE
slot_read() { dd if="$DISK_A" of="$2" bs=4096 count=1 skip=$((slot_at[$1] / 4096)) iflag=direct status=none; }
slot_write() {
	dd if="$2" of="$DISK_A" bs=4096 count=1 seek=$((slot_at[$1] / 4096)) oflag=direct \
		conv=notrunc status=none
}

put_back() {
	slot_write 0 "$WORK/new.0" && slot_write 1 "$WORK/new.1"
}

# As ditto does, but without a way into the namespace, which these do not need
offline() { DITTO_NODE=a DITTO_CONFIG_DIR=$CONF "$TOOL" "$@"; }
dumped() { offline dump-md "$RES" --json | json generation; }

# judged WHAT attached|refused [REGEX]: kernel and check-md agree on it. Quiet
# where all is well, but for a line: there are many.
judged() {
	local what=$1 expected=$2 regex=${3:-.} shown said wrong=''
	if [[ $expected == attached ]]; then
		offline check-md "$RES" >"$WORK/check" 2>&1 || wrong+=" check-md complains;"
		shown=$(dumped)
		[[ " $old $new " == *" $shown "* ]] || wrong+=" dump-md shows generation $shown;"
		said=$(on a md_attach "$RES" "$UUID" "$DISK_A")
		[[ $said == "attached $shown" ]] || wrong+=" the kernel: $said, dump-md: $shown;"
	else
		if offline check-md "$RES" >"$WORK/check" 2>&1; then
			wrong+=" check-md is content;"
		elif ! grep -qE "$regex" "$WORK/check"; then
			wrong+=" check-md does not say it;"
		fi
		offline dump-md "$RES" >"$WORK/dump" 2>&1 && ((!owner)) && wrong+=" dump-md is content;"
		said=$(on a md_attach "$RES" "$UUID" "$DISK_A")
		[[ $said == refused* ]] || wrong+=" the kernel: $said;"
		grep -qE "$regex" <<<"$said" || wrong+=" the kernel does not say why: $said;"
	fi
	if [[ ! $wrong ]]; then
		pass "$what: $expected"
		[[ $expected == attached ]] || diag "$said"
	else
		fail "$what: $expected"
		diag "$wrong"
		diag "$(<"$WORK/check")"
	fi
}

# torn SLOT SECTORS FIRST SECOND: the slot's first sectors from one file, then from the other
torn() {
	head -c $(($2 * 512)) "$3" >"$WORK/torn"
	tail -c +$(($2 * 512 + 1)) "$4" >>"$WORK/torn"
	slot_write "$1" "$WORK/torn"
}

# edited SLOT OFFSET VALUE...: fields changed, and a checksum that fits
edited() {
	local slot=$1
	cp "$WORK/new.$slot" "$WORK/edited"
	shift
	sb_edit "$WORK/edited" "$@" && slot_write "$slot" "$WORK/edited"
}
both() {
	edited 0 "$@" && edited 1 "$@"
}

cluster_up 2 16 up=0
must "a comes up" node_up a
DISK_A=${DISK[a]}
must "it becomes Primary" ditto a promote "$RES" --force
must "and Secondary again" ditto a demote "$RES"
must "and lets go of the disk" ditto a down "$RES"
old=$(dumped)
slot_read 0 "$WORK/old.0"
slot_read 1 "$WORK/old.1"
must "the disk again" ditto a up "$RES"
must "it becomes Primary once more" ditto a promote "$RES"
must "and Secondary" ditto a demote "$RES"
must "without disk" ditto a down "$RES"
new=$(dumped)
slot_read 0 "$WORK/new.0"
slot_read 1 "$WORK/new.1"

judged "control: as it was" attached
put_back
[[ $old != "$new" ]] || bail "there is only one version: $old"
if (($(od -An -tu8 -j $AT_SEQUENCE -N 8 "$WORK/new.0") > \
	$(od -An -tu8 -j $AT_SEQUENCE -N 8 "$WORK/new.1"))); then
	newest=0
else
	newest=1
fi

for slot in 0 1; do
	for sector in 1 2 3 4 5 6 7; do
		# Over the older version, the other slot being older or newer still.
		torn $slot $sector "$WORK/new.$slot" "$WORK/old.$slot"
		judged "slot $slot torn behind sector $sector" attached
		put_back
	done
	# From behind, as disks may do it too. Behind the peers nothing differs.
	for sector in 1 2; do
		torn $slot $sector "$WORK/old.$slot" "$WORK/new.$slot"
		judged "slot $slot torn before sector $sector" attached
		put_back
	done
	head -c 4096 /dev/urandom >"$WORK/garbage"
	slot_write $slot "$WORK/garbage"
	judged "slot $slot garbage" attached
	put_back
	head -c 4096 /dev/zero >"$WORK/zeroes"
	slot_write $slot "$WORK/zeroes"
	judged "slot $slot empty" attached
	put_back
done

torn 0 1 "$WORK/new.0" "$WORK/garbage"
torn 1 1 "$WORK/new.1" "$WORK/garbage"
judged "both slots torn" refused 'checksum|damaged'
slot_write 0 "$WORK/garbage"
slot_write 1 "$WORK/garbage"
judged "both slots garbage" refused 'no ditto|create-md|superblock|magic'
slot_write 0 "$WORK/zeroes"
slot_write 1 "$WORK/zeroes"
judged "both slots empty" refused 'no ditto|create-md|superblock|magic'

# A copy of the one slot in the other's place is not what was written there.
put_back
slot_write 0 "$WORK/new.1"
judged "slot 1 in the place of slot 0" refused 'slot'

put_back
both $AT_UUID 0x12345678
owner=1
judged "another resource" refused 'resource|uuid'
owner=0
put_back
edited $((1 - newest)) $AT_UUID 0x12345678
judged "the older slot of another resource" refused 'resource|uuid'
put_back
edited $((1 - newest)) $AT_DISK_UUID 0x12345678
judged "the older slot of another disk" refused 'uuid'
put_back
both $AT_NODE 3
owner=1
judged "another node" refused 'node'
owner=0
put_back
both $AT_NODE 32
judged "a node id that cannot be" refused 'node'
put_back
both $AT_VERSION 2
judged "another version" refused 'version'
put_back
edited "$newest" $AT_VERSION 2
judged "the newer slot of another version" refused 'version'
put_back
edited $((1 - newest)) $AT_VERSION 2
judged "the older slot of another version" refused 'version'
put_back
both $AT_DEVICE $((SIZE + 1048576))
judged "of a larger device" refused 'device'
put_back
both $AT_DEVICE $((SIZE - 1048576))
judged "of a smaller device" refused 'device'
put_back
both $AT_DATA $SIZE
judged "data that overlaps the metadata" refused 'data'
put_back
both $AT_DATA 0 $((AT_DATA + 4)) 0xffffffff
judged "data without end" refused 'data'
put_back
both $AT_FLAGS 0x80000000
judged "unknown flags" refused 'flags'
put_back
both $AT_SHIFT 40
judged "a granularity that cannot be" refused 'shift|granularity'
put_back
both $AT_AREA 4096
judged "an area elsewhere" refused 'area'
put_back
both $AT_BITMAP 0
judged "bitmaps over the data" refused 'bitmap'
put_back
both $AT_PEERS 0xff
judged "unknown flags of a peer" refused 'peer'
put_back
both $AT_SEQUENCE 0 $((AT_SEQUENCE + 4)) 0
judged "sequence 0" refused 'sequence'
put_back
edited 0 $AT_SLOT 1
judged "a slot that says it is the other" refused 'slot'
put_back
edited 0 4092 1
judged "bytes that are reserved" refused 'reserved'

put_back
judged "control: as it was, in the end" attached
