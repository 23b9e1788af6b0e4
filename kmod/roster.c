// SPDX-License-Identifier: GPL-2.0
#include "roster.h"

#include <linux/random.h>

#include "applier.h"
#include "bitmap.h"
#include "connection.h"
#include "disk.h"
#include "log.h"
#include "peer.h"
#include "request.h"
#include "resource.h"
#include "role.h"
#include "state.h"
#include "syncer.h"

u64 ditto_roster_new_generation(void)
{
	u64 generation;

	do {
		generation = get_random_u64();
	} while (!generation);
	return generation;
}

static int write_md(struct ditto_resource *res)
{
	int err;

	if (READ_ONCE(res->disk->failed))
		return -EIO;
	err = ditto_disk_write_md(res->disk);
	if (!err)
		return 0;
	ditto_warn(res, "cannot write metadata: error %d", err);
	ditto_resource_disk_error(res);
	/* At once: what follows in the stream counts on the record. */
	spin_lock_irq(&res->stream_lock);
	ditto_stream_disk_failed(&res->stream);
	spin_unlock_irq(&res->stream_lock);
	return err;
}

int ditto_roster_know(struct ditto_peer *peer)
{
	struct ditto_resource *res = peer->res;
	int err = ditto_bitmap_keep(peer);

	if (err == -ENOSPC)
		ditto_connection_fail(peer->connection, true,
				      "the metadata has room for %u peers: create it anew with more",
				      res->disk->md.max_peers);
	else if (err)
		ditto_connection_fail(peer->connection, false, "cannot write metadata");
	return err;
}

static void fill_roster(struct ditto_resource *res, struct ditto_wire_roster *roster, u64 previous)
{
	const struct ditto_md *md = &res->disk->md;

	roster->roster = md->roster;
	roster->roster_number = md->roster_number;
	roster->generation = md->generation;
	roster->previous = previous;
}

/* A roster without @node, here and to all that are left in it. */
static void announce_without(struct ditto_resource *res, u32 node)
{
	struct ditto_md *md = &res->disk->md;
	struct ditto_md_peer *entry = node == res->node_id ? NULL : ditto_md_peer_get(md, node);
	struct ditto_wire_roster roster;
	u64 previous = md->generation;

	if (entry)
		entry->generation = previous;
	md->roster &= ~BIT(node);
	md->roster_number++;
	md->roster_generation = ditto_roster_new_generation();
	ditto_md_push_generation(md, md->roster_generation);
	/*
	 * Should that fail, nothing that the lost disk lacks completes before the
	 * local disk has left the roster, too.
	 */
	write_md(res);
	fill_roster(res, &roster, previous);
	res->rosters++;
	ditto_request_roster(res, DITTO_ENTRY_ROSTER, &roster, 0);
}

/* Is any copy left that counts but the local one? That of a target does not. */
static bool followed(struct ditto_resource *res)
{
	bool found = false;
	u32 i;

	spin_lock_irq(&res->stream_lock);
	for (i = 0; i < DITTO_MAX_NODES && !found; i++)
		found = res->peers[i] && res->stream.followers[i].active &&
			ditto_state_member(res, res->peers[i]) && !res->peers[i]->sync.joining;
	spin_unlock_irq(&res->stream_lock);
	return found;
}

void ditto_roster_without(struct ditto_peer *peer)
{
	struct ditto_resource *res = peer->res;

	if (READ_ONCE(res->disk->failed) && !followed(res)) {
		/*
		 * It was the last good copy, and stays the newest: nothing completes,
		 * and so nobody that is half filled may be waited for alone.
		 */
		ditto_role_lose_targets(res, "the last good copy was lost");
		ditto_peer_warn(peer, "was the last good copy: all I/O fails");
		ditto_roster_done(res);
		return;
	}
	announce_without(res, peer->node_id);
	ditto_peer_info(peer, "left the roster, which is %08x now", res->disk->md.roster);
}

void ditto_roster_without_disk(struct ditto_resource *res)
{
	struct ditto_request *absent = ditto_request_absent(res, res->node_id);
	struct ditto_stream_out out;
	u64 durable;

	ditto_stream_out_init(&out);
	spin_lock_irq(&res->stream_lock);
	durable = ditto_stream_disk_absent(&res->stream);
	if (res->stream.active) {
		ditto_request_add_absent(absent, durable, &out);
		absent = NULL;
	}
	ditto_request_hold(res, &out);
	spin_unlock_irq(&res->stream_lock);
	ditto_request_dispatch(res, &out);
	if (absent) {
		ditto_request_put(absent);
		ditto_warn(res, "no other copy is left: all I/O fails");
		ditto_roster_done(res);
		return;
	}
	announce_without(res, res->node_id);
	ditto_info(res, "goes on without a disk, the roster is %08x", res->disk->md.roster);
}

static bool resync_finished(struct ditto_peer *peer)
{
	bool finished;

	spin_lock_irq(&peer->res->stream_lock);
	finished = peer->sync.running && ditto_resync_finished(&peer->sync.plan);
	spin_unlock_irq(&peer->res->stream_lock);
	return finished;
}

/*
 * The one that joins is told what all others lack: from here on it knows as
 * much as we do.
 */
static int tell_bits(struct ditto_peer *peer)
{
	struct ditto_resource *res = peer->res;
	int err = 0;
	u32 i;

	for (i = 0; i < DITTO_MAX_NODES && !err; i++)
		if (res->peers[i] && !(res->disk->md.roster & BIT(i)))
			err = ditto_request_bits(res, res->peers[i], peer->node_id);
	return err;
}

void ditto_roster_join(struct ditto_peer *peer)
{
	struct ditto_resource *res = peer->res;
	struct ditto_md *md;
	struct ditto_wire_roster roster;

	if (!peer->connection || test_bit(DITTO_CONN_FAILED, &peer->connection->flags) ||
	    res->role != DITTO_ROLE_PRIMARY || peer->sync.joining ||
	    ditto_state_member(res, peer) || !resync_finished(peer))
		return;
	ditto_syncer_end(peer, NULL);
	md = &res->disk->md;
	/*
	 * A member before it knows: should this node crash, it must not think
	 * that it was alone. Its copy counts as missing until its word has come.
	 */
	md->roster |= BIT(peer->node_id);
	md->roster_number++;
	/*
	 * Where the local disk has left the roster it tells nobody anything: the
	 * members have this on disk before a write behind it completes.
	 */
	if (READ_ONCE(res->stream.disk) != DITTO_STREAM_DISK_LEFT && write_md(res)) {
		/* It has not heard of it: it stays a target, and goes with the disk. */
		md->roster &= ~BIT(peer->node_id);
		return;
	}
	peer->sync.joining = true;
	if (tell_bits(peer)) {
		/* It has not heard of it, and leaves again. */
		ditto_connection_fail(peer->connection, false,
				      "no memory to tell it what others lack");
		return;
	}
	fill_roster(res, &roster, md->generation);
	ditto_request_roster(res, DITTO_ENTRY_JOIN, &roster, peer->node_id);
}

/* Those whose JOIN this was have it on disk. */
static void joined(struct ditto_resource *res, u32 roster)
{
	struct ditto_md *md = &res->disk->md;
	u32 i;

	for (i = 0; i < DITTO_MAX_NODES; i++) {
		struct ditto_peer *peer = res->peers[i];
		struct ditto_md_peer *entry;

		if (!peer || !(roster & BIT(i)) || !peer->sync.joining)
			continue;
		peer->sync.joining = false;
		entry = ditto_md_peer_find(md, i);
		if (entry)
			entry->generation = md->generation;
		ditto_peer_info(peer, "is up to date, the roster is %08x", md->roster);
	}
	write_md(res);
}

void ditto_roster_done(struct ditto_resource *res)
{
	struct ditto_stream_out out;
	struct ditto_entry *e, *next;
	LIST_HEAD(done);

	spin_lock_irq(&res->stream_lock);
	list_splice_init(&res->roster_done, &done);
	spin_unlock_irq(&res->stream_lock);
	list_for_each_entry_safe(e, next, &done, note) {
		struct ditto_request *req = ditto_request_of(e);

		list_del_init(&e->note);
		if (e->kind == DITTO_ENTRY_JOIN)
			joined(res, req->roster.roster);
		else if (!WARN_ON_ONCE(!res->rosters))
			res->rosters--;
		ditto_request_put(req);
	}
	if (res->rosters)
		return;
	ditto_stream_out_init(&out);
	spin_lock_irq(&res->stream_lock);
	ditto_stream_unhold(&res->stream, &out);
	if (res->stream.disk == DITTO_STREAM_DISK_ABSENT)
		ditto_stream_disk_left(&res->stream, &out);
	ditto_request_hold(res, &out);
	spin_unlock_irq(&res->stream_lock);
	ditto_request_dispatch(res, &out);
}

static void take_generations(struct ditto_md *md, const struct ditto_wire_start *start)
{
	md->generation = start->generation;
	memcpy(md->history, start->history, sizeof(md->history));
	md->roster = start->roster;
	md->roster_number = start->roster_number;
	md->roster_generation = start->generation;
}

int ditto_roster_start(struct ditto_resource *res, const struct ditto_wire_start *start)
{
	struct ditto_md *md = &res->disk->md;

	md->flags |= DITTO_MDF_USED;
	if (start->mode != DITTO_MODE_TARGET) {
		take_generations(md, start);
		if (start->mode == DITTO_MODE_ASSUMED) {
			md->flags &= ~DITTO_MDF_INCONSISTENT;
			res->disk->unclean = false;
		}
	} else {
		/* Its generations are taken at the JOIN that ends the resync. */
		res->target = *start;
		md->flags |= DITTO_MDF_INCONSISTENT;
	}
	return write_md(res);
}

static void shift_generation(struct ditto_wire_start *start, u64 generation)
{
	memmove(start->history + 1, start->history,
		sizeof(start->history) - sizeof(start->history[0]));
	start->history[0] = start->generation;
	start->generation = generation;
}

/* Return: false where the roster does not follow from what we know. */
static bool apply_as_target(struct ditto_resource *res, const struct ditto_wire_roster *roster,
			    bool *done)
{
	struct ditto_wire_start *target = &res->target;
	struct ditto_md *md = &res->disk->md;

	if (roster->previous != target->generation)
		return false;
	if (roster->generation != target->generation)
		shift_generation(target, roster->generation);
	target->roster = roster->roster;
	target->roster_number = roster->roster_number;
	*done = roster->roster & BIT(res->node_id);
	if (!*done)
		return true;
	take_generations(md, target);
	md->flags &= ~(DITTO_MDF_INCONSISTENT | DITTO_MDF_OUTDATED);
	res->disk->unclean = false;
	return true;
}

static bool apply_as_member(struct ditto_resource *res, const struct ditto_wire_roster *roster)
{
	struct ditto_md *md = &res->disk->md;

	if (roster->previous != md->generation)
		return false;
	if (roster->generation != md->generation)
		ditto_md_push_generation(md, roster->generation);
	md->roster = roster->roster;
	md->roster_number = roster->roster_number;
	md->roster_generation = roster->generation;
	return true;
}

void ditto_roster_apply(struct ditto_resource *res)
{
	struct ditto_item *item = READ_ONCE(res->applier.roster);
	struct ditto_connection *conn = READ_ONCE(res->applier.upstream);
	bool target, sound, joined_now = false;

	if (!item)
		return;
	if (item->core.kind == DITTO_ENTRY_SET) {
		ditto_bitmap_write(res);
		ditto_applier_roster_done(&res->applier, false);
		return;
	}
	target = res->applier.core.target;
	sound = target ? apply_as_target(res, &item->roster, &joined_now) :
			 apply_as_member(res, &item->roster);
	if (!sound && conn)
		ditto_connection_fail(conn, false, "roster follows generation %llx, not ours",
				      item->roster.previous);
	/* What it knows of others comes before its word that it may be asked. */
	if (sound && !(joined_now && ditto_bitmap_write(res)))
		write_md(res);
	ditto_applier_roster_done(&res->applier, joined_now);
}
