// SPDX-License-Identifier: GPL-2.0
/* Mirrors kmod/session.c. */
#include "node.h"

void session_connect(struct peer *p)
{
	if (p->connection_state == STANDALONE)
		p->connection_state = CONNECTING;
}

void session_disconnect(struct peer *p, enum ditto_wire_bye why)
{
	if (p->conn) {
		conn_bye(p->conn, why, true, "disconnected by command");
		session_lost(p);
	}
	p->connection_state = STANDALONE;
}

static bool may_lead(const struct peer *p)
{
	const struct node *n = p->node;

	return !n->failed || (n->stream.disk == DITTO_STREAM_DISK_LEFT && check_served(n) &&
			      !node_member(n, p->id));
}

void session_lanes(struct peer *p, struct session *s)
{
	if (p->connection_state != CONNECTING || !p->node->attached || s->broken)
		return;
	if (p->node->failed && p->node->primary && !may_lead(p)) {
		s->broken = true;
		return;
	}
	p->events = 0;
	p->conn = conn_new(p, s);
	p->conn->no_disk = p->node->failed;
	p->state_valid = false;
	p->connection_state = HANDSHAKE;
	conn_begin(p->conn);
}

static void send_start(struct peer *p, bool member, u64 position, u64 epoch)
{
	struct ditto_wire_header header = { .type = DITTO_WIRE_START };
	const struct ditto_md *md = &p->node->md;
	struct ditto_wire_start start = {
		.mode = member ? DITTO_MODE_MEMBER : DITTO_MODE_TARGET,
		.roster = md->roster,
		.roster_number = md->roster_number,
		.generation = md->generation,
		.position = position,
		.epoch = epoch,
		.logged = ditto_stream_logged(&p->node->stream),
	};
	u8 buf[DITTO_WIRE_START_BYTES];

	memcpy(start.history, md->history, sizeof(start.history));
	ditto_wire_put_start(&start, buf);
	conn_send(p->conn, DITTO_LANE_WRITES, &header, buf, sizeof(buf));
}

void session_lead(struct peer *p, bool member)
{
	struct node *n = p->node;
	u64 position;

	if (p->reads) {
		conn_fail(p->conn, false, "reads of an earlier resync are under way");
		return;
	}
	if (!may_lead(p)) {
		conn_bye(p->conn, DITTO_BYE_DISK, false, "no member could be read");
		return;
	}
	if (!n->failed)
		roster_know(p);
	/* A copy that never held data, or was given up, lacks all of it. */
	if (!member && !p->state.generation)
		ditto_bits_set_all(&p->bits);
	position = ditto_stream_follow(&n->stream, p->id);
	ditto_stream_count(&n->stream, p->id, position + 1);
	note("node %u: leads %u as %s from %llu, %llu bits", n->id, p->id,
	     member ? "member" : "target", position, p->bits.set);
	send_start(p, member, position, n->stream.epoch);
	p->conn->settled = 0;
	p->conn->streaming = true;
}

static void check_outdated(struct peer *p)
{
	struct node *n = p->node;
	struct ditto_wire_state mine, theirs = p->state;

	state_mine(n, &mine);
	if (mine.flags & (DITTO_STATEF_PRIMARY | DITTO_STATEF_OUTDATED) ||
	    !ditto_history_has_disk(&mine) || !ditto_history_outdates(&mine, n->id, &theirs))
		return;
	note("node %u: outdated by %u", n->id, p->id);
	n->md.flags |= DITTO_MDF_OUTDATED;
	node_write_md(n);
}

void session_hello(struct peer *p)
{
	struct conn *c = p->conn;
	struct ditto_wire_state mine;
	enum ditto_meeting meeting;

	if (!c || c->failed)
		return;
	state_mine(p->node, &mine);
	meeting = ditto_history_meet(&mine, &c->hello.state);
	note("node %u: meets %u: %u", p->node->id, p->id, meeting);
	if (meeting == DITTO_MEETING_DIVERGED) {
		conn_bye(c, DITTO_BYE_DIVERGED, true, "histories have diverged");
		return;
	}
	check_outdated(p);
	/* Its HELLO may have crossed a change here: tell the state once more. */
	memset(&p->node->told, 0, sizeof(p->node->told));
	c->open = true;
	p->connection_state = CONNECTED;
	conn_unpark(c);
	if (meeting == DITTO_MEETING_FILL || meeting == DITTO_MEETING_LEAD)
		session_lead(p, false);
}

void session_state(struct peer *p)
{
	struct node *n = p->node;

	if (!p->conn)
		return;
	if (!(p->state.flags & DITTO_STATEF_PRIMARY) && n->upstream == p->conn)
		applier_lost(n, p->conn);
	check_outdated(p);
}

static const char *check_start(struct node *n, const struct ditto_wire_start *start)
{
	struct ditto_wire_state mine, theirs = {
		.flags = DITTO_STATEF_PRIMARY,
		.generation = start->generation,
		.position = start->position,
	};
	enum ditto_relation relation;

	if (n->primary)
		return "this node is Primary too";
	if (n->upstream)
		return "this node follows another Primary";
	if (!applier_idle(n))
		return "still writing what the last Primary sent";
	if (n->failed)
		return "the disk has failed";
	memcpy(theirs.history, start->history, sizeof(theirs.history));
	state_mine(n, &mine);
	relation = ditto_history_relate(&mine, &theirs);
	if (start->mode == DITTO_MODE_TARGET)
		return relation == DITTO_RELATION_AHEAD ? "this copy is newer" :
		       relation == DITTO_RELATION_DIVERGED &&
		       !(mine.flags & DITTO_STATEF_INCONSISTENT) ? "histories have diverged" : NULL;
	if (mine.flags & (DITTO_STATEF_INCONSISTENT | DITTO_STATEF_OUTDATED |
			  DITTO_STATEF_UNCLEAN))
		return "this copy does not count as equal";
	if (relation != DITTO_RELATION_BEHIND && relation != DITTO_RELATION_SAME)
		return "this copy is not an ancestor of the Primary's";
	if (mine.position != start->position)
		return "positions differ";
	return NULL;
}

/* A target tells its source what it knows itself to differ in. */
static void send_bitmap(struct peer *p)
{
	struct ditto_wire_header header = { .type = DITTO_WIRE_BITMAP };
	struct ditto_wire_bits piece = { .node = p->node->id };
	u8 buf[DITTO_WIRE_BITS_BYTES + DITTO_WIRE_BITS_MOST / 8];
	u64 from = 0, words[DITTO_WIRE_BITS_MOST / 64];

	while (ditto_account_pack(&p->bits, &from, &piece, words)) {
		if (piece.fill != DITTO_FILL_CLEAR)
			conn_send(p->conn, DITTO_LANE_CONTROL, &header, buf,
				  ditto_wire_put_bits(&piece, words, buf));
	}
}

/*
 * From here on this node speaks for others (rule 2): without an entry for each
 * of them a crash would cost it a full resync.
 */
static void keep_account(struct node *n)
{
	u32 i;

	for (i = 0; i < SIM_NODES; i++) {
		if (i != n->id)
			bitmap_keep(&n->peers[i]);
	}
}

/* START is recorded: what is known of other copies from here on. */
static void account_start(struct peer *p, const struct ditto_wire_start *start)
{
	struct node *n = p->node;

	ditto_account_start(&n->account, start->position);
	if (start->mode == DITTO_MODE_MEMBER)
		ditto_account_equal(&n->account, start->roster, start->position);
	else
		send_bitmap(p);
}

static bool same_primary(const struct peer *p)
{
	const struct node *n = p->node;

	return n->upstream_attach_id && n->upstream_node == p->id &&
	       n->upstream_attach_id == p->conn->hello.state.attach_id;
}

void session_start(struct peer *p)
{
	struct node *n = p->node;
	struct conn *c = p->conn;
	const char *refusal;

	if (!c || c->failed)
		return;
	refusal = check_start(n, &c->start);
	if (refusal) {
		conn_fail(c, false, refusal);
		return;
	}
	/* The new stream counts everything up to START as durable. */
	node_flush(n, false);
	role_orphans(n, same_primary(p) ? BIT(p->id) & c->start.roster : 0, c->start.logged);
	keep_account(n);
	n->next_timeline = c->start_timeline;
	roster_start(n, &c->start);
	if (n->failed) {
		conn_fail(c, false, "cannot record START: the disk has failed");
		return;
	}
	account_start(p, &c->start);
	applier_begin(n, c, &c->start);
	conn_say(c, DITTO_WIRE_READY, c->start.position);
	conn_unpark(c);
}

void session_ready(struct peer *p)
{
	if (!p->conn || !p->node->primary)
		return;
	/* It agrees that it is equal; what it misses since would be in flight. */
	if (node_member(p->node, p->id)) {
		ditto_account_proven(&p->node->account, p->id,
				     p->node->stream.followers[p->id].folded);
		return;
	}
	/* What the target has handed over is on disk here before it forgets it, if it does. */
	if (p->node->stream.disk != DITTO_STREAM_DISK_LEFT) {
		bitmap_write(p->node);
		if (p->node->failed)
			return;
	}
	syncer_begin(p);
}

static void missing(void *arg, u64 start, u64 size)
{
	struct peer *p = arg;

	ditto_account_lacks(&p->node->account, p->id, start, size);
}

void session_leave(struct peer *p, bool hold, bool tell)
{
	struct node *n = p->node;
	u64 durable = n->stream.followers[p->id].durable;
	struct ditto_stream_out out;

	ditto_stream_out_init(&out);
	if (n->stream.followers[p->id].active) {
		if (hold) {
			ditto_stream_hold(&n->stream);
			n->timeline->leaving[p->id] = true;
		}
		ditto_stream_drop(&n->stream, p->id, missing, p, &out);
		ditto_account_unfollowed(&n->account, p->id);
		/*
		 * In the same step: what it lacks may count as settled from now
		 * on, and nobody is told so before he has heard of this.
		 */
		if (tell && n->stream.active)
			request_absent(n, p->id, durable, &out);
	}
	request_dispatch(n, &out);
}

void session_lost(struct peer *p)
{
	struct node *n = p->node;
	struct conn *c = p->conn;
	bool member;

	if (!c)
		return;
	member = n->primary && node_member(n, p->id);
	note("node %u: has lost %u%s", n->id, p->id, member ? ", a member" : "");
	conn_close(c);
	syncer_end(p, c);
	applier_lost(n, c);
	p->conn = NULL;
	p->state_valid = false;
	session_leave(p, member, true);
	p->events = 0;
	p->joining = false;
	p->connection_state = c->final ? STANDALONE : CONNECTING;
	if (member)
		roster_without(p);
}
