// SPDX-License-Identifier: GPL-2.0
/* Mirrors kmod/applier.c. */
#include "node.h"

static struct item *of_core(struct ditto_apply_item *core)
{
	return container_of(core, struct item, core);
}

static void item_free(struct item *item)
{
	if (item->data)
		node_free(item->node, item->data);
	node_free(item->node, item);
}

static void free_items(struct list_head *reaped)
{
	struct ditto_apply_item *i, *next;

	list_for_each_entry_safe(i, next, reaped, link)
		item_free(of_core(i));
}

static struct item *item_new(struct node *n, const struct ditto_wire_header *h, const u64 *data)
{
	static const u8 kinds[DITTO_WIRE_TYPES] = {
		[DITTO_WIRE_WRITE]	= DITTO_ENTRY_WRITE,
		[DITTO_WIRE_DISCARD]	= DITTO_ENTRY_DISCARD,
		[DITTO_WIRE_ZEROES]	= DITTO_ENTRY_ZEROES,
		[DITTO_WIRE_FLUSH]	= DITTO_ENTRY_FLUSH,
		[DITTO_WIRE_ROSTER]	= DITTO_ENTRY_ROSTER,
		[DITTO_WIRE_JOIN]	= DITTO_ENTRY_JOIN,
		[DITTO_WIRE_EXTENT]	= DITTO_ITEM_EXTENT,
		[DITTO_WIRE_EXTENT_ZERO] = DITTO_ITEM_EXTENT,
	};
	struct item *item = node_alloc(n, sizeof(*item));

	item->node = n;
	item->core.kind = kinds[h->type];
	item->core.flags = (h->flags & DITTO_WIREF_DURABLE ? DITTO_ITEMF_DURABLE : 0) |
			   (h->flags & DITTO_WIREF_GUARD ? DITTO_ITEMF_GUARD : 0) |
			   (h->type == DITTO_WIRE_EXTENT_ZERO ? DITTO_ITEMF_ZERO : 0) |
			   (h->size ? DITTO_ITEMF_RANGE : 0);
	item->core.range.start = h->offset;
	item->core.range.last = h->offset + h->size - 1;
	if (item->core.kind == DITTO_ITEM_EXTENT) {
		item->core.number = h->epoch;
		item->core.read_at = h->position;
	} else {
		item->core.number = h->position;
		item->core.epoch = h->epoch;
		item->core.overlap = h->overlap;
	}
	if (data) {
		item->data = node_alloc(n, h->size / 512 * sizeof(u64));
		memcpy(item->data, data, h->size / 512 * sizeof(u64));
	}
	return item;
}

int applier_receive(struct node *n, const struct ditto_wire_header *h, const u64 *data,
		    const struct ditto_wire_roster *roster)
{
	struct item *item = item_new(n, h, data);
	int err;

	item->roster = *roster;
	if (item->core.kind == DITTO_ITEM_EXTENT)
		err = ditto_apply_receive_extent(&n->apply, &item->core, h->overlap,
						 h->flags & DITTO_WIREF_SYNC_END);
	else
		err = ditto_apply_receive(&n->apply, &item->core);
	if (!err && item->core.kind != DITTO_ENTRY_FLUSH)
		n->waiting++;
	if (err)
		item_free(item);
	return err;
}

static bool settled(const struct node *n)
{
	return !n->active && !n->waiting && !n->flush_due;
}

/* Whoever finds the applier idle, with nobody upstream, may count on it. */
static bool begin_flush(struct node *n, bool idle)
{
	if (!n->upstream && settled(n))
		return false;
	if (!ditto_apply_flush_begin(&n->apply, idle))
		return false;
	n->flush_due = true;
	n->active++;
	return true;
}

static bool advance(struct node *n)
{
	begin_flush(n, false);
	if (n->upstream)
		n->upstream->ack = true;
	return n->waiting || n->flush_due || !n->upstream;
}

static void item_written(struct item *item)
{
	struct node *n = item->node;

	note("node %u: has written %s %llu", n->id,
	     item->core.kind == DITTO_ITEM_EXTENT ? "extent" : "entry", item->core.number);
	if (item->data)
		node_free(n, item->data);
	item->data = NULL;
	ditto_apply_written(&n->apply, &item->core);
	n->pump_due |= advance(n);
	n->active--;
}

static void item_end_io(struct disk_io *io)
{
	item_written(io->arg);
}

static void submit_item(struct item *item)
{
	struct node *n = item->node;
	u32 first = item->core.range.start / 512;
	u32 count = (item->core.range.last - item->core.range.start + 1) / 512;
	unsigned long mask[SIM_MASK] = {};
	u32 covered = 0;

	if (item->core.kind == DITTO_ITEM_EXTENT)
		covered = ditto_apply_mask(&n->apply, &item->core, mask);
	if (covered != bitmap_weight(mask, count))
		broken("G2", "node %u: the mask of extent %llu counts %u sectors, not %u", n->id,
		       item->core.number, bitmap_weight(mask, count), covered);
	note("node %u: submits %s %llu, %u of %u sectors", n->id,
	     item->core.kind == DITTO_ITEM_EXTENT ? "extent" : "entry", item->core.number,
	     count - covered, count);
	if (covered == count)
		item_written(item);
	else
		disk_write(&n->disk, first, count, item->data, mask, 0, item_end_io, item);
}

/* The mask of an extent is made some time after the core has handed it out. */
void applier_submit_handed(struct node *n)
{
	struct item *item = list_first_entry(&n->handed, struct item, handed);

	list_del(&item->handed);
	submit_item(item);
}

static void hand_out(struct item *item)
{
	struct node *n = item->node;

	if (item->core.kind == DITTO_ENTRY_ROSTER || item->core.kind == DITTO_ENTRY_JOIN) {
		n->roster = item;
		node_event(n, RES_APPLY_ROSTER);
	} else if (item->core.kind == DITTO_ENTRY_WRITE) {
		submit_item(item);
	} else {
		list_add_tail(&item->handed, &n->handed);
	}
}

static void flush_end_io(struct disk_io *io)
{
	struct node *n = io->arg;
	LIST_HEAD(reaped);

	ditto_apply_flush_end(&n->apply, &reaped);
	note("node %u: is durable up to %llu, extents %llu", n->id, n->apply.durable,
	     n->apply.extent_durable);
	n->pump_due |= advance(n);
	n->active--;
	free_items(&reaped);
}

void applier_pump(struct node *n)
{
	struct ditto_apply_item *next;
	bool flush, lost;

	n->pump_due = false;
	for (;;) {
		next = ditto_apply_next(&n->apply);
		if (next) {
			n->waiting--;
			n->active++;
		} else {
			begin_flush(n, false);
		}
		flush = n->flush_due;
		n->flush_due = false;
		lost = !n->upstream && settled(n) && !next && !flush;
		if (flush)
			disk_flush(&n->disk, flush_end_io, n);
		if (next)
			hand_out(of_core(next));
		if (!next && !flush)
			break;
	}
	if (lost)
		node_event(n, RES_APPLIER_IDLE);
}

bool applier_idle_due(const struct node *n)
{
	return (n->upstream || !settled(n)) && !n->flush_due && !n->apply.flushing &&
	       (n->apply.written > n->apply.durable ||
		n->apply.extent_written > n->apply.extent_durable);
}

void applier_idle_flush(struct node *n)
{
	n->pump_due |= begin_flush(n, true);
}

bool applier_ack(struct node *n, struct conn *c, struct ditto_wire_ack *ack)
{
	ack->received = n->apply.received;
	ack->written = n->apply.written;
	ack->durable = n->apply.durable;
	ack->extents_written = n->apply.extent_written;
	ack->extents_durable = n->apply.extent_durable;
	return n->upstream == c;
}

void applier_begin(struct node *n, struct conn *c, const struct ditto_wire_start *start)
{
	LIST_HEAD(reaped);

	ditto_apply_clear(&n->apply, &reaped);
	ditto_apply_init(&n->apply, start->position, start->epoch,
			 start->mode == DITTO_MODE_TARGET);
	n->waiting = 0;
	n->upstream = c;
	free_items(&reaped);
}

void applier_lost(struct node *n, struct conn *c)
{
	if (n->upstream != c)
		return;
	n->upstream = NULL;
	n->pump_due = true;
}

bool applier_idle(const struct node *n)
{
	return settled(n);
}

u64 applier_position(const struct node *n)
{
	/* What a lost Primary had sent whole will be written, and nothing else. */
	return n->upstream ? n->apply.written : n->apply.received;
}

void applier_set_position(struct node *n, u64 position)
{
	LIST_HEAD(reaped);

	ditto_apply_clear(&n->apply, &reaped);
	ditto_apply_init(&n->apply, position, 0, false);
	n->waiting = 0;
	free_items(&reaped);
}

void applier_roster_done(struct node *n, bool joined)
{
	struct item *item = n->roster;
	LIST_HEAD(reaped);

	n->roster = NULL;
	if (joined) {
		ditto_apply_end_target(&n->apply, &reaped);
		free_items(&reaped);
	}
	item_written(item);
}
