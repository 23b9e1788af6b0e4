#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Test: wrong netlink messages are refused, and so is everybody but root
# Proves: G7, G9
# Needs: setpriv, unshare, fio
# Time limit: 150
#
# While fio writes to the device: every command with each attribute missing,
# doubled, too short, too long, of another type, out of range, or one too many;
# descriptors that are no sockets, or no good ones; thousands of random streams
# ($NETLINK_SEED repeats them); peers that go while work is queued for them; a dump
# during which a resource goes.
# Afterwards the resource is as it was, and all copies are equal.

# shellcheck source=tests/selftests/lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source=tests/selftests/fault-lib.sh
source "$selftests/fault-lib.sh"

need setpriv unshare fio
seed=${NETLINK_SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}

cluster_ready 2 32
load_start "$DEV"

report "" on a netlink_fuzz refusals "$RES"
report "" on a netlink_fuzz garbage "$RES" 5000 "$seed"
report "" on a netlink_fuzz gone "$RES" 100
report "" on a netlink_fuzz dump "$RES"

# Whatever the user: the initial user namespace decides, and who one is there.
report "nobody: " on a setpriv --reuid=65534 --regid=65534 --clear-groups \
	netlink_fuzz unprivileged "$RES"
report "root without the capability: " on a setpriv --bounding-set -sys_admin \
	--inh-caps -sys_admin netlink_fuzz unprivileged "$RES"
report "root of another user namespace: " on a unshare --user --map-root-user \
	netlink_fuzz unprivileged "$RES"
# In a network namespace of its own one may listen: there is nothing to hear.
report "root of other namespaces: " on a unshare --user --map-root-user --net \
	netlink_fuzz commands "$RES"

ok "the load has gone on without an error" load_stop

report "" on a netlink_fuzz sockets "$RES" 5
must "a and b are in sync" wait_sync a
ok "all copies are equal" copies_equal
