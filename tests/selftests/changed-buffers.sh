#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Test: buffers that change while they are written leave all copies equal
# Proves: G12
# Needs: brd
# Time limit: 180

# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.sh"

cluster_ready 3 16
ok "four threads write while a fifth changes their buffers" limit 120 race buffers "$DEV" 100
ok "all copies are equal" copies_equal

# The page cache writes back pages that a program goes on changing, too.
cat >"$WORK/job" <<-END
	[mapped]
	filename=$DEV
	ioengine=mmap
	rw=randwrite
	bs=512
	size=1m
	offset=8m
	time_based
	runtime=$(scaled 4)
END
if command -v fio >/dev/null; then
	fio --output="$WORK/fio" "$WORK/job" &
	mapped=$!
	while [[ -e /proc/$mapped ]]; do
		blockdev --flushbufs "$DEV"
	done
	ok "a mapping is written back while it is written to" wait "$mapped"
	ok "all copies are equal again" copies_equal
fi
