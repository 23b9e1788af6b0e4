// SPDX-License-Identifier: GPL-2.0
/* Mirrors kmod/syncer.c. */
#include "node.h"

/**
 * struct extent_io - see kmod/syncer.c
 * @begun: its reader is in the stream's ranges
 * @failed: it never will be
 */
struct extent_io {
	struct ditto_extent extent;
	struct ditto_reader reader;
	struct list_head link;
	struct peer *peer;
	struct conn *conn;
	u64 *data;
	u32 ref;
	bool begun;
	bool failed;
};

static void extent_put(struct extent_io *io)
{
	struct node *n = io->peer->node;

	if (--io->ref)
		return;
	if (io->data)
		node_free(n, io->data);
	node_free(n, io);
}

const u64 *syncer_data(const struct extent_io *io)
{
	return io->data;
}

void syncer_sent(struct extent_io *io)
{
	if (io->data)
		node_free(io->peer->node, io->data);
	io->data = NULL;
	io->peer->reads--;
	extent_put(io);
}

static void extent_read(struct extent_io *io)
{
	if (io->conn->no_extents)
		syncer_sent(io);
	else
		list_add_tail(&io->link, &io->conn->extents);
}

static void read_end_io(struct disk_io *disk_io)
{
	struct extent_io *io = disk_io->arg;

	io->data = node_alloc(io->peer->node, disk_io->count * sizeof(u64));
	memcpy(io->data, disk_io->data, disk_io->count * sizeof(u64));
	io->failed = disk_io->error;
	if (io->failed)
		node_disk_error(io->peer->node);
	extent_read(io);
}

void syncer_give_up(struct node *n)
{
	struct disk_io *disk_io;
	struct extent_io *io;

	list_for_each_entry(disk_io, &n->disk.ios, link) {
		if (disk_io->done != read_end_io)
			continue;
		disk_io->done = NULL;
		io = disk_io->arg;
		io->failed = true;
		extent_read(io);
	}
}

bool syncer_elsewhere_due(const struct node *n)
{
	return !list_empty(&n->elsewhere);
}

void syncer_elsewhere(struct node *n)
{
	struct extent_io *io = list_first_entry(&n->elsewhere, struct extent_io, link);
	u32 i, peer = chance(SIM_NODES), count = io->extent.size / 512;

	list_del(&io->link);
	if (io->data) {
		extent_read(io);
		return;
	}
	for (i = 0; i < SIM_NODES; i++, peer = (peer + 1) % SIM_NODES)
		if (peer != n->id && check_serves(n, peer))
			break;
	io->failed = i == SIM_NODES;
	if (io->failed) {
		extent_read(io);
		return;
	}
	io->data = node_alloc(n, count * sizeof(u64));
	for (i = 0; i < count; i++)
		io->data[i] = disk_live(&nodes[peer].disk, io->extent.start / 512 + i);
	note("node %u: node %u has read an extent at %llu", n->id, peer, io->extent.start);
	list_add_tail(&io->link, &n->elsewhere);
}

void syncer_read_submit(struct ditto_reader *reader)
{
	struct extent_io *io = container_of(reader, struct extent_io, reader);

	if (reader->elsewhere) {
		list_add_tail(&io->link, &io->peer->node->elsewhere);
		return;
	}
	/* It may have waited for a write that was given up with the disk. */
	if (io->peer->node->failed) {
		io->failed = true;
		extent_read(io);
		return;
	}
	disk_read(&io->peer->node->disk, reader->range.start / 512,
		  (reader->range.last - reader->range.start + 1) / 512, read_end_io, io);
}

bool syncer_due(const struct peer *p)
{
	return p->taken || (p->kicked && p->conn && !p->conn->failed);
}

/* What is moved was planned, and is moved once; so is what is compared. */
static void count_moved(struct peer *p, const struct ditto_extent *e)
{
	u32 block = e->start >> p->bits.shift, end = block + (e->size >> p->bits.shift);
	unsigned long *moved = e->compare ? p->asked : p->moved;

	for (; block < end; block++) {
		if (!test_bit(block, p->planned) || test_bit(block, moved))
			broken("G2", "node %u: the resync of %u moves block %u that %s", p->node->id,
			       p->id, block, test_bit(block, moved) ? "it has moved" :
			       "was not out of sync");
		__set_bit(block, moved);
	}
}

static void take(struct peer *p)
{
	struct node *n = p->node;
	struct extent_io *io = node_alloc(n, sizeof(*io));

	ditto_resync_compare(&p->plan, sim.compare);
	if (!p->running || p->plan.inflight >= WINDOW_BYTES ||
	    (n->failed && n->stream.disk != DITTO_STREAM_DISK_LEFT) ||
	    !ditto_resync_next(&p->plan, &io->extent, n->stream.position)) {
		node_free(n, io);
		p->kicked = false;
		return;
	}
	count_moved(p, &io->extent);
	p->reads++;
	io->ref = 2;
	io->peer = p;
	io->conn = p->conn;
	INIT_LIST_HEAD(&io->reader.ready);
	io->reader.range.start = io->extent.start;
	io->reader.range.last = io->extent.start + io->extent.size - 1;
	io->reader.guarding = true;
	io->reader.elsewhere = n->stream.disk == DITTO_STREAM_DISK_LEFT;
	p->taken = io;
}

static void begin(struct peer *p)
{
	struct extent_io *io = p->taken;
	bool ready;

	p->taken = NULL;
	if (!p->running) {
		io->failed = true;
		extent_read(io);
		return;
	}
	io->begun = true;
	ready = ditto_stream_read_begin(&p->node->stream, &io->reader);
	if (ready)
		syncer_read_submit(&io->reader);
}

/* Taking from the plan and beginning to read are two steps: much may happen between. */
void syncer_work(struct peer *p)
{
	if (p->taken)
		begin(p);
	else
		take(p);
}

static bool all_zero(const struct extent_io *io)
{
	u32 i;

	for (i = 0; i < io->extent.size / 512; i++) {
		if (io->data[i])
			return false;
	}
	return true;
}

static void describe(const struct extent_io *io, struct ditto_wire_header *h, void *small)
{
	struct ditto_wire_sums sums = { .shift = io->peer->bits.shift };

	h->offset = io->extent.start;
	h->size = io->extent.size;
	if (io->extent.compare) {
		compare_sum(io->data, io->extent.size / 512, &sums);
		h->type = DITTO_WIRE_EXTENT_SUMS;
		h->length = ditto_wire_put_sums(&sums, small);
	} else {
		h->type = all_zero(io) ? DITTO_WIRE_EXTENT_ZERO : DITTO_WIRE_EXTENT;
	}
}

struct extent_io *syncer_next(struct conn *c, struct ditto_wire_header *h, void *small)
{
	struct peer *p = c->peer;
	struct extent_io *io;

	io = list_first_entry(&c->extents, struct extent_io, link);
	list_del(&io->link);
	if (!p->running || io->failed) {
		if (p->running && io->reader.elsewhere)
			conn_fail(c, false, "no member can read an extent");
		syncer_sent(io);
		return NULL;
	}
	ditto_resync_send(&p->plan, &io->extent);
	h->position = io->extent.read_at;
	h->epoch = io->extent.number;
	h->overlap = ditto_resync_floor(&p->plan, p->node->stream.position);
	if (ditto_resync_all_sent(&p->plan))
		h->flags = DITTO_WIREF_SYNC_END;
	describe(io, h, small);
	return io;
}

static void end_reads(struct node *n, struct list_head *released)
{
	struct ditto_extent *e;

	list_for_each_entry(e, released, link) {
		struct extent_io *io = container_of(e, struct extent_io, extent);

		if (io->begun)
			ditto_stream_read_end(&n->stream, &io->reader);
	}
}

static void put_released(struct list_head *released)
{
	struct ditto_extent *e, *next;

	list_for_each_entry_safe(e, next, released, link) {
		struct extent_io *io = container_of(e, struct extent_io, extent);

		if (io->reader.blocked)
			syncer_sent(io);
		extent_put(io);
	}
}

int syncer_differs(struct peer *p, const struct ditto_wire_header *h, u32 differs)
{
	if (!p->running)
		return 0;
	p->kicked = true;
	return ditto_resync_differs(&p->plan, h->epoch, h->offset, h->size, differs);
}

int syncer_acked(struct peer *p, u64 written, u64 durable)
{
	bool finished;
	LIST_HEAD(released);
	int err;

	if (!p->running)
		return 0;
	err = ditto_resync_acked(&p->plan, written, durable, &released);
	end_reads(p->node, &released);
	finished = ditto_resync_finished(&p->plan);
	regions_wake(p->node);
	put_released(&released);
	if (finished)
		peer_event(p, PEER_RESYNCED);
	else if (!err)
		p->kicked = true;
	return err;
}

void syncer_mark(struct peer *p, u64 start, u64 size)
{
	u64 block;

	ditto_resync_mark(&p->plan, start, size);
	for (block = start >> p->bits.shift; block <= (start + size - 1) >> p->bits.shift; block++)
		__set_bit(block, p->planned);
	/* An extent that is spoiled clears nothing of what it covers. */
	p->moved[0] &= ~p->words[0];
	p->asked[0] &= ~p->words[0];
	p->kicked = true;
}

void syncer_begin(struct peer *p)
{
	ditto_account_unfollowed(&p->node->account, p->id);
	ditto_resync_init(&p->plan, &p->bits, EXTENT_BYTES);
	p->running = true;
	p->planned[0] = p->words[0];
	p->moved[0] = 0;
	p->asked[0] = 0;
	cover_resync(p);
	if (ditto_resync_finished(&p->plan))
		peer_event(p, PEER_RESYNCED);
	else
		p->kicked = true;
}

void syncer_end(struct peer *p, struct conn *c)
{
	LIST_HEAD(released);
	struct extent_io *io, *next;

	if (p->running) {
		p->running = false;
		ditto_resync_clear(&p->plan, &released);
		end_reads(p->node, &released);
	}
	put_released(&released);
	/* The work is waited for. */
	p->kicked = false;
	if (p->taken)
		begin(p);
	if (!c)
		return;
	c->no_extents = true;
	list_for_each_entry_safe(io, next, &c->extents, link) {
		list_del(&io->link);
		syncer_sent(io);
	}
}
