/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The block device that users see, /dev/dittoN.
 */
#ifndef DITTO_DEVICE_H
#define DITTO_DEVICE_H

#include <linux/blk_types.h>
#include <linux/percpu.h>
#include <linux/spinlock.h>

#include "gate.h"

struct ditto_resource;

/*
 * Most bytes of one discard or write-zeroes: all nodes split alike, and no bio
 * comes near what the intent log can hold.
 */
#define DITTO_DEVICE_MAX_RANGE	(64u << 20)

struct ditto_device_stats {
	u64 reads;
	u64 read_bytes;
	u64 writes;
	u64 write_bytes;
	u64 flushes;
};

/**
 * struct ditto_device - a gendisk and what is counted about it
 * @res: holds a reference until the gendisk is freed
 * @disk: the gendisk
 * @minor: of it
 * @bytes: its size
 * @block: bytes of its logical blocks; written under conf and the disk's open mutex
 * @gate: its users' bios come through here
 * @open_lock: of what follows
 * @openers: open file descriptions and holders
 * @opener: command name of the last that opened it
 * @opener_pid: its process id
 * @deposed: it was demoted while it was open, and has not been closed since:
 *	whoever had it open then may hold data from before, and must not write
 *	again; see ditto_device_depose()
 * @stats: per CPU
 */
struct ditto_device {
	struct ditto_resource *res;
	struct gendisk *disk;
	int minor;
	u64 bytes;
	u32 block;
	struct ditto_gate gate;
	spinlock_t open_lock;
	u32 openers;
	char opener[TASK_COMM_LEN];
	pid_t opener_pid;
	bool deposed;
	struct ditto_device_stats __percpu *stats;
};

/**
 * ditto_device_new() - make the device of a resource that has a disk
 * Context: process, under conf. Return: 0 or a negative errno.
 */
int ditto_device_new(struct ditto_resource *res);

/*
 * From here on every bio fails, those that wait too: whoever flushes the device
 * on its way out does not wait for them. Under conf.
 */
void ditto_device_end(struct ditto_device *dev);

/* Take the device away: no bio is under way any more. Under conf; may sleep. */
void ditto_device_del(struct ditto_resource *res);

/**
 * struct ditto_device_use - who has a device open
 * @openers: how many have; 0: the rest says nothing
 * @opener: command name of the last that opened it
 * @opener_pid: its process id
 * @deposed: see struct ditto_device
 */
struct ditto_device_use {
	u32 openers;
	char opener[TASK_COMM_LEN];
	pid_t opener_pid;
	bool deposed;
};

/* Any context. */
void ditto_device_use(struct ditto_device *dev, struct ditto_device_use *use);

/**
 * ditto_device_set_block() - give it other logical blocks, unless somebody has it open
 * @block: bytes
 * @physical: bytes of a physical block, at least; a hint
 *
 * Context: process, under conf. Return: 0, -EBUSY.
 */
int ditto_device_set_block(struct ditto_device *dev, u32 block, u32 physical);

/* Is I/O suspended by hand? Any context. */
bool ditto_device_suspended(const struct ditto_device *dev);

/* Tell the block layer that the device may be written; its role is Primary. */
void ditto_device_appoint(struct ditto_device *dev);

/**
 * ditto_device_depose() - the device may not be written any more
 *
 * The role is Secondary already. A bio does not tell by whom the device was
 * opened. So whoever has it open now keeps this node from being promoted again
 * until all have closed it: what they still have in memory is older than what
 * another Primary may write.
 *
 * Context: process, under conf, with the gate shut.
 */
void ditto_device_depose(struct ditto_device *dev);

/* End a bio that has not been begun; any context. */
void ditto_device_refuse(struct ditto_device *dev, struct bio *bio, blk_status_t status);

/* Serve a read from the local disk, or, where that cannot, from a peer's. */
void ditto_device_read(struct ditto_device *dev, struct bio *user);
/* The same at once. Return: false where there is no memory now, and nothing is done. */
bool ditto_device_try_read(struct ditto_device *dev, struct bio *user);

/* End a bio whose statistics have been started; any context. */
void ditto_device_end_bio(struct ditto_device *dev, struct bio *bio, unsigned long start);

/* All bios so far. */
void ditto_device_sum(struct ditto_device *dev, struct ditto_device_stats *sum);

int ditto_device_init(void);
void ditto_device_exit(void);

#endif /* DITTO_DEVICE_H */
