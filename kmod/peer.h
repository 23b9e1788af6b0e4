/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Another node of a resource, as seen from this one.
 */
#ifndef DITTO_PEER_H
#define DITTO_PEER_H

#include <linux/kref.h>
#include <linux/workqueue.h>
#include <uapi/linux/ditto.h>

#include "core/bits.h"
#include "core/pace.h"
#include "core/resync.h"
#include "core/wire.h"

struct ditto_connection;
struct ditto_resource;
struct netlink_ext_ack;

#define DITTO_REASON_LEN	160
#define DITTO_PEER_NO_SLOT	U32_MAX

/* What the state machine is told about a peer. */
enum ditto_peer_event {
	DITTO_PEER_HELLO,	/* the peer's HELLO has been accepted */
	DITTO_PEER_STATE,	/* it has told a new state */
	DITTO_PEER_START,	/* START waits in the connection */
	DITTO_PEER_READY,	/* it has recorded what START said */
	DITTO_PEER_RESYNCED,	/* nothing is out of sync there any more */
	DITTO_PEER_LOST,	/* the connection has failed */
};

/**
 * struct ditto_peer_sync - the resync of a peer from this node
 * @plan: what to send; under stream_lock
 * @path: what gets through to it; under stream_lock
 * @running: START has been answered, extents may be sent; under stream_lock
 * @work: takes extents from the plan
 * @reads: extents being read or sent; zero before a new resync begins
 * @done: bytes acknowledged as durable; under stream_lock
 * @sent: bytes of extents handed to the network, all resyncs together
 * @skipped: bytes that were found equal by their checksums, all resyncs together
 * @rate: bytes a second, over the last second or more
 * @rate_done: @done at @rate_at
 * @rate_at: jiffies
 * @again_at: the extent that was last read again, because the disk could not read it
 * @again_rounds: of the plan in which some were; both under stream_lock
 * @joining: a JOIN for it is under way; under conf
 */
struct ditto_peer_sync {
	struct ditto_resync plan;
	struct ditto_path path;
	bool running;
	struct delayed_work work;
	atomic_t reads;
	u64 done;
	u64 sent;
	u64 skipped;
	u64 rate;
	u64 rate_done;
	unsigned long rate_at;
	u64 again_at;
	u32 again_rounds;
	bool joining;
};

/**
 * struct ditto_peer - see above
 * @ref: one for the resource, one for each connection
 * @connection_state: under conf
 * @replication: as last told to everyone; under conf
 * @disk_state: as last told to everyone; under conf
 * @role: as last told to everyone; under conf
 * @reason: why it is not connected; under stream_lock
 * @connection: the live one; written under both locks
 * @state: what it has last said of its copy; under stream_lock
 * @state_valid: it has said so over the live connection; under stream_lock
 * @diverged: the last connection ended because the two histories had
 * @bits: what is out of sync there (see core/account.h); under stream_lock
 * @bits_slot: of its pages on disk, or DITTO_PEER_NO_SLOT
 * @verify_errors: bytes that differed, last verify
 * @verify_skipped: bytes that were written all the time
 * @verify_ranges: the first that differed
 */
struct ditto_peer {
	struct kref ref;
	struct ditto_resource *res;
	u32 node_id;
	char name[DITTO_NAME_LEN + 1];
	enum ditto_connection_state connection_state;
	enum ditto_replication_state replication;
	enum ditto_disk_state disk_state;
	enum ditto_role role;
	char reason[DITTO_REASON_LEN];
	struct ditto_connection *connection;
	struct ditto_wire_state state;
	bool state_valid;
	bool diverged;
	struct ditto_bits bits;
	u32 bits_slot;
	struct ditto_peer_sync sync;
	u64 bytes_sent;
	u64 bytes_received;
	u64 verify_errors;
	u64 verify_skipped;
	u32 verify_ranges_count;
	struct {
		u64 start;
		u64 size;
	} verify_ranges[DITTO_VERIFY_RANGES];
	unsigned long events;
};

static inline struct ditto_peer *ditto_peer_get(struct ditto_peer *peer)
{
	kref_get(&peer->ref);
	return peer;
}
/* May sleep. */
void ditto_peer_put(struct ditto_peer *peer);

/* Under the resource's conf mutex. */
int ditto_peer_new(struct ditto_resource *res, u32 node_id, const char *name,
		   struct netlink_ext_ack *extack);
int ditto_peer_del(struct ditto_resource *res, u32 node_id, struct netlink_ext_ack *extack);

/* Tell the state machine; from any context. */
void ditto_peer_event(struct ditto_peer *peer, enum ditto_peer_event event);

#endif /* DITTO_PEER_H */
