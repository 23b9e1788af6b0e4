// SPDX-License-Identifier: GPL-2.0
#include "bitmap.h"

#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "disk.h"
#include "log.h"
#include "peer.h"
#include "resource.h"

static int load(struct ditto_peer *peer, u32 slot)
{
	struct ditto_resource *res = peer->res;
	const struct ditto_md *md = &res->disk->md;
	u64 pages = ditto_bits_pages(peer->bits.count);
	u64 page, unsound = 0;
	void *block;
	int err = 0;

	block = kmalloc(DITTO_BITS_PAGE, GFP_KERNEL);
	if (!block)
		return -ENOMEM;
	for (page = 0; page < pages && !err; page++) {
		err = ditto_disk_read_block(res->disk, ditto_md_bitmap_page(md, slot, page), block);
		if (err)
			break;
		spin_lock_irq(&res->stream_lock);
		if (ditto_bits_decode(&peer->bits, md->disk_uuid, slot, page, block))
			unsound++;
		spin_unlock_irq(&res->stream_lock);
		cond_resched();
	}
	kfree(block);
	if (unsound)
		ditto_peer_warn(peer, "%llu of %llu pages of its bitmap are not sound: what they cover counts as out of sync",
				unsound, pages);
	return err;
}

int ditto_bitmap_new(struct ditto_peer *peer)
{
	struct ditto_resource *res = peer->res;
	struct ditto_md *md = &res->disk->md;
	struct ditto_md_peer *entry = ditto_md_peer_find(md, peer->node_id);
	unsigned long *words, *dirty;
	struct ditto_bits bits;
	bool kept = entry && !(entry->flags & DITTO_MDF_PEER_FULL);

	ditto_bits_init(&bits, NULL, md->data_bytes, md->block_shift);
	words = vzalloc(ditto_bits_words(md->data_bytes, md->block_shift) * sizeof(*words));
	dirty = kvcalloc(BITS_TO_LONGS(ditto_bits_pages(bits.count)), sizeof(*dirty), GFP_KERNEL);
	if (!words || !dirty) {
		vfree(words);
		kvfree(dirty);
		return -ENOMEM;
	}
	spin_lock_irq(&res->stream_lock);
	ditto_bits_init(&peer->bits, words, md->data_bytes, md->block_shift);
	ditto_bits_track(&peer->bits, dirty);
	if (!kept)
		ditto_bits_set_all(&peer->bits);
	peer->bits_slot = entry ? ditto_md_peer_slot(md, entry) : DITTO_PEER_NO_SLOT;
	ditto_account_keep(&res->account, peer->node_id, &peer->bits);
	spin_unlock_irq(&res->stream_lock);
	return kept ? load(peer, peer->bits_slot) : 0;
}

void ditto_bitmap_free(struct ditto_peer *peer)
{
	struct ditto_resource *res = peer->res;
	unsigned long *words, *dirty;

	spin_lock_irq(&res->stream_lock);
	words = peer->bits.words;
	dirty = peer->bits.dirty;
	memset(&peer->bits, 0, sizeof(peer->bits));
	peer->bits_slot = DITTO_PEER_NO_SLOT;
	if (res->account.bits[peer->node_id] == &peer->bits)
		ditto_account_keep(&res->account, peer->node_id, NULL);
	spin_unlock_irq(&res->stream_lock);
	vfree(words);
	kvfree(dirty);
}

int ditto_bitmap_keep(struct ditto_peer *peer)
{
	struct ditto_resource *res = peer->res;
	struct ditto_md *md = &res->disk->md;
	struct ditto_md_peer *entry = ditto_md_peer_get(md, peer->node_id);
	int err;

	lockdep_assert_held(&res->conf);
	if (!entry)
		return -ENOSPC;
	if (!(entry->flags & DITTO_MDF_PEER_FULL))
		return 0;
	spin_lock_irq(&res->stream_lock);
	peer->bits_slot = ditto_md_peer_slot(md, entry);
	ditto_bits_track(&peer->bits, peer->bits.dirty);
	spin_unlock_irq(&res->stream_lock);
	err = ditto_bitmap_write(res);
	if (err)
		return err;
	entry->flags &= ~DITTO_MDF_PEER_FULL;
	return ditto_disk_write_md(res->disk);
}

void ditto_bitmap_distrust(struct ditto_peer *peer)
{
	struct ditto_resource *res = peer->res;
	struct ditto_md_peer *entry = ditto_md_peer_find(&res->disk->md, peer->node_id);

	lockdep_assert_held(&res->conf);
	if (entry)
		entry->flags |= DITTO_MDF_PEER_FULL;
	spin_lock_irq(&res->stream_lock);
	ditto_bits_set_all(&peer->bits);
	spin_unlock_irq(&res->stream_lock);
}

/* The next dirty page of any peer at or behind (@node, @page), made ready to be written. */
static bool next_page(struct ditto_resource *res, u32 *node, u64 *page, void *block, u32 *slot)
{
	bool found = false;

	spin_lock_irq(&res->stream_lock);
	for (; *node < DITTO_MAX_NODES; (*node)++, *page = 0) {
		struct ditto_peer *peer = res->peers[*node];

		if (!peer || !peer->bits.words || peer->bits_slot == DITTO_PEER_NO_SLOT ||
		    !ditto_bits_next_dirty(&peer->bits, *page, page))
			continue;
		*slot = peer->bits_slot;
		ditto_bits_encode(&peer->bits, res->disk->md.disk_uuid, *slot, *page, block);
		found = true;
		break;
	}
	spin_unlock_irq(&res->stream_lock);
	return found;
}

int ditto_bitmap_write(struct ditto_resource *res)
{
	struct ditto_disk *disk = res->disk;
	u64 page = 0, written = 0;
	u32 node = 0, slot = 0;
	int err = 0;

	mutex_lock(&disk->pages);
	while (!err && next_page(res, &node, &page, disk->pages_block, &slot)) {
		err = ditto_disk_write_block(disk, ditto_md_bitmap_page(&disk->md, slot, page),
					     disk->pages_block);
		page++;
		written++;
	}
	/* Whoever comes second finds clean pages: they are durable once the first lets go. */
	if (!err && written)
		err = ditto_disk_flush_md(disk);
	mutex_unlock(&disk->pages);
	if (err)
		ditto_resource_event(res, DITTO_RES_DISK_FAILED);
	return err;
}
