#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# What scripts/bench runs in the test machine: sets up all configurations
# side by side, then measures each row for each of them, round by round.
#
#   tests/perf/guest.sh MODULE OUT ROUNDS SECONDS PROFILES ONLY ROW...
#
# Leaves OUT/machine (how it runs, see scripts/vm), OUT/samples.tsv (row,
# configuration, round, numbers) and a profile of the PROFILES rows that are
# furthest from what is wanted, or of PROFILES itself where that is
# ROW/CONFIGURATION. ONLY is a list of configurations, or "-".

set -eEuo pipefail
export PATH=/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin LC_ALL=C.UTF-8

# shellcheck disable=SC2034 # for the parts
module=$1 out=$2 rounds=$3 seconds=$4 profiles=$5 only=$6
shift 6
chosen=("$@")
work=/tmp/bench
perf=tests/perf
declare -A device	# by configuration and disk, as in ditto/ram
mkdir -p "$work"
: >"$work/said"

die() {
	printf 'bench: FAILED: %s\n' "$*" >&2
	[[ ! -s $work/said ]] || tail -n 12 "$work/said" >&2
	exit 1
}
trap 'die "line $LINENO of ${BASH_SOURCE[0]}: $BASH_COMMAND"' ERR

now_us() { echo "${EPOCHREALTIME/[.,]/}"; }
# mib_per_s BYTES MICROSECONDS
mib_per_s() { awk -v bytes="$1" -v us="$2" 'BEGIN { printf "%.1f\n", bytes / 1048576 / us * 1e6 }'; }

# shellcheck source=rows.sh
. $perf/rows.sh
[[ $only == - ]] || rows_only "$only"
# shellcheck source=disk.sh
. $perf/disk.sh
# shellcheck source=linear.sh
. $perf/linear.sh
# shellcheck source=ditto.sh
. $perf/ditto.sh
# shellcheck source=drbd.sh
. $perf/drbd.sh
# shellcheck source=md.sh
. $perf/md.sh
# shellcheck source=job.sh
. $perf/job.sh
# shellcheck source=profile.sh
. $perf/profile.sh

# What a configuration is a part of: ditto-near is the same device as ditto
family() { echo "${1%-near}"; }

set_up() {
	local row config disk t
	disk_load 24
	ditto_load
	drbd_load
	md_load
	for row in "${chosen[@]}"; do
		disk=${row_disk[$row]}
		for config in ${row_configs[$row]}; do
			config=$(family "$config")
			[[ ! ${device[$config/$disk]-} ]] || continue
			t=$SECONDS
			"${config}_up" "$disk"
			printf '   %-13s %-5s %-22s %3d s\n' "$config" "$disk" "${device[$config/$disk]}" $((SECONDS - t))
		done
	done
}

# reversed WORD...
reversed() {
	local word out=''
	for word; do
		out="$word $out"
	done
	echo "$out"
}

# The order changes from round to round, so that nobody always follows the same.
measure_round() {
	local round=$1 row configs
	for row in "${chosen[@]}"; do
		configs=${row_configs[$row]}
		# shellcheck disable=SC2086 # several
		((round % 2)) || configs=$(reversed $configs)
		# shellcheck disable=SC2086 # several
		job_samples "$row" "$round" "$seconds" $configs >"$work/row"
		awk -v row="$row" -v round="$round" '{ $1 = row OFS $1 OFS round } 1' FS='\t' OFS='\t' "$work/row" |
			tee -a "$work/samples.tsv" |
			awk '{ printf "   %d  %-17s %-13s %10s\n", $3, $1, $2, $4 }'
	done
	cp "$work/samples.tsv" "$out/samples.tsv"
}

worst_rows() {
	jq -R -s -f "$perf/report.jq" --argjson about '{}' "$work/samples.tsv" |
		jq -r --argjson n "$1" '.furthest[:$n][] | "\(.row)/\(.config)"'
}

show_profiles() {
	local what which=$profiles
	[[ $profiles == */* ]] || which=$(worst_rows "$profiles")
	for what in $which; do
		printf '\nWhere the time goes: '
		profile "${what%/*}" "${what#*/}"
	done
}

echo "${DITTO_MACHINE-}" >"$out/machine"
echo "Setting up:"
set_up
free -m | awk '/^Mem/ { printf "   %d MiB of %d in use\n", $2 - $7, $2 }'
echo "Measuring: round, row, configuration, requests or MiB per second"
rm -f "$work/pattern"
for ((round = 1; round <= rounds; round++)); do
	measure_round "$round"
done
[[ $profiles == 0 ]] || show_profiles
