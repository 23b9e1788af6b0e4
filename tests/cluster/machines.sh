#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Test: three machines with a node each, of which some are killed, again and again
# Proves: G1, G2, G3, G7, G8, G11
#
#	machines.sh [KILLS]
#
#	     a ------- b	a link from each machine to each: two network
#	      \       /		cards in each, which meet in sockets of qemu's.
#	       \     /		Answers take 8 ms from b, 16 ms from c.
#	        --c--
#
# A writer runs on the Primary, and records on this host what it has flushed. Then
# one machine, two or three are killed: which and when is random, for KILLS times.
# Without KILLS, it is a Secondary, and then a Primary that is ahead of one
# Secondary, which is ahead of the other.
#
# Some die while a node that was killed is being brought up to date. Each disk has a
# cache, and loses some of what was not flushed when its machine dies (volatile.c).
#
#  - While the Primary lives, the writer stands still no longer than the time-out.
#  - When it is dead, another node is promoted without --force, and every flushed
#    write is there. The survivors are in sync by what was hot, no more.
#  - The dead come back, and get what was hot at the crash and what was written
#    meanwhile, no more.
#  - Then all copies are equal, metadata is sound, and kernels have not complained.
#
# With STATE, a directory, the disks are kept there, and a run that was ended goes
# on as if all machines had been killed: KILLS counts those of before. SEED makes
# what is random repeatable.

set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
top=${here%/tests/cluster}
scale=${TIME_SCALE:-1}
seed=${SEED:-$$}
RANDOM=$seed
if (($#)); then
	kills=$1 chosen=()
else
	chosen=(secondary apart) kills=2
fi
net=$(mktemp -d "${TMPDIR:-/tmp}/ditto-net.XXXXXX")
if [[ ${STATE-} ]]; then
	mkdir -p "$STATE"
	work=$(cd "$STATE" && pwd -P)
else
	work=$net
fi
trap 'trap - EXIT; kill $(jobs -p) 2>/dev/null; wait; rm -rf "$net"' EXIT
trap 'exit 1' TERM INT HUP

nodes=(a b c)
timeout=10		# seconds, of the resource
data=96			# MiB that the disks hold from the beginning, of 128
area=$((16 << 20))	# where the writer writes
region=$((4 << 20))
# It has 4; two last writes before a death have one each, and one is warmed ahead.
regions=8
share=$work/share
declare -A vm control disk	# of each machine: scripts/vm, the way to tell it something, volatile
primary='' victims=() survivors=()
passed=0 failed=0

# --- machines --------------------------------------------------------------

number_of() { case $1 in a) echo 0 ;; b) echo 1 ;; c) echo 2 ;; esac }

boot() {
	local node=$1 peer cards=() commands
	for peer in "${nodes[@]}"; do
		[[ $peer == "$node" ]] || cards+=(
			--qemu -netdev --qemu "dgram,id=to-$peer,local.type=unix,local.path=$net/$node-$peer,remote.type=unix,remote.path=$net/$peer-$node"
			--qemu -device --qemu "virtio-net-pci,netdev=to-$peer,romfile=,mac=52:54:00:00:0$(number_of "$node"):0$(number_of "$peer")"
		)
	done
	rm -f "$net/$node".{in,out,pid,said,disk} "$share/$node".*
	mkfifo "$net/$node".{in,out}
	"$here/build/volatile" "$work/$node" "$net/$node.disk" "$RANDOM" >"$net/$node.lost" 2>&1 &
	disk[$node]=$!
	until [[ -S $net/$node.disk ]]; do
		kill -0 "${disk[$node]}" || return
		sleep 0.1	# no event tells of a socket
	done
	# Nobody has to wait for the other end of it.
	exec {commands}<>"$net/$node.in"
	control[$node]=$commands
	(
		exec "$top/scripts/vm" --quiet --no-tty --name "$node" --cpus 1 --memory 384 \
			--timeout 86400 --log "$net/$node.log" --share "$share" --disk "$net/$node.disk" \
			--env TIME_SCALE="$scale" --env PEER_TIMEOUT=$((timeout * 1000)) --env DITTO_KO="${DITTO_KO-}" \
			--qemu -pidfile --qemu "$net/$node.pid" "${cards[@]}" \
			--qemu -chardev --qemu "pipe,id=control,path=$net/$node" \
			--qemu -device --qemu "virtserialport,chardev=control,nr=2" \
			-- tests/cluster/machines-guest.sh "$node"
	) >"$net/$node.said" 2>&1 &
	vm[$node]=$!
}

runs() { [[ ${vm[$1]-} ]] && kill -0 "${vm[$1]}" 2>/dev/null; }

# until_so SECONDS WHAT COMMAND...: until the command succeeds
until_so() {
	local what=$2 seconds=$(($1 * scale)) end
	end=$((SECONDS + seconds))
	shift 2
	until "$@"; do
		((SECONDS < end)) || { echo "not within $seconds s: $what"; return 1; }
		sleep 0.1	# of any kind: not each has an event
	done
}

listens() { grep -q '^listening' "$net/$1.said" || ! runs "$1"; }
booted() { until_so 180 "$1 boots" listens "$1" && runs "$1"; }

# at NODE COMMAND...: in that machine: what it says, and its exit status
at() {
	local node=$1 number=$EPOCHREALTIME.$BASHPID said
	shift
	runs "$node" || { echo "$node is not running"; return 98; }
	printf '%s%s\n' "$number" "$(printf ' %q' "$@")" >&"${control[$node]}"
	until_so 200 "$node: $*" answered "$node" "$number" || return
	said=$(grep "^said $number " "$net/$node.said") || { echo "$node died"; return 98; }
	cat "$share/$node.$number"
	rm -f "$share/$node.$number"
	return "${said##* }"
}
answered() { grep -q "^said $2 " "$net/$1.said" || ! runs "$1"; }

# each COMMAND... -- NODE...: in all of these at once, as at or as any function
# whose first argument is a node
each() {
	local command=() node pids=() one bad=0
	while [[ $1 != -- ]]; do
		command+=("$1")
		shift
	done
	shift
	for node; do
		"${command[0]}" "$node" "${command[@]:1}" &
		pids+=($!)
	done
	for one in "${pids[@]}"; do
		wait "$one" || bad=1
	done
	return "$bad"
}

# What they had in memory is gone; the kernel log is not.
kill_machines() {
	local node pids=() commands
	for node; do
		pids+=("$(<"$net/$node.pid")")
	done
	kill -KILL "${pids[@]}"
	for node; do
		wait "${vm[$node]}"
		wait "${disk[$node]}"
		echo "# $node's disk: $(<"$net/$node.lost")"
		unset "vm[$node]"
		mv "$net/$node.log" "$net/$node.dead"
		commands=${control[$node]}
		exec {commands}>&-
	done
}

# --- verdicts --------------------------------------------------------------

# claim WHAT COMMAND...: a part of what is to be shown of a kill
claim() {
	local what=$1
	shift
	"$@" >"$net/out" 2>&1 && return
	echo "# $what: it is not so: $*"
	sed 's/^/#   /' "$net/out"
	return 1
}

situation() {
	local node
	for node in "${nodes[@]}"; do
		echo "# --- $node:"
		{
			! runs "$node" || at "$node" ditto "$node" status
			! runs "$node" || at "$node" dmesg | grep -i ditto | tail -n 20
			tail -n 12 "$net/$node.said"
		} 2>&1 | sed 's/^/#   /'
	done
}

verdict() {
	if ((!$1)); then
		passed=$((passed + 1))
		echo "ok $((passed + failed)) $2"
	else
		failed=$((failed + 1))
		echo "not ok $((passed + failed)) $2"
		situation
	fi
	return "$1"
}

has() {
	local word
	for word in "${@:2}"; do
		[[ $word != "$1" ]] || return 0
	done
	return 1
}

# --- what a kill is ---------------------------------------------------------

flushed() {
	local number=0
	read -r number 2>/dev/null <"$share/flushed"
	echo $((10#${number:-0}))
}
beyond() { (($(flushed) >= $1)); }
# The writer's progress: since the kill, or since a moment after it
goes_on() { until_so 60 "the writer goes on" beyond $(($(flushed) + ${1:-64})); }

now_ms() { echo $((${EPOCHREALTIME/[.,]/} / 1000)); }

# The longest time without a flush, from $1 on, until the writer is far beyond the
# one that it was at then. It cannot get there before the dead are given up.
stands_still() {
	local from=$1 end=$((SECONDS + 60 * scale)) at=0 number goal last now
	last=$(now_ms) still=0 goal=$((from + 64))
	until ((at >= goal)); do
		((SECONDS < end)) || { echo "the writer has come to $at, from $from"; return 1; }
		sleep 0.05	# a file grows: no event of another machine's tells
		number=$(flushed) now=$(now_ms)
		((now - last <= still)) || still=$((now - last))
		((number == at)) || last=$now
		at=$number
	done
	echo "$still ms, where the time-out is $((timeout * scale)) s"
	# Noticed, and a little for the roster that says so, and to look.
	((still <= (timeout + 3) * 1000 * scale))
}

# positions NODE...: on one line
positions() {
	local node line=()
	each into position -- "$@" || return 1
	for node; do
		line+=("$(<"$net/$node.position")")
	done
	echo "${line[@]}"
}
# into NODE COMMAND: what it says is kept in a file of that name
into() { at "$1" "$2" "$1" >"$net/$1.$2"; }

# The last write but one reaches near, but not far, and the last one nobody.
apart() {
	local near=$1 far=$2
	at "$primary" last_write "$far" 0 &&
		until_so 8 "$near has what $far lacks" leads "$near" "$far" || return 1
	first=$(at "$primary" last_write "$near" 1) || { echo "$first"; return 1; }
	at "$primary" writer_continues
}
leads() {
	local found
	found=$(positions "$primary" "$1" "$2") || return 1
	read -ra found <<<"$found"
	((found[0] == found[1] && found[1] > found[2]))
}
# What the dead one had is from before its death.
at_different_positions() {
	local found
	found=$(positions "$1" "$2") || return 1
	echo "$first $found"
	read -ra found <<<"$found"
	((first > found[0] && found[0] > found[1]))
}

# promote NODE...: the first one that is not behind another one
behind='newer data'
promote() {
	local said
	while (($#)); do
		said=$(at "$1" ditto "$1" promote r0) && { primary=$1; return 0; }
		echo "$said"
		grep -qE "$behind" <<<"$said" || return 1
		shift
	done
	return 1
}
# By what it hears from the other one. Or it is Outdated: where all is slow, the one
# that is dead had still given it up, and said so.
refuses() {
	local said
	! said=$(at "$1" ditto "$1" promote r0) && echo "$said" &&
		grep -qE "$2 has newer data|this copy is Outdated" <<<"$said"
}

# count NODE COMMAND...: a number that is there to be found
count() {
	local said
	said=$(at "$@") && [[ $said =~ ^[0-9]+$ ]] && echo "$said"
}

# least NUMBER NUMBER
least() { echo $(($1 < $2 ? $1 : $2)); }

at_most() { (($1 <= $2)); }
mib() { awk "BEGIN { printf \"%.1f MiB\", $1 / 1048576 }"; }

# received NODE LIMIT WHY: what the Primary has sent it, since it was $base
received() {
	local sent
	sent=$(count "$primary" sent "$1") || { echo "# $primary cannot tell what it has sent"; return 1; }
	sent=$((sent - ${base[$1]:-0}))
	claim "$1 has got $sent bytes: no more than $2, $3" at_most "$sent" "$2" &&
		echo "# $1 has got $(mib "$sent"), of at most $(mib "$2"): $3"
}

# A survivor takes over. Nothing of what was flushed is missing.
take_over() {
	local dead=$primary node hot=0 candidates=("${survivors[@]}") found
	# One in the midst of a resync is none.
	[[ $kind == source ]] || ((RANDOM % 2)) || candidates=("${survivors[@]:1}" "${survivors[@]:0:1}")
	claim "the survivors notice" each at lost "${victims[@]}" -- "${survivors[@]}" || return 1
	if [[ $kind == apart ]]; then
		claim "all were at different positions" at_different_positions "${survivors[@]}" || return 1
		echo "# positions: $dead, which is dead, ${survivors[*]}: $(<"$net/out")"
		claim "${survivors[1]}, which has less, is refused" refuses "${survivors[1]}" "${survivors[0]}" || return 1
	elif ((${#survivors[@]} == 2)); then
		found=$(positions "${survivors[@]}") || return 1
		echo "# positions of ${survivors[*]}: $found"
	fi
	for node in "${survivors[@]}"; do
		warm[$node]=$(count "$node" hot_in_memory) || return 1
		hot=$((hot + warm[$node]))
	done
	hot=$(least "$hot" "$regions")
	claim "a survivor is promoted, without --force" promote "${candidates[@]}" || return 1
	echo "# $primary is promoted"
	for node in "${survivors[@]}"; do
		[[ $node != "$primary" ]] || continue
		base[$node]=0
		claim "$node is in sync" at "$primary" wait_for 60 "$node" is "$primary" "peers.$node.disk" UpToDate || return 1
		received "$node" $((hot * region + ${owed[$node]:-0})) \
			"$hot regions were hot on the survivors${owed[$node]:+, and its resync was under way}" || return 1
	done
	write_on "${survivors[@]}"
}

# Nobody writes, and all NODE... are in sync with the Primary. What is written from
# here on would hide what they lack.
write_on() {
	claim "the copies of $* are equal" equal "$@" &&
		claim "what was flushed is there" at "$primary" check_flushed || return 1
	echo "# $(<"$net/out")"
	claim "the writer begins on $primary" at "$primary" writer_start
}

# The dead ones boot, which takes as long as it takes the others to notice. They are
# not there yet for these: their network comes with enter.
boot_dead() {
	local node
	for node; do
		claim "$node's kernel was content" "$top/scripts/check-log" "$net/$node.dead" || return 1
		boot "$node"
	done
}

# What their logs name is noted in NODE.hot_on_disk.
boot_again() {
	claim "they boot" each booted -- "${victims[@]}" &&
		claim "they get their network" each at enter -- "${victims[@]}" &&
		claim "their metadata is sound" each at md_sound -- "${victims[@]}" &&
		claim "and their logs" each into hot_on_disk -- "${victims[@]}"
}

# They come back to a Primary that is being written to: every other time, for new
# writes would hide it when an old one is missing.
come_back() {
	local node own hot=0 written quiet=$((number % 2 == 0))
	for node in "${survivors[@]}"; do
		hot=$((hot + ${warm[$node]:-0}))
	done
	for node in "${victims[@]}"; do
		base[$node]=$(count "$primary" sent "$node") || return 1
	done
	((!quiet)) || claim "the writer ends" at "$primary" writer_stop || return 1
	claim "they come up" each at come_up -- "${victims[@]}" &&
		claim "they are in sync" at "$primary" wait_sync "$primary" 120 || return 1
	# Each write may have been under way when it was last known to be flushed.
	written=$(least $((($(flushed) - from + 32) * 4096)) "$area")
	for node in "${victims[@]}"; do
		own=$(least $(($(wc -l <"$net/$node.hot_on_disk") + hot)) "$regions")
		received "$node" $((own * region + written + ${owed[$node]:-0})) \
			"$own regions were hot, $(mib "$written") were written${owed[$node]:+, and its resync was under way}" || return 1
	done
	# A Secondary that has lived needs nothing.
	for node in "${survivors[@]}"; do
		[[ $node == "$primary" || ${warm[$node]-} ]] ||
			received "$node" 0 "it was there all the time" || return 1
	done
	((!quiet)) || write_on "${nodes[@]}"
}

# half_back NODE: a Secondary is killed and returns, into the midst of its resync.
# What it may get then has not all been sent when the next one is killed.
half_back() {
	local node=$1 next=("${victims[@]}") before own
	kill_machines "$node"
	from=$(flushed)
	boot_dead "$node" || return 1
	claim "the writer stands still no longer than the time-out" stands_still "$from" || return 1
	victims=("$node")
	boot_again || return 1
	victims=("${next[@]}")
	before=$(count "$primary" sent "$node") || return 1
	claim "$node comes up" at "$node" come_up &&
		claim "its resync begins" at "$primary" wait_for 30 "a resync" sent_more "$node" "$before" || return 1
	own=$(wc -l <"$net/$node.hot_on_disk")
	owed[$node]=$((own * region + $(least $((($(flushed) - from + 32) * 4096)) "$area")))
	echo "# $node was away, and its resync has begun"
}

# All were dead: whoever is promoted has everything, if it was in sync.
begin_again() {
	local node hot candidates=()
	claim "they come up" each at come_up -- "${nodes[@]}" &&
		claim "they find each other" each at found -- "${nodes[@]}" || return 1
	for node in "${nodes[@]}"; do
		[[ $node == "$primary" ]] || candidates+=("$node")
	done
	if [[ $kind == ended ]]; then
		candidates+=("$primary")
		local behind='newer data|Inconsistent|Outdated'
	else
		candidates=("${candidates[RANDOM % 2]}")
	fi
	claim "one is promoted, without --force" promote "${candidates[@]}" || return 1
	echo "# $primary is promoted"
	claim "all are in sync" at "$primary" wait_sync "$primary" 120 || return 1
	hot=$(sort -u "$net"/?.hot_on_disk | wc -l)
	for node in "${nodes[@]}"; do
		[[ $node == "$primary" || $kind == ended ]] || received "$node" $((hot * region)) "$hot regions were hot" || return 1
	done
	write_on "${nodes[@]}"
}

# equal NODE...: what their disks hold, as this host sees it
equal() {
	local node size
	size=$(at "$primary" device_size "$primary") && [[ $size == $((size / 512 * 512)) && $size -gt 0 ]] || return 1
	for node in "${@:2}"; do
		cmp -n "$size" "$work/$1" "$work/$node" || return 1
	done
}

# Whom to kill, and what then is to be shown:
#
#	secondary	a Secondary		again	one that returns, in its resync
#	primary		the Primary		source	the Primary, in that resync
#	secondaries	both Secondaries	apart	the Primary, with all three at
#	pair		the Primary and one		different positions
#	all		all three
choose() {
	local others=() node kinds=(secondary again source primary primary apart apart secondaries pair all)
	kind=${chosen[number]-${kinds[RANDOM % ${#kinds[@]}]}}
	for node in "${nodes[@]}"; do
		[[ $node == "$primary" ]] || others+=("$node")
	done
	((RANDOM % 2)) || others=("${others[1]}" "${others[0]}")
	case $kind in
	secondary | again) victims=("${others[0]}") survivors=("$primary" "${others[1]}") ;;
	secondaries) victims=("${others[@]}") survivors=("$primary") ;;
	primary | apart | source) victims=("$primary") survivors=("${others[@]}") ;;
	pair) victims=("$primary" "${others[0]}") survivors=("${others[1]}") ;;
	all) victims=("${nodes[@]}") survivors=() ;;
	esac
}

# One kill, and all that follows from it, with the writer running before and after
round() {
	local node
	local -A base=() warm=() owed=()
	claim "the writer goes on" goes_on || return 1
	for node in "${survivors[@]}"; do
		[[ $node == "$primary" ]] || base[$node]=$(count "$primary" sent "$node") || return 1
	done
	case $kind in
	apart) claim "all get to different positions" apart "${survivors[@]}" || return 1 ;;
	again) half_back "${victims[0]}" || return 1 ;;
	source) half_back "${survivors[1]}" || return 1 ;;
	# At whatever moment: that is what is tested.
	*) sleep "$((RANDOM % 3)).$((RANDOM % 10))" ;;
	esac
	kill_machines "${victims[@]}"
	from=$(flushed)
	boot_dead "${victims[@]}" || return 1
	if ((!${#survivors[@]})); then
		boot_again && begin_again || return 1
	elif has "$primary" "${survivors[@]}"; then
		claim "the writer stands still no longer than the time-out" stands_still "$from" || return 1
		echo "# the writer stood still for $still ms"
		boot_again && come_back || return 1
	else
		take_over && boot_again && come_back || return 1
	fi
	settle
}

# No difference, no complaint; then the writer goes on.
settle() {
	claim "the writer goes on, with all of them" goes_on &&
		claim "the writer ends" at "$primary" writer_stop &&
		claim "all are in sync still" at "$primary" wait_sync "$primary" &&
		claim "all copies are equal" equal "${nodes[@]}" &&
		claim "the kernels are content" each at log_clean -- "${nodes[@]}" || return 1
	claim "the writer begins again" at "$primary" writer_start
}

# --- the run ---------------------------------------------------------------

# The same data on all three disks, so that nothing has to be copied at first
make_cluster() {
	rm -rf "$share" "${nodes[@]/#/$work/}"
	mkdir "$share"
	head -c $((data << 20)) /dev/urandom >"$work/a"
	truncate -s 128M "$work/a"
	cp "$work/a" "$work/b" && cp "$work/a" "$work/c" || return 1
	for node in "${nodes[@]}"; do
		boot "$node"
	done
	claim "they boot" each booted -- "${nodes[@]}" &&
		claim "they get their network" each at enter -- "${nodes[@]}" &&
		claim "they get metadata" each at make_md -- "${nodes[@]}" &&
		claim "they come up" each at come_up -- "${nodes[@]}" &&
		claim "they find each other" each at found -- "${nodes[@]}" &&
		claim "a becomes Primary" at a ditto a promote r0 --assume-equal || return 1
	primary=a
	claim "all are in sync" at a wait_sync a &&
		claim "the writer begins" at a writer_start
}

# Of a run that was ended nobody is left, and some may have been behind then.
resume_cluster() {
	local -A base=() warm=() owed=()
	primary=$(<"$work/primary") kind=ended victims=("${nodes[@]}") survivors=()
	touch "$net"/{a,b,c}.dead
	boot_dead "${nodes[@]}" && boot_again && begin_again
}

leave() {
	claim "the writer ends" at "$primary" writer_stop &&
		claim "all are in sync still" at "$primary" wait_sync "$primary" &&
		claim "all copies are equal" equal "${nodes[@]}" &&
		claim "they go down" each at go_down -- "${nodes[@]}" &&
		claim "their metadata is sound" each at md_sound -- "${nodes[@]}" &&
		claim "nothing is left of them" end_machines
}

end_machines() {
	local node bad=0
	each at leave -- "${nodes[@]}" || return 1
	for node in "${nodes[@]}"; do
		wait "${vm[$node]}" || { echo "$node:"; cat "$net/$node.said"; bad=1; }
		wait "${disk[$node]}" || { echo "$node:"; cat "$net/$node.lost"; bad=1; }
		unset "vm[$node]"
	done
	return "$bad"
}

progress() {
	local done=$((number + 1 - begun)) left=$((kills - number - 1))
	echo "# $((number + 1)) of $kills kills, $((SECONDS / done)) s each; about $((SECONDS * left / done / 60)) min left"
}

echo "# SEED=$seed"
begun=0 number=0
if [[ -e $work/kills ]]; then
	begun=$(<"$work/kills")
	resume_cluster
	verdict $? "three machines begin again after $begun kills" || kills=0
else
	make_cluster
	if verdict $? "three machines with a node each"; then
		echo "$primary" >"$work/primary"
		echo 0 >"$work/kills"
	else
		kills=0
	fi
fi
for ((number = begun; number < kills; number++)); do
	choose
	round
	verdict $? "kill $number: $kind (${victims[*]})" || break
	echo "$primary" >"$work/primary"
	echo $((number + 1)) >"$work/kills"
	progress
done
if ((!failed)); then
	leave
	verdict $? "the end, in order"
fi
echo "1..$((passed + failed))"
echo "$passed passed, $failed failed, 0 skipped"
((!failed))
