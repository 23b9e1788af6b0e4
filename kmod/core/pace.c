// SPDX-License-Identifier: GPL-2.0
#include "pace.h"

#define FIRST_BUDGET	(64u << 10)
#define MICROSECOND	1000u
#define SECOND_US	1000000u
/* How far back the fastest delivery is remembered: one to two of these. */
#define PERIOD		(2 * DITTO_PACE_SECOND)
/* Of slow paths a queue of this part of a second is enough, however large that is. */
#define QUEUE_PART	8u

void ditto_pace_init(struct ditto_pace *p, u64 now)
{
	memset(p, 0, sizeof(*p));
	p->budget = FIRST_BUDGET;
	p->emptied = now;
	p->decided = now;
	/* Nobody has written for a long time, or is the first to. */
	p->wrote = now - min_t(u64, now, DITTO_PACE_IDLE_AFTER);
	p->probed = now;
}

void ditto_path_init(struct ditto_path *path, u64 now)
{
	memset(path, 0, sizeof(*path));
	path->period = now;
}

bool ditto_pace_yields(const struct ditto_pace *p, u64 now)
{
	return p->writing || now - p->wrote < DITTO_PACE_IDLE_AFTER;
}

static void add_time(struct ditto_pace_times *times, u64 took)
{
	times->sum += took;
	times->worst = max(times->worst, took);
	times->count++;
}

/* Without the slowest. */
static u64 typical(const struct ditto_pace_times *times)
{
	if (times->count < 2)
		return times->sum;
	return div_u64(times->sum - times->worst, times->count - 1);
}

/* Longer than that a write should not take. */
static u64 limit(const struct ditto_pace *p)
{
	return p->alone + p->alone / 2;
}

static bool at_floor(const struct ditto_pace *p)
{
	return p->budget <= DITTO_PACE_EXTENT_LEAST;
}

static void cut(struct ditto_pace *p)
{
	if (!at_floor(p))
		p->budget = max_t(u64, p->budget - p->budget * 3 / 8, DITTO_PACE_EXTENT_LEAST);
	else
		p->gap = min(max(2 * p->gap, p->taking / 2), DITTO_PACE_GAPS * p->taking);
}

static void grow(struct ditto_pace *p)
{
	if (p->gap)
		p->gap = p->gap > p->taking / 4 ? p->gap / 2 : 0;
	else if (2 * p->peak >= p->budget)
		p->budget = min_t(u64, p->budget + p->budget / 4, DITTO_PACE_IDLE_MOST);
}

/* Look at what comes from now on. */
static void forget(struct ditto_pace *p, u64 now)
{
	p->decided = now;
	memset(&p->met, 0, sizeof(p->met));
	p->peak = p->inflight;
}

/* A write has met some of a resync. */
static void met(struct ditto_pace *p, u64 begun, u64 now)
{
	bool late;

	/* One that began before the last decision says nothing of its effect. */
	if (begun < p->decided || !p->alone)
		return;
	add_time(&p->met, now - begun);
	late = p->met.sum - p->met.worst > limit(p) * (DITTO_PACE_WRITES - 1);
	if (!late && p->met.count < DITTO_PACE_WRITES)
		return;
	if (late || typical(&p->met) > limit(p))
		cut(p);
	else
		grow(p);
	forget(p, now);
}

static void end_probe(struct ditto_pace *p, u64 now)
{
	u64 took = typical(&p->quiet);

	/* A few writes of one moment are not believed alone. */
	if (p->quiet.count)
		p->alone = p->alone ? (p->alone + took) / 2 : took;
	p->probing = false;
	p->probed = now;
	forget(p, now);
}

/* A write has met nothing of one. */
static void met_nothing(struct ditto_pace *p, u64 begun, u64 now)
{
	u64 took = now - begun;

	if (p->probing) {
		add_time(&p->quiet, took);
		if (p->quiet.count >= DITTO_PACE_PROBE_WRITES)
			end_probe(p, now);
		return;
	}
	if (p->alone)
		p->alone = p->alone - p->alone / 16 + min(took, 4 * p->alone) / 16;
	else
		p->alone = took;
	p->probed = now;
}

void ditto_pace_write_begins(struct ditto_pace *p, u64 now)
{
	p->writing++;
	p->wrote = max(p->wrote, now);
}

bool ditto_pace_write_ends(struct ditto_pace *p, u64 begun, bool data, u64 now)
{
	bool probing = p->probing;

	p->writing--;
	p->wrote = now;
	if (data) {
		if (!p->inflight && begun >= p->emptied)
			met_nothing(p, begun, now);
		else if (!p->probing)
			met(p, begun, now);
	}
	return probing ? !p->probing : p->gap > 0;
}

static bool probe_due(const struct ditto_pace *p, u64 now)
{
	u64 since = now - p->probed;

	return !p->alone || since >= DITTO_PACE_PROBE_EVERY ||
	       (at_floor(p) && p->gap && since >= DITTO_PACE_PROBE_SOON);
}

/* When the probe is over, whatever has been written until then. */
static u64 probe_end(const struct ditto_pace *p)
{
	if (p->inflight)
		return p->probed + DITTO_PACE_PROBE_DRAIN;
	return max(p->probed, p->emptied) + DITTO_PACE_PROBE_MOST;
}

/* Return: is one under way? */
static bool probe(struct ditto_pace *p, u64 now)
{
	if (!p->probing) {
		if (!probe_due(p, now))
			return false;
		p->probing = true;
		p->probed = now;
		memset(&p->quiet, 0, sizeof(p->quiet));
	}
	if (now < probe_end(p))
		return true;
	end_probe(p, now);
	return false;
}

/* Bytes that fill the path, and as many again. */
static u64 idle_window(const struct ditto_path *path)
{
	u64 rate = max(path->rate, path->rate_before);
	u64 window;

	if (!rate)
		return DITTO_PACE_IDLE_FIRST;
	window = 2 * div_u64(rate * div_u64(path->round_trip, MICROSECOND), SECOND_US);
	window = max(window, min_t(u64, rate / QUEUE_PART, DITTO_PACE_IDLE_FIRST));
	window = max_t(u64, window, DITTO_PACE_IDLE_LEAST);
	return min_t(u64, window, DITTO_PACE_IDLE_MOST);
}

/* An extent that fits into @window together with others, of whole blocks. */
static u32 part_of(u64 window, u32 parts, u32 block)
{
	u32 bytes = min_t(u64, window / parts, DITTO_PACE_EXTENT_MOST);

	bytes = max(bytes, DITTO_PACE_EXTENT_LEAST);
	return max(round_down(bytes, block), block);
}

static u32 fits(u64 inflight, u32 bytes, u64 window)
{
	/* One always does. */
	return !inflight || inflight + bytes <= window ? bytes : 0;
}

u32 ditto_pace_extent(struct ditto_pace *p, const struct ditto_path *path, u64 inflight,
		      u32 targets, u32 block, u64 now, u64 *wait)
{
	u64 window = idle_window(path);

	*wait = 0;
	if (!ditto_pace_yields(p, now)) {
		p->probing = false;
		return fits(inflight, part_of(window, 4, block), window);
	}
	if (probe(p, now)) {
		*wait = max(probe_end(p), now + DITTO_PACE_MS) - now;
		return 0;
	}
	if (p->gap && now < path->rest) {
		*wait = path->rest - now;
		return 0;
	}
	window = min(window, div_u64(p->budget, targets));
	/* One large extent costs users less than several small ones. */
	return fits(inflight, part_of(window, 1, block), window);
}

void ditto_pace_taken(struct ditto_pace *p, const struct ditto_path *path,
		      struct ditto_parcel *parcel, u32 size, u64 now)
{
	parcel->taken = now;
	parcel->delivered = path->delivered;
	parcel->size = size;
	p->inflight += size;
	p->peak = max(p->peak, p->inflight);
}

static void leaves(struct ditto_pace *p, const struct ditto_parcel *parcel, u64 now)
{
	p->inflight -= parcel->size;
	if (!p->inflight)
		p->emptied = now;
}

void ditto_pace_written(struct ditto_pace *p, struct ditto_path *path,
			const struct ditto_parcel *parcel, u64 now)
{
	u64 took = max_t(u64, now - parcel->taken, MICROSECOND);
	u64 rate;

	leaves(p, parcel, now);
	path->delivered += parcel->size;
	rate = div64_u64((path->delivered - parcel->delivered) * SECOND_US,
			 div_u64(took, MICROSECOND));
	if (now - path->period >= PERIOD) {
		path->rate_before = path->rate;
		path->rate = 0;
		path->period = now;
	}
	path->rate = max(path->rate, rate);
	path->round_trip = path->round_trip ? min(path->round_trip, took) : took;
	p->taking = p->taking ? p->taking - p->taking / 4 + took / 4 : took;
	path->rest = now + p->gap;
}

void ditto_pace_dropped(struct ditto_pace *p, const struct ditto_parcel *parcel, u64 now)
{
	leaves(p, parcel, now);
}
