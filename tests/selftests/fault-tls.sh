#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Test: the kernel replicates over sockets that kTLS encrypts
# Proves: G9
# Needs: the kernel's module tls, GnuTLS, fio
# Time limit: 120
#
# Not dittod but the program ktls_smoke connects the two nodes, by TLS sessions
# of GnuTLS on each lane. /proc/net/tls_stat counts the sockets that the kernel
# encrypts. A TLS record that is no data ends the connection.

# shellcheck source=tests/selftests/lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source=tests/selftests/fault-lib.sh
source "$selftests/fault-lib.sh"

need fio
need_module tls
cluster_up 2 32 up=0
kill_daemon a
kill_daemon b
must "a comes up" node_up a
must "b comes up" node_up b
must "a becomes Primary" ditto a promote "$RES" --force
DEV=$(device a)

printf '[global]\nktls = true\n' >"$WORK/gnutls"
tls() {
	GNUTLS_SYSTEM_PRIORITY_FILE=$WORK/gnutls limit 40 ktls_smoke "$RES" \
		/run/netns/dt-a "$(node_address a)" 0 /run/netns/dt-b "$(node_address b)" 1 "$@"
}
# encrypted NODE FIELD: of tls_stat
# shellcheck disable=SC2016 # awk's
encrypted() { on "$1" awk -v name="$2" '$1 == name { print $2 }' /proc/net/tls_stat; }

must "both kernels take the sockets and connect" tls
diag "$(<"$WORK/out")"
for node in a b; do
	same "$node: the kernel encrypts what three sockets send" 3 "$(encrypted $node TlsCurrTxSw)"
	same "$node: and decrypts what they receive" 3 "$(encrypted $node TlsCurrRxSw)"
done
must "b is resynced" wait_sync a
ok "fio writes and reads back" fio --name=tls --filename="$DEV" --rw=randwrite --bs=4k-256k \
	--size=16m --io_size=8m --iodepth=16 --ioengine=libaio --direct=1 --verify=crc32c \
	--do_verify=1 --fsync=64 --thread --output="$WORK/fio"
ok "the copies are equal" copies_equal
same "no record was broken" 0 "$(encrypted b TlsDecryptError)"
ok "they are still connected" connected a b

must "the connection is ended by command" ditto a disconnect "$RES" b
ok "a wants it again" ditto a connect "$RES" b
ok "b wants it again" ditto b connect "$RES" a
must "they connect, and a says goodbye in TLS" tls alert
ok "b ends the connection" wait_for 10 "b without a" not connected b a
ok "a has noticed" wait_for 10 "a without b" not connected a b
ok "b says that something was wrong with what it received" \
	says b a "receiving failed"
diag "b: $(field b peers.a.reason); a: $(field a peers.b.reason)"
ok "a goes on alone" dd if=/dev/zero of="$DEV" bs=64k count=4 oflag=direct status=none
