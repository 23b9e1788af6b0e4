/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One device over disks that differ: the size of its logical blocks.
 *
 * A write comes in whole logical blocks of the Primary's device, and every disk
 * must be able to take it: the device's blocks are at least those of each node's
 * disk. They cannot change while somebody has the device open, and what was made
 * for small ones (a file system) may not bear larger ones. So the Primary decides:
 * it takes the largest when it is promoted, or when a node connects while its
 * device is not in use; the others take over what it has, and every disk's
 * metadata remembers it. A disk that cannot have what a device in use has is
 * refused, and both ends say so.
 *
 * Nothing here allocates, locks or sleeps.
 */
#ifndef DITTO_CORE_BLOCKSIZE_H
#define DITTO_CORE_BLOCKSIZE_H

#include "port.h"

#define DITTO_BLOCKSIZE_MIN	512u
/* No kernel that ditto builds for has a device with larger ones. */
#define DITTO_BLOCKSIZE_MAX	4096u

/**
 * struct ditto_blocksize - what a node has
 * @disk_block: bytes of a logical block of its disk, 0 where it has none
 * @device_block: of its device, 0 where it has none
 * @primary: it is Primary
 * @in_use: its device is open
 */
struct ditto_blocksize {
	u32 disk_block;
	u32 device_block;
	bool primary;
	bool in_use;
};

enum ditto_blocksize_verdict {
	DITTO_BLOCKSIZE_FIT,		/* nothing to do */
	DITTO_BLOCKSIZE_TAKE,		/* give the own device other blocks */
	DITTO_BLOCKSIZE_PEER_REFUSED,	/* the own device is in use with smaller ones */
	DITTO_BLOCKSIZE_REFUSED,	/* the peer's is */
};

/* Can a device have blocks of @block bytes? */
static inline bool ditto_blocksize_valid(u32 block)
{
	return is_power_of_2(block) && block >= DITTO_BLOCKSIZE_MIN &&
	       block <= DITTO_BLOCKSIZE_MAX;
}

/**
 * ditto_blocksize_judge() - two nodes are connected, or one has changed
 * @block: written where the answer is DITTO_BLOCKSIZE_TAKE
 *
 * Both ends ask, each with its own as @mine: where one refuses, so does the other.
 */
enum ditto_blocksize_verdict ditto_blocksize_judge(const struct ditto_blocksize *mine,
						   const struct ditto_blocksize *theirs, u32 *block);

#endif /* DITTO_CORE_BLOCKSIZE_H */
