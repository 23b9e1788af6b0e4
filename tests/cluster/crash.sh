#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Test: a machine with three nodes is killed while it writes, again and again
# Proves: G1, G2, G3, G11
#
#	crash.sh [KILLS]	default 3
#
# With STATE, a directory, the disks are kept there, and a run that was ended
# goes on where it was: KILLS counts those of before.
#
# After each kill the nodes come up again on the same disks, another one is
# promoted without --force, no more than what was hot is sent, the copies are
# equal, and every flushed write is there. SEED makes the moments repeatable.

set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
top=${here%/tests/cluster}
kills=${1:-3}
RANDOM=${SEED:-$$}
if [[ ${STATE-} ]]; then
	mkdir -p "$STATE"
	work=$(cd "$STATE" && pwd -P)
	trap 'kill $(jobs -p) 2>/dev/null' EXIT
else
	work=$(mktemp -d "${TMPDIR:-/tmp}/ditto-crash.XXXXXX")
	trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$work"' EXIT
fi
trap 'exit 1' TERM INT HUP
passed=0 failed=0

# How many lives there have been; the disks are as the last one has left them
begun=0
[[ ! -e $work/lives ]] || begun=$(<"$work/lives")
if ((!begun)); then
	rm -rf "$work/share" "$work"/[abc]
	mkdir "$work/share"
	for disk in a b c; do
		truncate -s 64M "$work/$disk"
	done
fi

# life NUMBER [last]: in a process of its own, which is scripts/vm
life() {
	exec "$top/scripts/vm" --quiet --no-tty --timeout "$((300 * ${TIME_SCALE:-1}))" --share "$work/share" \
		--disk "$work/a" --disk "$work/b" --disk "$work/c" --env TIME_SCALE="${TIME_SCALE:-1}" \
		--env DITTO_KO="${DITTO_KO-}" -- tests/cluster/crash-guest.sh "$@"
}

# The verdict of a life, from what it has said
judge() {
	if grep -q '^not ok' "$work/out" || ! grep -q "$2" "$work/out"; then
		failed=$((failed + 1))
		sed 's/^/# /' "$work/out"
		echo "not ok $((passed + failed)) $1"
		return 1
	fi
	passed=$((passed + 1))
	echo "ok $((passed + failed)) $1: $(grep -hE 'bytes were sent|blocks are wrong' "$work/out" |
		sed 's/^ok [0-9]* //; s/^# //' | paste -sd ';')"
}

progress() {
	local done=$((number + 1 - begun)) left=$((kills - number - 1))
	echo "# $((number + 1)) of $kills kills, $((SECONDS / done)) s each; about $((SECONDS * left / done / 60)) min left"
}

for ((number = begun; number < kills; number++)); do
	# Here, and not when the child has come that far: what the last life has said
	# would be taken for this one's meanwhile.
	: >"$work/out"
	life "$number" >>"$work/out" 2>&1 &
	machine=$!
	until grep -qE '^writing from' "$work/out"; do
		kill -0 "$machine" 2>/dev/null || break
		sleep 0.2
	done
	# At whatever moment: that is what is tested.
	sleep "$((RANDOM % 4)).$((RANDOM % 10))"
	kill "$machine" 2>/dev/null
	wait "$machine" 2>/dev/null
	judge "life $number, killed" '^writing from' || break
	echo $((number + 1)) >"$work/lives"
	progress
done
if ((!failed)); then
	(life "$number" last) >"$work/out" 2>&1
	judge "life $number, the last" 'ok [0-9]* everything is gone again'
fi
echo "1..$((passed + failed))"
echo "$passed passed, $failed failed, 0 skipped"
((!failed))
