# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# ditto: three nodes in namespaces, a the Primary of all resources, each pair of
# nodes with a link of its own. Like loopback, which the others use, that has no
# bridge in the way and takes packets of 64 KiB.
#
#	 a 10.98.0.1 ------ b 10.98.0.2
#	      \                /
#	       '- c 10.98.0.3 '
#
# shellcheck disable=SC2034,SC2154 # variables of guest.sh and its other parts

ditto_nodes=(a b c)
ditto_conf=$work/conf

on() {
	local node=$1
	shift
	nsenter --net="/run/netns/bench-$node" env DITTO_NODE="$node" DITTO_CONFIG_DIR="$ditto_conf" "$@"
}

# ditto NODE VERB...: what it says is shown only if it fails
ditto() {
	local node=$1
	shift
	on "$node" userspace/build/ditto "$@" >"$work/said" 2>&1 || die "$node: ditto $*"
}

# ditto_status RESOURCE FILTER: of the Primary
ditto_status() { on a userspace/build/ditto status "$1" --json | jq -r ".[0] | $2"; }

ditto_link() {
	local i=$1 j=$2 from to
	from=${ditto_nodes[i]} to=${ditto_nodes[j]}
	ip link add "to-$to" netns "bench-$from" mtu 65535 type veth \
		peer name "to-$from" netns "bench-$to" mtu 65535
	ip -n "bench-$from" link set "to-$to" up
	ip -n "bench-$to" link set "to-$from" up
	ip -n "bench-$from" route add "10.98.0.$((j + 1))" dev "to-$to" src "10.98.0.$((i + 1))"
	ip -n "bench-$to" route add "10.98.0.$((i + 1))" dev "to-$from" src "10.98.0.$((j + 1))"
}

ditto_load() {
	local i j node
	modprobe -a crc32c_generic libcrc32c
	insmod "$module"
	mkdir -p "$ditto_conf" "$work/disk"
	for i in "${!ditto_nodes[@]}"; do
		node=${ditto_nodes[i]}
		ip netns add "bench-$node"
		ip -n "bench-$node" link set lo up
		ip -n "bench-$node" addr add "10.98.0.$((i + 1))/32" dev lo
		for ((j = 0; j < i; j++)); do
			ditto_link "$j" "$i"
		done
	done
	for node in "${ditto_nodes[@]}"; do
		on "$node" userspace/build/dittod --pid-file "$work/$node.pid" >"$work/said" 2>&1 ||
			die "$node: dittod"
	done
}

# ditto_write_conf RESOURCE METADATA...: of as many nodes as there are METADATA;
# their disks are links in $work/disk
ditto_write_conf() {
	local name=$1 i=0 metadata node
	shift
	{
		printf '[resource]\nuuid = %s\npolicy = sync\nsecurity = none\n' \
			"$(</proc/sys/kernel/random/uuid)"
		for metadata; do
			node=${ditto_nodes[i]}
			printf '\n[node %s]\nid = %d\naddress = 10.98.0.%d:7900\n' "$node" $i $((i + 1))
			printf 'disk = %s\nmetadata = %s\n' "$work/disk/$name-$node" "$metadata"
			i=$((i + 1))
		done
	} >"$ditto_conf/$name.conf"
}

# ditto_disk RESOURCE NODE DISK: what its configuration means from now on
ditto_disk() { ln -sfn "$3" "$work/disk/$1-$2"; }

# ditto_start RESOURCE NODE...: and wait until all have all
ditto_start() {
	local name=$1 node
	shift
	for node; do
		ditto "$node" create-md "$name"
	done
	for node; do
		ditto "$node" up "$name"
	done
	ditto a promote "$name" --force
	ditto a wait-sync "$name" --timeout 600
}

ditto_ram() {
	local name=$1 disk node metadata=()
	shift
	for node; do
		disk_ram disk
		ditto_disk "$name" "$node" "$disk"
		metadata+=(internal)
	done
	ditto_write_conf "$name" "${metadata[@]}"
	ditto_start "$name" "$@"
}

# The first resync would take minutes over 16 GiB, and is not what is measured.
# So it is done while the disks are dm-zero, which has nothing to send; as they
# are of the same size, nobody minds when others take their places while the
# resource is down.
ditto_wide() {
	local name=$1 disk node metadata=()
	shift
	modprobe -a dm_mod dm_zero
	for node; do
		disk_bare disk
		metadata+=("$disk")
		dmsetup create "bench-$name-$node" --table "0 $((disk_wide_mib * 2048)) zero"
		dmsetup mknodes "bench-$name-$node" >"$work/said"
		ditto_disk "$name" "$node" "/dev/mapper/bench-$name-$node"
	done
	ditto_write_conf "$name" "${metadata[@]}"
	ditto_start "$name" "$@"
	ditto a demote "$name"
	for node; do
		ditto "$node" down "$name"
		dmsetup remove "bench-$name-$node"
		disk_wide disk "bench-$name-$node"
		ditto_disk "$name" "$node" "$disk"
	done
	for node; do
		ditto "$node" up "$name"
	done
	ditto a wait-sync "$name" --timeout 60
	ditto a promote "$name"
}

ditto_up() {
	"ditto_$1" "ditto-$1" a b
	device[ditto/$1]=$(ditto_status "ditto-$1" .device.path)
	device[ditto-near/$1]=${device[ditto/$1]}
}

ditto-2_up() {
	"ditto_$1" "ditto-2-$1" a b c
	device[ditto-2/$1]=$(ditto_status "ditto-2-$1" .device.path)
}

ditto-absent_up() {
	local name=ditto-absent-$1
	"ditto_$1" "$name" a b
	device[ditto-absent/$1]=$(ditto_status "$name" .device.path)
	# Nobody dials any more, as with DRBD.
	ditto a disconnect "$name"
	ditto b down "$name"
}

# ditto_resync RESOURCE: b's copy from a, all of it; prints MiB/s
ditto_resync() {
	local name=$1 size before sent t
	size=$(ditto_status "$name" .device.size)
	before=$(ditto_status "$name" '.peers[] | select(.name == "b") | ."resync-sent"')
	t=$(now_us)
	ditto a invalidate "$name" b
	ditto a wait-sync "$name" --timeout 300
	t=$(($(now_us) - t))
	sent=$(ditto_status "$name" '.peers[] | select(.name == "b") | ."resync-sent"')
	((sent - before >= size)) || die "$name: $((sent - before)) bytes were sent, not $size"
	mib_per_s "$size" "$t"
}
