#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Test: what must not be done, or cannot, is refused, says why, and what to do
# Proves: G1, G5, G6
# Needs: brd, nft, fio
# Time limit: 240
#
# Every verb that the kernel sees, for a resource that is not there, in the wrong
# state, or with what would lose data. After each refusal all is as it was.

# shellcheck source=tests/selftests/lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source=tests/selftests/fault-lib.sh
source "$selftests/fault-lib.sh"

need nft fio

# denied NODE REGEX VERB [ARGUMENT...]: refused with exit code 1, by one line that
# matches, and with nothing changed at the node
denied() {
	local node=$1 regex=$2 before status
	shift 2
	before=$(picture "$node")
	ditto "$node" "$@" >"$WORK/denied" 2>&1
	status=$?
	diag "$node: ditto $*: $(<"$WORK/denied")"
	same "$node: $*: exit code" 1 "$status"
	ok "$node: $*: says what and why" shows "$regex" cat "$WORK/denied"
	same "$node: $*: one line" 1 "$(wc -l <"$WORK/denied")"
	same "$node: $*: changes nothing" "$before" "$(picture "$node")"
}

# What of a node's status an administrator can change
picture() {
	on "$1" "$TOOL" status "$RES" --json 2>/dev/null | json 0.role 0.disk.state 0.generation \
		0.roster 0.device.io 0.peers.'*'.connection 0.peers.'*'.disk 0.peers.'*'.replication \
		2>/dev/null
}

cluster_up 2 16 timeout=3000 ping=500

what="no such resource"
for verb in promote demote down detach connect disconnect invalidate verify pause-sync \
	resume-sync suspend-io resume-io status wait-sync; do
	denied a 'no resource nosuch is up here: up does that' $verb nosuch
done
for verb in up attach create-md dump-md check-md; do
	denied a 'nosuch.conf: no such file; resources configured in .*: r0' $verb nosuch
done

what="wrong moments"
denied a 'r0: create the resource: resource r0 is up already' up "$RES"
denied a '/dev/ram0 is attached already' attach "$RES"
denied a "/dev/ram0 is in use: .*ditto status" create-md "$RES"
denied a "no peer 'nobody'; there are: b" connect "$RES" nobody
denied a "no peer '7'; there are: b" disconnect "$RES" 7
denied a "no peer 'a'; there are: b" invalidate "$RES" a
denied a 'only the Primary.* there, or on b itself' invalidate "$RES" b
denied a 'verify runs on the Primary.*run it there' verify "$RES"
denied a 'Inconsistent.*--force' promote "$RES"
denied a 'no connected peer is known to have all that this copy has' invalidate "$RES"
sed 's,^disk = .*,disk = /dev/nosuch,' "$CONF/$RES.conf" >"$WORK/kept"
cp "$CONF/$RES.conf" "$WORK/good"
must "a is down" ditto a down "$RES"
cp "$WORK/kept" "$CONF/$RES.conf"
denied a 'attach /dev/nosuch: .*no such device' up "$RES"
sed -i 's,^disk = .*,disk = /dev/null,' "$CONF/$RES.conf"
denied a 'attach /dev/null: .*no block device' up "$RES"
sed -i 's,^disk = .*,disk = /dev/ram9,' "$CONF/$RES.conf"
denied a 'attach /dev/ram9: .*no ditto metadata.*create-md' up "$RES"
cp "$WORK/good" "$CONF/$RES.conf"
must "a is up again" ditto a up "$RES"
must "connected" wait_for 20 "a and b" connected a b

what="a Primary"
must "$what" ditto a promote "$RES" --force
must "$what: in sync" wait_sync a
DEV=$(device a)
denied b 'a is Primary: demote it first' promote "$RES"
denied b 'a is Primary: demote it first' promote "$RES" --force
denied a 'this node is Primary, and its copy is the one in use: demote it' invalidate "$RES"
load_start "$DEV"
denied a 'in use, last opened by fio.*stop that, or demote with --force' demote "$RES"
denied a 'in use, last opened by fio.*stop that first' down "$RES"
denied a 'in use, last opened by fio' detach "$RES"
denied a 'its copy is the one in use' invalidate "$RES"
ok "$what: the load has not noticed" load_stop

what="the last good copy"
must "$what: b leaves" ditto b disconnect "$RES"
must "$what: a is alone" wait_for 20 "a without b" not connected a b
must "$what: it has what b has not" dd if=/dev/urandom of="$DEV" bs=64k count=8 oflag=direct status=none
denied a 'no peer is connected and in sync' verify "$RES"
denied a 'no connected peer is known to have all that /dev/ram0 has' detach "$RES"
must "$what: demoted" ditto a demote "$RES"
denied a 'no connected peer is known to have all that /dev/ram0 has' detach "$RES"
denied a 'no connected peer is known to have all that this copy has' invalidate "$RES"
ditto b connect "$RES"
must "$what: connected" wait_for 20 "a and b" connected a b
# What b has is older, and nobody will bring it up to date: a has to be Primary for that.
denied a 'no connected peer is known to have all that /dev/ram0 has' detach "$RES"
denied a 'no connected peer is known to have all that this copy has' invalidate "$RES"
ok "$what: the older one may be given up" ditto b invalidate "$RES"
must "$what: a is promoted" ditto a promote "$RES"
must "$what: in sync" wait_sync a
must "$what: demoted again" ditto a demote "$RES"
ok "$what: now it may be let go" wait_for 20 "detach" ditto a detach "$RES"
denied b 'no connected peer is known to have all' detach "$RES"
denied b 'no connected peer is known to have all' invalidate "$RES"
must "$what: attached" ditto a attach "$RES"
ditto a connect "$RES"
ditto b connect "$RES"
must "$what: connected" wait_for 20 "a and b" connected a b
ok "$what: b's may be given up now" wait_for 20 "invalidate" ditto b invalidate "$RES"
must "$what: a is promoted without --force" ditto a promote "$RES"
must "$what: in sync once more" wait_sync a
ok "$what: all copies are equal" copies_equal

# b is promoted behind a's back, and both are written to: towards neither is
# there a resync, before somebody says whose data is to go.
what="divergence"
link_blackhole b
must "$what: they lose each other" wait_for 20 "a without b" not connected a b
must "$what: b too" wait_for 20 "b without a" not connected b a
must "$what: b is promoted" ditto b promote "$RES" --force
OTHER=$(device b)
for device in "$DEV" "$OTHER"; do
	must "$what: $device is written to" dd if=/dev/urandom of="$device" bs=64k count=8 oflag=direct \
		status=none
done
sums=$(for device in "$DEV" "$OTHER"; do dd if="$device" bs=64k count=16 iflag=direct status=none | cksum; done)
link_heal b
ok "$what: it is found" wait_for 40 "a reason" says a b diverged
for node in a b; do
	ditto "$node" connect "$RES"
done
ok "$what: again" wait_for 40 "a reason" says b a diverged
load_start "$DEV"
denied a 'this node is Primary, and its copy is the one in use: demote it' invalidate "$RES"
ok "$what: a's user has not noticed" load_stop
denied b 'this node is Primary, and its copy is the one in use: demote it' invalidate "$RES"
load_start "$OTHER" --rw=randread
must "$what: what is kept is b's" ditto a demote "$RES"
ok "$what: a's is given up" ditto a invalidate "$RES"
ditto a connect "$RES"
ditto b connect "$RES"
must "$what: they are in sync" wait_sync b
ok "$what: b's user has not noticed" load_stop
same "$what: b's data is what it was" "$(tail -n 1 <<<"$sums")" \
	"$(dd if="$OTHER" bs=64k count=16 iflag=direct status=none | cksum)"
ok "$what: all copies are equal" copies_equal

# A disk that was given up, and a new one: neither counts for anything, but one of
# them is full of old data.
what="copies that are said to be equal"
must "$what: b is demoted" ditto b demote "$RES"
must "$what: a's is given up" ditto a invalidate "$RES"
must "$what: b goes" ditto b down "$RES"
must "$what: b has a new disk" ditto b create-md "$RES" --force
must "$what: b returns" ditto b up "$RES"
ditto a connect "$RES"
must "$what: they are connected" wait_for 20 "a and b" connected a b
denied a 'this disk has held data of the resource' promote "$RES" --assume-equal
denied b 'a has held data of the resource' promote "$RES" --assume-equal
must "$what: a has a new one, too" ditto a down "$RES"
must "$what: new metadata" ditto a create-md "$RES" --force
must "$what: a returns" ditto a up "$RES"
must "$what: they are connected again" wait_for 20 "a and b" connected a b
ok "$what: now a word is enough" ditto a promote "$RES" --assume-equal
