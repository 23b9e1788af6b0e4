#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Test: records are short: bits stand in for writes that are on their way
# Proves: G2, G3
# Needs: loop, dm-delay, nftables, debugfs
# Time limit: 120
#
# The disk of b is slow to flush, so that what a writes is on b's disk, but not
# durable, for a while. The Primary may keep the records of four writes only.

# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.sh"

need nft ss
records=/sys/module/ditto/parameters/max_records
sectors=$((64 * 2048))

# Two flushes, one behind the other, are no reason to give b up.
cluster_ready 2 64 disk=dm-loop timeout=60000
need_module dm_delay
base=$(<"$WORK/base-b")
inflight=/sys/kernel/debug/ditto/$RES@$(stat -L -c %i /run/netns/dt-a)/inflight
[[ -r $inflight ]] || skip "debugfs is not mounted"
must "there is data" dd if=/dev/urandom of="$DEV" bs=1M count=16 oflag=direct conv=fsync
must "a keeps four records" tee "$records" <<<4
sent() { field a peers.b.resync-sent; }
# slow_flush SECONDS
slow_flush() {
	dm_table b "0 $sectors delay $base 0 0 $base 0 0 $base 0 $(scaled "$1")000"
}
# 256 writes, of which no more than four have a record
write_many() {
	dd if=/dev/urandom of="$DEV" bs=4k count=256 oflag=direct conv=notrunc status=none
}
folded() { grep -qE '^follower 1 .* folded [1-9]' "$inflight"; }
in_sync() { [[ $(field a peers.b.disk) == UpToDate && $(field a peers.b.out-of-sync) == 0 ]]; }

must "b's disk is slow to flush" slow_flush 3
before=$(sent)
must "a is written to" write_many
ok "G2: bits stand for what is not durable" folded
ok "G3: b is UpToDate meanwhile" in_sync
must "a is flushed" dd if=/dev/zero of="$DEV" bs=4k count=1 seek=4000 oflag=direct conv=notrunc,fsync
ok "what is durable needs no bits" wait_for 30 "nothing is folded" not folded
ok "G3: b is UpToDate" in_sync
same "and needed no resync" "$before" "$(sent)"

must "b's disk is slower yet" slow_flush 15
must "a is written to again" write_many
ok "G2: bits stand for it" folded
must "the link of b is cut" link_cut b
must "a notices" wait_for 20 "b is gone" not connected a b
lacks=$(field a peers.b.out-of-sync)
ok "G2: the bits stay when b is lost ($lacks bytes)" test "$lacks" -gt 0
must "b's disk is as it was" dm_table b "0 $sectors linear $base 0"
must "the link is healed" link_heal b
must "b is in sync" wait_sync a
moved=$(($(sent) - before))
ok "b got no more than was written ($moved bytes)" test "$moved" -gt 0 -a "$moved" -le $((256 * 4096))

must "a keeps as many records as ever" tee "$records" <<<16384
ok "the copies are equal" copies_equal
