/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A dirty bitmap: which blocks are out of sync at one peer (G2).
 *
 * Setting rounds outwards, since a block of which a part is missing is
 * missing. Clearing rounds inwards: a write smaller than the bit's block does
 * not clear it. The memory is the caller's; so is the locking.
 *
 * On disk a bitmap is a row of pages of DITTO_BITS_PAGE bytes: a header with a
 * checksum, then bits. The checksum covers the disk's uuid, the bitmap's slot
 * and the page's number, so that a page of another disk, slot or place is not
 * sound. A page that is not sound proves nothing: all its bits are set.
 */
#ifndef DITTO_CORE_BITS_H
#define DITTO_CORE_BITS_H

#include "port.h"

#define DITTO_BITS_PAGE		4096u	/* bytes on disk */
#define DITTO_BITS_PAGE_HEADER	16u	/* bytes of it that are no bits */
#define DITTO_BITS_PER_PAGE	((DITTO_BITS_PAGE - DITTO_BITS_PAGE_HEADER) * 8u)

/**
 * struct ditto_bits - a bitmap
 * @words: (@count + BITS_PER_LONG - 1) / BITS_PER_LONG of them
 * @count: bits
 * @set: how many of them are set
 * @shift: log2 of the bytes that a bit covers
 * @bytes: of the device; the last bit may cover less than the others
 * @dirty: a bit for each page that differs from what is on disk, or NULL where
 *	the bitmap is kept in memory only
 * @dirty_pages: how many of them are set
 */
struct ditto_bits {
	unsigned long *words;
	unsigned long *dirty;
	u64 dirty_pages;
	u64 count;
	u64 set;
	u32 shift;
	u64 bytes;
};

/* Words that the bitmap of a device of @bytes takes. */
u64 ditto_bits_words(u64 bytes, u32 shift);
/* @words is zeroed by the caller: nothing is out of sync. */
void ditto_bits_init(struct ditto_bits *bits, unsigned long *words, u64 bytes, u32 shift);

void ditto_bits_set_all(struct ditto_bits *bits);
void ditto_bits_clear_all(struct ditto_bits *bits);
/* Set each bit that [@start, @start + @size) touches. */
void ditto_bits_set(struct ditto_bits *bits, u64 start, u64 size);
/* Clear each bit whose block [@start, @start + @size) covers whole. */
void ditto_bits_clear(struct ditto_bits *bits, u64 start, u64 size);
/* Is any bit set that [@start, @start + @size) touches? */
bool ditto_bits_any(const struct ditto_bits *bits, u64 start, u64 size);

/**
 * ditto_bits_run() - the next run of set bits
 * @from: bytes; where to begin looking, rounded down to a block
 * @most: bytes; the longest run wanted, a multiple of the block
 * @start: bytes; of the run
 * @size: bytes; the device's end cuts it
 *
 * Return: false where no bit is set at or after @from.
 */
bool ditto_bits_run(const struct ditto_bits *bits, u64 from, u64 most, u64 *start, u64 *size);

/* Pages that a bitmap of @count bits takes on disk. */
u64 ditto_bits_pages(u64 count);
/* Keep track of dirty pages from now on; @dirty: a bit for each page, all set by this. */
void ditto_bits_track(struct ditto_bits *bits, unsigned long *dirty);
/* The first dirty page at or after @from. Return: false where there is none. */
bool ditto_bits_next_dirty(const struct ditto_bits *bits, u64 from, u64 *page);

/**
 * ditto_bits_encode() - make a page as it goes to disk; it is clean from now on
 * @uuid: 16 bytes, of the disk
 * @slot: of the bitmap, in the superblock's peer table
 * @page: below ditto_bits_pages()
 * @block: DITTO_BITS_PAGE bytes
 */
void ditto_bits_encode(struct ditto_bits *bits, const u8 *uuid, u32 slot, u64 page, void *block);

/**
 * ditto_bits_decode() - take the bits of a page from disk
 * @block: DITTO_BITS_PAGE bytes, hostile
 *
 * Bits are added to those that are set. The page is clean afterwards where it
 * was sound and nothing in it had been set; where it is not sound all its bits
 * are set and it is dirty.
 *
 * Return: 0, -EBADMSG where it was not sound.
 */
int ditto_bits_decode(struct ditto_bits *bits, const u8 *uuid, u32 slot, u64 page,
		      const void *block);

/**
 * ditto_bits_tally() - what one page from disk says, without a bitmap in memory
 * @block: DITTO_BITS_PAGE bytes, hostile
 * @bytes: of the device
 * @shift: log2 of the bytes that a bit covers
 * @set: how many bits of the page are set; where it is not sound all that it has
 * @size: bytes that these cover; the device's end cuts the last block
 *
 * Return: 0, -EBADMSG where it was not sound.
 */
int ditto_bits_tally(const void *block, const u8 *uuid, u32 slot, u64 page, u64 bytes, u32 shift,
		     u64 *set, u64 *size);

/* Bytes out of sync; the device's end cuts the last block. */
u64 ditto_bits_bytes(const struct ditto_bits *bits);

#endif /* DITTO_CORE_BITS_H */
