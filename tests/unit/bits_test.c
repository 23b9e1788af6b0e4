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

const struct test bits_tests[] = {
	{ "words that a device takes", sizes },
	{ "G2: setting rounds outwards", set_rounds_outwards },
	{ "G2: trace 6: a small write does not clear a big bit", small_write_clears_nothing },
	{ "the last block ends with the device", last_block },
	{ "runs of set bits", runs },
	{ "G2: set and clear against a model", against_model },
	{ }
};
