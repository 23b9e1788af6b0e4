// SPDX-License-Identifier: GPL-2.0
#include "session.h"

#include <linux/slab.h>

#include "applier.h"
#include "bitmap.h"
#include "connection.h"
#include "core/history.h"
#include "disk.h"
#include "event.h"
#include "limits.h"
#include "log.h"
#include "peer.h"
#include "reader.h"
#include "remote_read.h"
#include "request.h"
#include "resource.h"
#include "role.h"
#include "roster.h"
#include "state.h"
#include "syncer.h"
#include "verify.h"

int ditto_session_connect(struct ditto_peer *peer, struct netlink_ext_ack *extack)
{
	if (peer->connection_state != DITTO_CONNECTION_STANDALONE)
		return 0;
	spin_lock_irq(&peer->res->stream_lock);
	peer->reason[0] = '\0';
	spin_unlock_irq(&peer->res->stream_lock);
	ditto_state_connection(peer, DITTO_CONNECTION_CONNECTING);
	return 0;
}

void ditto_session_disconnect(struct ditto_peer *peer, enum ditto_wire_bye why)
{
	if (peer->connection) {
		ditto_connection_bye(peer->connection, why, true, "disconnected by command");
		ditto_session_lost(peer);
	}
	ditto_state_connection(peer, DITTO_CONNECTION_STANDALONE);
}

/*
 * As a Primary: is there anything that the peer could be brought up to date from?
 * Not from what a disk that has failed holds, nor over the last good copy.
 */
static bool may_lead(const struct ditto_peer *peer)
{
	struct ditto_resource *res = peer->res;
	bool may;

	if (!READ_ONCE(res->disk->failed))
		return true;
	spin_lock_irq(&res->stream_lock);
	may = res->stream.disk == DITTO_STREAM_DISK_LEFT && ditto_remote_read_possible(res);
	spin_unlock_irq(&res->stream_lock);
	return may && !ditto_state_member(res, peer);
}

int ditto_session_lanes(struct ditto_peer *peer, u64 cookie, const int *fds,
			struct netlink_ext_ack *extack)
{
	struct ditto_resource *res = peer->res;
	struct ditto_connection *conn;
	bool failed;

	if (peer->connection_state != DITTO_CONNECTION_CONNECTING)
		return ditto_refuse(extack, -EBUSY, "peer %s is %s, not Connecting", peer->name,
				    ditto_connection_name(peer->connection_state));
	if (!res->disk)
		return ditto_refuse(extack, -ENXIO, "no disk is attached");
	failed = READ_ONCE(res->disk->failed);
	if (failed && res->role == DITTO_ROLE_PRIMARY && !may_lead(peer))
		return ditto_refuse(extack, -EIO,
				    "the disk has failed, and no member is connected that could be read instead: demote this node, and promote the one that was lost last");
	conn = ditto_connection_new(peer, cookie, fds, extack);
	if (IS_ERR(conn))
		return PTR_ERR(conn);
	/* It follows nobody, and has its readers' reads done by the Primary. */
	if (failed)
		set_bit(DITTO_CONN_NO_DISK, &conn->flags);
	peer->events = 0;
	spin_lock_irq(&res->stream_lock);
	peer->connection = conn;
	peer->state_valid = false;
	spin_unlock_irq(&res->stream_lock);
	ditto_state_connection(peer, DITTO_CONNECTION_HANDSHAKE);
	ditto_connection_begin(conn);
	return 0;
}

static void send_start(struct ditto_peer *peer, enum ditto_wire_mode mode, u64 position,
		       u64 epoch, u64 logged)
{
	struct ditto_wire_header header = { .type = DITTO_WIRE_START };
	const struct ditto_md *md = &peer->res->disk->md;
	struct ditto_wire_start start = {
		.mode = mode,
		.roster = md->roster,
		.roster_number = md->roster_number,
		.generation = md->generation,
		.position = position,
		.epoch = epoch,
		.logged = logged,
	};
	u8 buf[DITTO_WIRE_START_BYTES];

	memcpy(start.history, md->history, sizeof(start.history));
	ditto_wire_put_start(&start, buf);
	ditto_connection_send(peer->connection, DITTO_LANE_WRITES, &header, buf, sizeof(buf));
}

void ditto_session_lead(struct ditto_peer *peer, enum ditto_wire_mode mode)
{
	struct ditto_resource *res = peer->res;
	struct ditto_connection *conn = peer->connection;
	u64 position, epoch, logged;

	if (!ditto_syncer_idle(peer)) {
		ditto_connection_fail(conn, false, "reads of an earlier resync are under way");
		return;
	}
	if (!may_lead(peer)) {
		ditto_connection_bye(conn, DITTO_BYE_DISK, false,
				     "the local disk has failed, and no member could be read instead");
		return;
	}
	/* A disk that has failed knows nobody any more. */
	if (!READ_ONCE(res->disk->failed) && ditto_roster_know(peer))
		return;
	spin_lock_irq(&res->stream_lock);
	/* A copy that never held data, or was given up, lacks all of it. */
	if (mode == DITTO_MODE_TARGET && !peer->state.generation)
		ditto_bits_set_all(&peer->bits);
	position = ditto_stream_follow(&res->stream, peer->node_id);
	/* A target counts too: it must not fall behind without a bound. */
	ditto_stream_count(&res->stream, peer->node_id, position + 1);
	epoch = res->stream.epoch;
	logged = ditto_stream_logged(&res->stream);
	spin_unlock_irq(&res->stream_lock);
	send_start(peer, mode, position, epoch, logged);
	/* A new stream: of it nothing has been told. */
	conn->lanes[DITTO_LANE_WRITES].tx.settled = 0;
	conn->lanes[DITTO_LANE_WRITES].tx.settled_at = jiffies - HZ;
	set_bit(DITTO_CONN_STREAMING, &conn->flags);
	ditto_connection_kick(conn);
}

static void check_outdated(struct ditto_peer *peer)
{
	struct ditto_resource *res = peer->res;
	struct ditto_wire_state mine, theirs;

	ditto_state_mine(res, &mine);
	spin_lock_irq(&res->stream_lock);
	theirs = peer->state;
	spin_unlock_irq(&res->stream_lock);
	if (mine.flags & (DITTO_STATEF_PRIMARY | DITTO_STATEF_OUTDATED) ||
	    !ditto_history_has_disk(&mine) || !ditto_history_outdates(&mine, res->node_id, &theirs))
		return;
	ditto_peer_info(peer, "has a newer roster without this node: this copy is outdated");
	res->disk->md.flags |= DITTO_MDF_OUTDATED;
	if (ditto_disk_write_md(res->disk))
		ditto_resource_event(res, DITTO_RES_DISK_FAILED);
}

void ditto_session_hello(struct ditto_peer *peer)
{
	struct ditto_connection *conn = peer->connection;
	struct ditto_resource *res = peer->res;
	struct ditto_wire_state mine;
	enum ditto_meeting meeting;

	if (!conn || test_bit(DITTO_CONN_FAILED, &conn->flags))
		return;
	ditto_state_mine(res, &mine);
	meeting = ditto_history_meet(&mine, &conn->hello.state);
	if (meeting == DITTO_MEETING_DIVERGED) {
		ditto_peer_warn(peer, "histories have diverged: nothing was touched");
		WRITE_ONCE(peer->diverged, true);
		ditto_event_diverged(peer, "invalidate the copy to give up, then connect");
		ditto_connection_bye(conn, DITTO_BYE_DIVERGED, true,
				     "histories have diverged: invalidate the copy to give up, then connect");
		return;
	}
	if (!ditto_limits_meet(peer))
		return;
	check_outdated(peer);
	spin_lock_irq(&res->stream_lock);
	peer->reason[0] = '\0';
	spin_unlock_irq(&res->stream_lock);
	WRITE_ONCE(peer->diverged, false);
	set_bit(DITTO_CONN_OPEN, &conn->flags);
	/* Its HELLO may have crossed a change here: tell the state once more. */
	memset(&res->told, 0, sizeof(res->told));
	ditto_state_connection(peer, DITTO_CONNECTION_CONNECTED);
	ditto_peer_info(peer, "connected");
	ditto_connection_unpark(conn);
	if (meeting == DITTO_MEETING_FILL || meeting == DITTO_MEETING_LEAD)
		ditto_session_lead(peer, DITTO_MODE_TARGET);
}

void ditto_session_state(struct ditto_peer *peer)
{
	struct ditto_resource *res = peer->res;
	struct ditto_connection *conn = peer->connection;

	if (!conn)
		return;
	if (!(peer->state.flags & DITTO_STATEF_PRIMARY) &&
	    READ_ONCE(res->applier.upstream) == conn) {
		/* It has been demoted: it had our word for everything it had sent. */
		ditto_applier_lost(&res->applier, conn);
		ditto_reader_lost(res);
	}
	if (test_bit(DITTO_CONN_OPEN, &conn->flags))
		ditto_limits_meet(peer);
	check_outdated(peer);
}

/* May this START be taken? Return: NULL or what speaks against it. */
static const char *check_start(struct ditto_peer *peer, const struct ditto_wire_start *start)
{
	struct ditto_resource *res = peer->res;
	struct ditto_wire_state mine, theirs = {
		.flags = DITTO_STATEF_PRIMARY,
		.generation = start->generation,
		.position = start->position,
	};
	enum ditto_relation relation;

	if (res->role == DITTO_ROLE_PRIMARY)
		return "this node is Primary too";
	if (READ_ONCE(res->applier.upstream))
		return "this node follows another Primary";
	if (!ditto_applier_idle(&res->applier))
		return "still writing what the last Primary sent";
	if (READ_ONCE(res->disk->failed))
		return "the disk has failed";
	memcpy(theirs.history, start->history, sizeof(theirs.history));
	ditto_state_mine(res, &mine);
	if (start->mode == DITTO_MODE_ASSUMED)
		return !(mine.flags & DITTO_STATEF_USED) ? NULL :
		       "this copy has held data: nobody's word makes it equal";
	relation = ditto_history_relate(&mine, &theirs);
	if (start->mode == DITTO_MODE_TARGET)
		return relation == DITTO_RELATION_AHEAD ? "this copy is newer" :
		       relation == DITTO_RELATION_DIVERGED &&
		       !(mine.flags & DITTO_STATEF_INCONSISTENT) ? "histories have diverged" : NULL;
	if (mine.flags & (DITTO_STATEF_INCONSISTENT | DITTO_STATEF_OUTDATED | DITTO_STATEF_UNCLEAN))
		return "this copy does not count as equal";
	if (relation != DITTO_RELATION_BEHIND && relation != DITTO_RELATION_SAME)
		return "this copy is not an ancestor of the Primary's";
	if (mine.position != start->position)
		return "positions differ";
	return NULL;
}

/*
 * A target tells its source what it knows itself to differ in. Where there is no memory
 * for that the connection fails: it comes back.
 */
static void send_bitmap(struct ditto_peer *peer)
{
	struct ditto_resource *res = peer->res;
	struct ditto_wire_header header = { .type = DITTO_WIRE_BITMAP };
	struct ditto_wire_bits piece = { .node = res->node_id };
	u64 from = 0;
	u64 *words;
	bool more;
	u8 *buf;

	words = kmalloc(DITTO_WIRE_BITS_MOST / 8, DITTO_GFP_CONF);
	buf = kmalloc(DITTO_WIRE_BITS_BYTES + DITTO_WIRE_BITS_MOST / 8, DITTO_GFP_CONF);
	if (!words || !buf)
		ditto_connection_fail(peer->connection, false,
				      "no memory to tell it where this copy differs");
	while (!test_bit(DITTO_CONN_FAILED, &peer->connection->flags)) {
		spin_lock_irq(&res->stream_lock);
		more = ditto_account_pack(&peer->bits, &from, &piece, words);
		spin_unlock_irq(&res->stream_lock);
		if (!more)
			break;
		if (piece.fill != DITTO_FILL_CLEAR)
			ditto_connection_send(peer->connection, DITTO_LANE_CONTROL, &header, buf,
					      ditto_wire_put_bits(&piece, words, buf));
		cond_resched();
	}
	kfree(buf);
	kfree(words);
}

/* Is it the one that this node followed last, with its disk attached ever since? */
static bool same_primary(const struct ditto_peer *peer)
{
	const struct ditto_applier *app = &peer->res->applier;

	return app->upstream_attach_id && app->upstream_node == peer->node_id &&
	       app->upstream_attach_id == peer->connection->hello.state.attach_id;
}

/*
 * From here on this node speaks for others (rule 2). One for whom the metadata
 * has no room lacks everything, as far as this node can tell.
 */
static int keep_account(struct ditto_resource *res)
{
	int err;
	u32 i;

	for (i = 0; i < DITTO_MAX_NODES; i++) {
		if (!res->peers[i])
			continue;
		err = ditto_bitmap_keep(res->peers[i]);
		if (err && err != -ENOSPC)
			return err;
	}
	return 0;
}

/* START is recorded: what is known of other copies from here on. */
static void account_start(struct ditto_peer *peer, const struct ditto_wire_start *start)
{
	struct ditto_resource *res = peer->res;

	spin_lock_irq(&res->stream_lock);
	ditto_account_start(&res->account, start->position);
	if (start->mode != DITTO_MODE_TARGET)
		ditto_account_equal(&res->account, start->roster, start->position);
	spin_unlock_irq(&res->stream_lock);
	if (start->mode == DITTO_MODE_TARGET)
		send_bitmap(peer);
}

void ditto_session_start(struct ditto_peer *peer)
{
	struct ditto_resource *res = peer->res;
	struct ditto_connection *conn = peer->connection;
	const char *refusal;

	if (!conn || test_bit(DITTO_CONN_FAILED, &conn->flags))
		return;
	refusal = check_start(peer, &conn->start);
	if (refusal) {
		ditto_connection_fail(conn, false, "START refused: %s", refusal);
		return;
	}
	/* What an earlier stream has left in the disk's cache is before this one. */
	if (ditto_disk_flush(res->disk))
		ditto_resource_disk_error(res);
	/* One without a disk has no log: it has left its own roster. */
	ditto_role_orphans(res, same_primary(peer) ? BIT(peer->node_id) & conn->start.roster : 0,
			   conn->start.logged);
	if (keep_account(res)) {
		ditto_connection_fail(conn, false, "cannot write metadata");
		return;
	}
	if (ditto_roster_start(res, &conn->start)) {
		ditto_connection_fail(conn, false, "cannot record START: the disk has failed");
		return;
	}
	account_start(peer, &conn->start);
	ditto_applier_begin(&res->applier, conn, &conn->start);
	ditto_connection_say(conn, DITTO_WIRE_READY, conn->start.position);
	ditto_connection_unpark(conn);
}

void ditto_session_ready(struct ditto_peer *peer)
{
	struct ditto_resource *res = peer->res;

	if (!peer->connection || res->role != DITTO_ROLE_PRIMARY)
		return;
	if (ditto_state_member(res, peer)) {
		/* It agrees that it is equal; what it misses since would be in flight. */
		spin_lock_irq(&res->stream_lock);
		ditto_account_proven(&res->account, peer->node_id,
				     res->stream.followers[peer->node_id].folded);
		spin_unlock_irq(&res->stream_lock);
	} else if (READ_ONCE(res->stream.disk) == DITTO_STREAM_DISK_LEFT ||
		   !ditto_bitmap_write(res)) {
		/*
		 * What the target has handed over is on disk here before it forgets
		 * it; where there is no disk it does not.
		 */
		ditto_syncer_begin(peer);
	}
}

static void missing(void *arg, u64 start, u64 size)
{
	struct ditto_peer *peer = arg;

	ditto_account_lacks(&peer->res->account, peer->node_id, start, size);
}

void ditto_session_leave(struct ditto_peer *peer, bool hold, bool tell)
{
	struct ditto_resource *res = peer->res;
	struct ditto_request *absent = tell ? ditto_request_absent(res, peer->node_id) : NULL;
	struct ditto_follower *f = &res->stream.followers[peer->node_id];
	struct ditto_stream_out out;
	u64 durable;

	ditto_stream_out_init(&out);
	spin_lock_irq(&res->stream_lock);
	if (f->active) {
		durable = f->durable;
		if (hold)
			ditto_stream_hold(&res->stream);
		ditto_stream_drop(&res->stream, peer->node_id, missing, peer, &out);
		ditto_account_unfollowed(&res->account, peer->node_id);
		/*
		 * In the same step: what it lacks may count as settled from now
		 * on, and nobody is told so before he has heard of this.
		 */
		if (absent && res->stream.active) {
			ditto_request_add_absent(absent, durable, &out);
			absent = NULL;
		}
	}
	ditto_request_hold(res, &out);
	spin_unlock_irq(&res->stream_lock);
	ditto_request_dispatch(res, &out);
	if (absent)
		ditto_request_put(absent);
}

void ditto_session_lost(struct ditto_peer *peer)
{
	struct ditto_resource *res = peer->res;
	struct ditto_connection *conn = peer->connection;
	bool member;

	if (!conn)
		return;
	ditto_peer_info(peer, "connection lost: %s", peer->reason);
	member = res->role == DITTO_ROLE_PRIMARY && ditto_state_member(res, peer);
	ditto_verify_lost(res, peer->node_id);
	ditto_connection_close(conn);
	ditto_syncer_end(peer, conn);
	ditto_applier_lost(&res->applier, conn);
	ditto_verify_forget(&res->applier, conn);
	ditto_remote_read_lost(res, conn);
	spin_lock_irq(&res->stream_lock);
	peer->connection = NULL;
	peer->state_valid = false;
	spin_unlock_irq(&res->stream_lock);
	ditto_session_leave(peer, member, true);
	if (READ_ONCE(res->applier.upstream) == NULL)
		ditto_reader_lost(res);
	peer->events = 0;
	peer->sync.joining = false;
	ditto_state_connection(peer, test_bit(DITTO_CONN_FINAL, &conn->flags) ?
			       DITTO_CONNECTION_STANDALONE : DITTO_CONNECTION_CONNECTING);
	ditto_connection_put(conn);
	if (member)
		ditto_roster_without(peer);
}
