#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Test: suspended I/O waits, goes on or fails as told, and nothing hangs for it
# Proves: G1, G7
# Needs: brd, nft
# Time limit: 240
# Kernel log: Buffer I/O error
#
# A writer with four threads remembers what was acknowledged. While I/O is
# suspended, each waits with one write: nothing is acknowledged.

# shellcheck source=tests/selftests/lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source=tests/selftests/fault-lib.sh
source "$selftests/fault-lib.sh"

need nft
timeout=3

# held NODE COUNT: so many bios wait there
held() { is "$1" device.held "$2"; }
count() { acked count "$ACKED_LOG"; }
more_errors() { (($(acked errors "$ACKED_LOG") > $1)); }
# ends PID
ends() { wait_for 20 "the end of $1" not test -e "/proc/$1"; }

# Sockets of a's namespace that are in a multicast group of generic netlink
# shellcheck disable=SC2016 # awk's
listeners() { on a awk '$2 == 16 && $4 !~ /^0*$/' /proc/net/netlink | wc -l; }
one_more_listens() { (($(listeners) > $1)); }

# nobody_writes WHAT: all threads wait, and whatever is done meanwhile, no write is acknowledged
nobody_writes() {
	local before
	ok "$1: each thread of the writer waits" wait_for 20 "4 held" held a 4
	before=$(count)
	ok "$1: status says so" shows 'I/O suspended by hand, 4 waiting' ditto a status "$RES"
	same "$1: so does --json" suspended "$(field a device.io)"
	refused "$1: demote names the user, and what to do" 'in use, last opened by.*resume-io.*--force' \
		ditto a demote "$RES"
	refused "$1: so does down" 'in use, last opened by.*resume-io' ditto a down "$RES"
	refused "$1: detach" 'in use, last opened by.*resume-io' ditto a detach "$RES"
	refused "$1: the module stays" 'in use' rmmod ditto
	within 10 "$1: a promotion of the Primary is nothing new" ditto a promote "$RES"
	same "$1: no write was acknowledged" "$before" "$(count)"
}

cluster_ready 2 16 timeout=$((timeout * 1000)) ping=500
before=$(listeners)
begin a "$TOOL" events >"$WORK/events" &
events=$!
ok "somebody listens to events" wait_for 20 "a listener" one_more_listens "$before"

what="suspended"
acked_start "$DEV"
within 10 "$what in time" ditto a suspend-io "$RES"
nobody_writes "$what"
ok "$what twice is fine" ditto a suspend-io "$RES"
dd if="$DEV" of=/dev/null bs=4k count=1 iflag=direct status=none &
reader=$!
ok "$what: a reader waits, too" wait_for 20 "5 held" held a 5
ok "$what: the events tell" wait_for 10 "an event" grep -q 'io .*running->suspended' "$WORK/events"
ok "$what: so does the kernel log" shows 'I/O is suspended by hand' dmesg

what="resumed"
before=$(count)
ok "$what" ditto a resume-io "$RES"
ok "$what: the writer goes on" acked_goes_on 20
ok "$what: the reader has read" wait "$reader"
ok "$what: no write has failed" acked_no_errors
same "$what: status says so" running "$(field a device.io)"
ok "$what: the events tell" wait_for 10 "an event" grep -q 'io .*suspended->running' "$WORK/events"
ok "$what twice is fine" ditto a resume-io "$RES"

what="failed"
must "$what: suspended again" ditto a suspend-io "$RES"
nobody_writes "$what"
ok "$what: resumed with --fail" ditto a resume-io "$RES" --fail
ok "$what: the writer sees errors" wait_for 20 "errors" more_errors 3
ok "$what: and goes on" acked_goes_on 20
same "$what: each thread has seen one" 4 "$(acked errors "$ACKED_LOG")"

what="a killed writer"
must "$what: suspended" ditto a suspend-io "$RES"
ok "$what waits" wait_for 20 "4 held" held a 4
kill -KILL "$ACKED"
refused "$what is in the way of demote" 'in use' ditto a demote "$RES"
ok "$what: its writes are failed" ditto a resume-io "$RES" --fail
ok "$what ends" ends "$ACKED"
ok "$what: what was acknowledged is there" acked check "$DEV" "$ACKED_LOG"
ok "all copies are equal" copies_equal

what="a peer that is silent"
acked_start "$DEV"
link_blackhole b
within $((timeout + 4)) "$what: suspend-io waits for it no longer than the time-out" \
	ditto a suspend-io "$RES"
same "$what: suspended" suspended "$(field a device.io)"
ok "$what: resumed" ditto a resume-io "$RES"
ok "$what: the writer goes on" acked_goes_on 20
ok "$what: without an error" acked_no_errors
acked_stop INT
link_heal b
must "$what: in sync again" wait_sync a

what="a Secondary"
must "$what: suspended" ditto b suspend-io "$RES"
dd if="$(device b)" of=/dev/null bs=4k count=1 iflag=direct status=none &
reader=$!
ok "$what: its reader waits" wait_for 20 "1 held" held b 1
ok "$what: writes of the Primary do not" dd if=/dev/urandom of="$DEV" bs=64k count=8 oflag=direct \
	status=none
ok "$what: nor does a resync" ditto a invalidate "$RES" b
must "$what: in sync" wait_sync a
same "$what: the reader does" 1 "$(field b device.held)"
ok "$what: resumed" ditto b resume-io "$RES"
ok "$what: it has read" wait "$reader"

what="without users"
must "$what: suspended" ditto b suspend-io "$RES"
within 10 "$what: down ends" ditto b down "$RES"
refused "$what: then there is nothing to suspend" 'no resource' ditto b suspend-io "$RES"
must "$what: up" ditto b up "$RES"
must "$what: in sync" wait_sync a
same "$what: it has ended with the device" running "$(field b device.io)"

what="a change of roles"
must "$what: suspended on a" ditto a suspend-io "$RES"
must "$what: a is demoted" ditto a demote "$RES"
same "$what: suspended still" suspended "$(field a device.io)"
must "$what: a is promoted" ditto a promote "$RES"
must "$what: in sync" wait_sync a
dd if=/dev/zero of="$DEV" bs=4k count=1 oflag=direct status=none &
writer=$!
ok "$what: a writer waits" wait_for 20 "1 held" held a 1
ok "$what: resumed" ditto a resume-io "$RES"
ok "$what: it has written" wait "$writer"

what="no disk"
must "$what: b detaches" ditto b detach "$RES"
for verb in suspend-io resume-io; do
	refused "$what: $verb has nothing to do" 'no disk is attached' ditto b $verb "$RES"
done
must "$what: b attaches" ditto b attach "$RES"
ditto a connect "$RES"
ditto b connect "$RES"
must "$what: in sync" wait_sync a

# The flush of its end would wait for what is suspended.
what="the namespace goes"
acked_start "$DEV"
must "$what: suspended" ditto a suspend-io "$RES"
ok "$what: the writer waits" wait_for 20 "4 held" held a 4
block=/sys/block/${DEV##*/}
# They are what else holds it.
kill $events
ok "$what: nobody listens any more" ends $events
kill_daemon a
ip -n dt-net link del va
ip netns del dt-a
NODES=(b)
unset 'DAEMON_PID[a]'
gone() { [[ ! -e $1 ]]; }
ok "$what: so does the device" wait_for 60 "the end of $block" gone "$block"
ok "$what: what waited has failed" wait_for 20 "errors" more_errors 3
acked_stop INT
ok "$what: b is promoted without --force" ditto b promote "$RES"
ok "$what: b has what was acknowledged" acked check "$(device b)" "$ACKED_LOG"
