// SPDX-License-Identifier: GPL-2.0
#include "compare.h"

#include <crypto/blake2s.h>
#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/sched.h>

#include "applier.h"
#include "connection.h"
#include "disk.h"
#include "disk_io.h"
#include "payload.h"
#include "resource.h"

#define EXTENT_SECTORS	(DITTO_WIRE_MAX_EXTENT >> SECTOR_SHIFT)

static_assert(DITTO_WIRE_SUM == BLAKE2S_HASH_SIZE);

static struct workqueue_struct *compare_wq;

static struct ditto_resource *item_resource(struct ditto_item *item)
{
	return container_of(item->app, struct ditto_resource, applier);
}

static u32 item_size(const struct ditto_item *item)
{
	return item->core.range.last + 1 - item->core.range.start;
}

static u32 pages_of_block(const struct ditto_wire_sums *sums)
{
	return 1u << (sums->shift - PAGE_SHIFT);
}

/* Whole pages, but for the last one of all: a block begins with a page. */
static void sum_block(const struct bio *data, u32 pages, u32 block, u8 *sum)
{
	u32 end = min_t(u32, (block + 1) * pages, data->bi_vcnt);
	struct blake2s_state state;
	u32 i;

	blake2s_init(&state, DITTO_WIRE_SUM);
	for (i = block * pages; i < end; i++)
		blake2s_update(&state, page_address(data->bi_io_vec[i].bv_page),
			       data->bi_io_vec[i].bv_len);
	blake2s_final(&state, sum);
	cond_resched();
}

void ditto_compare_sum(const struct bio *data, struct ditto_wire_sums *sums)
{
	u32 i;

	sums->count = DIV_ROUND_UP(data->bi_vcnt, pages_of_block(sums));
	for (i = 0; i < sums->count; i++)
		sum_block(data, pages_of_block(sums), i, sums->sums[i]);
}

/* A bit for each block that differs. */
static u32 compare(const struct bio *data, const struct ditto_wire_sums *theirs)
{
	u8 ours[DITTO_WIRE_SUM];
	u32 i, differs = 0;

	for (i = 0; i < theirs->count; i++) {
		sum_block(data, pages_of_block(theirs), i, ours);
		if (memcmp(ours, theirs->sums[i], DITTO_WIRE_SUM))
			differs |= BIT(i);
	}
	return differs;
}

/* Before the item ends: no acknowledgement of it may overtake this. */
static void tell(struct ditto_item *item, u32 differs)
{
	struct ditto_applier *app = item->app;
	struct ditto_connection *conn;
	struct ditto_wire_header header = {
		.type = DITTO_WIRE_EXTENT_DIFFERS,
		.epoch = item->core.number,
		.offset = item->core.range.start,
		.size = item_size(item),
	};
	u8 buf[DITTO_WIRE_DIFFERS_BYTES];

	spin_lock_irq(&app->lock);
	conn = app->upstream;
	if (conn)
		ditto_connection_get(conn);
	spin_unlock_irq(&app->lock);
	if (!conn)
		return;
	ditto_wire_put_differs(differs, buf);
	ditto_connection_send(conn, DITTO_LANE_CONTROL, &header, buf, sizeof(buf));
	ditto_connection_put(conn);
}

/*
 * All of it counts as differing: what is sent anew may well be readable then, and is
 * sent as well where there was no memory to read it. A target's disk is not given up
 * for what is about to be written over.
 */
static u32 unreadable(struct ditto_item *item)
{
	if (item->failed)
		ditto_disk_unreadable(item_resource(item), item->core.range.start,
				      item_size(item), "the resync sends it anew", "");
	return GENMASK(item->sums->count - 1, 0);
}

static void compare_work(struct work_struct *work)
{
	struct ditto_item *item = container_of(work, struct ditto_item, work);
	u32 differs;

	if (item->failed && READ_ONCE(item_resource(item)->disk->failed)) {
		ditto_item_written(item, BLK_STS_IOERR);
		return;
	}
	differs = item->bio && !item->failed ? compare(item->bio, item->sums) : unreadable(item);
	if (differs)
		tell(item, differs);
	ditto_item_written(item, BLK_STS_OK);
}

static void compare_read(void *owner, struct bio *bio, blk_status_t status)
{
	struct ditto_item *item = owner;

	item->bio = bio;
	item->failed = status != BLK_STS_OK;
	/* Not here: it takes a while, and this may be an interrupt. */
	queue_work(compare_wq, &item->work);
}

void ditto_compare_begin(struct ditto_item *item)
{
	struct ditto_disk *disk = item_resource(item)->disk;
	DECLARE_BITMAP(mask, EXTENT_SECTORS) = {};
	struct bio *bio;

	/*
	 * What a newer entry covers may be equal by that entry: the extent counts
	 * with it only, as if it had left that out.
	 */
	spin_lock_irq(&item->app->lock);
	ditto_apply_mask(&item->app->core, &item->core, mask);
	spin_unlock_irq(&item->app->lock);
	INIT_WORK(&item->work, compare_work);
	bio = ditto_payload_try(DITTO_PAYLOAD_TARGET, disk->backing.bdev, REQ_OP_READ,
				item->core.range.start, item_size(item));
	if (bio)
		ditto_disk_submit(disk, bio, ditto_payload_free, compare_read, item);
	else
		queue_work(compare_wq, &item->work);
}

int ditto_compare_init(void)
{
	compare_wq = alloc_workqueue("ditto_compare", WQ_MEM_RECLAIM | WQ_CPU_INTENSIVE, 0);
	return compare_wq ? 0 : -ENOMEM;
}

void ditto_compare_exit(void)
{
	destroy_workqueue(compare_wq);
}
