#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# A machine with one node, as machines.sh starts and kills it:
#
#	machines-guest.sh NODE
#
# It has one disk, and a link of its own to each other machine. It does what it
# is told: lines "NUMBER COMMAND" come by a port of the machine, what a command
# says goes to /mnt/share/NODE.NUMBER, and "said NUMBER STATUS" tells its end.
# The functions here and in lib.sh are such commands.

# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/../selftests/lib.sh"

me=$1
stamp=$top/tests/cluster/build/stamp
flushed=/mnt/share/flushed
area=16			# MiB, where the writer writes
ports=(/dev/vport*p2)

# join: a link to each other node, whose number is the last byte of the address
# of the network card. Each is late by as much as this node is far away.
join() {
	local card peer late=$((8 * $(node_id "$me")))
	need ip tc nsenter
	modprobe virtio_net
	mkdir -p /run/netns
	ip netns add "dt-$me" && ip -n "dt-$me" link set lo up &&
		ip -n "dt-$me" addr add "$(node_address "$me")/32" dev lo || return 1
	for card in /sys/class/net/eth*; do
		peer=$(node_name $((16#$(cut -d: -f6 "$card/address"))))
		card=${card##*/}
		ip link set "$card" netns "dt-$me" name "to-$peer" || return 1
		printf '%s\n' "link set to-$peer up" \
			"route add $(node_address "$peer")/32 dev to-$peer src $(node_address "$me")" |
			ip -n "dt-$me" -batch - || return 1
		((!late)) || on "$me" tc qdisc add dev "to-$peer" root netem delay "${late}ms" || return 1
	done
}

# enter: nobody hears of this node before
enter() { join && start_daemon "$me"; }

# mute PEER: it hears no more of this node, and is heard still
mute() { on "$me" tc qdisc replace dev "to-$1" root netem loss 100%; }

# lost PEER..., found: until so
lost() {
	local peer
	for peer; do
		wait_for 60 "$me notices that $peer is gone" not connected "$me" "$peer" || return 1
	done
}
found() { wait_for 60 "$me is connected to all" connected "$me"; }

make_md() { ditto "$me" create-md "$RES"; }
md_sound() { ditto "$me" check-md "$RES"; }
come_up() { ditto "$me" up "$RES"; }
go_down() { ditto "$me" down "$RES"; }

position() { field "$me" position; }
# sent PEER: bytes of resync, since this node came up
sent() { field "$me" "peers.$1.resync-sent"; }
sent_more() { (($(sent "$1") > $2)); }

# How many regions are hot here now, of a node that is up
hot_in_memory() {
	awk '/^regions hot/ { print $3 }' \
		"/sys/kernel/debug/ditto/$RES@$(stat -L -c %i "/run/netns/dt-$me")/inflight"
}

writer_start() {
	# What the last one has said would be taken for the new one's.
	rm -f "$WORK/writer"
	"$stamp" write "$(device "$me")" "$flushed" "$area" >"$WORK/writer" 2>&1 &
	WRITER=$!
	wait_for 60 "the writer's beginning" grep -q '^writing from' "$WORK/writer"
}
writer_runs() { kill -0 "$WRITER" || { cat "$WORK/writer"; return 1; }; }
# Behind it everything that it had begun has ended.
writer_stop() {
	writer_runs || return 1
	kill "$WRITER"
	wait "$WRITER"
	return 0
}

check_flushed() { "$stamp" check "$(device "$me")" "$flushed" "$area"; }

# last_write PEER N: PEER no longer hears of this node, which begins write N then,
# that does not end, in a region of its own, none of the writer's. Prints the position.
# The writer waits until writer_continues: the position is that of this write.
last_write() {
	local before
	kill -STOP "$WRITER" && mute "$1" && before=$(position) || return 1
	dd if=/dev/urandom of="$(device "$me")" bs=4k count=1 seek=$(((area << 8) + ($2 << 11))) oflag=direct 2>/dev/null &
	wait_for 5 "the write" beyond "$before" && position
}
writer_continues() { kill -CONT "$WRITER"; }
beyond() { (($(position) > $1)); }

# The last command
leave() { :; }

log_clean() { dmesg | "$top/scripts/check-log" -; }

must "the module is there" load_module
NODES=(a b c)
# shellcheck disable=SC2034 # for write_conf
DISK=([a]=/dev/vda [b]=/dev/vda [c]=/dev/vda)
# shellcheck disable=SC2034 # for write_conf
conf_options="timeout = $(scaled "$PEER_TIMEOUT")
ping-interval = $(scaled 1000)
"
write_conf "$RES" "$UUID" 7900
# The only one here
NODES=("$me")
exec {port}<"${ports[0]}" || bail "no port for commands"
echo "listening"
while read -r number command <&"$port"; do
	eval "$command" </dev/null >"/mnt/share/$me.$number" 2>&1
	echo "said $number $?"
	[[ $command != leave ]] || break
done
