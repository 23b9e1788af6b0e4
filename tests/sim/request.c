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

static void local_done(struct request *r)
{
	struct node *n = r->node;
	struct ditto_stream_out out;

	note("node %u: local leg of %llu is done", n->id, r->entry.position);
	ditto_stream_out_init(&out);
	ditto_stream_local_done(&n->stream, &r->entry, &out);
	request_dispatch(n, &out);
}

static void local_end_io(struct disk_io *io)
{
	local_done(io->arg);
}

static void submit_local(struct request *r)
{
	struct disk *disk = &r->node->disk;
	u32 flags = (r->preflush ? DISK_PREFLUSH : 0) |
		    (r->entry.flags & DITTO_ENTRYF_DURABLE ? DISK_FUA : 0);

	if (r->entry.kind == DITTO_ENTRY_FLUSH)
		disk_flush(disk, local_end_io, r);
	else
		disk_write(disk, first_sector(&r->entry.range), sectors(&r->entry.range), r->data,
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

/*
 * Who is not sent it lacks it: what the peer's bits are to cover, for as long
 * as they count (peer.bits_attach_id).
 */
static void mark_absent(struct node *n, const struct request *r)
{
	u32 i;

	for (i = 0; i < SIM_NODES; i++) {
		if (i != n->id && !n->stream.followers[i].active)
			ditto_bits_set(&n->peers[i].bits, r->entry.range.start,
				       r->entry.range.last - r->entry.range.start + 1);
	}
}

void request_submit(struct node *n, u8 kind, u32 first, u32 count, u32 flags)
{
	bool flush = kind == DITTO_ENTRY_FLUSH;
	struct request *r = request_new(n, kind, flags);

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
	r->write = oracle_submit(n->timeline, first, flush ? 0 : count, r->data, flush,
				 r->preflush, flags & DITTO_ENTRYF_DURABLE);
	if (!flush)
		mark_absent(n, r);
	if (ditto_stream_add(&n->stream, &r->entry))
		submit_local(r);
	note("node %u: kind %u of %u+%u flags %x is entry %llu epoch %llu overlap %llu, write %llu",
	     n->id, kind, first, count, r->entry.flags, r->entry.position, r->entry.epoch,
	     r->entry.overlap, r->write->id);
}

void request_roster(struct node *n, u8 kind, const struct ditto_wire_roster *roster, u32 joins)
{
	struct request *r = request_new(n, kind, DITTO_ENTRYF_DURABLE | DITTO_ENTRYF_URGENT);
	struct ditto_stream_out out;

	r->roster = *roster;
	r->joins = joins;
	ditto_stream_out_init(&out);
	ditto_stream_add(&n->stream, &r->entry);
	ditto_stream_local_done(&n->stream, &r->entry, &out);
	request_dispatch(n, &out);
}

static void end_user(struct request *r)
{
	r->user = false;
	r->node->users--;
	note("node %u: entry %llu is acknowledged", r->node->id, r->entry.position);
	oracle_ack(r->node->timeline, r->write);
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
			if (of_entry(e)->user)
				continue;
			of_entry(e)->ref++;
			list_move_tail(&e->note, &n->roster_done);
			node_event(n, RES_ROSTER_DONE);
		}
	}
	list_for_each_entry_safe(e, next, done, note) {
		list_del_init(&e->note);
		end_user(of_entry(e));
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
