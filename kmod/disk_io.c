// SPDX-License-Identifier: GPL-2.0
#include "disk_io.h"

#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/mempool.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "core/wire.h"
#include "disk.h"
#include "payload.h"

#define POOL_IOS	64

/**
 * struct disk_io - what the disk has been given
 * @link: in the disk's list, under its lock; empty once it is given up
 * @disk: with a reference once it is given up
 * @bio: NULL for zeroes
 * @release: frees @bio
 * @done: told of the end
 * @owner: for @done
 * @bdev: for zeroes
 * @start: of zeroes, bytes
 * @size: of zeroes, bytes
 * @work: for zeroes
 */
struct disk_io {
	struct list_head link;
	struct ditto_disk *disk;
	struct bio *bio;
	void (*release)(struct bio *bio);
	ditto_disk_done_fn done;
	void *owner;
	struct block_device *bdev;
	u64 start;
	u64 size;
	struct work_struct work;
};

static struct kmem_cache *io_cache;
static mempool_t io_pool;
static struct workqueue_struct *zero_wq;

/* Nobody waits for it any more. The last to return lets go of the disk. */
static void io_late(struct disk_io *io)
{
	struct ditto_disk *disk = io->disk;

	if (io->bio)
		io->release(io->bio);
	mempool_free(io, &io_pool);
	/* Last: it may be what keeps the module. */
	ditto_disk_put(disk);
}

static void io_ends(struct disk_io *io, blk_status_t status)
{
	struct ditto_disk *disk = io->disk;
	ditto_disk_done_fn done = io->done;
	void *owner = io->owner;
	struct bio *bio = io->bio;
	unsigned long flags;
	bool given_up;

	spin_lock_irqsave(&disk->lock, flags);
	given_up = list_empty(&io->link);
	list_del_init(&io->link);
	spin_unlock_irqrestore(&disk->lock, flags);
	if (given_up) {
		io_late(io);
		return;
	}
	mempool_free(io, &io_pool);
	done(owner, bio, status);
}

static void io_end_io(struct bio *bio)
{
	io_ends(bio->bi_private, bio->bi_status);
}

/* Does it read as zeroes already? */
static bool reads_zero(struct block_device *bdev, u64 start, u32 size)
{
	struct bio *bio = ditto_payload_alloc(bdev, REQ_OP_READ, start, size);
	bool zero = !submit_bio_wait(bio) && ditto_payload_zero(bio);

	ditto_payload_free(bio);
	return zero;
}

/*
 * A disk that can make zeroes by itself makes a hole of them if it can. One that
 * cannot, but can discard, may be thin as well, like dm-thin: there zeroes that are
 * written take room, so they are only written where something else is.
 */
static int zero_out(struct block_device *bdev, u64 start, u64 size)
{
	bool thin = !bdev_write_zeroes_sectors(bdev) && bdev_max_discard_sectors(bdev);
	u64 end = start + size;
	u64 piece;
	int err = 0;

	for (; start < end && !err; start += piece) {
		piece = thin ? min_t(u64, end - start, DITTO_WIRE_MAX_WRITE) : end - start;
		if (!thin || !reads_zero(bdev, start, piece))
			err = blkdev_issue_zeroout(bdev, start >> SECTOR_SHIFT,
						   piece >> SECTOR_SHIFT, GFP_NOIO, 0);
	}
	return err;
}

static void zero_work(struct work_struct *work)
{
	struct disk_io *io = container_of(work, struct disk_io, work);

	io_ends(io, errno_to_blk_status(zero_out(io->bdev, io->start, io->size)));
}

static struct disk_io *io_new(struct ditto_disk *disk, ditto_disk_done_fn done, void *owner)
{
	struct disk_io *io = mempool_alloc(&io_pool, GFP_NOIO);

	memset(io, 0, sizeof(*io));
	io->disk = disk;
	io->done = done;
	io->owner = owner;
	return io;
}

/* Return: false where the disk has failed; whoever gives it up finds all others. */
static bool io_begin(struct disk_io *io)
{
	struct ditto_disk *disk = io->disk;
	bool failed;

	spin_lock_irq(&disk->lock);
	failed = READ_ONCE(disk->failed);
	if (!failed)
		list_add_tail(&io->link, &disk->under_way);
	spin_unlock_irq(&disk->lock);
	if (!failed)
		return true;
	io->done(io->owner, io->bio, BLK_STS_IOERR);
	mempool_free(io, &io_pool);
	return false;
}

void ditto_disk_submit(struct ditto_disk *disk, struct bio *bio, void (*release)(struct bio *bio),
		       ditto_disk_done_fn done, void *owner)
{
	struct disk_io *io = io_new(disk, done, owner);

	io->bio = bio;
	io->release = release;
	bio->bi_end_io = io_end_io;
	bio->bi_private = io;
	if (io_begin(io))
		submit_bio_noacct(bio);
}

void ditto_disk_zero(struct ditto_disk *disk, u64 start, u64 size, ditto_disk_done_fn done,
		     void *owner)
{
	struct disk_io *io = io_new(disk, done, owner);

	io->bdev = disk->backing.bdev;
	io->start = start;
	io->size = size;
	INIT_WORK(&io->work, zero_work);
	if (io_begin(io))
		queue_work(zero_wq, &io->work);
}

/* Under the lock: from here on it is its own. */
static void io_give_up(struct disk_io *io)
{
	list_del_init(&io->link);
	ditto_disk_get(io->disk);
}

u32 ditto_disk_give_up(struct ditto_disk *disk)
{
	ditto_disk_done_fn done;
	struct disk_io *io;
	u32 count = 0;
	void *owner;

	for (;;) {
		spin_lock_irq(&disk->lock);
		io = list_first_entry_or_null(&disk->under_way, struct disk_io, link);
		if (io) {
			done = io->done;
			owner = io->owner;
			io_give_up(io);
		}
		spin_unlock_irq(&disk->lock);
		if (!io)
			return count;
		/* It may have returned, and be gone, by now. */
		done(owner, NULL, BLK_STS_IOERR);
		count++;
	}
}

bool ditto_disk_forsake(struct ditto_disk *disk, void *owner)
{
	struct disk_io *io;
	unsigned long flags;
	bool found = false;

	spin_lock_irqsave(&disk->lock, flags);
	list_for_each_entry(io, &disk->under_way, link) {
		found = io->owner == owner;
		if (found) {
			io_give_up(io);
			break;
		}
	}
	spin_unlock_irqrestore(&disk->lock, flags);
	return found;
}

int ditto_disk_io_init(void)
{
	int err;

	io_cache = KMEM_CACHE(disk_io, 0);
	if (!io_cache)
		return -ENOMEM;
	err = mempool_init_slab_pool(&io_pool, POOL_IOS, io_cache);
	if (err)
		goto no_pool;
	zero_wq = alloc_workqueue("ditto_zero", WQ_MEM_RECLAIM, 0);
	if (zero_wq)
		return 0;
	err = -ENOMEM;
	mempool_exit(&io_pool);
no_pool:
	kmem_cache_destroy(io_cache);
	return err;
}

void ditto_disk_io_exit(void)
{
	destroy_workqueue(zero_wq);
	mempool_exit(&io_pool);
	kmem_cache_destroy(io_cache);
}
