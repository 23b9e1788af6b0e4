/* SPDX-License-Identifier: GPL-2.0 */
/*
 * I/O of the local disk over pages of our own. Whoever asked for it need not
 * wait for a disk that does not return it: while the disk has it, bio and pages
 * belong to the I/O itself, and its owner is told of the end once, in time or
 * when the disk is given up (G7).
 *
 * What users read and write without a copy, over their own pages, does not come
 * here: nobody but the disk can end it (G12).
 */
#ifndef DITTO_DISK_IO_H
#define DITTO_DISK_IO_H

#include <linux/bio.h>
#include <linux/list.h>
#include <linux/types.h>

struct ditto_disk;

/**
 * ditto_disk_done_fn - the end of an I/O, which @owner asked for
 * @bio: the owner's again; NULL where it was given up, or had none
 * @status: BLK_STS_IOERR where it was given up
 *
 * Context: any.
 */
typedef void (*ditto_disk_done_fn)(void *owner, struct bio *bio, blk_status_t status);

/**
 * struct ditto_disk_io - what the disk has been given: front padding of the bio
 * @link: in the disk's list, under its lock; empty once it is given up
 * @disk: with a reference once it is given up
 * @release: frees @bio; NULL for zeroes, whose bio is never submitted
 * @done: told of the end
 * @owner: for @done
 * @bio: last
 */
struct ditto_disk_io {
	struct list_head link;
	struct ditto_disk *disk;
	void (*release)(struct bio *bio);
	ditto_disk_done_fn done;
	void *owner;
	struct bio bio;
};

/* Front padding of the bio_sets of all bios that come here: giving takes no memory. */
#define DITTO_DISK_IO_PAD	offsetof(struct ditto_disk_io, bio)

/**
 * ditto_disk_submit() - have the disk do @bio
 * @bio: for a device of @disk, over pages of our own or none, with DITTO_DISK_IO_PAD
 * @release: frees it where nobody is left who would
 *
 * Where the disk has failed it ends before this returns. Context: process.
 */
void ditto_disk_submit(struct ditto_disk *disk, struct bio *bio, void (*release)(struct bio *bio),
		       ditto_disk_done_fn done, void *owner);

/* A bio that only flushes, freed by bio_put(). May sleep until a disk has done another. */
struct bio *ditto_disk_flush_bio(struct block_device *bdev, blk_opf_t opf);

/*
 * The same as ditto_disk_submit() for zeroes, bytes [@start, @start + @size) of the
 * backing device. May sleep until a disk has made others.
 */
void ditto_disk_zero(struct ditto_disk *disk, u64 start, u64 size, ditto_disk_done_fn done,
		     void *owner);

/**
 * ditto_disk_give_up() - end all that the disk has, as failed
 *
 * The disk is marked failed already. Context: process; needs no lock of the
 * resource's, so that it ends the wait of whoever holds conf.
 * Return: how many they were.
 */
u32 ditto_disk_give_up(struct ditto_disk *disk);

/*
 * The same for the one I/O of @owner, which is not told. Return: false where it
 * has ended, and the owner is being told, already. Any context.
 */
bool ditto_disk_forsake(struct ditto_disk *disk, void *owner);

int ditto_disk_io_init(void);
void ditto_disk_io_exit(void);

#endif /* DITTO_DISK_IO_H */
