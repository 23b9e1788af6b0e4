# SPDX-License-Identifier: GPL-2.0
#
# What report.jq has found, for people:  jq -r -f table.jq bench.json

def left($width): tostring | . + " " * ([$width - length, 0] | max);
def right($width): tostring | " " * ([$width - length, 0] | max) + .;
# jq 1.6: " " * 0 is null, and null + "x" is "x".
def digits: if . >= 100 then round elif . >= 10 then . * 10 | round / 10 else . * 100 | round / 100 end;

def configs: ["raw", "linear", "ditto", "ditto-near", "ditto-2", "ditto-absent", "drbd", "drbd-absent", "md"];
def ratios: [["ditto", "linear"], ["ditto", "drbd"], ["ditto", "md"], ["ditto-2", "drbd"], ["ditto-absent", "linear"], ["drbd-absent", "linear"],
	["ditto-absent", "drbd-absent"], ["ditto", "ditto-near"]];

def cell: if . then "\(.median | digits) \("\(.spread * 100 | round)%" | right(4))" else "-" end;

def machine:
	{"user-mode": "user-mode Linux", "emulated": "a virtual machine, emulated", "kvm": "a virtual machine, by KVM"} as $words
	| "\($words[.machine // ""] // "an unknown machine"), Linux \(.kernel)";

def medians:
	(["row" | left(18)] + (configs | map(right(13))) | join(" ")),
	(.rows[] | .configs as $c
		| [("\(.row) \(.unit)" | left(18))] + (configs | map($c[.] | cell | right(13)))
		| join(" "));

def compared:
	(["row" | left(18)] + (ratios | map(.[0] | right(13))) | join(" ")),
	(["" | left(18)] + (ratios | map("/ \(.[1])" | right(13))) | join(" ")),
	(.rows[] | .configs as $c
		| [(.row | left(18))] + (ratios | map(
			if $c[.[0]] and $c[.[1]] then $c[.[0]].median / $c[.[1]].median | digits else "-" end
			| right(13)))
		| join(" "));

def asked:
	"\(.row | left(17)) \("\(.config) / \(.than)" | left(28)) \(.ratio | right(6))  wanted \(.wanted | right(4))  \(.rule)";

def list($title; $none): if length > 0 then $title, (.[] | "   " + asked) else $none end;

"Measured in \(.about | machine)",
"Medians of \(.about.rounds // 1) rounds, and their spread (highest less lowest):",
"", medians,
"", "Ratios:", "", compared, "",
([.goals[] | select(.met)] | list("Goals reached:"; "Goals reached: none")),
([.goals[] | select(.met | not)] | list("Goals not reached yet:"; "Goals not reached: none")),
([.floors[] | select(.met)] | list("Floors held:"; "Floors held: none")),
([.floors[] | select(.met | not)] | list("Floors MISSED:"; "Floors missed: none"))
