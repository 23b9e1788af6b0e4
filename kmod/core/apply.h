/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The secondary's side of the stream: in which order what arrives may go to
 * the local disk, when that disk must be flushed, and what may be
 * acknowledged (rules 4, 6 and 8).
 *
 *	received --> pending --> active --> written --> durable
 *	             |  waits for: its epoch (the disk is durable behind the
 *	             |  earlier one), its overlap (everything up to that position
 *	             |  is written), extents under way that it crosses
 *
 * Extents of a resync come on another lane. Each carries the position at which
 * the source read it: what a newer write covers is not taken from the extent.
 * The source marks (guards) the writes that cross an extent on its way, and
 * those are remembered until no older extent can arrive.
 *
 * All functions are called under one lock of the caller's and neither sleep
 * nor allocate.
 */
#ifndef DITTO_CORE_APPLY_H
#define DITTO_CORE_APPLY_H

#include "port.h"
#include "range.h"

/* The disk is flushed unasked when this much has been written behind the last flush. */
#define DITTO_APPLY_FLUSH_BYTES		(8u << 20)
#define DITTO_APPLY_FLUSH_ITEMS		2048u

/* struct ditto_apply_item.kind: enum ditto_entry_kind of stream.h, or: */
#define DITTO_ITEM_EXTENT	32u

/* struct ditto_apply_item.flags, the first four set by the caller */
#define DITTO_ITEMF_DURABLE	(1u << 0)	/* flush and acknowledge without delay */
#define DITTO_ITEMF_GUARD	(1u << 1)	/* remember it against older extents */
#define DITTO_ITEMF_RANGE	(1u << 2)	/* it changes bytes: those of range */
#define DITTO_ITEMF_ZERO	(1u << 3)	/* an extent of zeroes */
#define DITTO_ITEMF_ACTIVE	(1u << 4)	/* handed out to be submitted */
#define DITTO_ITEMF_WRITTEN	(1u << 5)	/* the disk has completed it */
#define DITTO_ITEMF_IN_RANGES	(1u << 6)	/* its range is in the set */
#define DITTO_ITEMF_QUEUED	(1u << 7)	/* in .overlapping or .crossing */
/* Set by the caller: an extent that is only compared, and counts as written then */
#define DITTO_ITEMF_COMPARE	(1u << 8)

/**
 * struct ditto_apply_item - one entry, or one extent, on its way to the disk
 * @link: in ditto_apply.items or .extents in order of number, until it is
 *	durable (entries, extents), then in .guards if it is one
 * @queue: while DITTO_ITEMF_QUEUED
 * @range: bytes
 * @number: position of an entry, number of an extent
 * @epoch: of an entry
 * @overlap: of an entry
 * @read_at: of an extent: the position at which it was read
 * @behind: of an extent: the newest entry that covers what it leaves out
 * @kind: enum ditto_entry_kind or DITTO_ITEM_EXTENT
 * @flags: DITTO_ITEMF_*
 */
struct ditto_apply_item {
	struct list_head link;
	struct list_head queue;
	struct ditto_range range;
	u64 number;
	u64 epoch;
	u64 overlap;
	u64 read_at;
	u64 behind;
	u8 kind;
	u32 flags;
};

/**
 * struct ditto_apply - the stream as it arrives at one secondary
 * @received: last position taken
 * @written: everything up to it is written
 * @durable: everything up to it was written before the last flush began
 * @epoch: of the last entry received
 * @disk_epoch: entries of this epoch may be submitted
 * @extent_received: number of the last extent taken
 * @extent_written: prefix, as for entries, of extents whose newer entries are written
 * @extent_durable: prefix, as for entries
 * @floor: extents read below it will not come any more
 * @target: a resync is under way: guards are kept
 * @joining: JOIN has been received: no extent may follow
 * @alone: a ROSTER, JOIN or SET is handed out and not written
 * @flushing: a flush is under way
 * @flush_position: what it will make durable
 * @flush_extent: what it will make durable
 * @flush_asked: the last in the written prefix that asks for a flush
 * @flush_extent_asked: and the last such extent
 * @unflushed_bytes: written since the last flush began
 * @unflushed_items: written since the last flush began
 * @items: entries not yet durable, by position
 * @extents: extents not yet durable, by number
 * @guards: guarded entries that are durable, by position
 * @ranges: while @target: entries until they are durable, extents until they
 *	are written, guards
 * @overlapping: entries whose turn came while what they overlap was not
 *	written, by overlap
 * @crossing: entries whose turn came while an extent that they cross was active
 * @fresh: link of the first entry whose turn has not come, or @items
 * @unwritten: link of the first entry not in the written prefix, or @items
 * @extent_unwritten: link of the first extent not in it, or @extents
 * @retry: something was written: what is in @crossing, and extents, may go on
 */
struct ditto_apply {
	u64 received;
	u64 written;
	u64 durable;
	u64 epoch;
	u64 disk_epoch;
	u64 extent_received;
	u64 extent_written;
	u64 extent_durable;
	u64 floor;
	bool target;
	bool joining;
	bool alone;
	bool flushing;
	u64 flush_position;
	u64 flush_extent;
	u64 flush_asked;
	u64 flush_extent_asked;
	u64 unflushed_bytes;
	u32 unflushed_items;
	struct list_head items;
	struct list_head extents;
	struct list_head guards;
	struct ditto_ranges ranges;
	struct list_head overlapping;
	struct list_head crossing;
	struct list_head *fresh;
	struct list_head *unwritten;
	struct list_head *extent_unwritten;
	bool retry;
};

/* A START at @position opens it; everything up to @position is durable. */
void ditto_apply_init(struct ditto_apply *a, u64 position, u64 epoch, bool target);

/**
 * ditto_apply_receive() - an entry's header and payload are complete
 * @item: kind, flags, range, number, epoch and overlap are set by the caller
 *
 * DITTO_ITEMF_RANGE is taken from what is no WRITE, DISCARD or ZEROES.
 *
 * Return: 0, -EPROTO where the position does not follow the last one, the
 * epoch falls, overlap is not below the position, JOIN comes before the extents
 * are durable, or BITS come when no resync is under way or behind its JOIN.
 */
int ditto_apply_receive(struct ditto_apply *a, struct ditto_apply_item *item);

/**
 * ditto_apply_receive_extent() - an extent is complete
 * @item: flags, range, number, read_at are set by the caller
 * @floor: from its header
 * @asked: it was the last for now: flush and say so
 *
 * Return: 0, -EPROTO where no resync is under way or JOIN has been received, the
 * number does not follow the last one, the floor falls, or read_at is below the
 * floor.
 */
int ditto_apply_receive_extent(struct ditto_apply *a, struct ditto_apply_item *item, u64 floor,
			       bool asked);

/**
 * ditto_apply_next() - an entry or extent that may be submitted now
 *
 * It is ACTIVE from then on. FLUSH, ABSENT and BITS entries are never handed
 * out: they are written as soon as everything before them is. ROSTER, JOIN and
 * SET are handed out once everything before them is written and durable, and
 * nothing behind them before they are written.
 *
 * Return: the item, or NULL where all have to wait.
 */
struct ditto_apply_item *ditto_apply_next(struct ditto_apply *a);

/**
 * ditto_apply_mask() - what of an extent a newer write covers
 * @item: an extent handed out by ditto_apply_next()
 * @mask: a bit for each 512-byte sector of the extent, zeroed by the caller;
 *	set bits are not to be written
 *
 * Return: how many bits are set.
 */
u32 ditto_apply_mask(struct ditto_apply *a, struct ditto_apply_item *item, unsigned long *mask);

/*
 * Call @fn for the range of each entry behind @position that has not yet become
 * durable here.
 */
void ditto_apply_each(const struct ditto_apply *a, u64 position,
		      void (*fn)(void *arg, u64 start, u64 size), void *arg);

/* The disk has completed what ditto_apply_next() handed out. */
void ditto_apply_written(struct ditto_apply *a, struct ditto_apply_item *item);

/**
 * ditto_apply_flush_begin() - is it time to flush the disk?
 * @idle: nothing has arrived for a while: flush whatever is not durable
 *
 * True at most until ditto_apply_flush_end(): one flush at a time. It is time
 * when an entry that asks for it is in the written prefix, when the next epoch
 * waits, or when enough has been written.
 */
bool ditto_apply_flush_begin(struct ditto_apply *a, bool idle);

/**
 * ditto_apply_flush_end() - the flush has completed without error
 * @reaped: items (by link) that nothing refers to any more
 */
void ditto_apply_flush_end(struct ditto_apply *a, struct list_head *reaped);

/*
 * The disk has no volatile cache: what is written is durable, and there is nothing
 * to flush. Return: has anything become so?
 */
bool ditto_apply_through(struct ditto_apply *a, struct list_head *reaped);

/* The resync has ended (JOIN is written): guards are not needed any more. */
void ditto_apply_end_target(struct ditto_apply *a, struct list_head *reaped);

/*
 * The connection is gone and no item is active: everything leaves. A flush may
 * still be under way and end.
 */
void ditto_apply_clear(struct ditto_apply *a, struct list_head *reaped);

#endif /* DITTO_CORE_APPLY_H */
