/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The intent log: which regions may differ between copies because writes are
 * under way (G2, rule 3).
 *
 * A region is hot on disk before the local disk is written there. It cools
 * when the disk has been flushed behind its writes, these are settled, and the
 * bits that speak for them are on disk. After a crash every region that the
 * log still names becomes bits for every other disk node.
 *
 *	        take              commit written            cool_begin
 *	FREE ---------> DIRTY --> COMMITTING --> HOT ----------------------> COOLING
 *	  ^                                       ^        take               |
 *	  |                                       +---------------------------+
 *	  +--------------------------- cool_end ------------------------------+
 *
 * Everything that waits for cold regions shares one commit. A commit writes
 * only the blocks that changed, each to the one of its two copies that does not
 * hold its newest contents, so that a torn write costs nothing: the older copy
 * still names all regions that were hot before.
 *
 * All functions are called under one lock of the caller's and neither sleep
 * nor allocate.
 */
#ifndef DITTO_CORE_INTENT_H
#define DITTO_CORE_INTENT_H

#include "port.h"

#define DITTO_INTENT_BLOCK	4096u	/* bytes of one copy of a block */
#define DITTO_INTENT_COPIES	2u
#define DITTO_INTENT_PER_BLOCK	1016u	/* regions that one block names */
#define DITTO_INTENT_BLOCKS	8u	/* in use; the room is for more */
#define DITTO_INTENT_REGIONS	(DITTO_INTENT_BLOCKS * DITTO_INTENT_PER_BLOCK)
#define DITTO_INTENT_BUCKETS	4096u

enum ditto_region_state {
	DITTO_REGION_FREE,
	DITTO_REGION_DIRTY,	/* waits for the next commit */
	DITTO_REGION_COMMITTING,/* of the commit under way */
	DITTO_REGION_HOT,	/* the log on disk names it */
	DITTO_REGION_COOLING,	/* hot, and idle when cool_begin looked */
};

/**
 * struct ditto_region - a region that is not cold
 * @link: FREE: in the free list of its block; else in .used, oldest use first
 * @pending: DIRTY: in .dirty; COMMITTING: in .batch
 * @number: of the region: its first byte >> region_shift
 * @chain: index + 1 of the next in its bucket, 0 ends
 * @slot: where its block has the number, not FREE
 * @state: enum ditto_region_state
 * @ahead: warmed ahead of a sequential writer, not yet written
 * @busy: how many of the local disk's writes there are not done
 * @last: newest stream position of a write to it, 0: none that is unsettled
 * @used: the caller's clock at the last take
 */
struct ditto_region {
	struct list_head link;
	struct list_head pending;
	u64 number;
	u64 last;
	u64 used;
	u32 chain;
	u32 busy;
	u16 slot;
	u8 state;
	bool ahead;
};

/* Who waits for its regions to become hot; inside the caller's object. */
struct ditto_intent_user {
	struct list_head link;
};

/**
 * struct ditto_intent_room - memory of the caller's for a log, any contents
 * @regions: @per_block for each block, in order
 * @images: DITTO_INTENT_BLOCK bytes for each block: what a commit would write of it
 *	now, but for the sequence and the checksum
 * @buckets: @bucket_count (a power of two): index + 1 of the first region
 * @blocks: how many blocks there are, at most 32
 * @per_block: regions of each, at most DITTO_INTENT_PER_BLOCK
 */
struct ditto_intent_room {
	struct ditto_region *regions;
	void *images;
	u32 *buckets;
	u32 bucket_count;
	u32 blocks;
	u32 per_block;
};

/**
 * struct ditto_intent - the log of one disk
 * @room: its memory
 * @count: how many regions that is room for
 * @shift: log2 of a region's bytes
 * @bytes: of the device
 * @uuid: of the disk: part of each block's checksum
 * @sequence: of each block's newest contents
 * @stale: a bit for each block whose newest contents are not on disk
 * @writing: a bit for each block that the commit under way has yet to write
 * @committing: a commit is under way
 * @wanted: a take has found no room since the last cool_end
 * @free: how many regions are FREE
 * @free_lists: by block
 * @free_in: by block, how many are in its free list
 * @filling: the block that new regions go to while it has room, so that a
 *	commit is seldom more than one block
 * @used: all others, oldest use first
 * @dirty: those that wait for the next commit
 * @batch: those of the commit under way
 * @waiting: users for the next commit
 * @served: users of the commit under way
 */
struct ditto_intent {
	struct ditto_intent_room room;
	u32 count;
	u32 shift;
	u64 bytes;
	u8 uuid[16];
	u64 sequence[32];
	u32 stale;
	u32 writing;
	bool committing;
	bool wanted;
	u32 free;
	struct list_head free_lists[32];
	u32 free_in[32];
	u32 filling;
	struct list_head used;
	struct list_head dirty;
	struct list_head batch;
	struct list_head waiting;
	struct list_head served;
};

/**
 * ditto_intent_init() - an empty log
 * @room: is copied; what it names is the log's from now on
 * @sequence: by block, of the newest sound copy on disk, 0 where there is none
 *
 * All blocks are stale: the first commit writes all of them.
 */
void ditto_intent_init(struct ditto_intent *log, const struct ditto_intent_room *room, u32 shift,
		       u64 bytes, const u8 *uuid, const u64 *sequence);

enum ditto_heat {
	DITTO_HEAT_HOT,		/* write */
	DITTO_HEAT_COLD,	/* wait: ditto_intent_commit_end() hands @user out */
	DITTO_HEAT_FULL,	/* nothing was taken: try again after ditto_intent_cool_end() */
};

/**
 * ditto_intent_take() - about to write to the local disk
 * @start: first byte
 * @last: last byte
 * @position: of the write in the stream, 0 where no follower is sent it
 * @now: a clock of the caller's that does not go back
 * @user: queued where the answer is COLD
 *
 * Takes all regions that [@start, @last] touches, or none. Where the region
 * before a newly taken one is in use too, the one behind it is warmed ahead; not where
 * @position is 0, for what a resync writes is known to end.
 */
enum ditto_heat ditto_intent_take(struct ditto_intent *log, u64 start, u64 last, u64 position,
				  u64 now, struct ditto_intent_user *user);

/* The local disk has done what ditto_intent_take() was asked for. */
void ditto_intent_put(struct ditto_intent *log, u64 start, u64 last);

/* Is there something to commit, and no commit under way? */
bool ditto_intent_commit_due(const struct ditto_intent *log);

/**
 * ditto_intent_commit_begin() - whoever waits now is served by this commit
 *
 * Then, until it returns false, ditto_intent_commit_next() fills a block of
 * DITTO_INTENT_BLOCK bytes that is to be written durably to copy @copy of block
 * @index; then, when all are durable, ditto_intent_commit_end().
 */
void ditto_intent_commit_begin(struct ditto_intent *log);
bool ditto_intent_commit_next(struct ditto_intent *log, void *block, u32 *index, u32 *copy);
/* The disk has failed: no more blocks of the commit under way, it is to end. */
void ditto_intent_commit_abandon(struct ditto_intent *log);
/* @ready: users (by link) whose regions are hot now. */
void ditto_intent_commit_end(struct ditto_intent *log, struct list_head *ready);

/**
 * ditto_intent_cool_begin() - choose regions to cool
 * @settled: stream position up to which all is settled
 * @before: only what was last used before this moment of the caller's clock
 *
 * Chosen are regions that are HOT, idle, and have no write beyond @settled. The
 * caller then flushes the disk, writes all bits that are dirty, and calls
 * ditto_intent_cool_end(). One that is taken meanwhile stays hot.
 *
 * Return: how many were chosen.
 */
u32 ditto_intent_cool_begin(struct ditto_intent *log, u64 settled, u64 before);
/* They are cold; the next commit takes their names off the disk. Return: how many. */
u32 ditto_intent_cool_end(struct ditto_intent *log);

/*
 * Can nothing cool until more is settled? Then whoever waits for room waits for
 * what may never come.
 */
bool ditto_intent_stuck(const struct ditto_intent *log, u64 settled);

/* Is there so little room that what is idle should cool at once? */
bool ditto_intent_pressed(const struct ditto_intent *log);
/* How many regions are not FREE. */
u32 ditto_intent_hot(const struct ditto_intent *log);

/**
 * ditto_intent_each() - call @fn for each region in use that was written behind @position
 * @fn: gets the region's bytes, cut at the device's end
 */
void ditto_intent_each(const struct ditto_intent *log, u64 position,
		       void (*fn)(void *arg, u64 start, u64 size), void *arg);

/* Bits speak for all of it: nothing is unsettled any more (ditto_region.last). */
void ditto_intent_forget_positions(struct ditto_intent *log);

/**
 * ditto_intent_decode() - read one copy of a block
 * @block: DITTO_INTENT_BLOCK bytes, hostile
 * @uuid: of the disk
 * @index: of the block
 * @limit: number of the device's first region that does not exist
 * @sequence: written where sound
 * @numbers: DITTO_INTENT_PER_BLOCK, written where sound
 * @count: of @numbers
 *
 * Return: 0, -ENODATA no such block was ever written here, -EBADMSG checksum,
 * -ERANGE a field out of range.
 */
int ditto_intent_decode(const void *block, const u8 *uuid, u32 index, u64 limit, u64 *sequence,
			u32 *numbers, u32 *count);

/* An empty block with sequence @sequence, as create-md writes it. */
void ditto_intent_encode_empty(void *block, const u8 *uuid, u32 index, u64 sequence);

#endif /* DITTO_CORE_INTENT_H */
