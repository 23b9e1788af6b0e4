// SPDX-License-Identifier: GPL-2.0
#include "disk.h"

#include <linux/bio.h>
#include <linux/blk-cgroup.h>
#include <linux/completion.h>
#include <linux/kref.h>
#include <linux/mempool.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/slab.h>

#include "core/bits.h"
#include "disk_io.h"
#include "log.h"
#include "resource.h"

/*
 * Only a disk has them, and each for DITTO_DISK_TIMEOUT_MS at most, or until it is
 * given up. A resource has no more than three at a time: of whoever has conf, and two
 * of what cools.
 */
#define POOL_ACCESSES	16

/* Lets go of disks whose I/O returned after they were given up. */
static struct workqueue_struct *disk_wq;

/* Bios and pages for the metadata: data that waits for it must not hold the last. */
static struct bio_set access_set;
static mempool_t access_pages;

/**
 * struct disk_access - an access to the metadata, or a flush, that is waited for
 * @done: it has ended
 * @bio: NULL where the disk has kept it
 * @status: of the end
 */
struct disk_access {
	struct completion done;
	struct bio *bio;
	blk_status_t status;
};

static void access_free(struct bio *bio)
{
	if (bio->bi_vcnt)
		mempool_free(bio->bi_io_vec[0].bv_page, &access_pages);
	bio_put(bio);
}

static struct bio *access_new(struct block_device *bdev, blk_opf_t opf, u64 offset, bool data)
{
	struct bio *bio = bio_alloc_bioset(bdev, 1, opf, GFP_NOIO, &access_set);

	bio->bi_iter.bi_sector = offset >> SECTOR_SHIFT;
	if (data)
		__bio_add_page(bio, mempool_alloc(&access_pages, GFP_NOIO), DITTO_MD_BLOCK, 0);
	return bio;
}

static void access_done(void *owner, struct bio *bio, blk_status_t status)
{
	struct disk_access *a = owner;

	a->bio = bio;
	a->status = status;
	complete(&a->done);
}

/*
 * Not killable: a command that is killed would leave open whether its metadata
 * is on the disk. Whoever gives the disk up ends it.
 * Return: 0, -ETIMEDOUT, or the disk's error.
 */
static int access_wait(struct ditto_disk *disk, struct bio *bio, struct disk_access *a)
{
	a->bio = NULL;
	init_completion(&a->done);
	ditto_disk_submit(disk, bio, access_free, access_done, a);
	if (!wait_for_completion_timeout(&a->done, msecs_to_jiffies(DITTO_DISK_TIMEOUT_MS))) {
		if (ditto_disk_forsake(disk, a))
			return -ETIMEDOUT;
		wait_for_completion(&a->done);
	}
	return blk_status_to_errno(a->status);
}

static int access_block(struct ditto_disk *disk, struct block_device *bdev, blk_opf_t opf,
			u64 offset, void *block)
{
	struct bio *bio = access_new(bdev, opf, offset, true);
	struct disk_access a;
	int err;

	if (op_is_write(opf))
		memcpy(page_address(bio->bi_io_vec[0].bv_page), block, DITTO_MD_BLOCK);
	err = access_wait(disk, bio, &a);
	if (!err && !op_is_write(opf))
		memcpy(block, page_address(a.bio->bi_io_vec[0].bv_page), DITTO_MD_BLOCK);
	if (a.bio)
		access_free(a.bio);
	return err;
}

static struct block_device *meta_bdev(struct ditto_disk *disk)
{
	return disk->meta.bdev ? disk->meta.bdev : disk->backing.bdev;
}

static bool meta_internal(struct ditto_disk *disk)
{
	return !disk->meta.bdev;
}

static int flush(struct ditto_disk *disk, struct block_device *bdev)
{
	struct disk_access a;
	int err;

	/* One that is given up may keep what was asked of it before. */
	if (READ_ONCE(disk->failed))
		return -EIO;
	err = access_wait(disk, access_new(bdev, REQ_OP_WRITE | REQ_PREFLUSH | REQ_SYNC, 0, false),
			  &a);
	if (a.bio)
		access_free(a.bio);
	return err;
}

int ditto_disk_flush(struct ditto_disk *disk)
{
	return flush(disk, disk->backing.bdev);
}

int ditto_disk_read_block(struct ditto_disk *disk, u64 offset, void *block)
{
	return access_block(disk, meta_bdev(disk), REQ_OP_READ | REQ_META, offset, block);
}

int ditto_disk_write_block(struct ditto_disk *disk, u64 offset, void *block)
{
	int err;

	if (READ_ONCE(disk->failed))
		return -EIO;
	err = access_block(disk, meta_bdev(disk), REQ_OP_WRITE | REQ_SYNC | REQ_META, offset, block);
	if (err)
		WRITE_ONCE(disk->failed, true);
	return err;
}

struct bio *ditto_disk_clone(struct ditto_disk *disk, struct bio *user, gfp_t gfp,
			     struct bio_set *set)
{
	struct bio *bio = bio_alloc_clone(disk->backing.bdev, user, gfp, set);

	if (bio)
		bio->bi_opf &= ~(REQ_RAHEAD | REQ_FAILFAST_MASK);
	return bio;
}

struct bio *ditto_disk_log_bio(struct ditto_disk *disk)
{
	struct ditto_disk_io *io = kmalloc(sizeof(*io) + sizeof(struct bio_vec), GFP_KERNEL);
	struct page *page = alloc_page(GFP_KERNEL | __GFP_ZERO);

	if (!io || !page) {
		kfree(io);
		if (page)
			__free_page(page);
		return NULL;
	}
	bio_init(&io->bio, meta_bdev(disk), io->bio.bi_inline_vecs, 1, 0);
	__bio_add_page(&io->bio, page, DITTO_MD_BLOCK, 0);
	return &io->bio;
}

void ditto_disk_free_log(struct bio *bio)
{
	__free_page(bio->bi_io_vec[0].bv_page);
	bio_uninit(bio);
	kfree(container_of(bio, struct ditto_disk_io, bio));
}

void *ditto_disk_log_block(struct bio *bio)
{
	return page_address(bio->bi_io_vec[0].bv_page);
}

void ditto_disk_submit_log(struct ditto_disk *disk, struct bio *bio, u64 offset,
			   ditto_disk_done_fn done, void *owner)
{
	struct page *page = bio->bi_io_vec[0].bv_page;

	bio_reset(bio, meta_bdev(disk), REQ_OP_WRITE | REQ_FUA | REQ_SYNC | REQ_META);
	/* Others wait for it: no limit of this writer's holds it up. */
	bio_associate_blkg_from_css(bio, blkcg_root_css);
	bio->bi_iter.bi_sector = offset >> SECTOR_SHIFT;
	__bio_add_page(bio, page, DITTO_MD_BLOCK, 0);
	ditto_disk_submit(disk, bio, ditto_disk_free_log, done, owner);
}

int ditto_disk_flush_md(struct ditto_disk *disk)
{
	int err;

	if (READ_ONCE(disk->failed))
		return -EIO;
	err = flush(disk, meta_bdev(disk));
	if (err)
		WRITE_ONCE(disk->failed, true);
	return err;
}

int ditto_disk_write_md(struct ditto_disk *disk)
{
	struct block_device *bdev = meta_bdev(disk);
	struct ditto_md *md = &disk->md;
	u32 slot = (md->slot + 1) % DITTO_MD_SLOTS;
	int err;

	if (READ_ONCE(disk->failed))
		return -EIO;
	md->sequence++;
	ditto_md_encode(md, slot, disk->md_block);
	err = access_block(disk, bdev,
			   REQ_OP_WRITE | REQ_PREFLUSH | REQ_FUA | REQ_SYNC | REQ_META,
			   ditto_md_slot_offset(meta_internal(disk), bdev_nr_bytes(bdev), slot),
			   disk->md_block);
	if (!err)
		md->slot = slot;
	else
		WRITE_ONCE(disk->failed, true);
	return err;
}

/* @err is what ditto_md_choose() returned: the graver error of the two slots. */
static int complain(struct ditto_disk *disk, const struct ditto_md_complaint *why, int err,
		    struct netlink_ext_ack *extack)
{
	const char *path = disk->meta_path ? disk->meta_path : disk->path;
	const struct ditto_md_complaint *worst = why[0].error == err ? &why[0] : &why[1];

	switch (err) {
	case -ENODATA:
		return ditto_refuse(extack, -ENODATA,
				    "%s: no ditto metadata", path);
	case -EBADMSG:
		return ditto_refuse(extack, -EBADMSG,
				    "%s: metadata damaged in both slots (checksum %llx, expected %llx): see check-md",
				    path, worst->found, worst->expected);
	case -EPROTONOSUPPORT:
		return ditto_refuse(extack, -EPROTONOSUPPORT,
				    "%s: metadata version %llu, this module knows %llu",
				    path, worst->found, worst->expected);
	}
	return ditto_refuse(extack, err, "%s: metadata: %s is %llu, expected %llu",
			    path, worst->field, worst->found, worst->expected);
}

static int read_md(struct ditto_disk *disk, struct netlink_ext_ack *extack)
{
	struct ditto_md_complaint why[DITTO_MD_SLOTS] = {};
	struct block_device *bdev = meta_bdev(disk);
	u64 bytes = bdev_nr_bytes(bdev);
	void *blocks;
	u32 slot;
	int err;

	if (bytes < 2 * DITTO_MD_SLOTS * DITTO_MD_BLOCK)
		return ditto_refuse(extack, -ENOSPC, "%s: %llu bytes are too few for metadata",
				    disk->meta_path ? disk->meta_path : disk->path, bytes);
	blocks = kmalloc_array(DITTO_MD_SLOTS, DITTO_MD_BLOCK, GFP_KERNEL);
	if (!blocks)
		return -ENOMEM;
	for (slot = 0; slot < DITTO_MD_SLOTS; slot++) {
		err = access_block(disk, bdev, REQ_OP_READ | REQ_META,
				   ditto_md_slot_offset(meta_internal(disk), bytes, slot),
				   blocks + slot * DITTO_MD_BLOCK);
		if (err) {
			ditto_refuse(extack, err, "%s: cannot read metadata slot %u: error %d",
				     disk->path, slot, err);
			goto out;
		}
	}
	err = ditto_md_choose(blocks, meta_internal(disk), bytes, &disk->md, why);
	if (err)
		err = complain(disk, why, err, extack);
out:
	kfree(blocks);
	return err;
}

static int check_md(struct ditto_disk *disk, const u8 *uuid, u32 node_id,
		    struct netlink_ext_ack *extack)
{
	const struct ditto_md *md = &disk->md;
	u64 bytes = bdev_nr_bytes(disk->backing.bdev);

	if (memcmp(md->resource_uuid, uuid, sizeof(md->resource_uuid)))
		return ditto_refuse(extack, -EMEDIUMTYPE,
				    "%s: metadata belongs to resource %pUb, not to %pUb",
				    disk->path, md->resource_uuid, uuid);
	if (md->node_id != node_id)
		return ditto_refuse(extack, -EMEDIUMTYPE,
				    "%s: metadata belongs to node id %u, this is %u",
				    disk->path, md->node_id, node_id);
	if (md->data_bytes > bytes)
		return ditto_refuse(extack, -ENOSPC,
				    "%s: has %llu bytes, its metadata says %llu of data",
				    disk->path, bytes, md->data_bytes);
	return 0;
}

static const char *why_not_opened(int err)
{
	switch (err) {
	case -EBUSY:
		return "something else uses it: a mount, a driver, or I/O that was given up with it";
	case -ENOENT:
		return "no such device";
	case -ENOTBLK:
		return "it is no block device";
	case -ENXIO:
	case -ENODEV:
		return "there is no device behind that name";
	case -EACCES:
	case -EROFS:
		return "it is read-only";
	}
	return "the device refuses";
}

static int open_device(struct ditto_bdev *bdev, const char *path, struct ditto_disk *disk,
		       struct netlink_ext_ack *extack)
{
	int err = ditto_bdev_open(bdev, path, disk);

	if (!err)
		return 0;
	bdev->bdev = NULL;
	return ditto_refuse(extack, err, "%s: cannot open for exclusive use: %s (error %d)", path,
			    why_not_opened(err), -err);
}

static int open_devices(struct ditto_disk *disk, struct netlink_ext_ack *extack)
{
	int err = open_device(&disk->backing, disk->path, disk, extack);

	if (!err && disk->meta_path)
		err = open_device(&disk->meta, disk->meta_path, disk, extack);
	return err;
}

static void disk_close(struct ditto_disk *disk)
{
	if (disk->meta.bdev)
		ditto_bdev_close(&disk->meta);
	if (disk->backing.bdev)
		ditto_bdev_close(&disk->backing);
	mutex_destroy(&disk->pages);
	kfree(disk->pages_block);
	kfree(disk->md_block);
	kfree(disk->meta_path);
	kfree(disk->path);
	kfree(disk);
}

static void disk_free_work(struct work_struct *work)
{
	struct ditto_disk *disk = container_of(work, struct ditto_disk, free_work);

	pr_info("ditto: %s has returned all that it was given, and is let go\n", disk->path);
	disk_close(disk);
	module_put(THIS_MODULE);
}

static void disk_free(struct kref *ref)
{
	struct ditto_disk *disk = container_of(ref, struct ditto_disk, ref);

	queue_work(disk_wq, &disk->free_work);
}

struct ditto_disk *ditto_disk_open(const char *path, const char *meta_path, const u8 *uuid,
				   u32 node_id, struct netlink_ext_ack *extack)
{
	struct ditto_disk *disk = kzalloc(sizeof(*disk), GFP_KERNEL);
	int err = -ENOMEM;

	if (!disk)
		return ERR_PTR(-ENOMEM);
	kref_init(&disk->ref);
	INIT_WORK(&disk->free_work, disk_free_work);
	mutex_init(&disk->pages);
	spin_lock_init(&disk->lock);
	INIT_LIST_HEAD(&disk->under_way);
	disk->path = kstrdup(path, GFP_KERNEL);
	disk->meta_path = meta_path ? kstrdup(meta_path, GFP_KERNEL) : NULL;
	disk->md_block = kmalloc(DITTO_MD_BLOCK, GFP_KERNEL);
	disk->pages_block = kmalloc(DITTO_BITS_PAGE, GFP_KERNEL);
	if (!disk->path || (meta_path && !disk->meta_path) || !disk->md_block ||
	    !disk->pages_block)
		goto fail;
	err = open_devices(disk, extack);
	if (!err)
		err = read_md(disk, extack);
	if (!err)
		err = check_md(disk, uuid, node_id, extack);
	if (err)
		goto fail;

	disk->unclean = !(disk->md.flags & DITTO_MDF_CLEAN);
	do {
		disk->attach_id = get_random_u64();
	} while (!disk->attach_id);
	return disk;
fail:
	ditto_disk_close(disk);
	return ERR_PTR(err);
}

void ditto_disk_unreadable(struct ditto_resource *res, u64 start, u32 size, const char *then,
			   const char *whom)
{
	atomic64_inc(&res->disk->read_errors);
	ditto_warn_ratelimited(res, "%s cannot read %u bytes at %llu: %s%s", res->disk->path, size,
			       start, then, whom);
}

void ditto_disk_repaired(struct ditto_resource *res, u64 start, u32 size)
{
	atomic64_add(size, &res->disk->repaired);
	ditto_warn_ratelimited(res, "%s: %u bytes at %llu that could not be read are written anew",
			       res->disk->path, size, start);
}

struct ditto_disk *ditto_disk_get(struct ditto_disk *disk)
{
	kref_get(&disk->ref);
	return disk;
}

void ditto_disk_put(struct ditto_disk *disk)
{
	kref_put(&disk->ref, disk_free);
}

void ditto_disk_close(struct ditto_disk *disk)
{
	/* The only reference: nobody else can get one any more. */
	if (kref_read(&disk->ref) == 1) {
		disk_close(disk);
		return;
	}
	pr_warn("ditto: %s has not returned all that it was given: it stays open, and the module loaded, until it does\n",
		disk->path);
	/* The last reference lets go of it. */
	__module_get(THIS_MODULE);
	ditto_disk_put(disk);
}

int ditto_disk_init(void)
{
	int err = bioset_init(&access_set, POOL_ACCESSES, DITTO_DISK_IO_PAD, BIOSET_NEED_BVECS);

	if (err)
		return err;
	err = mempool_init_page_pool(&access_pages, POOL_ACCESSES, 0);
	if (err)
		goto no_pages;
	disk_wq = alloc_workqueue("ditto_disk", 0, 0);
	if (disk_wq)
		return 0;
	err = -ENOMEM;
	mempool_exit(&access_pages);
no_pages:
	bioset_exit(&access_set);
	return err;
}

void ditto_disk_exit(void)
{
	destroy_workqueue(disk_wq);
	mempool_exit(&access_pages);
	bioset_exit(&access_set);
}
