// SPDX-License-Identifier: GPL-2.0
/* Mirrors kmod/request.c. */
#include "node.h"

static struct request *of_entry(struct ditto_entry *e)
{
	return container_of(e, struct request, entry);
}

static u32 first_sector(const struct ditto_range *range)
{
	return range->start / 512;
}

static u32 sectors(const struct ditto_range *range)
{
	return (range->last - range->start + 1) / 512;
}

static bool has_range(const struct request *r)
{
	return r->entry.kind <= DITTO_ENTRY_ZEROES;
}

void request_put(struct request *r)
{
	if (--r->ref)
		return;
	list_del(&r->link);
	node_free(r->node, r);
}

static void free_local(struct request *r)
{
	if (r->data)
		node_free(r->node, r->data);
	r->data = NULL;
}

static void end_user(struct request *r)
{
	r->user = false;
	r->node->users--;
	if (r->entry.flags & DITTO_ENTRYF_FAILED) {
		note("node %u: entry %llu fails", r->node->id, r->entry.position);
		return;
	}
	note("node %u: entry %llu is acknowledged", r->node->id, r->entry.position);
	oracle_ack(r->node->timeline, r->write);
}

static void local_done(struct request *r, bool error)
{
	struct node *n = r->node;
	struct ditto_stream_out out;

	note("node %u: local leg of %llu is done%s", n->id, r->entry.position,
	     error ? ", with an error" : "");
	r->io = NULL;
	if (error)
		node_disk_error(n);
	if (r->heated)
		regions_put(n, r->entry.range.start, r->entry.range.last);
	if (r->user && !error && ditto_stream_local_alone(&n->stream, &r->entry)) {
		end_user(r);
		free_local(r);
		request_put(r);
		return;
	}
	ditto_stream_out_init(&out);
	if (error)
		ditto_stream_disk_failed(&n->stream);
	ditto_stream_local_done(&n->stream, &r->entry, &out);
	request_dispatch(n, &out);
}

static void local_end_io(struct disk_io *io)
{
	local_done(io->arg, io->error);
}

static void submit_local(struct request *r)
{
	struct disk *disk = &r->node->disk;
	u32 flags = (r->preflush ? DISK_PREFLUSH : 0) |
		    (r->entry.flags & DITTO_ENTRYF_DURABLE ? DISK_FUA : 0);

	if (r->node->failed)
		local_done(r, true);
	else if (r->entry.kind == DITTO_ENTRY_FLUSH)
		r->io = disk_flush(disk, false, local_end_io, r);
	else
		r->io = disk_write(disk, first_sector(&r->entry.range), sectors(&r->entry.range), r->data,
			   NULL, flags, local_end_io, r);
}

bool request_submit_due(const struct node *n)
{
	return !list_empty(&n->submit) || !list_empty(&n->submit_readers);
}

void request_submit_work(struct node *n)
{
	struct ditto_entry *e, *next;
	struct ditto_reader *r, *next_r;

	list_for_each_entry_safe(e, next, &n->submit, ready) {
		list_del_init(&e->ready);
		submit_local(of_entry(e));
	}
	list_for_each_entry_safe(r, next_r, &n->submit_readers, ready) {
		list_del_init(&r->ready);
		syncer_read_submit(r);
	}
}

static struct request *request_new(struct node *n, u8 kind, u32 flags)
{
	struct request *r = node_alloc(n, sizeof(*r));

	r->node = n;
	r->ref = 1;
	r->entry.kind = kind;
	r->entry.flags = flags;
	list_add_tail(&r->link, &n->requests);
	return r;
}

/* The regions of a request that was added cold are hot now. */
static void request_hot(struct region_user *user)
{
	struct request *r = container_of(user, struct request, regions);
	struct ditto_stream_out out;
	struct ditto_entry *e, *next;

	ditto_stream_out_init(&out);
	ditto_stream_heated(&r->node->stream, &r->entry, &out);
	list_for_each_entry_safe(e, next, &out.ready, ready) {
		list_del_init(&e->ready);
		submit_local(of_entry(e));
	}
}

/*
 * Into the stream, where the log has room: what its user asks for is ordered
 * among what others ask for from then on.
 */
static void request_add(struct request *r)
{
	struct ditto_range *range = &r->entry.range;
	enum ditto_heat heat = DITTO_HEAT_HOT;
	struct node *n = r->node;
	u32 first = 0, count = 0;
	bool ready;

	if (r->repair && (!ditto_stream_repair_end(&n->stream, &r->repair->reader) || n->failed)) {
		repair_end(r->repair);
		free_local(r);
		request_put(r);
		return;
	}
	if (has_range(r) && !n->failed) {
		heat = regions_take(n, &r->regions, range->start, range->last,
				    n->stream.position + 1);
		if (heat == DITTO_HEAT_FULL) {
			if (r->repair)
				ditto_stream_repair_begin(&n->stream, &r->repair->reader);
			return;
		}
		r->heated = true;
	}
	if (has_range(r)) {
		ditto_account_write(&n->account, n->stream.nodes | BIT(n->id), range->start,
				    range->last - range->start + 1);
		cover_touch(range->start, range->last - range->start + 1);
		first = first_sector(range);
		count = sectors(range);
	}
	if (heat == DITTO_HEAT_COLD)
		r->entry.flags |= DITTO_ENTRYF_COLD;
	if (!r->repairs)
		r->write = oracle_submit(n->timeline, first, count, r->data, !count, r->preflush,
					 r->entry.flags & DITTO_ENTRYF_DURABLE);
	if (r->repair)
		node_free(n, r->repair);
	r->repair = NULL;
	ready = ditto_stream_add(&n->stream, &r->entry);
	note("node %u: kind %u of %u+%u flags %x is entry %llu epoch %llu overlap %llu, write %llu",
	     n->id, r->entry.kind, first, count, r->entry.flags, r->entry.position,
	     r->entry.epoch, r->entry.overlap, r->write ? r->write->id : 0);
	/* On a failed disk that is its end. */
	if (ready)
		submit_local(r);
}

/* There may be room in the log now. */
static void request_retry(struct region_user *user)
{
	request_add(container_of(user, struct request, regions));
}

/* A flush on its way to the local disk. */
struct local_flush {
	struct node *node;
	struct write *write;
};

static void local_flush_ends(struct node *n, struct write *write)
{
	n->users--;
	note("node %u: a flush is acknowledged", n->id);
	oracle_ack(n->timeline, write);
}

static void local_flush_end_io(struct disk_io *io)
{
	struct local_flush *flush = io->arg;
	struct node *n = flush->node;
	struct write *write = flush->write;

	node_free(n, flush);
	if (!io->error) {
		local_flush_ends(n, write);
		return;
	}
	node_disk_error(n);
	n->users--;
	request_submit(n, DITTO_ENTRY_FLUSH, 0, 0, DITTO_ENTRYF_DURABLE);
}

/* Mirrors kmod/local_flush.c. */
static bool local_flush(struct node *n)
{
	struct local_flush *flush;
	struct write *write;

	if (n->failed || !ditto_stream_quiet(&n->stream))
		return false;
	write = oracle_submit(n->timeline, 0, 0, NULL, true, false, true);
	n->users++;
	if (n->disk.through) {
		local_flush_ends(n, write);
		return true;
	}
	flush = node_alloc(n, sizeof(*flush));
	flush->node = n;
	flush->write = write;
	disk_flush(&n->disk, false, local_flush_end_io, flush)->flags |= DISK_WAITED;
	return true;
}

void request_submit(struct node *n, u8 kind, u32 first, u32 count, u32 flags)
{
	bool flush = kind == DITTO_ENTRY_FLUSH;
	struct request *r;

	if (flush && local_flush(n))
		return;
	r = request_new(n, kind, flags);
	r->user = true;
	r->preflush = flags & DITTO_ENTRYF_BARRIER;
	n->users++;
	if (!flush) {
		r->entry.range.start = (u64)first * 512;
		r->entry.range.last = r->entry.range.start + (u64)count * 512 - 1;
	}
	if (kind == DITTO_ENTRY_WRITE) {
		r->data = node_alloc(n, count * sizeof(u64));
		oracle_values(first, count, r->data);
	}
	r->regions.hot = request_hot;
	r->regions.retry = request_retry;
	request_add(r);
}

void request_repair(struct repair *repair)
{
	struct request *r = request_new(repair->node, DITTO_ENTRY_WRITE, 0);

	r->repair = repair;
	r->repairs = true;
	r->entry.range.start = repair->reader.range.start;
	r->entry.range.last = repair->reader.range.last;
	r->data = repair->data;
	repair->data = NULL;
	r->regions.hot = request_hot;
	r->regions.retry = request_retry;
	request_add(r);
}

/* What is none of a user's is local at once. */
static void add_own(struct request *r, struct ditto_stream_out *out)
{
	ditto_stream_add(&r->node->stream, &r->entry);
	note("node %u: kind %u is entry %llu", r->node->id, r->entry.kind, r->entry.position);
	ditto_stream_local_done(&r->node->stream, &r->entry, out);
}

static void add_own_now(struct request *r)
{
	struct node *n = r->node;
	struct ditto_stream_out out;

	ditto_stream_out_init(&out);
	add_own(r, &out);
	request_dispatch(n, &out);
}

void request_roster(struct node *n, u8 kind, const struct ditto_wire_roster *roster, u32 joins)
{
	struct request *r = request_new(n, kind, DITTO_ENTRYF_DURABLE | DITTO_ENTRYF_URGENT);

	r->roster = *roster;
	r->joins = joins;
	add_own_now(r);
}

void request_bits(struct node *n, struct peer *p, u32 joins)
{
	struct ditto_wire_bits piece = { .node = p->id };
	u64 from = 0, words[DITTO_WIRE_BITS_MOST / 64];
	struct request *r;

	while (ditto_account_pack(&p->bits, &from, &piece, words)) {
		r = request_new(n, DITTO_ENTRY_BITS, DITTO_ENTRYF_URGENT);
		r->joins = joins;
		r->bits = piece;
		r->words[0] = words[0];
		add_own_now(r);
	}
}

void request_set(struct node *n, u32 node, u64 start, u64 size)
{
	struct request *r = request_new(n, DITTO_ENTRY_SET, DITTO_ENTRYF_URGENT);

	r->absent.node = node;
	r->entry.range.start = start;
	r->entry.range.last = start + size - 1;
	add_own_now(r);
}

/* A bit stands for what is on its way to @node. */
static void folded(void *arg, u32 node, u64 start, u64 size)
{
	struct node *n = arg;
	struct peer *p = &n->peers[node];

	if (p->running)
		syncer_mark(p, start, size);
	else
		ditto_account_fold(&n->account, node, start, size);
}

void request_fold(struct node *n, u32 most)
{
	struct ditto_stream_out out;
	u32 count;

	ditto_stream_out_init(&out);
	count = ditto_stream_fold(&n->stream, most, folded, n, &out);
	if (count)
		note("node %u: %u records are folded", n->id, count);
	request_dispatch(n, &out);
}

void request_absent(struct node *n, u32 node, u64 durable, struct ditto_stream_out *out)
{
	struct request *r = request_new(n, DITTO_ENTRY_ABSENT, DITTO_ENTRYF_URGENT);

	r->absent.node = node;
	r->absent.durable = durable;
	add_own(r, out);
}

void request_give_up(struct node *n)
{
	struct ditto_stream_out out;
	struct ditto_entry *e, *next;

	ditto_stream_out_init(&out);
	list_for_each_entry_safe(e, next, &n->stream.entries, link) {
		struct request *r = of_entry(e);

		if (!r->io)
			continue;
		note("node %u: entry %llu is given up with the disk", n->id, e->position);
		r->io->done = NULL;
		r->io = NULL;
		if (r->heated)
			regions_put(n, e->range.start, e->range.last);
		ditto_stream_disk_failed(&n->stream);
		ditto_stream_local_done(&n->stream, e, &out);
	}
	request_dispatch(n, &out);
}

static void dispatch_done(struct node *n, struct list_head *done)
{
	struct ditto_entry *e, *next;
	bool durable = false;

	list_for_each_entry(e, done, note)
		durable |= e->flags & DITTO_ENTRYF_DURABLE;
	if (durable) {
		ditto_stream_end_epoch(&n->stream);
		list_for_each_entry_safe(e, next, done, note) {
			if (e->kind != DITTO_ENTRY_ROSTER && e->kind != DITTO_ENTRY_JOIN)
				continue;
			of_entry(e)->ref++;
			list_move_tail(&e->note, &n->roster_done);
			node_event(n, RES_ROSTER_DONE);
		}
	}
	list_for_each_entry_safe(e, next, done, note) {
		list_del_init(&e->note);
		if (of_entry(e)->user)
			end_user(of_entry(e));
		else if (of_entry(e)->repairs)
			n->users--;
	}
}

void request_dispatch(struct node *n, struct ditto_stream_out *out)
{
	struct ditto_entry *e, *next;

	list_splice_tail_init(&out->ready, &n->submit);
	list_splice_tail_init(&out->readers, &n->submit_readers);
	dispatch_done(n, &out->done);
	list_for_each_entry_safe(e, next, &out->released, ready) {
		list_del_init(&e->ready);
		if (has_range(of_entry(e)))
			free_local(of_entry(e));
	}
	list_for_each_entry_safe(e, next, &out->reaped, link) {
		list_del_init(&e->link);
		request_put(of_entry(e));
	}
}
