/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The primary's side of the stream: positions, epochs, the order of what
 * overlaps, who has acknowledged what, and when a write is complete.
 *
 * Every write, discard, flush and roster change becomes an entry. An entry
 * gets its position, its epoch and the position of the newest earlier entry
 * that it overlaps in one step, ditto_stream_add(), and is from then on in
 * the list in position order, from which each follower's sender takes it.
 *
 *	   add                local disk done, and               durable at
 *	    |                 counted followers have it           every follower
 *	    v                          v                              v
 *	 [queued] -----------------> [done] ----> [released] -----> [reaped]
 *	                                          every follower
 *	                                          has written it
 *
 * done: the user hears. released: nobody will read the payload again. reaped:
 * the entry leaves the list; until then it stands for what is in flight, and
 * becomes out-of-sync bits if a follower is lost (rule 1). Where records are
 * short, released ones are folded: bits stand in for them, see
 * ditto_stream_fold().
 *
 * Acknowledgements are prefixes, so a follower is three numbers and the price
 * of an acknowledgement does not grow with what is in flight.
 *
 * All functions are called under one lock of the caller's (in the kernel the
 * resource's stream lock, taken with interrupts off), and neither sleep nor
 * allocate. Lists that they fill are walked by the caller after it has dropped
 * the lock.
 */
#ifndef DITTO_CORE_STREAM_H
#define DITTO_CORE_STREAM_H

#include "port.h"
#include "range.h"

#define DITTO_STREAM_FOLLOWERS	32u

enum ditto_entry_kind {
	DITTO_ENTRY_WRITE = 1,
	DITTO_ENTRY_DISCARD,
	DITTO_ENTRY_ZEROES,
	DITTO_ENTRY_FLUSH,
	DITTO_ENTRY_ROSTER,
	DITTO_ENTRY_JOIN,
	DITTO_ENTRY_ABSENT,	/* a follower is gone, and lacks what it was sent */
	DITTO_ENTRY_SET,	/* a disk lacks a range, for whatever reason */
	DITTO_ENTRY_BITS,	/* a piece of a bitmap, exact at its position */
};

/* struct ditto_entry.flags, the first three set by the caller before add */
/* FUA, and all that has no data of its own: done only when durable */
#define DITTO_ENTRYF_DURABLE	(1u << 0)
#define DITTO_ENTRYF_BARRIER	(1u << 1)	/* PREFLUSH: opens an epoch of its own */
/* Roster changes: not held back by ditto_stream_hold() */
#define DITTO_ENTRYF_URGENT	(1u << 2)
#define DITTO_ENTRYF_BLOCKED	(1u << 3)	/* not submitted: an earlier overlap is under way */
#define DITTO_ENTRYF_LOCAL	(1u << 4)	/* the local disk is done with it */
#define DITTO_ENTRYF_DONE	(1u << 5)	/* handed out as done */
#define DITTO_ENTRYF_RELEASED	(1u << 6)	/* handed out as released */
#define DITTO_ENTRYF_GUARD	(1u << 7)	/* crossed an extent on its way */
#define DITTO_ENTRYF_LISTED	(1u << 8)	/* in the list: it has followers */
#define DITTO_ENTRYF_IN_RANGES	(1u << 9)	/* its range is in the set */
#define DITTO_ENTRYF_HELD	(1u << 10)	/* in ditto_stream.held */
/* Set by the caller before add: its regions are not hot yet; see ditto_stream_heated() */
#define DITTO_ENTRYF_COLD	(1u << 11)
/* Added when the local disk was absent: it lacks this, and all others know it */
#define DITTO_ENTRYF_NOT_HERE	(1u << 12)
/* Done, but no copy is left that counts: the user hears of an error */
#define DITTO_ENTRYF_FAILED	(1u << 13)

/* struct ditto_range.kind within a stream's ranges */
#define DITTO_RANGE_ENTRY	1u
#define DITTO_RANGE_READER	2u

/**
 * struct ditto_entry - one entry of the stream
 * @link: in ditto_stream.entries, in position order; while DITTO_ENTRYF_LISTED
 * @note: in the list of what a call hands out as done
 * @ready: in the list of what a call hands out as ready, released or reaped
 * @range: bytes it covers, of WRITE, DISCARD and ZEROES; not looked at in others
 * @position: 1 and up, without gaps while there are followers
 * @epoch: never falls from one entry to the next
 * @overlap: position of the newest earlier entry that it overlaps and that was
 *	not yet written everywhere, or 0
 * @settled: ditto_stream_settled() when it was added
 * @followers: a bit for each node id that was sent the stream then
 * @blockers: how many earlier entries that it overlaps are not done locally,
 *	and one more while it is DITTO_ENTRYF_COLD
 * @kind: enum ditto_entry_kind
 * @flags: DITTO_ENTRYF_*
 */
struct ditto_entry {
	struct list_head link;
	struct list_head note;
	struct list_head ready;
	struct ditto_range range;
	u64 position;
	u64 epoch;
	u64 overlap;
	u64 settled;
	u32 followers;
	u32 blockers;
	u8 kind;
	u32 flags;
};

/**
 * struct ditto_reader - somebody who reads a disk at a position, mostly the local one
 * @ready: in the list of what a call hands out as ready
 * @range: bytes, in the stream's ranges while the reader lives
 * @position: entries up to it that overlap are done locally when it is ready,
 *	and its data counts as read at this position
 * @blockers: how many entries that it overlaps are not done locally
 * @blocked: an overlapping entry at or before @position is under way locally
 * @guarding: entries that cross it must carry DITTO_ENTRYF_GUARD: an extent's
 *	reader lives until the target has acknowledged the extent as written, not
 *	just until the data is read, or a write may overtake it unguarded
 * @crossed: an overlapping entry has been added since (verify, repair)
 * @elsewhere: any follower's disk may be read, once the reader is ready: so what is
 *	waited for is not that the local disk has done an entry, but that all
 *	followers have written it
 */
struct ditto_reader {
	struct list_head ready;
	struct ditto_range range;
	u64 position;
	u32 blockers;
	bool blocked;
	bool guarding;
	bool crossed;
	bool elsewhere;
};

/**
 * struct ditto_follower - one peer that is sent the stream
 * @active: it is
 * @counted: completion waits for it, from entry @counted_from on
 * @counted_from: see @counted
 * @from: position of START: its first entry is the next
 * @sent: the last one handed to its sender
 * @received: acknowledged
 * @written: acknowledged, at most @received
 * @durable: acknowledged, at most @written
 * @folded: position of the last entry that bits stand for and that it has not said
 *	to be durable, or 0
 * @next: the entry to send next; NULL: found from the list's end
 */
struct ditto_follower {
	bool active;
	bool counted;
	u64 counted_from;
	u64 from;
	u64 sent;
	u64 received;
	u64 written;
	u64 durable;
	u64 folded;
	struct ditto_entry *next;
};

/*
 * Four questions to which the entries of the stream answer yes up to a point
 * and no behind it, since acknowledgements are prefixes. For each the stream
 * keeps that point, so that an acknowledgement only touches the entries whose
 * answer it changes.
 */
enum ditto_stream_mark {
	DITTO_MARK_COUNTED_DURABLE,	/* all that completion waits for have it durably */
	DITTO_MARK_COUNTED_WRITTEN,	/* all that completion waits for have written it */
	DITTO_MARK_ALL_WRITTEN,		/* all followers have written it */
	DITTO_MARK_ALL_DURABLE,		/* all followers have it durably */
	DITTO_MARKS,
};

/*
 * The local disk, as the stream sees it. One that has failed leaves the roster
 * as a lost follower does (G8): nobody hears of what it lacks before the others
 * have recorded that it does.
 */
enum ditto_stream_disk {
	DITTO_STREAM_DISK_SOUND,
	DITTO_STREAM_DISK_FAILED,	/* it lacks something: completions wait */
	DITTO_STREAM_DISK_ABSENT,	/* its ABSENT is in the stream: completions wait */
	DITTO_STREAM_DISK_LEFT,		/* it is in no roster: only followers count */
};

/**
 * struct ditto_stream - the stream of a resource
 * @position: last assigned
 * @epoch: of the next entry
 * @hold: completions wait for a roster change
 * @disk: the local disk; see ditto_stream_disk_failed()
 * @entries: listed entries in position order
 * @ranges: entries not yet written everywhere and readers
 * @held: entries that would be done but for @hold, linked by note, by position
 * @followers: by node id
 * @nodes: a bit for each active follower
 * @active: how many followers are active
 * @listed: how many entries are listed
 * @folded_from: position of the first entry that was folded and is not durable
 *	everywhere, or 0
 * @marks: for each enum ditto_stream_mark the link of the first listed entry
 *	that it is not yet true of, or @entries
 */
struct ditto_stream {
	u64 position;
	u64 epoch;
	bool hold;
	enum ditto_stream_disk disk;
	struct list_head entries;
	struct ditto_ranges ranges;
	struct list_head held;
	struct ditto_follower followers[DITTO_STREAM_FOLLOWERS];
	u32 nodes;
	u32 active;
	u32 listed;
	u64 folded_from;
	struct list_head *marks[DITTO_MARKS];
};

/**
 * struct ditto_stream_out - what a call has made possible
 * @ready: entries (by ditto_entry.ready) to submit to the local disk now
 * @readers: readers (by ditto_reader.ready) that may read now
 * @done: entries (by ditto_entry.note) whose user may hear
 * @released: entries (by ditto_entry.ready) whose payload nobody needs any more
 * @reaped: entries (by ditto_entry.link) that have left the stream: done and
 *	released, nothing refers to them any more
 * @unfolded: a bit for each follower that has all that was folded durably now
 *
 * An entry may be in done and in reaped of one call, and in released and in
 * reaped of one call: walk done and released first, reaped last.
 */
struct ditto_stream_out {
	struct list_head ready;
	struct list_head readers;
	struct list_head done;
	struct list_head released;
	struct list_head reaped;
	u32 unfolded;
};

void ditto_stream_out_init(struct ditto_stream_out *out);

/* Start, or start again after a promotion, at @position; no entry is alive. */
void ditto_stream_init(struct ditto_stream *s, u64 position, u64 epoch);

/**
 * ditto_stream_add() - take an entry into the stream
 * @e: kind, flags and range (start, last) are set by the caller
 *
 * Assigns position, epoch and overlap. Without followers the entry is not
 * listed. An entry that is DITTO_ENTRYF_COLD, or overlaps an earlier one which
 * the local disk has not done yet, is DITTO_ENTRYF_BLOCKED and is handed out as
 * ready later.
 *
 * Return: true where the caller may submit it to the local disk now.
 */
bool ditto_stream_add(struct ditto_stream *s, struct ditto_entry *e);

/* The regions of an entry that was added DITTO_ENTRYF_COLD are hot now. */
void ditto_stream_heated(struct ditto_stream *s, struct ditto_entry *e,
			 struct ditto_stream_out *out);

/*
 * Everything up to this position is done locally and durable at every follower.
 * A lost follower's writes may count as settled at once, so its ABSENT is added
 * in the same step as ditto_stream_drop(); what is told to a follower with an
 * entry is ditto_entry.settled, which was true before anything that comes later.
 * By itself (SETTLED) it is told only to a follower that has been sent every
 * entry: one that knows of the loss, too.
 */
u64 ditto_stream_settled(const struct ditto_stream *s);

/*
 * The regions of everything up to this position are hot on the local disk until
 * it is settled. A follower may have got what is behind it all the same.
 */
u64 ditto_stream_logged(const struct ditto_stream *s);

/*
 * The local disk is of no use any more; called before ditto_stream_local_done() of
 * what it has failed to write. From here on nothing but DITTO_ENTRYF_URGENT
 * entries is handed out as done until ditto_stream_disk_left(), and nothing that
 * waits for that is settled. Does nothing where it is known.
 */
void ditto_stream_disk_failed(struct ditto_stream *s);

/*
 * In the same step the caller adds an ABSENT for the local node, with what this
 * returns: up to there it lacks nothing. What is added from here on it is known to
 * lack, and settles without it.
 */
u64 ditto_stream_disk_absent(struct ditto_stream *s);

/*
 * A roster without the local disk is durable at all that are in it, or nobody is
 * left to be told. An entry for which completion waited at no follower is handed
 * out as done with DITTO_ENTRYF_FAILED from here on: no copy holds it that counts.
 */
void ditto_stream_disk_left(struct ditto_stream *s, struct ditto_stream_out *out);

/**
 * ditto_stream_local_done() - the local disk has completed an entry
 *
 * Called once per entry; for ROSTER and JOIN it means that the local metadata
 * holds what the entry says. An entry without followers is handed out as done,
 * released and reaped together.
 */
void ditto_stream_local_done(struct ditto_stream *s, struct ditto_entry *e,
			     struct ditto_stream_out *out);

/**
 * ditto_stream_local_alone() - the same, where it concerns nobody else
 *
 * A short way for what is most of the work of a Primary that nobody follows.
 *
 * Return: true for a write without followers that nothing waits for, and for whose
 * end nothing else has to happen: it is out of the stream, and the caller's to end.
 * False: nothing has happened, ditto_stream_local_done() is to be called.
 */
bool ditto_stream_local_alone(struct ditto_stream *s, struct ditto_entry *e);

/**
 * ditto_stream_acked() - a follower has acknowledged
 *
 * Return: 0, -EPROTO where an acknowledgement goes back, is ahead of what was
 * sent, or is from a node that does not follow; nothing has changed then.
 */
int ditto_stream_acked(struct ditto_stream *s, u32 node, u64 received, u64 written, u64 durable,
		       struct ditto_stream_out *out);

/*
 * An epoch ends: a flush or FUA write completes to the user. Call it before
 * the user hears.
 */
void ditto_stream_end_epoch(struct ditto_stream *s);

/* From the next entry on @node is sent the stream. Return: position of START. */
u64 ditto_stream_follow(struct ditto_stream *s, u32 node);

/* From entry @from on completion waits for @node (a JOIN, or a START as member). */
void ditto_stream_count(struct ditto_stream *s, u32 node, u64 from);

/**
 * ditto_stream_drop() - a follower is lost
 * @missing: called for the range of every entry that is not known durable there
 * @arg: for @missing
 *
 * With ditto_stream_hold() before it, entries that no longer wait for the lost
 * follower are not handed out until ditto_stream_unhold().
 */
void ditto_stream_drop(struct ditto_stream *s, u32 node,
		       void (*missing)(void *arg, u64 start, u64 size), void *arg,
		       struct ditto_stream_out *out);

/**
 * ditto_stream_fold() - free the records of entries that wait only for durability
 * @most: how many of them
 * @missing: called for the range of each and each follower that has not said that it
 *	is durable there: a bit has to stand for it from now on
 * @arg: for @missing
 *
 * For when records are short (rule 6 of the write path). They are the oldest of the
 * list, and are handed out as reaped. The bits are not out of sync while the
 * follower lives: ditto_stream_acked() names it in ditto_stream_out.unfolded once
 * it is durable behind the last of them, and they are cleared; when it is dropped
 * before, they stay. Until then nothing of it is settled.
 *
 * Return: how many entries that were.
 */
u32 ditto_stream_fold(struct ditto_stream *s, u32 most,
		      void (*missing)(void *arg, u32 node, u64 start, u64 size), void *arg,
		      struct ditto_stream_out *out);

/*
 * Is everything durable at all that follow, and no roster change on its way? A
 * flush that begins then is the local disk's alone, and need not be an entry: it is
 * about writes that are complete by then, which all that follow have on their disks
 * before anything later, whatever its epoch; whoever follows later has them from
 * elsewhere.
 */
bool ditto_stream_quiet(const struct ditto_stream *s);

/* Nothing but DITTO_ENTRYF_URGENT entries is handed out as done until unhold. */
void ditto_stream_hold(struct ditto_stream *s);
void ditto_stream_unhold(struct ditto_stream *s, struct ditto_stream_out *out);

/**
 * ditto_stream_next() - the next entry to send to a follower
 * Return: the entry, ditto_follower.sent moved on to it; NULL where none is left.
 *
 * The stream remembers where each follower is; @cursor is not looked at and may
 * be NULL.
 */
struct ditto_entry *ditto_stream_next(struct ditto_stream *s, u32 node,
				      struct ditto_entry *cursor);

/*
 * Age of the oldest entry that @node has not acknowledged as written (durable
 * where the entry asks for it): that entry, or NULL where there is none.
 */
struct ditto_entry *ditto_stream_oldest(struct ditto_stream *s, u32 node);

/**
 * ditto_stream_read_begin() - read a disk at the present position
 * @r: range, guarding and elsewhere are set by the caller
 * Return: true where the caller may read now; else it is handed out as ready.
 */
bool ditto_stream_read_begin(struct ditto_stream *s, struct ditto_reader *r);
void ditto_stream_read_end(struct ditto_stream *s, struct ditto_reader *r);

/**
 * ditto_stream_repair_begin() - a range that the local disk cannot read is written anew
 * @r: range is set by the caller
 *
 * What a member reads from here on, all that was ever written to the range, may be
 * written once more, as an entry like any other, where nothing has crossed it by
 * then: see ditto_stream_repair_end(). Every disk has it already, so that it does no
 * harm there, and later writes come after it everywhere.
 *
 * Return: false, and @r is not used, where a write to the range is under way: a
 * member may not have it yet.
 */
bool ditto_stream_repair_begin(struct ditto_stream *s, struct ditto_reader *r);

/*
 * The data is there, or does not come. Return: may it be added in this same step?
 * Where a write has crossed it, it is not what the disks hold any more.
 */
bool ditto_stream_repair_end(struct ditto_stream *s, struct ditto_reader *r);

#endif /* DITTO_CORE_STREAM_H */
