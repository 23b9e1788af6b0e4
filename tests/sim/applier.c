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
	INIT_LIST_HEAD(reaped);
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
		[DITTO_WIRE_ABSENT]	= DITTO_ENTRY_ABSENT,
		[DITTO_WIRE_SET]	= DITTO_ENTRY_SET,
		[DITTO_WIRE_BITS]	= DITTO_ENTRY_BITS,
		[DITTO_WIRE_EXTENT]	= DITTO_ITEM_EXTENT,
		[DITTO_WIRE_EXTENT_ZERO] = DITTO_ITEM_EXTENT,
		[DITTO_WIRE_EXTENT_SUMS] = DITTO_ITEM_EXTENT,
	};
	struct item *item = node_alloc(n, sizeof(*item));

	item->node = n;
	item->core.kind = kinds[h->type];
	item->core.flags = (h->flags & DITTO_WIREF_DURABLE ? DITTO_ITEMF_DURABLE : 0) |
			   (h->flags & DITTO_WIREF_GUARD ? DITTO_ITEMF_GUARD : 0) |
			   (h->type == DITTO_WIRE_EXTENT_ZERO ? DITTO_ITEMF_ZERO : 0) |
			   (h->type == DITTO_WIRE_EXTENT_SUMS ? DITTO_ITEMF_COMPARE : 0) |
			   (h->size && h->type != DITTO_WIRE_SET ? DITTO_ITEMF_RANGE : 0);
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

/* It is written when everything before it is: nobody submits it. */
static bool is_silent(const struct item *item)
{
	return item->core.kind == DITTO_ENTRY_FLUSH || item->core.kind == DITTO_ENTRY_ABSENT ||
	       item->core.kind == DITTO_ENTRY_BITS;
}

int applier_receive(struct node *n, const struct ditto_wire_header *h, const u64 *data,
		    const struct word *word)
{
	struct item *item = item_new(n, h, data);
	int err;

	item->roster = word->roster;
	item->sums = word->sums;
	item->lacking = word->absent.node;
	if (item->core.kind == DITTO_ITEM_EXTENT)
		err = ditto_apply_receive_extent(&n->apply, &item->core, h->overlap,
						 h->flags & DITTO_WIREF_SYNC_END);
	else
		err = ditto_apply_receive(&n->apply, &item->core);
	if (!err && !is_silent(item))
		n->waiting++;
	if (err)
		item_free(item);
	return err;
}

void applier_account(struct node *n, const struct ditto_wire_header *h, const struct word *word)
{
	struct ditto_account *acc = &n->account;

	switch (h->type) {
	case DITTO_WIRE_WRITE:
	case DITTO_WIRE_DISCARD:
	case DITTO_WIRE_ZEROES:
		ditto_account_write(acc, h->followers, h->offset, h->size);
		break;
	case DITTO_WIRE_ABSENT:
		ditto_account_absent(acc, &word->absent, &n->apply);
		break;
	case DITTO_WIRE_SET:
		ditto_account_set(acc, word->absent.node, h->offset, h->size);
		break;
	case DITTO_WIRE_BITS:
		if (acc->bits[word->bits.node])
			ditto_account_merge(acc->bits[word->bits.node], &word->bits, word->words,
					    false, NULL, NULL);
		break;
	case DITTO_WIRE_ROSTER:
		if (n->apply.target && !n->apply.joining)
			break;
		fallthrough;
	case DITTO_WIRE_JOIN:
		/*
		 * Nor until everything before this is settled: what the one that
		 * joins has left out of an extent is what one of these entries
		 * writes, which may not be on its disk yet, nor on this one.
		 */
		ditto_account_equal(acc, word->roster.roster, h->position);
		break;
	case DITTO_WIRE_EXTENT:
	case DITTO_WIRE_EXTENT_ZERO:
	case DITTO_WIRE_EXTENT_SUMS:
		if (!n->given && n->source)
			ditto_account_given(acc, n->upstream_node);
		n->given = true;
	}
	ditto_account_settled(acc, h->settled);
}

static bool settled(const struct node *n)
{
	return !n->active && !n->waiting && !n->flush_due;
}

static void acknowledge(struct node *n)
{
	if (n->upstream)
		n->upstream->ack = true;
}

/* Whoever finds the applier idle, with nobody upstream, may count on it. */
static bool begin_flush(struct node *n, bool idle, struct list_head *reaped)
{
	if (!n->upstream && settled(n))
		return false;
	if (n->disk.through) {
		if (!ditto_apply_through(&n->apply, reaped))
			return false;
		acknowledge(n);
		return true;
	}
	if (!ditto_apply_flush_begin(&n->apply, idle))
		return false;
	n->flush_due = true;
	n->active++;
	return true;
}

static bool advance(struct node *n, struct list_head *reaped)
{
	begin_flush(n, false, reaped);
	acknowledge(n);
	return n->waiting || n->flush_due || !n->upstream;
}

void item_written(struct item *item)
{
	struct node *n = item->node;
	LIST_HEAD(reaped);

	note("node %u: has written %s %llu", n->id,
	     item->core.kind == DITTO_ITEM_EXTENT ? "extent" : "entry", item->core.number);
	if (item->data)
		node_free(n, item->data);
	item->data = NULL;
	if (item->heated)
		regions_put(n, item->core.range.start, item->core.range.last);
	ditto_apply_written(&n->apply, &item->core);
	n->pump_due |= advance(n, &reaped);
	n->active--;
	free_items(&reaped);
}

static void item_end_io(struct disk_io *io)
{
	struct item *item = io->arg;

	if (io->error)
		node_disk_error(item->node);
	item_written(item);
}

/* Its regions are hot. */
static void write_item(struct item *item)
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
	if (n->failed)
		item_written(item);
	else if (item->core.flags & DITTO_ITEMF_COMPARE)
		compare_begin(item);
	else if (covered == count)
		item_written(item);
	else
		disk_write(&n->disk, first, count, item->data, mask, 0, item_end_io, item);
}

/* The mask of an extent is made some time after the core has handed it out. */
void applier_submit_handed(struct node *n)
{
	struct item *item = list_first_entry(&n->handed, struct item, handed);

	list_del(&item->handed);
	write_item(item);
}

static void submit_item(struct item *item)
{
	if (item->core.kind == DITTO_ENTRY_WRITE)
		write_item(item);
	else
		list_add_tail(&item->handed, &item->node->handed);
}

static void item_hot(struct region_user *user)
{
	submit_item(container_of(user, struct item, regions));
}

/* Write it, once its regions are hot. */
static void heat_item(struct item *item)
{
	struct ditto_range *range = &item->core.range;
	bool extent = item->core.kind == DITTO_ITEM_EXTENT;
	struct node *n = item->node;
	enum ditto_heat heat;

	heat = regions_take(n, &item->regions, range->start, range->last,
			    extent ? 0 : item->core.number);
	if (heat == DITTO_HEAT_FULL)
		return;
	item->heated = true;
	cover_touch(range->start, range->last - range->start + 1);
	/* From now on it differs from everybody but the source (rule 2). */
	if (extent)
		ditto_account_write(&n->account, n->source, range->start,
				    range->last - range->start + 1);
	if (heat == DITTO_HEAT_HOT)
		submit_item(item);
}

static void item_retry(struct region_user *user)
{
	heat_item(container_of(user, struct item, regions));
}

static void hand_out(struct item *item)
{
	struct node *n = item->node;

	switch (item->core.kind) {
	case DITTO_ENTRY_ROSTER:
	case DITTO_ENTRY_JOIN:
	case DITTO_ENTRY_SET:
		n->roster = item;
		node_event(n, RES_APPLY_ROSTER);
		break;
	default:
		/* What is compared is not changed: no region has to be hot. */
		if (item->core.flags & DITTO_ITEMF_COMPARE) {
			submit_item(item);
			break;
		}
		item->regions.hot = item_hot;
		item->regions.retry = item_retry;
		heat_item(item);
	}
}

static void flush_end_io(struct disk_io *io)
{
	struct node *n = io->arg;
	LIST_HEAD(reaped);

	if (io->error)
		node_disk_error(n);
	ditto_apply_flush_end(&n->apply, &reaped);
	note("node %u: is durable up to %llu, extents %llu", n->id, n->apply.durable,
	     n->apply.extent_durable);
	n->pump_due |= advance(n, &reaped);
	n->active--;
	free_items(&reaped);
}

void applier_pump(struct node *n)
{
	struct ditto_apply_item *next;
	bool flush, moved, lost;
	LIST_HEAD(reaped);

	n->pump_due = false;
	for (;;) {
		moved = false;
		next = ditto_apply_next(&n->apply);
		if (next) {
			n->waiting--;
			n->active++;
		} else {
			moved = begin_flush(n, false, &reaped);
			free_items(&reaped);
		}
		flush = n->flush_due;
		n->flush_due = false;
		lost = !n->upstream && settled(n) && !next && !moved;
		if (flush)
			disk_flush(&n->disk, false, flush_end_io, n);
		if (next)
			hand_out(of_core(next));
		if (!next && !flush && !moved)
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
	LIST_HEAD(reaped);

	n->pump_due |= begin_flush(n, true, &reaped);
	free_items(&reaped);
}

bool applier_ack(struct node *n, struct conn *c, struct ditto_wire_ack *ack)
{
	ack->received = n->apply.received;
	ack->written = n->apply.written;
	ack->durable = n->apply.durable;
	ack->extents_written = n->apply.extent_written;
	ack->extents_durable = n->apply.extent_durable;
	return n->upstream == c && !n->failed;
}

void applier_begin(struct node *n, struct conn *c, const struct ditto_wire_start *start)
{
	LIST_HEAD(reaped);

	ditto_apply_clear(&n->apply, &reaped);
	ditto_apply_init(&n->apply, start->position, start->epoch,
			 start->mode == DITTO_MODE_TARGET);
	n->waiting = 0;
	n->given = false;
	n->upstream = c;
	n->upstream_node = c->peer->id;
	n->source = BIT(c->peer->id) & start->roster;
	n->upstream_attach_id = c->hello.state.attach_id;
	free_items(&reaped);
}

void applier_lost(struct node *n, struct conn *c)
{
	if (n->upstream != c)
		return;
	disk_heal(&n->disk);
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

	n->upstream_attach_id = 0;
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
