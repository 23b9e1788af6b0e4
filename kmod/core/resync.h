/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The source's plan of a resync: which extent next, which are on their way,
 * which bits an acknowledgement proves (rule 1).
 *
 * A bit is cleared only when an extent that covers its whole block was read
 * after the bit was set and is durable on the target. A bit that is set while
 * such an extent is on its way spoils that extent: its acknowledgement clears
 * nothing, and the block is sent again.
 *
 * Where equal blocks are to be skipped, an extent goes to the target as one
 * checksum for each block. The target compares them with its own copy when it
 * would write the extent, and says which differ before it acknowledges. The
 * acknowledgement proves the others, as if they had been written; those that
 * differ are sent as extents of their own.
 *
 * All functions are called under one lock of the caller's and neither sleep
 * nor allocate.
 */
#ifndef DITTO_CORE_RESYNC_H
#define DITTO_CORE_RESYNC_H

#include "bits.h"
#include "port.h"

/* Most blocks of an extent that is compared: a bit of @differs for each. */
#define DITTO_EXTENT_BLOCKS	32u

/**
 * struct ditto_extent - one extent on its way to the target
 * @link: in ditto_resync.reading until it has a number, then in .sent
 * @start: bytes
 * @size: bytes
 * @number: 0 until it is sent, then 1 and up without gaps
 * @read_at: stream position at which it was read
 * @written: acknowledged as written
 * @spoiled: a bit that it covers was set again
 * @compare: it goes as checksums
 * @told: the target has said what differs
 * @proven: the acknowledgement that it is durable has been taken
 * @differs: a bit for each block that differs
 * @again: those of them that are not yet in an extent of their own
 * @differing: in ditto_resync.differing as long as there are any
 */
struct ditto_extent {
	struct list_head link;
	u64 start;
	u64 size;
	u64 number;
	u64 read_at;
	bool written;
	bool spoiled;
	bool compare;
	bool told;
	bool proven;
	u32 differs;
	u32 again;
	struct list_head differing;
};

/**
 * struct ditto_resync - the plan towards one target
 * @bits: what is out of sync there; also changed by others, under the same lock
 * @cursor: bytes; the search goes on from here
 * @last_number: the last given out
 * @written: acknowledged, prefix of numbers
 * @durable: acknowledged, prefix of numbers
 * @extent_bytes: the largest extent, a multiple of the bitmap's block
 * @compare: extents go as checksums first
 * @total: bytes out of sync when it began
 * @inflight: bytes of extents not yet acknowledged as written
 * @reading: extents that have no number yet, in order of read_at
 * @sent: extents by number, not yet acknowledged as durable, or with blocks that
 *	are to be sent again
 * @differing: those of them that have such blocks
 */
struct ditto_resync {
	struct ditto_bits *bits;
	u64 cursor;
	u64 last_number;
	u64 written;
	u64 durable;
	u32 extent_bytes;
	bool compare;
	u64 total;
	u64 inflight;
	struct list_head reading;
	struct list_head sent;
	struct list_head differing;
};

void ditto_resync_init(struct ditto_resync *r, struct ditto_bits *bits, u32 extent_bytes);

/* From now on no extent is larger, but for a bit's block. */
void ditto_resync_limit(struct ditto_resync *r, u32 extent_bytes);
/* From now on extents go as checksums first, or do not. */
void ditto_resync_compare(struct ditto_resync *r, bool compare);

/**
 * ditto_resync_next() - choose the next extent
 * @e: written: start, size
 * @read_at: the present stream position
 *
 * Never one that crosses an extent on its way, but for one that the target has
 * compared: blocks that differ come first. At the end of the device it begins
 * again at the start once nothing is on its way.
 *
 * Return: false where nothing can be sent now.
 */
bool ditto_resync_next(struct ditto_resync *r, struct ditto_extent *e, u64 read_at);

/* Its data has been read and it is about to be sent: it gets its number. */
void ditto_resync_send(struct ditto_resync *r, struct ditto_extent *e);

/* Has all that can be sent in this round been given a number? */
bool ditto_resync_all_sent(const struct ditto_resync *r);

/* Its data could not be read: it leaves the plan, its bits stay. */
void ditto_resync_abandon(struct ditto_resync *r, struct ditto_extent *e);

/*
 * The lowest stream position at which an extent not yet acknowledged as written
 * was read, or @position (the present one) where there is none: none that is
 * still to be written there was read below it.
 */
u64 ditto_resync_floor(const struct ditto_resync *r, u64 position);

/**
 * ditto_resync_acked() - the target has acknowledged extents
 * @written: prefix of numbers
 * @durable: prefix of numbers, at most @written
 * @released: extents (by link) that have left the plan
 *
 * Return: 0, -EPROTO where an acknowledgement goes back or is ahead of what was sent.
 */
int ditto_resync_acked(struct ditto_resync *r, u64 written, u64 durable,
		       struct list_head *released);

/**
 * ditto_resync_differs() - the target has compared an extent with its own copy
 * @number: of the extent
 * @start: its range, bytes
 * @size: bytes
 * @differs: a bit for each block that differs, not 0
 *
 * Return: 0, -EPROTO where there is no such extent, it was not to be compared, was
 * told of before or is acknowledged already, or has no such blocks.
 */
int ditto_resync_differs(struct ditto_resync *r, u64 number, u64 start, u64 size, u32 differs);

/* Bytes of an extent in @released that its acknowledgement speaks of. */
u64 ditto_resync_bytes(const struct ditto_resync *r, const struct ditto_extent *e);

/* Set bits while a resync may be under way (verify, error, invalidate). */
void ditto_resync_mark(struct ditto_resync *r, u64 start, u64 size);

/* Nothing is out of sync and nothing is on its way: time for JOIN. */
bool ditto_resync_finished(const struct ditto_resync *r);

/* The connection is gone: all extents leave, all bits stay. */
void ditto_resync_clear(struct ditto_resync *r, struct list_head *released);

#endif /* DITTO_CORE_RESYNC_H */
