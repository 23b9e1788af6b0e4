// SPDX-License-Identifier: GPL-2.0
#include "stream.h"

static struct ditto_entry *of_link(struct list_head *link)
{
	return list_entry(link, struct ditto_entry, link);
}

static struct ditto_entry *of_range(struct ditto_range *range)
{
	return container_of(range, struct ditto_entry, range);
}

static struct ditto_reader *reader_of_range(struct ditto_range *range)
{
	return container_of(range, struct ditto_reader, range);
}

static bool has_range(const struct ditto_entry *e)
{
	return e->kind == DITTO_ENTRY_WRITE || e->kind == DITTO_ENTRY_DISCARD ||
	       e->kind == DITTO_ENTRY_ZEROES;
}

void ditto_stream_out_init(struct ditto_stream_out *out)
{
	INIT_LIST_HEAD(&out->ready);
	INIT_LIST_HEAD(&out->readers);
	INIT_LIST_HEAD(&out->done);
	INIT_LIST_HEAD(&out->released);
	INIT_LIST_HEAD(&out->reaped);
	out->unfolded = 0;
}

void ditto_stream_init(struct ditto_stream *s, u64 position, u64 epoch)
{
	int mark;

	memset(s, 0, sizeof(*s));
	s->position = position;
	s->epoch = epoch;
	INIT_LIST_HEAD(&s->entries);
	INIT_LIST_HEAD(&s->held);
	ditto_ranges_init(&s->ranges);
	for (mark = 0; mark < DITTO_MARKS; mark++)
		s->marks[mark] = &s->entries;
}

/*
 * Marks. Each question of enum ditto_stream_mark is a prefix: a follower
 * counts from a position on, so a higher entry waits for the same followers as
 * a lower one or for more, and each follower's numbers are prefixes.
 */

static bool reached(const struct ditto_stream *s, enum ditto_stream_mark mark, u64 position)
{
	bool durable = mark == DITTO_MARK_COUNTED_DURABLE || mark == DITTO_MARK_ALL_DURABLE;
	bool counted = mark == DITTO_MARK_COUNTED_DURABLE || mark == DITTO_MARK_COUNTED_WRITTEN;
	const struct ditto_follower *f;
	u32 nodes;

	for (nodes = s->nodes; nodes; nodes &= nodes - 1) {
		f = &s->followers[__ffs(nodes)];
		if (counted && (!f->counted || f->counted_from > position))
			continue;
		if ((durable ? f->durable : f->written) < position)
			return false;
	}
	return true;
}

/* Is @e before the mark? An entry that is not listed has no followers. */
static bool passed(const struct ditto_stream *s, enum ditto_stream_mark mark,
		   const struct ditto_entry *e)
{
	if (!(e->flags & DITTO_ENTRYF_LISTED) || s->marks[mark] == &s->entries)
		return true;
	return e->position < of_link(s->marks[mark])->position;
}

/* Into a list by note, in order of position, mostly at its end. */
static void note(struct ditto_entry *e, struct list_head *list)
{
	struct ditto_entry *before;

	list_for_each_entry_reverse(before, list, note) {
		if (before->position < e->position)
			break;
	}
	list_add(&e->note, &before->note);
}

/* Does completion of what is at @position wait for any follower? */
static bool counts(const struct ditto_stream *s, u64 position)
{
	const struct ditto_follower *f;
	u32 nodes;

	for (nodes = s->nodes; nodes; nodes &= nodes - 1) {
		f = &s->followers[__ffs(nodes)];
		if (f->counted && f->counted_from <= position)
			return true;
	}
	return false;
}

static bool on_hold(const struct ditto_stream *s)
{
	return s->hold || s->disk == DITTO_STREAM_DISK_FAILED ||
	       s->disk == DITTO_STREAM_DISK_ABSENT;
}

bool ditto_stream_quiet(const struct ditto_stream *s)
{
	return list_empty(&s->entries) && !s->folded_from && !s->hold &&
	       s->disk == DITTO_STREAM_DISK_SOUND;
}

static void finish(struct ditto_stream *s, struct ditto_entry *e, struct ditto_stream_out *out)
{
	bool durable = e->flags & DITTO_ENTRYF_DURABLE;

	if (!passed(s, durable ? DITTO_MARK_COUNTED_DURABLE : DITTO_MARK_COUNTED_WRITTEN, e))
		return;
	if (!on_hold(s) || e->flags & DITTO_ENTRYF_URGENT) {
		if (s->disk == DITTO_STREAM_DISK_LEFT && !counts(s, e->position))
			e->flags |= DITTO_ENTRYF_FAILED;
		e->flags |= DITTO_ENTRYF_DONE;
		note(e, &out->done);
	} else if (!(e->flags & DITTO_ENTRYF_HELD)) {
		e->flags |= DITTO_ENTRYF_HELD;
		note(e, &s->held);
	}
}

/* Readers of the local disk, or those of others, that waited for @e have one less to wait for. */
static void unblock_readers(struct ditto_stream *s, const struct ditto_entry *e, bool elsewhere,
			    struct ditto_stream_out *out)
{
	struct ditto_reader *reader;
	struct ditto_range *range;

	for (range = ditto_ranges_first(&s->ranges, e->range.start, e->range.last); range;
	     range = ditto_ranges_next(range, e->range.start, e->range.last)) {
		if (range->kind != DITTO_RANGE_READER)
			continue;
		reader = reader_of_range(range);
		if (reader->elsewhere != elsewhere || reader->position < e->position ||
		    --reader->blockers)
			continue;
		reader->blocked = false;
		list_add_tail(&reader->ready, &out->readers);
	}
}

/* Nothing waits for @e any more: it is written wherever it goes. */
static void leave_ranges(struct ditto_stream *s, struct ditto_entry *e,
			 struct ditto_stream_out *out)
{
	if (!(e->flags & DITTO_ENTRYF_IN_RANGES))
		return;
	ditto_ranges_remove(&s->ranges, &e->range);
	e->flags &= ~DITTO_ENTRYF_IN_RANGES;
	unblock_readers(s, e, true, out);
}

static void release(struct ditto_stream *s, struct ditto_entry *e, struct ditto_stream_out *out)
{
	leave_ranges(s, e, out);
	e->flags |= DITTO_ENTRYF_RELEASED;
	list_add_tail(&e->ready, &out->released);
}

static void reap(struct ditto_stream *s, struct ditto_entry *e, struct ditto_stream_out *out)
{
	if (e->flags & DITTO_ENTRYF_LISTED) {
		list_del(&e->link);
		s->listed--;
	}
	e->flags &= ~DITTO_ENTRYF_LISTED;
	list_add_tail(&e->link, &out->reaped);
}

/* Hand out what has become possible for @e; @e may be the caller's from here on. */
static void settle(struct ditto_stream *s, struct ditto_entry *e, struct ditto_stream_out *out)
{
	if (!(e->flags & DITTO_ENTRYF_LOCAL))
		return;
	if (!(e->flags & DITTO_ENTRYF_DONE))
		finish(s, e, out);
	/* What is not listed is released with its end, not while it is held. */
	if (!(e->flags & (DITTO_ENTRYF_LISTED | DITTO_ENTRYF_DONE)))
		return;
	if (!(e->flags & DITTO_ENTRYF_RELEASED) && passed(s, DITTO_MARK_ALL_WRITTEN, e))
		release(s, e, out);
	if (e->flags & DITTO_ENTRYF_DONE && e->flags & DITTO_ENTRYF_RELEASED &&
	    passed(s, DITTO_MARK_ALL_DURABLE, e))
		reap(s, e, out);
}

static bool can_advance(const struct ditto_stream *s, enum ditto_stream_mark mark)
{
	return s->marks[mark] != &s->entries &&
	       reached(s, mark, of_link(s->marks[mark])->position);
}

static void advance(struct ditto_stream *s, enum ditto_stream_mark mark,
		    struct ditto_stream_out *out)
{
	struct ditto_entry *e = of_link(s->marks[mark]);

	s->marks[mark] = e->link.next;
	settle(s, e, out);
}

/*
 * Move all marks as far as they go. ALL_DURABLE is last: only entries before
 * all other marks are then reaped, so that none of them is left pointing at
 * one. The marks of what completion waits for move together, so that entries
 * are done in order of position whichever of the two they wait for.
 */
static void advance_all(struct ditto_stream *s, struct ditto_stream_out *out)
{
	for (;;) {
		/* What is durable is written: this mark is never in front of the other. */
		if (can_advance(s, DITTO_MARK_COUNTED_DURABLE))
			advance(s, DITTO_MARK_COUNTED_DURABLE, out);
		else if (can_advance(s, DITTO_MARK_COUNTED_WRITTEN))
			advance(s, DITTO_MARK_COUNTED_WRITTEN, out);
		else
			break;
	}
	while (can_advance(s, DITTO_MARK_ALL_WRITTEN))
		advance(s, DITTO_MARK_ALL_WRITTEN, out);
	while (can_advance(s, DITTO_MARK_ALL_DURABLE))
		advance(s, DITTO_MARK_ALL_DURABLE, out);
}

static void list_entry_last(struct ditto_stream *s, struct ditto_entry *e)
{
	int mark;

	list_add_tail(&e->link, &s->entries);
	e->flags |= DITTO_ENTRYF_LISTED;
	s->listed++;
	for (mark = 0; mark < DITTO_MARKS; mark++) {
		if (s->marks[mark] == &s->entries && !reached(s, mark, e->position))
			s->marks[mark] = &e->link;
	}
}

/* What does @e cross? Readers hear of it, earlier entries are waited for. */
static void cross(struct ditto_stream *s, struct ditto_entry *e)
{
	struct ditto_reader *reader;
	struct ditto_range *range;
	struct ditto_entry *other;

	for (range = ditto_ranges_first(&s->ranges, e->range.start, e->range.last); range;
	     range = ditto_ranges_next(range, e->range.start, e->range.last)) {
		if (range->kind == DITTO_RANGE_READER) {
			reader = reader_of_range(range);
			reader->crossed = true;
			if (reader->guarding)
				e->flags |= DITTO_ENTRYF_GUARD;
			continue;
		}
		other = of_range(range);
		e->overlap = max(e->overlap, other->position);
		if (!(other->flags & DITTO_ENTRYF_LOCAL))
			e->blockers++;
	}
}

bool ditto_stream_add(struct ditto_stream *s, struct ditto_entry *e)
{
	/* What stands for no data of its own is worth nothing before it is durable. */
	if (!has_range(e))
		e->flags |= DITTO_ENTRYF_DURABLE;
	if (s->disk >= DITTO_STREAM_DISK_ABSENT)
		e->flags |= DITTO_ENTRYF_NOT_HERE;
	if (e->flags & DITTO_ENTRYF_BARRIER)
		s->epoch++;
	e->settled = ditto_stream_settled(s);
	e->followers = s->nodes;
	e->position = ++s->position;
	e->epoch = s->epoch;
	e->overlap = 0;
	e->blockers = e->flags & DITTO_ENTRYF_COLD ? 1 : 0;
	if (has_range(e)) {
		cross(s, e);
		e->range.kind = DITTO_RANGE_ENTRY;
		ditto_ranges_insert(&s->ranges, &e->range);
		e->flags |= DITTO_ENTRYF_IN_RANGES;
	}
	if (s->active)
		list_entry_last(s, e);
	if (e->blockers)
		e->flags |= DITTO_ENTRYF_BLOCKED;
	return !e->blockers;
}

/* One that @e waited for is no more. */
static void drop_blocker(struct ditto_entry *e, struct ditto_stream_out *out)
{
	if (--e->blockers)
		return;
	e->flags &= ~DITTO_ENTRYF_BLOCKED;
	list_add_tail(&e->ready, &out->ready);
}

void ditto_stream_heated(struct ditto_stream *s, struct ditto_entry *e,
			 struct ditto_stream_out *out)
{
	(void)s;
	if (WARN_ON_ONCE(!(e->flags & DITTO_ENTRYF_COLD)))
		return;
	e->flags &= ~DITTO_ENTRYF_COLD;
	drop_blocker(e, out);
}

u64 ditto_stream_settled(const struct ditto_stream *s)
{
	if (s->folded_from)
		return s->folded_from - 1;
	if (list_empty(&s->entries))
		return s->position;
	return list_first_entry(&s->entries, struct ditto_entry, link)->position - 1;
}

u64 ditto_stream_logged(const struct ditto_stream *s)
{
	const struct ditto_entry *e;

	list_for_each_entry(e, &s->entries, link) {
		if (e->flags & DITTO_ENTRYF_COLD)
			return e->position - 1;
	}
	return s->position;
}

void ditto_stream_disk_failed(struct ditto_stream *s)
{
	if (s->disk == DITTO_STREAM_DISK_SOUND)
		s->disk = DITTO_STREAM_DISK_FAILED;
}

u64 ditto_stream_disk_absent(struct ditto_stream *s)
{
	s->disk = DITTO_STREAM_DISK_ABSENT;
	return ditto_stream_settled(s);
}

void ditto_stream_disk_left(struct ditto_stream *s, struct ditto_stream_out *out)
{
	s->disk = DITTO_STREAM_DISK_LEFT;
	if (!s->hold)
		ditto_stream_unhold(s, out);
}

/*
 * @e was counted among the blockers of each crossing entry added after it and
 * of each crossing reader that began after it, for it was in ranges and not
 * done locally then, and this happens once.
 */
static void unblock(struct ditto_stream *s, const struct ditto_entry *e,
		    struct ditto_stream_out *out)
{
	struct ditto_range *range;
	struct ditto_entry *other;

	unblock_readers(s, e, false, out);
	for (range = ditto_ranges_first(&s->ranges, e->range.start, e->range.last); range;
	     range = ditto_ranges_next(range, e->range.start, e->range.last)) {
		if (range->kind == DITTO_RANGE_READER)
			continue;
		other = of_range(range);
		if (other->position > e->position)
			drop_blocker(other, out);
	}
}

void ditto_stream_local_done(struct ditto_stream *s, struct ditto_entry *e,
			     struct ditto_stream_out *out)
{
	if (WARN_ON_ONCE(e->flags & (DITTO_ENTRYF_LOCAL | DITTO_ENTRYF_BLOCKED)))
		return;
	e->flags |= DITTO_ENTRYF_LOCAL;
	if (e->flags & DITTO_ENTRYF_IN_RANGES) {
		unblock(s, e, out);
		/* Nothing is sent of what is not listed, so nothing else waits for it. */
		if (!(e->flags & DITTO_ENTRYF_LISTED))
			leave_ranges(s, e, out);
	}
	settle(s, e, out);
}

/* Does nothing else in ranges cross @e, which is there itself? */
static bool crosses_nothing(struct ditto_stream *s, struct ditto_entry *e)
{
	struct ditto_range *range = ditto_ranges_first(&s->ranges, e->range.start, e->range.last);

	return range == &e->range && !ditto_ranges_next(range, e->range.start, e->range.last);
}

bool ditto_stream_local_alone(struct ditto_stream *s, struct ditto_entry *e)
{
	u32 needed = DITTO_ENTRYF_LISTED | DITTO_ENTRYF_DURABLE | DITTO_ENTRYF_LOCAL |
		     DITTO_ENTRYF_BLOCKED | DITTO_ENTRYF_IN_RANGES;

	if ((e->flags & needed) != DITTO_ENTRYF_IN_RANGES || s->hold ||
	    s->disk != DITTO_STREAM_DISK_SOUND || !crosses_nothing(s, e))
		return false;
	ditto_ranges_remove(&s->ranges, &e->range);
	e->flags &= ~DITTO_ENTRYF_IN_RANGES;
	e->flags |= DITTO_ENTRYF_LOCAL | DITTO_ENTRYF_DONE | DITTO_ENTRYF_RELEASED;
	return true;
}

/* What was folded is settled once no follower lacks any of it. */
static void end_fold(struct ditto_stream *s)
{
	u32 nodes;

	for (nodes = s->nodes; nodes; nodes &= nodes - 1) {
		if (s->followers[__ffs(nodes)].folded)
			return;
	}
	s->folded_from = 0;
}

/* Is all that was folded durable at @node? Its bits speak of nothing any more, then. */
static void unfold(struct ditto_stream *s, u32 node, struct ditto_stream_out *out)
{
	struct ditto_follower *f = &s->followers[node];

	if (!f->folded || f->durable < f->folded)
		return;
	f->folded = 0;
	out->unfolded |= 1u << node;
	end_fold(s);
}

int ditto_stream_acked(struct ditto_stream *s, u32 node, u64 received, u64 written, u64 durable,
		       struct ditto_stream_out *out)
{
	struct ditto_follower *f;

	if (node >= DITTO_STREAM_FOLLOWERS || !s->followers[node].active)
		return -EPROTO;
	f = &s->followers[node];
	if (received < f->received || written < f->written || durable < f->durable ||
	    received > f->sent || written > received || durable > written)
		return -EPROTO;
	f->received = received;
	f->written = written;
	f->durable = durable;
	unfold(s, node, out);
	advance_all(s, out);
	return 0;
}

void ditto_stream_end_epoch(struct ditto_stream *s)
{
	s->epoch++;
}

u64 ditto_stream_follow(struct ditto_stream *s, u32 node)
{
	struct ditto_follower *f;

	if (WARN_ON_ONCE(node >= DITTO_STREAM_FOLLOWERS || s->followers[node].active))
		return s->position;
	f = &s->followers[node];
	memset(f, 0, sizeof(*f));
	f->active = true;
	f->from = s->position;
	f->sent = s->position;
	/* It has everything up to here as far as the stream is concerned. */
	f->received = s->position;
	f->written = s->position;
	f->durable = s->position;
	s->nodes |= 1u << node;
	s->active++;
	return s->position;
}

void ditto_stream_count(struct ditto_stream *s, u32 node, u64 from)
{
	struct ditto_follower *f;
	struct list_head *link;
	int mark;

	if (WARN_ON_ONCE(node >= DITTO_STREAM_FOLLOWERS || !s->followers[node].active))
		return;
	f = &s->followers[node];
	f->counted = true;
	f->counted_from = from;
	/* Completion waits for more than before: the marks may have to go back. */
	for (mark = DITTO_MARK_COUNTED_DURABLE; mark <= DITTO_MARK_COUNTED_WRITTEN; mark++) {
		link = s->entries.next;
		while (link != &s->entries && reached(s, mark, of_link(link)->position))
			link = link->next;
		s->marks[mark] = link;
	}
}

void ditto_stream_drop(struct ditto_stream *s, u32 node,
		       void (*missing)(void *arg, u64 start, u64 size), void *arg,
		       struct ditto_stream_out *out)
{
	struct ditto_follower *f;
	struct ditto_entry *e;

	if (node >= DITTO_STREAM_FOLLOWERS || !s->followers[node].active)
		return;
	f = &s->followers[node];
	list_for_each_entry(e, &s->entries, link) {
		if (e->position > f->durable && has_range(e))
			missing(arg, e->range.start, e->range.last - e->range.start + 1);
	}
	memset(f, 0, sizeof(*f));
	s->nodes &= ~(1u << node);
	s->active--;
	end_fold(s);
	advance_all(s, out);
}

/* Does @e wait for nothing but to become durable at followers, and nobody for it? */
static bool may_fold(const struct ditto_entry *e)
{
	return has_range(e) && e->flags & DITTO_ENTRYF_DONE && e->flags & DITTO_ENTRYF_RELEASED &&
	       !(e->flags & DITTO_ENTRYF_DURABLE);
}

static void fold(struct ditto_stream *s, struct ditto_entry *e,
		 void (*missing)(void *arg, u32 node, u64 start, u64 size), void *arg)
{
	struct ditto_follower *f;
	u32 nodes, node;
	int mark;

	for (nodes = s->nodes; nodes; nodes &= nodes - 1) {
		node = __ffs(nodes);
		f = &s->followers[node];
		if (f->durable >= e->position)
			continue;
		f->folded = e->position;
		missing(arg, node, e->range.start, e->range.last - e->range.start + 1);
	}
	if (!s->folded_from)
		s->folded_from = e->position;
	/* What is not true of @e is not true of the next one. */
	for (mark = 0; mark < DITTO_MARKS; mark++) {
		if (s->marks[mark] == &e->link)
			s->marks[mark] = e->link.next;
	}
}

u32 ditto_stream_fold(struct ditto_stream *s, u32 most,
		      void (*missing)(void *arg, u32 node, u64 start, u64 size), void *arg,
		      struct ditto_stream_out *out)
{
	struct ditto_entry *e, *next;
	u32 count = 0;

	/* A failed disk's bits are on no disk: what it wrote is sent again or lost. */
	if (s->disk != DITTO_STREAM_DISK_SOUND)
		return 0;
	list_for_each_entry_safe(e, next, &s->entries, link) {
		if (count == most || !may_fold(e))
			break;
		fold(s, e, missing, arg);
		reap(s, e, out);
		count++;
	}
	return count;
}

void ditto_stream_hold(struct ditto_stream *s)
{
	s->hold = true;
}

void ditto_stream_unhold(struct ditto_stream *s, struct ditto_stream_out *out)
{
	struct ditto_entry *e, *next;

	s->hold = false;
	if (on_hold(s))
		return;
	list_for_each_entry_safe(e, next, &s->held, note) {
		list_del(&e->note);
		e->flags &= ~DITTO_ENTRYF_HELD;
		settle(s, e, out);
	}
}

/*
 * The first entry behind @sent, from the end: each of those walked over is
 * still to be sent, so the walk is paid for by sending.
 */
static struct ditto_entry *first_unsent(struct ditto_stream *s, u64 sent)
{
	struct ditto_entry *e, *first = NULL;

	list_for_each_entry_reverse(e, &s->entries, link) {
		if (e->position <= sent)
			break;
		first = e;
	}
	return first;
}

/*
 * What has not been sent has not been acknowledged, so ditto_follower.next is
 * in the list for as long as the follower is active.
 */
struct ditto_entry *ditto_stream_next(struct ditto_stream *s, u32 node,
				      struct ditto_entry *cursor)
{
	struct ditto_follower *f;
	struct ditto_entry *e;

	(void)cursor;
	if (node >= DITTO_STREAM_FOLLOWERS || !s->followers[node].active)
		return NULL;
	f = &s->followers[node];
	if (f->sent == s->position)
		return NULL;
	e = f->next ?: first_unsent(s, f->sent);
	if (!e)
		return NULL;
	f->sent = e->position;
	f->next = list_is_last(&e->link, &s->entries) ? NULL : list_next_entry(e, link);
	return e;
}

struct ditto_entry *ditto_stream_oldest(struct ditto_stream *s, u32 node)
{
	const struct ditto_follower *f;
	struct ditto_entry *e;

	if (node >= DITTO_STREAM_FOLLOWERS || !s->followers[node].active)
		return NULL;
	f = &s->followers[node];
	list_for_each_entry(e, &s->entries, link) {
		if (e->position > f->written ||
		    (e->position > f->durable && e->flags & DITTO_ENTRYF_DURABLE))
			return e;
	}
	return NULL;
}

bool ditto_stream_read_begin(struct ditto_stream *s, struct ditto_reader *r)
{
	struct ditto_range *range;

	r->position = s->position;
	r->blockers = 0;
	r->crossed = false;
	for (range = ditto_ranges_first(&s->ranges, r->range.start, r->range.last); range;
	     range = ditto_ranges_next(range, r->range.start, r->range.last)) {
		if (range->kind == DITTO_RANGE_ENTRY &&
		    (r->elsewhere || !(of_range(range)->flags & DITTO_ENTRYF_LOCAL)))
			r->blockers++;
	}
	r->blocked = r->blockers;
	r->range.kind = DITTO_RANGE_READER;
	ditto_ranges_insert(&s->ranges, &r->range);
	return !r->blocked;
}

void ditto_stream_read_end(struct ditto_stream *s, struct ditto_reader *r)
{
	ditto_ranges_remove(&s->ranges, &r->range);
}

bool ditto_stream_repair_begin(struct ditto_stream *s, struct ditto_reader *r)
{
	struct ditto_range *range;

	for (range = ditto_ranges_first(&s->ranges, r->range.start, r->range.last); range;
	     range = ditto_ranges_next(range, r->range.start, r->range.last)) {
		/* In the set until every follower has written it. */
		if (range->kind == DITTO_RANGE_ENTRY)
			return false;
	}
	r->guarding = false;
	return ditto_stream_read_begin(s, r);
}

bool ditto_stream_repair_end(struct ditto_stream *s, struct ditto_reader *r)
{
	ditto_stream_read_end(s, r);
	return !r->crossed;
}
