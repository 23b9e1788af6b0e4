#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Test: payloads with checksums on the wire
# Proves: G9, G12
# Needs: brd, fio
# Time limit: 180

# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.sh"

need fio
cluster_ready 3 16 checksum=yes
same "the kernel has the option" true "$(field a options.payload-checksum)"
ok "fio reads back what it wrote" limit 60 fio --name=sum --filename="$DEV" --rw=randwrite \
	--bsrange=512-128k --iodepth=16 --ioengine=libaio --direct=1 --size=8m \
	--verify=crc32c --output="$WORK/fio"
ok "all copies are equal" copies_equal
same "the connections have held" "Connected Connected" \
	"$(field a 'peers.*.connection' | paste -sd ' ')"
