#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Test: a Secondary refuses every write and serves reads
# Proves: G5, G10
# Needs: brd
# Time limit: 120

# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.sh"

cluster_ready 2 16
must "data is written on a" dd if=/dev/urandom of="$DEV" bs=1M count=2 oflag=direct
other=$(device b)
report "on the Secondary: " dio refused "$other"
refused "mkfs is refused there" . mkfs.ext4 -q -F "$other"
ok "the Secondary's device reads the same" cmp -n $((2 << 20)) "$DEV" "$other"
ok "all copies are equal" copies_equal
