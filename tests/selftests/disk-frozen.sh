#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Test: a disk that returns nothing any more is given up by command, and moves again
# Proves: G1, G7, G8, G12
# Needs: brd, dm, nft
# Time limit: 540
#
# The disk of the Primary, then that of a Secondary, is suspended while a writer
# remembers what was acknowledged to it. A command that has to write metadata waits
# for the disk; detach --force ends that wait and its own in seconds. Writes, and
# reads that begin then, go on with the peers. What the disk had been given comes
# back when it moves again, and does no harm. Last, one that was idle is found to stand
# still by the write that needs its log.

# shellcheck source=tests/selftests/lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source=tests/selftests/fault-lib.sh
source "$selftests/fault-lib.sh"

need dmsetup nft
SIZE=64
freeze() { dmsetup suspend --noflush --nolockfs "dt-$1"; }
thaw() { dmsetup resume "dt-$1"; }
alive() { kill -0 "$1" 2>/dev/null; }
# Blocks of 4 KiB that the writer leaves alone
read_at() { dd if="$DEV" of="$2" bs=4k count=64 skip=$(($1 * 256)) iflag=direct status=none; }
original() { dd if="$WORK/data" bs=4k count=64 skip=$(($1 * 256)) status=none; }
same_data() { cmp "$2" <(original "$1"); }
# Since this test began: others' disks fail, too.
mark="ditto-selftest: disk-frozen $$ looks from here"
log_says() {
	dmesg | awk -v mark="$mark" -v what="ditto.*: .*$1" \
		'begun && $0 ~ what { found = 1 } index($0, mark) { begun = 1 } END { exit !found }'
}

echo "$mark" >/dev/kmsg
cluster_ready 3 $SIZE disk=dm
dd if=/dev/urandom of="$WORK/data" bs=1M count=56 status=none
must "there is data" dd if="$WORK/data" of="$DEV" bs=1M oflag=direct conv=fsync status=none

# As while somebody takes a snapshot of it: dm fails what is read ahead meanwhile.
what="the Primary's disk stands still for a moment"
reads() { (($(awk '{ print $1 }' "/sys/block/${DEV#/dev/}/inflight"))); }
must "$what" freeze a
dd if="$DEV" of="$WORK/ahead" bs=1M count=4 status=none &
reader=$!
ok "$what: what is read ahead waits" wait_for 20 "a read" reads
must "$what: it moves again" thaw a
ok "$what: the read ends" wait "$reader"
ok "$what: with what was written" cmp -n 4M "$WORK/data" "$WORK/ahead"
ok "$what: that was no error of the disk" not log_says 'cannot read'
ok "$what: which is as it was" is a disk.state UpToDate

what="the last good copy"
link_cut a
ok "$what: a is alone" wait_for 20 "a alone" is a 'peers.*.connection' Connecting
refused "$what: the Primary's is kept" 'last good copy' ditto a detach "$RES" --force
ok "$what: and stays UpToDate" is a disk.state UpToDate
link_cut b c
refused "$what: so is a Secondary's" 'last good copy' ditto b detach "$RES" --force
link_heal a
link_heal b
must "$what: all are in sync" wait_sync a

what="the Primary's disk stands still"
must "$what: the load begins" acked_start "$DEV" 4096
must "$what" freeze a
read_at 40 "$WORK/stuck" &
stuck=$!
# Its loss has to be recorded: this holds what commands wait for.
ditto a disconnect "$RES" c &
waiting=$!
must "$what: c has left" wait_for 20 "c not connected" not connected c a
within 5 "$what: detach --force ends" ditto a detach "$RES" --force
ok "$what: it says that it has failed" is a disk.state Failed
ok "$what: so does the kernel log" log_says 'given up with it'
ok "$what: a is Primary still" is a role Primary
ok "$what: the command that waited for it ends" wait_for 5 "disconnect" not alive "$waiting"
ok "$what: the load goes on" acked_goes_on 20
ok "$what: without an error" acked_no_errors
within 5 "$what: a read that begins now ends" read_at 44 "$WORK/fresh"
ok "$what: with what was written" same_data 44 "$WORK/fresh"
ok "$what: one that the disk had been given is with it still" alive "$stuck"
within 5 "$what: detach --force again ends" ditto a detach "$RES" --force
within 5 "$what: status answers" ditto a status "$RES"
refused "$what: no other disk for a Primary" 'demote this node' ditto a attach "$RES"
must "$what: the load ends" acked_stop
must "$what: it moves again" thaw a
ok "$what: the read that it had ends" wait_for 20 "the read" not alive "$stuck"
ok "$what: with what was written" same_data 40 "$WORK/stuck"
ok "$what: what was acknowledged can be read" acked check "$DEV" "$ACKED_LOG"

what="the disk returns"
must "$what: a is demoted" ditto a demote "$RES"
must "$what: b is promoted without --force" ditto b promote "$RES"
DEV=$(device b)
ok "$what: b has what was acknowledged" acked check "$DEV" "$ACKED_LOG"
must "$what: a lets go of it" ditto a detach "$RES"
ok "$what: a has none" is a disk.state Diskless
must "$what: and takes it again" wait_for 20 "attach" ditto a attach "$RES"
ditto a connect "$RES" c
ditto c connect "$RES" a
must "$what: all are in sync" wait_sync b
ok "$what: all copies are equal" copies_equal

what="a Secondary's disk stands still"
must "$what: the load begins" acked_start "$DEV" 4096
must "$what" freeze c
ok "$what: it has been given writes" wait_for 20 "writes that wait" not acked_goes_on 1
within 5 "$what: detach --force ends" ditto c detach "$RES" --force
ok "$what: c has no disk" is c disk.state Diskless
ok "$what: the kernel log names it" log_says 'dt-c has not returned all that it was given'
ok "$what: the load goes on" acked_goes_on 20
ok "$what: without an error" acked_no_errors
refused "$what: it cannot be attached yet" 'something else uses it' ditto c attach "$RES"
must "$what: it moves again" thaw c
must "$what: c takes it again" wait_for 20 "attach" ditto c attach "$RES"
ok "$what: the kernel log says so" log_says 'dt-c has returned all that it was given'
must "$what: the load ends" acked_stop
must "$what: all are in sync" wait_sync b
ok "$what: all copies are equal" copies_equal
ok "$what: b has what was acknowledged" acked check "$DEV" "$ACKED_LOG"

what="a Secondary whose disk stands still goes down"
must "$what: the load begins" acked_start "$DEV" 4096
must "$what" freeze a
ok "$what: it has been given writes" wait_for 20 "writes that wait" not acked_goes_on 1
within 50 "$what: down ends" ditto a down "$RES"
refused "$what: it is down" 'no resource|not up' ditto a status "$RES"
must "$what: the load ends" acked_stop
must "$what: the disk moves again" thaw a
must "$what: a comes up" wait_for 20 "a up" ditto a up "$RES"
must "$what: all are in sync" wait_sync b
ok "$what: all copies are equal" copies_equal

# Nothing else is asked of the disk: the write waits for its region.
what="a disk that stands still before a cold write"
must "$what: no region is hot" wait_for 40 "cold regions" cold b
must "$what" freeze b
within 40 "$what: the write ends" dd if="$WORK/data" of="$DEV" bs=4k count=1 oflag=direct status=none
ok "$what: the kernel log says why" log_says 'cannot write the intent log: error -110'
ok "$what: it has failed" is b disk.state Failed
ok "$what: the write is there" cmp -n 4096 "$WORK/data" "$DEV"
must "$what: it moves again" thaw b
