#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Test: who is Primary, and who may become it
# Proves: G3, G5, G7
# Needs: brd
# Time limit: 180

# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.sh"

cluster_ready 2 16
refused "b cannot be Primary too" 'a is Primary' ditto b promote "$RES"
refused "not even by force" 'a is Primary' ditto b promote "$RES" --force

exec 8<>"$DEV"
refused "the device is not demoted while it is open, and the holder is named" \
	"in use.*(bash|roles).*pid $$" ditto a demote "$RES"
refused "nor taken down" "in use.*(bash|roles).*pid $$" ditto a down "$RES"
exec 8>&-

# shellcheck disable=SC2016 # for the inner shell
refused "Secondaries' devices are held by readers, too" 'in use' bash -c \
	'exec 8<"$1"; shift; "$@"' - "$(device b)" env DITTO_NODE=b DITTO_CONFIG_DIR="$CONF" \
	nsenter --net=/run/netns/dt-b "$TOOL" down "$RES"

must "data is written" dd if=/dev/urandom of="$DEV" bs=1M count=2 oflag=direct
must "a is demoted" ditto a demote "$RES"
must "b becomes Primary without --force" ditto b promote "$RES"
must "all are in sync" wait_sync b 20
same "without a byte of resync" 0 "$(field b peers.a.resync-sent)"
must "data is written there" dd if=/dev/urandom of="$(device b)" bs=1M count=2 seek=2 oflag=direct
ok "all copies are equal" copies_equal
must "b is demoted" ditto b demote "$RES"
must "and a is Primary again" ditto a promote "$RES"
must "all are in sync" wait_sync a 20
ok "all copies are equal again" copies_equal
ok "a promotion twice is fine" ditto a promote "$RES"
ok "a demotion twice too" ditto a demote "$RES"
ok "even so" ditto a demote "$RES"
