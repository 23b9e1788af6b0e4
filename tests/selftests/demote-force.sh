#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Test: a Primary in use is demoted by force: nothing acknowledged is lost, nothing more is acknowledged
# Proves: G1, G5, G7
# Needs: brd, dm, nft, mkfs.ext4
# Time limit: 300
# Kernel log: Buffer I/O error|EXT4-fs|Aborting journal|JBD2
#
# A writer remembers what was acknowledged. It stays, after the demotion, with
# the device open: none of its writes may complete any more, whoever is Primary,
# and be it this node again.

# shellcheck source=tests/selftests/lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source=tests/selftests/fault-lib.sh
source "$selftests/fault-lib.sh"

need dmsetup nft mkfs.ext4 e2fsck
timeout=3

count() { acked count "$ACKED_LOG"; }
more_errors() { (($(acked errors "$ACKED_LOG") > $1)); }
held() { is "$1" device.held "$2"; }

# fails_for_good WHAT: the writer sees nothing but errors. What was acknowledged
# before the demotion is counted by the time that each thread has failed once.
fails_for_good() {
	local before
	ok "$1: the writer sees errors" wait_for 20 "errors" more_errors 20
	before=$(count)
	refused "$1: no promotion while it has the device open" 'not been closed' \
		ditto a promote "$RES"
	refused "$1: not by force, either" 'not been closed' ditto a promote "$RES" --force
	same "$1: status tells" true "$(field a device.deposed)"
	ok "$1: b is promoted without --force" ditto b promote "$RES"
	SURVIVOR=$(device b)
	ok "$1: b has what was acknowledged" acked check "$SURVIVOR" "$ACKED_LOG"
	ok "$1: b takes writes" dd if=/dev/urandom of="$WORK/new" bs=64k count=8 status=none
	ok "$1: b has them" dd if="$WORK/new" of="$SURVIVOR" bs=64k count=8 oflag=direct status=none
	refused "$1: a is not promoted beside it" 'b is Primary|not been closed' ditto a promote "$RES"
	must "$1: b is demoted" ditto b demote "$RES"
	refused "$1: a is not, with nobody else, either" 'not been closed' ditto a promote "$RES"
	same "$1: not one write more was acknowledged" "$before" "$(count)"
}

# again WHAT: the writer is gone, and a is Primary with what b had last
again() {
	acked_stop INT
	same "$1: closed" false "$(field a device.deposed)"
	must "$1: a is promoted, now that it is closed" ditto a promote "$RES"
	must "$1: all are in sync" wait_sync a
	ok "$1: a has what was written on b" cmp -n $((8 * 65536)) "$WORK/new" "$DEV"
	ok "$1: all copies are equal" copies_equal
}

cluster_ready 3 16 disk=dm timeout=$((timeout * 1000)) ping=500

what="under load"
acked_start "$DEV"
refused "$what: without force it is refused, and says how" 'in use, last opened by.*--force' ditto a demote "$RES"
within 20 "$what" ditto a demote "$RES" --force
same "$what: Secondary" Secondary "$(field a role)"
fails_for_good "$what"
again "$what"

what="suspended"
acked_start "$DEV"
must "$what: suspended" ditto a suspend-io "$RES"
ok "$what: the writer waits" wait_for 20 "4 held" held a 4
dd if="$DEV" of="$WORK/read" bs=4k count=1 iflag=direct status=none &
reader=$!
ok "$what: and a reader" wait_for 20 "5 held" held a 5
within 20 "$what" ditto a demote "$RES" --force
ok "$what: what was to be written has failed" wait_for 20 "errors" more_errors 3
ok "$what: then each thread waits again, and the reader" wait_for 20 "5 held" held a 5
ok "$what: resumed" ditto a resume-io "$RES"
ok "$what: the reader is served" wait "$reader"
fails_for_good "$what"
again "$what"

what="a silent peer"
acked_start "$DEV"
link_blackhole c
within $((2 * timeout + 6)) "$what" ditto a demote "$RES" --force
same "$what: Secondary" Secondary "$(field a role)"
fails_for_good "$what"
link_heal c
again "$what"

what="a frozen disk"
acked_start "$DEV"
dmsetup suspend --noflush --nolockfs dt-a
within 110 "$what" ditto a demote "$RES" --force
same "$what: Secondary" Secondary "$(field a role)"
same "$what: it was given up" Failed "$(field a disk.state)"
ok "$what: the writer sees errors" wait_for 20 "errors" more_errors 20
ok "$what: b is promoted without --force" ditto b promote "$RES"
ok "$what: b has what was acknowledged" acked check "$(device b)" "$ACKED_LOG"
acked_stop INT
within 60 "$what: down ends" ditto a down "$RES"
dmsetup resume dt-a
must "$what: a comes up again" wait_for 20 "a up" ditto a up "$RES"
must "$what: all are in sync" wait_sync b
must "$what: b is demoted" ditto b demote "$RES"
must "$what: a is promoted" ditto a promote "$RES"
must "$what: in sync" wait_sync a
DEV=$(device a)
ok "$what: all copies are equal" copies_equal

what="a file system"
must "$what is made" mkfs.ext4 -q "$DEV"
mkdir "$WORK/mnt"
must "$what is mounted" mount "$DEV" "$WORK/mnt"
must "$what: a file is written, and synced" dd if=/dev/urandom of="$WORK/mnt/synced" bs=64k count=16 \
	conv=fsync status=none
cp "$WORK/mnt/synced" "$WORK/synced"
must "$what: another is not" dd if=/dev/urandom of="$WORK/mnt/dirty" bs=64k count=16 status=none
within 20 "$what: demoted under it" ditto a demote "$RES" --force
ok "$what: nothing can be synced any more" not sync "$WORK/mnt/dirty"
refused "$what: no promotion while it is mounted" 'not been closed.*umount' ditto a promote "$RES"
ok "$what: it is unmounted" umount "$WORK/mnt"
ok "$what: the device is closed" wait_for 20 "closed" is a device.deposed false
must "$what: b is promoted" ditto b promote "$RES"
ok "$what: its journal is replayed there" mount "$(device b)" "$WORK/mnt"
ok "$what: the file that was synced is there" cmp "$WORK/synced" "$WORK/mnt/synced"
must "$what: it is unmounted there" umount "$WORK/mnt"
ok "$what: it is sound" e2fsck -fn "$(device b)"

what="nobody"
must "$what: a reader of a Secondary is no reason" ditto b demote "$RES"
exec 8<"$DEV"
ok "$what: a is promoted beside it" ditto a promote "$RES"
ok "$what: b is in sync" wait_sync a
refused "$what: demoted it is not, with it" 'in use' ditto a demote "$RES"
ok "$what: by force it is" ditto a demote "$RES" --force
refused "$what: and not promoted before it is closed" 'not been closed' ditto a promote "$RES"
exec 8<&-
ok "$what: but then" ditto a promote "$RES"
ok "$what: by force, with nobody there" ditto a demote "$RES" --force
same "$what: nothing keeps it from being promoted" false "$(field a device.deposed)"
ok "$what: which it is" ditto a promote "$RES"
