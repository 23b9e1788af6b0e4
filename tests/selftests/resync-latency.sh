#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Test: a resync yields to writes, and takes all of the link when there are none
# Proves: "latency during a resync stays within twice that without, an idle resync
# runs at the speed of the link", with no option set
# Needs: brd, fio, jq, tc
# Time limit: 240

# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.sh"

need fio jq tc
cluster_ready 3 96
must "random data is there to be copied" dd if=/dev/urandom of="$DEV" bs=1M oflag=direct \
	count=$(($(device_size a) >> 20)) iflag=fullblock

# So slow that the link decides, and not the processor of an emulated machine; b,
# which the writes wait for, and c, which is resynced, are behind the same link.
rate=2500000
must "the link of a is slow" link_netem a rate "${rate}bps" delay 4ms limit 20000

moved() { field a peers.c.resync-sent; }
resyncs() { is a peers.c.replication SyncSource; }
moves() { resyncs && (($(moved) > $1)); }

# latency: of 4 KiB writes, one at a time: the mean and the median, in microseconds
latency() {
	fio --name=user --filename="$DEV" --rw=randwrite --bs=4k --iodepth=1 --ioengine=psync \
		--direct=1 --time_based --runtime=5 --output-format=json --output="$WORK/fio" >&2 &&
		jq -r '.jobs[0].write.clat_ns | [.mean, .percentile["50.000000"]] |
			map(. / 1000 | floor) | @tsv' "$WORK/fio"
}

# All of c is to be copied; that takes longer than what is measured meanwhile.
give_up() {
	must "c is given up" ditto a invalidate "$RES" c
	must "its resync begins" wait_for 20 "resync of c" moves "$(moved)"
}
give_up
now() { echo "${EPOCHREALTIME/./}"; }
# After a second without writes it knows that it may.
after() { (($(now) >= $1)); }
must "nobody writes" wait_for 20 "two seconds" after $(($(now) + 2000000))
began=$(now) before=$(moved)
wait_for 20 "four seconds" after $((began + 4000000))
took=$(($(now) - began)) sent=$(($(moved) - before))
must "the resync is still under way" resyncs
share=$((sent * 100000000 / took / rate))
ok "an idle resync takes the link: $share %" test "$share" -ge 80

alone=0 alone_median=0 with=0 with_median=0 sent=0
for round in 1 2 3; do
	must "the resync is paused" ditto a pause-sync "$RES"
	read -r mean median < <(latency) || bail "fio has failed"
	alone=$((alone + mean)) alone_median=$((alone_median + median))
	must "it goes on" ditto a resume-sync "$RES"
	give_up
	before=$(moved)
	read -r mean_with median_with < <(latency) || bail "fio has failed"
	with=$((with + mean_with)) with_median=$((with_median + median_with))
	sent=$((sent + $(moved) - before))
	must "the resync was under way all the time" resyncs
	diag "round $round: mean $mean us, $mean_with us with resync; median $median us, $median_with us; sent so far $sent"
done
ok "writes take at most twice as long: mean $((alone / 3)) us, $((with / 3)) us with a resync" \
	test "$with" -le $((2 * alone))
ok "and the median: $((alone_median / 3)) us, $((with_median / 3)) us with a resync" \
	test "$with_median" -le $((2 * alone_median))
# An eighth of the link, or more: it is not stopped by them either.
ok "the resync goes on meanwhile: $sent bytes in 15 s" test "$sent" -ge $((15 * rate / 8))

link_heal a
must "c is in sync in the end" wait_sync a
ok "all copies are equal" copies_equal
