// SPDX-License-Identifier: GPL-2.0
#include "bits.h"

/* Bit i of a page is bit i % 64 of word i / 64. */
struct disk_page {
	__le32 crc;		/* of uuid, slot, page number, and the page with this field 0 */
	u8 reserved[12];
	__le64 words[DITTO_BITS_PER_PAGE / 64];
} __packed;

static_assert(sizeof(struct disk_page) == DITTO_BITS_PAGE);
static_assert(offsetof(struct disk_page, words) == DITTO_BITS_PAGE_HEADER);
/* No word of memory has bits of two pages. */
static_assert(DITTO_BITS_PER_PAGE % 64 == 0);

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
	bits->dirty = NULL;
	bits->dirty_pages = 0;
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

static void mark_dirty(struct ditto_bits *bits, u64 page)
{
	if (!bits->dirty || test_bit(page, bits->dirty))
		return;
	__set_bit(page, bits->dirty);
	bits->dirty_pages++;
}

static void mark_clean(struct ditto_bits *bits, u64 page)
{
	if (!bits->dirty || !test_bit(page, bits->dirty))
		return;
	__clear_bit(page, bits->dirty);
	bits->dirty_pages--;
}

/*
 * Bits of word @word have changed. @marked: the first word behind the page that
 * was marked last: a bitmap may have millions of words, and a division is dear.
 */
static void changed(struct ditto_bits *bits, u64 word, u64 *marked)
{
	u64 page;

	if (!bits->dirty || word < *marked)
		return;
	page = div_u64(word * BITS_PER_LONG, DITTO_BITS_PER_PAGE);
	mark_dirty(bits, page);
	*marked = (page + 1) * (DITTO_BITS_PER_PAGE / BITS_PER_LONG);
}

static void set_bits(struct ditto_bits *bits, u64 first, u64 end)
{
	unsigned long mask;
	u64 word, marked = 0;

	if (first >= end)
		return;
	for (word = first / BITS_PER_LONG; word <= (end - 1) / BITS_PER_LONG; word++) {
		mask = word_mask(word, first, end) & ~bits->words[word];
		if (!mask)
			continue;
		bits->words[word] |= mask;
		bits->set += hweight_long(mask);
		changed(bits, word, &marked);
	}
}

static void clear_bits(struct ditto_bits *bits, u64 first, u64 end)
{
	unsigned long mask;
	u64 word, marked = 0;

	if (first >= end)
		return;
	for (word = first / BITS_PER_LONG; word <= (end - 1) / BITS_PER_LONG; word++) {
		mask = word_mask(word, first, end) & bits->words[word];
		if (!mask)
			continue;
		bits->words[word] &= ~mask;
		bits->set -= hweight_long(mask);
		changed(bits, word, &marked);
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

/* Bytes that @set bits cover; @last: the last one of the bitmap is among them. */
static u64 covered(u64 set, bool last, u64 bytes, u32 shift)
{
	return (set << shift) - (last ? (blocks(bytes, shift) << shift) - bytes : 0);
}

u64 ditto_bits_bytes(const struct ditto_bits *bits)
{
	bool last = bits->set && test_bit(bits->count - 1, bits->words);

	return covered(bits->set, last, bits->bytes, bits->shift);
}

u64 ditto_bits_pages(u64 count)
{
	return div_u64(count + DITTO_BITS_PER_PAGE - 1, DITTO_BITS_PER_PAGE);
}

void ditto_bits_track(struct ditto_bits *bits, unsigned long *dirty)
{
	bits->dirty = dirty;
	bits->dirty_pages = ditto_bits_pages(bits->count);
	bitmap_set(dirty, 0, bits->dirty_pages);
}

bool ditto_bits_next_dirty(const struct ditto_bits *bits, u64 from, u64 *page)
{
	u64 pages = ditto_bits_pages(bits->count);

	if (!bits->dirty_pages || from >= pages)
		return false;
	*page = find_next_bit(bits->dirty, pages, from);
	return *page < pages;
}

static u32 page_crc(const struct disk_page *disk, const u8 *uuid, u32 slot, u64 page)
{
	const __le32 disk_slot = cpu_to_le32(slot), none = 0;
	const __le64 disk_number = cpu_to_le64(page);
	u32 crc;

	crc = ditto_crc32c(~0u, uuid, 16);
	crc = ditto_crc32c(crc, &disk_slot, sizeof(disk_slot));
	crc = ditto_crc32c(crc, &disk_number, sizeof(disk_number));
	crc = ditto_crc32c(crc, &none, sizeof(none));
	return ~ditto_crc32c(crc, disk->reserved, sizeof(*disk) - sizeof(disk->crc));
}

/* The bits that exist of the 64 from @first on. */
static u64 mask_64(u64 count, u64 first)
{
	if (first >= count)
		return 0;
	return count - first < 64 ? (1ULL << (count - first)) - 1 : U64_MAX;
}

/* The 64 bits from @first on, which is a multiple of that. */
static u64 get_64(const struct ditto_bits *bits, u64 first)
{
	u64 value = 0;
	u32 i;

	for (i = 0; i < 64 && first + i < bits->count; i += BITS_PER_LONG)
		value |= (u64)bits->words[(first + i) / BITS_PER_LONG] << i;
	return value & mask_64(bits->count, first);
}

static void add_64(struct ditto_bits *bits, u64 first, u64 value)
{
	unsigned long mask;
	u64 word;
	u32 i;

	for (i = 0; i < 64 && first + i < bits->count; i += BITS_PER_LONG) {
		word = (first + i) / BITS_PER_LONG;
		mask = (unsigned long)(value >> i) & ~bits->words[word];
		bits->words[word] |= mask;
		bits->set += hweight_long(mask);
	}
}

void ditto_bits_encode(struct ditto_bits *bits, const u8 *uuid, u32 slot, u64 page, void *block)
{
	u64 first = page * DITTO_BITS_PER_PAGE;
	struct disk_page *disk = block;
	u32 i;

	memset(disk, 0, sizeof(*disk));
	if (WARN_ON_ONCE(page >= ditto_bits_pages(bits->count)))
		return;
	for (i = 0; i < ARRAY_SIZE(disk->words); i++)
		disk->words[i] = cpu_to_le64(get_64(bits, first + i * 64));
	disk->crc = cpu_to_le32(page_crc(disk, uuid, slot, page));
	mark_clean(bits, page);
}

/* Is a page of a bitmap of @count bits what ditto_bits_encode() made for this place? */
static bool sound(const struct disk_page *disk, const u8 *uuid, u32 slot, u64 page, u64 count)
{
	u64 first = page * DITTO_BITS_PER_PAGE;
	u32 i;

	if (le32_to_cpu(disk->crc) != page_crc(disk, uuid, slot, page))
		return false;
	for (i = 0; i < sizeof(disk->reserved); i++) {
		if (disk->reserved[i])
			return false;
	}
	for (i = 0; i < ARRAY_SIZE(disk->words); i++) {
		if (le64_to_cpu(disk->words[i]) & ~mask_64(count, first + i * 64))
			return false;
	}
	return true;
}

int ditto_bits_decode(struct ditto_bits *bits, const u8 *uuid, u32 slot, u64 page,
		      const void *block)
{
	u64 first = page * DITTO_BITS_PER_PAGE;
	u64 end = min_t(u64, bits->count, first + DITTO_BITS_PER_PAGE);
	const struct disk_page *disk = block;
	u32 i;

	if (WARN_ON_ONCE(first >= bits->count))
		return -EBADMSG;
	if (!sound(disk, uuid, slot, page, bits->count)) {
		set_bits(bits, first, end);
		mark_dirty(bits, page);
		return -EBADMSG;
	}
	/* Those set before may be missing on disk. */
	if (find_next_bit(bits->words, end, first) < end)
		mark_dirty(bits, page);
	else
		mark_clean(bits, page);
	for (i = 0; i < ARRAY_SIZE(disk->words); i++)
		add_64(bits, first + i * 64, le64_to_cpu(disk->words[i]));
	return 0;
}

static u64 weight(const struct disk_page *disk)
{
	u64 set = 0;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(disk->words); i++)
		set += hweight64(le64_to_cpu(disk->words[i]));
	return set;
}

int ditto_bits_tally(const void *block, const u8 *uuid, u32 slot, u64 page, u64 bytes, u32 shift,
		     u64 *set, u64 *size)
{
	u64 count = blocks(bytes, shift);
	u64 first = page * DITTO_BITS_PER_PAGE;
	const struct disk_page *disk = block;
	u64 most;
	bool last;

	*set = 0;
	*size = 0;
	if (WARN_ON_ONCE(first >= count))
		return -EBADMSG;
	most = min_t(u64, count - first, DITTO_BITS_PER_PAGE);
	last = first + most == count;
	if (!sound(disk, uuid, slot, page, count)) {
		*set = most;
		*size = covered(most, last, bytes, shift);
		return -EBADMSG;
	}
	*set = weight(disk);
	last = last && le64_to_cpu(disk->words[(most - 1) / 64]) >> ((most - 1) % 64) & 1;
	*size = covered(*set, last, bytes, shift);
	return 0;
}
