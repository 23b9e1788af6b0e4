#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Test: overlapping writes at once leave all copies equal
# Proves: G4, G12
# Needs: brd
# Time limit: 180

# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.sh"

cluster_ready 3 16
ok "four threads write overlapping ranges" limit 120 race ranges "$DEV" 150
ok "all copies are equal" copies_equal
if command -v fio >/dev/null; then
	ok "jobs with deep queues do" limit 90 fio --name=overlap --filename="$DEV" --numjobs=3 --thread \
		--rw=randwrite --bsrange=512-64k --offset=4m --size=512k --io_size=3m \
		--iodepth=16 --ioengine=libaio --direct=1 --norandommap --randrepeat=0 --output="$WORK/fio"
	ok "all copies are still equal" copies_equal
fi
