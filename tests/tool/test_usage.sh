#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The command line: exit codes, help, verbs that are not there yet.

. ./tap.sh

verbs="create-md up down promote demote status wait-sync verify connect disconnect
	invalidate pause-sync resume-sync suspend-io resume-io attach detach events dump-md
	check-md"

has_example() {
	"$@" | grep -A1 '^example:' | grep -q "ditto"
}

narrow() {
	! "$@" | grep -q '.\{81\}'
}

for verb in $verbs; do
	run ditto "$verb" --help
	check "$verb --help succeeds" ended 0 "usage: ditto $verb"
	check "$verb --help has an example" has_example ditto "$verb" --help
	check "$verb --help fits 80 columns" narrow ditto "$verb" --help
	check "--help lists $verb" grep -q "^  $verb " <<-END
		$(ditto --help)
	END
	run ditto "$verb" a b c d
	check "$verb with too many arguments is usage" ended 2 "usage: ditto $verb"
	run ditto "$verb" --no-such-option
	check "$verb with an unknown option is usage" ended 2 "no-such-option"
	case $verb in
	status | events) continue ;;
	esac
	run ditto "$verb"
	check "$verb without a resource is usage" ended 2 "usage: ditto $verb"
done

check "--help fits 80 columns" narrow ditto --help
run ditto --help
check "--help succeeds" ended 0 "usage: ditto"
run ditto help
check "so does help" ended 0 "usage: ditto"
run ditto
check "nothing at all is usage" ended 2 "usage: ditto"
run ditto no-such-verb
check "an unknown verb is usage" ended 2 "no verb 'no-such-verb'"
run ditto --version
check "--version" ended 0 "ditto "

for verb in handover resize adjust set explain hold release; do
	run ditto "$verb" r0
	check "$verb is refused by name" ended 1 "ditto: $verb: not in this version"
done

run ditto up r0 --json
check "an option of another verb is usage" ended 2 "takes no --json"
run ditto wait-sync r0 --timeout soon
check "a bad --timeout is usage" ended 2 "allowed are seconds"
run ditto create-md r0 --max-peers 32
check "a bad --max-peers is usage" ended 2 "allowed are 1 to 31"
run ditto create-md r0 --max-peers 0
check "and so is 0" ended 2 "allowed are 1 to 31"
for size in 5K 2K 2M x 4KX; do
	run ditto create-md r0 --granularity $size
	check "--granularity $size is usage" ended 2 "powers of two, 4K to 1M"
done
for size in 256 600 8K x; do
	run ditto create-md r0 --block-size $size
	check "--block-size $size is usage" ended 2 "powers of two, 512 to 4K"
done
for size in 0 1000 5000 x; do
	run ditto create-md r0 --size $size
	check "--size $size is usage" ended 2 "multiples of 4K"
done
run ditto suspend-io r0 --fail
check "suspend-io takes no --fail" ended 2 "takes no --fail"
run ditto resume-io r0 --force
check "resume-io takes no --force" ended 2 "takes no --force"
run ditto verify r0 --wait --stop
check "verify --wait --stop is usage" ended 2 "not both"

cat >"$dir/r0.conf" <<END
[resource]
uuid = 0f5ea3a4-4a4c-4d3c-9f4b-0123456789ab
policy = sync
security = none
[node alpha]
id = 0
address = 10.0.0.1:7900
disk = $dir/disk
END

if [ -e /sys/module/ditto ]; then
	skip "without the module it says what to do" "the module is loaded"
else
	for verb in up down promote demote status wait-sync verify connect disconnect \
		invalidate pause-sync resume-sync suspend-io resume-io attach detach; do
		run ditto $verb r0
		check "$verb without the module says what to do" ended 1 "modprobe ditto"
	done
	run ditto events
	check "events without the module says what to do" ended 1 "modprobe ditto"
	run dittod --foreground
	check "and so does dittod" ended 1 "modprobe ditto"
	run dittod --pid-file "$dir/pid"
	check "and dittod on its way to the background" ended 1 "modprobe ditto"
	check "which leaves no pid file" test ! -e "$dir/pid"
fi
run dittod --help
check "dittod --help has an example" ended 0 "dittod --foreground"
run dittod --no-such-option
check "dittod with an unknown option is usage" ended 2 "usage: dittod"
run dittod surplus
check "dittod with an argument is usage" ended 2 "usage: dittod"
finish
