// SPDX-License-Identifier: GPL-2.0
/*
 * Entries and extents must not wait for each other in a circle:
 *
 * - An entry waits for its epoch, for earlier entries, and for an extent only
 *   while that is active. Active means that nothing but the disk is waited for.
 * - An extent waits for entries that it crosses and that are not newer than it
 *   (number <= read_at): their data is older than what the extent holds. It
 *   does not wait for newer ones, it leaves out what they cover.
 *
 * So a pending extent is waited for by no entry, and what an extent waits for
 * is a set that does not grow: the same blocks written over and over cannot
 * keep it waiting.
 *
 * Entries not newer than the extent that arrive after it has been written need
 * no care: all of them will be applied, in order, and lead to what the extent
 * already holds.
 */
#include "apply.h"
#include "stream.h"

static struct ditto_apply_item *of_link(struct list_head *link)
{
	return list_entry(link, struct ditto_apply_item, link);
}

static struct ditto_apply_item *of_range(struct ditto_range *range)
{
	return container_of(range, struct ditto_apply_item, range);
}

static bool is_extent(const struct ditto_apply_item *item)
{
	return item->kind == DITTO_ITEM_EXTENT;
}

static bool is_alone(const struct ditto_apply_item *item)
{
	return item->kind == DITTO_ENTRY_ROSTER || item->kind == DITTO_ENTRY_JOIN ||
	       item->kind == DITTO_ENTRY_SET;
}

/* Never handed out: written when everything before it is. */
static bool is_silent(const struct ditto_apply_item *item)
{
	return item->kind == DITTO_ENTRY_FLUSH || item->kind == DITTO_ENTRY_ABSENT ||
	       item->kind == DITTO_ENTRY_BITS;
}

static bool has_data(const struct ditto_apply_item *item)
{
	return item->kind == DITTO_ENTRY_WRITE || item->kind == DITTO_ENTRY_DISCARD ||
	       item->kind == DITTO_ENTRY_ZEROES;
}

void ditto_apply_init(struct ditto_apply *a, u64 position, u64 epoch, bool target)
{
	memset(a, 0, sizeof(*a));
	a->received = position;
	a->written = position;
	a->durable = position;
	a->epoch = epoch;
	a->disk_epoch = epoch;
	a->target = target;
	INIT_LIST_HEAD(&a->items);
	INIT_LIST_HEAD(&a->extents);
	INIT_LIST_HEAD(&a->guards);
	INIT_LIST_HEAD(&a->overlapping);
	INIT_LIST_HEAD(&a->crossing);
	ditto_ranges_init(&a->ranges);
	a->fresh = &a->items;
	a->unwritten = &a->items;
	a->extent_unwritten = &a->extents;
}

static void insert_range(struct ditto_apply *a, struct ditto_apply_item *item)
{
	if (!a->target || !(item->flags & DITTO_ITEMF_RANGE))
		return;
	item->range.kind = item->kind;
	ditto_ranges_insert(&a->ranges, &item->range);
	item->flags |= DITTO_ITEMF_IN_RANGES;
}

static void remove_range(struct ditto_apply *a, struct ditto_apply_item *item)
{
	if (!(item->flags & DITTO_ITEMF_IN_RANGES))
		return;
	ditto_ranges_remove(&a->ranges, &item->range);
	item->flags &= ~DITTO_ITEMF_IN_RANGES;
}

/*
 * The source forgets that a block is out of sync once an extent is durable. What
 * the extent has left out must be, too, and hot in this node's log: the newer
 * entry may be on no disk yet, and in nobody's log.
 */
static void advance_extents(struct ditto_apply *a)
{
	struct ditto_apply_item *item;

	while (a->extent_unwritten != &a->extents) {
		item = of_link(a->extent_unwritten);
		if (!(item->flags & DITTO_ITEMF_WRITTEN) || item->behind > a->written)
			break;
		a->extent_written = item->number;
		if (item->flags & DITTO_ITEMF_DURABLE)
			a->flush_extent_asked = item->number;
		a->extent_unwritten = item->link.next;
	}
}

/* The written prefix grows as far as it can; what is silent is written when reached. */
static void advance_written(struct ditto_apply *a)
{
	struct ditto_apply_item *item;
	u64 before = a->written;

	while (a->unwritten != &a->items) {
		item = of_link(a->unwritten);
		if (is_silent(item))
			item->flags |= DITTO_ITEMF_WRITTEN;
		if (!(item->flags & DITTO_ITEMF_WRITTEN))
			break;
		a->written = item->number;
		if (item->flags & DITTO_ITEMF_DURABLE)
			a->flush_asked = item->number;
		a->unwritten = item->link.next;
	}
	if (a->written != before)
		advance_extents(a);
}

int ditto_apply_receive(struct ditto_apply *a, struct ditto_apply_item *item)
{
	if (item->number != a->received + 1 || item->epoch < a->epoch ||
	    item->overlap >= item->number)
		return -EPROTO;
	/* The source has heard that all is durable, or it had no right to end. */
	if (item->kind == DITTO_ENTRY_JOIN && a->extent_durable != a->extent_received)
		return -EPROTO;
	if (item->kind == DITTO_ENTRY_BITS && (!a->target || a->joining))
		return -EPROTO;
	/* The range of SET is no newer data: no extent may leave it out. */
	if (!has_data(item))
		item->flags &= ~DITTO_ITEMF_RANGE;
	a->received = item->number;
	a->epoch = item->epoch;
	if (item->kind == DITTO_ENTRY_JOIN)
		a->joining = true;
	list_add_tail(&item->link, &a->items);
	if (a->fresh == &a->items)
		a->fresh = &item->link;
	if (a->unwritten == &a->items)
		a->unwritten = &item->link;
	insert_range(a, item);
	advance_written(a);
	return 0;
}

int ditto_apply_receive_extent(struct ditto_apply *a, struct ditto_apply_item *item, u64 floor,
			       bool asked)
{
	if (!a->target || a->joining || item->number != a->extent_received + 1 ||
	    floor < a->floor || item->read_at < floor)
		return -EPROTO;
	item->kind = DITTO_ITEM_EXTENT;
	item->flags |= DITTO_ITEMF_RANGE;
	if (asked)
		item->flags |= DITTO_ITEMF_DURABLE;
	item->behind = 0;
	a->extent_received = item->number;
	a->floor = floor;
	list_add_tail(&item->link, &a->extents);
	if (a->extent_unwritten == &a->extents)
		a->extent_unwritten = &item->link;
	insert_range(a, item);
	a->retry = true;
	return 0;
}

/* Is there an active extent that the entry @item crosses? */
static bool crosses_active(struct ditto_apply *a, const struct ditto_apply_item *item)
{
	struct ditto_range *range;

	if (!a->target || !(item->flags & DITTO_ITEMF_RANGE))
		return false;
	for (range = ditto_ranges_first(&a->ranges, item->range.start, item->range.last); range;
	     range = ditto_ranges_next(range, item->range.start, item->range.last)) {
		if (range->kind == DITTO_ITEM_EXTENT &&
		    of_range(range)->flags & DITTO_ITEMF_ACTIVE)
			return true;
	}
	return false;
}

/* Must the extent @item wait for something that it crosses? */
static bool extent_waits(struct ditto_apply *a, const struct ditto_apply_item *item)
{
	const struct ditto_apply_item *other;
	struct ditto_range *range;

	for (range = ditto_ranges_first(&a->ranges, item->range.start, item->range.last); range;
	     range = ditto_ranges_next(range, item->range.start, item->range.last)) {
		other = of_range(range);
		if (is_extent(other) ? other->number < item->number :
		    !(other->flags & DITTO_ITEMF_WRITTEN) && other->number <= item->read_at)
			return true;
	}
	return false;
}

static void queue_overlapping(struct ditto_apply *a, struct ditto_apply_item *item)
{
	struct ditto_apply_item *before;

	/* A later entry mostly overlaps a later one: this ends at once. */
	list_for_each_entry_reverse(before, &a->overlapping, queue) {
		if (before->overlap <= item->overlap)
			break;
	}
	list_add(&item->queue, &before->queue);
	item->flags |= DITTO_ITEMF_QUEUED;
}

static void unqueue(struct ditto_apply_item *item)
{
	list_del(&item->queue);
	item->flags &= ~DITTO_ITEMF_QUEUED;
}

static struct ditto_apply_item *next_crossing(struct ditto_apply *a)
{
	struct ditto_apply_item *item;

	list_for_each_entry(item, &a->crossing, queue) {
		if (!crosses_active(a, item)) {
			unqueue(item);
			return item;
		}
	}
	return NULL;
}

/* @item has everything that it overlaps behind it: may it go? */
static bool past_extents(struct ditto_apply *a, struct ditto_apply_item *item)
{
	if (!crosses_active(a, item))
		return true;
	list_add_tail(&item->queue, &a->crossing);
	item->flags |= DITTO_ITEMF_QUEUED;
	return false;
}

static struct ditto_apply_item *next_overlapping(struct ditto_apply *a)
{
	struct ditto_apply_item *item;

	while (!list_empty(&a->overlapping)) {
		item = list_first_entry(&a->overlapping, struct ditto_apply_item, queue);
		if (item->overlap > a->written)
			break;
		unqueue(item);
		if (past_extents(a, item))
			return item;
	}
	return NULL;
}

/*
 * Whether the turn of the first fresh entry has come. Epochs do not fall, so
 * where it opens one, exactly what is before it belongs to earlier ones, and
 * the disk must be durable behind all of that (rule 6).
 */
static bool fresh_waits(const struct ditto_apply *a, const struct ditto_apply_item *item)
{
	if (a->alone)
		return true;
	return (item->epoch > a->disk_epoch || is_alone(item)) && a->durable < item->number - 1;
}

static struct ditto_apply_item *next_fresh(struct ditto_apply *a)
{
	struct ditto_apply_item *item;

	while (a->fresh != &a->items) {
		item = of_link(a->fresh);
		if (fresh_waits(a, item))
			break;
		a->disk_epoch = item->epoch;
		a->fresh = item->link.next;
		if (is_silent(item))
			continue;
		a->alone = is_alone(item);
		if (item->overlap > a->written)
			queue_overlapping(a, item);
		else if (past_extents(a, item))
			return item;
	}
	return NULL;
}

static struct ditto_apply_item *next_extent(struct ditto_apply *a)
{
	struct list_head *link;
	struct ditto_apply_item *item;

	for (link = a->extent_unwritten; link != &a->extents; link = link->next) {
		item = of_link(link);
		if (!(item->flags & (DITTO_ITEMF_ACTIVE | DITTO_ITEMF_WRITTEN)) &&
		    !extent_waits(a, item))
			return item;
	}
	return NULL;
}

struct ditto_apply_item *ditto_apply_next(struct ditto_apply *a)
{
	struct ditto_apply_item *item = NULL;

	if (a->retry)
		item = next_crossing(a);
	if (!item)
		item = next_overlapping(a);
	if (!item)
		item = next_fresh(a);
	if (!item && a->retry) {
		item = next_extent(a);
		a->retry = !!item;
	}
	if (item)
		item->flags |= DITTO_ITEMF_ACTIVE;
	return item;
}

u32 ditto_apply_mask(struct ditto_apply *a, struct ditto_apply_item *item, unsigned long *mask)
{
	const struct ditto_apply_item *other;
	struct ditto_range *range;
	u64 start, last, sector;
	u32 set = 0;

	for (range = ditto_ranges_first(&a->ranges, item->range.start, item->range.last); range;
	     range = ditto_ranges_next(range, item->range.start, item->range.last)) {
		other = of_range(range);
		if (is_extent(other) || other->number <= item->read_at)
			continue;
		item->behind = max(item->behind, other->number);
		start = max(range->start, item->range.start) - item->range.start;
		last = min(range->last, item->range.last) - item->range.start;
		for (sector = start >> 9; sector <= last >> 9; sector++) {
			set += !test_bit(sector, mask);
			__set_bit(sector, mask);
		}
	}
	return set;
}

void ditto_apply_each(const struct ditto_apply *a, u64 position,
		      void (*fn)(void *arg, u64 start, u64 size), void *arg)
{
	const struct ditto_apply_item *item;

	list_for_each_entry_reverse(item, &a->items, link) {
		if (item->number <= position)
			break;
		if (item->flags & DITTO_ITEMF_RANGE)
			fn(arg, item->range.start, item->range.last - item->range.start + 1);
	}
}

static void count_unflushed(struct ditto_apply *a, const struct ditto_apply_item *item)
{
	bool data = item->kind == DITTO_ENTRY_WRITE ||
		    (is_extent(item) &&
		     !(item->flags & (DITTO_ITEMF_ZERO | DITTO_ITEMF_COMPARE)));

	if (data)
		a->unflushed_bytes += item->range.last - item->range.start + 1;
	a->unflushed_items++;
}

void ditto_apply_written(struct ditto_apply *a, struct ditto_apply_item *item)
{
	if (WARN_ON_ONCE((item->flags & (DITTO_ITEMF_ACTIVE | DITTO_ITEMF_WRITTEN)) !=
			 DITTO_ITEMF_ACTIVE))
		return;
	item->flags &= ~DITTO_ITEMF_ACTIVE;
	item->flags |= DITTO_ITEMF_WRITTEN;
	count_unflushed(a, item);
	if (is_extent(item)) {
		remove_range(a, item);
		advance_extents(a);
	} else {
		if (is_alone(item))
			a->alone = false;
		advance_written(a);
	}
	a->retry = true;
}

/* Does the next entry whose turn it is wait for nothing but a flush? */
static bool turn_waits_for_flush(const struct ditto_apply *a)
{
	const struct ditto_apply_item *item;

	if (a->fresh == &a->items || a->alone)
		return false;
	item = of_link(a->fresh);
	return fresh_waits(a, item) && a->written >= item->number - 1;
}

bool ditto_apply_flush_begin(struct ditto_apply *a, bool idle)
{
	bool useful = a->written > a->durable || a->extent_written > a->extent_durable;

	if (a->flushing || !useful)
		return false;
	if (!idle && a->flush_asked <= a->durable && a->flush_extent_asked <= a->extent_durable &&
	    a->unflushed_bytes < DITTO_APPLY_FLUSH_BYTES &&
	    a->unflushed_items < DITTO_APPLY_FLUSH_ITEMS && !turn_waits_for_flush(a))
		return false;
	a->flushing = true;
	a->flush_position = a->written;
	a->flush_extent = a->extent_written;
	a->unflushed_bytes = 0;
	a->unflushed_items = 0;
	return true;
}

/* Guards up to here protect from no extent: none will come, and none is here. */
static u64 guard_floor(const struct ditto_apply *a)
{
	struct list_head *link;
	u64 floor = a->floor;

	for (link = a->extent_unwritten; link != &a->extents; link = link->next) {
		if (!(of_link(link)->flags & DITTO_ITEMF_WRITTEN))
			floor = min(floor, of_link(link)->read_at);
	}
	return floor;
}

static void reap(struct ditto_apply *a, struct ditto_apply_item *item, struct list_head *reaped)
{
	remove_range(a, item);
	list_move_tail(&item->link, reaped);
}

static void reap_guards(struct ditto_apply *a, u64 floor, struct list_head *reaped)
{
	struct ditto_apply_item *item, *next;

	list_for_each_entry_safe(item, next, &a->guards, link) {
		if (item->number > floor)
			break;
		reap(a, item, reaped);
	}
}

static void reap_entries(struct ditto_apply *a, struct list_head *reaped)
{
	struct ditto_apply_item *item, *next;

	list_for_each_entry_safe(item, next, &a->items, link) {
		if (item->number > a->durable)
			break;
		/* What is silent is written unseen by the turn, which may be waiting at it. */
		if (a->fresh == &item->link) {
			a->disk_epoch = item->epoch;
			a->fresh = item->link.next;
		}
		if (a->target && item->flags & DITTO_ITEMF_GUARD)
			list_move_tail(&item->link, &a->guards);
		else
			reap(a, item, reaped);
	}
}

void ditto_apply_flush_end(struct ditto_apply *a, struct list_head *reaped)
{
	struct ditto_apply_item *item, *next;

	if (WARN_ON_ONCE(!a->flushing))
		return;
	a->flushing = false;
	a->durable = a->flush_position;
	a->extent_durable = a->flush_extent;
	reap_entries(a, reaped);
	list_for_each_entry_safe(item, next, &a->extents, link) {
		if (item->number > a->extent_durable)
			break;
		reap(a, item, reaped);
	}
	reap_guards(a, guard_floor(a), reaped);
}

bool ditto_apply_through(struct ditto_apply *a, struct list_head *reaped)
{
	if (!ditto_apply_flush_begin(a, true))
		return false;
	ditto_apply_flush_end(a, reaped);
	return true;
}

void ditto_apply_end_target(struct ditto_apply *a, struct list_head *reaped)
{
	a->target = false;
	a->joining = false;
	reap_guards(a, U64_MAX, reaped);
}

static void clear_list(struct ditto_apply *a, struct list_head *list, struct list_head *reaped)
{
	struct ditto_apply_item *item, *next;

	list_for_each_entry_safe(item, next, list, link) {
		WARN_ON_ONCE(item->flags & DITTO_ITEMF_ACTIVE);
		if (item->flags & DITTO_ITEMF_QUEUED)
			unqueue(item);
		reap(a, item, reaped);
	}
}

void ditto_apply_clear(struct ditto_apply *a, struct list_head *reaped)
{
	clear_list(a, &a->items, reaped);
	clear_list(a, &a->extents, reaped);
	clear_list(a, &a->guards, reaped);
	a->fresh = &a->items;
	a->unwritten = &a->items;
	a->extent_unwritten = &a->extents;
	a->alone = false;
}
