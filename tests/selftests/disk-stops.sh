#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Test: a disk stops in the middle of writes, as in a crash: its regions, no more, are resynced
# Proves: G2, G3
# Needs: brd, dm, fio, debugfs
# Time limit: 300

# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.sh"

need fio
cluster_ready 3 256 disk=dm
must "there is data" dd if=/dev/urandom of="$DEV" bs=1M count=200 oflag=direct conv=fsync
moved() { field "$1" "peers.$2.resync-sent"; }
sectors=$((256 * 2048))
region=$((4 << 20))

# What the disk of NODE has named as hot, in bytes
hot() { echo $(($(ditto "$1" dump-md "$RES" --json | json hot-regions) * region)); }

# A write in 8 regions, over and over.
load() {
	fio --name=load --filename="$DEV" --rw=randwrite --bs=4k --iodepth=8 --ioengine=libaio \
		--direct=1 --fsync=32 --offset=64m --size=$((8 * region)) --time_based \
		--runtime="$(scaled 120)" --output="$WORK/fio" &
	load=$!
}

# What is hot when the disk stops is resynced whole: let it be what the load writes.
debugging a || skip "debugfs is not mounted"
must "a's regions cool" wait_for 40 "cold regions" cold a

writes() { field a device.writes; }
enough() { (($(writes) > before + 200)); }
before=$(writes)
load
must "it writes" wait_for 60 "writes" enough
must "a's disk stops" env DM_NOFLUSH=1 bash -c "
	dmsetup load dt-a --table '0 $sectors error' &&
	dmsetup suspend --nolockfs --noflush dt-a && dmsetup resume dt-a"
ok "a says so" wait_for 20 "a's disk has failed" is a disk.state Failed
kill -INT "$load"
wait "$load"
must "a goes down" ditto a down "$RES"
must "a's disk is back, as it was then" dm_table a "0 $sectors linear /dev/ram0 0"
named=$(hot a)
ok "its log names what was being written: $named bytes" test "$named" -gt 0 -a "$named" -le $((12 * region))

must "b takes over" ditto b promote "$RES"
must "a returns" ditto a up "$RES"
must "all are in sync" wait_sync b
sent=$(moved b a)
ok "a got no more than the regions that were hot ($sent of $named bytes)" test "$sent" -le "$named"
ok "and something" test "$sent" -gt 0
ok "c, which was never away, got at most the same" test "$(moved b c)" -le "$named"
ok "all copies are equal" copies_equal
