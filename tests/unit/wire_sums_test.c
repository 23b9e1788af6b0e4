// SPDX-License-Identifier: GPL-2.0
/* The payloads of EXTENT_SUMS and EXTENT_DIFFERS. */
#include "wire.h"
#include "test.h"

#define KIB		1024u
#define SHIFT		14u
#define OFFSET		(1ull << 40)
#define FUZZ_ROUNDS	100000
#define MOST		(DITTO_WIRE_SUMS_BYTES + DITTO_WIRE_SUMS_MOST * DITTO_WIRE_SUM)

static struct ditto_wire_sums sums, taken;
static u8 buf[DITTO_WIRE_MAX_FIXED];

static void fill(u32 shift, u32 count)
{
	u32 i;

	memset(&sums, 0, sizeof(sums));
	memset(&taken, 0x5a, sizeof(taken));
	memset(buf, 0xa5, sizeof(buf));
	sums.shift = shift;
	sums.count = count;
	for (i = 0; i < count; i++)
		memset(sums.sums[i], i + 1, DITTO_WIRE_SUM);
}

static void expect_round_trip(u32 shift, u32 count, u32 size)
{
	struct ditto_wire_complaint why;
	u32 length;

	fill(shift, count);
	length = ditto_wire_put_sums(&sums, buf);
	EXPECT_EQ(length, DITTO_WIRE_SUMS_BYTES + count * DITTO_WIRE_SUM);
	EXPECT_TRUE(length == sizeof(buf) || buf[length] == 0xa5);
	EXPECT_EQ(ditto_wire_get_sums(buf, length, OFFSET, size, &taken, &why), 0);
	EXPECT_EQ(taken.shift, shift);
	EXPECT_EQ(taken.count, count);
	EXPECT_EQ(memcmp(taken.sums, sums.sums, count * DITTO_WIRE_SUM), 0);
}

static void sums_payload(void)
{
	expect_round_trip(SHIFT, 1, 512);
	expect_round_trip(SHIFT, 1, 16 * KIB);
	expect_round_trip(SHIFT, 2, 16 * KIB + 512);
	expect_round_trip(SHIFT, 32, 512 * KIB);
	expect_round_trip(12, 32, 128 * KIB);
	expect_round_trip(20, 1, 1024 * KIB);
	EXPECT_EQ(MOST, sizeof(buf));
}

static void refuse(u32 shift, u64 offset, u32 size, u32 length, const char *name)
{
	struct ditto_wire_complaint why = {};

	fill(SHIFT, 32);
	sums.shift = shift;
	ditto_wire_put_sums(&sums, buf);
	EXPECT_EQ(ditto_wire_get_sums(buf, length, offset, size, &taken, &why), -EPROTO);
	EXPECT_STREQ(why.field, name);
}

static void hostile_sums(void)
{
	struct ditto_wire_complaint why = {};
	u32 i;

	refuse(11, OFFSET, 512 * KIB, MOST, "shift");
	refuse(21, OFFSET, 512 * KIB, MOST, "shift");
	refuse(64, OFFSET, 512 * KIB, MOST, "shift");
	refuse(~0u, OFFSET, 512 * KIB, MOST, "shift");
	refuse(SHIFT, OFFSET + 512, 512 * KIB - 512, MOST, "offset");
	refuse(SHIFT, OFFSET + 8 * KIB, 512 * KIB, MOST, "offset");
	/* One block more than there may be. */
	refuse(SHIFT, OFFSET, 512 * KIB + 512, MOST, "size");
	refuse(12, OFFSET, 512 * KIB, MOST, "size");
	refuse(SHIFT, OFFSET, 512 * KIB, MOST - DITTO_WIRE_SUM, "length");
	refuse(SHIFT, OFFSET, 496 * KIB, MOST, "length");
	refuse(SHIFT, OFFSET, 512 * KIB, DITTO_WIRE_SUMS_BYTES, "length");
	refuse(SHIFT, OFFSET, 512 * KIB, DITTO_WIRE_SUMS_BYTES - 1, "length");
	refuse(SHIFT, OFFSET, 512 * KIB, 0, "length");
	for (i = 4; i < 8; i++) {
		fill(SHIFT, 32);
		ditto_wire_put_sums(&sums, buf);
		buf[i] = 1;
		EXPECT_EQ(ditto_wire_get_sums(buf, MOST, OFFSET, 512 * KIB, &taken, &why), -EPROTO);
		EXPECT_STREQ(why.field, "reserved");
	}
}

static void differs_payload(void)
{
	struct ditto_wire_complaint why = {};
	u32 differs = 0;

	memset(buf, 0xa5, sizeof(buf));
	ditto_wire_put_differs(0x80000001, buf);
	EXPECT_EQ(buf[0], 1);
	EXPECT_EQ(buf[3], 0x80);
	EXPECT_EQ(buf[DITTO_WIRE_DIFFERS_BYTES], 0xa5);
	EXPECT_EQ(ditto_wire_get_differs(buf, &differs, &why), 0);
	EXPECT_EQ(differs, 0x80000001);
	ditto_wire_put_differs(0, buf);
	EXPECT_EQ(ditto_wire_get_differs(buf, &differs, &why), -EPROTO);
	EXPECT_STREQ(why.field, "differs");
}

static void fuzz_sums(void)
{
	struct test_random random = { 9 };
	struct ditto_wire_complaint why;
	u32 round, length, size, took = 0;
	u64 offset;

	for (round = 0; round < FUZZ_ROUNDS; round++) {
		fill(12 + test_below(&random, 9), 1 + test_below(&random, DITTO_WIRE_SUMS_MOST));
		length = ditto_wire_put_sums(&sums, buf);
		size = min(sums.count << sums.shift, DITTO_WIRE_MAX_EXTENT);
		offset = (u64)test_below(&random, 1 << 20) << sums.shift;
		if (!test_below(&random, 4))
			size = 512 * (1 + test_below(&random, DITTO_WIRE_MAX_EXTENT / 512));
		if (!test_below(&random, 4))
			length = test_below(&random, sizeof(buf) + 1);
		if (!test_below(&random, 4))
			buf[test_below(&random, 8)] ^= 1 << test_below(&random, 8);
		if (ditto_wire_get_sums(buf, length, offset, size, &taken, &why))
			continue;
		EXPECT_TRUE(taken.shift >= 12 && taken.shift <= 20);
		EXPECT_TRUE(taken.count && taken.count <= DITTO_WIRE_SUMS_MOST);
		EXPECT_EQ(taken.count, DIV_ROUND_UP((u64)size, 1ull << taken.shift));
		EXPECT_EQ(length, DITTO_WIRE_SUMS_BYTES + taken.count * DITTO_WIRE_SUM);
		took++;
	}
	EXPECT_TRUE(took > 1000);
}

const struct test wire_sums_tests[] = {
	{ "G9: EXTENT_SUMS", sums_payload },
	{ "G9: hostile EXTENT_SUMS", hostile_sums },
	{ "G9: EXTENT_DIFFERS", differs_payload },
	{ "G9: fuzzed EXTENT_SUMS", fuzz_sums },
	{ }
};
