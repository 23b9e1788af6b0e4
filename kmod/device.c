// SPDX-License-Identifier: GPL-2.0
#include "device.h"

#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/idr.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "compat.h"
#include "disk.h"
#include "gate.h"
#include "limits.h"
#include "log.h"
#include "reader.h"
#include "remote_read.h"
#include "request.h"
#include "resource.h"

#define POOL_READS	64

/* A read on its way to the local disk, or to a peer's. */
struct device_read {
	struct ditto_remote_read remote;
	struct bio bio;		/* last: bioset front padding */
};

static int device_major;
static DEFINE_IDA(minors);
static struct bio_set read_set;

static void count(struct ditto_device *dev, struct bio *bio)
{
	struct ditto_device_stats *stats = get_cpu_ptr(dev->stats);

	if (!bio->bi_iter.bi_size) {
		stats->flushes++;
	} else if (op_is_write(bio_op(bio))) {
		stats->writes++;
		stats->write_bytes += bio->bi_iter.bi_size;
	} else {
		stats->reads++;
		stats->read_bytes += bio->bi_iter.bi_size;
	}
	put_cpu_ptr(dev->stats);
}

void ditto_device_sum(struct ditto_device *dev, struct ditto_device_stats *sum)
{
	int cpu;

	memset(sum, 0, sizeof(*sum));
	for_each_possible_cpu(cpu) {
		const struct ditto_device_stats *stats = per_cpu_ptr(dev->stats, cpu);

		sum->reads += stats->reads;
		sum->read_bytes += stats->read_bytes;
		sum->writes += stats->writes;
		sum->write_bytes += stats->write_bytes;
		sum->flushes += stats->flushes;
	}
}

void ditto_device_end_bio(struct ditto_device *dev, struct bio *bio, unsigned long start)
{
	bio_end_io_acct(bio, start);
	bio_endio(bio);
	ditto_gate_leave(&dev->gate);
}

void ditto_device_refuse(struct ditto_device *dev, struct bio *bio, blk_status_t status)
{
	bio->bi_status = status;
	bio_endio(bio);
	ditto_gate_leave(&dev->gate);
}

/* Any context. */
static void read_ends(struct ditto_remote_read *remote, blk_status_t status)
{
	struct device_read *read = container_of(remote, struct device_read, remote);
	struct ditto_device *dev = remote->dev;
	struct bio *user = remote->user;
	unsigned long start = remote->start;

	bio_put(&read->bio);
	user->bi_status = status;
	ditto_device_end_bio(dev, user, start);
}

static void read_end_io(struct bio *bio)
{
	struct device_read *read = container_of(bio, struct device_read, bio);

	if (bio->bi_status) {
		read->remote.status = bio->bi_status;
		ditto_remote_read_submit(&read->remote);
	} else {
		read_ends(&read->remote, BLK_STS_OK);
	}
}

static void read_begin(struct ditto_device *dev, struct bio *user, struct bio *bio)
{
	struct device_read *read;

	read = container_of(bio, struct device_read, bio);
	read->remote.end = read_ends;
	read->remote.dev = dev;
	read->remote.user = user;
	read->remote.status = BLK_STS_OK;
	read->remote.prepared = false;
	read->remote.repair = NULL;
	read->remote.tried = 0;
	read->remote.start = bio_start_io_acct(user);
	bio->bi_end_io = read_end_io;
	if (READ_ONCE(dev->res->disk->failed))
		ditto_remote_read_submit(&read->remote);
	else
		submit_bio_noacct(bio);
}

void ditto_device_read(struct ditto_device *dev, struct bio *user)
{
	read_begin(dev, user, ditto_disk_clone(dev->res->disk, user, GFP_NOIO, &read_set));
}

bool ditto_device_try_read(struct ditto_device *dev, struct bio *user)
{
	struct bio *bio = ditto_disk_clone(dev->res->disk, user, GFP_NOWAIT | __GFP_NOWARN,
					   &read_set);

	if (bio)
		read_begin(dev, user, bio);
	return bio;
}

static void serve_primary(struct ditto_device *dev, struct bio *bio)
{
	switch (bio_op(bio)) {
	case REQ_OP_READ:
		ditto_device_read(dev, bio);
		break;
	case REQ_OP_WRITE:
	case REQ_OP_DISCARD:
	case REQ_OP_WRITE_ZEROES:
	case REQ_OP_FLUSH:
		ditto_request_submit(dev->res, bio);
		break;
	default:
		ditto_device_refuse(dev, bio, BLK_STS_NOTSUPP);
	}
}

static void serve_secondary(struct ditto_device *dev, struct bio *bio)
{
	switch (bio_op(bio)) {
	case REQ_OP_READ:
		ditto_reader_submit(dev, bio);
		break;
	case REQ_OP_WRITE:
	case REQ_OP_FLUSH:
		/* Nothing was written here, so there is nothing to flush. */
		ditto_device_refuse(dev, bio, bio->bi_iter.bi_size ? BLK_STS_IOERR : BLK_STS_OK);
		break;
	default:
		ditto_device_refuse(dev, bio, BLK_STS_IOERR);
	}
}

/* The role is asked for each bio, when it is let in. */
static void serve(struct ditto_device *dev, struct bio *bio)
{
	count(dev, bio);
	if (READ_ONCE(dev->res->role) == DITTO_ROLE_PRIMARY)
		serve_primary(dev, bio);
	else
		serve_secondary(dev, bio);
}

static void device_submit_bio(struct bio *bio)
{
	struct ditto_device *dev = bio->bi_bdev->bd_disk->private_data;

	/* The block layer would look long for what a flush has none of. */
	if (bio->bi_iter.bi_size)
		bio = bio_split_to_limits(bio);
	if (bio && ditto_gate_enter(&dev->gate, bio))
		serve(dev, bio);
}

static void serve_waiting(struct ditto_gate *gate, struct bio *bio)
{
	serve(container_of(gate, struct ditto_device, gate), bio);
}

static int device_open(DITTO_OPEN_ARGS)
{
	struct ditto_device *dev = DITTO_OPEN_DISK->private_data;
	char comm[TASK_COMM_LEN];
	int err = 0;

	get_task_comm(comm, current);
	/*
	 * The role is asked for each bio. But whoever wants to write should hear
	 * it at once. Under the lock: whoever is let in here is seen by
	 * ditto_device_depose().
	 */
	spin_lock_irq(&dev->open_lock);
	if (DITTO_OPEN_WRITES && READ_ONCE(dev->res->role) != DITTO_ROLE_PRIMARY) {
		err = -EROFS;
	} else {
		dev->openers++;
		memcpy(dev->opener, comm, sizeof(comm));
		dev->opener_pid = task_tgid_nr(current);
	}
	spin_unlock_irq(&dev->open_lock);
	return err;
}

static void device_release(DITTO_RELEASE_ARGS)
{
	struct ditto_device *dev = disk->private_data;
	bool last;

	spin_lock_irq(&dev->open_lock);
	last = !--dev->openers && dev->deposed;
	spin_unlock_irq(&dev->open_lock);
	if (!last)
		return;
	/* Before it can be promoted again; nobody opens it meanwhile. */
	set_disk_ro(disk, true);
	spin_lock_irq(&dev->open_lock);
	dev->deposed = false;
	spin_unlock_irq(&dev->open_lock);
}

void ditto_device_use(struct ditto_device *dev, struct ditto_device_use *use)
{
	unsigned long flags;

	spin_lock_irqsave(&dev->open_lock, flags);
	use->openers = dev->openers;
	memcpy(use->opener, dev->opener, sizeof(use->opener));
	use->opener_pid = dev->opener_pid;
	use->deposed = dev->deposed;
	spin_unlock_irqrestore(&dev->open_lock, flags);
}

static void free_device(struct ditto_device *dev)
{
	ditto_gate_release(&dev->gate);
	free_percpu(dev->stats);
	ida_free(&minors, dev->minor);
	ditto_resource_put(dev->res);
	kfree(dev);
}

static void device_free(struct gendisk *disk)
{
	free_device(disk->private_data);
}

static const struct block_device_operations device_ops = {
	.owner		= THIS_MODULE,
	.submit_bio	= device_submit_bio,
	.open		= device_open,
	.release	= device_release,
	.free_disk	= device_free,
};

static ssize_t resource_show(struct device *d, struct device_attribute *attr, char *buf)
{
	struct ditto_device *dev = dev_to_disk(d)->private_data;

	return sysfs_emit(buf, "%s\n", dev->res->name);
}
static DEVICE_ATTR_RO(resource);

static struct attribute *device_attrs[] = {
	&dev_attr_resource.attr,
	NULL
};

static const struct attribute_group device_group = {
	.name	= "ditto",
	.attrs	= device_attrs,
};

static const struct attribute_group *device_groups[] = {
	&device_group,
	NULL
};

bool ditto_device_suspended(const struct ditto_device *dev)
{
	return READ_ONCE(dev->gate.shut) & DITTO_GATE_HAND;
}

static struct ditto_device *device_alloc(struct ditto_resource *res)
{
	struct ditto_device *dev = kzalloc(sizeof(*dev), GFP_KERNEL);

	if (!dev)
		return NULL;
	dev->stats = alloc_percpu(struct ditto_device_stats);
	if (!dev->stats)
		goto no_stats;
	if (ditto_gate_setup(&dev->gate, &res->idle_wait, serve_waiting))
		goto no_gate;
	dev->minor = ida_alloc_max(&minors, MINORMASK, GFP_KERNEL);
	if (dev->minor < 0)
		goto no_minor;
	spin_lock_init(&dev->open_lock);
	dev->bytes = res->disk->md.data_bytes;
	dev->block = ditto_limits_block(res);
	dev->res = ditto_resource_get(res);
	return dev;
no_minor:
	ditto_gate_release(&dev->gate);
no_gate:
	free_percpu(dev->stats);
no_stats:
	kfree(dev);
	return NULL;
}

void ditto_device_appoint(struct ditto_device *dev)
{
	set_disk_ro(dev->disk, false);
}

void ditto_device_depose(struct ditto_device *dev)
{
	bool in_use;

	spin_lock_irq(&dev->open_lock);
	in_use = dev->openers;
	dev->deposed = in_use;
	spin_unlock_irq(&dev->open_lock);
	/* While it is in use, the block layer would warn of each of its writes. */
	if (!in_use)
		set_disk_ro(dev->disk, true);
}

void ditto_device_end(struct ditto_device *dev)
{
	ditto_gate_shut(&dev->gate, DITTO_GATE_GONE);
	ditto_gate_fail(&dev->gate, false);
}

/* A discard is none to a disk that has none: where one is taken, the local disk does. */
static void own_limits(struct ditto_device *dev, u32 block, u32 physical,
		       struct ditto_disk_limits *own)
{
	own->max_bytes = DITTO_WIRE_MAX_WRITE;
	own->range_bytes = DITTO_DEVICE_MAX_RANGE;
	own->discard = bdev_max_discard_sectors(dev->res->disk->backing.bdev);
	own->logical = block;
	own->physical = physical;
}

int ditto_device_set_block(struct ditto_device *dev, u32 block, u32 physical)
{
	struct ditto_disk_limits own;
	int err = -EBUSY;

	if (dev->block == block)
		return 0;
	own_limits(dev, block, physical, &own);
	/*
	 * Who opens it from here on sees the new ones. Whoever closes it holds the
	 * mutex while what it had read comes back, which may wait for conf, or for
	 * resume-io: do not wait for that.
	 */
	if (!mutex_trylock(&dev->disk->open_mutex))
		return -EBUSY;
	if (!READ_ONCE(dev->openers))
		err = ditto_change_limits(dev->disk, dev->res->disk->backing.bdev, &own);
	if (!err)
		WRITE_ONCE(dev->block, block);
	mutex_unlock(&dev->disk->open_mutex);
	return err;
}

int ditto_device_new(struct ditto_resource *res)
{
	struct block_device *backing = res->disk->backing.bdev;
	struct ditto_device *dev = device_alloc(res);
	struct ditto_disk_limits own;
	struct gendisk *disk;
	int err;

	if (!dev)
		return -ENOMEM;
	own_limits(dev, dev->block, 0, &own);
	disk = ditto_alloc_disk(backing, &own);
	if (IS_ERR(disk)) {
		free_device(dev);
		return PTR_ERR(disk);
	}
	dev->disk = disk;
	disk->major = device_major;
	disk->first_minor = dev->minor;
	disk->minors = 1;
	disk->flags |= GENHD_FL_NO_PART;
	disk->fops = &device_ops;
	disk->private_data = dev;
	snprintf(disk->disk_name, DISK_NAME_LEN, "ditto%d", dev->minor);
	set_capacity(disk, dev->bytes >> SECTOR_SHIFT);
	set_disk_ro(disk, true);
	spin_lock_irq(&res->stream_lock);
	res->device = dev;
	spin_unlock_irq(&res->stream_lock);
	err = device_add_disk(NULL, disk, device_groups);
	if (err) {
		spin_lock_irq(&res->stream_lock);
		res->device = NULL;
		spin_unlock_irq(&res->stream_lock);
		/* A disk that was never added is not freed through its operations. */
		put_disk(disk);
		free_device(dev);
	}
	return err;
}

void ditto_device_del(struct ditto_resource *res)
{
	struct ditto_device *dev = res->device;

	if (!dev)
		return;
	/* It flushes the device, and would wait for what the gate holds. */
	ditto_device_end(dev);
	del_gendisk(dev->disk);
	spin_lock_irq(&res->stream_lock);
	res->device = NULL;
	spin_unlock_irq(&res->stream_lock);
	put_disk(dev->disk);
}

int ditto_device_init(void)
{
	int err = ditto_gate_init();

	if (err)
		return err;
	err = bioset_init(&read_set, POOL_READS, offsetof(struct device_read, bio), 0);
	if (err)
		goto no_reads;
	device_major = register_blkdev(0, "ditto");
	if (device_major >= 0)
		return 0;
	err = device_major;
	bioset_exit(&read_set);
no_reads:
	ditto_gate_exit();
	return err;
}

void ditto_device_exit(void)
{
	unregister_blkdev(device_major, "ditto");
	bioset_exit(&read_set);
	ditto_gate_exit();
	ida_destroy(&minors);
}
