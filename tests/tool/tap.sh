# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# TAP for the shell tests, and a place to work in.

n=0
bad=0
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
export DITTO_CONFIG_DIR="$dir" DITTO_NODE=alpha

# check NAME COMMAND...: the command must succeed.
check() {
	name=$1
	shift
	n=$((n + 1))
	if "$@"; then
		echo "ok $n - $name"
	else
		echo "not ok $n - $name"
		bad=$((bad + 1))
	fi
}

skip() {
	n=$((n + 1))
	echo "ok $n - $1 # SKIP $2"
}

# run COMMAND...: status, standard output and error go to $status, $dir/out, $dir/err.
run() {
	"$@" >"$dir/out" 2>"$dir/err"
	status=$?
}

# The last run ended with status $1 and said $2 (a fixed string) on out or err.
ended() {
	if [ "$status" -ne "$1" ] || ! grep -qF -e "$2" "$dir/out" "$dir/err"; then
		echo "# expected status $1 and: $2"
		echo "# found status $status and:"
		sed 's/^/# /' "$dir/out" "$dir/err"
		return 1
	fi
}

finish() {
	echo "1..$n"
	[ "$bad" -eq 0 ]
	exit
}
