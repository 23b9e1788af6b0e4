// SPDX-License-Identifier: GPL-2.0
#include "bits.h"
#include "test.h"

#define KIB		1024ull
#define MAX_WORDS	64

static unsigned long words[MAX_WORDS];

static void make(struct ditto_bits *bits, u64 bytes, u32 shift)
{
	memset(words, 0, sizeof(words));
	EXPECT_TRUE(ditto_bits_words(bytes, shift) <= MAX_WORDS);
	ditto_bits_init(bits, words, bytes, shift);
}

static void sizes(void)
{
	EXPECT_EQ(ditto_bits_words(0, 12), 0);
	EXPECT_EQ(ditto_bits_words(1, 12), 1);
	EXPECT_EQ(ditto_bits_words(64 * 4 * KIB, 12), 1);
	EXPECT_EQ(ditto_bits_words(64 * 4 * KIB + 1, 12), 2);
	EXPECT_EQ(ditto_bits_words(1ull << 50, 14), 1ull << 30);
}

static void set_rounds_outwards(void)
{
	struct ditto_bits bits;

	make(&bits, 1024 * KIB, 14);
	ditto_bits_set(&bits, 16 * KIB + 512, 512);
	EXPECT_EQ(bits.set, 1);
	EXPECT_TRUE(ditto_bits_any(&bits, 16 * KIB, 512));
	EXPECT_FALSE(ditto_bits_any(&bits, 0, 16 * KIB));
	EXPECT_FALSE(ditto_bits_any(&bits, 32 * KIB, 512));
	ditto_bits_set(&bits, 16 * KIB - 512, 1024);
	EXPECT_EQ(bits.set, 2);
	ditto_bits_set(&bits, 0, 0);
	EXPECT_EQ(bits.set, 2);
	ditto_bits_set(&bits, 2048 * KIB, 512);
	EXPECT_EQ(bits.set, 2);
}

static void small_write_clears_nothing(void)
{
	struct ditto_bits bits;

	make(&bits, 1024 * KIB, 14);
	ditto_bits_set(&bits, 0, 48 * KIB);
	ditto_bits_clear(&bits, 0, 512);
	ditto_bits_clear(&bits, 512, 16 * KIB);
	ditto_bits_clear(&bits, 16 * KIB - 512, 16 * KIB + 511);
	EXPECT_EQ(bits.set, 3);
	ditto_bits_clear(&bits, 512, 32 * KIB);
	EXPECT_EQ(bits.set, 2);
	EXPECT_FALSE(ditto_bits_any(&bits, 16 * KIB, 16 * KIB));
}

static void last_block(void)
{
	struct ditto_bits bits;
	u64 start, size;

	make(&bits, 36 * KIB, 14);
	EXPECT_EQ(bits.count, 3);
	ditto_bits_set_all(&bits);
	EXPECT_EQ(bits.set, 3);
	EXPECT_EQ(ditto_bits_bytes(&bits), 36 * KIB);
	ditto_bits_clear(&bits, 32 * KIB, 4 * KIB - 512);
	EXPECT_EQ(bits.set, 3);
	EXPECT_TRUE(ditto_bits_run(&bits, 20 * KIB, 1024 * KIB, &start, &size));
	EXPECT_EQ(start, 16 * KIB);
	EXPECT_EQ(size, 20 * KIB);
	ditto_bits_clear(&bits, 32 * KIB, 4 * KIB);
	EXPECT_EQ(bits.set, 2);
	EXPECT_EQ(ditto_bits_bytes(&bits), 32 * KIB);
	ditto_bits_set(&bits, 36 * KIB - 512, U64_MAX);
	EXPECT_EQ(bits.set, 3);
	ditto_bits_clear_all(&bits);
	EXPECT_EQ(bits.set, 0);
	EXPECT_EQ(ditto_bits_bytes(&bits), 0);
	EXPECT_FALSE(ditto_bits_run(&bits, 0, 1024 * KIB, &start, &size));
}

static void runs(void)
{
	struct ditto_bits bits;
	u64 start, size;

	make(&bits, 8192 * KIB, 12);
	ditto_bits_set(&bits, 252 * KIB, 300 * KIB);
	EXPECT_TRUE(ditto_bits_run(&bits, 0, 256 * KIB, &start, &size));
	EXPECT_EQ(start, 252 * KIB);
	EXPECT_EQ(size, 256 * KIB);
	EXPECT_TRUE(ditto_bits_run(&bits, start + size, 256 * KIB, &start, &size));
	EXPECT_EQ(start, 508 * KIB);
	EXPECT_EQ(size, 44 * KIB);
	EXPECT_FALSE(ditto_bits_run(&bits, start + size, 256 * KIB, &start, &size));
	EXPECT_FALSE(ditto_bits_run(&bits, U64_MAX, 256 * KIB, &start, &size));
}

/* Against one byte for each 512 bytes of the device, the obvious way. */
static void against_model(void)
{
	enum { SECTORS = 1501, SHIFT = 12, PER_BIT = 8, COUNT = (SECTORS + 7) / 8 };
	struct test_random random = { 7 };
	struct ditto_bits bits;
	bool model[COUNT] = {};
	u32 round, i, first, count, set;
	bool any;

	make(&bits, SECTORS * 512, SHIFT);
	EXPECT_EQ(bits.count, COUNT);
	for (round = 0; round < 20000; round++) {
		first = test_below(&random, SECTORS);
		count = test_below(&random, 200);
		if (round & 1)
			ditto_bits_set(&bits, first * 512, count * 512);
		else
			ditto_bits_clear(&bits, first * 512, count * 512);
		any = false;
		for (i = 0, set = 0; i < COUNT; i++) {
			u32 end = min_t(u32, i * PER_BIT + PER_BIT, SECTORS);
			bool touched = i * PER_BIT < first + count && end > first && count;
			bool whole = i * PER_BIT >= first && end <= first + count;

			if (round & 1)
				model[i] |= touched;
			else
				model[i] &= !whole;
			any |= touched && model[i];
			set += model[i];
			EXPECT_EQ(test_bit(i, words), model[i]);
		}
		EXPECT_EQ(bits.set, set);
		EXPECT_EQ(ditto_bits_any(&bits, first * 512, count * 512), any);
	}
	for (i = COUNT; i < MAX_WORDS * 64; i++)
		EXPECT_FALSE(test_bit(i, words));
}

/*
 * On disk: three and a bit pages, of which the last ends within a word, and
 * the last block is cut by the device's end.
 */

#define PAGES		4
#define DISK_SHIFT	12
#define DISK_COUNT	(3ull * DITTO_BITS_PER_PAGE + 100)
#define DISK_BYTES	(DISK_COUNT * 4096 - 512)
#define SLOT		5

static const u8 uuid[16] = "0123456789abcdef";
static unsigned long many[DISK_COUNT / BITS_PER_LONG + 8];
static unsigned long others[DISK_COUNT / BITS_PER_LONG + 8];
static unsigned long dirty[2], other_dirty[2];
static u8 pages[PAGES][DITTO_BITS_PAGE];

static void make_many(struct ditto_bits *bits, unsigned long *map)
{
	memset(map, 0, sizeof(many));
	ditto_bits_init(bits, map, DISK_BYTES, DISK_SHIFT);
	EXPECT_EQ(bits->count, DISK_COUNT);
}

static void set_bit_number(struct ditto_bits *bits, u64 bit)
{
	ditto_bits_set(bits, bit << DISK_SHIFT, 1);
}

static void encode_all(struct ditto_bits *bits)
{
	u64 page;

	for (page = 0; page < PAGES; page++)
		ditto_bits_encode(bits, uuid, SLOT, page, pages[page]);
}

static void disk_sizes(void)
{
	EXPECT_EQ(DITTO_BITS_PER_PAGE, 32640);
	EXPECT_EQ(ditto_bits_pages(0), 0);
	EXPECT_EQ(ditto_bits_pages(1), 1);
	EXPECT_EQ(ditto_bits_pages(32640), 1);
	EXPECT_EQ(ditto_bits_pages(32641), 2);
	EXPECT_EQ(ditto_bits_pages(1ull << 46), 2155905153ull);
	EXPECT_EQ(ditto_bits_pages(DISK_COUNT), PAGES);
}

static void tracks(void)
{
	struct ditto_bits bits;
	u64 page;

	make_many(&bits, many);
	EXPECT_FALSE(ditto_bits_next_dirty(&bits, 0, &page));
	ditto_bits_set_all(&bits);
	EXPECT_EQ(bits.dirty_pages, 0);
	ditto_bits_clear_all(&bits);
	memset(dirty, 0, sizeof(dirty));
	ditto_bits_track(&bits, dirty);
	EXPECT_EQ(bits.dirty_pages, PAGES);
	EXPECT_TRUE(ditto_bits_next_dirty(&bits, 0, &page) && page == 0);
	EXPECT_TRUE(ditto_bits_next_dirty(&bits, 3, &page) && page == 3);
	EXPECT_FALSE(ditto_bits_next_dirty(&bits, 4, &page));
	EXPECT_FALSE(ditto_bits_next_dirty(&bits, U64_MAX, &page));
	encode_all(&bits);
	EXPECT_EQ(bits.dirty_pages, 0);
	EXPECT_FALSE(ditto_bits_next_dirty(&bits, 0, &page));
	/* Nothing changes: nothing to write. */
	ditto_bits_clear_all(&bits);
	EXPECT_EQ(bits.dirty_pages, 0);
	set_bit_number(&bits, 2 * DITTO_BITS_PER_PAGE);
	EXPECT_EQ(bits.dirty_pages, 1);
	EXPECT_TRUE(ditto_bits_next_dirty(&bits, 0, &page) && page == 2);
	EXPECT_FALSE(ditto_bits_next_dirty(&bits, 3, &page));
	set_bit_number(&bits, 2 * DITTO_BITS_PER_PAGE - 1);
	EXPECT_EQ(bits.dirty_pages, 2);
	EXPECT_TRUE(ditto_bits_next_dirty(&bits, 0, &page) && page == 1);
	encode_all(&bits);
	set_bit_number(&bits, 2 * DITTO_BITS_PER_PAGE);
	EXPECT_EQ(bits.dirty_pages, 0);
	ditto_bits_clear(&bits, 2ull * DITTO_BITS_PER_PAGE << DISK_SHIFT, 4096);
	EXPECT_EQ(bits.dirty_pages, 1);
	EXPECT_TRUE(ditto_bits_next_dirty(&bits, 0, &page) && page == 2);
	encode_all(&bits);
	/* The whole of it, and the last page is one. */
	ditto_bits_set_all(&bits);
	EXPECT_EQ(bits.dirty_pages, PAGES);
	encode_all(&bits);
	ditto_bits_clear(&bits, DISK_BYTES - 4096, 4096);
	EXPECT_TRUE(ditto_bits_next_dirty(&bits, 0, &page) && page == 3);
}

static void disk_round_trip(void)
{
	struct test_random random = { 3 };
	struct ditto_bits bits, got;
	u64 page;
	u32 i;

	make_many(&bits, many);
	for (i = 0; i < 5000; i++)
		set_bit_number(&bits, test_below(&random, DISK_COUNT));
	set_bit_number(&bits, DISK_COUNT - 1);
	encode_all(&bits);
	/* The place of a bit does not depend on the machine. */
	for (i = 0; i < DITTO_BITS_PER_PAGE; i += 7)
		EXPECT_EQ(pages[1][16 + i / 8] >> (i % 8) & 1,
			  test_bit(DITTO_BITS_PER_PAGE + i, many));
	make_many(&got, others);
	ditto_bits_track(&got, other_dirty);
	for (page = 0; page < PAGES; page++)
		EXPECT_EQ(ditto_bits_decode(&got, uuid, SLOT, page, pages[page]), 0);
	EXPECT_EQ(memcmp(many, others, sizeof(many)), 0);
	EXPECT_EQ(got.set, bits.set);
	EXPECT_EQ(got.dirty_pages, 0);
	EXPECT_EQ(ditto_bits_bytes(&got), ditto_bits_bytes(&bits));
}

static void bits_behind_the_end(void)
{
	struct ditto_bits bits, got;
	u32 i;

	/* Whatever the memory holds there, zeroes are written. */
	make_many(&bits, many);
	for (i = DISK_COUNT; i < sizeof(many) * 8; i++)
		__set_bit(i, many);
	encode_all(&bits);
	make_many(&got, others);
	EXPECT_EQ(ditto_bits_decode(&got, uuid, SLOT, 3, pages[3]), 0);
	EXPECT_EQ(got.set, 0);
	for (i = 16; i < DITTO_BITS_PAGE; i++)
		EXPECT_EQ(pages[3][i], 0);
}

static void decode_adds(void)
{
	struct ditto_bits bits, got;
	u64 page;

	make_many(&bits, many);
	set_bit_number(&bits, 7);
	set_bit_number(&bits, DITTO_BITS_PER_PAGE + 7);
	encode_all(&bits);
	make_many(&got, others);
	ditto_bits_track(&got, other_dirty);
	set_bit_number(&got, DITTO_BITS_PER_PAGE - 1);
	EXPECT_EQ(ditto_bits_decode(&got, uuid, SLOT, 0, pages[0]), 0);
	EXPECT_EQ(ditto_bits_decode(&got, uuid, SLOT, 1, pages[1]), 0);
	EXPECT_EQ(got.set, 3);
	/* The disk lacks what was set in the first page. */
	EXPECT_EQ(got.dirty_pages, 3);
	EXPECT_TRUE(ditto_bits_next_dirty(&got, 0, &page) && page == 0);
	EXPECT_TRUE(ditto_bits_next_dirty(&got, 1, &page) && page == 2);
	/* A bit that had become set after the last encode makes a clean page dirty. */
	ditto_bits_encode(&got, uuid, SLOT, 0, pages[0]);
	EXPECT_EQ(got.dirty_pages, 2);
	EXPECT_EQ(ditto_bits_decode(&got, uuid, SLOT, 0, pages[0]), 0);
	EXPECT_EQ(got.set, 3);
	EXPECT_EQ(got.dirty_pages, 3);
}

/* As the code under test would have written it. */
static void seal(u8 *block, u32 slot, u64 page)
{
	u32 crc;

	memset(block, 0, 4);
	crc = ditto_crc32c(~0u, uuid, sizeof(uuid));
	crc = ditto_crc32c(crc, &(__le32){ cpu_to_le32(slot) }, 4);
	crc = ditto_crc32c(crc, &(__le64){ cpu_to_le64(page) }, 8);
	crc = ~ditto_crc32c(crc, block, DITTO_BITS_PAGE);
	memcpy(block, &(__le32){ cpu_to_le32(crc) }, 4);
}

/* All bits of page @page are set by a block, and only these; no other page is touched. */
static void expect_unsound(const void *block, const u8 *id, u32 slot, u64 page)
{
	u64 first = page * DITTO_BITS_PER_PAGE;
	u64 most = min_t(u64, DITTO_BITS_PER_PAGE, DISK_COUNT - first);
	struct ditto_bits bits;
	u64 set, size;

	make_many(&bits, others);
	ditto_bits_track(&bits, other_dirty);
	other_dirty[0] = 0;
	bits.dirty_pages = 0;
	EXPECT_EQ(ditto_bits_decode(&bits, id, slot, page, block), -EBADMSG);
	EXPECT_EQ(bits.set, most);
	EXPECT_TRUE(find_first_bit(others, DISK_COUNT) == first);
	EXPECT_TRUE(find_next_zero_bit(others, DISK_COUNT, first) == first + most);
	EXPECT_EQ(bits.dirty_pages, 1);
	EXPECT_EQ(other_dirty[0], 1u << page);
	EXPECT_EQ(ditto_bits_tally(block, id, slot, page, DISK_BYTES, DISK_SHIFT, &set, &size),
		  -EBADMSG);
	EXPECT_EQ(set, most);
	EXPECT_EQ(size, ditto_bits_bytes(&bits));
}

static void unsound(void)
{
	u8 block[DITTO_BITS_PAGE], other[16];
	struct ditto_bits bits;
	u32 i;

	make_many(&bits, many);
	set_bit_number(&bits, 5);
	encode_all(&bits);
	memset(block, 0, sizeof(block));
	expect_unsound(block, uuid, SLOT, 0);
	expect_unsound(block, uuid, SLOT, 3);
	memset(block, 0xff, sizeof(block));
	expect_unsound(block, uuid, SLOT, 2);
	/* Another place, another slot, another disk. */
	expect_unsound(pages[1], uuid, SLOT, 0);
	expect_unsound(pages[1], uuid, SLOT, 2);
	expect_unsound(pages[1], uuid, SLOT + 1, 1);
	for (i = 0; i < 16; i++) {
		memcpy(other, uuid, 16);
		other[i]++;
		expect_unsound(pages[1], other, SLOT, 1);
	}
	/* Whole, but not as it should be. */
	for (i = 4; i < 16; i++) {
		memcpy(block, pages[1], sizeof(block));
		block[i] = 1;
		seal(block, SLOT, 1);
		expect_unsound(block, uuid, SLOT, 1);
	}
	memcpy(block, pages[3], sizeof(block));
	block[16 + 100 / 8] |= 1 << (100 % 8);
	seal(block, SLOT, 3);
	expect_unsound(block, uuid, SLOT, 3);
	memcpy(block, pages[3], sizeof(block));
	block[DITTO_BITS_PAGE - 1] = 0x80;
	seal(block, SLOT, 3);
	expect_unsound(block, uuid, SLOT, 3);
	/* The last that exists is sound. */
	memcpy(block, pages[3], sizeof(block));
	block[16 + 99 / 8] |= 1 << (99 % 8);
	seal(block, SLOT, 3);
	EXPECT_EQ(ditto_bits_decode(&bits, uuid, SLOT, 3, block), 0);
	EXPECT_EQ(bits.set, 2);
}

static void every_bit(void)
{
	struct ditto_bits bits;
	u32 byte, bit;
	u64 set, size;

	make_many(&bits, many);
	set_bit_number(&bits, 5);
	encode_all(&bits);
	for (byte = 0; byte < DITTO_BITS_PAGE; byte++) {
		for (bit = 0; bit < 8; bit++) {
			pages[0][byte] ^= 1 << bit;
			EXPECT_EQ(ditto_bits_tally(pages[0], uuid, SLOT, 0, DISK_BYTES, DISK_SHIFT,
						   &set, &size), -EBADMSG);
			pages[0][byte] ^= 1 << bit;
		}
	}
	for (byte = 0; byte < DITTO_BITS_PAGE; byte += 13) {
		pages[0][byte] ^= 4;
		expect_unsound(pages[0], uuid, SLOT, 0);
		pages[0][byte] ^= 4;
	}
}

/* Already set in memory, so that no bit changes: the page must be written all the same. */
static void unsound_is_dirty(void)
{
	struct ditto_bits bits;
	u64 page;

	make_many(&bits, many);
	ditto_bits_track(&bits, dirty);
	ditto_bits_set_all(&bits);
	encode_all(&bits);
	EXPECT_EQ(bits.dirty_pages, 0);
	memset(pages[2], 0, sizeof(pages[2]));
	EXPECT_EQ(ditto_bits_decode(&bits, uuid, SLOT, 2, pages[2]), -EBADMSG);
	EXPECT_EQ(bits.set, DISK_COUNT);
	EXPECT_TRUE(ditto_bits_next_dirty(&bits, 0, &page) && page == 2);
	EXPECT_EQ(bits.dirty_pages, 1);
}

static void tally(void)
{
	struct test_random random = { 9 };
	u64 page, set, size, all_set, all_size;
	struct ditto_bits bits;
	u32 round;

	make_many(&bits, many);
	for (round = 0; round < 200; round++) {
		u64 start = (u64)test_random(&random) * 512 % DISK_BYTES;

		if (round % 3)
			ditto_bits_set(&bits, start, (u64)test_below(&random, 1000) * 4096);
		else
			ditto_bits_clear(&bits, start, (u64)test_below(&random, 100000) * 4096);
		if (round % 5 == 0)
			set_bit_number(&bits, DISK_COUNT - 1);
		encode_all(&bits);
		all_set = 0;
		all_size = 0;
		for (page = 0; page < PAGES; page++) {
			EXPECT_EQ(ditto_bits_tally(pages[page], uuid, SLOT, page, DISK_BYTES,
						   DISK_SHIFT, &set, &size), 0);
			all_set += set;
			all_size += size;
		}
		EXPECT_EQ(all_set, bits.set);
		EXPECT_EQ(all_size, ditto_bits_bytes(&bits));
	}
}

/*
 * Random changes and writes of dirty pages: what is on disk and in clean pages
 * is what is in memory, and dirty pages are counted.
 */
static void dirty_against_model(void)
{
	struct test_random random = { 77 };
	struct ditto_bits bits, got;
	u64 page, start, size;
	u32 round, i;

	make_many(&bits, many);
	ditto_bits_track(&bits, dirty);
	encode_all(&bits);
	for (round = 0; round < 3000; round++) {
		start = (u64)test_below(&random, DISK_COUNT) * 4096;
		size = (u64)test_below(&random, round % 7 ? 50 : 40000) * 4096;
		if (round & 1)
			ditto_bits_set(&bits, start, size);
		else
			ditto_bits_clear(&bits, start, size);
		if (test_below(&random, 3) == 0 && ditto_bits_next_dirty(&bits, 0, &page))
			ditto_bits_encode(&bits, uuid, SLOT, page, pages[page]);
		EXPECT_EQ(bits.dirty_pages, bitmap_weight(dirty, PAGES));
		if (round % 10)
			continue;
		make_many(&got, others);
		for (i = 0; i < PAGES; i++) {
			EXPECT_EQ(ditto_bits_decode(&got, uuid, SLOT, i, pages[i]), 0);
			if (test_bit(i, dirty))
				continue;
			EXPECT_EQ(memcmp(&many[i * DITTO_BITS_PER_PAGE / BITS_PER_LONG],
					 &others[i * DITTO_BITS_PER_PAGE / BITS_PER_LONG],
					 i == PAGES - 1 ? 16 : DITTO_BITS_PER_PAGE / 8), 0);
		}
	}
}

const struct test bits_tests[] = {
	{ "words that a device takes", sizes },
	{ "G2: setting rounds outwards", set_rounds_outwards },
	{ "G2: trace 6: a small write does not clear a big bit", small_write_clears_nothing },
	{ "the last block ends with the device", last_block },
	{ "runs of set bits", runs },
	{ "G2: set and clear against a model", against_model },
	{ "pages that a bitmap takes on disk", disk_sizes },
	{ "G2: pages that differ from the disk are known", tracks },
	{ "G11: a page keeps its bits", disk_round_trip },
	{ "no bits behind the end go to disk", bits_behind_the_end },
	{ "G2: reading a page adds to what is set", decode_adds },
	{ "G2, G11: a page that is not sound counts as out of sync", unsound },
	{ "G2, G11: any flipped bit makes a page unsound", every_bit },
	{ "G2: an unsound page is written again", unsound_is_dirty },
	{ "pages are counted one by one", tally },
	{ "G2: clean pages against the disk", dirty_against_model },
	{ }
};
