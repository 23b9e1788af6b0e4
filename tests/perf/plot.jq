# SPDX-License-Identifier: GPL-2.0
#
# For plot.gp, from what report.jq has found: row, then median, lowest and
# highest of each configuration that was measured. Nothing without DRBD.

[.rows[] | select(.configs.drbd)] as $rows
| (["linear", "ditto", "ditto-near", "ditto-2", "ditto-absent", "drbd", "drbd-absent", "md"]
	| map(select(. as $name | any($rows[]; .configs[$name])))) as $configs
| select($rows | length > 0)
| (["row"] + ($configs | map(., "low", "high")) | join(" ")),
  ($rows[] | .configs as $c | $c.drbd.median as $one
	| [.row] + ($configs | map($c[.] as $v
		| if $v then ($v.median, $v.low, $v.high) / $one else "-", "-", "-" end))
	| join(" "))
