#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# One life of a machine with three nodes, as crash.sh starts and kills it:
#
#	crash-guest.sh NUMBER [last]
#
# Life 0 makes the cluster. Each later one finds what a crash has left on the
# three disks, promotes another node, and looks at what has become of them.
# Then it writes until the machine is killed; the last one ends in order.

# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/../selftests/lib.sh"

number=$1 last=${2-}
stamp=$top/tests/cluster/build/stamp
flushed=/mnt/share/flushed
# Regions that were hot at a crash, since all were last in sync
owed=/mnt/share/owed
# There while all are in sync, but for what is being written
settled=/mnt/share/settled
answer=/mnt/share/answer
region=$((4 << 20))
area=16			# MiB, where the writer writes, of 64

must "the module is there" load_module
NODES=(a b c)
DISK=([a]=/dev/vda [b]=/dev/vdb [c]=/dev/vdc)
must "a network" net_up "${NODES[@]}"
conf_options="timeout = $(scaled 6000)
ping-interval = $(scaled 1000)
"
write_conf "$RES" "$UUID" 7900
for node in "${NODES[@]}"; do
	start_daemon "$node"
done

# each COMMAND...: with each node as its first argument, all at once
each() {
	local node pids=() pid bad=0
	for node in "${NODES[@]}"; do
		"$1" "$node" "${@:2}" &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait "$pid" || bad=1
	done
	return "$bad"
}

in_sync() {
	must "all are in sync" wait_sync "$primary"
	rm -f "$owed"
	touch "$settled"
}

# All disks are empty, so they are equal.
make_cluster() {
	must "the nodes come up" each node_up
	must "all are connected" wait_for 30 "connections" all_connected
	primary=a
	must "a becomes Primary" ditto a promote "$RES" --assume-equal
	in_sync
}

# look NODE: what its log names is noted, before it comes up
look() { ditto "$1" check-md "$RES" && hot_on_disk "$1" >"$WORK/hot.$1"; }

ditto_up() { ditto "$1" up "$RES"; }

# promote NODE...: the first one whose copy is not behind another's
promote() {
	local said
	for primary; do
		said=$(ditto "$primary" promote "$RES") && return
		echo "$primary: $said"
		grep -qE 'newer data|Inconsistent|Outdated' <<<"$said" || return 1
	done
	return 1
}

# What was hot may have to be sent, to two of three.
recover_cluster() {
	local hot sent lost candidates=("${NODES[@]:number % 3}" "${NODES[@]:0:number % 3}")
	# All have everything, unless the last life has ended before it knew that.
	if [[ -e $settled ]]; then
		candidates=("${candidates[0]}")
		rm "$settled"
	fi
	must "the metadata is sound" each look
	touch "$owed"
	sort -u "$WORK"/hot.? "$owed" >"$WORK/owed"
	cp "$WORK/owed" "$owed"
	hot=$(wc -l <"$owed")
	must "the nodes come up" each ditto_up
	must "all are connected" wait_for 30 "connections" all_connected
	must "one of ${candidates[*]} is promoted, without --force" promote "${candidates[@]}"
	in_sync
	sent=$(each field 'peers.*.resync-sent' | awk '{ sent += $1 } END { printf "%d", sent }')
	# On a machine that has much else to do. What was under way is sent again then.
	lost=$(dmesg | grep -c 'ditto.*connection lost')
	ok "$sent bytes were sent, $hot regions were hot, connections were lost $lost times" test "$sent" -le $(((2 + lost) * hot * region))
	ok "all copies are equal" compared "$(device_size "$primary")"
	ok "what was flushed is there" "$stamp" check "$(device "$primary")" "$flushed" "$area"
	diag "$(tail -n 1 "$WORK/out")"
}

# The host does it. Nobody writes meanwhile.
exec {host}>&1
compared() {
	echo "compare $1 bytes" >&"$host"
	wait_for 60 "an answer of the host's" test -e "$answer" || return 1
	cat "$answer"
	[[ $(<"$answer") == equal ]]
}

# cool_down: now here, now there, whatever can cool does, which it would do only after
# a minute. So regions become hot again and again, and what is cold is put to the test.
# Each time flushes the disk, which would hide a flush that is missing elsewhere: so
# every other life goes without.
cool_down() {
	local node debug cool=()
	for node in "${NODES[@]}"; do
		debugging "$node" || return
		cool+=("$debug/cool")
	done
	while sleep "0.$((RANDOM % 3))$((RANDOM % 10))"; do
		echo 1 >"${cool[RANDOM % ${#cool[@]}]}"
	done
}

RANDOM=$((number + 1))
if ((number)); then
	recover_cluster
else
	make_cluster
fi
if [[ ! $last ]]; then
	# So that each has got to another position when the machine is killed.
	late=0
	for node in "${NODES[@]}"; do
		[[ $node != "$primary" ]] || continue
		late=$((late + 8))
		must "$node is $late ms late" link_netem "$node" delay "${late}ms"
	done
	((number % 2)) || cool_down &
	# To the end: the machine is killed meanwhile.
	"$stamp" write "$(device "$primary")" "$flushed" "$area"
	fail "the writer has ended"
fi
