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

/* Of each: only local disks have them, and a flush waits for nothing else. */
#define POOL_FLUSHES	16
#define POOL_ZEROES	64

/**
 * struct zero_io - zeroes that the disk is to make
 * @bdev: where
 * @start: bytes
 * @size: bytes
 * @work: makes them
 * @io: whose bio is not used
 */
struct zero_io {
	struct block_device *bdev;
	u64 start;
	u64 size;
	struct work_struct work;
	struct ditto_disk_io io;
};

static struct kmem_cache *zero_cache;
static mempool_t zero_pool;
static struct bio_set flush_set;
static struct workqueue_struct *zero_wq;

static struct ditto_disk_io *io_of(struct bio *bio)
{
	return container_of(bio, struct ditto_disk_io, bio);
}

static void zero_free(struct ditto_disk_io *io)
{
	mempool_free(container_of(io, struct zero_io, io), &zero_pool);
}

/* Nobody waits for it any more. The last to return lets go of the disk. */
static void io_late(struct ditto_disk_io *io)
{
	struct ditto_disk *disk = io->disk;

	if (io->release)
		io->release(&io->bio);
	else
		zero_free(io);
	/* Last: it may be what keeps the module. */
	ditto_disk_put(disk);
}

/* Its owner is told; the bio is the owner's again, and @io with it. */
static void io_tell(struct ditto_disk_io *io, blk_status_t status)
{
	ditto_disk_done_fn done = io->done;
	void *owner = io->owner;
	struct bio *bio = NULL;

	if (io->release)
		bio = &io->bio;
	else
		zero_free(io);
	done(owner, bio, status);
}

static void io_ends(struct ditto_disk_io *io, blk_status_t status)
{
	struct ditto_disk *disk = io->disk;
	unsigned long flags;
	bool given_up;

	spin_lock_irqsave(&disk->lock, flags);
	given_up = list_empty(&io->link);
	list_del_init(&io->link);
	spin_unlock_irqrestore(&disk->lock, flags);
	if (given_up)
		io_late(io);
	else
		io_tell(io, status);
}

static void io_end_io(struct bio *bio)
{
	io_ends(io_of(bio), bio->bi_status);
}

/* Does it read as zeroes already? */
static bool reads_zero(struct block_device *bdev, u64 start, u32 size)
{
	struct bio *bio = ditto_payload_try(DITTO_PAYLOAD_TARGET, bdev, REQ_OP_READ, start, size);
	bool zero;

	/* Where there is no memory to look, they are written. */
	if (!bio)
		return false;
	zero = !submit_bio_wait(bio) && ditto_payload_zero(bio);
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
	struct zero_io *zero = container_of(work, struct zero_io, work);

	io_ends(&zero->io, errno_to_blk_status(zero_out(zero->bdev, zero->start, zero->size)));
}

static void io_setup(struct ditto_disk_io *io, struct ditto_disk *disk,
		     void (*release)(struct bio *bio), ditto_disk_done_fn done, void *owner)
{
	INIT_LIST_HEAD(&io->link);
	io->disk = disk;
	io->release = release;
	io->done = done;
	io->owner = owner;
}

/* Return: false where the disk has failed; whoever gives it up finds all others. */
static bool io_begin(struct ditto_disk_io *io)
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
	io_tell(io, BLK_STS_IOERR);
	return false;
}

void ditto_disk_submit(struct ditto_disk *disk, struct bio *bio, void (*release)(struct bio *bio),
		       ditto_disk_done_fn done, void *owner)
{
	struct ditto_disk_io *io = io_of(bio);

	io_setup(io, disk, release, done, owner);
	bio->bi_end_io = io_end_io;
	if (io_begin(io))
		submit_bio_noacct(bio);
}

struct bio *ditto_disk_flush_bio(struct block_device *bdev, blk_opf_t opf)
{
	return bio_alloc_bioset(bdev, 0, opf, GFP_NOIO, &flush_set);
}

void ditto_disk_zero(struct ditto_disk *disk, u64 start, u64 size, ditto_disk_done_fn done,
		     void *owner)
{
	struct zero_io *zero = mempool_alloc(&zero_pool, GFP_NOIO);

	io_setup(&zero->io, disk, NULL, done, owner);
	zero->bdev = disk->backing.bdev;
	zero->start = start;
	zero->size = size;
	INIT_WORK(&zero->work, zero_work);
	if (io_begin(&zero->io))
		queue_work(zero_wq, &zero->work);
}

/* Under the lock: from here on it is its own. */
static void io_give_up(struct ditto_disk_io *io)
{
	list_del_init(&io->link);
	ditto_disk_get(io->disk);
}

u32 ditto_disk_give_up(struct ditto_disk *disk)
{
	ditto_disk_done_fn done;
	struct ditto_disk_io *io;
	u32 count = 0;
	void *owner;

	for (;;) {
		spin_lock_irq(&disk->lock);
		io = list_first_entry_or_null(&disk->under_way, struct ditto_disk_io, link);
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
	struct ditto_disk_io *io;
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

	zero_cache = KMEM_CACHE(zero_io, 0);
	if (!zero_cache)
		return -ENOMEM;
	err = mempool_init_slab_pool(&zero_pool, POOL_ZEROES, zero_cache);
	if (err)
		goto no_pool;
	err = bioset_init(&flush_set, POOL_FLUSHES, DITTO_DISK_IO_PAD, 0);
	if (err)
		goto no_set;
	zero_wq = alloc_workqueue("ditto_zero", WQ_MEM_RECLAIM, 0);
	if (zero_wq)
		return 0;
	err = -ENOMEM;
	bioset_exit(&flush_set);
no_set:
	mempool_exit(&zero_pool);
no_pool:
	kmem_cache_destroy(zero_cache);
	return err;
}

void ditto_disk_io_exit(void)
{
	destroy_workqueue(zero_wq);
	bioset_exit(&flush_set);
	mempool_exit(&zero_pool);
	kmem_cache_destroy(zero_cache);
}
