/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A dirty bitmap: which blocks are out of sync at one peer (G2).
 *
 * Setting rounds outwards, since a block of which a part is missing is
 * missing. Clearing rounds inwards: a write smaller than the bit's block does
 * not clear it. The memory is the caller's; so is the locking.
 */
#ifndef DITTO_CORE_BITS_H
#define DITTO_CORE_BITS_H

#include "port.h"

/**
 * struct ditto_bits - a bitmap
 * @words: (@count + BITS_PER_LONG - 1) / BITS_PER_LONG of them
 * @count: bits
 * @set: how many of them are set
 * @shift: log2 of the bytes that a bit covers
 * @bytes: of the device; the last bit may cover less than the others
 */
struct ditto_bits {
	unsigned long *words;
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

/* Bytes out of sync; the device's end cuts the last block. */
u64 ditto_bits_bytes(const struct ditto_bits *bits);

#endif /* DITTO_CORE_BITS_H */
