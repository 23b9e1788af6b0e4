/* SPDX-License-Identifier: GPL-2.0 */
/* A peer's dirty bitmap on a disk, counted without holding it in memory. */
#ifndef DITTO_MD_BITMAP_H
#define DITTO_MD_BITMAP_H

#include "md_disk.h"

/**
 * struct md_bitmap - what a bitmap says
 * @bits: how many are set; all those of a page that is not sound are
 * @bytes: out of sync; the device's end cuts the last block
 * @pages: that it takes on disk
 * @unsound: how many of them are not sound
 * @unsound_bytes: how many of @bytes are for that reason
 */
struct md_bitmap {
	uint64_t bits;
	uint64_t bytes;
	uint64_t pages;
	uint64_t unsound;
	uint64_t unsound_bytes;
};

/**
 * md_bitmap_read() - count
 * @slot: of the peer table, in use
 *
 * Where every block counts as missing (DITTO_MDF_PEER_FULL) nothing is read.
 *
 * Return: 0, whether sound or not, or a negative errno where it could not be read.
 */
int md_bitmap_read(struct md_disk *disk, const struct ditto_md *md, uint32_t slot,
		   struct md_bitmap *bitmap, struct why *why);

#endif /* DITTO_MD_BITMAP_H */
