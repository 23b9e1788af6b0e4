#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Each patch of mutants/ puts one bug into the core, or into what mirrors the
# shell. The simulator, built with it, has to fail: what it would not see is not
# tested.
#
#   tests/sim/mutants.sh [NAME...]	TAP; a mutant that survives fails

here=$(cd "$(dirname "$0")" && pwd) || exit 1
top=$here/../..
runs=${RUNS:-}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
passed=0 failed=0 number=0

if [ $# -eq 0 ]; then
	for patch in "$here"/mutants/*.patch; do
		set -- "$@" "$(basename "$patch" .patch)"
	done
fi

# What a patch leaves as it was is compiled once.
prepare() {
	mkdir -p "$work/tree/kmod" "$work/tree/tests/sim" "$work/build"
	cp -rpu "$top/kmod/core" "$work/tree/kmod/"
	cp -pu "$here"/*.[ch] "$work/tree/tests/sim/"
}

build() {
	make -s -C "$here" build="$work/build" core_dir="$work/tree/kmod/core" \
		src="$work/tree/tests/sim" "$work/build/sim" >"$work/log" 2>&1
}

apply() {
	patch -s -d "$work/tree" -p1 "$@" <"$here/mutants/$name.patch" >"$work/log" 2>&1
}

fails() {
	! "$work/build/sim" --check --first ${runs:+--runs "$runs"} >"$work/log" 2>&1
}

# Which guarantee was found broken, or how else it ended.
verdict() {
	sed -n 's/^# seed \([0-9]* step [0-9]*: [A-Za-z0-9]* broken\).*/\1/p' "$work/log" | head -n 1
	grep -m 1 -o 'ERROR: .*Sanitizer: [a-z-]*\|runtime error: .*\|^[^ ]*core/.*$' "$work/log"
}

echo "TAP version 13"
echo "1..$#"
prepare
for name in "$@"; do
	number=$((number + 1))
	if ! apply; then
		sed 's/^/# /' "$work/log"
		echo "not ok $number - $name: does not apply"
		failed=$((failed + 1))
		rm -rf "$work/tree"
		prepare
		continue
	fi
	if ! build; then
		sed 's/^/# /' "$work/log"
		echo "not ok $number - $name: does not compile"
		failed=$((failed + 1))
	elif fails; then
		echo "ok $number - $name: caught, $(verdict | head -n 1)"
		passed=$((passed + 1))
	else
		echo "not ok $number - $name: survives"
		failed=$((failed + 1))
	fi
	apply -R
done
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
