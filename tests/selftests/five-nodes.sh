#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Test: five nodes, of which two go and come back
# Proves: G1, G3, G8, G12
# Needs: brd
# Time limit: 300

# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.sh"

cluster_ready 5 16
same "all five are in the roster" 31 "$(field a roster)"
must "data is written" dd if=/dev/urandom of="$DEV" bs=1M count=4 oflag=direct
ok "all copies are equal" copies_equal
for node in d e; do
	must "$node goes" ditto "$node" down "$RES"
done
must "data is written without them" dd if=/dev/urandom of="$DEV" bs=1M count=4 seek=2 oflag=direct
same "three are in the roster" 7 "$(field a roster)"
ok "the three are equal" backing_equal a b c
for node in d e; do
	must "$node comes back" ditto "$node" up "$RES"
done
must "all are in sync" wait_sync a
same "all five are in the roster again" 31 "$(field a roster)"
ok "all copies are equal again" copies_equal
must "a is demoted" ditto a demote "$RES"
must "e becomes Primary" ditto e promote "$RES"
must "data is written there" dd if=/dev/urandom of="$(device e)" bs=1M count=2 oflag=direct
ok "all copies are equal with e as Primary" copies_equal
