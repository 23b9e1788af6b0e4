// SPDX-License-Identifier: GPL-2.0
#include "blocksize.h"

/* Can the Primary's device serve the other node's disk? */
static enum ditto_blocksize_verdict lead(const struct ditto_blocksize *mine,
					 const struct ditto_blocksize *theirs, u32 *block)
{
	if (theirs->disk_block <= mine->device_block)
		return DITTO_BLOCKSIZE_FIT;
	if (mine->in_use)
		return DITTO_BLOCKSIZE_PEER_REFUSED;
	*block = theirs->disk_block;
	return DITTO_BLOCKSIZE_TAKE;
}

static enum ditto_blocksize_verdict follow(const struct ditto_blocksize *mine,
					   const struct ditto_blocksize *theirs, u32 *block)
{
	if (mine->disk_block > theirs->device_block)
		/* Else the Primary takes ours, and says so. */
		return theirs->in_use ? DITTO_BLOCKSIZE_REFUSED : DITTO_BLOCKSIZE_FIT;
	if (mine->device_block == theirs->device_block)
		return DITTO_BLOCKSIZE_FIT;
	*block = theirs->device_block;
	return DITTO_BLOCKSIZE_TAKE;
}

enum ditto_blocksize_verdict ditto_blocksize_judge(const struct ditto_blocksize *mine,
						   const struct ditto_blocksize *theirs, u32 *block)
{
	if (mine->primary)
		return lead(mine, theirs, block);
	/* A Primary whose disk is lost may have no more to say of its device. */
	if (theirs->primary && theirs->device_block)
		return follow(mine, theirs, block);
	return DITTO_BLOCKSIZE_FIT;
}
