#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Test: a cluster comes up, replicates, and goes away
# Proves: G3, G12
# Needs: brd
# Time limit: 120

# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.sh"

cluster_ready 3 16
must "data is written" dd if=/dev/urandom of="$DEV" bs=1M count=4 oflag=direct
ok "all copies are equal" copies_equal
same "all three are in the roster" 7 "$(field a roster)"
