// SPDX-License-Identifier: GPL-2.0
/* Mirrors kmod/role.c, and attach and detach of kmod/resource.c. */
#include "node.h"

static bool peer_open(const struct peer *p)
{
	return p->conn && p->conn->open && !p->conn->failed;
}

static int check_promotion(struct node *n, bool force)
{
	struct ditto_wire_state theirs[SIM_NODES + 29] = {};
	struct ditto_wire_state mine;
	enum ditto_promotion why;
	u32 connected = 0, who = 0, i;

	/* Its START may be here before its STATE: that says Primary too. */
	if (n->upstream)
		return -EBUSY;
	state_mine(n, &mine);
	for (i = 0; i < SIM_NODES; i++) {
		if (!peer_open(&n->peers[i]) || !n->peers[i].state_valid)
			continue;
		theirs[i] = n->peers[i].state;
		connected |= BIT(i);
	}
	why = ditto_history_may_promote(&mine, n->id, theirs, connected, &who);
	note("node %u: may be promoted%s: %u (%u)", n->id, force ? " by force" : "", why, who);
	if (force && why != DITTO_PROMOTE_PRIMARY && why != DITTO_PROMOTE_DISKLESS)
		return 0;
	return why ? -EBUSY : 0;
}

static bool all_idle(struct node *n)
{
	u32 i;

	for (i = 0; i < SIM_NODES; i++) {
		if (n->peers[i].reads)
			return false;
	}
	return applier_idle(n);
}

static bool failed(const struct peer *p)
{
	return p->conn && p->conn->failed;
}

static bool to_serve(const struct node *n)
{
	u32 i;

	for (i = 0; i < SIM_NODES; i++) {
		if (failed(&n->peers[i]))
			return true;
	}
	return n->roster || !list_empty(&n->roster_done) || n->events & 1u << RES_DISK_FAILED;
}

static bool reached_or_to_serve(struct node *n)
{
	return n->reached(n) || to_serve(n);
}

static int wait_serving(struct node *n, bool (*reached)(struct node *n))
{
	u32 i;

	for (;;) {
		if (n->events & 1u << RES_DISK_FAILED) {
			n->events &= ~(1u << RES_DISK_FAILED);
			role_disk_failed(n);
		}
		for (i = 0; i < SIM_NODES; i++) {
			if (failed(&n->peers[i]))
				session_lost(&n->peers[i]);
		}
		roster_apply(n);
		roster_done(n);
		if (reached(n))
			return 0;
		n->reached = reached;
		if (!node_wait(n, reached_or_to_serve, true))
			return -ETIMEDOUT;
	}
}

int role_wait_idle(struct node *n)
{
	return wait_serving(n, all_idle);
}

static u32 equal_peers(struct node *n)
{
	struct ditto_wire_state mine;
	u32 equal = 0, i;

	state_mine(n, &mine);
	for (i = 0; i < SIM_NODES; i++) {
		if (peer_open(&n->peers[i]) && n->peers[i].state_valid &&
		    ditto_history_equal(&mine, &n->peers[i].state))
			equal |= BIT(i);
	}
	return equal;
}

/*
 * Rule 9: has another member kept all that this copy may have lost? One whose
 * JOIN this node had not recorded when it stopped counts if it can be asked.
 */
static bool another_stayed_up(const struct node *n)
{
	u32 i;

	for (i = 0; i < SIM_NODES; i++) {
		if (i != n->id && nodes[i].timeline == n->timeline && !nodes[i].unclean &&
		    n->timeline->left[i] == NEVER &&
		    (node_member(n, i) || (peer_open(&n->peers[i]) && n->peers[i].state_valid)))
			return true;
	}
	return false;
}

static void promise(struct node *n, u32 members, bool force)
{
	bool flushed_only = n->unclean && n->timeline && !another_stayed_up(n);
	u32 i;

	if (n->timeline && !force)
		oracle_check_promotion(n->timeline, &n->disk, n->id, flushed_only);
	n->next_timeline = oracle_fork(n->timeline, &n->disk, force || n->unclean);
	for (i = 0; i < SIM_NODES; i++) {
		if (i == n->id || members & BIT(i))
			n->next_timeline->left[i] = NEVER;
	}
	note("node %u: timeline %u", n->id, n->next_timeline->number);
}

void role_orphans(struct node *n, u32 source, u64 logged)
{
	note("node %u: what is unsettled becomes bits, settled %llu", n->id, n->account.settled);
	ditto_account_orphans(&n->account, source, logged);
	regions_wake(n);
}

static void record_promotion(struct node *n, u32 members)
{
	struct ditto_md *md = &n->md;

	md->roster_generation = roster_new_generation();
	ditto_md_push_generation(md, md->roster_generation);
	md->roster = members | BIT(n->id);
	md->roster_number++;
	md->flags &= ~(DITTO_MDF_INCONSISTENT | DITTO_MDF_OUTDATED);
	md->flags |= DITTO_MDF_PRIMARY;
	node_write_md(n);
}

static void become_primary(struct node *n, u32 members)
{
	u32 i;

	ditto_stream_init(&n->stream, applier_position(n), 1);
	n->primary = true;
	n->unclean = false;
	n->rosters = 0;
	for (i = 0; i < SIM_NODES; i++) {
		if (peer_open(&n->peers[i]) && ditto_history_has_disk(&n->peers[i].state))
			session_lead(&n->peers[i], members & BIT(i));
	}
}

int role_promote(struct node *n, bool force)
{
	u32 members;
	int err;

	if (n->primary)
		return 0;
	if (!n->attached)
		return -ENXIO;
	err = check_promotion(n, force);
	if (err)
		return err;
	err = role_wait_idle(n);
	if (err)
		return err;
	role_orphans(n, 0, 0);
	members = equal_peers(n);
	promise(n, members, force);
	record_promotion(n, members);
	if (n->failed) {
		n->next_timeline = NULL;
		return -EIO;
	}
	become_primary(n, members);
	n->gate = true;
	note("node %u: is Primary, roster %x position %llu", n->id, n->md.roster,
	     n->stream.position);
	state_refresh(n);
	return 0;
}

static bool no_users(struct node *n)
{
	return !n->users;
}

static bool all_durable(struct node *n)
{
	return ditto_stream_settled(&n->stream) == n->stream.position;
}

static void fail_late(struct node *n)
{
	u32 i;

	for (i = 0; i < SIM_NODES; i++) {
		if (n->stream.followers[i].active && n->peers[i].conn &&
		    n->stream.followers[i].durable < n->stream.position)
			conn_fail(n->peers[i].conn, false, "did not become durable in time");
	}
}

static void settle_followers(struct node *n)
{
	u32 tries;

	for (tries = 0; tries < SIM_NODES + 1; tries++) {
		if (!wait_serving(n, all_durable))
			return;
		fail_late(n);
	}
}

/*
 * A half-filled target cannot go on without its source. It is lost while there
 * is a stream to say so in: nothing may be added to that at its end.
 */
void role_lose_targets(struct node *n, const char *reason)
{
	u32 i;

	for (i = 0; i < SIM_NODES; i++) {
		struct peer *p = &n->peers[i];

		if (!p->conn || !p->conn->streaming || (node_member(n, i) && !p->joining))
			continue;
		conn_fail(p->conn, false, reason);
		session_lost(p);
	}
}

static void end_streams(struct node *n)
{
	u32 i;

	for (i = 0; i < SIM_NODES; i++) {
		struct peer *p = &n->peers[i];
		struct conn *c = p->conn;

		if (!c || !c->streaming)
			continue;
		c->streaming = false;
		c->ready = false;
		session_leave(p, false, false);
	}
}

void role_disk_failed(struct node *n)
{
	u32 i;

	if (!n->attached)
		return;
	n->failed = true;
	syncer_give_up(n);
	if (n->primary) {
		if (n->stream.disk >= DITTO_STREAM_DISK_ABSENT)
			return;
		request_give_up(n);
		role_lose_targets(n, "the Primary's disk has failed");
		roster_without_disk(n);
		return;
	}
	for (i = 0; i < SIM_NODES; i++) {
		if (n->peers[i].conn && !n->peers[i].conn->no_disk)
			conn_bye(n->peers[i].conn, DITTO_BYE_DISK, false, "the disk has failed");
	}
}

int role_demote(struct node *n)
{
	if (!n->primary)
		return 0;
	n->gate = false;
	if (wait_serving(n, no_users)) {
		n->gate = true;
		return -ETIMEDOUT;
	}
	role_lose_targets(n, "the Primary was demoted");
	settle_followers(n);
	node_flush(n, false);
	end_streams(n);
	roster_done(n);
	/* All that was written is durable at whoever has no bits for it. */
	ditto_account_settled(&n->account, ditto_stream_settled(&n->stream));
	ditto_account_orphans(&n->account, 0, 0);
	n->primary = false;
	applier_set_position(n, n->stream.position);
	n->md.flags &= ~DITTO_MDF_PRIMARY;
	n->md.durable_generation = n->md.generation;
	n->md.durable_position = n->stream.position;
	node_write_md(n);
	note("node %u: is Secondary at %llu", n->id, n->stream.position);
	state_refresh(n);
	return 0;
}

void role_invalidate_peer(struct node *n, struct peer *p)
{
	if (!n->primary)
		return;
	if (p->conn) {
		conn_fail(p->conn, false, "invalidated by command");
		session_lost(p);
	}
	bitmap_distrust(p);
	node_write_md(n);
	request_set(n, p->id, 0, SIM_BYTES);
	state_refresh(n);
}

/* Bits are on disk here before all others are told (tell_differences() of the shell). */
void role_found_bad(struct node *n, struct peer *p, u32 sector)
{
	if (!n->primary || !p->running || ditto_resync_finished(&p->plan)) {
		/* It would have been found later, by another comparison. */
		disk_heal(&nodes[p->id].disk);
		return;
	}
	syncer_mark(p, (u64)sector * 512, 512);
	cover_touch((u64)sector * 512, 512);
	bitmap_write(n);
	request_set(n, p->id, (u64)sector * 512, 512);
}

int role_invalidate(struct node *n)
{
	struct ditto_md *md = &n->md;
	u32 i;

	if (!n->attached || n->primary)
		return -EBUSY;
	for (i = 0; i < SIM_NODES; i++) {
		if (!n->peers[i].conn)
			continue;
		conn_fail(n->peers[i].conn, false, "the local copy was invalidated");
		session_lost(&n->peers[i]);
	}
	if (role_wait_idle(n))
		return -ETIMEDOUT;
	for (i = 0; i < SIM_NODES; i++) {
		if (i != n->id)
			bitmap_distrust(&n->peers[i]);
	}
	md->flags |= DITTO_MDF_INCONSISTENT;
	md->flags &= ~DITTO_MDF_OUTDATED;
	md->generation = 0;
	memset(md->history, 0, sizeof(md->history));
	md->roster = 0;
	n->attach_id = roster_new_generation();
	applier_set_position(n, 0);
	n->timeline = NULL;
	n->next_timeline = NULL;
	node_write_md(n);
	note("node %u: was invalidated", n->id);
	state_refresh(n);
	return 0;
}

static int read_md(struct node *n)
{
	struct ditto_md_complaint why[DITTO_MD_SLOTS] = {};
	struct disk *disk = &n->disk;
	const struct ditto_md *expected = &disk->slot_md[disk->newest_slot];
	u64 bytes = disk->slot_md[0].device_bytes;
	u8 found[DITTO_MD_BLOCK];
	int err;

	err = ditto_md_choose(disk->slots, disk->internal, bytes, &n->md, why);
	if (err) {
		broken("G11", "node %u: no slot is sound: %s, %s", n->id, why[0].field,
		       why[1].field);
		return err;
	}
	ditto_md_encode(&n->md, n->md.slot, found);
	if (n->md.sequence != expected->sequence || n->md.slot != disk->newest_slot ||
	    memcmp(found, disk->slots[disk->newest_slot], sizeof(found)))
		broken("G11", "node %u: took slot %u number %llu, the last whole one is slot %u number %llu",
		       n->id, n->md.slot, n->md.sequence, disk->newest_slot, expected->sequence);
	return 0;
}

int role_attach(struct node *n)
{
	u32 i;

	/* What it was given up with keeps it open. */
	if (n->attached || !list_empty(&n->disk.ios))
		return -EBUSY;
	if (read_md(n))
		return -EINVAL;
	n->unclean = !(n->md.flags & DITTO_MDF_CLEAN);
	n->attach_id = roster_new_generation();
	applier_set_position(n, n->md.durable_position);
	for (i = 0; i < SIM_NODES; i++) {
		if (i != n->id)
			bitmap_new(&n->peers[i]);
	}
	regions_attach(n);
	if (n->failed) {
		regions_detach(n);
		return -EIO;
	}
	n->md.flags &= ~(DITTO_MDF_CLEAN | DITTO_MDF_PRIMARY);
	node_write_md(n);
	if (n->failed) {
		regions_detach(n);
		return -EIO;
	}
	n->attached = true;
	note("node %u: attached at %llu%s", n->id, n->md.durable_position,
	     n->unclean ? ", unclean" : "");
	for (i = 0; i < SIM_NODES; i++) {
		if (i != n->id)
			session_connect(&n->peers[i]);
	}
	state_refresh(n);
	return 0;
}

static int quiesce(struct node *n)
{
	u32 i;

	for (i = 0; i < SIM_NODES; i++)
		session_disconnect(&n->peers[i], DITTO_BYE_DOWN);
	if (role_wait_idle(n))
		return -ETIMEDOUT;
	role_orphans(n, 0, 0);
	if (n->failed)
		return 0;
	regions_empty(n);
	n->md.durable_generation = n->md.generation;
	n->md.durable_position = applier_position(n);
	if (!n->unclean)
		n->md.flags |= DITTO_MDF_CLEAN;
	node_write_md(n);
	return 0;
}

int role_detach(struct node *n)
{
	if (!n->attached)
		return 0;
	if (role_demote(n) || quiesce(n))
		return -EBUSY;
	n->attached = false;
	n->failed = false;
	if (n->disk.health == DISK_DEAD)
		n->disk.health = DISK_SOUND;
	n->next_timeline = NULL;
	regions_detach(n);
	applier_set_position(n, applier_position(n));
	note("node %u: detached", n->id);
	return 0;
}
