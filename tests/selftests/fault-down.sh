#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Test: everything can be taken down, whatever hangs, and no command does
# Proves: G7
# Needs: fio, dmsetup, nft
# Time limit: 420
#
# Bounds, for commands given while something hangs:
#	status			2 s from the kernel, always
#	everything else		40 s, and the tool says that it has given up
#				waiting; most take as long as the time-out
#
#	a (Primary) ---+--- b		disks: dm-linear, so that they can freeze
#	               +--- c

# shellcheck source=tests/selftests/lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source=tests/selftests/fault-lib.sh
source "$selftests/fault-lib.sh"

need fio dmsetup nft
timeout=3

# With a way back to life: whatever the test does, the disk answers in the end.
freeze() { dmsetup suspend --noflush --nolockfs "dt-$1"; }
thaw() { dmsetup resume "dt-$1"; }
not_connected() { not connected "$@"; }
gone() { [[ ! -e $1 ]]; }

# What the kernel takes for it: on a loaded machine a program takes longer to start.
answers_at_once() {
	local took
	took=$(on "$1" timeout -k 5 "$(scaled 60)" netlink_fuzz time "$RES") || return 1
	echo "took $took ms"
	((took <= $(scaled 2000)))
}

status_answers() {
	local node
	for node in "${NODES[@]}"; do
		ok "$1: status on $node answers within 2 s" answers_at_once "$node"
	done
}

# 0: not those commands which the metadata on the Primary's disk has to record
metadata=1

# What an administrator may try. They may well be refused. Where it would succeed,
# and be a second Primary, promote is not tried.
commands_end() {
	local what=$1 node=$2 peer=$3 command commands
	status_answers "$what"
	commands=("pause-sync $RES" "resume-sync $RES" "verify $RES" "demote $RES" "attach $RES")
	((!metadata)) || commands+=("disconnect $RES $peer" "connect $RES $peer")
	[[ $node != a ]] || commands+=("promote $RES")
	for command in "${commands[@]}"; do
		# shellcheck disable=SC2086 # words
		within 40 "$what: $command on $node ends" ditto "$node" $command
	done
	status_answers "$what, afterwards"
}

# Down, whether a command has done that before or not
down_at_last() { ditto "$1" down "$RES" || ! ditto "$1" status "$RES"; }

back_in_sync() {
	local node
	for node in b c; do
		ditto a connect "$RES" "$node"
		ditto "$node" connect "$RES" a
	done
	ok "$1: all are in sync again" wait_sync a
}

cluster_ready 3 16 disk=dm timeout=$((timeout * 1000)) ping=500

what="in use"
load_start "$DEV"
refused "$what: down names the holder" 'fio|open' ditto a down "$RES"
refused "$what: demote names the holder" 'fio|open' ditto a demote "$RES"
refused "$what: detach is refused" . ditto a detach "$RES"
refused "$what: the module stays" 'in use' rmmod ditto
ok "$what: nothing has happened to the load" load_stop
ok "$what: all are in sync" wait_sync a
ok "$what: all copies are equal" copies_equal

what="a killed holder"
load_start "$DEV"
load_kill
within 40 "$what: down ends" ditto a down "$RES"
refused "$what: it is down" 'no resource|not up' ditto a status "$RES"
ok "$what: up again" ditto a up "$RES"
ok "$what: connected" wait_for 20 "connections of a" connected a
ok "$what: it is promoted without --force" ditto a promote "$RES"
ok "$what: in sync" wait_sync a
DEV=$(device a)

what="churn"
load_start "$DEV"
for ((i = 0; i < 15; i++)); do
	ditto b down "$RES" || { fail "$what: down of b, $i"; break; }
	ditto b up "$RES" || { fail "$what: up of b, $i"; break; }
	ditto a disconnect "$RES" c || { fail "$what: disconnect, $i"; break; }
	ditto a connect "$RES" c || { fail "$what: connect, $i"; break; }
	ditto c connect "$RES" a || { fail "$what: connect of c, $i"; break; }
done
ok "$what: nothing has happened to the load" load_stop
back_in_sync "$what"
ok "$what: all copies are equal" copies_equal

what="b blackholed"
load_start "$DEV"
link_blackhole b
commands_end "$what" a b
commands_end "$what, there" b a
link_heal b
load_stop || fail "$what: the load has seen it"
back_in_sync "$what"

what="dittod stopped"
load_start "$DEV"
kill -STOP "${DAEMON_PID[a]}"
link_cut b
commands_end "$what" a b
within 40 "$what: down on b ends" ditto b down "$RES"
link_heal b
kill -CONT "${DAEMON_PID[a]}"
ok "$what: b comes up" ditto b up "$RES"
load_stop || fail "$what: the load has seen it"
back_in_sync "$what"

what="the disk of b frozen"
load_start "$DEV"
freeze b
ok "$what: a drops it" wait_for $((timeout + 6)) "a without b" not_connected a b
commands_end "$what" a b
commands_end "$what, there" b a
within 40 "$what: detach on b ends" ditto b detach "$RES"
within 40 "$what: down on b ends" ditto b down "$RES"
thaw b
load_stop || fail "$what: the load has seen it"
ok "$what: b is down" down_at_last b
ok "$what: b comes up once its disk answers" wait_for 20 "b up" ditto b up "$RES"
back_in_sync "$what"

what="the Primary's disk frozen"
load_start "$DEV"
freeze a
metadata=0
commands_end "$what" a b
commands_end "$what, seen from b" b a
metadata=1
within 40 "$what: detach on a ends" ditto a detach "$RES"
within 40 "$what: down on a ends" ditto a down "$RES"
thaw a
ok "$what: the load goes on" load_stop
back_in_sync "$what"
ok "$what: all copies are equal" copies_equal

# The loss of a member has to be recorded: a disk that does not take that in
# time is given up, and the device goes on with the copy that is left.
what="the Primary's disk frozen for good"
load_start "$DEV"
freeze a
within 40 "$what: disconnect ends" ditto a disconnect "$RES" b
status_answers "$what"
ok "$what: it counts as Failed" wait_for 40 "the disk of a given up" is a disk.state Failed
ok "$what: the load goes on" load_stop
within 40 "$what: down ends" ditto a down "$RES"
thaw a
ok "$what: it comes up" wait_for 20 "a up" ditto a up "$RES"
ditto a connect "$RES"
ok "$what: c is promoted without --force" ditto c promote "$RES"
ok "$what: all are in sync with it" wait_sync c
must "$what: c is demoted" ditto c demote "$RES"
must "$what: a is promoted without --force" ditto a promote "$RES"
back_in_sync "$what"
DEV=$(device a)

what="namespace deleted"
load_start "$DEV"
block=/sys/block/${DEV##*/}
kill_daemon a
# Its own sockets hold it until they find out that nobody answers.
ip -n dt-net link del va
ip netns del dt-a
NODES=(b c)
unset 'DAEMON_PID[a]'
ok "$what: the device goes" wait_for 60 "end of $block" gone "$block"
ok "$what: fio ends" wait_for 30 "end of fio" not load_alive
load_kill
ok "$what: fio has seen errors" grep -qE 'error|err=' "$WORK/load"
ok "$what: b has lost a" wait_for $((timeout + 6)) "b without a" not_connected b a
status_answers "$what"
# What was in flight may have reached the other one only.
survivor=b
ditto b promote "$RES" 2>"$WORK/promote" || survivor=c
diag "$(<"$WORK/promote")"
ok "$what: $survivor is promoted without --force" ditto $survivor promote "$RES"
ok "$what: it takes writes" dd if=/dev/zero of="$(device $survivor)" bs=64k count=4 oflag=direct status=none
