#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The configuration file: each error with file, line, what was found, what is allowed.

. ./tap.sh

conf="$dir/r0.conf"
truncate -s 64M "$dir/disk"

good() {
	cat >"$conf" <<-END
		; a comment
		[resource]
		name = r0
		uuid = 0f5ea3a4-4a4c-4d3c-9f4b-0123456789ab
		policy = sync
		security = none
		[options]
		ping-interval = 1000
		timeout = 6000
		payload-checksum = no
		[node alpha]
		id = 0
		address = 10.0.0.1:7900
		disk = $dir/disk
		metadata = internal
		[node beta]
		id = 1
		address = [fd00::2]:7900
		disk = /dev/vg/r0
		metadata = /dev/vg/meta
	END
}

# accepted NAME EDIT...: the file, edited by sed, is taken.
accepted() {
	name=$1
	shift
	good
	sed -i "$@" "$conf"
	run ditto create-md r0 --force
	check "$name" ended 0 "metadata written"
}

# refused NAME LINE TEXT EDIT...: the file, edited by sed, is refused there.
refused() {
	name=$1 text="$conf:$2: $3"
	shift 3
	good
	sed -i "$@" "$conf"
	run ditto create-md r0 --force
	check "$name" ended 1 "$text"
}

accepted "a whole file is taken" -e ''
accepted "without options" -e '/options/,/payload/d'
accepted "without name" -e '/^name/d'
accepted "without metadata it is internal" -e '/^metadata = internal/d'
accepted "times with suffixes" -e 's/= 1000/= 500ms/' -e 's/= 6000/= 1m/'
accepted "times with a space before the suffix" -e 's/= 6000/= 6 s/'
accepted "payload-checksum = yes" -e 's/checksum = no/checksum = yes/'
accepted "on-read-error = repair" -e 's/^payload.*/&\non-read-error = repair/'
accepted "on-read-error = detach" -e 's/^payload.*/&\non-read-error = detach/'
accepted "resync-checksum = yes" -e 's/^payload.*/&\nresync-checksum = yes/'
accepted "indented lines" -e 's/^/    /'
accepted "a comment behind a value" -e 's/^policy.*/& ; and why/'
accepted "lines that end in CR LF" -e 's/$/\r/'

refused "unknown key" 5 "unknown key 'polcy'; allowed in [resource] are name, uuid, policy, security" \
	-e 's/^policy/polcy/'
refused "unknown key in options" 9 "unknown key 'rate'; allowed in [options] are ping-interval, timeout, payload-checksum, on-read-error, resync-checksum" \
	-e 's/^timeout/rate/'
refused "unknown key in a node" 14 "unknown key 'device'; allowed in [node NAME] are id, address, disk, metadata" \
	-e '14s/^disk/device/'
refused "unknown section" 7 "unknown section [option]; allowed are [resource], [options], [node NAME]" \
	-e 's/^\[options\]/[option]/'
refused "a key before any section" 1 "key 'a' before any section" -e '1s/.*/a = b/'
refused "a line that is nothing" 5 "neither a [section] nor 'key = value'" -e '5s/.*/nonsense/'
refused "a section without end" 7 "a section's name ends with ']'" -e '7s/.*/[options/'
refused "a long line" 5 "the line is too long" -e "5s/\$/$(printf '%300s' x)/"
refused "a section twice" 10 "[resource] again; line 2 has it already" -e '10s/.*/[resource]/'
refused "a key twice" 9 "key 'ping-interval' again; line 8 has it already" \
	-e '9s/.*/ping-interval = 900/'
refused "another name" 3 "name = 'r1'; it must be the file's name, 'r0', or absent" \
	-e 's/^name.*/name = r1/'
refused "no uuid" 2 "[resource] has no 'uuid'; a fresh one to paste" -e '/^uuid/d'
fresh=$(sed -n 's/^uuid = //p' "$dir/err")
accepted "the fresh uuid of that message is taken" -e "s/^uuid = .*/uuid = $fresh/"
refused "and the next fresh one is another" 2 "[resource] has no 'uuid'" -e '/^uuid/d'
check "(another)" test "$fresh" != "$(sed -n 's/^uuid = //p' "$dir/err")"
refused "a bad uuid" 4 "uuid = '0f5e'; a UUID has 32 hexadecimal digits" -e 's/^uuid.*/uuid = 0f5e/'
refused "a uuid with a wrong letter" 4 "uuid = 'gf5e" -e 's/^uuid = 0/uuid = g/'
refused "an empty uuid" 4 "uuid = ''; a UUID has 32 hexadecimal digits" -e 's/^uuid.*/uuid =/'
refused "no policy" 2 "[resource] has no 'policy'; allowed is sync" -e '/^policy/d'
for policy in semi-sync quorum async; do
	refused "policy $policy" 5 "policy = $policy: not in this version; allowed is sync" \
		-e "s/^policy.*/policy = $policy/"
done
refused "an unknown policy" 5 "policy = 'fast'; allowed is sync" -e 's/^policy.*/policy = fast/'
refused "no security" 2 "[resource] has no 'security'; allowed is none" -e '/^security/d'
refused "security tls" 6 "security = tls: not in this version; allowed is none" \
	-e 's/^security.*/security = tls/'
refused "an unknown security" 6 "security = 'vpn'; allowed is none" \
	-e 's/^security.*/security = vpn/'
refused "ping-interval too short" 8 "ping-interval = '99'; allowed are 100ms to 60s" \
	-e 's/= 1000/= 99/'
refused "ping-interval too long" 8 "ping-interval = '61s'; allowed are 100ms to 60s" \
	-e 's/= 1000/= 61s/'
refused "timeout too short" 9 "timeout = '499ms'; allowed are 500ms to 600s" -e 's/= 6000/= 499ms/'
refused "timeout too long" 9 "timeout = '11m'; allowed are 500ms to 600s" -e 's/= 6000/= 11m/'
refused "a time with an unknown unit" 9 "timeout = '1h'; allowed are" -e 's/= 6000/= 1h/'
refused "a negative time" 9 "timeout = '-1'; allowed are" -e 's/= 6000/= -1/'
refused "a time beyond all numbers" 9 "timeout = '99999999999999999999'; allowed are" \
	-e 's/= 6000/= 99999999999999999999/'
refused "timeout below ping-interval" 9 "timeout 600 ms is less than two ping-intervals of 1000 ms; allowed are 2000 ms and more" \
	-e 's/= 6000/= 600/'
refused "timeout of one ping-interval and a half" 9 "timeout 1999 ms is less than two" -e 's/= 6000/= 1999/'
accepted "timeout of two ping-intervals" -e 's/= 6000/= 2000/'
refused "two ping-intervals above the default timeout" 8 "timeout 6000 ms is less than two ping-intervals of 3001 ms" \
	-e 's/= 1000/= 3001/' -e '/^timeout/d'
refused "payload-checksum = maybe" 10 "payload-checksum = 'maybe'; allowed are yes, no" \
	-e 's/checksum = no/checksum = maybe/'
refused "on-read-error = panic" 11 "on-read-error = 'panic'; allowed are repair, detach" \
	-e 's/^\( *\)payload.*/&\non-read-error = panic/'
refused "resync-checksum = 1" 11 "resync-checksum = '1'; allowed are yes, no" \
	-e 's/^payload.*/&\nresync-checksum = 1/'
refused "no nodes" 10 "there is no section [node NAME]; each node needs one" -e '11,20d'
refused "no resource section" 1 "there is no section [resource]" -e '2,6d'
refused "no id" 11 "[node alpha] has no 'id'; required are id, address, disk" -e '12d'
refused "no id in the last node" 16 "[node beta] has no 'id'; required are" -e '17d'
refused "an id out of range" 12 "id = '32'; allowed are 0 to 31" -e '12s/.*/id = 32/'
refused "an id that is no number" 12 "id = 'one'; allowed are 0 to 31" -e '12s/.*/id = one/'
refused "an id twice" 17 "id = 0 is node alpha's already" -e '17s/.*/id = 0/'
refused "a node twice" 16 "[node alpha] again; line 11 has it already" -e '16s/beta/alpha/'
refused "a node without a name" 11 "unknown section [node]" -e '11s/.*/[node]/'
refused "a node with a bad name" 11 "node name 'a/b'; allowed are up to 63 letters" \
	-e '11s/.*/[node a\/b]/'
refused "no address" 11 "[node alpha] has no 'address'" -e '13d'
for address in 10.0.0.1 10.0.0.1:0 10.0.0.1:65536 10.0.0.256:1 host:7900 fd00::2:7900 \
	'[fd00::2]' '[10.0.0.1]:7900' 0.0.0.0:7900 '[::]:7900' 224.0.0.1:7900 10.0.0.1:x :7900; do
	refused "address $address" 13 "address = '$address'; allowed are IPv4:port and [IPv6]:port" \
		-e "13s/.*/address = $address/"
done
refused "an address twice" 18 "address = 10.0.0.1:7900 is node alpha's already" \
	-e '18s/.*/address = 10.0.0.1:7900/'
accepted "two nodes on one host with two ports" -e '18s/.*/address = 10.0.0.1:7901/'
refused "no disk" 11 "[node alpha] has no 'disk': diskless nodes are not in this version" -e '14d'
refused "disk = none" 14 "disk = none: diskless nodes are not in this version" -e '14s/=.*/= none/'
refused "a relative disk" 14 "disk = 'disk'; it must be an absolute path" -e '14s/=.*/= disk/'
refused "a relative metadata device" 15 "metadata = 'meta'; allowed are internal and an absolute path" \
	-e '15s/=.*/= meta/'
refused "metadata on the disk by path" 15 "metadata = $dir/disk is the disk itself; for metadata at its end write internal" \
	-e "15s|=.*|= $dir/disk|"

many() {
	good
	for i in $(seq 2 40); do
		printf '[node n%d]\nid = %d\naddress = 10.0.1.%d:7900\ndisk = /dev/x\n' \
			"$i" "$i" "$i" >>"$conf"
		[ "$i" -ne "$1" ] || return
	done
}
many 31
run ditto create-md r0 --force --max-peers 31
check "32 nodes are taken" ended 0 "metadata written"
run ditto create-md r0 --force
check "but not with room for 7 peers" ended 1 "--max-peers 31"
many 32
sed -i 's/^id = 32/id = 31/' "$conf"
run ditto create-md r0 --force --max-peers 31
check "33 are not" ended 1 "node n32 is one too many; allowed are 32"

good
run ditto create-md r0 --force --node gamma
check "a node that has no section" ended 1 "has no section [node gamma]; it has alpha, beta"
run env -u DITTO_NODE ditto create-md r0 --force
check "the host's name is the default" ended 1 "has no section [node $(uname -n)]"
run ditto create-md r1 --force
check "a resource without a file" ended 1 "r1.conf: no such file; resources configured in $dir: r0"
run ditto create-md r0 --force --config-dir /nonexistent
check "--config-dir wins over the environment" ended 1 "/nonexistent/r0.conf"
for name in ../r0 .r0 -- 'r 0' "$(printf '%064d' 0)" ''; do
	run ditto create-md --force -- "$name"
	check "resource name '$name'" ended 1 "is no resource's name"
done
run ditto create-md r0 --force --node alpha
check "--node with the environment's own value" ended 0 "metadata written"
cp "$conf" "$dir/r2.conf"
sed -i -e '/^name/d' "$dir/r2.conf"
run ditto create-md all --force
check "all takes the first file" ended 0 "r0: "
check "all takes the second file" ended 0 "r2: "
echo nonsense >"$dir/r1.conf"
run ditto create-md all --force
check "one bad file of all fails" ended 1 "$dir/r1.conf:1: "
check "and the others are still done" ended 1 "r2: "
rm "$dir"/*.conf
run ditto create-md all --force
check "all without files says so" ended 0 "no NAME.conf in $dir"
finish
