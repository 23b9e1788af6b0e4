# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# What the selftests share: clusters in network namespaces of one kernel, their
# disks, faults on their links, and checks that are reported in TAP.
#
# A test sources this file, says cluster_up, checks with ok, must, refused and
# same, and ends. Whatever way it ends, everything is taken down again, and what
# cannot be taken down fails it.
#
# Node number i (from 0) is named by the letter $(node_name i), has node id i,
# the network namespace dt-LETTER and the address 10.99.0.(i+1). The bridge is in
# the namespace dt-net, so that nothing changes on the host's own network.

set -u
export LC_ALL=C.UTF-8 PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

selftests=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
top=${selftests%/tests/selftests}
PATH=$selftests/build:$PATH

TOOL=${DITTO_TOOL:-$top/userspace/build/ditto}
DAEMON=${DITTOD:-$top/userspace/build/dittod}
TIME_SCALE=${TIME_SCALE:-1}
WORK=$(mktemp -d "${TMPDIR:-/tmp}/ditto-selftest.XXXXXX")
CONF=$WORK/conf
RES=r0
UUID=6f7a0a7e-1111-4222-8333-0123456789ab
mkdir "$CONF"
mkfifo "$WORK/clock"

NODES=()		# letters of the nodes that are in the cluster
declare -A DISK META DAEMON_PID
checks=0 failures=0 failed_checks=''

# --- reporting -------------------------------------------------------------

diag() {
	local text=$*
	echo "# ${text//$'\n'/$'\n# '}"
}

pass() { checks=$((checks + 1)); echo "ok $checks $1"; }

fail() {
	checks=$((checks + 1)) failures=$((failures + 1))
	failed_checks+="${failed_checks:+; }$1"
	echo "not ok $checks $1"
}

# ok DESCRIPTION COMMAND...: the command succeeds
ok() {
	local what=$1 status
	shift
	"$@" >"$WORK/out" 2>&1
	status=$?
	if ((!status)); then
		pass "$what"
		return 0
	fi
	fail "$what"
	diag "exit status $status of: $*"
	diag "$(tail -n 30 "$WORK/out")"
	return 1
}

# must DESCRIPTION COMMAND...: as ok, and the test makes no sense without
must() {
	ok "$@" || bail "without that, nothing more can be tested"
}

bail() {
	((failures)) || fail "${1:-gave up}"
	diag "${1:-gave up}"
	exit 1
}

# refused DESCRIPTION REGEX COMMAND...: fails with a message that matches
refused() {
	local what=$1 regex=$2
	shift 2
	if "$@" >"$WORK/out" 2>&1; then
		fail "$what"
		diag "succeeded: $*"
		diag "$(tail -n 30 "$WORK/out")"
		return 1
	fi
	if ! grep -qE -- "$regex" "$WORK/out"; then
		fail "$what"
		diag "the message does not match /$regex/:"
		diag "$(tail -n 30 "$WORK/out")"
		return 1
	fi
	pass "$what"
}

# same DESCRIPTION EXPECTED FOUND
same() {
	if [[ $2 == "$3" ]]; then
		pass "$1"
		return 0
	fi
	fail "$1"
	diag "expected: $2"
	diag "found:    $3"
	return 1
}

# report PREFIX COMMAND...: a program that prints lines "ok TEXT" and "not ok TEXT"
# becomes as many checks; other lines are kept as comments
report() {
	local prefix=$1 line status
	shift
	"$@" >"$WORK/report" 2>&1
	status=$?
	while IFS= read -r line; do
		case $line in
		'ok '*) pass "$prefix${line#ok }" ;;
		'not ok '*) fail "$prefix${line#not ok }" ;;
		*) diag "$line" ;;
		esac
	done <"$WORK/report"
	((status < 2)) || fail "$prefix$1 $2 ended with status $status"
}

# bash calls this, in a subshell. A name that is no command is the test's mistake,
# which would pass where failure is what is wanted, or nobody looks: finish fails it.
command_not_found_handle() {
	echo "$1: there is no such command" | tee -a "$WORK/mistakes" >&2
	return 127
}

# The whole test is not for here.
skip() {
	echo "1..0 # SKIP $*"
	skipping=1
	exit 4
}

need() {
	local program
	for program; do
		command -v "$program" >/dev/null || skip "$program is not installed"
	done
}

# need_module NAME...: modules of the kernel, which are loaded
need_module() {
	local module
	for module; do
		[[ -e /sys/module/${module//-/_} ]] || modprobe -q "$module" ||
			skip "the kernel has no module $module"
	done
}

# --- time ------------------------------------------------------------------

# scaled SECONDS: what that is on this machine
scaled() { echo $(($1 * TIME_SCALE)); }

# limit SECONDS COMMAND...: a program (no function), ended when the time is up
limit() {
	local seconds
	seconds=$(scaled "$1")
	shift
	timeout -k 5 "$seconds" "$@"
}

# wait_for SECONDS DESCRIPTION COMMAND...: until the command succeeds. Looks
# every tenth of a second: it is for any condition, and not each has an event.
wait_for() {
	local seconds what=$2 end
	seconds=$(scaled "$1")
	shift 2
	end=$((SECONDS + seconds))
	until "$@" >/dev/null 2>&1; do
		if ((SECONDS >= end)); then
			echo "not within $seconds s: $what"
			return 1
		fi
		read -rt 0.1 _ <>"$WORK/clock" || true
	done
}

# shows REGEX COMMAND...: its output has a line that matches
shows() { "${@:2}" 2>&1 | grep -qE -- "$1"; }

# not COMMAND...
not() { ! "$@"; }

# --- the module ------------------------------------------------------------

module_path() {
	local path
	for path in "${DITTO_KO-}" "${DITTO_KERNEL:+$top/build/$DITTO_KERNEL/ditto.ko}" "$top/ditto.ko"; do
		[[ $path && -e $path ]] || continue
		echo "$path"
		return 0
	done
	return 1
}

load_module() {
	local path depends
	[[ ! -e /sys/module/ditto ]] || return 0
	if path=$(module_path); then
		depends=$(modinfo -F depends "$path" | tr ',' ' ')
		# shellcheck disable=SC2086 # several
		[[ ! $depends ]] || modprobe -a $depends
		insmod "$path"
	else
		modprobe ditto
	fi
}

unload_module() {
	[[ ! -e /sys/module/ditto ]] || rmmod ditto
}

# --- disks -----------------------------------------------------------------

# What options of cluster_up say; see there.
disk_kind=brd disk_size=32 block=512 discard=0 cache=0

# Only when it is ours to load: elsewhere, somebody's data may be on it.
load_brd() {
	[[ ! -e $WORK/brd ]] || return 0
	[[ ! -e /sys/module/brd ]] || skip "brd is loaded, and not by this test"
	modprobe brd rd_nr=24 rd_size=$((disk_size * 1024)) max_part=0 || skip "there is no brd"
	touch "$WORK/brd"
}

# disk_new NAME INDEX [SIZE]: makes a disk of $disk_kind and prints its path. One of
# kind dm-loop has a volatile cache, and what is below it in $WORK/base-NAME.
# brd disks all have the size of the first; other kinds can differ.
disk_new() {
	local name=$1 index=$2 size=${3:-$disk_size} dir
	case $disk_kind in
	brd) echo "/dev/ram$index" ;;
	dm)
		dmsetup create "dt-$name" --table "0 $((size * 2048)) linear /dev/ram$index 0" &&
			dmsetup mknodes "dt-$name" >/dev/null && echo "/dev/mapper/dt-$name"
		;;
	null)
		dir=/sys/kernel/config/nullb/dt-$name
		mkdir "$dir" || return 1
		echo 1 >"$dir/memory_backed"
		echo "$size" >"$dir/size"
		echo "$block" >"$dir/blocksize"
		echo "$discard" >"$dir/discard"
		echo "$cache" >"$dir/cache_size"
		echo 0 >"$dir/irqmode"
		echo 1 >"$dir/power" || return 1
		# Newer kernels name it after the directory.
		if [[ -b /dev/dt-$name ]]; then
			echo "/dev/dt-$name"
		else
			echo "/dev/nullb$(<"$dir/index")"
		fi
		;;
	loop)
		truncate -s "${size}M" "$WORK/disk-$name" &&
			losetup --find --show --sector-size "$block" "$WORK/disk-$name"
		;;
	scsi)
		echo 1 >/sys/bus/pseudo/drivers/scsi_debug/add_host
		wait_for 20 "a SCSI disk" newest_scsi >&2 && newest_scsi
		;;
	dm-loop)
		truncate -s "${size}M" "$WORK/disk-$name" &&
			losetup --find --show "$WORK/disk-$name" >"$WORK/base-$name" &&
			dmsetup create "dt-$name" --table \
				"0 $((size * 2048)) linear $(<"$WORK/base-$name") 0" &&
			dmsetup mknodes "dt-$name" >/dev/null && echo "/dev/mapper/dt-$name"
		;;
	esac
}

# The disk of scsi_debug's last host
newest_scsi() {
	local dir
	dir=$(existing /sys/bus/pseudo/drivers/scsi_debug/adapter*/host*/target*/*/block/* |
		sort -V | tail -n 1)
	[[ -b /dev/${dir##*/} ]] && echo "/dev/${dir##*/}"
}

disks_prepare() {
	case $disk_kind in
	brd) load_brd ;;
	dm)
		load_brd
		need dmsetup
		need_module dm_mod
		;;
	null)
		[[ -e /sys/module/null_blk ]] || modprobe -q null_blk nr_devices=0 ||
			skip "the kernel has no null_blk"
		[[ -d /sys/kernel/config/nullb ]] || mount -t configfs configfs /sys/kernel/config ||
			skip "configfs cannot be mounted"
		;;
	loop) need_module loop ;;
	scsi)
		need_module sd_mod
		[[ ! -e /sys/module/scsi_debug ]] || skip "scsi_debug is loaded, and not by this test"
		modprobe scsi_debug add_host=0 per_host_store=1 dev_size_mb="$disk_size" \
			sector_size="$block" delay=0 lbpu=1 lbprz=2 || skip "there is no scsi_debug"
		touch "$WORK/scsi"
		;;
	dm-loop)
		need dmsetup
		need_module loop dm_mod
		;;
	*) bail "no such kind of disk: $disk_kind" ;;
	esac
}

# dm_table NODE TABLE-LINE...: changes what a disk of kind dm does, at once.
# The ram disk below is /dev/ramID, sizes are in sectors of 512 bytes. With
# DM_NOFLUSH=1, what is in flight is not waited for.
dm_table() {
	local name=dt-$1
	shift
	printf '%s\n' "$@" | dmsetup load "$name" &&
		dmsetup suspend --nolockfs ${DM_NOFLUSH:+--noflush} "$name" && dmsetup resume "$name"
}

# --- clusters --------------------------------------------------------------

node_name() { local names=abcdefghijklmnopqrstuvwxyz; echo "${names:$1:1}"; }
node_id() { local names=abcdefghijklmnopqrstuvwxyz; names=${names%%"$1"*}; echo "${#names}"; }
node_address() { echo "10.99.0.$(($(node_id "$1") + 1))"; }

# on NODE COMMAND...: a program in the node's namespace, as the node
on() {
	local node=$1
	shift
	DITTO_NODE=$node DITTO_CONFIG_DIR=$CONF nsenter --net="/run/netns/dt-$node" "$@"
}

# begin NODE COMMAND...: as on, for the background: $! is the program itself
begin() {
	local node=$1
	shift
	DITTO_NODE=$node DITTO_CONFIG_DIR=$CONF exec nsenter --net="/run/netns/dt-$node" "$@"
}

# ditto NODE VERB...: the tool, given a minute at most: no command hangs (G7)
ditto() {
	local node=$1
	shift
	on "$node" timeout -k 5 "$(scaled 60)" "$TOOL" "$@"
}

# field NODE PATH [RESOURCE]: from status --json, as in: field a peers.b.cookie;
# peers.*.disk prints that of each peer
field() { fields "$1" "${3:-$RES}" "$2"; }
# fields NODE RESOURCE PATH...: several, one a line
fields() {
	local node=$1 resource=$2
	shift 2
	on "$node" "$TOOL" status "$resource" --json | json "${@/#/0.}"
}
device() { field "$1" device.path "${2:-$RES}"; }
device_size() { field "$1" device.size "${2:-$RES}"; }

# is NODE PATH VALUE...: a field, or each where there are several, has one of
# these values
is() {
	local node=$1 path=$2 found value
	shift 2
	while read -r found; do
		for value; do
			[[ $found != "$value" ]] || continue 2
		done
		echo "$node: $path is $found, not $*"
		return 1
	done <<<"$(field "$node" "$path")"
}

# debugging NODE: its folder in debugfs, if that is mounted
debugging() {
	debug=/sys/kernel/debug/ditto/$RES@$(stat -L -c %i "/run/netns/dt-$1")
	[[ -r $debug/inflight ]]
}

# cold NODE: no region is hot there. What nobody writes to is cooled now, and not
# when it has been idle for long.
cold() {
	local debug
	debugging "$1" && echo 1 >"$debug/cool" && grep -q '^regions hot 0 ' "$debug/inflight"
}

# connected NODE [PEER...]: to these, or all others
connected() {
	local node=$1 peer
	shift
	(($#)) || set -- '*'
	for peer; do
		[[ $peer == "$node" ]] || is "$node" "peers.$peer.connection" Connected || return 1
	done
}
all_connected() {
	local node
	for node in "${NODES[@]}"; do
		connected "$node" || return 1
	done
}

# hot_on_disk NODE: the regions of 4 MiB that the log of its disk names, one a line.
# The resource is down there.
hot_on_disk() {
	local md starts sizes i at
	md=$(ditto "$1" dump-md "$RES" --json) || return 1
	mapfile -t starts < <(json 'hot.*.start' <<<"$md")
	mapfile -t sizes < <(json 'hot.*.bytes' <<<"$md")
	for ((i = 0; i < ${#starts[@]}; i++)); do
		[[ ! ${starts[i]} ]] || for ((at = starts[i]; at < starts[i] + sizes[i]; at += 4 << 20)); do
			echo $((at >> 22))
		done
	done
}

# net_up NODE...: in few processes, for each takes a while on slow machines
net_up() {
	local node
	need ip nsenter
	# Some systems have no such directory before the first namespace.
	mkdir -p /run/netns
	printf 'netns add dt-%s\n' net "$@" | ip -batch - || return 1
	{
		echo "link add dt0 type bridge"
		echo "link set dt0 up"
		for node; do
			echo "link add v$node type veth peer name eth0 netns dt-$node"
			echo "link set v$node master dt0 up"
		done
	} | ip -n dt-net -batch - || return 1
	keep_hooks
	for node; do
		printf '%s\n' "addr add $(node_address "$node")/24 dev eth0" "link set eth0 up" \
			"link set lo up" | ip -n "dt-$node" -batch - || return 1
	done
}

# write_conf NAME UUID PORT: of a resource on all of NODES, whose disks are in
# DISK and META (or in DISK[NODE/NAME], for a second resource). $conf_options
# are lines of its [options].
conf_options=''
write_conf() {
	local name=$1 uuid=$2 port=$3 node
	{
		printf '[resource]\nuuid = %s\npolicy = sync\nsecurity = none\n\n' "$uuid"
		printf '[options]\n%s\n' "$conf_options"
		for node in "${NODES[@]}"; do
			printf '[node %s]\nid = %d\naddress = %s:%d\ndisk = %s\nmetadata = %s\n\n' \
				"$node" "$(node_id "$node")" "$(node_address "$node")" "$port" \
				"${DISK[$node/$name]-${DISK[$node]}}" \
				"${META[$node/$name]-${META[$node]-internal}}"
		done
	} >"$CONF/$name.conf"
}

start_daemon() {
	local node=$1
	(
		export DITTO_NODE=$node DITTO_CONFIG_DIR=$CONF
		exec nsenter --net="/run/netns/dt-$node" "$DAEMON" --foreground
	) >>"$WORK/dittod.$node.log" 2>&1 &
	DAEMON_PID[$node]=$!
	# Not a job of this shell: it would tell of its end.
	disown
}

# kill_daemon NODE [SIGNAL]: and be sure that it is gone
kill_daemon() {
	local pid=${DAEMON_PID[$1]}
	kill -s "${2:-KILL}" "$pid" && wait_for 10 "end of dittod of $1" not test -e "/proc/$pid"
}

# bring_up NODE: metadata (unless it has some) and the resource
node_up() {
	ditto "$1" create-md "$RES" && ditto "$1" up "$RES"
}

# cluster_up N [SIZE] [OPTION...]: N nodes with disks of SIZE MiB (default 32),
# daemons, and the resource r0, up and connected everywhere, nothing promoted.
#
#   disk=brd|dm|null|loop|scsi  what the disks are: ram disks; dm-linear over these
#                          (see dm_table); null_blk with memory; loop devices;
#                          scsi_debug, whose discarded blocks read as ones
#   block=512|4096         logical block size; null, loop and scsi
#   discard=0|1            null
#   cache=MiB              a volatile write cache of that size; null
#   metadata=internal|external
#   timeout=MS ping=MS     the resource's (default 6000 and 1000, and scaled)
#   checksum=yes           payload-checksum
#   on_read_error=detach   on-read-error
#   skip=yes               resync-checksum
#   up=N                   only the first N nodes get metadata and come up, the
#                          others have all but that: bring them up by node_up
cluster_up() {
	local count=$1 i node option metadata=internal timeout=6000 ping=1000 checksum=no up=$1
	local on_read_error=repair skip=no
	shift
	[[ ! ${1-} =~ ^[0-9]+$ ]] || { disk_size=$1; shift; }
	for option; do
		case $option in
		disk=*) disk_kind=${option#*=} ;;
		block=*) block=${option#*=} ;;
		discard=*) discard=${option#*=} ;;
		cache=*) cache=${option#*=} ;;
		metadata=*) metadata=${option#*=} ;;
		timeout=*) timeout=${option#*=} ;;
		ping=*) ping=${option#*=} ;;
		checksum=*) checksum=${option#*=} ;;
		on_read_error=*) on_read_error=${option#*=} ;;
		skip=*) skip=${option#*=} ;;
		up=*) up=${option#*=} ;;
		*) bail "cluster_up: no such option: $option" ;;
		esac
	done

	must "the module is there" load_module
	disks_prepare
	for ((i = 0; i < count; i++)); do
		NODES+=("$(node_name "$i")")
	done
	must "a network" net_up "${NODES[@]}"
	for ((i = 0; i < count; i++)); do
		node=${NODES[i]}
		DISK[$node]=$(disk_new "$node" "$i") || bail "no disk for node $node"
		[[ $metadata == internal ]] ||
			META[$node]=$(disk_new "$node-md" "$((i + 12))") || bail "no metadata disk for $node"
	done
	conf_options="timeout = $(scaled "$timeout")
ping-interval = $(scaled "$ping")
payload-checksum = $checksum
on-read-error = $on_read_error
resync-checksum = $skip
"
	write_conf "$RES" "$UUID" 7900
	for node in "${NODES[@]}"; do
		start_daemon "$node"
	done
	((up)) || return 0
	for node in "${NODES[@]:0:up}"; do
		node_up "$node" >"$WORK/up.$node" 2>&1 &
		eval "local pid_$node=$!"
	done
	for node in "${NODES[@]:0:up}"; do
		eval "wait \$pid_$node" || {
			diag "$(<"$WORK/up.$node")"
			bail "node $node does not come up"
		}
	done
	# Those without a daemon on the other side will not be.
	for node in "${NODES[@]:0:up}"; do
		if ((up == count)); then
			wait_for 20 "connections of $node" connected "$node"
		else
			wait_for 20 "connections of $node" connected "$node" "${NODES[@]:0:up}"
		fi || bail "node $node is not connected to all"
	done
}

# cluster_ready N [SIZE] [OPTION...]: as cluster_up, and a is the Primary and all
# are in sync.
cluster_ready() {
	cluster_up "$@"
	must "a becomes Primary" ditto a promote "$RES" --force
	must "all copies are in sync" wait_sync a
	# shellcheck disable=SC2034 # for the tests
	DEV=$(device a)
}

# wait_sync NODE [SECONDS]: until all disks are UpToDate, seen from there
wait_sync() {
	local node=$1 seconds
	seconds=$(scaled "${2:-60}")
	on "$node" timeout -k 5 $((seconds + 10)) "$TOOL" wait-sync "$RES" --timeout "$seconds"
}

# The Primary, if there is one
primary() {
	local node
	for node in "${NODES[@]}"; do
		[[ $(field "$node" role 2>/dev/null) != Primary ]] || { echo "$node"; return; }
	done
}

# shellcheck disable=SC2120 # the tests give it nodes
# backing_equal [NODE...]: the data areas of the disks themselves, read past all
# caches; says which blocks differ
backing_equal() {
	local nodes=("$@") node size disks=()
	((${#nodes[@]})) || nodes=("${NODES[@]}")
	size=$(device_size "${nodes[0]}") || return 1
	for node in "${nodes[@]}"; do
		disks+=("${DISK[$node]}")
	done
	compare "$size" "${disks[@]}"
}

# copies_equal: the Primary's own verify finds no difference, and the disks have
# none. For when all are connected and in sync; writes may not be going on.
copies_equal() {
	local node found
	for node in "${NODES[@]}"; do
		mapfile -t found < <(fields "$node" "$RES" role device.path)
		[[ ${found[0]-} != Primary ]] || break
	done
	if [[ ${found[0]-} == Primary ]]; then
		blockdev --flushbufs "${found[1]}" || return 1
		ditto "$node" verify "$RES" --wait || return 1
	fi
	# shellcheck disable=SC2119 # all of them
	backing_equal
}

# image NODE FILE: the data area of its disk, read past all caches
image() {
	dd if="${DISK[$1]}" of="$2" bs=1M iflag=direct,count_bytes count="$(device_size "$1")" status=none
}

# --- faults ----------------------------------------------------------------

# An empty table, so that the kernel does not switch its packet filter's hooks on
# and off as links are cut and healed: it does so by patching code that the other
# CPU runs, and an emulated one (QEMU 7.2, TCG) then sometimes runs the breakpoint
# that was there in between, over and over, and never gets any further.
keep_hooks() {
	command -v nft >/dev/null || return 0
	ip netns exec dt-net nft -f - <<-END
		table inet dt {
			chain input { type filter hook input priority 0; }
			chain output { type filter hook output priority 0; }
		}
	END
}

# A table of rules in the node's namespace: nothing from or to the peers given,
# or anybody
link_rules() {
	local node=$1 verdict=$2 peer from='' to=''
	shift 2
	need nft
	if (($#)); then
		for peer; do
			from+="${from:+, }$(node_address "$peer")"
		done
		to="ip daddr { $from }" from="ip saddr { $from }"
	else
		from='iifname eth0' to='oifname eth0'
	fi
	on "$node" nft -f - <<-END
		add table inet dt
		flush table inet dt
		table inet dt {
			chain input {
				type filter hook input priority 0
				$from $verdict
			}
			chain output {
				type filter hook output priority 0
				$to $verdict
			}
		}
	END
}

# link_cut NODE [PEER...]: connections break, and new ones are refused
link_cut() {
	link_rules "$1" 'tcp flags & rst != rst reject with tcp reset' "${@:2}" || return 1
	local peer filter=()
	for peer in "${@:2}"; do
		filter+=("${filter[@]:+or}" dst "$(node_address "$peer")")
	done
	# shellcheck disable=SC2068 # no empty word
	on "$1" ss -K state established ${filter[@]} >/dev/null
}

# link_blackhole NODE [PEER...]: packets vanish, and nobody is told
link_blackhole() { link_rules "$1" drop "${@:2}"; }

# link_open NODE: undoes link_cut and link_blackhole
link_open() { on "$1" nft delete table inet dt; }

# link_heal NODE: whatever it was
link_heal() {
	link_open "$1" 2>/dev/null
	ip netns exec dt-net tc qdisc del dev "v$1" root 2>/dev/null
	on "$1" tc qdisc del dev eth0 root 2>/dev/null
	return 0
}

# link_netem NODE ARGUMENT...: what tc-netem(8) can do, both ways
link_netem() {
	need tc
	ip netns exec dt-net tc qdisc replace dev "v$1" root netem "${@:2}" &&
		on "$1" tc qdisc replace dev eth0 root netem "${@:2}"
}

# --- the end ---------------------------------------------------------------

# Names of what is ours, by what they are: existing <glob>
existing() {
	local entry
	for entry; do
		[[ ! -e $entry ]] || echo "$entry"
	done
}
our_mounts() {
	local source target
	while read -r source target _; do
		case $source in
		/dev/ditto* | /dev/dt-* | /dev/mapper/dt-*) echo "$target" ;;
		esac
	done </proc/mounts
}
our_dm() {
	local entry name
	for entry in $(existing /sys/block/dm-*/dm/name); do
		name=$(<"$entry")
		[[ $name != dt-* ]] || echo "$name"
	done
}
our_loops() {
	local entry
	for entry in $(existing /sys/block/loop*/loop/backing_file); do
		[[ $(<"$entry") != */ditto-selftest.* ]] || echo "/dev/$(cut -d/ -f4 <<<"$entry")"
	done
}

# Takes down whatever there is with a name of ours, also of a test that was
# killed. Says what does not go.
sweep() {
	local path name ns
	while read -r path; do
		[[ ! $path ]] || umount "$path" || umount -l "$path"
	done <<<"$(our_mounts | tac)"
	for name in $(our_dm); do
		# Suspended, it would hold all the rest.
		dmsetup resume "$name"
	done
	for path in $(existing /run/netns/dt-*); do
		ns=${path##*/}
		[[ $ns != dt-net ]] || continue
		ip netns pids "$ns" | xargs -r kill -9
		[[ ! -e /sys/module/ditto ]] ||
			nsenter --net="$path" timeout -k 5 "$(scaled 60)" "$TOOL" down all 2>&1 |
			grep -v 'no resource is up'
	done
	remove_rest
}

remove_rest() {
	local path name
	existing /run/netns/dt-* | sed 's,.*/,netns del ,' | ip -force -batch -
	for name in $(our_dm); do
		dmsetup remove "$name"
	done
	for path in $(existing /sys/kernel/config/nullb/dt-*); do
		echo 0 >"$path/power"
		rmdir "$path"
	done
	for name in $(our_loops); do
		losetup -d "$name"
	done
}

# What a test has left, one a line; nothing is what it should print
leftovers() {
	existing /run/netns/dt-* /sys/block/ditto* /sys/kernel/config/nullb/dt-*
	our_dm
	our_loops
	our_mounts
}

# Threads of the module's workqueues; dittod is none
our_threads() {
	local entry name
	for entry in $(existing /proc/[0-9]*/comm); do
		read -r name 2>/dev/null <"$entry" || continue
		[[ $name != ditto_* ]] || echo "$name"
	done
}

# Takes the cluster down as its owner would, and is content only when nothing of
# it is left and the module can be removed.
cluster_down() {
	local node pids=() pid bad=0 left
	for node in "${NODES[@]}"; do
		# Where a test has removed the namespace, there is nobody to ask.
		[[ -e /run/netns/dt-$node && -e /sys/module/ditto ]] || continue
		{
			on "$node" timeout -k 5 "$(scaled 60)" "$TOOL" down all >"$WORK/down.$node" 2>&1 ||
				grep -q 'no resource is up' "$WORK/down.$node" || {
				sed "s/^/$node: /" "$WORK/down.$node"
				false
			}
		} &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait "$pid" || bad=1
	done
	for node in "${!DAEMON_PID[@]}"; do
		[[ ! -e /proc/${DAEMON_PID[$node]} ]] || kill_daemon "$node" TERM || bad=1
	done
	NODES=() DAEMON_PID=()
	left=$(our_mounts)
	[[ ! $left ]] || { echo "mounted: $left"; bad=1; }
	((!bad)) || sweep
	remove_rest
	left=$(leftovers)
	[[ ! $left ]] || { echo "left over: $left"; bad=1; }
	unload_module || bad=1
	left=$(our_threads)
	[[ ! $left ]] || { echo "the module has left threads: $left"; bad=1; }
	[[ ! -e $WORK/brd ]] || rmmod brd || bad=1
	# udev may still look at a disk that has just come.
	[[ ! -e $WORK/scsi ]] || wait_for 20 "the end of scsi_debug" rmmod scsi_debug || bad=1
	rm -f "$WORK/brd"
	return "$bad"
}

# What helps to understand a failure
situation() {
	local node
	for node in "${NODES[@]}"; do
		diag "--- $node:"
		diag "$(ditto "$node" status 2>&1)"
		diag "$(tail -n 8 "$WORK/dittod.$node.log" 2>/dev/null)"
	done
	diag "--- kernel log:"
	diag "$(dmesg | grep -i ditto | tail -n 40)"
}

finish() {
	local status=$?
	trap - EXIT
	trap '' TERM INT HUP
	if [[ ! ${skipping-} ]]; then
		((!status || failures)) || fail "ended with status $status"
		((!failures)) || situation
		# shellcheck disable=SC2046 # several
		kill $(jobs -p) 2>/dev/null
		ok "everything is gone again" cluster_down
		[[ ! -e $WORK/mistakes ]] || fail "$(sort -u "$WORK/mistakes" | paste -sd ';')"
		echo "1..$checks"
		((!failures)) || status=1
	else
		cluster_down >/dev/null 2>&1
	fi
	rm -rf "$WORK"
	exit "$status"
}
trap finish EXIT
trap 'fail "ended by a signal, as by the time limit"; exit 1' TERM INT HUP

if ((EUID)); then
	skip "root is needed"
fi
