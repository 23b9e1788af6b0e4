#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Runs the selftests, as root, on the running kernel.
#
#   tests/selftests/run.sh [TEST...]
#
#   TEST  the name of a file here, with or without .sh; default: all
#
# Output is TAP (version 13), what each test itself says in comments, and last a
# line "N passed, N failed, N skipped". Environment: DITTO_KO, the module
# (default: what was built in this tree, else the installed one); TIME_SCALE, by
# what time limits are multiplied on slow kernels; LOG_DIR, where each test's
# output is kept.
#
# A test is a file NAME.sh which sources lib.sh. Lines of its header:
#   # Time limit: SECONDS      (default 60)
#   # Kernel log: REGEX        of messages that it provokes
# A test fails when it exits with another status than 0 (4: skipped), when the
# kernel log shows trouble since its start, and when it leaves anything behind:
# a namespace, a device, a mount, or a module that cannot be removed.

set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
top=$(realpath "$here/../..")
export PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin LC_ALL=C.UTF-8
export TIME_SCALE=${TIME_SCALE:-1}

usage() { sed -n '4,/^$/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

header() { sed -n "s/^# $2: *//p" "$1" | head -n 1; }

# In a shell of its own, for lib.sh ends the shell that has sourced it.
library() {
	bash -c 'trap - EXIT; source "$1"; trap - EXIT INT TERM HUP; rm -rf "$WORK"; "${@:2}"' \
		library "$here/lib.sh" "$@"
}

# Why the test in file $1, whose output is in $2, has failed; nothing when not
judge() {
	local test=$1 output=$2 status=$3 allow left
	if ((status == 124 || status == 137)); then
		echo "time limit"
	elif ((status)); then
		grep '^not ok' "$output" | sed 's/^not ok [0-9]* //' | paste -sd ';' | grep . ||
			echo "exit status $status"
	fi

	left=$(library leftovers)
	if [[ $left ]]; then
		echo "left behind: ${left//$'\n'/, }"
		library sweep >>"$output" 2>&1
	fi
	if [[ -e /sys/module/ditto ]] && ! rmmod ditto 2>>"$output"; then
		echo "the module cannot be removed"
	fi
	[[ ! -e /sys/module/brd ]] || rmmod brd 2>>"$output"

	allow=$(header "$test" 'Kernel log')
	if ! dmesg | "$top/scripts/check-log" --since "$mark" ${allow:+--allow "$allow"} - >"$work/trouble"; then
		echo "trouble in the kernel log"
		cat "$work/trouble" >>"$output"
	fi
}

run() {
	local number=$1 test=$2 name limit status started output why
	name=$(basename "$test" .sh)
	output=$work/$name.log
	limit=$(header "$test" 'Time limit')
	limit=$((${limit:-60} * TIME_SCALE))
	mark="ditto-selftest: $name $$.$number begins"
	echo "$mark" >/dev/kmsg
	started=$EPOCHREALTIME
	timeout -k $((90 * TIME_SCALE)) "$limit" bash "$test" >"$output" 2>&1 </dev/null
	status=$?
	why=''
	((status == 4)) || why=$(judge "$test" "$output" "$status" | paste -sd ';')
	took=$(awk "BEGIN { printf \"%.1f\", ${EPOCHREALTIME} - $started }")

	sed 's/^/# /' "$output"
	[[ ! ${LOG_DIR-} ]] || cp "$output" "$LOG_DIR/"
	if [[ $why ]]; then
		echo "not ok $number $name: $(header "$test" Test) # $took s; $why"
		failed=$((failed + 1))
	elif ((status == 4)); then
		echo "ok $number $name # SKIP $(sed -n 's/^1\.\.0 # SKIP //p' "$output" | head -n 1)"
		skipped=$((skipped + 1))
	else
		echo "ok $number $name: $(header "$test" Test) # $took s"
		passed=$((passed + 1))
	fi
}

tests=()
for name; do
	case $name in
	-h | --help) usage; exit 0 ;;
	esac
	file=$here/$(basename "$name" .sh).sh
	[[ -f $file ]] || { echo "run.sh: there is no test $name" >&2; exit 2; }
	tests+=("$file")
done
if ((!${#tests[@]})); then
	for file in "$here"/*.sh; do
		case ${file##*/} in
		lib.sh | run.sh | *-lib.sh) ;;
		*) tests+=("$file") ;;
		esac
	done
fi
if ((EUID)); then
	echo "run.sh: root is needed" >&2
	exit 2
fi
if [[ -e /sys/module/ditto ]]; then
	echo "run.sh: ditto is loaded and may be in use: not here" >&2
	exit 2
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0 skipped=0 number=0
echo "TAP version 13"
echo "1..${#tests[@]}"
for file in "${tests[@]}"; do
	number=$((number + 1))
	run "$number" "$file"
done
echo "$passed passed, $failed failed, $skipped skipped"
((!failed))
