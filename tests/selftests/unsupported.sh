#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Test: what the disks cannot do, or nobody can, is refused
# Proves: G4
# Needs: brd
# Time limit: 120

# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.sh"

# Ram disks that cannot discard: neither can the device.
cluster_ready 2 16
must "data is written" dd if=/dev/urandom of="$DEV" bs=1M count=2 oflag=direct
cksum=$(dd if="$DEV" bs=1M count=2 iflag=direct status=none | cksum)
if blkdiscard --length 1M /dev/ram9 2>/dev/null; then
	ok "a discard, as these disks can do that" blkdiscard --offset 8M --length 1M "$DEV"
else
	refused "a discard is refused" 'not supported' blkdiscard --length 1M "$DEV"
fi
refused "a secure erase is refused" 'not supported' blkdiscard --secure --length 1M "$DEV"
refused "a write past the end is refused" 'No space left|past|Invalid' \
	dd if=/dev/zero of="$DEV" bs=4k count=1 oflag=direct seek=$(($(device_size a) / 4096 + 1))
same "it is no zoned device" none "$(<"/sys/block/${DEV##*/}/queue/zoned")"
same "nothing was changed" "$cksum" "$(dd if="$DEV" bs=1M count=2 iflag=direct status=none | cksum)"
ok "all copies are equal" copies_equal
