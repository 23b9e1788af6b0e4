#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Test: several resources in one namespace do not mix
# Proves: G1, G12
# Needs: brd
# Time limit: 180

# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.sh"

cluster_up 2 16
# A second one over the same two nodes, on other disks and the same port.
for node in a b; do
	DISK[$node/r1]=/dev/ram$((10 + $(node_id "$node")))
done
write_conf r1 9a7a0a7e-1111-4222-8333-0123456789ac 7900
for node in a b; do
	must "r1 comes up on $node" eval "ditto $node create-md r1 && ditto $node up r1"
done
must "a is Primary of r0" ditto a promote r0 --force
must "b is Primary of r1" ditto b promote r1 --force
for pair in "a r0" "b r1"; do
	read -r node resource <<<"$pair"
	must "$resource is in sync" on "$node" timeout "$(scaled 70)" \
		"$TOOL" wait-sync "$resource" --timeout "$(scaled 60)"
	must "$resource is written to" dd if=/dev/urandom of="$(device "$node" "$resource")" \
		bs=256k count=8 oflag=direct
	ok "$resource: verify finds nothing" ditto "$node" verify "$resource" --wait
done
size=$(device_size a)
ok "the copies of r0 are equal" compare "$size" "${DISK[a]}" "${DISK[b]}"
ok "those of r1 are" compare "$size" "${DISK[a/r1]}" "${DISK[b/r1]}"
ok "they are not each other's" not compare "$size" "${DISK[a]}" "${DISK[a/r1]}"
ok "status shows both" test "$(ditto a status | grep -cE '^r[01] ')" = 2
must "one goes down" ditto a down r0
same "the other one stays" Secondary "$(field a role r1)"
