#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Test: status, events, wait-sync and pause-sync tell what there is
# Proves: G3, G7
# Needs: brd
# Time limit: 180

# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.sh"

cluster_up 3 16
on a timeout "$(scaled 150)" "$TOOL" events >"$WORK/events" &
on a timeout "$(scaled 150)" "$TOOL" events --json >"$WORK/events.json" &
narrow() { [[ ! $(COLUMNS=80 ditto a status | awk 'length > 80') ]]; }

ok "status has lines of 80 columns at most" narrow
must "resyncs are held" ditto a pause-sync "$RES"
must "a becomes Primary" ditto a promote "$RES" --force
DEV=$(device a)
ok "a resync waits" wait_for 20 "paused" is a 'peers.*.paused' true
refused "wait-sync ends when its time is up, and says what is missing" 'not in sync.*' \
	on a timeout "$(scaled 30)" "$TOOL" wait-sync "$RES" --timeout 1
ok "b and c, to be precise" test "$(grep -cE 'r0: [bc] .*paused' "$WORK/out")" = 2
same "by then nothing was resynced" "0 0" "$(field a 'peers.*.resync-sent' | paste -sd ' ')"
ok "status tells how much is out of sync" shows 'out of sync' ditto a status
ok "in 80 columns" narrow
must "data is written meanwhile" dd if=/dev/urandom of="$DEV" bs=64k count=8 oflag=direct
must "resyncs go on" ditto a resume-sync "$RES"
must "all are in sync" wait_sync a
ok "status has no more to say" narrow
ok "all copies are equal" copies_equal
must "a is demoted" ditto a demote "$RES"
ok "events told of the promotion" wait_for 10 "an event" grep -q 'role.*Secondary->Primary' "$WORK/events"
ok "and of the demotion" wait_for 10 "an event" grep -q 'role.*Primary->Secondary' "$WORK/events"
ok "and of the resync" grep -qE 'peer=1.*(SyncSource|Established)' "$WORK/events"
ok "each event for programs is JSON" json 0.event <<<"[$(head -n 1 "$WORK/events.json")]"
refused "an unknown resource is named" 'nosuch' ditto a status nosuch
