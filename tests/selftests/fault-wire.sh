#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Test: a peer that breaks the protocol is dropped, and the device goes on
# Proves: G7, G8, G9
# Needs: nothing special
# Time limit: 200
#
# One node, whose peer is the program wire_peer: it hands over sockets itself,
# speaks the protocol correctly (controls), then breaks one rule per
# connection, as wire_case.c lists them; gives every type every wrong length
# and lane; and last sends random messages. $WIRE_SEED repeats such a run,
# $WIRE_COUNT is its length.

# shellcheck source=tests/selftests/lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source=tests/selftests/fault-lib.sh
source "$selftests/fault-lib.sh"

timeout=1500
seed=${WIRE_SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
count=${WIRE_COUNT:-2000}

attack() {
	local role=$1
	shift
	report "$role: " on a wire_peer --role "$role" --device "$DEV" --timeout "$(scaled $timeout)" \
		--resource "$RES" --own 1 --other 0 "$@"
}

cluster_up 2 16 up=0 timeout=$timeout ping=300
# The peer's part is played here, and a's daemon's too.
kill_daemon a
kill_daemon b
must "node a comes up" node_up a
DEV=$(device a)

for role in secondary primary; do
	if [[ $role == primary ]]; then
		must "the copy is given up" ditto a down "$RES"
		must "its metadata is made anew" ditto a create-md "$RES" --force
		must "it is up again" ditto a up "$RES"
		must "a becomes Primary" ditto a promote "$RES" --force
	fi
	attack "$role"
	attack "$role" --lengths
	attack "$role" --lanes
	attack "$role" --fuzz "$count" --seed "$seed"
	ok "$role: status answers" limit 5 nsenter --net=/run/netns/dt-a \
		env DITTO_NODE=a DITTO_CONFIG_DIR="$CONF" "$TOOL" status
done
