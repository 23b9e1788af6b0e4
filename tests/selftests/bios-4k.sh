#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Test: every kind of request, on disks with sectors of 4 KiB
# Proves: G1, G12
# Needs: loop
# Time limit: 180

# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.sh"

# Not null_blk, which with such sectors reads beyond its pages where a piece of a
# request begins within a sector.
cluster_ready 3 24 disk=loop block=4096
same "the device has sectors of 4 KiB" 4096 "$(blockdev --getss "$DEV")"
report "" dio kinds "$DEV"
refused "half a sector is refused" 'Invalid argument' \
	dd if=/dev/zero of="$DEV" bs=512 count=1 oflag=direct
ok "all copies are equal" copies_equal
