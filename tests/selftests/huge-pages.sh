#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Test: buffers of huge pages, in large writes and reads
# Proves: G12
# Needs: brd, fio, 16 huge pages
# Time limit: 120

# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.sh"

need fio
# A compound page that is sent whole crosses into its neighbour, which hardened
# user copies refuse at the receiver, in the same kernel here.
before=$(</proc/sys/vm/nr_hugepages)
trap 'echo "$before" >/proc/sys/vm/nr_hugepages; finish' EXIT
echo $((before + 16)) >/proc/sys/vm/nr_hugepages
(($(</proc/sys/vm/nr_hugepages) >= before + 16)) || skip "there are no 16 huge pages"

cluster_ready 3 40
ok "1 MiB writes, depth 8, verified" limit 60 fio --name=huge --filename="$DEV" --mem=shmhuge \
	--rw=write --bs=1m --iodepth=8 --ioengine=libaio --direct=1 --size=16m \
	--verify=crc32c --output="$WORK/fio"
ok "mixed sizes up to 1 MiB, depth 8" limit 60 fio --name=mixed --filename="$DEV" --mem=shmhuge \
	--rw=randwrite --bsrange=512-1m --iodepth=8 --ioengine=libaio --direct=1 \
	--offset=16m --size=12m --verify=crc32c --output="$WORK/fio"
ok "all copies are equal" copies_equal
