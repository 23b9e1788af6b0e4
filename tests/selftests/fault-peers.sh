#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Test: peers that go, hang, crawl and return: the device goes on, nothing is lost
# Proves: G1, G2, G6, G7, G8
# Needs: nft, tc
# Time limit: 400
#
#	a (Primary) ---+--- b
#	               +--- c
#
# A writer on a remembers what was acknowledged. No write may take longer than
# the time-out, two pings and what the machine needs; after each return all
# copies are equal. In the end a is cut off, the survivor b is promoted without
# --force (or c, where that has more) and has every acknowledged write; a returns, and what it holds is not
# merged.

# shellcheck source=tests/selftests/lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source=tests/selftests/fault-lib.sh
source "$selftests/fault-lib.sh"

need nft tc
# Seconds: the resource's time-out, and the longest a write may take.
timeout=3
bound=$((timeout + 4))

not_connected() { not connected "$@"; }
replicating() { is "$1" "peers.$2.replication" "${@:3}"; }

# lost WHAT PEER...: a has noticed, and the device has gone on meanwhile
lost() {
	local what=$1 peer
	shift
	for peer; do
		ok "$what: a notices the loss of $peer" \
			wait_for $((timeout + 6)) "a loses $peer" not_connected a "$peer"
		ok "$what: status says why" has_reason "$peer"
	done
	ok "$what: the device goes on" acked_goes_on "$bound"
	ok "$what: no write has waited longer than $bound s" acked_longest "$bound"
}

has_reason() {
	local reason
	reason=$(field a "peers.$1.reason")
	echo "reason: $reason"
	[[ $reason ]]
}

# returned WHAT: all are in sync again, under load and after it
returned() {
	ok "$1: all are in sync again" wait_sync a
	acked_stop
	ok "$1: no write has failed" acked_no_errors
	ok "$1: all disks are equal" backing_equal
	ok "$1: what was acknowledged is there" acked check "$DEV" "$ACKED_LOG"
}

cluster_ready 3 16 timeout=$((timeout * 1000)) ping=500

what="a secondary taken down"
acked_start "$DEV"
ok "$what under load" ditto b down "$RES"
lost "$what" b
ok "$what comes up again under load" ditto b up "$RES"
returned "$what"

what="link cut"
acked_start "$DEV"
link_cut b
lost "$what" b
link_heal b
returned "$what"

what="blackholed mid-write"
acked_start "$DEV"
link_blackhole b
lost "$what" b
link_heal b
returned "$what"

what="blackholed mid-resync"
acked_start "$DEV"
# As slow as it takes to be seen.
link_netem b rate 20mbit
ok "$what: the copy of b is given up" ditto a invalidate "$RES" b
ok "$what: it is resynced" wait_for 20 "resync of b" replicating a b SyncSource
link_blackhole b
lost "$what" b
link_heal b
returned "$what"

what="both secondaries at once"
acked_start "$DEV"
link_blackhole b
link_blackhole c
lost "$what" b c
link_heal b
link_heal c
returned "$what"

what="the Primary's link"
acked_start "$DEV"
link_cut a
lost "$what" b c
link_heal a
returned "$what"

what="slow and lossy"
link_netem c delay 50ms loss 1%
acked_start "$DEV"
ok "$what: the device goes on" acked_goes_on 60
ok "$what: no write has waited longer than $bound s" acked_longest "$bound"
link_heal c
returned "$what"

what="failover"
acked_start "$DEV"
ok "$what: writes go on" acked_goes_on 10
# What waits for the peers now is never acknowledged to the writer: it is
# killed before a may go on alone.
link_blackhole a
acked_stop KILL
ok "$what: b loses a" wait_for $((timeout + 6)) "b without a" not_connected b a
# One of the two may have received a little more: only that one may take over,
# and the other names it.
survivor=b
if ! ditto b promote "$RES" >"$WORK/promote" 2>&1; then
	diag "$(<"$WORK/promote")"
	ok "$what: b names the one that has more" grep -q 'c has newer data' "$WORK/promote"
	survivor=c
	ok "$what: c is promoted without --force" ditto c promote "$RES"
else
	pass "$what: b is promoted without --force"
fi
SURVIVOR=$(device $survivor)
ok "$what: it has every acknowledged write" acked check "$SURVIVOR" "$ACKED_LOG"
ok "$what: it takes writes" dd if=/dev/urandom of="$SURVIVOR" bs=64k count=8 oflag=direct \
	status=none
ok "$what: what it holds is its own now" dd if="$SURVIVOR" of="$WORK/kept" bs=64k count=8 \
	iflag=direct status=none
ok "$what: a, cut off, is taken down" ditto a down "$RES"
link_heal a
ok "$what: a comes back" ditto a up "$RES"

# a had gone on alone, or had not: its history says which.
diverged() { says a $survivor diverged || says $survivor a diverged; }
met() { replicating $survivor a Established || diverged; }
ok "$what: a is resynced, or the histories are found to differ" wait_for 40 "the survivor and a" met
ok "$what: nothing of a's is in the survivor's copy" cmp -n $((8 * 65536)) "$WORK/kept" "$SURVIVOR"
if ! replicating $survivor a Established; then
	diag "diverged: $(says a $survivor '') / $(says $survivor a '')"
	ok "$what: a says so" says a $survivor diverged
	ok "$what: and the survivor" says $survivor a diverged
	ok "$what: a's copy is given up by command" ditto a invalidate "$RES"
	ok "$what: a connects" ditto a connect "$RES"
	ok "$what: the survivor connects" ditto $survivor connect "$RES" a
fi
ok "$what: all are in sync again" wait_sync $survivor
ok "$what: all copies are equal" copies_equal
ok "$what: the survivor's data has stayed" cmp -n $((8 * 65536)) "$WORK/kept" "$SURVIVOR"
