# SPDX-License-Identifier: GPL-2.0
#
# gnuplot -e 'data = "plot.dat"; picture = "bench.svg"; machine = "emulated"' plot.gp
#
# A group of bars for each row, as multiples of DRBD 8.4 in that row; the lines
# are the lowest and the highest. plot.dat: see plot.jq.

set terminal svg size 1200,520 dynamic font "sans-serif,12" background "white"
set output picture
set datafile missing "-"
set title "Throughput, DRBD 8.4 = 1 (medians, lowest to highest), machine: ".machine
set ylabel "times DRBD 8.4"
set logscale y 2
set yrange [0.125:*]
set grid ytics
set key outside right
set style data histogram
set style histogram errorbars gap 2 linewidth 1
set style fill solid 0.8 border -1
set xtics rotate by -20
configs = (words(system("head -n 1 ".data)) - 1) / 3
plot for [i = 0:configs - 1] data using (column(2 + 3 * i)):(column(3 + 3 * i)):(column(4 + 3 * i)):xtic(1) \
	title columnheader(2 + 3 * i)
