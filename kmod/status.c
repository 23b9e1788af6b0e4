// SPDX-License-Identifier: GPL-2.0
#include "status.h"

#include <net/genetlink.h>
#include <uapi/linux/ditto.h>

#include "connection.h"
#include "device.h"
#include "disk.h"
#include "peer.h"
#include "resource.h"
#include "syncer.h"
#include "verify.h"

static int put_u64(struct sk_buff *skb, int type, u64 value, int pad)
{
	return nla_put_u64_64bit(skb, type, value, pad);
}

static int put_options(struct sk_buff *skb, const struct ditto_options *options)
{
	struct nlattr *nest = nla_nest_start(skb, DITTO_A_OPTIONS);

	if (!nest || nla_put_u32(skb, DITTO_OPTION_A_POLICY, options->policy) ||
	    nla_put_u32(skb, DITTO_OPTION_A_PING_INTERVAL, options->ping_interval_ms) ||
	    nla_put_u32(skb, DITTO_OPTION_A_TIMEOUT, options->timeout_ms) ||
	    nla_put_u32(skb, DITTO_OPTION_A_PAYLOAD_CRC, options->payload_crc) ||
	    nla_put_u32(skb, DITTO_OPTION_A_ON_READ_ERROR, options->on_read_error) ||
	    nla_put_u32(skb, DITTO_OPTION_A_RESYNC_CHECKSUM, options->resync_checksum))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

/* Copies of what may go away, taken under stream_lock. */
struct snapshot {
	bool disk;
	bool device;
	bool unclean;
	u64 read_errors;
	u64 repaired;
	u32 block_shift;
	u64 generation;
	u32 roster;
	u64 position;
	u64 epoch;
	char path[128];
	char meta_path[128];
	u32 minor;
	u64 bytes;
	u32 block;
	struct ditto_device_use use;
	bool suspended;
	u32 held;
	u32 inflight;
	struct ditto_device_stats stats;
};

static void take_snapshot(struct ditto_resource *res, struct snapshot *s)
{
	memset(s, 0, sizeof(*s));
	spin_lock_irq(&res->stream_lock);
	if (res->disk) {
		s->disk = true;
		s->unclean = res->disk->unclean;
		s->read_errors = atomic64_read(&res->disk->read_errors);
		s->repaired = atomic64_read(&res->disk->repaired);
		s->block_shift = res->disk->md.block_shift;
		s->generation = res->disk->md.generation;
		s->roster = res->disk->md.roster;
		strscpy(s->path, res->disk->path, sizeof(s->path));
		if (res->disk->meta_path)
			strscpy(s->meta_path, res->disk->meta_path, sizeof(s->meta_path));
	}
	if (res->device) {
		s->device = true;
		s->minor = res->device->minor;
		s->bytes = res->device->bytes;
		s->block = res->device->block;
		ditto_device_use(res->device, &s->use);
		s->suspended = ditto_device_suspended(res->device);
		s->held = READ_ONCE(res->device->gate.count);
		ditto_device_sum(res->device, &s->stats);
	}
	s->position = res->stream.position;
	s->epoch = res->stream.epoch;
	s->inflight = res->stream.listed;
	spin_unlock_irq(&res->stream_lock);
	if (res->role != DITTO_ROLE_PRIMARY)
		s->position = ditto_applier_position(&res->applier);
}

static int put_disk_part(struct sk_buff *skb, struct ditto_resource *res, const struct snapshot *s)
{
	struct nlattr *nest = nla_nest_start(skb, DITTO_A_DISK);

	if (!nest || nla_put_u32(skb, DITTO_DISK_A_STATE, READ_ONCE(res->disk_state)))
		return -EMSGSIZE;
	if (s->disk && (nla_put_string(skb, DITTO_DISK_A_PATH, s->path) ||
			(s->meta_path[0] &&
			 nla_put_string(skb, DITTO_DISK_A_META_PATH, s->meta_path)) ||
			nla_put_u32(skb, DITTO_DISK_A_BLOCK_SHIFT, s->block_shift) ||
			nla_put_u32(skb, DITTO_DISK_A_UNCLEAN, s->unclean) ||
			put_u64(skb, DITTO_DISK_A_READ_ERRORS, s->read_errors, DITTO_DISK_A_PAD) ||
			put_u64(skb, DITTO_DISK_A_REPAIRED, s->repaired, DITTO_DISK_A_PAD)))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int put_device_part(struct sk_buff *skb, const struct snapshot *s)
{
	struct nlattr *nest;

	if (!s->device)
		return 0;
	nest = nla_nest_start(skb, DITTO_A_DEVICE);
	if (!nest || nla_put_u32(skb, DITTO_DEVICE_A_MINOR, s->minor) ||
	    put_u64(skb, DITTO_DEVICE_A_SIZE, s->bytes, DITTO_DEVICE_A_PAD) ||
	    nla_put_u32(skb, DITTO_DEVICE_A_BLOCK, s->block) ||
	    nla_put_u32(skb, DITTO_DEVICE_A_OPENERS, s->use.openers) ||
	    put_u64(skb, DITTO_DEVICE_A_READS, s->stats.reads, DITTO_DEVICE_A_PAD) ||
	    put_u64(skb, DITTO_DEVICE_A_READ_BYTES, s->stats.read_bytes, DITTO_DEVICE_A_PAD) ||
	    put_u64(skb, DITTO_DEVICE_A_WRITES, s->stats.writes, DITTO_DEVICE_A_PAD) ||
	    put_u64(skb, DITTO_DEVICE_A_WRITE_BYTES, s->stats.write_bytes, DITTO_DEVICE_A_PAD) ||
	    put_u64(skb, DITTO_DEVICE_A_FLUSHES, s->stats.flushes, DITTO_DEVICE_A_PAD) ||
	    nla_put_u32(skb, DITTO_DEVICE_A_INFLIGHT, s->inflight) ||
	    put_u64(skb, DITTO_DEVICE_A_EPOCH, s->epoch, DITTO_DEVICE_A_PAD) ||
	    nla_put_u32(skb, DITTO_DEVICE_A_IO,
			s->suspended ? DITTO_IO_SUSPENDED : DITTO_IO_RUNNING) ||
	    nla_put_u32(skb, DITTO_DEVICE_A_HELD, s->held) ||
	    nla_put_u32(skb, DITTO_DEVICE_A_DEPOSED, s->use.deposed))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

/* What of a peer changes with every acknowledgement. */
struct peer_snapshot {
	u32 connection;
	u64 cookie;
	u64 out_of_sync;
	u64 total;
	u64 done;
	u64 rate;
	u32 inflight;
	u32 ranges;
	u64 range[DITTO_VERIFY_RANGES][2];
	char reason[DITTO_REASON_LEN];
};

static void take_peer_snapshot(struct ditto_resource *res, struct ditto_peer *peer,
			       struct peer_snapshot *s)
{
	const struct ditto_follower *f = &res->stream.followers[peer->node_id];
	u32 i;

	lockdep_assert_held(&res->stream_lock);
	memset(s, 0, sizeof(*s));
	s->cookie = peer->connection ? peer->connection->cookie : 0;
	if (READ_ONCE(res->role) == DITTO_ROLE_PRIMARY &&
	    ditto_account_out_of_sync(&res->account, peer->node_id))
		s->out_of_sync = ditto_bits_bytes(&peer->bits);
	if (res->verify.running && res->verify.peers & BIT(peer->node_id) && res->device) {
		s->total = res->device->bytes;
		s->done = res->verify.done;
		s->rate = ditto_verify_rate(res);
	} else if (peer->sync.running) {
		s->total = peer->sync.plan.total;
		s->done = peer->sync.done;
		s->rate = ditto_syncer_rate(peer);
	}
	s->inflight = f->active ? res->stream.position - f->durable : 0;
	s->ranges = peer->verify_ranges_count;
	for (i = 0; i < s->ranges; i++) {
		s->range[i][0] = peer->verify_ranges[i].start;
		s->range[i][1] = peer->verify_ranges[i].size;
	}
	/* The reason is written before the state that it explains. */
	s->connection = READ_ONCE(peer->connection_state);
	strscpy(s->reason, peer->reason, sizeof(s->reason));
}

static int put_ranges(struct sk_buff *skb, const struct peer_snapshot *s)
{
	struct nlattr *nest = nla_nest_start(skb, DITTO_PEER_A_VERIFY_RANGES);
	u32 i;

	if (!nest)
		return -EMSGSIZE;
	for (i = 0; i < s->ranges; i++)
		if (nla_put(skb, i + 1, sizeof(s->range[i]), s->range[i]))
			return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int put_peer(struct sk_buff *skb, struct ditto_peer *peer, const struct peer_snapshot *s)
{
	static const int pad = DITTO_PEER_A_PAD;
	struct nlattr *nest = nla_nest_start(skb, 0);

	if (!nest || nla_put_u32(skb, DITTO_PEER_A_ID, peer->node_id) ||
	    nla_put_string(skb, DITTO_PEER_A_NAME, peer->name) ||
	    nla_put_u32(skb, DITTO_PEER_A_CONNECTION, s->connection) ||
	    put_u64(skb, DITTO_PEER_A_COOKIE, s->cookie, pad) ||
	    nla_put_u32(skb, DITTO_PEER_A_ROLE, READ_ONCE(peer->role)) ||
	    nla_put_u32(skb, DITTO_PEER_A_DISK, READ_ONCE(peer->disk_state)) ||
	    nla_put_u32(skb, DITTO_PEER_A_REPLICATION, READ_ONCE(peer->replication)) ||
	    nla_put_u32(skb, DITTO_PEER_A_PAUSED, READ_ONCE(peer->res->resync_paused)) ||
	    put_u64(skb, DITTO_PEER_A_OUT_OF_SYNC, s->out_of_sync, pad) ||
	    put_u64(skb, DITTO_PEER_A_SYNC_TOTAL, s->total, pad) ||
	    put_u64(skb, DITTO_PEER_A_SYNC_DONE, s->done, pad) ||
	    put_u64(skb, DITTO_PEER_A_SYNC_RATE, s->rate, pad) ||
	    put_u64(skb, DITTO_PEER_A_SENT, READ_ONCE(peer->bytes_sent), pad) ||
	    put_u64(skb, DITTO_PEER_A_RECEIVED, READ_ONCE(peer->bytes_received), pad) ||
	    put_u64(skb, DITTO_PEER_A_RESYNC_SENT, READ_ONCE(peer->sync.sent), pad) ||
	    put_u64(skb, DITTO_PEER_A_RESYNC_SKIPPED, READ_ONCE(peer->sync.skipped), pad) ||
	    nla_put_u32(skb, DITTO_PEER_A_INFLIGHT, s->inflight) ||
	    put_u64(skb, DITTO_PEER_A_VERIFY_ERRORS, READ_ONCE(peer->verify_errors), pad) ||
	    put_u64(skb, DITTO_PEER_A_VERIFY_SKIPPED, READ_ONCE(peer->verify_skipped), pad) ||
	    (s->ranges && put_ranges(skb, s)) ||
	    (s->reason[0] && nla_put_string(skb, DITTO_PEER_A_REASON, s->reason)))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int put_peers(struct sk_buff *skb, struct ditto_resource *res)
{
	struct nlattr *nest = nla_nest_start(skb, DITTO_A_PEERS);
	struct peer_snapshot *s;
	u32 i;
	int err = 0;

	if (!nest)
		return -EMSGSIZE;
	s = kmalloc(sizeof(*s), GFP_KERNEL);
	if (!s)
		return -ENOMEM;
	for (i = 0; i < DITTO_MAX_NODES && !err; i++) {
		struct ditto_peer *peer;

		spin_lock_irq(&res->stream_lock);
		peer = res->peers[i];
		if (peer) {
			ditto_peer_get(peer);
			take_peer_snapshot(res, peer, s);
		}
		spin_unlock_irq(&res->stream_lock);
		if (!peer)
			continue;
		err = put_peer(skb, peer, s);
		ditto_peer_put(peer);
	}
	kfree(s);
	if (err)
		return err;
	nla_nest_end(skb, nest);
	return 0;
}

int ditto_status_put(struct sk_buff *skb, struct ditto_resource *res)
{
	struct snapshot *s = kmalloc(sizeof(*s), GFP_KERNEL);
	int err = -EMSGSIZE;

	if (!s)
		return -ENOMEM;
	take_snapshot(res, s);
	if (nla_put_string(skb, DITTO_A_NAME, res->name) ||
	    nla_put(skb, DITTO_A_UUID, sizeof(res->uuid), res->uuid) ||
	    nla_put_u32(skb, DITTO_A_NODE_ID, res->node_id) ||
	    nla_put_u32(skb, DITTO_A_ROLE, READ_ONCE(res->role)) ||
	    put_u64(skb, DITTO_A_GENERATION, s->generation, DITTO_A_PAD) ||
	    put_u64(skb, DITTO_A_POSITION, s->position, DITTO_A_PAD) ||
	    nla_put_u32(skb, DITTO_A_ROSTER, s->roster))
		goto out;
	err = put_options(skb, &res->options);
	if (!err)
		err = put_disk_part(skb, res, s);
	if (!err)
		err = put_device_part(skb, s);
	if (!err)
		err = put_peers(skb, res);
out:
	kfree(s);
	return err;
}
