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
region=$((4 << 20))

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

make_cluster() {
	for node in "${NODES[@]}"; do
		must "$node comes up" node_up "$node"
	done
	must "a becomes Primary" ditto a promote "$RES" --force
	must "all are in sync" wait_sync a
	primary=a
	must "no stamp is there" "$stamp" wipe "$(device a)"
}

# What was hot may have to be sent: by the Primary, to both others.
recover_cluster() {
	local hot=0 sent
	for node in "${NODES[@]}"; do
		ok "$node's metadata is sound" ditto "$node" check-md "$RES"
		hot=$((hot + $(ditto "$node" dump-md "$RES" --json | json hot-regions)))
		must "$node comes up" ditto "$node" up "$RES"
	done
	must "all are connected" wait_for 30 "connections" all_connected
	primary=${NODES[number % 3]}
	must "$primary is promoted, without --force" ditto "$primary" promote "$RES"
	must "all are in sync" wait_sync "$primary"
	sent=0
	for node in "${NODES[@]}"; do
		[[ $node == "$primary" ]] || sent=$((sent + $(field "$primary" "peers.$node.resync-sent")))
	done
	ok "$sent bytes were sent, $hot regions were hot" test "$sent" -le $((2 * hot * region))
	ok "all copies are equal" backing_equal
	ok "what was flushed is there" "$stamp" check "$(device "$primary")" "$flushed"
	diag "$(tail -n 1 "$WORK/out")"
}

if ((number)); then
	recover_cluster
else
	make_cluster
fi
ok "the kernel log is clean" bash -c "dmesg | '$top/scripts/check-log' -"
if [[ ! $last ]]; then
	# So that each has got to another position when the machine is killed.
	late=0
	for node in "${NODES[@]}"; do
		[[ $node != "$primary" ]] || continue
		late=$((late + 8))
		must "$node is $late ms late" link_netem "$node" delay "${late}ms"
	done
	# To the end: the machine is killed meanwhile.
	"$stamp" write "$(device "$primary")" "$flushed"
	fail "the writer has ended"
fi
