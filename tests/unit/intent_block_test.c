// SPDX-License-Identifier: GPL-2.0
/*
 * A block of the intent log as bytes: what is taken, and all that is refused.
 */
#include "intent.h"
#include "test.h"

#define SHIFT		22
#define REGION		(1ull << SHIFT)
#define REGIONS		301
#define PER_BLOCK	16

/* Places in a block on disk. */
#define INDEX_AT	8
#define COUNT_AT	12
#define RESERVED_AT	24
#define NUMBERS_AT	32

static const u8 uuid[16] = { 0xd1, 0x77, 0x00, 3 };

static struct ditto_intent ilog;
static struct ditto_region regions[PER_BLOCK];
static u8 image[1][DITTO_INTENT_BLOCK];
static u32 buckets[4];
static const struct ditto_intent_room room = {
	.regions = regions,
	.images = image,
	.buckets = buckets,
	.bucket_count = ARRAY_SIZE(buckets),
	.blocks = 1,
	.per_block = PER_BLOCK,
};
static u8 written[DITTO_INTENT_BLOCK];

/* As the code under test would have written it. */
static void seal(u8 *block)
{
	u32 crc;

	memset(block, 0, 4);
	crc = ~ditto_crc32c(ditto_crc32c(~0u, uuid, 16), block, DITTO_INTENT_BLOCK);
	memcpy(block, &(__le32){ cpu_to_le32(crc) }, 4);
}

static void store(u8 *block, u32 at, u32 value)
{
	memcpy(block + at, &(__le32){ cpu_to_le32(value) }, 4);
}

/* A sound block that names 3, 30, 300. */
static u8 *good(void)
{
	static struct ditto_intent_user users[3];
	static const u64 names[] = { 3, 30, 300 };
	const u64 sequence[32] = { 1 };
	u32 i, index, copy;

	ditto_intent_init(&ilog, &room, SHIFT, REGIONS * REGION, uuid, sequence);
	for (i = 0; i < ARRAY_SIZE(names); i++)
		EXPECT_EQ(ditto_intent_take(&ilog, names[i] * REGION, names[i] * REGION, 1, 1,
					    &users[i]), DITTO_HEAT_COLD);
	ditto_intent_commit_begin(&ilog);
	EXPECT_TRUE(ditto_intent_commit_next(&ilog, written, &index, &copy));
	return written;
}

/* A block that is refused leaves everything as it was. */
static int decode(const void *block)
{
	u32 numbers[DITTO_INTENT_PER_BLOCK], before[DITTO_INTENT_PER_BLOCK], count = 99;
	u64 sequence = 99;
	int err;

	memset(before, 99, sizeof(before));
	memset(numbers, 99, sizeof(numbers));
	err = ditto_intent_decode(block, uuid, 0, REGIONS, &sequence, numbers, &count);
	if (!err)
		return 0;
	EXPECT_EQ(sequence, 99);
	EXPECT_EQ(count, 99);
	EXPECT_EQ(memcmp(numbers, before, sizeof(numbers)), 0);
	return err;
}

static void decode_takes(void)
{
	u32 numbers[DITTO_INTENT_PER_BLOCK], count;
	u8 block[DITTO_INTENT_BLOCK];
	u64 sequence;

	EXPECT_EQ(ditto_intent_decode(good(), uuid, 0, REGIONS, &sequence, numbers, &count), 0);
	EXPECT_EQ(sequence, 2);
	EXPECT_EQ(count, 3);
	EXPECT_EQ(numbers[0], 3);
	EXPECT_EQ(numbers[1], 30);
	EXPECT_EQ(numbers[2], 300);
	ditto_intent_encode_empty(block, uuid, 7, 0x123456789abcull);
	EXPECT_EQ(ditto_intent_decode(block, uuid, 7, 0, &sequence, numbers, &count), 0);
	EXPECT_EQ(sequence, 0x123456789abcull);
	EXPECT_EQ(count, 0);
}

static void decode_refuses_foreign(void)
{
	u8 other[16], block[DITTO_INTENT_BLOCK];
	u32 numbers[DITTO_INTENT_PER_BLOCK], count, i;
	u64 sequence;

	good();
	for (i = 0; i < 16; i++) {
		memcpy(other, uuid, 16);
		other[i] ^= 0x10;
		EXPECT_EQ(ditto_intent_decode(written, other, 0, REGIONS, &sequence, numbers,
					      &count), -EBADMSG);
	}
	EXPECT_EQ(ditto_intent_decode(written, uuid, 1, REGIONS, &sequence, numbers, &count),
		  -ERANGE);
	EXPECT_EQ(ditto_intent_decode(written, uuid, 0, REGIONS - 1, &sequence, numbers, &count),
		  -ERANGE);
	memset(block, 0, sizeof(block));
	EXPECT_EQ(decode(block), -ENODATA);
	memset(block, 0xff, sizeof(block));
	EXPECT_EQ(decode(block), -ENODATA);
}

#define REFUSE(change) do {			\
	memcpy(block, good(), sizeof(block));	\
	change;					\
	seal(block);				\
	EXPECT_EQ(decode(block), -ERANGE);	\
} while (0)

static void decode_refuses_fields(void)
{
	u8 block[DITTO_INTENT_BLOCK];
	u32 i;

	memcpy(block, good(), sizeof(block));
	seal(block);
	EXPECT_EQ(decode(block), 0);
	REFUSE(store(block, INDEX_AT, 1));
	REFUSE(store(block, COUNT_AT, 2));
	REFUSE(store(block, COUNT_AT, DITTO_INTENT_PER_BLOCK + 1));
	REFUSE(store(block, COUNT_AT, U32_MAX));
	for (i = 0; i < 8; i++)
		REFUSE(block[RESERVED_AT + i] = 1);
	/* Zeroes behind the count are no names; within it 0 is one, twice it is not. */
	REFUSE(store(block, COUNT_AT, 5));
	REFUSE(store(block, NUMBERS_AT, REGIONS));
	REFUSE(store(block, NUMBERS_AT + 8, U32_MAX));
	REFUSE(store(block, NUMBERS_AT, 30));
	REFUSE(store(block, NUMBERS_AT + 8, 3));
	REFUSE(store(block, NUMBERS_AT + 12, 7));
	REFUSE(store(block, DITTO_INTENT_BLOCK - 4, 1));
}

static void every_bit(void)
{
	u8 *block = good();
	u32 byte, bit;

	for (byte = 0; byte < DITTO_INTENT_BLOCK; byte++) {
		for (bit = 0; bit < 8; bit++) {
			block[byte] ^= 1 << bit;
			EXPECT_TRUE(decode(block));
			block[byte] ^= 1 << bit;
		}
	}
	EXPECT_EQ(decode(block), 0);
}

static void fuzz(void)
{
	u32 numbers[DITTO_INTENT_PER_BLOCK], count, round, i, j, taken = 0;
	struct test_random random = { 11 };
	u8 block[DITTO_INTENT_BLOCK];
	u64 sequence;

	good();
	for (round = 0; round < 20000; round++) {
		memcpy(block, written, sizeof(block));
		for (i = 0; i < 1 + round % 3; i++)
			block[4 + test_below(&random, 60)] = test_below(&random, 5);
		seal(block);
		if (ditto_intent_decode(block, uuid, 0, REGIONS, &sequence, numbers, &count))
			continue;
		taken++;
		EXPECT_TRUE(count <= DITTO_INTENT_PER_BLOCK);
		for (i = 0; i < count; i++) {
			EXPECT_TRUE(numbers[i] < REGIONS);
			for (j = 0; j < i; j++)
				EXPECT_TRUE(numbers[i] != numbers[j]);
		}
	}
	EXPECT_TRUE(taken > 1000);
}

const struct test intent_block_tests[] = {
	{ "G11: a block keeps what it names", decode_takes },
	{ "G11: a block of another disk or place is refused", decode_refuses_foreign },
	{ "G11: fields out of range are refused", decode_refuses_fields },
	{ "G11: any flipped bit is refused", every_bit },
	{ "G11: fuzzed blocks", fuzz },
	{ }
};
