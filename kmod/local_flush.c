// SPDX-License-Identifier: GPL-2.0
#include "local_flush.h"

#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/mempool.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "device.h"
#include "disk.h"
#include "disk_io.h"
#include "request.h"
#include "resource.h"

#define POOL_FLUSHES	16

/**
 * struct local_flush - a flush on its way to the local disk
 * @res: stays as long as @user, which holds a reference on the device
 * @user: ended when it is done
 * @start: jiffies, for the device's statistics
 * @work: after an error
 */
struct local_flush {
	struct ditto_resource *res;
	struct bio *user;
	unsigned long start;
	struct work_struct work;
};

static struct kmem_cache *flush_cache;
static mempool_t flush_pool;
static struct workqueue_struct *flush_wq;

/*
 * A follower may have come meanwhile, or the disk be the last one: what an error
 * means for the user is the stream's to find out, which finds the disk failed.
 */
static void failed_work(struct work_struct *work)
{
	struct local_flush *flush = container_of(work, struct local_flush, work);
	struct ditto_resource *res = flush->res;
	struct bio *user = flush->user;

	bio_end_io_acct(user, flush->start);
	mempool_free(flush, &flush_pool);
	ditto_request_submit(res, user);
}

/* A disk that does not return it is given up, and it with the disk. */
static void flush_done(void *owner, struct bio *bio, blk_status_t status)
{
	struct local_flush *flush = owner;
	struct ditto_device *dev = flush->res->device;
	unsigned long start = flush->start;
	struct bio *user = flush->user;

	if (bio)
		bio_put(bio);
	if (status) {
		ditto_resource_disk_error(flush->res);
		queue_work(flush_wq, &flush->work);
		return;
	}
	mempool_free(flush, &flush_pool);
	ditto_device_end_bio(dev, user, start);
}

static bool is_quiet(struct ditto_resource *res)
{
	unsigned long flags;
	bool quiet;

	spin_lock_irqsave(&res->stream_lock, flags);
	quiet = ditto_stream_quiet(&res->stream) && !READ_ONCE(res->disk->failed);
	spin_unlock_irqrestore(&res->stream_lock, flags);
	return quiet;
}

bool ditto_local_flush(struct ditto_resource *res, struct bio *user)
{
	struct block_device *bdev = res->disk->backing.bdev;
	struct local_flush *flush;
	struct bio *bio;

	if (!is_quiet(res))
		return false;
	if (!bdev_write_cache(bdev)) {
		/* As the block layer does where it sees that itself. */
		ditto_device_refuse(res->device, user, BLK_STS_OK);
		return true;
	}
	flush = mempool_alloc(&flush_pool, GFP_NOIO);
	flush->res = res;
	flush->user = user;
	INIT_WORK(&flush->work, failed_work);
	bio = ditto_disk_flush_bio(bdev, user->bi_opf & ~REQ_FAILFAST_MASK);
	bio->bi_ioprio = user->bi_ioprio;
	flush->start = bio_start_io_acct(user);
	ditto_disk_submit(res->disk, bio, bio_put, flush_done, flush);
	return true;
}

int ditto_local_flush_init(void)
{
	int err;

	flush_cache = KMEM_CACHE(local_flush, 0);
	if (!flush_cache)
		return -ENOMEM;
	err = mempool_init_slab_pool(&flush_pool, POOL_FLUSHES, flush_cache);
	if (err)
		goto no_pool;
	flush_wq = alloc_workqueue("ditto_flush", WQ_MEM_RECLAIM, 0);
	if (flush_wq)
		return 0;
	err = -ENOMEM;
	mempool_exit(&flush_pool);
no_pool:
	kmem_cache_destroy(flush_cache);
	return err;
}

void ditto_local_flush_exit(void)
{
	destroy_workqueue(flush_wq);
	mempool_exit(&flush_pool);
	kmem_cache_destroy(flush_cache);
}
