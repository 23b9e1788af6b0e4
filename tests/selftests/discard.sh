#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Test: a discard of the whole device reaches all disks
# Proves: G12
# Needs: loop, on a file system that can punch holes
# Time limit: 180

# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.sh"

cluster_ready 3 16 disk=loop
must "data is written all over" dd if=/dev/urandom of="$DEV" bs=1M oflag=direct \
	count=$(($(device_size a) >> 20))
ok "the whole device is discarded" blkdiscard "$DEV"
for node in "${NODES[@]}"; do
	used=$(du -k "$WORK/disk-$node" | cut -f1)
	ok "the disk of $node has let go of the space ($used KiB left)" test "$used" -lt 2048
done
ok "it reads as zeros" cmp -n "$(device_size a)" "$DEV" /dev/zero
ok "all copies are equal" copies_equal
