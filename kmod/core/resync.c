// SPDX-License-Identifier: GPL-2.0
#include "resync.h"

void ditto_resync_init(struct ditto_resync *r, struct ditto_bits *bits, u32 extent_bytes)
{
	r->bits = bits;
	r->cursor = 0;
	r->last_number = 0;
	r->written = 0;
	r->durable = 0;
	ditto_resync_limit(r, extent_bytes);
	r->total = ditto_bits_bytes(bits);
	r->inflight = 0;
	INIT_LIST_HEAD(&r->reading);
	INIT_LIST_HEAD(&r->sent);
}

void ditto_resync_limit(struct ditto_resync *r, u32 extent_bytes)
{
	const u32 block = 1u << r->bits->shift;

	r->extent_bytes = max(round_down(extent_bytes, block), block);
}

static bool idle(const struct ditto_resync *r)
{
	return list_empty(&r->reading) && list_empty(&r->sent);
}

/*
 * Extents do not cross because the cursor only moves forward while any of them
 * is on its way: all of those lie behind it. What is set again behind it waits
 * for the next round.
 */
bool ditto_resync_next(struct ditto_resync *r, struct ditto_extent *e, u64 read_at)
{
	if (!ditto_bits_run(r->bits, r->cursor, r->extent_bytes, &e->start, &e->size)) {
		if (!idle(r) || !ditto_bits_run(r->bits, 0, r->extent_bytes, &e->start, &e->size))
			return false;
	}
	r->cursor = e->start + e->size;
	r->inflight += e->size;
	e->number = 0;
	e->read_at = read_at;
	e->written = false;
	e->spoiled = false;
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

	return list_empty(&r->reading) &&
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
		if (!e->spoiled)
			ditto_bits_clear(r->bits, e->start, e->size);
		list_move_tail(&e->link, released);
	}
	return 0;
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
	r->inflight = 0;
}
