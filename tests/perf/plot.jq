# SPDX-License-Identifier: GPL-2.0
#
# For plot.gp, from what report.jq has found: row, then median, lowest and
# highest of each configuration.

def configs: ["linear", "ditto", "ditto-near", "ditto-2", "ditto-absent", "drbd", "drbd-absent", "md"];

(["row"] + (configs | map(., "low", "high")) | join(" ")),
(.rows[] | select(.configs.drbd) | .configs as $c | $c.drbd.median as $one
	| [.row] + (configs | map($c[.] as $v
		| if $v then ($v.median, $v.low, $v.high) / $one else "-", "-", "-" end))
	| join(" "))
