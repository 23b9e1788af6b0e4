#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Test: a third node joins under load, its link cut ten times
# Proves: G2, G3, G12
# Needs: brd, fio, nftables, tc
# Time limit: 400

# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.sh"

need fio nft tc ss
cluster_up 3 32 up=2 timeout=3000 ping=500
must "a becomes Primary" ditto a promote "$RES" --force
must "b is in sync" wait_for 60 "b in sync" is a peers.b.replication Established
DEV=$(device a)
must "random data is there to be copied" dd if=/dev/urandom of="$DEV" bs=1M count=24 oflag=direct

fio --name=load --filename="$DEV" --rw=randwrite --bs=4k --iodepth=4 --ioengine=libaio --direct=1 \
	--rate_iops=100 --time_based --runtime="$(scaled 380)" --output="$WORK/fio" &
load=$!

# So slow that there is something to cut, and the cut hits where it should.
must "the link of c is slow" link_netem c rate 40mbit limit 10000
must "c joins" node_up c

progress_is() {
	local part=$1 total=0 found
	mapfile -t found < <(fields a "$RES" peers.c.replication peers.c.sync-total peers.c.sync-done)
	[[ ${found[0]-} == SyncSource ]] && total=${found[1]}
	((total && found[2] * 100 >= total * part))
}
for part in 1 10 20 30 40 50 60 70 80 90; do
	ok "the resync comes to $part %" wait_for 30 "$part %" progress_is "$part"
	ok "it is cut there" link_cut c
	must "a notices" wait_for 20 "c is gone" not connected a c
	same "c is not in the roster" 3 "$(field a roster)"
	must "the link is back" link_open c
done
link_heal c
must "c is in sync in the end" wait_sync a 120
ok "the load went on all the time" test -e "/proc/$load"
kill -INT "$load"
wait "$load"
ok "all copies are equal" copies_equal
same "all three are in the roster" 7 "$(field a roster)"
