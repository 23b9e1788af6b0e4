/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The backing device of a resource and the metadata on it.
 */
#ifndef DITTO_DISK_H
#define DITTO_DISK_H

#include <linux/blk_types.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include "compat.h"
#include "core/md.h"
#include "disk_io.h"

struct ditto_resource;
struct netlink_ext_ack;

/* How long one metadata access may take before the disk counts as failed. */
#define DITTO_DISK_TIMEOUT_MS	20000

/**
 * struct ditto_disk - an attached backing device
 * @ref: one while it is attached, one for each I/O that it was given up with
 * @free_work: closes it when the last of these has returned
 * @backing: holds the data
 * @meta: holds the metadata; not open where it is internal
 * @path: of the backing device, as the administrator gave it
 * @meta_path: empty where the metadata is internal
 * @md: the superblock; under the resource's conf mutex
 * @md_block: what is written of @md; under the resource's conf mutex
 * @pages: held while pages of bitmaps are written
 * @pages_block: what is written of them, under @pages
 * @lock: protects @under_way; taken in interrupts, innermost
 * @under_way: what it has been given, see disk_io.h
 * @read_errors: reads that it could not do
 * @repaired: bytes that were written anew after such a one
 * @attach_id: random, of this attach
 * @unclean: it had not been detached in order, and has not been made whole since
 * @failed: an I/O error, or a command, made it useless; never goes back to false
 */
struct ditto_disk {
	struct kref ref;
	struct work_struct free_work;
	struct ditto_bdev backing;
	struct ditto_bdev meta;
	char *path;
	char *meta_path;
	struct ditto_md md;
	void *md_block;
	struct mutex pages;
	void *pages_block;
	spinlock_t lock;
	struct list_head under_way;
	atomic64_t read_errors;
	atomic64_t repaired;
	u64 attach_id;
	bool unclean;
	bool failed;
};

/**
 * ditto_disk_open() - open a backing device and read its metadata
 * @path: of the backing device
 * @meta_path: of the metadata's device, NULL for internal metadata
 * @uuid: of the resource that the metadata must belong to
 * @node_id: of this node
 * @extack: gets the reason of a refusal
 *
 * Context: process, may sleep, for at most DITTO_DISK_TIMEOUT_MS an access.
 * Return: the disk or an ERR_PTR.
 */
struct ditto_disk *ditto_disk_open(const char *path, const char *meta_path, const u8 *uuid,
				   u32 node_id, struct netlink_ext_ack *extack);

/*
 * Let go of the device. Where I/O was given up with it, the device stays
 * open and the module loaded until all have returned (G7). May sleep.
 */
void ditto_disk_close(struct ditto_disk *disk);

/*
 * The disk could not do a read, and what that means, @then for @whom; and bytes that
 * it could not read were written anew. Counted, and said now and then; any context.
 */
void ditto_disk_unreadable(struct ditto_resource *res, u64 start, u32 size, const char *then,
			   const char *whom);
void ditto_disk_repaired(struct ditto_resource *res, u64 start, u32 size);

/**
 * ditto_disk_clone() - a bio that has the disk do what @user asks for, over its pages
 * @gfp: as for bio_alloc_clone()
 *
 * Not one that may fail fast: a disk may fail those for no fault of its own, as dm does
 * with what is read ahead while it is suspended, and be blamed for it.
 * Return: NULL where there is no memory and @gfp does not wait.
 */
struct bio *ditto_disk_clone(struct ditto_disk *disk, struct bio *user, gfp_t gfp,
			     struct bio_set *set);

/* For I/O that is given up; any context. */
struct ditto_disk *ditto_disk_get(struct ditto_disk *disk);
void ditto_disk_put(struct ditto_disk *disk);

/**
 * ditto_disk_write_md() - make the superblock in memory the one on disk
 *
 * Durable when it returns 0. After an error the disk is marked failed. Takes no memory.
 * Context: process, under the resource's conf mutex.
 */
int ditto_disk_write_md(struct ditto_disk *disk);

/* Flush the backing device's cache, within DITTO_DISK_TIMEOUT_MS. May sleep. */
int ditto_disk_flush(struct ditto_disk *disk);

/**
 * ditto_disk_read_block() - read a block of the metadata
 * @offset: absolute, in bytes
 * @block: DITTO_MD_BLOCK bytes
 *
 * Context: process, may sleep, for at most DITTO_DISK_TIMEOUT_MS.
 */
int ditto_disk_read_block(struct ditto_disk *disk, u64 offset, void *block);

/* The opposite, not durable yet: ditto_disk_flush_md(). After an error the disk has failed. */
int ditto_disk_write_block(struct ditto_disk *disk, u64 offset, void *block);

/**
 * ditto_disk_log_bio() - a bio with a page of DITTO_MD_BLOCK bytes, of a log of @disk
 *
 * For ditto_disk_submit_log(), again and again: then a write to the log takes no memory.
 * Freed by ditto_disk_free_log(). May sleep. Return: NULL where there is no memory.
 */
struct bio *ditto_disk_log_bio(struct ditto_disk *disk);
void ditto_disk_free_log(struct bio *bio);

/* Where its contents are. */
void *ditto_disk_log_block(struct bio *bio);

/**
 * ditto_disk_submit_log() - write a block of the metadata, durably
 * @bio: of ditto_disk_log_bio(), which keeps its contents
 * @offset: absolute, in bytes
 * @done: told of the end, as by ditto_disk_submit()
 *
 * Context: process; waits for nothing but what submit_bio() does.
 */
void ditto_disk_submit_log(struct ditto_disk *disk, struct bio *bio, u64 offset,
			   ditto_disk_done_fn done, void *owner);

/* Make durable what was written to the metadata. After an error the disk has failed. */
int ditto_disk_flush_md(struct ditto_disk *disk);

int ditto_disk_init(void);
void ditto_disk_exit(void);

#endif /* DITTO_DISK_H */
