/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between the kernels that ditto builds for. This is the only
 * file that mentions a kernel version; the rest is written for the newest.
 */
#ifndef DITTO_COMPAT_H
#define DITTO_COMPAT_H

#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/net.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include <linux/version.h>
#include <net/inet_connection_sock.h>
#include <net/sock.h>

/* An exclusively opened block device. */
struct ditto_bdev {
	struct block_device *bdev;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
	struct file *file;
#else
	fmode_t mode;
#endif
};

/* Open @path for reading and writing, exclusively for @holder. May sleep. */
static inline int ditto_bdev_open(struct ditto_bdev *d, const char *path, void *holder)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
	d->file = bdev_file_open_by_path(path, BLK_OPEN_READ | BLK_OPEN_WRITE, holder, NULL);
	if (IS_ERR(d->file))
		return PTR_ERR(d->file);
	d->bdev = file_bdev(d->file);
#else
	d->mode = FMODE_READ | FMODE_WRITE | FMODE_EXCL;
	d->bdev = blkdev_get_by_path(path, d->mode, holder);
	if (IS_ERR(d->bdev))
		return PTR_ERR(d->bdev);
#endif
	return 0;
}

static inline void ditto_bdev_close(struct ditto_bdev *d)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
	bdev_fput(d->file);
#else
	blkdev_put(d->bdev, d->mode);
#endif
	d->bdev = NULL;
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
#define DITTO_OPEN_ARGS struct gendisk *disk, blk_mode_t mode
#define DITTO_OPEN_DISK disk
#define DITTO_OPEN_WRITES (mode & BLK_OPEN_WRITE)
#define DITTO_RELEASE_ARGS struct gendisk *disk
#else
#define DITTO_OPEN_ARGS struct block_device *bdev, fmode_t mode
#define DITTO_OPEN_DISK (bdev->bd_disk)
#define DITTO_OPEN_WRITES (mode & FMODE_WRITE)
#define DITTO_RELEASE_ARGS struct gendisk *disk, fmode_t mode
#endif

/**
 * struct ditto_disk_limits - those of a stacked disk that are not its backing device's
 * @max_bytes: no bio will be larger
 * @range_bytes: no discard and no write-zeroes will be larger
 * @discard: discards are taken
 * @logical: bytes of a logical block, at least
 * @physical: bytes of a physical block, at least
 */
struct ditto_disk_limits {
	unsigned int max_bytes;
	unsigned int range_bytes;
	bool discard;
	unsigned int logical;
	unsigned int physical;
};

/* The limits of a disk over @backing that has a volatile write cache and FUA. */
static inline void ditto_stack_limits(struct queue_limits *lim, struct block_device *backing,
				      const struct ditto_disk_limits *own)
{
	blk_set_stacking_limits(lim);
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
	queue_limits_stack_bdev(lim, backing, 0, "ditto");
	lim->features &= ~(BLK_FEAT_ZONED | BLK_FEAT_NOWAIT);
	lim->features |= BLK_FEAT_WRITE_CACHE | BLK_FEAT_FUA | BLK_FEAT_STABLE_WRITES |
			 BLK_FEAT_IO_STAT;
#else
	blk_stack_limits(lim, &bdev_get_queue(backing)->limits, get_start_sect(backing));
#endif
	lim->logical_block_size = max(lim->logical_block_size, own->logical);
	lim->physical_block_size = max3(lim->physical_block_size, lim->logical_block_size,
					own->physical);
	lim->io_min = max(lim->io_min, lim->physical_block_size);
	lim->max_hw_sectors = round_down(min(lim->max_hw_sectors, own->max_bytes >> SECTOR_SHIFT),
					 lim->logical_block_size >> SECTOR_SHIFT);
	lim->max_sectors = min(lim->max_sectors, lim->max_hw_sectors);
	lim->max_hw_discard_sectors = own->discard ? own->range_bytes >> SECTOR_SHIFT : 0;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
	lim->max_user_discard_sectors = lim->max_hw_discard_sectors;
#endif
	lim->max_discard_sectors = lim->max_hw_discard_sectors;
	lim->discard_granularity = max(lim->discard_granularity, lim->logical_block_size);
	lim->max_secure_erase_sectors = 0;
	lim->max_zone_append_sectors = 0;
	lim->max_write_zeroes_sectors = own->range_bytes >> SECTOR_SHIFT;
}

/**
 * ditto_alloc_disk() - a gendisk stacked over a backing device
 * @backing: whose limits the disk inherits
 * @own: and those of its own
 *
 * The disk says that it has a volatile write cache and FUA, and wants stable
 * pages.
 *
 * Return: the disk or an ERR_PTR.
 */
static inline struct gendisk *ditto_alloc_disk(struct block_device *backing,
					       const struct ditto_disk_limits *own)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
	struct queue_limits lim;

	ditto_stack_limits(&lim, backing, own);
	return blk_alloc_disk(&lim, NUMA_NO_NODE);
#else
	struct gendisk *disk = blk_alloc_disk(NUMA_NO_NODE);

	if (!disk)
		return ERR_PTR(-ENOMEM);
	ditto_stack_limits(&disk->queue->limits, backing, own);
	blk_queue_write_cache(disk->queue, true, true);
	blk_queue_flag_set(QUEUE_FLAG_STABLE_WRITES, disk->queue);
	blk_queue_flag_clear(QUEUE_FLAG_NOWAIT, disk->queue);
	if (bdev_nonrot(backing))
		blk_queue_flag_set(QUEUE_FLAG_NONROT, disk->queue);
	return disk;
#endif
}

/*
 * Other limits for a disk that nobody has open, and nobody can open meanwhile.
 * Return: 0 or a negative errno.
 */
static inline int ditto_change_limits(struct gendisk *disk, struct block_device *backing,
				      const struct ditto_disk_limits *own)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
	struct queue_limits lim = queue_limits_start_update(disk->queue);

	ditto_stack_limits(&lim, backing, own);
	return queue_limits_commit_update(disk->queue, &lim);
#else
	ditto_stack_limits(&disk->queue->limits, backing, own);
	return 0;
#endif
}

/*
 * Send pages that belong to us without copying them: what @bv[0..@count) says,
 * from byte @skip of the first on. They are referenced by the socket as long as
 * the network needs them. Where the kernel takes a page at a time, the socket is
 * locked once for all; not where TLS is in between, which has a lock around that.
 * Return: bytes taken, or a negative errno (-EAGAIN when there is no room).
 */
static inline int ditto_sock_send_pages(struct socket *sock, const struct bio_vec *bv,
					unsigned int count, unsigned int skip, int flags)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
	struct msghdr msg = { .msg_flags = flags | MSG_SPLICE_PAGES };
	size_t bytes = 0;
	unsigned int i;

	for (i = 0; i < count; i++)
		bytes += bv[i].bv_len;
	iov_iter_bvec(&msg.msg_iter, ITER_SOURCE, bv, count, bytes);
	iov_iter_advance(&msg.msg_iter, skip);
	return sock_sendmsg(sock, &msg);
#else
	struct sock *sk = sock->sk;
	bool tls = inet_csk_has_ulp(sk);
	int part, ret = 0, taken = 0;

	if (!tls)
		lock_sock(sk);
	for (; count; count--, bv++, skip = 0) {
		part = count > 1 ? flags | MSG_MORE | MSG_SENDPAGE_NOTLAST : flags;
		ret = tls ? kernel_sendpage(sock, bv->bv_page, bv->bv_offset + skip,
					    bv->bv_len - skip, part) :
			    kernel_sendpage_locked(sk, bv->bv_page, bv->bv_offset + skip,
						   bv->bv_len - skip, part);
		if (ret > 0)
			taken += ret;
		if (ret != bv->bv_len - skip)
			break;
	}
	if (!tls)
		release_sock(sk);
	return taken ?: ret;
#endif
}

typedef unsigned long (*ditto_shrink_fn)(struct shrinker *s, struct shrink_control *sc);

/* A shrinker that is registered, or NULL; since 6.7 the kernel allocates them. May sleep. */
static inline struct shrinker *ditto_shrinker_new(const char *name, ditto_shrink_fn count,
						  ditto_shrink_fn scan)
{
	struct shrinker *s;

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	s = shrinker_alloc(0, "%s", name);
#else
	s = kzalloc(sizeof(*s), GFP_KERNEL);
#endif
	if (!s)
		return NULL;
	s->count_objects = count;
	s->scan_objects = scan;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	shrinker_register(s);
#else
	s->seeks = DEFAULT_SEEKS;
	if (register_shrinker(s, "%s", name)) {
		kfree(s);
		return NULL;
	}
#endif
	return s;
}

static inline void ditto_shrinker_free(struct shrinker *s)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	shrinker_free(s);
#else
	unregister_shrinker(s);
	kfree(s);
#endif
}

/* The record types of TLS moved in 6.6. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
#include <net/tls_prot.h>
#else
#include <net/tls.h>
#endif

/* What pre_doit and post_doit are told of the command. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
#define DITTO_GENL_OPS const struct genl_split_ops
#else
#define DITTO_GENL_OPS const struct genl_ops
#endif

/* Since 6.10 the source of a trace event's string is given once. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
#define ditto_assign_str(field, source) __assign_str(field)
#else
#define ditto_assign_str(field, source) __assign_str(field, source)
#endif

/* <asm/unaligned.h> moved in 6.12. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#include <linux/unaligned.h>
#else
#include <asm/unaligned.h>
#endif

#endif /* DITTO_COMPAT_H */
