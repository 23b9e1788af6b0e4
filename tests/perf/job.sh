# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# One row, for one configuration after the other: a job of fio's, or a resync.
#
# shellcheck disable=SC2034,SC2154 # variables of guest.sh and its other parts

# job_size CONFIG DISK: where fio goes, from the start of the device
job_size() {
	if [[ $2 == wide && $1 != *-near ]]; then
		echo "${disk_wide_mib}m"
	else
		echo 256m
	fi
}

# job_section CONFIG DISK
job_section() {
	printf '\n[%s]\nstonewall\nfilename=%s\nsize=%s\n' "$1" "${device[$1/$2]}" "$(job_size "$1" "$2")"
	# What nbd-server has yet to write would disturb the next one.
	[[ $1 != md ]] || echo "exec_postrun=blockdev --flushbufs ${md_remote[$2]}"
}

# job_run ROW SEED SECONDS RESULT CONFIG...: fio, once for all of them: it takes
# longer to start than what is measured.
job_run() {
	local row=$1 seed=$2 seconds=$3 result=$4 config
	shift 4
	{
		cat "$perf/${row_job[$row]}.fio"
		for config; do
			job_section "$config" "${row_disk[$row]}"
		done
	} >"$result.fio"
	SEED=$seed RUNTIME=$seconds fio --output-format=json --output="$result" "$result.fio" \
		>"$work/said" 2>&1 || die "$row: fio"
}

# What one wants to know of each, with tabs between: the configuration; writes or
# reads per second, or MiB per second where they are large; their mean latency
# and the 99th percentile, in microseconds. fio has notes before its JSON.
job_numbers() {
	sed -n '/^{/,$p' "$1" | jq -r '.["global options"].bs as $bs | .jobs[]
		| if .error != 0 then error("\(.jobname): error \(.error)") else . end
		| .jobname as $name | (.write, .read) | select(.total_ios > 0)
		| [if $bs == "1m" then .bw_bytes / 1048576 else .iops end,
		   .clat_ns.mean / 1000, .clat_ns.percentile["99.000000"] / 1000]
		| [$name] + map(. * 10 | round / 10) | @tsv'
}

resync_run() {
	case $1 in
	ditto*) ditto_resync "$1-ram" ;;
	drbd) drbd_resync "${device[drbd/ram]}" ;;
	md) md_resync "${device[md/ram]}" ;;
	esac
}

# job_samples ROW ROUND SECONDS CONFIG...: a line of numbers for each
job_samples() {
	local row=$1 round=$2 seconds=$3 config speed
	shift 3
	if [[ ${row_job[$row]} == resync ]]; then
		for config; do
			speed=$(resync_run "$config")
			printf '%s\t%s\n' "$config" "$speed"
		done
		return
	fi
	job_run "$row" "$round" "$seconds" "$work/fio.json" "$@"
	job_numbers "$work/fio.json"
}
