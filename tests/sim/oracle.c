// SPDX-License-Identifier: GPL-2.0
#include "oracle.h"

#define NOWHERE	U32_MAX

static struct list_head timelines;
static u32 timeline_count;
static u64 write_count;

void oracle_init(void)
{
	INIT_LIST_HEAD(&timelines);
	timeline_count = 0;
	write_count = 0;
}

void oracle_free(void)
{
	struct timeline *t, *next;
	struct write *w, *next_w;
	u32 i;

	list_for_each_entry_safe(t, next, &timelines, link) {
		list_for_each_entry_safe(w, next_w, &t->writes, link)
			free(w);
		for (i = 0; i < SIM_SECTORS; i++)
			free(t->versions[i]);
		free(t);
	}
	INIT_LIST_HEAD(&timelines);
}

static void add_version(struct timeline *t, u32 sector, u64 value, struct write *w)
{
	if (t->count[sector] == t->room[sector]) {
		t->room[sector] = t->room[sector] ? 2 * t->room[sector] : 8;
		t->versions[sector] = realloc(t->versions[sector],
					      t->room[sector] * sizeof(struct version));
	}
	t->versions[sector][t->count[sector]++] = (struct version){ value, w };
}

static struct write *write_new(struct timeline *t)
{
	struct write *w = calloc(1, sizeof(*w));

	w->acked = NEVER;
	w->must = NEVER;
	list_add_tail(&w->link, &t->writes);
	return w;
}

/* The newest version with that value. */
static u32 newest(const struct timeline *t, u32 sector, u64 value)
{
	u32 i = t->count[sector];

	while (i--) {
		if (t->versions[sector][i].value == value)
			return i;
	}
	return NOWHERE;
}

static u32 oldest(const struct timeline *t, u32 sector, u64 value)
{
	u32 i;

	if (value)
		return newest(t, sector, value);
	for (i = 0; i < t->count[sector]; i++) {
		if (t->versions[sector][i].value == value)
			return i;
	}
	return NOWHERE;
}

/* Its own copy of each write: it is acknowledged here when it is there at all. */
static struct write *adopt(struct timeline *t, struct write *w, u64 left)
{
	if (w->copy)
		return w->copy;
	w->copy = write_new(t);
	w->copy->origin = w;
	w->copy->id = w->id;
	w->copy->submitted = w->submitted;
	w->copy->preflush = w->preflush;
	w->copy->acked = min(w->acked, sim.clock);
	/* A flush without this node has made nothing durable here. */
	w->copy->must = w->must < left ? w->must : NEVER;
	w->copy->first = w->first;
	w->copy->count = w->count;
	return w->copy;
}

/* What was acknowledged and is not there, in all timelines that led here. */
static void forgive_rest(struct timeline *from, u32 sector, u32 held)
{
	struct write *w;
	u32 i;

	for (i = held + 1; i < from->count[sector]; i++) {
		for (w = from->versions[sector][i].write; w && w->acked != NEVER; w = w->origin)
			w->forgiven = true;
	}
}

struct timeline *oracle_fork(struct timeline *from, const struct disk *disk, bool forgive)
{
	struct timeline *t = calloc(1, sizeof(*t));
	struct write *base, *w;
	u64 left = from ? from->left[disk->owner] : 0;
	u32 i, v, held;

	t->number = ++timeline_count;
	INIT_LIST_HEAD(&t->writes);
	list_add_tail(&t->link, &timelines);
	base = write_new(t);
	base->acked = sim.clock;
	if (from) {
		list_for_each_entry(w, &from->writes, link)
			w->copy = NULL;
	}
	for (i = 0; i < SIM_SECTORS; i++) {
		held = from ? newest(from, i, disk_live(disk, i)) : NOWHERE;
		if (held == NOWHERE) {
			add_version(t, i, disk_live(disk, i), base);
			continue;
		}
		for (v = 0; v <= held; v++)
			add_version(t, i, from->versions[i][v].value,
				    adopt(t, from->versions[i][v].write, left));
		if (forgive)
			forgive_rest(from, i, held);
	}
	return t;
}

u64 oracle_values(u32 first, u32 count, u64 *values)
{
	u64 id = ++write_count;
	u32 i;

	for (i = 0; i < count; i++)
		values[i] = id << 16 | (first + i);
	return id;
}

struct write *oracle_submit(struct timeline *t, u32 first, u32 count, const u64 *values,
			    bool flush, bool preflush, bool fua)
{
	struct write *w = write_new(t);
	u32 i;

	w->id = values ? values[0] >> 16 : ++write_count;
	w->submitted = sim.clock;
	w->flush = flush;
	w->preflush = preflush;
	w->fua = fua;
	w->first = first;
	w->count = count;
	for (i = 0; i < count; i++)
		add_version(t, first + i, values ? values[i] : 0, w);
	return w;
}

void oracle_ack(struct timeline *t, struct write *w)
{
	struct write *other;

	w->acked = sim.clock;
	if (w->fua && w->count)
		w->must = sim.clock;
	if (!w->flush && !w->preflush)
		return;
	list_for_each_entry(other, &t->writes, link) {
		if (other->acked < w->submitted && other->must == NEVER)
			other->must = sim.clock;
	}
}

void oracle_check_promotion(const struct timeline *t, const struct disk *disk, u32 node,
			    bool flushed_only)
{
	const struct write *w;
	u32 i, v, held;

	for (i = 0; i < SIM_SECTORS; i++) {
		held = newest(t, i, disk_live(disk, i));
		if (held == NOWHERE) {
			broken("G1", "node %u promoted with sector %u holding %llx, never written",
			       node, i, disk_live(disk, i));
			return;
		}
		for (v = held + 1; v < t->count[i]; v++) {
			w = t->versions[i][v].write;
			if ((flushed_only ? w->must : w->acked) >= t->left[node])
				continue;
			broken("G1", "node %u promoted without write %llu of sector %u, acknowledged at %llu (it holds %llu)",
			       node, w->id, i, w->acked, t->versions[i][held].write->id);
			return;
		}
	}
}

void oracle_check_reads(const struct timeline *t, const struct disk *disk)
{
	u32 i, v, held;

	for (i = 0; i < SIM_SECTORS; i++) {
		held = newest(t, i, disk_live(disk, i));
		for (v = held + 1; held != NOWHERE && v < t->count[i]; v++) {
			if (t->versions[i][v].write->acked == NEVER)
				continue;
			broken("G1", "Primary %u: sector %u lacks acknowledged write %llu",
			       disk->owner, i, t->versions[i][v].write->id);
			return;
		}
		if (held == NOWHERE)
			broken("G1", "Primary %u: sector %u holds %llx, never written",
			       disk->owner, i, disk_live(disk, i));
	}
}

/**
 * struct survey - the newest writes that might survive, of two sectors
 * @first: submitted when; @sector: where; @second: the newest of all other sectors
 */
struct survey {
	u64 first;
	u64 second;
	u32 sector;
};

static void survey_add(struct survey *s, u32 sector, u64 submitted)
{
	if (sector == s->sector) {
		s->first = max(s->first, submitted);
	} else if (submitted > s->first) {
		s->second = s->first;
		s->first = submitted;
		s->sector = sector;
	} else {
		s->second = max(s->second, submitted);
	}
}

/* What else may survive beside a version of @sector that was submitted at @own? */
static u64 beside(const struct survey *s, u32 sector, u64 own)
{
	return max(own, sector == s->sector ? s->second : s->first);
}

/* Sectors that an access under way may write. */
static void being_written(const struct disk *disk, unsigned long *sectors)
{
	const struct disk_io *io;
	u32 i;

	list_for_each_entry(io, &disk->ios, link) {
		if (io->op != DISK_WRITE || io->landed)
			continue;
		for (i = 0; i < io->count; i++)
			__set_bit(io->first + i, sectors);
	}
}

static u32 survivors(const struct disk *disk, u32 sector, const unsigned long *writing,
		     u64 *values)
{
	const struct disk_sector *s = &disk->sectors[sector];
	const struct disk_io *io;
	u32 count = s->count, i;

	for (i = 0; i < count; i++)
		values[i] = s->value[i];
	if (!test_bit(sector, writing))
		return count;
	list_for_each_entry(io, &disk->ios, link) {
		/* What a preflush goes before is kept until that has happened. */
		if (io->flags & DISK_PREFLUSH && !io->flushed)
			continue;
		if (io->op == DISK_WRITE && !io->landed && sector >= io->first &&
		    sector < io->first + io->count && !test_bit(sector - io->first, io->mask) &&
		    count < DISK_VERSIONS + 2)
			values[count++] = io->data[sector - io->first];
	}
	return count;
}

static void check_sector(const struct timeline *t, const struct disk *disk, u32 sector,
			 u64 value, const struct survey *any, const struct survey *preflush)
{
	const struct write *own, *lacking;
	u32 held = newest(t, sector, value), v;
	u64 with, with_preflush;

	if (held + 1 == t->count[sector])
		return;
	own = t->versions[sector][oldest(t, sector, value)].write;
	with = beside(any, sector, own->submitted);
	with_preflush = beside(preflush, sector, own->preflush ? own->submitted : 0);
	for (v = held + 1; v < t->count[sector]; v++) {
		lacking = t->versions[sector][v].write;
		if (lacking->must < t->left[disk->owner]) {
			broken("G1", "node %u may lose write %llu of sector %u, which was flushed at %llu",
			       disk->owner, lacking->id, sector, lacking->must);
			return;
		}
		if (lacking->must >= with && lacking->acked >= with_preflush)
			continue;
		broken("G4", "node %u may survive without write %llu of sector %u (held %llu), acknowledged %llu, durable by %llu, and with one submitted at %llu (preflush %llu)",
		       disk->owner, lacking->id, sector, t->versions[sector][held].write->id,
		       lacking->acked, lacking->must, with, with_preflush);
		return;
	}
}

void oracle_check_order(const struct timeline *t, const struct disk *disk)
{
	struct survey any = { .sector = NOWHERE }, preflush = { .sector = NOWHERE };
	unsigned long writing[SIM_MASK] = {};
	u64 values[DISK_VERSIONS + 2];
	const struct write *w;
	u32 i, v, count, at;

	being_written(disk, writing);
	for (i = 0; i < SIM_SECTORS; i++) {
		count = survivors(disk, i, writing, values);
		for (v = 0; v < count; v++) {
			at = oldest(t, i, values[v]);
			if (at == NOWHERE) {
				broken("G4", "node %u: sector %u may hold %llx, never written",
				       disk->owner, i, values[v]);
				return;
			}
			w = t->versions[i][at].write;
			survey_add(&any, i, w->submitted);
			if (w->preflush)
				survey_add(&preflush, i, w->submitted);
		}
	}
	for (i = 0; i < SIM_SECTORS; i++) {
		count = survivors(disk, i, writing, values);
		for (v = 0; v < count; v++)
			check_sector(t, disk, i, values[v], &any, &preflush);
	}
}

static bool has_write(const struct timeline *t, u32 sector, const struct version *wanted)
{
	u32 v = t->count[sector];

	while (v--) {
		if (t->versions[sector][v].write->id == wanted->write->id ||
		    (!wanted->value && !t->versions[sector][v].value))
			return true;
	}
	return false;
}

void oracle_check_overwrite(const struct timeline *from, u32 node, const struct timeline *into)
{
	const struct version *version;
	u32 i, v;

	if (from == into)
		return;
	for (i = 0; i < SIM_SECTORS; i++) {
		for (v = from->count[i]; v--;) {
			version = &from->versions[i][v];
			if (version->write->acked >= from->left[node] || version->write->forgiven)
				continue;
			if (!has_write(into, i, version) && version->write->id)
				broken("G6", "node %u is overwritten unasked: write %llu of sector %u is not in timeline %u",
				       node, version->write->id, i, into->number);
			break;
		}
	}
}
