// SPDX-License-Identifier: GPL-2.0
/*
 * Mirrors kmod/remote_read.c, of a read that the Primary's own disk could not do:
 * a member's disk is read, and what it holds is written anew.
 */
#include "node.h"

bool repair_due(const struct node *n)
{
	return !list_empty(&n->repairs);
}

void repair_begin(struct node *n, u32 first, u32 count)
{
	struct repair *r;

	if (!n->primary || n->failed || !n->gate)
		return;
	r = node_alloc(n, sizeof(*r));
	r->node = n;
	INIT_LIST_HEAD(&r->reader.ready);
	r->reader.range.start = (u64)first * 512;
	r->reader.range.last = r->reader.range.start + (u64)count * 512 - 1;
	if (!ditto_stream_repair_begin(&n->stream, &r->reader)) {
		node_free(n, r);
		return;
	}
	note("node %u: cannot read %u+%u", n->id, first, count);
	n->users++;
	list_add_tail(&r->link, &n->repairs);
}

static u32 first_of(const struct repair *r)
{
	return r->reader.range.start / 512;
}

static u32 count_of(const struct repair *r)
{
	return (r->reader.range.last - r->reader.range.start + 1) / 512;
}

/* Some member that could be asked, or SIM_NODES. */
static u32 choose(const struct node *n)
{
	u32 i, peer = chance(SIM_NODES);

	for (i = 0; i < SIM_NODES; i++, peer = (peer + 1) % SIM_NODES)
		if (peer != n->id && check_serves(n, peer))
			return peer;
	return SIM_NODES;
}

void repair_end(struct repair *r)
{
	struct node *n = r->node;

	if (r->data)
		node_free(n, r->data);
	node_free(n, r);
	n->users--;
}

/* Return: false where nobody can be asked. */
static bool read_peer(struct repair *r)
{
	u32 peer = choose(r->node), i;

	if (peer == SIM_NODES)
		return false;
	r->data = node_alloc(r->node, count_of(r) * sizeof(u64));
	for (i = 0; i < count_of(r); i++)
		r->data[i] = disk_live(&nodes[peer].disk, first_of(r) + i);
	note("node %u: node %u has read %u+%u", r->node->id, peer, first_of(r), count_of(r));
	return true;
}

void repair_step(struct node *n)
{
	struct repair *r = list_first_entry(&n->repairs, struct repair, link);

	list_del_init(&r->link);
	if (r->data) {
		request_repair(r);
	} else if (read_peer(r)) {
		list_add_tail(&r->link, &n->repairs);
	} else {
		ditto_stream_repair_end(&n->stream, &r->reader);
		repair_end(r);
	}
}
