// SPDX-License-Identifier: GPL-2.0
#include "extent.h"

#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/string.h>

#include "applier.h"
#include "disk.h"
#include "disk_io.h"
#include "payload.h"
#include "resource.h"

#define EXTENT_SECTORS	(DITTO_WIRE_MAX_EXTENT >> SECTOR_SHIFT)

static struct ditto_disk *item_disk(struct ditto_item *item)
{
	return container_of(item->app, struct ditto_resource, applier)->disk;
}

static u32 item_sectors(const struct ditto_item *item)
{
	return (item->core.range.last + 1 - item->core.range.start) >> SECTOR_SHIFT;
}

/* One part less: after the last one the item is written. */
static void part_put(struct ditto_item *item)
{
	if (atomic_dec_and_test(&item->parts))
		ditto_item_written(item, READ_ONCE(item->failed) ? BLK_STS_IOERR : BLK_STS_OK);
}

static void part_done(void *owner, struct bio *bio, blk_status_t status)
{
	struct ditto_item *item = owner;

	if (bio)
		ditto_payload_free_part(bio);
	if (status)
		WRITE_ONCE(item->failed, true);
	part_put(item);
}

typedef void (*part_fn)(struct ditto_item *item, u32 first, u32 count);

static void write_part(struct ditto_item *item, u32 first, u32 count)
{
	struct bio *part = ditto_payload_part(item->bio, first << SECTOR_SHIFT,
					      count << SECTOR_SHIFT);

	ditto_disk_submit(item_disk(item), part, ditto_payload_free_part, part_done, item);
}

static void zero_part(struct ditto_item *item, u32 first, u32 count)
{
	ditto_disk_zero(item_disk(item), item->core.range.start + ((u64)first << SECTOR_SHIFT),
			(u64)count << SECTOR_SHIFT, part_done, item);
}

/* Call @part for each run of the extent's sectors that are clear in @mask. */
static void each_run(struct ditto_item *item, const unsigned long *mask, part_fn part)
{
	u32 sectors = item_sectors(item);
	u32 first = find_first_zero_bit(mask, sectors);

	while (first < sectors) {
		u32 end = find_next_bit(mask, sectors, first);

		atomic_inc(&item->parts);
		part(item, first, end - first);
		first = find_next_zero_bit(mask, sectors, end);
	}
}

/*
 * Which parts of an extent's data shall be holes: set those sectors. Not where a
 * disk cannot have any, or only larger ones.
 *
 * Return: how many sectors that are.
 */
static u32 find_holes(struct ditto_item *item, unsigned long *holes)
{
	struct block_device *bdev = item_disk(item)->backing.bdev;
	u32 each = max_t(u32, bdev_discard_granularity(bdev), PAGE_SIZE) >> SECTOR_SHIFT;
	u64 sector = item->core.range.start >> SECTOR_SHIFT;
	u32 count = 0, end = 0, zero = 0, i;

	if (!bdev_max_discard_sectors(bdev) || !is_power_of_2(each) ||
	    item->core.range.start & ~PAGE_MASK)
		return 0;
	for (i = 0; i < item->bio->bi_vcnt; i++) {
		const struct bio_vec *bv = &item->bio->bi_io_vec[i];

		/* How many sectors of zeroes end here. */
		if (memchr_inv(page_address(bv->bv_page), 0, bv->bv_len))
			zero = 0;
		else
			zero += bv->bv_len >> SECTOR_SHIFT;
		end += bv->bv_len >> SECTOR_SHIFT;
		if (zero < each || !IS_ALIGNED(sector + end, each))
			continue;
		bitmap_set(holes, end - each, each);
		count += each;
	}
	return count;
}

/* What newer entries cover: it is left out. Return: how many sectors that are. */
static u32 find_covered(struct ditto_item *item, unsigned long *covered)
{
	u32 count;

	spin_lock_irq(&item->app->lock);
	count = ditto_apply_mask(&item->app->core, &item->core, covered);
	spin_unlock_irq(&item->app->lock);
	return count;
}

void ditto_extent_write(struct ditto_item *item)
{
	DECLARE_BITMAP(covered, EXTENT_SECTORS) = {};
	DECLARE_BITMAP(holes, EXTENT_SECTORS) = {};
	DECLARE_BITMAP(none, EXTENT_SECTORS);
	u32 zeroes = item->bio ? find_holes(item, holes) : 0;

	if (!find_covered(item, covered) && !zeroes) {
		ditto_item_write(item);
		return;
	}
	/* One for ourselves: parts may end while others are being made. */
	atomic_set(&item->parts, 1);
	if (item->bio) {
		bitmap_or(none, covered, holes, EXTENT_SECTORS);
		each_run(item, none, write_part);
		/* Zeroes: what is a hole and not covered. */
		bitmap_complement(none, holes, EXTENT_SECTORS);
		bitmap_or(covered, covered, none, EXTENT_SECTORS);
	}
	each_run(item, covered, zero_part);
	part_put(item);
}
