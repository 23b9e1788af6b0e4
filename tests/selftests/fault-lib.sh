# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# What the fault-*.sh tests share beside lib.sh.

# The signal may come while a check's output goes elsewhere.
exec 3>&1
trap 'exec >&3; fail "ended by a signal, as by the time limit"; diag "after $SECONDS s"; exit 1' TERM INT HUP

# report PREFIX COMMAND...: a program that prints lines "ok TEXT" and
# "not ok TEXT: WHY" becomes as many checks; other lines are kept as comments
report() {
	local prefix=$1 line status
	shift
	"$@" >"$WORK/report" 2>&1
	status=$?
	while IFS= read -r line; do
		case $line in
		'ok '*) pass "$prefix${line#ok }" ;;
		'not ok '*) fail "$prefix${line#not ok }" ;;
		*) diag "$line" ;;
		esac
	done <"$WORK/report"
	((status < 2)) || fail "$prefix$1 $2 ended with status $status"
}

# load_start DEVICE [OPTION...]: fio writes there until load_stop. Its errors
# are kept; more options are fio's.
load_start() {
	local device=$1
	shift
	fio --name=load --filename="$device" --rw=randwrite --bs=4k --iodepth=8 --direct=1 \
		--ioengine=libaio --time_based --runtime=600 --fsync=200 --thread --eta=never \
		"$@" >"$WORK/load" 2>&1 &
	LOAD=$!
	# It has begun when it has the device open.
	wait_for 30 "fio has opened $device" load_open "$device"
}

load_open() {
	local fd
	for fd in "/proc/$LOAD/fd/"*; do
		[[ $(readlink "$fd") != "$1" ]] || return 0
	done
	return 1
}

load_alive() { kill -0 "$LOAD" 2>/dev/null; }

# load_stop: it was alive, ends when told to, and has seen no error
load_stop() {
	local status
	load_alive || { echo "fio has ended by itself"; tail -n 20 "$WORK/load"; return 1; }
	kill -INT "$LOAD"
	wait_for 30 "end of fio" not load_alive || { kill -KILL "$LOAD"; return 1; }
	wait "$LOAD"
	status=$?
	grep -E 'err= *[1-9]|error' "$WORK/load" && return 1
	# 128: ended by the signal, in fio's own words.
	((status == 0 || status == 128 || status == 130)) || { echo "fio: $status"; return 1; }
}

# load_kill: whatever it has seen
load_kill() {
	kill -KILL "$LOAD" 2>/dev/null
	wait "$LOAD" 2>/dev/null
	return 0
}

# A time in milliseconds, for elapsed
now() { echo $((${EPOCHREALTIME/./} / 1000)); }

# within SECONDS DESCRIPTION COMMAND...: the command, a program or a function,
# ends in that time, well or not
within() {
	local most=$(($(scaled "$1") * 1000)) what=$2 begun took
	shift 2
	begun=$(now)
	"$@" >"$WORK/within" 2>&1
	took=$(($(now) - begun))
	if ((took <= most)); then
		pass "$what"
		diag "took $took ms of $most"
		return 0
	fi
	fail "$what"
	diag "took $took ms, allowed $most: $*"
	diag "$(tail -n 5 "$WORK/within")"
	return 1
}

# acked_start DEVICE [BLOCKS]: a writer that remembers what was acknowledged
acked_start() {
	# The file is memory: it outlives the writer, whatever becomes of it.
	ACKED_LOG=$WORK/acked
	acked write "$1" "$ACKED_LOG" "${2:-1024}" 2>"$WORK/acked.err" &
	ACKED=$!
	wait_for 10 "the first acknowledged writes" acked_more 20
}

# acked_more COUNT: it has done more
acked_more() { (($(acked count "$ACKED_LOG") >= $1)); }

# acked_goes_on SECONDS: writes complete that begin now
acked_goes_on() {
	local before
	before=$(acked count "$ACKED_LOG")
	# One more for each thread may have begun before.
	wait_for "$1" "the device takes writes" acked_more $((before + 40))
}

# acked_longest SECONDS: since the last time none took longer
acked_longest() {
	local took most=$(($(scaled "$1") * 1000))
	took=$(acked longest "$ACKED_LOG")
	echo "the slowest write took $took ms, allowed $most"
	((took <= most))
}

acked_no_errors() {
	local errors
	errors=$(acked errors "$ACKED_LOG")
	echo "$errors writes have failed"
	((!errors))
}

acked_alive() { kill -0 "$ACKED" 2>/dev/null; }

# acked_stop [SIGNAL]: has it end
acked_stop() {
	kill -s "${1:-INT}" "$ACKED"
	wait_for 30 "end of the writer" not acked_alive
	wait "$ACKED" 2>/dev/null
	return 0
}

# says NODE PEER PART: the reason that status gives for a peer holds this
says() {
	local reason
	reason=$(field "$1" "peers.$2.reason")
	echo "reason: $reason"
	[[ $reason == *"$3"* ]]
}
