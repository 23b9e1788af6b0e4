#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Test: a writer that its cgroup holds back holds back nobody else
# Proves: G7
# Needs: brd
# Time limit: 180
#
# Writes of that cgroup may pass 128 bytes a second to the Primary's disk. What it
# writes waits for that, and not the intent log, which others wait for too, and which
# counts as a disk that stands still when it takes longer than its time-out.

# shellcheck source=tests/selftests/lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source=tests/selftests/fault-lib.sh
source "$selftests/fault-lib.sh"

group=$WORK/cgroup/slow
mkdir "$WORK/cgroup"
mount -t cgroup2 none "$WORK/cgroup" 2>/dev/null || skip "the kernel has no cgroups"
leave() {
	local status=$?
	rmdir "$group" 2>/dev/null
	umount "$WORK/cgroup"
	return "$status"
}
trap 'leave; finish' EXIT
echo +io >"$WORK/cgroup/cgroup.subtree_control" 2>/dev/null || skip "nor limits of theirs for I/O"
mkdir "$group"

cluster_ready 2 64
limit() { echo "$(lsblk -dno MAJ:MIN "${DISK[a]}" | tr -d ' ') $1" >"$group/io.max"; }
# REGION [COUNT]: 4 KiB in each
write_to() {
	local i
	for ((i = $1; i < $1 + ${2:-1}; i++)); do
		dd if=/dev/zero of="$DEV" bs=4k count=1 seek=$((i * 1024)) oflag=direct status=none || return
	done
}
slow_write() { echo $BASHPID >"$group/cgroup.procs" && write_to 2; }
alive() { kill -0 "$1" 2>/dev/null; }

must "no region is hot" wait_for 40 "cold regions" cold a
must "a group has a limit" limit wbps=128
slow_write &
slow=$!
must "it writes" wait_for 10 "a region in use" not cold a
within 10 "others write to cold regions" write_to 4 4
ok "it waits" alive "$slow"
must "the limit is lifted" limit wbps=max
ok "its write ends" wait_for 20 "its end" not alive "$slow"
ok "the disk has not failed" is a disk.state UpToDate
ok "the copies are equal" copies_equal
