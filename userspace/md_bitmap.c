// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bits.h"
#include "md_bitmap.h"

#define PAGES_AT_ONCE	64u

static void count(const struct ditto_md *md, uint32_t slot, uint64_t page, const uint8_t *block,
		  struct md_bitmap *bitmap)
{
	u64 bits, bytes;

	if (ditto_bits_tally(block, md->disk_uuid, slot, page, md->data_bytes, md->block_shift,
			     &bits, &bytes)) {
		bitmap->unsound++;
		bitmap->unsound_bytes += bytes;
	}
	bitmap->bits += bits;
	bitmap->bytes += bytes;
}

static int read_pages(struct md_disk *disk, const struct ditto_md *md, uint32_t slot,
		      uint8_t *blocks, struct md_bitmap *bitmap, struct why *why)
{
	uint64_t page, n;
	int ret;

	for (page = 0; page < bitmap->pages; page += n) {
		n = min_t(uint64_t, bitmap->pages - page, PAGES_AT_ONCE);
		ret = md_disk_read(disk, ditto_md_bitmap_page(md, slot, page), blocks,
				   n * DITTO_BITS_PAGE, why);
		if (ret)
			return ret;
		for (uint64_t i = 0; i < n; i++)
			count(md, slot, page + i, blocks + i * DITTO_BITS_PAGE, bitmap);
	}
	return 0;
}

int md_bitmap_read(struct md_disk *disk, const struct ditto_md *md, uint32_t slot,
		   struct md_bitmap *bitmap, struct why *why)
{
	uint8_t *blocks;
	int ret;

	memset(bitmap, 0, sizeof(*bitmap));
	bitmap->pages = ditto_bits_pages(ditto_md_bits(md));
	if (md->peers[slot].flags & DITTO_MDF_PEER_FULL) {
		bitmap->bits = ditto_md_bits(md);
		bitmap->bytes = md->data_bytes;
		return 0;
	}
	blocks = malloc(PAGES_AT_ONCE * DITTO_BITS_PAGE);
	if (!blocks)
		return why_set(why, -ENOMEM, "out of memory");
	ret = read_pages(disk, md, slot, blocks, bitmap, why);
	free(blocks);
	return ret;
}
