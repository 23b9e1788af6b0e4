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
# equal, and every flushed write is there. Each disk has a cache, and loses some of
# what was not flushed when the machine is killed (volatile.c). One kill in four does
# not wait for the writer: it ends the set-up, a promotion or a resync of what the
# kill before has left; then what was hot at both may be sent after it, and who is
# promoted is who has all of it. SEED makes the moments repeatable.

set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
top=${here%/tests/cluster}
kills=${1:-3}
scale=${TIME_SCALE:-1}
seed=${SEED:-$$}
RANDOM=$seed
run=$(mktemp -d "${TMPDIR:-/tmp}/ditto-crash.XXXXXX")
if [[ ${STATE-} ]]; then
	mkdir -p "$STATE"
	work=$(cd "$STATE" && pwd -P)
else
	work=$run
fi
trap 'trap - EXIT; kill $(jobs -p) 2>/dev/null; wait; rm -rf "$run"' EXIT
trap 'exit 1' TERM INT HUP
disks=(a b c)
passed=0 failed=0

# How many lives there have been; the disks are as the last one has left them
begun=0
[[ ! -e $work/lives ]] || begun=$(<"$work/lives")
if ((!begun)); then
	rm -rf "$work/share" "$work"/[abc]
	mkdir "$work/share"
	for disk in "${disks[@]}"; do
		truncate -s 64M "$work/$disk"
	done
fi

# begin_life NUMBER [last]
begin_life() {
	local disk
	# Here, and not when the machine has it: what the last life has said would be
	# taken for this one's meanwhile.
	: >"$run/out"
	rm -f "$run/pid" "$run/log" "$work/share/answer"
	serving=()
	for disk in "${disks[@]}"; do
		rm -f "$run/$disk.disk"
		"$here/build/volatile" "$work/$disk" "$run/$disk.disk" "$RANDOM" >"$run/$disk.lost" 2>&1 &
		serving+=($!)
		until [[ -S $run/$disk.disk ]]; do
			kill -0 $! || return
			sleep 0.1	# no event tells of a socket
		done
	done
	(
		exec "$top/scripts/vm" --quiet --no-tty --memory 384 --timeout "$((300 * scale))" \
			--log "$run/log" --share "$work/share" --qemu -pidfile --qemu "$run/pid" \
			--disk "$run/a.disk" --disk "$run/b.disk" --disk "$run/c.disk" --env TIME_SCALE="$scale" \
			--env DITTO_KO="${DITTO_KO-}" -- tests/cluster/crash-guest.sh "$@"
	) >>"$run/out" 2>&1 &
	machine=$!
	compare_when_asked &
	comparer=$!
}

# What the disks hold is seen from here, and much faster than from within.
compare_when_asked() {
	local size=''
	until [[ $size ]]; do
		sleep 0.1	# the console is a file: nobody says that it has grown
		size=$(sed -n 's/^compare \([0-9][0-9]*\) bytes$/\1/p' "$run/out")
	done
	{
		cmp -n "$size" "$work/a" "$work/b" && cmp -n "$size" "$work/a" "$work/c" && echo equal
	} >"$work/share/answer.new" 2>&1
	mv "$work/share/answer.new" "$work/share/answer"
}

# until_said REGEX: whether the machine has lived until then
until_said() {
	until grep -qE "$1" "$run/out"; do
		kill -0 "$machine" 2>/dev/null || return 1
		sleep 0.1	# as above
	done
}

end_life() {
	local disk
	wait "$machine"
	ended=$?
	for disk in "${serving[@]}"; do
		wait "$disk" || ended=1
	done
	cat "$run"/?.lost >>"$run/out"
	kill "$comparer" 2>/dev/null
	wait "$comparer" 2>/dev/null
}

# Without a chance to end anything, which qemu has at other signals
kill_machine() {
	kill -KILL "$(<"$run/pid")" || echo "not ok: the machine had died" >>"$run/out"
	end_life
	"$top/scripts/check-log" "$run/log" >"$run/trouble" ||
		{ echo "not ok: the kernel log is not clean"; cat "$run/trouble"; } >>"$run/out"
}

# judge WHAT COMMAND...: the verdict of a life, from what it has said, and whether
# the command succeeds
judge() {
	local what=$1
	shift
	if grep -q '^not ok' "$run/out" || ! "$@"; then
		failed=$((failed + 1))
		sed 's/^/# /' "$run/out"
		echo "not ok $((passed + failed)) $what"
		return 1
	fi
	passed=$((passed + 1))
	echo "ok $((passed + failed)) $what: $(grep -hE 'bytes were sent|blocks are wrong|were not flushed' "$run/out" |
		sed 's/^ok [0-9]* //; s/^# //' | paste -sd ';')"
}

progress() {
	local done=$((number + 1 - begun)) left=$((kills - number - 1))
	echo "# $((number + 1)) of $kills kills, $((SECONDS / done)) s each; about $((SECONDS * left / done / 60)) min left"
}

echo "# SEED=$seed"
for ((number = begun; number < kills; number++)); do
	begin_life "$number"
	if ((number && RANDOM % 4 == 0)); then
		doing='that recovers' from='^ok [0-9]* a network'
	else
		doing='that writes' from='^writing from'
	fi
	if until_said "$from"; then
		# At whatever moment: that is what is tested.
		sleep "$((RANDOM % 4)).$((RANDOM % 10))"
		kill_machine
	else
		end_life
	fi
	judge "life $number, $doing, killed" grep -qE "$from" "$run/out" || break
	echo $((number + 1)) >"$work/lives"
	progress
done
if ((!failed)); then
	begin_life "$number" last
	end_life
	judge "life $number, the last" test "$ended" = 0
fi
echo "1..$((passed + failed))"
echo "$passed passed, $failed failed, 0 skipped"
((!failed))
