#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Test: writes go on and end where the kernel has no memory
# Proves: G7, G8
# Needs: brd
# Time limit: 240
#
# Most memory is taken as huge pages, and the limit below which the kernel gives none
# to anybody but those who free some is put above what is left. Both nodes are in that
# kernel: what the Primary sends waits for what the Secondary has to receive, write and
# acknowledge it with. The ram disks have all their pages before.
#
# The kernel cannot start a thread meanwhile either, and has somebody killed for it.
# With KASAN all takes so much longer that it wants more workers than the first load
# has left behind: not always, but in most runs.

# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.sh"

! grep -q ' kasan_report$' /proc/kallsyms || skip "KASAN: the kernel wants more threads than it has"
LEFT=160		# MiB: what frees memory has enough of it
free_kb() { awk '$1 == "MemFree:" { print $2 }' /proc/meminfo; }
available_kb() { awk '$1 == "MemAvailable:" { print $2 }' /proc/meminfo; }
pages=/proc/sys/vm/nr_hugepages
[[ -w $pages ]] || skip "the kernel has no huge pages"
pages_before=$(<$pages)
limit_before=$(</proc/sys/vm/min_free_kbytes)

# Where the test ends, too: with the status that it had
give_back() {
	local status=$?
	echo "$limit_before" >/proc/sys/vm/min_free_kbytes
	echo "$pages_before" >$pages
	return "$status"
}
trap 'give_back; finish' EXIT

# What is available, but for a rest. Much of it may have to be put together first.
take() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	echo 1 >/proc/sys/vm/compact_memory
	echo $(($(<$pages) + ($(available_kb) / 1024 - LEFT) / 2)) >$pages
	echo "$(free_kb) KiB are free, $(available_kb) KiB available"
	(($(free_kb) < 2 * LEFT * 1024))
}
cookie() { field a peers.b.cookie; }
ram_disk() { dd if=/dev/zero of="$1" bs=1M count=96 oflag=direct conv=fsync status=none; }

cluster_up 2 96 up=0
for node in a b; do
	must "$node's disk has its memory" ram_disk "${DISK[$node]}"
	must "$node comes up" node_up "$node"
done
must "they are connected" wait_for 20 "the connection" all_connected
must "a becomes Primary" ditto a promote "$RES" --force
must "all copies are in sync" wait_sync a
DEV=$(device a)
session=$(cookie)

must "memory is taken" wait_for 30 "huge pages" take
limit=$((2 * $(free_kb)))
diag "$(free_kb) KiB are free, the limit is $limit KiB"
report "" limit 200 no_memory "$DEV" "$limit" "$(scaled 45)"
give_back

same "b has been connected all the time" "$session" "$(cookie)"
ok "all are in sync" wait_sync a
ok "G1: the copies are equal" copies_equal
