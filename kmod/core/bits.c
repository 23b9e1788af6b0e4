// SPDX-License-Identifier: GPL-2.0
#include "bits.h"

static u64 blocks(u64 bytes, u32 shift)
{
	return (bytes >> shift) + !!(bytes & ((1ULL << shift) - 1));
}

u64 ditto_bits_words(u64 bytes, u32 shift)
{
	return BITS_TO_LONGS(blocks(bytes, shift));
}

void ditto_bits_init(struct ditto_bits *bits, unsigned long *words, u64 bytes, u32 shift)
{
	bits->words = words;
	bits->count = blocks(bytes, shift);
	bits->set = 0;
	bits->shift = shift;
	bits->bytes = bytes;
}

/* The part of word @word that [@first, @end) covers. */
static unsigned long word_mask(u64 word, u64 first, u64 end)
{
	unsigned long mask = ~0UL;

	if (word == first / BITS_PER_LONG)
		mask &= BITMAP_FIRST_WORD_MASK(first);
	if (word == (end - 1) / BITS_PER_LONG)
		mask &= BITMAP_LAST_WORD_MASK(end);
	return mask;
}

static void set_bits(struct ditto_bits *bits, u64 first, u64 end)
{
	unsigned long mask;
	u64 word;

	if (first >= end)
		return;
	for (word = first / BITS_PER_LONG; word <= (end - 1) / BITS_PER_LONG; word++) {
		mask = word_mask(word, first, end) & ~bits->words[word];
		bits->words[word] |= mask;
		bits->set += hweight_long(mask);
	}
}

static void clear_bits(struct ditto_bits *bits, u64 first, u64 end)
{
	unsigned long mask;
	u64 word;

	if (first >= end)
		return;
	for (word = first / BITS_PER_LONG; word <= (end - 1) / BITS_PER_LONG; word++) {
		mask = word_mask(word, first, end) & bits->words[word];
		bits->words[word] &= ~mask;
		bits->set -= hweight_long(mask);
	}
}

/* Bytes of the device up to which [@start, @start + @size) reaches. */
static u64 range_end(const struct ditto_bits *bits, u64 start, u64 size)
{
	if (start >= bits->bytes || size >= bits->bytes - start)
		return bits->bytes;
	return start + size;
}

void ditto_bits_set_all(struct ditto_bits *bits)
{
	set_bits(bits, 0, bits->count);
}

void ditto_bits_clear_all(struct ditto_bits *bits)
{
	clear_bits(bits, 0, bits->count);
}

void ditto_bits_set(struct ditto_bits *bits, u64 start, u64 size)
{
	if (!size)
		return;
	set_bits(bits, start >> bits->shift, blocks(range_end(bits, start, size), bits->shift));
}

void ditto_bits_clear(struct ditto_bits *bits, u64 start, u64 size)
{
	u64 end = range_end(bits, start, size);

	if (start >= bits->bytes)
		return;
	/* The last block ends with the device, wherever that is. */
	end = end == bits->bytes ? bits->count : end >> bits->shift;
	clear_bits(bits, blocks(start, bits->shift), end);
}

bool ditto_bits_any(const struct ditto_bits *bits, u64 start, u64 size)
{
	u64 end = blocks(range_end(bits, start, size), bits->shift);

	if (!size || start >= bits->bytes)
		return false;
	return find_next_bit(bits->words, end, start >> bits->shift) < end;
}

bool ditto_bits_run(const struct ditto_bits *bits, u64 from, u64 most, u64 *start, u64 *size)
{
	u64 first, end;

	if (from >= bits->bytes)
		return false;
	first = find_next_bit(bits->words, bits->count, from >> bits->shift);
	if (first >= bits->count)
		return false;
	end = min(bits->count, first + max_t(u64, most >> bits->shift, 1));
	end = find_next_zero_bit(bits->words, end, first);
	*start = first << bits->shift;
	*size = min(end << bits->shift, bits->bytes) - *start;
	return true;
}

u64 ditto_bits_bytes(const struct ditto_bits *bits)
{
	u64 bytes = bits->set << bits->shift;

	if (bits->set && test_bit(bits->count - 1, bits->words))
		bytes -= (bits->count << bits->shift) - bits->bytes;
	return bytes;
}
