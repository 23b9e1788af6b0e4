/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The block device that users see, /dev/dittoN.
 */
#ifndef DITTO_DEVICE_H
#define DITTO_DEVICE_H

#include <linux/blk_types.h>
#include <linux/percpu-refcount.h>
#include <linux/percpu.h>

struct ditto_remote_read;
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
 * @users: one for each bio under way; killed while none may be
 * @is_drained: @users has reached zero since it was killed
 * @openers: open file descriptions and holders; under the disk's open mutex
 * @opener: command name of the last that opened it
 * @opener_pid: its process id
 * @stats: per CPU
 */
struct ditto_device {
	struct ditto_resource *res;
	struct gendisk *disk;
	int minor;
	u64 bytes;
	u32 block;
	struct percpu_ref users;
	bool is_drained;
	atomic_t openers;
	char opener[TASK_COMM_LEN];
	pid_t opener_pid;
	struct ditto_device_stats __percpu *stats;
};

/**
 * ditto_device_new() - make the device of a resource that has a disk
 * Context: process, under conf. Return: 0 or a negative errno.
 */
int ditto_device_new(struct ditto_resource *res);

/* Take the device away: no bio is under way any more. Under conf; may sleep. */
void ditto_device_del(struct ditto_resource *res);

/* Let bios in. */
void ditto_device_open_gate(struct ditto_device *dev);

/* Let no more in; is_drained says, and the resource's idle_wait, when all are done. */
void ditto_device_shut_gate(struct ditto_device *dev);

/**
 * ditto_device_set_block() - give it other logical blocks, unless somebody has it open
 * @block: bytes
 * @physical: bytes of a physical block, at least; a hint
 *
 * Context: process, under conf. Return: 0, -EBUSY.
 */
int ditto_device_set_block(struct ditto_device *dev, u32 block, u32 physical);

/* Tell the block layer whether the device may be written. */
void ditto_device_set_role(struct ditto_device *dev, bool primary);

/* End a bio that has not been begun; any context. */
void ditto_device_refuse(struct ditto_device *dev, struct bio *bio, blk_status_t status);

/* Serve a read from the local disk, or, where that cannot, from a peer's. */
void ditto_device_read(struct ditto_device *dev, struct bio *user);
/* A read that went to a peer has ended; any context. */
void ditto_device_read_end(struct ditto_remote_read *remote, blk_status_t status);

/* End a bio whose statistics have been started; any context. */
void ditto_device_end_bio(struct ditto_device *dev, struct bio *bio, unsigned long start);

/* Bios under way, roughly. */
void ditto_device_sum(struct ditto_device *dev, struct ditto_device_stats *sum);

int ditto_device_init(void);
void ditto_device_exit(void);

#endif /* DITTO_DEVICE_H */
