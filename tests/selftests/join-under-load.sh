#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Test: a third node joins under load, its link cut ten times
# Proves: G2, G3, G12
# Needs: brd, fio, nftables, tc, debugfs
# Time limit: 400

# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.sh"

need fio nft tc ss
cluster_up 3 32 up=2
must "a becomes Primary" ditto a promote "$RES" --force
must "b is in sync" wait_for 60 "b in sync" is a peers.b.replication Established
DEV=$(device a)
must "random data is there to be copied" dd if=/dev/urandom of="$DEV" bs=1M oflag=direct \
	count=$(($(device_size a) >> 20))

fio --name=load --filename="$DEV" --rw=randwrite --bs=4k --iodepth=4 --ioengine=libaio --direct=1 \
	--rate_iops=100 --time_based --runtime="$(scaled 380)" --output="$WORK/fio" &
load=$!

# So slow that there is something to cut, and the cut hits where it should.
must "the link of c is slow" link_netem c rate 50mbit limit 10000
must "c joins" node_up c

# Where the resync of c is, in percent: 100 when c counts as in sync. Read without
# starting a program, for on a busy machine that takes longer than a resync.
inflight=/sys/kernel/debug/ditto/$RES@$(stat -L -c %i /run/netns/dt-a)/inflight
[[ -r $inflight ]] || skip "debugfs is not mounted"
size=$(device_size a)
reaches() {
	local lines line
	at=-1
	mapfile -t lines <"$inflight"
	for line in "${lines[@]}"; do
		case $line in
		'follower 2 '*' counted') at=100 ;;
		'resync 2 cursor '*)
			line=${line#resync 2 cursor }
			at=$((${line%% *} * 99 / size))
			;;
		esac
	done
	((at >= $1))
}
for part in 1 10 20 30 40 50 60 70 80 90; do
	# It may be over all the same before it was seen there.
	for try in {1..3}; do
		wait_for 60 "$part %" reaches "$part" || fail "the resync does not come to $part %"
		link_cut c
		wait_for 20 "c is gone" not connected a c || fail "a does not notice the cut"
		[[ $(field a roster) == 3 ]] || fail "c is still in the roster"
		must "the link is back" link_open c
		((at == 100)) || break
	done
	ok "it was cut in try $try at $at %" test "$at" -lt 100
done
link_heal c
must "c is in sync in the end" wait_sync a 120
ok "the load went on all the time" test -e "/proc/$load"
kill -INT "$load"
wait "$load"
ok "all copies are equal" copies_equal
same "all three are in the roster" 7 "$(field a roster)"
