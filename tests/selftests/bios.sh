#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Test: every kind of request, on disks with sectors of 512 bytes
# Proves: G1, G12
# Needs: null_blk
# Time limit: 180

# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.sh"

# With a volatile cache, so that flushes and FUA have something to do. One that holds
# the whole disk: null_blk makes room in a full one in a loop that never ends where
# whoever has a page of it in hand waits for that very processor (Linux 6.1).
cluster_ready 3 24 disk=null discard=1 cache=64
same "the device has sectors of 512 bytes" 512 "$(blockdev --getss "$DEV")"
report "" dio kinds "$DEV"
# The flush by itself, the one behind a write; on null_blk FUA is emulated.
ok "flushes were counted" test "$(field a device.flushes)" -ge 2
ok "all copies are equal" copies_equal
