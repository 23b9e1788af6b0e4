// SPDX-License-Identifier: GPL-2.0
#include "role.h"

#include <linux/random.h>

#include "bitmap.h"
#include "connection.h"
#include "core/history.h"
#include "device.h"
#include "disk.h"
#include "disk_io.h"
#include "event.h"
#include "gate.h"
#include "limits.h"
#include "log.h"
#include "peer.h"
#include "request.h"
#include "resource.h"
#include "roster.h"
#include "session.h"
#include "state.h"
#include "syncer.h"

static bool peer_open(struct ditto_peer *peer)
{
	return peer && peer->connection && test_bit(DITTO_CONN_OPEN, &peer->connection->flags) &&
	       !test_bit(DITTO_CONN_FAILED, &peer->connection->flags);
}

static const char *node_name(struct ditto_resource *res, u32 node)
{
	return node < DITTO_MAX_NODES && res->peers[node] ? res->peers[node]->name : "unknown";
}

static int refuse_promotion(struct ditto_resource *res, enum ditto_promotion why, u32 who,
			    struct netlink_ext_ack *extack)
{
	switch (why) {
	case DITTO_PROMOTE_OK:
		return 0;
	case DITTO_PROMOTE_PRIMARY:
		return ditto_refuse(extack, -EBUSY, "%s is Primary: demote it first",
				    node_name(res, who));
	case DITTO_PROMOTE_DISKLESS:
		return ditto_refuse(extack, -ENXIO, "no usable disk is attached");
	case DITTO_PROMOTE_INCONSISTENT:
		return ditto_refuse(extack, -ENODATA,
				    "this copy is Inconsistent: wait for its resync, or use --force if no better copy is left");
	case DITTO_PROMOTE_OUTDATED:
		return ditto_refuse(extack, -ENODATA,
				    "this copy is Outdated: connect to a newer one, or use --force and lose what that has");
	case DITTO_PROMOTE_NEWER:
		return ditto_refuse(extack, -ENODATA,
				    "%s has newer data: promote that one, or use --force and lose it",
				    node_name(res, who));
	case DITTO_PROMOTE_UNCLEAN:
		return ditto_refuse(extack, -ENODATA,
				    "this node was not stopped cleanly and %s may have more: connect it, or use --force",
				    node_name(res, who));
	}
	return -EINVAL;
}

static int check_promotion(struct ditto_resource *res, bool force, struct netlink_ext_ack *extack)
{
	struct ditto_wire_state *theirs;
	struct ditto_wire_state mine;
	enum ditto_promotion why;
	u32 connected = 0, who = 0, i;

	theirs = kcalloc(DITTO_MAX_NODES, sizeof(*theirs), DITTO_GFP_CONF);
	if (!theirs)
		return -ENOMEM;
	ditto_state_mine(res, &mine);
	spin_lock_irq(&res->stream_lock);
	for (i = 0; i < DITTO_MAX_NODES; i++) {
		if (!peer_open(res->peers[i]) || !res->peers[i]->state_valid)
			continue;
		theirs[i] = res->peers[i]->state;
		connected |= BIT(i);
	}
	spin_unlock_irq(&res->stream_lock);
	why = ditto_history_may_promote(&mine, res->node_id, theirs, connected, &who);
	kfree(theirs);
	if (force && why != DITTO_PROMOTE_PRIMARY && why != DITTO_PROMOTE_DISKLESS)
		return 0;
	return refuse_promotion(res, why, who, extack);
}

/*
 * What ends in an interrupt touches the resource for the last time under the
 * lock that makes its end visible here: behind this a resource is freed.
 */
static bool all_idle(struct ditto_resource *res)
{
	u32 i;

	for (i = 0; i < DITTO_MAX_NODES; i++)
		if (res->peers[i] && !ditto_syncer_idle(res->peers[i]))
			return false;
	return ditto_applier_idle(&res->applier) && !READ_ONCE(res->verify.inflight) &&
	       !READ_ONCE(res->verify.running);
}

/* Members that have failed leave the roster while there is a Primary to say so. */
static void drop_failed(struct ditto_resource *res)
{
	u32 i;

	for (i = 0; i < DITTO_MAX_NODES; i++) {
		struct ditto_peer *peer = res->peers[i];

		if (peer && peer->connection &&
		    test_bit(DITTO_CONN_FAILED, &peer->connection->flags))
			ditto_session_lost(peer);
	}
}

/*
 * Wait for what may itself wait for the state machine, which cannot run while
 * a command holds conf: do its part meanwhile.
 */
int ditto_role_wait(struct ditto_resource *res, bool (*reached)(struct ditto_resource *res),
		    u32 timeout_ms)
{
	unsigned long end = jiffies + msecs_to_jiffies(timeout_ms);
	long left;

	for (;;) {
		if (test_and_clear_bit(DITTO_RES_DISK_FAILED, &res->events))
			ditto_role_disk_failed(res);
		drop_failed(res);
		ditto_roster_apply(res);
		ditto_roster_done(res);
		left = wait_event_killable_timeout(res->idle_wait, reached(res), HZ / 20);
		if (left > 0)
			return 0;
		if (left < 0)
			return -EINTR;
		if (time_after(jiffies, end))
			return -ETIMEDOUT;
	}
}

int ditto_role_wait_idle(struct ditto_resource *res)
{
	return ditto_role_wait(res, all_idle, DITTO_ROLE_TIMEOUT_MS);
}

static bool drained(struct ditto_resource *res)
{
	return ditto_gate_drained(&res->device->gate);
}

static bool settled(struct ditto_resource *res)
{
	bool settled;

	spin_lock_irq(&res->stream_lock);
	spin_lock(&res->applier.lock);
	settled = !res->applier.upstream || READ_ONCE(res->disk->failed) ||
		  res->account.settled >= res->applier.core.received;
	spin_unlock(&res->applier.lock);
	spin_unlock_irq(&res->stream_lock);
	return settled;
}

void ditto_role_await_settled(struct ditto_resource *res)
{
	if (settled(res))
		return;
	ditto_applier_flush(&res->applier);
	ditto_role_wait(res, settled, DITTO_ROLE_SETTLE_MS);
}

int ditto_role_await_drained(struct ditto_resource *res)
{
	return ditto_role_wait(res, drained, DITTO_ROLE_TIMEOUT_MS);
}

int ditto_role_drain(struct ditto_resource *res, enum ditto_gate_reason reason)
{
	struct ditto_gate *gate = &res->device->gate;
	int err;

	ditto_gate_shut(gate, reason);
	err = ditto_role_await_drained(res);
	if (err)
		ditto_gate_open(gate, reason);
	return err;
}

/* A bit for each node whose copy is proven to equal ours. */
static u32 equal_peers(struct ditto_resource *res)
{
	struct ditto_wire_state mine;
	u32 equal = 0, i;

	ditto_state_mine(res, &mine);
	spin_lock_irq(&res->stream_lock);
	for (i = 0; i < DITTO_MAX_NODES; i++)
		if (peer_open(res->peers[i]) && res->peers[i]->state_valid &&
		    ditto_history_equal(&mine, &res->peers[i]->state))
			equal |= BIT(i);
	spin_unlock_irq(&res->stream_lock);
	return equal;
}

void ditto_role_orphans(struct ditto_resource *res, u32 source, u64 logged)
{
	spin_lock_irq(&res->stream_lock);
	ditto_account_orphans(&res->account, source, logged);
	spin_unlock_irq(&res->stream_lock);
	ditto_regions_wake(res);
}

/* Open a generation of our own, with @members beside us, on disk. */
static int record_promotion(struct ditto_resource *res, u32 members)
{
	struct ditto_md *md = &res->disk->md;

	md->roster_generation = ditto_roster_new_generation();
	ditto_md_push_generation(md, md->roster_generation);
	md->roster = members | BIT(res->node_id);
	md->roster_number++;
	md->flags &= ~(DITTO_MDF_INCONSISTENT | DITTO_MDF_OUTDATED);
	md->flags |= DITTO_MDF_PRIMARY | DITTO_MDF_USED;
	return ditto_disk_write_md(res->disk);
}

/*
 * The administrator says that all disks hold the same. That can be so where none
 * has ever held data of the resource, and nobody can have written to one that is
 * not here. Return: 0 with a bit for each peer, or a refusal.
 */
static int assume_equal(struct ditto_resource *res, u32 *members, struct netlink_ext_ack *extack)
{
	struct ditto_peer *peer;
	bool no_disk;
	u32 i;

	if (res->disk->md.flags & DITTO_MDF_USED)
		return ditto_refuse(extack, -EEXIST,
				    "this disk has held data of the resource: whether others hold the same is found by 'verify', not assumed");
	for (i = 0; i < DITTO_MAX_NODES; i++) {
		peer = res->peers[i];
		if (!peer)
			continue;
		if (!peer_open(peer) || !peer->state_valid)
			return ditto_refuse(extack, -ENOTCONN,
					    "%s is not connected: only of disks that are can it be assumed that they are equal",
					    peer->name);
		no_disk = !ditto_history_has_disk(&peer->state);
		if (no_disk || peer->state.flags & DITTO_STATEF_USED)
			return ditto_refuse(extack, -EEXIST,
					    "%s has %s: it cannot be assumed to be equal",
					    peer->name, no_disk ? "no disk" :
					    "held data of the resource");
		*members |= BIT(i);
	}
	return 0;
}

/* Has it anything that could follow? */
static bool has_disk(struct ditto_peer *peer)
{
	bool has;

	spin_lock_irq(&peer->res->stream_lock);
	has = ditto_history_has_disk(&peer->state);
	spin_unlock_irq(&peer->res->stream_lock);
	return has;
}

static void become_primary(struct ditto_resource *res, u32 members, enum ditto_wire_mode mode)
{
	u64 position = ditto_applier_position(&res->applier);
	u32 i;

	spin_lock_irq(&res->stream_lock);
	ditto_stream_init(&res->stream, position, 1);
	WRITE_ONCE(res->role, DITTO_ROLE_PRIMARY);
	spin_unlock_irq(&res->stream_lock);
	res->disk->unclean = false;
	res->rosters = 0;
	for (i = 0; i < DITTO_MAX_NODES; i++)
		if (peer_open(res->peers[i]) && has_disk(res->peers[i]))
			ditto_session_lead(res->peers[i], members & BIT(i) ? mode :
					   DITTO_MODE_TARGET);
}

/* Whoever has had it open since before the last demotion must not write again. */
static int check_deposed(struct ditto_device *dev, struct netlink_ext_ack *extack)
{
	struct ditto_device_use use;

	ditto_device_use(dev, &use);
	if (!use.deposed)
		return 0;
	return ditto_refuse(extack, -EBUSY,
			    "/dev/%s was demoted while in use, and has not been closed since: stop what uses it (last opened by %s, pid %d, open %u times), also by umount",
			    dev->disk->disk_name, use.opener, use.opener_pid, use.openers);
}

int ditto_role_promote(struct ditto_resource *res, u32 flags, struct netlink_ext_ack *extack)
{
	bool assumed = flags & DITTO_FLAG_ASSUME_EQUAL;
	u32 members = 0;
	int err;

	if (res->role == DITTO_ROLE_PRIMARY)
		return 0;
	if (!res->disk || !res->device)
		return ditto_refuse(extack, -ENXIO, "no disk is attached: attach one first");
	err = check_deposed(res->device, extack);
	if (err)
		return err;
	/* Its START may be here before its word that it is Primary. */
	if (READ_ONCE(res->applier.upstream))
		return refuse_promotion(res, DITTO_PROMOTE_PRIMARY, res->applier.upstream_node,
					extack);
	err = check_promotion(res, flags & DITTO_FLAG_FORCE || assumed, extack);
	if (!err && assumed)
		err = assume_equal(res, &members, extack);
	if (err)
		return err;
	err = ditto_role_wait_idle(res);
	if (err)
		return ditto_refuse(extack, err,
				    "what the last Primary had sent is still being written");
	err = ditto_role_drain(res, DITTO_GATE_ROLE);
	if (err)
		return ditto_refuse(extack, err, "reads of the device do not end");
	err = ditto_limits_promote(res, extack);
	if (err) {
		ditto_gate_open(&res->device->gate, DITTO_GATE_ROLE);
		return err;
	}
	ditto_role_orphans(res, 0, 0);
	if (!assumed)
		members = equal_peers(res);
	err = record_promotion(res, members);
	if (err) {
		ditto_resource_event(res, DITTO_RES_DISK_FAILED);
		ditto_gate_open(&res->device->gate, DITTO_GATE_ROLE);
		return ditto_refuse(extack, err, "cannot write metadata: error %d", err);
	}
	become_primary(res, members, assumed ? DITTO_MODE_ASSUMED : DITTO_MODE_MEMBER);
	ditto_device_appoint(res->device);
	ditto_gate_open(&res->device->gate, DITTO_GATE_ROLE);
	ditto_info(res, "Secondary -> Primary, generation %016llx, roster %08x%s",
		   res->disk->md.generation, res->disk->md.roster,
		   assumed ? ", whose disks are said to be equal" : "");
	ditto_event_change(res, NULL, DITTO_EVENT_ROLE, DITTO_ROLE_SECONDARY, DITTO_ROLE_PRIMARY);
	ditto_state_refresh(res);
	return 0;
}

int ditto_role_check_unused(struct ditto_device *dev, const char *hint,
			    struct netlink_ext_ack *extack)
{
	struct ditto_device_use use;

	ditto_device_use(dev, &use);
	if (!use.openers)
		return 0;
	return ditto_refuse(extack, -EBUSY,
			    "/dev/%s is in use, last opened by %s (pid %d), open %u times: %s%s",
			    dev->disk->disk_name, use.opener, use.opener_pid, use.openers,
			    ditto_device_suspended(dev) ?
			    "its I/O is suspended, let it end by resume-io; then " : "", hint);
}

/*
 * A half-filled target cannot go on without its source. It is lost while there
 * is a stream to say so in: nothing may be added to that at its end.
 */
void ditto_role_lose_targets(struct ditto_resource *res, const char *reason)
{
	u32 i;

	for (i = 0; i < DITTO_MAX_NODES; i++) {
		struct ditto_peer *peer = res->peers[i];

		if (!peer || !peer->connection ||
		    !test_bit(DITTO_CONN_STREAMING, &peer->connection->flags) ||
		    (ditto_state_member(res, peer) && !peer->sync.joining))
			continue;
		ditto_connection_fail(peer->connection, false, "%s", reason);
		ditto_session_lost(peer);
	}
}

/* Does it have all that the local copy has? */
static bool covers(struct ditto_peer *peer, const struct ditto_wire_state *mine)
{
	struct ditto_resource *res = peer->res;
	bool covers;

	if (res->role == DITTO_ROLE_PRIMARY)
		return peer->disk_state == DITTO_DISK_UP_TO_DATE;
	spin_lock_irq(&res->stream_lock);
	covers = peer_open(peer) && peer->state_valid && ditto_history_covers(mine, &peer->state);
	spin_unlock_irq(&res->stream_lock);
	return covers;
}

bool ditto_role_covered(struct ditto_resource *res)
{
	struct ditto_wire_state mine;
	u32 i;

	ditto_state_refresh(res);
	ditto_state_mine(res, &mine);
	for (i = 0; i < DITTO_MAX_NODES; i++)
		if (res->peers[i] && covers(res->peers[i], &mine))
			return true;
	return false;
}

/* Histories have diverged: the administrator was told to give one copy up. */
static bool diverged(struct ditto_resource *res)
{
	u32 i;

	for (i = 0; i < DITTO_MAX_NODES; i++)
		if (res->peers[i] && READ_ONCE(res->peers[i]->diverged))
			return true;
	return false;
}

static int invalidate_peer(struct ditto_resource *res, struct ditto_peer *peer,
			   struct netlink_ext_ack *extack)
{
	if (res->role != DITTO_ROLE_PRIMARY)
		return ditto_refuse(extack, -EROFS,
				    "only the Primary can have a peer copied anew: there, or on %s itself without a name",
				    peer->name);
	if (READ_ONCE(res->disk->failed))
		return ditto_refuse(extack, -EIO,
				    "the local disk has failed: there is nothing here to copy %s from, and its copy may be the last good one",
				    peer->name);
	if (peer->connection) {
		ditto_connection_fail(peer->connection, false, "invalidated by command");
		ditto_session_lost(peer);
	}
	ditto_bitmap_distrust(peer);
	if (ditto_disk_write_md(res->disk))
		return ditto_refuse(extack, -EIO, "cannot write metadata");
	ditto_request_set(res, peer->node_id, 0, res->device->bytes);
	ditto_state_refresh(res);
	return 0;
}

int ditto_role_invalidate(struct ditto_resource *res, struct ditto_peer *peer,
			  struct netlink_ext_ack *extack)
{
	struct ditto_md *md;
	u32 i;
	int err;

	if (!res->disk)
		return ditto_refuse(extack, -ENXIO, "no disk is attached");
	if (peer)
		return invalidate_peer(res, peer, extack);
	if (res->role == DITTO_ROLE_PRIMARY)
		return ditto_refuse(extack, -EBUSY,
				    "this node is Primary, and its copy is the one in use: demote it, and promote the node whose copy is to be kept");
	if (!ditto_role_covered(res) && !diverged(res))
		return ditto_refuse(extack, -ENODATA,
				    "no connected peer is known to have all that this copy has, and it may be the only good one: connect such a peer first");
	for (i = 0; i < DITTO_MAX_NODES; i++)
		if (res->peers[i] && res->peers[i]->connection) {
			ditto_connection_fail(res->peers[i]->connection, false,
					      "the local copy was invalidated");
			ditto_session_lost(res->peers[i]);
		}
	err = ditto_role_wait_idle(res);
	if (err)
		return ditto_refuse(extack, err, "the disk is still being written");
	for (i = 0; i < DITTO_MAX_NODES; i++)
		if (res->peers[i])
			ditto_bitmap_distrust(res->peers[i]);
	md = &res->disk->md;
	md->flags |= DITTO_MDF_INCONSISTENT;
	md->flags &= ~DITTO_MDF_OUTDATED;
	md->generation = 0;
	memset(md->history, 0, sizeof(md->history));
	md->roster = 0;
	res->disk->attach_id = ditto_roster_new_generation();
	ditto_applier_set_position(&res->applier, 0);
	if (ditto_disk_write_md(res->disk))
		return ditto_refuse(extack, -EIO, "cannot write metadata");
	ditto_info(res, "the local copy was invalidated by command");
	ditto_state_refresh(res);
	return 0;
}

void ditto_role_disk_failed(struct ditto_resource *res)
{
	u32 i, count;

	if (!res->disk)
		return;
	if (!test_and_set_bit(DITTO_RES_DISK_REPORTED, &res->events))
		ditto_warn(res, "disk %s has failed", res->disk->path);
	WRITE_ONCE(res->disk->failed, true);
	count = ditto_disk_give_up(res->disk);
	if (res->role == DITTO_ROLE_PRIMARY)
		count += ditto_request_give_up(res);
	if (count)
		ditto_warn(res, "%u reads and writes that %s has not returned are given up with it",
			   count, res->disk->path);
	if (res->role == DITTO_ROLE_PRIMARY) {
		if (READ_ONCE(res->stream.disk) >= DITTO_STREAM_DISK_ABSENT)
			return;
		ditto_verify_stop(res);
		ditto_role_lose_targets(res, "the Primary's disk has failed");
		ditto_roster_without_disk(res);
		return;
	}
	/* They connect again, to be asked for what is read here. */
	for (i = 0; i < DITTO_MAX_NODES; i++) {
		struct ditto_connection *conn = res->peers[i] ? res->peers[i]->connection : NULL;

		if (!conn || test_bit(DITTO_CONN_NO_DISK, &conn->flags))
			continue;
		ditto_remote_read_hold(res, msecs_to_jiffies(res->options.timeout_ms));
		ditto_connection_bye(conn, DITTO_BYE_DISK, false, "the local disk has failed");
	}
}

/* What differs at a peer is on disk here, and told to all others, before it is resynced. */
static void tell_differences(struct ditto_peer *peer)
{
	struct ditto_resource *res = peer->res;
	u64 from = 0, start, size;
	bool more;

	ditto_bitmap_write(res);
	for (;;) {
		spin_lock_irq(&res->stream_lock);
		more = ditto_bits_run(&peer->bits, from, DITTO_WIRE_MAX_RANGE, &start, &size);
		spin_unlock_irq(&res->stream_lock);
		if (!more)
			return;
		ditto_request_set(res, peer->node_id, start, size);
		from = start + size;
	}
}

/* Does a disk follow of which no difference is known? */
static bool followed_by_equal(struct ditto_resource *res)
{
	bool found = false;
	u32 i;

	spin_lock_irq(&res->stream_lock);
	for (i = 0; i < DITTO_MAX_NODES && !found; i++)
		found = res->peers[i] && res->stream.followers[i].active &&
			ditto_state_member(res, res->peers[i]) && !res->peers[i]->sync.joining &&
			!ditto_account_out_of_sync(&res->account, i);
	spin_unlock_irq(&res->stream_lock);
	return found;
}

void ditto_role_verified(struct ditto_resource *res)
{
	bool failed = READ_ONCE(res->disk->failed);
	u32 i;

	for (i = 0; i < DITTO_MAX_NODES; i++) {
		struct ditto_peer *peer = res->peers[i];

		if (!peer || !(res->verify.peers & BIT(i)))
			continue;
		ditto_peer_info(peer, "verify: %llu bytes differ, %llu were skipped",
				peer->verify_errors, peer->verify_skipped);
		ditto_event_verified(peer, peer->verify_errors);
		if (!peer->verify_errors || !peer->connection)
			continue;
		if (failed && !followed_by_equal(res)) {
			ditto_peer_warn(peer, "differs in %llu bytes, and stays a member: the local disk, which held the other data, has failed",
					peer->verify_errors);
			continue;
		}
		tell_differences(peer);
		ditto_connection_fail(peer->connection, false,
				      "verify found %llu bytes that differ", peer->verify_errors);
	}
	res->verify.peers = 0;
}
