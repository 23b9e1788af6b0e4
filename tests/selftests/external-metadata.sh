#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Test: metadata on a device of its own
# Proves: G11
# Needs: brd
# Time limit: 180

# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.sh"

cluster_ready 2 16 metadata=external
same "the device has all of the disk" $((16 << 20)) "$(device_size a)"
for node in a b; do
	ok "the metadata of $node is sound" ditto "$node" check-md "$RES"
	same "and is where it should be" "${META[$node]}" "$(field "$node" disk.metadata)"
done
must "the last sectors are written" dd if=/dev/urandom of="$DEV" bs=4k count=16 oflag=direct \
	seek=$(((16 << 8) - 16))
ok "all copies are equal" copies_equal
must "b is taken down" ditto b down "$RES"
must "and comes up with the metadata that it has" ditto b up "$RES"
must "all are in sync" wait_sync a
ok "all copies are still equal" copies_equal
