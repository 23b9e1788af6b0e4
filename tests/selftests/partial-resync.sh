#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Test: a node that returns gets what it missed, and nothing else
# Proves: G2, G3
# Needs: brd, nftables, debugfs
# Time limit: 240

# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.sh"

need nft ss
cluster_ready 3 64
must "there is data" dd if=/dev/urandom of="$DEV" bs=1M count=32 oflag=direct conv=fsync

# What is settled is told now and then; what is not counts as missing (G2).
inflight() { echo "/sys/kernel/debug/ditto/$RES@$(stat -L -c %i "/run/netns/dt-$1")/inflight"; }
[[ -r $(inflight a) ]] || skip "debugfs is not mounted"
knows_settled() {
	local word settled received
	read -r _ word < <(grep '^regions ' "$(inflight "$1")")
	settled=${word##* }
	read -r _ _ received _ < <(grep '^applier ' "$(inflight "$1")")
	((settled >= received))
}
settled() {
	local node
	for node; do
		wait_for 20 "$node knows that all is settled" knows_settled "$node" || return 1
	done
}

moved() { field "$1" "peers.$2.resync-sent"; }

# between DESCRIPTION LEAST MOST BYTES
between() {
	if (($4 >= $2 && $4 <= $3)); then
		pass "$1: $4 bytes"
	else
		fail "$1: $4 bytes, not $2 to $3"
	fi
}

# Eight blocks of 64 KiB, each in a region of its own, so 512 KiB. A bit covers
# 16 KiB, so this is rounded to nothing else.
write_some() {
	local i
	for ((i = 0; i < 8; i++)); do
		dd if=/dev/urandom of="$1" bs=64k count=1 seek=$((i * 64 + $2)) oflag=direct conv=notrunc \
			status=none || return 1
	done
}
some=$((8 * 65536))

must "all is settled" settled b c
before=$(moved a b)
must "the link of b is cut" link_cut b
must "a notices" wait_for 20 "b is gone" not connected a b
must "a is written to" write_some "$DEV" 0
must "the link is healed" link_heal b
must "b is in sync" wait_sync a
between "b, cut off, got what it missed" $some $some $(($(moved a b) - before))

must "c stops cleanly" ditto c down "$RES"
must "a is written to again" write_some "$DEV" 1
before=$(moved a c)
must "c is up again" ditto c up "$RES"
must "c is in sync" wait_sync a
between "c, down, got what it missed" $some $some $(($(moved a c) - before))

# Everyone can speak for everyone: b knows what c misses, though a told it.
must "all of that is settled" settled b c
must "c stops again" ditto c down "$RES"
must "a is written to once more" write_some "$DEV" 2
must "and that" settled b
must "a is demoted" ditto a demote "$RES"
must "b is promoted" ditto b promote "$RES"
must "c returns to b" ditto c up "$RES"
must "c is in sync with b" wait_sync b
between "c got from b what it missed from a" $some $some "$(moved b c)"

# Both were away for different things, and meet a third.
must "a stops" ditto a down "$RES"
must "b is written to" write_some "$(device b)" 3
must "c stops" ditto c down "$RES"
must "b is written to, alone" write_some "$(device b)" 4
before=$(moved b c)
must "a returns" ditto a up "$RES"
must "c returns" ditto c up "$RES"
must "all are in sync" wait_sync b
between "c got the second" $some $some $(($(moved b c) - before))
between "a got both" $((2 * some)) $((2 * some)) "$(moved b a)"

ok "all copies are equal" copies_equal
