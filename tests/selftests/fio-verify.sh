#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Test: fio reads back what it wrote: sequential, random, depths 1 and 32, several jobs
# Proves: G1, G12
# Needs: brd, fio
# Time limit: 180

# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.sh"

need fio
cluster_ready 2 32

common=(--filename="$DEV" --direct=1 --ioengine=libaio --verify=crc32c --verify_fatal=1
	--randrepeat=1 --thread --output="$WORK/fio")

ok "sequential, depth 1" limit 60 fio "${common[@]}" --name=seq1 \
	--rw=write --bs=16k --iodepth=1 --size=2m
ok "sequential, depth 32" limit 60 fio "${common[@]}" --name=seq32 \
	--rw=write --bs=64k --iodepth=32 --offset=4m --size=4m
ok "random, depth 1" limit 60 fio "${common[@]}" --name=rand1 \
	--rw=randwrite --bs=4k --iodepth=1 --offset=8m --size=1m
ok "random, depth 32, mixed sizes" limit 60 fio "${common[@]}" --name=rand32 \
	--rw=randwrite --bsrange=512-32k --iodepth=32 --offset=12m --size=3m
ok "four jobs, depth 8, with fdatasync" limit 60 fio "${common[@]}" --name=jobs --numjobs=4 \
	--offset=16m --offset_increment=2m --size=512k --rw=randwrite --bs=4k --iodepth=8 \
	--fdatasync=16
ok "all copies are equal" copies_equal
