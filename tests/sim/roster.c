// SPDX-License-Identifier: GPL-2.0
/* Mirrors kmod/roster.c. */
#include "node.h"

u64 roster_new_generation(void)
{
	return chance64() | 1;
}

/* Return: false where the disk has failed. */
static bool write_md(struct node *n)
{
	node_write_md(n);
	/* At once: what follows in the stream counts on the record. */
	if (n->failed && n->primary)
		ditto_stream_disk_failed(&n->stream);
	return !n->failed;
}

void roster_know(struct peer *p)
{
	bitmap_keep(p);
}

static void fill_roster(const struct ditto_md *md, struct ditto_wire_roster *roster, u64 previous)
{
	roster->roster = md->roster;
	roster->roster_number = md->roster_number;
	roster->generation = md->generation;
	roster->previous = previous;
}

static void announce_without(struct node *n, u32 node)
{
	struct ditto_md *md = &n->md;
	struct ditto_md_peer *entry = node == n->id ? NULL : ditto_md_peer_get(md, node);
	struct ditto_wire_roster roster;
	u64 previous = md->generation;

	if (entry)
		entry->generation = previous;
	md->roster &= ~BIT(node);
	md->roster_number++;
	md->roster_generation = roster_new_generation();
	ditto_md_push_generation(md, md->roster_generation);
	write_md(n);
	note("node %u: %u has left the roster, which is %x", n->id, node, md->roster);
	fill_roster(md, &roster, previous);
	n->rosters++;
	request_roster(n, DITTO_ENTRY_ROSTER, &roster, 0);
}

/* Is any copy left that counts but the local one? That of a target does not. */
static bool followed(const struct node *n)
{
	u32 i;

	for (i = 0; i < SIM_NODES; i++)
		if (n->stream.followers[i].active && node_member(n, i) && !n->peers[i].joining)
			return true;
	return false;
}

void roster_without(struct peer *p)
{
	struct node *n = p->node;

	if (n->failed && !followed(n)) {
		/* It was the last good copy, and stays the newest: nothing completes. */
		role_lose_targets(n, "the last good copy was lost");
		note("node %u: %u was the last good copy", n->id, p->id);
		n->timeline->leaving[p->id] = false;
		roster_done(n);
		return;
	}
	announce_without(n, p->id);
}

void roster_without_disk(struct node *n)
{
	struct ditto_stream_out out;
	u64 durable;

	ditto_stream_out_init(&out);
	durable = ditto_stream_disk_absent(&n->stream);
	if (n->stream.active)
		request_absent(n, n->id, durable, &out);
	request_dispatch(n, &out);
	if (!n->stream.active) {
		note("node %u: no other copy is left", n->id);
		roster_done(n);
		return;
	}
	n->timeline->leaving[n->id] = true;
	announce_without(n, n->id);
}

/* The one that joins is told what all others lack. */
static void tell_bits(struct peer *p)
{
	struct node *n = p->node;
	u32 i;

	for (i = 0; i < SIM_NODES; i++) {
		if (i != n->id && !(n->md.roster & BIT(i)))
			request_bits(n, &n->peers[i], p->id);
	}
}

void roster_join(struct peer *p)
{
	struct node *n = p->node;
	struct ditto_wire_roster roster;

	if (!p->conn || p->conn->failed || !n->primary || p->joining ||
	    node_member(n, p->id) || !p->running || !ditto_resync_finished(&p->plan))
		return;
	syncer_end(p, NULL);
	n->md.roster |= BIT(p->id);
	n->md.roster_number++;
	if (n->stream.disk != DITTO_STREAM_DISK_LEFT && !write_md(n)) {
		n->md.roster &= ~BIT(p->id);
		return;
	}
	n->timeline->left[p->id] = NEVER;
	n->timeline->leaving[p->id] = false;
	p->joining = true;
	tell_bits(p);
	note("node %u: %u joins, the roster is %x", n->id, p->id, n->md.roster);
	fill_roster(&n->md, &roster, n->md.generation);
	request_roster(n, DITTO_ENTRY_JOIN, &roster, p->id);
}

static void joined(struct node *n, u32 roster)
{
	struct ditto_md_peer *entry;
	u32 i;

	for (i = 0; i < SIM_NODES; i++) {
		if (i == n->id || !(roster & BIT(i)) || !n->peers[i].joining)
			continue;
		n->peers[i].joining = false;
		entry = ditto_md_peer_find(&n->md, i);
		if (entry)
			entry->generation = n->md.generation;
		note("node %u: %u is up to date", n->id, i);
	}
	write_md(n);
}

/* From now on nobody asks of them what is acknowledged. */
static void members_left(struct node *n)
{
	u32 i;

	for (i = 0; i < SIM_NODES; i++) {
		if (!n->timeline || !n->timeline->leaving[i])
			continue;
		n->timeline->left[i] = sim.clock;
		n->timeline->leaving[i] = false;
	}
}

void roster_done(struct node *n)
{
	struct ditto_stream_out out;
	struct ditto_entry *e, *next;
	LIST_HEAD(done);

	list_splice_tail_init(&n->roster_done, &done);
	list_for_each_entry_safe(e, next, &done, note) {
		struct request *r = container_of(e, struct request, entry);

		list_del_init(&e->note);
		if (e->kind == DITTO_ENTRY_JOIN)
			joined(n, r->roster.roster);
		else
			n->rosters--;
		request_put(r);
	}
	if (n->rosters)
		return;
	members_left(n);
	sim.clock++;
	ditto_stream_out_init(&out);
	ditto_stream_unhold(&n->stream, &out);
	if (n->stream.disk == DITTO_STREAM_DISK_ABSENT)
		ditto_stream_disk_left(&n->stream, &out);
	request_dispatch(n, &out);
}

static void take_generations(struct ditto_md *md, const struct ditto_wire_start *start)
{
	md->generation = start->generation;
	memcpy(md->history, start->history, sizeof(md->history));
	md->roster = start->roster;
	md->roster_number = start->roster_number;
	md->roster_generation = start->generation;
}

void roster_start(struct node *n, const struct ditto_wire_start *start)
{
	if (start->mode == DITTO_MODE_MEMBER) {
		take_generations(&n->md, start);
	} else {
		n->target = *start;
		n->md.flags |= DITTO_MDF_INCONSISTENT;
	}
	write_md(n);
}

static void shift_generation(struct ditto_wire_start *start, u64 generation)
{
	memmove(start->history + 1, start->history,
		sizeof(start->history) - sizeof(start->history[0]));
	start->history[0] = start->generation;
	start->generation = generation;
}

static bool apply_as_target(struct node *n, const struct ditto_wire_roster *roster, bool *done)
{
	struct ditto_wire_start *target = &n->target;

	if (roster->previous != target->generation)
		return false;
	if (roster->generation != target->generation)
		shift_generation(target, roster->generation);
	target->roster = roster->roster;
	target->roster_number = roster->roster_number;
	*done = roster->roster & BIT(n->id);
	if (!*done)
		return true;
	take_generations(&n->md, target);
	n->md.flags &= ~(DITTO_MDF_INCONSISTENT | DITTO_MDF_OUTDATED);
	n->unclean = false;
	return true;
}

static bool apply_as_member(struct node *n, const struct ditto_wire_roster *roster)
{
	struct ditto_md *md = &n->md;

	if (roster->previous != md->generation)
		return false;
	if (roster->generation != md->generation)
		ditto_md_push_generation(md, roster->generation);
	md->roster = roster->roster;
	md->roster_number = roster->roster_number;
	md->roster_generation = roster->generation;
	return true;
}

/* That some of its sectors have gone bad is known for good. */
static void recorded(struct node *n, const struct item *item)
{
	u32 i;

	if (item->lacking != n->id)
		return;
	for (i = item->core.range.start / 512; i <= item->core.range.last / 512; i++)
		__clear_bit(i, n->disk.rotten);
	n->disk.data_changes++;
}

void roster_apply(struct node *n)
{
	struct item *item = n->roster;
	struct conn *c = n->upstream;
	bool sound, joined_now = false;

	if (!item)
		return;
	if (item->core.kind == DITTO_ENTRY_SET) {
		bitmap_write(n);
		/* Else the target has lost its disk before it knew. */
		if (!n->failed)
			recorded(n, item);
		applier_roster_done(n, false);
		return;
	}
	sound = n->apply.target ? apply_as_target(n, &item->roster, &joined_now) :
				  apply_as_member(n, &item->roster);
	if (!sound && c)
		conn_fail(c, false, "roster follows another generation");
	/* What it knows of others comes before its word that it may be asked. */
	if (sound && joined_now)
		bitmap_write(n);
	if (sound)
		write_md(n);
	note("node %u: has recorded roster %x", n->id, n->md.roster);
	applier_roster_done(n, joined_now);
}
