#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# create-md, dump-md and check-md on sparse files (G11).

. ./tap.sh

SIZE=$((64 * 1024 * 1024))

cat >"$dir/r0.conf" <<END
[resource]
uuid = 0f5ea3a4-4a4c-4d3c-9f4b-0123456789ab
policy = sync
security = none
[node alpha]
id = 3
address = 10.0.0.1:7900
disk = $dir/disk
metadata = internal
[node beta]
id = 4
address = 10.0.0.2:7900
disk = $dir/disk
metadata = $dir/meta
END

fresh() {
	rm -f "$dir/disk" "$dir/meta"
	truncate -s $SIZE "$dir/disk"
	truncate -s 4M "$dir/meta"
	ditto create-md r0 --node "$1" >"$dir/created" || exit 1
}

# Where a slot is, as check-md tells it.
slot_at() {
	ditto check-md r0 --node "$1" | sed -n "s/.*slot $2 at byte \([0-9]*\) .*/\1/p"
}

# put FILE OFFSET: standard input goes there.
put() {
	dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# flip FILE OFFSET: one byte is changed.
flip() {
	byte=$(od -An -tu1 -j "$2" -N 1 "$1")
	# shellcheck disable=SC2059 # the format is the byte
	printf "\\$(printf '%03o' $((byte ^ 0x55)))" | put "$1" "$2"
}

json() {
	ditto dump-md r0 --json --node "$1" | sed -n "s/^  \"$2\": *\(.*[^,]\),*\$/\1/p"
}

# A number of an object in a list of dump-md.
inner() {
	ditto dump-md r0 --json --node "$1" | sed -n "s/^ \{4,\}\"$2\": *\(.*[^,]\),*\$/\1/p"
}

# no_text FILE PATTERN OFFSET BYTES: the pattern is not there.
no_text() {
	! dd if="$1" bs=1M iflag=skip_bytes,count_bytes skip="$3" count="$4" status=none |
		grep -q "$2"
}

# set_part NODE PART...: see set_md.c
set_part() {
	if [ "$1" = alpha ]; then
		shift
		set_md internal "$dir/disk" "$@" || exit 1
	else
		shift
		set_md external "$dir/meta" "$@" || exit 1
	fi
}

# Where a copy of a block of the log is.
copy_at() {
	echo $(($(json "$1" log-offset) + $3 * $(json "$1" log-bytes) / 2 + $2 * 4096))
}

for node in alpha beta; do
	case $node in
	alpha) file=$dir/disk where=internal ;;
	beta) file=$dir/meta where=external ;;
	esac
	fresh $node
	run ditto check-md r0 --node $node
	check "$where: fresh metadata is sound" ended 0 "r0: sound"
	run ditto dump-md r0 --node $node
	check "$where: dump-md shows the resource" ended 0 "0f5ea3a4-4a4c-4d3c-9f4b-0123456789ab"
	check "$where: the copy is inconsistent and clean" grep -q 'flags .*inconsistent clean' "$dir/out"
	check "$where: no line of dump-md is too long" sh -c "! grep -q '.\{81\}' '$dir/out'"
	check "$where: json: generation" test "$(json $node generation)" = 0
	check "$where: json: data size as create-md said" \
		grep -q "($(json $node data-bytes) bytes)" "$dir/created"
	check "$where: json: peers" test "$(json $node max-peers)" = 7
	check "$where: json: granularity" test "$(json $node granularity)" = 16384

	before=$(sha256sum "$file")
	ditto dump-md r0 --node $node >/dev/null
	ditto check-md r0 --node $node >/dev/null
	check "$where: dump-md and check-md write nothing" test "$before" = "$(sha256sum "$file")"
	disk=$(json $node disk-uuid)
	run ditto create-md r0 --node $node
	check "$where: existing metadata is not overwritten" ended 1 "--force overwrites it"
	check "$where: (it was not)" test "$before" = "$(sha256sum "$file")"
	log=$(json $node log-offset)
	printf 'old' | put "$file" "$log"
	run ditto create-md r0 --node $node --force --max-peers 31 --granularity 4K
	check "$where: but with --force" ended 0 "metadata written"
	check "$where: a new disk uuid" test "$disk" != "$(json $node disk-uuid)"
	check "$where: with that many peers" test "$(json $node max-peers)" = 31
	check "$where: and that granularity" test "$(json $node granularity)" = 4096
	run ditto create-md r0 --node $node --force --block-size 4K --size 1M
	check "$where: a smaller device, with larger blocks" ended 0 "the device will have 1.0 MiB (1048576 bytes)"
	check "$where: json: block size" test "$(json $node block-size)" = 4096
	run ditto check-md r0 --node $node
	check "$where: that is sound, too" ended 0 "r0: sound"
	before=$(sha256sum "$file")
	run ditto create-md r0 --node $node --force --size 1T
	check "$where: more than there is room for is refused" ended 1 "bytes of data, --size wants 1099511627776"
	check "$where: (and nothing was written)" test "$before" = "$(sha256sum "$file")"
	printf 'old' | put "$file" "$log"
	run ditto create-md r0 --node $node --force --max-peers 31 --granularity 4K
	check "$where: nothing old is in the intent log" \
		no_text "$file" old "$(json $node log-offset)" "$(json $node log-bytes)"
	check "$where: which is sound" test "$(json $node log-blocks-sound)" = 8
	check "$where: in all copies" test "$(json $node log-copies-torn)" = 0
	check "$where: and empty" test "$(json $node hot-regions)" = 0

	for slot in 0 1; do
		for byte in 0 40 700 4000; do
			fresh $node
			at=$(slot_at $node $slot)
			flip "$file" $((at + byte))
			run ditto check-md r0 --node $node
			check "$where: slot $slot torn at byte $byte is found, the other counts" \
				ended 0 "sound by slot $((1 - slot)) alone"
			check "$where: and named, with found and expected" \
				grep -q "slot $slot at byte $at .*found .*, expected " "$dir/out"
			run ditto dump-md r0 --node $node
			check "$where: and dump-md shows the other" ended 0 "slot                 $((1 - slot))"
		done
	done
	fresh $node
	at0=$(slot_at $node 0) at1=$(slot_at $node 1)
	flip "$file" $((at0 + 100))
	flip "$file" $((at1 + 100))
	run ditto check-md r0 --node $node
	check "$where: both torn are not sound" ended 1 "not sound"
	check "$where: and say so for each" test "$(grep -c 'torn or damaged' "$dir/out")" = 2
	run ditto dump-md r0 --node $node
	check "$where: dump-md shows nothing then" ended 1 "torn or damaged"
	run ditto create-md r0 --node $node
	check "$where: and damaged metadata is not overwritten" ended 1 "--force overwrites it"

	# The intent log. Regions of 4 MiB; the last one is cut by the metadata.
	fresh $node
	data=$(json $node data-bytes)
	last=$(((data - 1) / 4194304))
	for index in 0 7; do
		fresh $node
		set_part $node log $index 2 9 1 2 $last
		set_part $node log $(((index + 1) % 8)) 2 1
		# An older copy does not count.
		set_part $node log $index 1 5
		run ditto check-md r0 --node $node
		check "$where: regions named by block $index are sound" ended 0 "r0: sound"
		run ditto dump-md r0 --node $node
		check "$where: and counted, each once" ended 0 \
			"hot regions          4, $((3 * 4194304 + data - last * 4194304)) bytes"
		check "$where: and dump-md shows sound blocks" ended 0 "log blocks           8 of 8 sound"
		check "$where: no line of it is too long" sh -c "! grep -q '.\{81\}' '$dir/out'"
		check "$where: json: regions" test "$(json $node hot-regions)" = 4
		check "$where: json: as ranges, neighbours in one" test \
			"$(inner $node start | tr '\n' ' ')" = "4194304 $((9 * 4194304)) $((last * 4194304)) "
		check "$where: json: with their lengths" test \
			"$(inner $node bytes | tr '\n' ' ')" = "8388608 4194304 $((data - last * 4194304)) "
		set_part $node log $index 3 4
		check "$where: a newer copy counts" test "$(inner $node start | tr '\n' ' ')" = \
			"4194304 16777216 "
		at=$(copy_at $node $index 1)
		flip "$file" $((at + 33))
		run ditto check-md r0 --node $node
		check "$where: a torn copy is what a crash leaves" ended 0 "sound by the other copy"
		check "$where: and is named" ended 0 \
			"block $index, copy 1 at byte $at of $file: torn, damaged or foreign"
		check "$where: and the metadata is sound" ended 0 "r0: sound"
		check "$where: the older copy counts then" test "$(json $node hot-regions)" = 4
		run ditto dump-md r0 --node $node
		check "$where: and dump-md says so" ended 0 "8 of 8 sound, 1 of them by one copy alone"
		at=$(copy_at $node $index 0)
		flip "$file" $((at + 4))
		run ditto check-md r0 --node $node
		check "$where: without a sound copy the log is not sound" ended 1 \
			"1 of the intent log's 8 blocks have no sound copy"
		check "$where: and why is said for each" ended 1 \
			"block $index, copy 0 at byte $at of $file: no block of an intent log"
		check "$where: the verdict is one" sh -c "! grep -q 'r0: sound' '$dir/out'"
		run ditto dump-md r0 --node $node
		check "$where: dump-md shows what there is" ended 0 "log blocks           7 of 8 sound"
		check "$where: json: sound blocks" test "$(json $node log-blocks-sound)" = 7
	done
	fresh $node
	set_part $node log 0 2 $((last + 1))
	run ditto check-md r0 --node $node
	check "$where: a region behind the end is no region" ended 0 "copy 0 at byte $(copy_at $node 0 0)"
	check "$where: and why is said" ended 0 "a field is out of range"
	# The log of another disk, whole.
	at=$(json $node log-offset) len=$(json $node log-bytes)
	cp "$file" "$dir/first"
	ditto create-md r0 --node $node --force >/dev/null
	dd if="$dir/first" of="$file" bs=4096 skip=$((at / 4096)) seek=$((at / 4096)) \
		count=$((len / 4096)) conv=notrunc status=none
	rm "$dir/first"
	run ditto check-md r0 --node $node
	check "$where: another disk's log is not sound" ended 1 "8 of the intent log's 8 blocks"

	# Bitmaps: 64 MiB in blocks of 4 KiB fill half a page.
	for more in "" "--granularity 4K"; do
		fresh $node
		# shellcheck disable=SC2086 # words
		ditto create-md r0 --node $node --force $more >/dev/null
		set_part $node peer 1 9 full
		check "$where: json: of a new peer everything is missing" \
			test "$(inner $node out-of-sync-bytes)" = "$(json $node data-bytes)"
		run ditto check-md r0 --node $node
		check "$where: and its bitmap need not be sound" sh -c "! grep -q bitmap '$dir/out'"
		check "$where: (it is sound)" ended 0 "r0: sound"
		run ditto dump-md r0 --node $node
		check "$where: and dump-md says so" ended 0 "node id 9, every block missing"
		set_part $node peer 1 9 partial
		run ditto check-md r0 --node $node
		check "$where: a bitmap that was not written is a remark" ended 0 \
			"bitmap of node id 9: 1 of 1 pages are not sound"
		check "$where: and counts as out of sync" ended 0 "counts as out of sync"
		check "$where: and the metadata is sound" ended 0 "r0: sound"
		check "$where: json: unsound pages" test "$(inner $node unsound-pages)" = 1
		check "$where: json: all counts as out of sync" \
			test "$(inner $node out-of-sync-bytes)" = "$(json $node data-bytes)"
		set_part $node bits 1 0 0
		check "$where: json: nothing is out of sync" test "$(inner $node out-of-sync-bytes)" = 0
		check "$where: json: and all pages sound" test "$(inner $node unsound-pages)" = 0
		set_part $node bits 1 16384 65536
		run ditto check-md r0 --node $node
		check "$where: a sound bitmap needs no remark" sh -c "! grep -q bitmap '$dir/out'"
		check "$where: json: out of sync" test "$(inner $node out-of-sync-bytes)" = 65536
		check "$where: json: in bits" test "$(inner $node out-of-sync-bits)" = \
			$((65536 / $(json $node granularity)))
		run ditto dump-md r0 --node $node
		check "$where: dump-md shows it" ended 0 "bits, 65536 bytes (64.0 KiB)"
		check "$where: and no line is too long" sh -c "! grep -q '.\{81\}' '$dir/out'"
		at=$(($(json $node bitmap-offset) + $(json $node bitmap-stride)))
		flip "$file" $((at + 100))
		run ditto check-md r0 --node $node
		check "$where: a damaged page is named" ended 0 "1 of 1 pages are not sound"
	done

	fresh $node
	sed -i 's/^uuid = 0f/uuid = 1f/' "$dir/r0.conf"
	run ditto check-md r0 --node $node
	check "$where: another resource's metadata is foreign" ended 1 \
		"foreign: resource uuid found 0f5ea3a4-4a4c-4d3c-9f4b-0123456789ab, expected 1f5ea3a4"
	sed -i 's/^uuid = 1f/uuid = 0f/' "$dir/r0.conf"
	sed -i 's/^id = /id = 1/' "$dir/r0.conf"
	run ditto check-md r0 --node $node
	check "$where: another node's metadata is foreign" ended 1 "foreign: node id found"
	sed -i 's/^id = 1/id = /' "$dir/r0.conf"

	# Two resources' slots on one disk: one of them is foreign.
	fresh $node
	cp "$file" "$dir/first"
	ditto create-md r0 --node $node --force >/dev/null
	at1=$(slot_at $node 1)
	dd if="$dir/first" bs=4096 skip=$((at1 / 4096)) count=1 status=none | put "$file" "$at1"
	run ditto check-md r0 --node $node
	check "$where: slots of two disks are not sound" ended 1 "disk_uuid"
	rm "$dir/first"

	fresh $node
	# The version is in the first bytes; with its own checksum it is another
	# version, without it is damage: either way nothing is guessed.
	at0=$(slot_at $node 0) at1=$(slot_at $node 1)
	set_version 2 "$file" "$at0" "$at1" || exit 1
	run ditto check-md r0 --node $node
	check "$where: another version is named" ended 1 "of a version that this tool does not know"
	check "$where: with found and expected" grep -q 'found 0x2, expected 0x1' "$dir/out"
	run ditto create-md r0 --node $node
	check "$where: and not overwritten" ended 1 "--force overwrites it"

	rm -f "$file"
	truncate -s $SIZE "$file"
	run ditto check-md r0 --node $node
	check "$where: no metadata at all" ended 1 "'ditto create-md r0' writes it"
done

fresh alpha
truncate -s $((SIZE + 4096)) "$dir/disk"
run ditto check-md r0
check "a disk that has grown has no metadata at its end" ended 1 "no ditto superblock"

for size in 0 4096 8192 100000; do
	rm -f "$dir/disk"
	truncate -s $size "$dir/disk"
	run ditto create-md r0
	check "a disk of $size bytes is too small" ended 1 "$dir/disk"
	run ditto check-md r0
	check "and has no metadata" ended 1 "$dir/disk"
done
truncate -s $((SIZE + 1000)) "$dir/disk"
run ditto create-md r0
check "a size that is no multiple of 4 KiB is taken" ended 0 "metadata written"
run ditto check-md r0
check "and its metadata found again" ended 0 "r0: sound"

# A bitmap of many pages, all of them holes.
rm -f "$dir/disk"
truncate -s 512G "$dir/disk"
ditto create-md r0 --granularity 4K --max-peers 2 >/dev/null
set_part alpha peer 0 9 partial
pages=$(((($(json alpha data-bytes) + 4095) / 4096 + 32639) / 32640))
run ditto check-md r0
check "a large bitmap that was not written is a remark" ended 0 \
	"$pages of $pages pages are not sound"
check "and everything is out of sync" \
	test "$(inner alpha out-of-sync-bytes)" = "$(json alpha data-bytes)"
# The last bit of one page and the first of the next.
set_part alpha bits 0 $(((32640 * 100 - 1) * 4096)) 8192
check "written, it is sound" test "$(inner alpha unsound-pages)" = 0
check "and counted over all pages" test "$(inner alpha out-of-sync-bytes)" = 8192

if command -v mkfs.ext4 >/dev/null; then
	rm -f "$dir/disk"
	truncate -s $SIZE "$dir/disk"
	mkfs.ext4 -q "$dir/disk"
	before=$(sha256sum "$dir/disk")
	run ditto create-md r0
	check "a file system that fills the disk is not cut" ended 1 "an ext2, ext3 or ext4 file system"
	check "(it was not)" test "$before" = "$(sha256sum "$dir/disk")"
	run ditto create-md r0 --force
	check "but with --force, which says what is left" ended 0 "the device will have"
	rm -f "$dir/disk"
	truncate -s $SIZE "$dir/disk"
	mkfs.ext4 -q "$dir/disk" 32M
	run ditto create-md r0
	check "one that leaves room is no obstacle" ended 0 "metadata written"
	run e2fsck -fn "$dir/disk"
	check "and is whole afterwards" ended 0 "$dir/disk: "
	rm -f "$dir/meta"
	truncate -s $SIZE "$dir/meta"
	mkfs.ext4 -q "$dir/meta"
	run ditto create-md r0 --node beta
	check "a metadata device with a file system is refused" ended 1 "--force overwrites it"
else
	skip "file systems" "no mkfs.ext4"
fi

mkdir "$dir/directory"
sed -i "s|^disk = .*|disk = $dir/directory|" "$dir/r0.conf"
run ditto create-md r0
check "a directory is no disk" ended 1 "neither a block device nor a regular file"
sed -i "s|^disk = .*|disk = $dir/none|" "$dir/r0.conf"
run ditto create-md r0
check "a path that is not there" ended 1 "$dir/none: No such file"
if [ -w /dev/full ]; then
	fresh_conf() { sed -i "s|^disk = .*|disk = $dir/disk|" "$dir/r0.conf"; }
	fresh_conf
	fresh alpha
	ditto dump-md r0 >/dev/full 2>"$dir/err"
	status=$?
	check "output that cannot be written is a failure" ended 1 "could not be written"
else
	skip "output that cannot be written" "no /dev/full"
fi
finish
