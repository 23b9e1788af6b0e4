/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A read of the local disk at a known position of the stream, for resync and
 * verify: it waits for the writes before that position that it crosses. Where the
 * disk of a Primary has failed, a member's is read in its place.
 */
#ifndef DITTO_LOCAL_READ_H
#define DITTO_LOCAL_READ_H

#include <linux/blk_types.h>

#include "core/stream.h"
#include "remote_read.h"

struct ditto_disk;

/**
 * struct ditto_local_read - a read of the local disk
 * @reader: the core's part
 * @disk: is read
 * @bio: over pages of our own; while it is read, the disk's. NULL once the disk
 *	was given up with it
 * @remote: where the reader reads elsewhere; its device is set by the caller
 * @status: once it is done
 * @done: called in any context when the data is there, or is not
 */
struct ditto_local_read {
	struct ditto_reader reader;
	struct ditto_disk *disk;
	struct bio *bio;
	struct ditto_remote_read remote;
	blk_status_t status;
	void (*done)(struct ditto_local_read *read);
};

/*
 * Set up a read of @size bytes, at most 1 MiB. At once. Return: 0; -ENOMEM, with the rest
 * set up.
 */
int ditto_local_read_init(struct ditto_local_read *read, struct ditto_disk *disk,
			  u64 start, u32 size, bool guarding,
			  void (*done)(struct ditto_local_read *read));

/* The core says that @reader may read now. */
void ditto_local_read_submit(struct ditto_reader *reader);

#endif /* DITTO_LOCAL_READ_H */
