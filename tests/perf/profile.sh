# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# Where the time of a row goes, by perf's sampling of all processors.
#
# An emulated processor has no counters, so it is a timer that samples
# (cpu-clock). Where interrupts are off it comes late, and its sample falls on
# who switches them on again: what is charged to a spin_unlock_irqrestore() or to
# local_irq_restore() was spent before it.
#
# shellcheck disable=SC2034,SC2154 # variables of guest.sh and its other parts

profile_s=10

# What loads a row, in the background, until it is told to end: perf takes a
# while to begin, too.
profile_load() {
	if [[ ${row_job[$1]} != resync ]]; then
		job_run "$1" 1 300 "$work/profile.json" "$2"
		return
	fi
	while [[ ! -e $work/profiled ]]; do
		resync_run "$2"
	done
}

# Requests that a device has completed
profile_count() {
	local stat node
	node=$(realpath "${device[$2/${row_disk[$1]}]}")
	read -ra stat <"/sys/block/${node#/dev/}/stat"
	echo $((stat[0] + stat[4]))
}

# Until the row is under way, for 20 s at most: not each device counts.
profile_wait() {
	local before end=$((SECONDS + 20))
	before=$(profile_count "$@")
	until ((SECONDS >= end || $(profile_count "$@") - before >= 100)); do
		# Counters of a device are no event to wait for.
		sleep 0.2
	done
}

# profile_report TITLE SORT [OPTION...]
profile_report() {
	printf '\n   %s\n' "$1"
	perf report -i "$work/perf.data" --stdio --no-children -g none --sort "$2" "${@:3}" 2>/dev/null |
		sed -n '/^ *[0-9]/s/^ */      /p' | head -n 30
}

# profile ROW CONFIG: prints it; FILE.txt has more, callers too
profile() {
	local file=$out/profile-$1-$2.txt load
	if ! perf --version >"$work/said" 2>&1; then
		echo "   perf does not work here: no profile"
		return
	fi
	rm -f "$work/profiled"
	profile_load "$1" "$2" >"$work/load" 2>&1 &
	load=$!
	[[ ${row_job[$1]} == resync ]] || profile_wait "$1" "$2"
	perf record -q -a -g -e cpu-clock -F 250 -o "$work/perf.data" sleep $profile_s \
		>"$work/said" 2>&1 || die "perf"
	touch "$work/profiled"
	[[ ${row_job[$1]} == resync ]] || pkill -INT -P "$load"
	# fio, interrupted, ends with an error.
	wait "$load" || true
	{
		printf '%s, %s\n' "$1" "$2"
		profile_report "by module" dso --percent-limit 1
		profile_report "by task" comm --percent-limit 1
		profile_report "by function" dso,symbol --percent-limit 1
	} >"$file"
	cat "$file"
	{
		printf '\nCallers\n\n'
		perf report -i "$work/perf.data" --stdio --no-children -g caller,0.5,callee \
			--sort symbol --percent-limit 2 2>/dev/null | grep -v '^#' | cat -s
	} >>"$file"
}
