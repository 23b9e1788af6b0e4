# SPDX-License-Identifier: GPL-2.0
#
# From samples (see guest.sh) to medians, and from these to what is judged.
#
#	jq -R -s -f report.jq --argjson about '{}' samples.tsv
#
# Configurations are compared within a row only. A floor must be met, less the
# tolerance; a goal is reported.

def tolerance: 0.05;

def median: sort | length as $n | (.[($n - 1) / 2 | floor] + .[$n / 2 | floor]) / 2;

def unit: if . == "write-sequential" or . == "resync" then "MiB/s" else "IOPS" end;

# Three significant digits are more than enough.
def digits: if . >= 100 then round elif . >= 10 then . * 10 | round / 10 else . * 100 | round / 100 end;

def samples:
	split("\n") | map(select(length > 0) | split("\t")
		| {row: .[0], config: .[1], round: (.[2] | tonumber), value: (.[3] | tonumber),
		   mean_us: (.[4] // null | if . then tonumber else . end),
		   p99_us: (.[5] // null | if . then tonumber else . end)});

def summary:
	(map(.value) | median) as $median
	| {median: $median, low: (map(.value) | min), high: (map(.value) | max),
	   spread: (if $median > 0 then ((map(.value) | max - min) / $median | digits) else 0 end),
	   samples: map(.value)}
	+ (map(.mean_us | values) | if length > 0 then {mean_us: (median | digits)} else {} end)
	+ (map(.p99_us | values) | if length > 0 then {p99_us: (median | digits)} else {} end);

# In the order in which they came first
def names(f): reduce .[] as $s ([]; ($s | f) as $name | if index([$name]) then . else . + [$name] end);

def table:
	. as $all | names(.row) | map(. as $row
		| {row: $row, unit: unit,
		   configs: ([$all[] | select(.row == $row and .round == 1) | .config]
			| map(. as $config | {key: $config,
				value: ([$all[] | select(.row == $row and .config == $config)] | summary)})
			| from_entries)});

# What a row asks of one configuration against another
def ask($rule; $config; $than; $factor):
	select(.configs[$config] and .configs[$than])
	| (.configs[$config].median / .configs[$than].median) as $ratio
	| {rule: $rule, row: .row, config: $config, than: $than, wanted: $factor,
	   ratio: ($ratio | digits), met: ($ratio >= $factor * (1 - tolerance))};

def floors:
	map(ask("no row slower than DRBD 8.4"; "ditto"; "drbd"; 1),
	    ask("no row slower than DRBD 8.4"; "ditto-absent"; "drbd-absent"; 1),
	    (select(.row | startswith("read"))
		| ask("reads"; "ditto", "ditto-2"; "linear"; 0.9)),
	    ask("writes with the peer absent"; "ditto-absent"; "linear"; 0.8),
	    ask("over 16 GiB as over 256 MiB"; "ditto"; "ditto-near"; 0.9));

def goals:
	{"write-1": 1.5, "write-fsync": 1.5, "wide-1": 1.5, "wide-fsync": 1.5,
	 "write-32": 3, "wide-32": 3, "write-sequential": 2, "resync": 2} as $factors
	| map(select($factors[.row]) | ask("goal"; "ditto"; "drbd"; $factors[.row])
		| .met = (.ratio >= .wanted));

samples | table
| {about: $about, tolerance: tolerance, rows: ., floors: floors, goals: goals}
# Rows of ditto's, those first that are furthest from what is wanted
| .furthest = (reduce ((.floors + .goals) | sort_by(.ratio / .wanted))[] as $a ([];
	{row: $a.row, config: $a.config} as $what | if index([$what]) then . else . + [$what] end))
