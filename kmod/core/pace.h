/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How much of a resync may be on its way, so that users do not notice it and it
 * is over soon. Nothing is set by hand: everything is measured.
 *
 * While nobody writes, the target's path is to be full and no fuller. Each
 * extent that the target has written says how fast the path delivers and how long
 * it takes; what is on its way is twice the product, so that it grows as long as
 * more on its way gets through faster.
 *
 * While somebody writes, what users feel decides. Writes that met nothing of a
 * resync say how long a write takes by itself; those that did must not take
 * longer than half as much again. The budget, shared by all targets, falls at
 * once where they do, and grows where they do not:
 *
 *	budget	   /|    /|  /|        every few seconds, or when the floor
 *	          / |   / | / |        does not help, nothing is sent for a
 *	         /  |  /  |/  |  /|    few writes, which say how long a write
 *	        /   | /   |   | / |    takes by itself nowadays (a probe)
 *	       /    |/    |   |/
 *	     grow  cut     probe
 *
 * Of the writes that a decision rests on the slowest does not count: one that is
 * slow for reasons of its own says nothing of the others.
 *
 * A link may be so slow that even the smallest extent delays a write too much:
 * then there is a gap between one and the next, of at most DITTO_PACE_GAPS times
 * what one takes, so that a resync always gets on.
 *
 * Times are nanoseconds of a clock that does not go back. All functions are
 * called under one lock of the caller's and neither sleep nor allocate.
 */
#ifndef DITTO_CORE_PACE_H
#define DITTO_CORE_PACE_H

#include "port.h"

#define DITTO_PACE_MS		1000000ull
#define DITTO_PACE_SECOND	(1000 * DITTO_PACE_MS)

/* Bytes of an extent. */
#define DITTO_PACE_EXTENT_MOST	(512u << 10)
#define DITTO_PACE_EXTENT_LEAST	(16u << 10)
/* Bytes on their way to a target while nobody writes; to begin with. */
#define DITTO_PACE_IDLE_MOST	(64u << 20)
#define DITTO_PACE_IDLE_FIRST	(2u << 20)
#define DITTO_PACE_IDLE_LEAST	(256u << 10)
/* Users are idle when nothing was written for so long. */
#define DITTO_PACE_IDLE_AFTER	DITTO_PACE_SECOND
/* From the end of one probe to the beginning of the next. */
#define DITTO_PACE_PROBE_EVERY	(4 * DITTO_PACE_SECOND)
#define DITTO_PACE_PROBE_SOON	DITTO_PACE_SECOND
/* A probe ends after so many writes, or so long a time. */
#define DITTO_PACE_PROBE_WRITES	8u
#define DITTO_PACE_PROBE_MOST	(400 * DITTO_PACE_MS)
/* What is on its way when it begins may take so long besides. */
#define DITTO_PACE_PROBE_DRAIN	(2 * DITTO_PACE_SECOND)
/* Writes that a decision rests on. */
#define DITTO_PACE_WRITES	8u
/* Extents' times of rest behind one, at most. */
#define DITTO_PACE_GAPS		3u

/**
 * struct ditto_pace_times - how long some writes took
 * @sum: of all of them
 * @worst: of the slowest
 * @count: how many
 */
struct ditto_pace_times {
	u64 sum;
	u64 worst;
	u32 count;
};

/**
 * struct ditto_pace - what users feel of the resyncs of a resource
 * @inflight: bytes on their way to all targets
 * @emptied: when that became 0 last
 * @writing: users' writes under way
 * @wrote: when one began or ended last
 * @alone: how long a write takes that meets nothing of a resync; 0: not known
 * @decided: when the budget was last thought about
 * @met: writes that began since then and met some of a resync
 * @peak: the most that was on its way since then
 * @quiet: writes that met nothing in this probe
 * @budget: bytes that may be on their way to all targets while users write
 * @gap: rest behind an extent, at the floor
 * @taking: how long an extent takes, lately, from its read to its acknowledgement
 * @probing: a probe is under way
 * @probed: when @alone was last measured; while a probe is under way, when it began
 */
struct ditto_pace {
	u64 inflight;
	u64 emptied;
	u32 writing;
	u64 wrote;
	u64 alone;
	u64 decided;
	struct ditto_pace_times met;
	u64 peak;
	struct ditto_pace_times quiet;
	u64 budget;
	u64 gap;
	u64 taking;
	bool probing;
	u64 probed;
};

/**
 * struct ditto_path - what one target's path carries
 * @delivered: bytes acknowledged as written since it began
 * @rate: bytes a second, the most seen in this period
 * @rate_before: and in the one before
 * @period: when this one began
 * @round_trip: the shortest time that an extent took
 * @rest: nothing is taken before then while users write
 */
struct ditto_path {
	u64 delivered;
	u64 rate;
	u64 rate_before;
	u64 period;
	u64 round_trip;
	u64 rest;
};

/**
 * struct ditto_parcel - what an extent carries with it to say how it fared
 * @taken: when
 * @delivered: of its path, then
 * @size: bytes
 */
struct ditto_parcel {
	u64 taken;
	u64 delivered;
	u32 size;
};

void ditto_pace_init(struct ditto_pace *p, u64 now);
void ditto_path_init(struct ditto_path *path, u64 now);

/* A user's write begins; @now may be a little late. */
void ditto_pace_write_begins(struct ditto_pace *p, u64 now);
/*
 * One that began at @begun is complete; @data: it is neither a flush nor a discard.
 *
 * Return: true where this may be what an extent waits for.
 */
bool ditto_pace_write_ends(struct ditto_pace *p, u64 begun, bool data, u64 now);

/* Do users write? */
bool ditto_pace_yields(const struct ditto_pace *p, u64 now);

/**
 * ditto_pace_extent() - how large may the next extent to a target be?
 * @inflight: bytes on their way to that target
 * @targets: how many share the budget, at least 1
 * @block: bytes that an extent has at least: of the target's bitmap
 * @wait: written where 0 is returned: look again after so long, or when an extent
 *	is acknowledged or a write ends; 0: only then
 *
 * Return: bytes, at least @block, or 0 where none may be taken now.
 */
u32 ditto_pace_extent(struct ditto_pace *p, const struct ditto_path *path, u64 inflight,
		      u32 targets, u32 block, u64 now, u64 *wait);

/* An extent of @size has been taken. */
void ditto_pace_taken(struct ditto_pace *p, const struct ditto_path *path,
		      struct ditto_parcel *parcel, u32 size, u64 now);
/* The target has written it. */
void ditto_pace_written(struct ditto_pace *p, struct ditto_path *path,
			const struct ditto_parcel *parcel, u64 now);
/* It will not be. */
void ditto_pace_dropped(struct ditto_pace *p, const struct ditto_parcel *parcel, u64 now);

#endif /* DITTO_CORE_PACE_H */
