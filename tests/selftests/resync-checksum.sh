#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Test: with resync-checksum, blocks that are equal are not sent again
# Proves: G2, G7, G9
# Needs: brd, dm, fio, debugfs
# Time limit: 600

# shellcheck source=tests/selftests/lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source=tests/selftests/fault-lib.sh
source "$selftests/fault-lib.sh"

need dmsetup fio
cluster_ready 3 24 disk=dm skip=yes
same "the kernel has the option" true "$(field a options.resync-checksum)"
size=$(device_size a) block=$(field a disk.granularity)
must "there is data" dd if=/dev/urandom of="$DEV" bs=1M count=12 oflag=direct conv=fsync

# counters: bytes of c's resyncs that were sent, found equal, and all that was sent
counters() { fields a "$RES" peers.c.resync-sent peers.c.resync-skipped peers.c.sent; }

# resync COMMAND...: after it c is brought up to date; sets sent, skipped and wire
resync() {
	local before after
	mapfile -t before < <(counters)
	must "$*" "$@"
	must "c is in sync again" wait_sync a 180
	mapfile -t after < <(counters)
	sent=$((after[0] - before[0])) skipped=$((after[1] - before[1]))
	wire=$((after[2] - before[2]))
}

resync ditto a invalidate "$RES" c
same "of an equal copy nothing is sent" 0 "$sent"
same "all of it is found equal" "$size" "$skipped"
ok "and that costs less than a hundredth: $wire bytes of $size" test "$wire" -lt $((size / 100))

# Behind ditto's back: some blocks, one beside another, one half, and the last.
spoil() { dd if=/dev/urandom of="${DISK[c]}" bs=512 oflag=direct conv=notrunc status=none "$@"; }
must "c goes down" ditto c down "$RES"
must "blocks are spoiled" spoil count=1 seek=$((5 * block / 512))
must "and more" spoil count=$((2 * block / 512)) seek=$((40 * block / 512))
must "in what is zero, too" spoil count=1 seek=$((1000 * block / 512 + 7))
must "and at the end" spoil count=1 seek=$((size / 512 - 1))
must "c comes up" ditto c up "$RES"
must "c counts as in sync" wait_sync a
ok "what it does not know of is still there" not backing_equal
last=$(((size - 1) % block + 1))
resync ditto a invalidate "$RES" c
same "the blocks that differ are sent" $((4 * block + last)) "$sent"
same "and no others" $((size - sent)) "$skipped"
ok "all copies are equal" backing_equal

# While somebody writes: what is compared and what is written cross. With pauses, for
# a resync that yields to all that this machine can write takes minutes.
fio --name=load --filename="$DEV" --rw=randwrite --bs=4k --iodepth=4 --ioengine=libaio --direct=1 \
	--thinktime=20000 --thinktime_blocks=8 --randrepeat=0 --time_based --runtime=1000 \
	--output="$WORK/fio" &
load=$!
count=$(field a device.writes)
writes() { (($(field a device.writes) > count)); }
must "writes are under way" wait_for 20 "writes" writes
for round in 1 2 3; do
	resync ditto a invalidate "$RES" c
	ok "round $round: little is sent beside writes: $sent bytes" test "$sent" -lt $((size / 2))
done
kill -INT "$load"
wait "$load"
ok "all copies are equal after that" copies_equal

# A disk that returns nothing of what is to be compared.
inflight=/sys/kernel/debug/ditto/$RES@$(stat -L -c %i /run/netns/dt-c)/inflight
[[ -r $inflight ]] || skip "debugfs is not mounted"
waits_for_disk() {
	local received written
	read -r _ _ received _ written _ < <(grep '^extents ' "$inflight")
	echo "extents received: $received, written: $written"
	((received > written))
}
given_up() { dmesg | grep -q 'ditto.*: .*dt-c has not returned all that it was given'; }
must "a resync is to wait" ditto a pause-sync "$RES"
must "c is invalidated" ditto a invalidate "$RES" c
must "c is no longer in sync" wait_for 20 "c's disk" is c disk.state Inconsistent
must "c's disk stands still" dmsetup suspend --noflush --nolockfs dt-c
must "the resync goes on" ditto a resume-sync "$RES"
must "c has checksums that it cannot compare" wait_for 20 "extents" waits_for_disk
within 5 "detach --force ends" ditto c detach "$RES" --force
ok "c has no disk" is c disk.state Diskless
ok "it has not returned what it was given" given_up
must "its disk moves again" dmsetup resume dt-c
must "c takes it again" wait_for 20 "attach" ditto c attach "$RES"
must "c is in sync again" wait_sync a 180
ok "all copies are equal after that, too" copies_equal

# A new node that has nothing: all that is not zero is sent.
must "c goes down for good" ditto c down "$RES"
must "its disk is emptied" dd if=/dev/zero of="${DISK[c]}" bs=1M oflag=direct count=24 status=none
must "it gets metadata again" ditto c create-md "$RES" --force
resync ditto c up "$RES"
ok "about what holds data is sent: $sent bytes" test "$sent" -ge $((11 << 20))
ok "a new copy is equal" copies_equal
