# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# What the tests with file systems share beside lib.sh.

# work DIRECTORY: what people do with files
work() {
	local dir=$1
	cp -r "${top:?lib.sh comes first}/kmod" "$dir/copy" || return 1
	tar -C "$dir/copy" -cf "$dir/copy.tar" . || return 1
	mkdir "$dir/unpacked" && tar -C "$dir/unpacked" -xf "$dir/copy.tar" || return 1
	mkdir "$dir"/many && touch "$dir"/many/{1..100} && rm "$dir"/many/*0 || return 1
	truncate -s 8M "$dir/sparse" && fallocate -l 2M "$dir/full" || return 1
	sync -f "$dir"
	diff -r "$dir/copy" "$dir/unpacked" && rm -r "$dir/copy"
}

# file_system MKFS... -- CHECK...: makes one, works on it, and checks it on the
# Secondaries' disks, where nobody has ever mounted it. CHECK is given the file
# that has the copy.
file_system() {
	local mkfs=() node sums
	while [[ $1 != -- ]]; do
		mkfs+=("$1")
		shift
	done
	shift
	must "it is made" "${mkfs[@]}" "$DEV"
	mkdir "$WORK/mnt"
	must "it is mounted" mount "$DEV" "$WORK/mnt"
	ok "files are copied, packed, unpacked and removed" work "$WORK/mnt"
	refused "the Primary is not demoted under it" 'in use' ditto a demote "$RES"
	sums=$(cd "$WORK/mnt/unpacked" && find . -type f -exec cksum {} + | sort)
	must "it is unmounted" umount "$WORK/mnt"
	ok "all copies are equal" copies_equal
	must "a is demoted" ditto a demote "$RES"
	for node in b c; do
		image "$node" "$WORK/image"
		ok "it is clean on the disk of $node" "$@" "$WORK/image"
	done
	must "b becomes Primary" ditto b promote "$RES"
	must "it is mounted there" mount "$(device b)" "$WORK/mnt"
	same "the files are the same" "$sums" \
		"$(cd "$WORK/mnt/unpacked" && find . -type f -exec cksum {} + | sort)"
	must "it is unmounted there" umount "$WORK/mnt"
	rm -f "$WORK/image"
}
