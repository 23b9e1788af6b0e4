// SPDX-License-Identifier: GPL-2.0
/* Mirrors kmod/bitmap.c. */
#include "node.h"

static void load(struct peer *p)
{
	struct node *n = p->node;
	u64 offset = ditto_md_bitmap_page(&n->md, p->bits_slot, 0);

	if (!ditto_bits_decode(&p->bits, n->md.disk_uuid, p->bits_slot, 0,
			       disk_read_block(&n->disk, node_block(&n->md, offset))))
		return;
	note("node %u: the page of %u is not sound", n->id, p->id);
	cover_touch_all(n->id);
}

void bitmap_new(struct peer *p)
{
	struct node *n = p->node;
	struct ditto_md_peer *entry = ditto_md_peer_find(&n->md, p->id);
	bool kept = entry && !(entry->flags & DITTO_MDF_PEER_FULL);

	memset(p->words, 0, sizeof(p->words));
	memset(p->dirty, 0, sizeof(p->dirty));
	ditto_bits_init(&p->bits, p->words, SIM_BYTES, n->md.block_shift);
	ditto_bits_track(&p->bits, p->dirty);
	if (!kept)
		ditto_bits_set_all(&p->bits);
	p->bits_slot = entry ? ditto_md_peer_slot(&n->md, entry) : NO_SLOT;
	ditto_account_keep(&n->account, p->id, &p->bits);
	if (kept)
		load(p);
	else
		cover_touch_all(n->id);
}

void bitmap_keep(struct peer *p)
{
	struct node *n = p->node;
	struct ditto_md_peer *entry = ditto_md_peer_get(&n->md, p->id);

	if (!(entry->flags & DITTO_MDF_PEER_FULL))
		return;
	p->bits_slot = ditto_md_peer_slot(&n->md, entry);
	ditto_bits_track(&p->bits, p->bits.dirty);
	bitmap_write(n);
	entry->flags &= ~DITTO_MDF_PEER_FULL;
	node_write_md(n);
}

void bitmap_distrust(struct peer *p)
{
	struct ditto_md_peer *entry = ditto_md_peer_find(&p->node->md, p->id);

	if (entry)
		entry->flags |= DITTO_MDF_PEER_FULL;
	ditto_bits_set_all(&p->bits);
	cover_touch_all(p->id);
}

static bool next_page(struct node *n, u32 *node, void *block)
{
	u64 page = 0;

	for (; *node < SIM_NODES; (*node)++) {
		struct peer *p = &n->peers[*node];

		if (*node == n->id || p->bits_slot == NO_SLOT ||
		    !ditto_bits_next_dirty(&p->bits, 0, &page))
			continue;
		ditto_bits_encode(&p->bits, n->md.disk_uuid, p->bits_slot, page, block);
		note("node %u: writes the page of %u, %llu bits", n->id, p->id, p->bits.set);
		return true;
	}
	return false;
}

static bool pages_free(struct node *n)
{
	return !n->pages;
}

void bitmap_write(struct node *n)
{
	u8 block[DITTO_BITS_PAGE];
	bool written = false;
	u32 node;

	node_wait(n, pages_free, false);
	n->pages = true;
	for (node = 0; next_page(n, &node, block); node++) {
		node_write_block(n, ditto_md_bitmap_page(&n->md, n->peers[node].bits_slot, 0),
				 block, false);
		written = true;
	}
	if (written)
		node_flush(n, true);
	n->pages = false;
}
