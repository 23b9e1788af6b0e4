// SPDX-License-Identifier: GPL-2.0
#include "resync.h"

void ditto_resync_init(struct ditto_resync *r, struct ditto_bits *bits, u32 extent_bytes)
{
	r->bits = bits;
	r->cursor = 0;
	r->last_number = 0;
	r->written = 0;
	r->durable = 0;
	r->compare = false;
	ditto_resync_limit(r, extent_bytes);
	r->total = ditto_bits_bytes(bits);
	r->inflight = 0;
	INIT_LIST_HEAD(&r->reading);
	INIT_LIST_HEAD(&r->sent);
	INIT_LIST_HEAD(&r->differing);
}

static u32 block_of(const struct ditto_resync *r)
{
	return 1u << r->bits->shift;
}

static u32 blocks_of(const struct ditto_resync *r, const struct ditto_extent *e)
{
	return (e->size + block_of(r) - 1) >> r->bits->shift;
}

void ditto_resync_limit(struct ditto_resync *r, u32 extent_bytes)
{
	r->extent_bytes = max(round_down(extent_bytes, block_of(r)), block_of(r));
}

void ditto_resync_compare(struct ditto_resync *r, bool compare)
{
	r->compare = compare;
}

static bool idle(const struct ditto_resync *r)
{
	return list_empty(&r->reading) && list_empty(&r->sent);
}

/* The next blocks that differ, as far as one extent goes. */
static bool next_differing(struct ditto_resync *r, struct ditto_extent *e)
{
	struct ditto_extent *old;
	u32 first, count = 0;

	if (list_empty(&r->differing))
		return false;
	old = list_first_entry(&r->differing, struct ditto_extent, differing);
	first = __ffs(old->again);
	while (first + count < DITTO_EXTENT_BLOCKS && old->again & BIT(first + count) &&
	       (count + 1) << r->bits->shift <= r->extent_bytes) {
		old->again &= ~BIT(first + count);
		count++;
	}
	if (!old->again)
		list_del(&old->differing);
	e->start = old->start + ((u64)first << r->bits->shift);
	e->size = min((u64)count << r->bits->shift, old->start + old->size - e->start);
	e->compare = false;
	return true;
}

/*
 * Extents do not cross because the cursor only moves forward while any of them
 * is on its way: all of those lie behind it. What is set again behind it waits
 * for the next round.
 */
static bool next_run(struct ditto_resync *r, struct ditto_extent *e)
{
	u64 most = r->extent_bytes;

	if (r->compare)
		most = min(most, (u64)DITTO_EXTENT_BLOCKS << r->bits->shift);
	if (!ditto_bits_run(r->bits, r->cursor, most, &e->start, &e->size)) {
		if (!idle(r) || !ditto_bits_run(r->bits, 0, most, &e->start, &e->size))
			return false;
	}
	r->cursor = e->start + e->size;
	e->compare = r->compare;
	return true;
}

bool ditto_resync_next(struct ditto_resync *r, struct ditto_extent *e, u64 read_at)
{
	if (!next_differing(r, e) && !next_run(r, e))
		return false;
	r->inflight += e->size;
	e->number = 0;
	e->read_at = read_at;
	e->written = false;
	e->spoiled = false;
	e->told = false;
	e->proven = false;
	e->differs = 0;
	e->again = 0;
	list_add_tail(&e->link, &r->reading);
	return true;
}

void ditto_resync_send(struct ditto_resync *r, struct ditto_extent *e)
{
	e->number = ++r->last_number;
	list_move_tail(&e->link, &r->sent);
}

bool ditto_resync_all_sent(const struct ditto_resync *r)
{
	u64 start, size;

	return list_empty(&r->reading) && list_empty(&r->differing) &&
	       !ditto_bits_run(r->bits, r->cursor, r->extent_bytes, &start, &size);
}

void ditto_resync_abandon(struct ditto_resync *r, struct ditto_extent *e)
{
	if (WARN_ON_ONCE(e->number))
		return;
	r->inflight -= e->size;
	list_del(&e->link);
}

u64 ditto_resync_floor(const struct ditto_resync *r, u64 position)
{
	const struct ditto_extent *e;

	/* Reads end in any order, so numbers say nothing about read_at. */
	list_for_each_entry(e, &r->sent, link) {
		if (!e->written)
			position = min(position, e->read_at);
	}
	if (!list_empty(&r->reading)) {
		e = list_first_entry(&r->reading, struct ditto_extent, link);
		position = min(position, e->read_at);
	}
	return position;
}

static void mark_written(struct ditto_resync *r, u64 written)
{
	struct ditto_extent *e;

	list_for_each_entry(e, &r->sent, link) {
		if (e->number > written)
			break;
		if (!e->written)
			r->inflight -= e->size;
		e->written = true;
	}
	r->written = written;
}

/* Clear the bits of its blocks, but for those that differ. */
static void prove(struct ditto_resync *r, struct ditto_extent *e)
{
	u32 first = 0, end, count = blocks_of(r, e);
	u64 start;

	e->proven = true;
	if (e->spoiled)
		return;
	if (!e->differs) {
		ditto_bits_clear(r->bits, e->start, e->size);
		return;
	}
	for (; first < count; first = end + 1) {
		for (end = first; end < count && !(e->differs & BIT(end)); end++)
			;
		start = e->start + ((u64)first << r->bits->shift);
		if (end > first)
			ditto_bits_clear(r->bits, start, min((u64)(end - first) << r->bits->shift,
							     e->start + e->size - start));
	}
}

int ditto_resync_acked(struct ditto_resync *r, u64 written, u64 durable,
		       struct list_head *released)
{
	struct ditto_extent *e, *next;

	if (written < r->written || durable < r->durable || durable > written ||
	    written > r->last_number)
		return -EPROTO;
	if (written > r->written)
		mark_written(r, written);
	r->durable = durable;
	list_for_each_entry_safe(e, next, &r->sent, link) {
		if (e->number > durable)
			break;
		if (!e->proven)
			prove(r, e);
		if (!e->again)
			list_move_tail(&e->link, released);
	}
	return 0;
}

int ditto_resync_differs(struct ditto_resync *r, u64 number, u64 start, u64 size, u32 differs)
{
	struct ditto_extent *e;

	list_for_each_entry(e, &r->sent, link) {
		if (e->number == number)
			break;
	}
	if (&e->link == &r->sent || !e->compare || e->told || e->written || e->start != start ||
	    e->size != size || !differs ||
	    (blocks_of(r, e) < DITTO_EXTENT_BLOCKS && differs >> blocks_of(r, e)))
		return -EPROTO;
	e->told = true;
	e->differs = differs;
	e->again = differs;
	list_add_tail(&e->differing, &r->differing);
	return 0;
}

u64 ditto_resync_bytes(const struct ditto_resync *r, const struct ditto_extent *e)
{
	u64 bytes = e->size, start;
	u32 i;

	for (i = 0; i < blocks_of(r, e) && e->differs; i++) {
		start = (u64)i << r->bits->shift;
		if (e->differs & BIT(i))
			bytes -= min((u64)block_of(r), e->size - start);
	}
	return bytes;
}

static void spoil(struct list_head *extents, u64 start, u64 last)
{
	struct ditto_extent *e;

	list_for_each_entry(e, extents, link) {
		if (e->start <= last && e->start + e->size > start)
			e->spoiled = true;
	}
}

void ditto_resync_mark(struct ditto_resync *r, u64 start, u64 size)
{
	u64 last;

	if (!size)
		return;
	ditto_bits_set(r->bits, start, size);
	/* Extents are whole blocks: those that hold a bit's block are crossed too. */
	last = size - 1 > U64_MAX - start ? U64_MAX : start + size - 1;
	spoil(&r->reading, start, last);
	spoil(&r->sent, start, last);
}

bool ditto_resync_finished(const struct ditto_resync *r)
{
	return !r->bits->set && idle(r);
}

void ditto_resync_clear(struct ditto_resync *r, struct list_head *released)
{
	list_splice_tail_init(&r->reading, released);
	list_splice_tail_init(&r->sent, released);
	INIT_LIST_HEAD(&r->differing);
	r->inflight = 0;
}
