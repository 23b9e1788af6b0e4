#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Test: every verb ends in time, or can be killed, whatever hangs
# Proves: G7
# Needs: brd, dm, nft
# Time limit: 300
#
# Each verb that "ditto --help" lists is given while a peer is silent, while the
# daemon is stopped, and while the disk is frozen, and has to end within the
# bounds of ditto(8), with exit code 0 or with words that say why not. What it
# says is read to its end, as scripts do: nothing that hangs may keep that open.
# What takes long while the disk is frozen has a resource of its own, and all of
# that is done at once.

# shellcheck source=tests/selftests/lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source=tests/selftests/fault-lib.sh
source "$selftests/fault-lib.sh"

need dmsetup nft
# Seconds: what ditto(8) says, and 10 for the programs on a slow machine; 20 where
# many are started at once.
timeout=3
quick=$((timeout + 10))		# where the disk answers
metadata=$((20 + 20))		# one access to it; and what waits for that
silent=$((30 + 20))		# of a disk that is read without the kernel module
state=$((40 + 20))		# what is under way, and one access
leaving=$((60 + timeout + 20))	# demote, detach, down
forced=$((100 + 2 * timeout + 20))	# demote --force

# ends BOUND WHAT NODE VERB [ARGUMENT...]: in time, and with a word where it is refused
ends() {
	local most=$(($(scaled "$1") * 1000)) what=$2 node=$3 begun took status said
	shift 3
	begun=$(now)
	said=$(on "$node" timeout -k 5 "$(scaled 200)" "$TOOL" "$@" 2>&1 >/dev/null)
	status=$?
	took=$(($(now) - begun))
	tried+=" $1"
	if ((took <= most)) && { ((!status)) || { ((status == 1)) && explained <<<"$said"; }; }; then
		pass "$what: $* ends"
	else
		fail "$what: $* ends"
	fi
	diag "took $took ms of $most, exit status $status: $said"
}

# Each line is the tool's, and there is one
explained() {
	local lines
	mapfile -t lines
	((${#lines[@]})) && printf '%s\n' "${lines[@]}" | not grep -qv '^ditto: '
}

# in_turn WHAT BOUND: every verb on a, the Primary of r0; it is Primary again afterwards
in_turn() {
	local what=$1 bound=$2 verb
	tried=''
	ends "$bound" "$what" a status "$RES"
	ends "$bound" "$what" a wait-sync "$RES" --timeout 1
	for verb in verify pause-sync resume-sync suspend-io resume-io attach create-md dump-md \
		check-md promote up detach connect disconnect connect; do
		ends "$bound" "$what" a $verb "$RES"
	done
	ends "$bound" "$what" a invalidate "$RES" b
	ends "$bound" "$what" a demote "$RES"
	ends "$bound" "$what" a invalidate "$RES"
	ends "$bound" "$what" a promote "$RES"
	ends "$bound" "$what" a demote "$RES" --force
	ends "$bound" "$what" a down "$RES"
	ends "$bound" "$what" a up "$RES"
	ends "$bound" "$what" a promote "$RES"
	interrupted "$what" a
	every_verb "$what"
}

verbs() { "$TOOL" --help | sed -n 's/^  \([a-z][a-z-]*\)  .*/\1/p' | sort -u; }

every_verb() {
	same "$1: that was every verb" "$(verbs)" "$(tr ' ' '\n' <<<"$tried" | grep . | sort -u)"
}

# events ends when it is interrupted
interrupted() {
	on "$2" timeout -s INT 1 "$TOOL" events >/dev/null
	same "$1: events ends when it is interrupted" 124 $?
	tried+=" events"
}

freeze() { dmsetup suspend --noflush --nolockfs "${@/#/dt-}"; }
thaw() { dmsetup resume "${@/#/dt-}"; }
has_inflight() { (($(field a device.in-flight "$1") > 0)); }
# In the system call that gives a command to the kernel
in_kernel() { grep -qE '^4[46] ' "/proc/$1/syscall"; }
dead() { [[ ! -e /proc/$1 ]]; }

# more_resources NAME...: configured, each with a disk that can be frozen on a
index=2
more_resources() {
	local name
	for name; do
		DISK[a/$name]=$(disk_new "a-$name" "$index") || bail "no disk for $name"
		DISK[b/$name]=/dev/ram$((index + 1))
		write_conf "$name" "$(printf '6f7a0a7e-1111-4222-8333-%012x' "$index")" 7900
		index=$((index + 2))
	done
}

# bring_up NODE NAME...: of these
bring_up() {
	local node=$1 name
	shift
	for name; do
		ditto "$node" create-md "$name" && ditto "$node" up "$name" || return 1
	done
}

cluster_ready 2 8 disk=dm timeout=$((timeout * 1000)) ping=500

what="a silent peer"
link_blackhole b
in_turn "$what" $quick
link_heal b
ditto a connect "$RES"
ditto b connect "$RES"
must "$what: all are in sync again" wait_sync a

what="dittod stopped"
kill -STOP "${DAEMON_PID[a]}"
in_turn "$what" $quick
kill -CONT "${DAEMON_PID[a]}"
ditto a connect "$RES"
ditto b connect "$RES"
must "$what: all are in sync again" wait_sync a

what="a frozen disk"
resources=(demote down detach suspend force disconnect promote invalidate)
more_resources "${resources[@]}"
bring_up b "${resources[@]}" >"$WORK/up.b" 2>&1 &
ok "$what: more of them, up on a" bring_up a "${resources[@]}"
must "$what: and on b" wait $!
must "$what: a is Primary" ditto a promote all --force
must "$what: in sync" on a timeout -k 5 "$(scaled 100)" "$TOOL" wait-sync all
for name in detach promote invalidate; do
	must "$name: demoted" ditto a demote "$name"
done
more_resources up create
must "up: it has metadata" ditto a create-md up
frozen=(a "${resources[@]/#/a-}" a-up a-create)
must "$what" freeze "${frozen[@]}"
declare -A writer
for name in suspend force; do
	dd if=/dev/zero of="$(device a $name)" bs=4k count=1 oflag=direct status=none 2>/dev/null &
	writer[$name]=$!
	ok "$name: a write is under way" wait_for 20 "in flight" has_inflight $name
done

# What waits for a write, and what waits for that
begin a "$TOOL" suspend-io suspend 2>"$WORK/killed" &
waits=$!
ok "$what: suspend-io waits" wait_for 10 "suspended" \
	shows suspended field a device.io suspend
begin a "$TOOL" pause-sync suspend 2>"$WORK/killed" &
behind=$!
ok "$what: pause-sync waits behind it" wait_for 10 "in the kernel" in_kernel $behind
kill -KILL $behind
ok "$what: it can be killed there" wait_for 3 "its end" dead $behind
kill -KILL $waits
ok "$what: so can suspend-io" wait_for 3 "its end" dead $waits
same "$what: then nothing is suspended" running "$(field a device.io suspend)"

# Each with its resource; what they say is put together afterwards.
tried='' pids=()
# in_background BOUND VERB RESOURCE [ARGUMENT...]
in_background() {
	{
		checks=0 failures=0 failed_checks=''
		ends "$1" "$what" a "${@:2}"
	} >"$WORK/ends.${#pids[@]}" 2>&1 &
	pids+=($!)
	tried+=" $2"
}
in_background $state suspend-io suspend
in_background $forced demote force --force
in_background $leaving demote demote
in_background $leaving down down
in_background $leaving detach detach
in_background $metadata disconnect disconnect b
in_background $state promote promote
in_background $state invalidate invalidate
in_background $state up up
in_background $silent create-md create
in_background $silent dump-md "$RES"
in_background $silent check-md "$RES"
ends $quick "$what" a status "$RES"
ends $quick "$what" a wait-sync "$RES" --timeout 1
ends $quick "$what" a create-md "$RES"
for verb in verify pause-sync resume-sync connect attach up promote invalidate resume-io; do
	ends $metadata "$what" a $verb "$RES"
done
interrupted "$what" a
every_verb "$what"
wait "${pids[@]}"
for name in "${!pids[@]}"; do
	while read -r line; do
		case $line in
		'ok '*) pass "${line#ok 1 }" ;;
		'not ok '*) fail "${line#not ok 1 }" ;;
		*) diag "${line#\# }" ;;
		esac
	done <"$WORK/ends.$name"
done
same "$what: demoted by force it is" Secondary "$(field a role force)"
same "$what: who reads metadata says so, and who makes it" 3 \
	"$(cat "$WORK"/ends.* | grep -c 'has not answered for 30 s')"
must "$what: it answers" thaw "${frozen[@]}"
ok "$what: writers go on or fail when it answers" wait_for 20 "their end" dead "${writer[suspend]}"
ok "$what: by force or not" wait_for 20 "their end" dead "${writer[force]}"
must "$what: who was to make metadata lets go of it" wait_for 20 "its end" \
	shows '^0$' dmsetup info -c --noheadings -o open dt-a-create
refused "$what: and has written nothing later" 'create: no metadata' ditto a check-md create
