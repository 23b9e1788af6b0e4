// SPDX-License-Identifier: GPL-2.0
#include "wire.h"
#include "test.h"

#define GIB		(1ull << 30)
#define DATA		(100 * GIB)
#define FUZZ_ROUNDS	100000

static struct ditto_wire_hello good_hello(void)
{
	struct ditto_wire_hello hello = {
		.version_min = 1,
		.version_max = 2,
		.features = 1ull << 63,
		.resource_uuid = { 1, 2, 3 },
		.from = 31,
		.to = 0,
		.data_bytes = DATA,
		.logical_block = 512,
		.physical_block = 4096,
		.max_io = DITTO_WIRE_MAX_WRITE,
		.discard_zeroes = 1,
		.timeout_ms = 6000,
		.in_use = 1,
		.state = {
			.flags = DITTO_STATEF_UNCLEAN,
			.roster = 0x80000001,
			.roster_number = 5,
			.generation = 77,
			.history = { 66, 55 },
			.position = 1000,
			.attach_id = 99,
			.device_block = 4096,
		},
	};

	return hello;
}

#define REFUSE_HELLO(change, name) do {					\
	hello = good_hello();						\
	change;								\
	ditto_wire_put_hello(&hello, buf);				\
	why.field = "";							\
	EXPECT_EQ(ditto_wire_get_hello(buf, &got, &why), -EPROTO);	\
	EXPECT_STREQ(why.field, name);					\
} while (0)

static void hello_payload(void)
{
	struct ditto_wire_hello hello = good_hello(), got = {};
	struct ditto_wire_complaint why;
	u8 buf[DITTO_WIRE_HELLO_BYTES + 1];

	buf[DITTO_WIRE_HELLO_BYTES] = 0xa5;
	ditto_wire_put_hello(&hello, buf);
	EXPECT_EQ(buf[DITTO_WIRE_HELLO_BYTES], 0xa5);
	EXPECT_EQ(ditto_wire_get_hello(buf, &got, &why), 0);
	EXPECT_EQ(memcmp(&hello, &got, sizeof(got)), 0);
	buf[79] = 1;
	EXPECT_EQ(ditto_wire_get_hello(buf, &got, &why), -EPROTO);
	EXPECT_STREQ(why.field, "reserved");
	REFUSE_HELLO(hello.version_min = 3, "version_min");
	REFUSE_HELLO(hello.version_min = 0, "version_min");
	REFUSE_HELLO(hello.from = 32, "from");
	REFUSE_HELLO(hello.to = 32, "to");
	REFUSE_HELLO(hello.to = hello.from, "to");
	REFUSE_HELLO(hello.timeout_ms = 0, "timeout_ms");
	REFUSE_HELLO(hello.data_bytes++, "data_bytes");
	REFUSE_HELLO(hello.discard_zeroes = 2, "discard_zeroes");
	REFUSE_HELLO(hello.logical_block = 0, "logical_block");
	REFUSE_HELLO(hello.logical_block = 256, "logical_block");
	REFUSE_HELLO(hello.logical_block = 520, "logical_block");
	REFUSE_HELLO(hello.logical_block = hello.physical_block = 8192, "logical_block");
	REFUSE_HELLO(hello.physical_block = 256, "physical_block");
	REFUSE_HELLO(hello.physical_block = 5000, "physical_block");
	REFUSE_HELLO(hello.max_io = 0, "max_io");
	REFUSE_HELLO(hello.max_io = 1000, "max_io");
	REFUSE_HELLO(hello.in_use = 2, "in_use");
	REFUSE_HELLO(hello.state.device_block = 256, "device_block");
	REFUSE_HELLO(hello.state.device_block = 8192, "device_block");
	REFUSE_HELLO(hello.state.flags = 1u << 7, "flags");
	REFUSE_HELLO(hello.state.history[5] = 1, "history");
	hello = good_hello();
	hello.state.flags = DITTO_STATEF_DISKLESS;
	hello.data_bytes = hello.logical_block = hello.physical_block = hello.max_io = 0;
	ditto_wire_put_hello(&hello, buf);
	EXPECT_EQ(ditto_wire_get_hello(buf, &got, &why), 0);
}

static void state_payload(void)
{
	struct ditto_wire_state state = good_hello().state, got = {};
	struct ditto_wire_complaint why;
	u8 buf[DITTO_WIRE_STATE_BYTES];
	u32 i;

	ditto_wire_put_state(&state, buf);
	EXPECT_EQ(ditto_wire_get_state(buf, &got, &why), 0);
	EXPECT_EQ(memcmp(&state, &got, sizeof(got)), 0);
	buf[DITTO_WIRE_STATE_BYTES - 1] = 1;
	EXPECT_EQ(ditto_wire_get_state(buf, &got, &why), -EPROTO);
	EXPECT_STREQ(why.field, "reserved");
	for (i = 7; i < 32; i++) {
		state.flags = 1u << i;
		ditto_wire_put_state(&state, buf);
		EXPECT_EQ(ditto_wire_get_state(buf, &got, &why), -EPROTO);
	}
}

static void ack_payload(void)
{
	struct ditto_wire_ack ack = { 9, 8, 7, 6, 5 }, got = {};
	struct ditto_wire_complaint why;
	u8 buf[DITTO_WIRE_ACK_BYTES];

	ditto_wire_put_ack(&ack, buf);
	EXPECT_EQ(ditto_wire_get_ack(buf, &got, &why), 0);
	EXPECT_EQ(memcmp(&ack, &got, sizeof(got)), 0);
	ack = (struct ditto_wire_ack){ 9, 10, 7, 6, 5 };
	ditto_wire_put_ack(&ack, buf);
	EXPECT_EQ(ditto_wire_get_ack(buf, &got, &why), -EPROTO);
	EXPECT_STREQ(why.field, "written");
	ack = (struct ditto_wire_ack){ 9, 8, 9, 6, 5 };
	ditto_wire_put_ack(&ack, buf);
	EXPECT_EQ(ditto_wire_get_ack(buf, &got, &why), -EPROTO);
	EXPECT_STREQ(why.field, "durable");
	ack = (struct ditto_wire_ack){ 9, 8, 7, 6, 7 };
	ditto_wire_put_ack(&ack, buf);
	EXPECT_EQ(ditto_wire_get_ack(buf, &got, &why), -EPROTO);
	EXPECT_STREQ(why.field, "extents_durable");
}

#define REFUSE_START(change, name) do {					\
	bad = start;							\
	change;								\
	ditto_wire_put_start(&bad, buf);				\
	EXPECT_EQ(ditto_wire_get_start(buf, &got, &why), -EPROTO);	\
	EXPECT_STREQ(why.field, name);					\
} while (0)

static void start_payload(void)
{
	struct ditto_wire_start start = {
		.mode = DITTO_MODE_TARGET, .roster = 5, .roster_number = 6, .generation = 7,
		.history = { 8, 9 }, .position = 10, .epoch = 11, .logged = 10,
	}, bad, got = {};
	struct ditto_wire_complaint why;
	u8 buf[DITTO_WIRE_START_BYTES];

	ditto_wire_put_start(&start, buf);
	EXPECT_EQ(ditto_wire_get_start(buf, &got, &why), 0);
	EXPECT_EQ(memcmp(&start, &got, sizeof(got)), 0);
	REFUSE_START(bad.mode = 0, "mode");
	REFUSE_START(bad.mode = DITTO_MODE_ASSUMED + 1, "mode");
	REFUSE_START(bad.roster = 0, "roster");
	REFUSE_START(bad.generation = 0, "generation");
	REFUSE_START(bad.history[0] = 0, "history");
	REFUSE_START(bad.logged = 11, "logged");
}

static void roster_payload(void)
{
	struct ditto_wire_roster roster = { 3, 4, 5, 6 }, got = {};
	struct ditto_wire_complaint why;
	u8 buf[DITTO_WIRE_ROSTER_BYTES];
	u32 i;

	ditto_wire_put_roster(&roster, buf);
	EXPECT_EQ(ditto_wire_get_roster(buf, &got, &why), 0);
	EXPECT_EQ(got.roster, 3);
	EXPECT_EQ(got.roster_number, 4);
	EXPECT_EQ(got.generation, 5);
	EXPECT_EQ(got.previous, 6);
	for (i = 0; i < DITTO_WIRE_ROSTER_BYTES; i += 8) {
		ditto_wire_put_roster(&roster, buf);
		memset(buf + i, 0, 8);
		EXPECT_EQ(ditto_wire_get_roster(buf, &got, &why), -EPROTO);
	}
	ditto_wire_put_roster(&roster, buf);
	buf[4] = 1;
	EXPECT_EQ(ditto_wire_get_roster(buf, &got, &why), -EPROTO);
	EXPECT_STREQ(why.field, "reserved");
}

static void absent_payload(void)
{
	struct ditto_wire_absent absent = { 31, U64_MAX }, got = {};
	struct ditto_wire_complaint why;
	u8 buf[DITTO_WIRE_ABSENT_BYTES + 1];
	u32 i;

	buf[DITTO_WIRE_ABSENT_BYTES] = 0xa5;
	ditto_wire_put_absent(&absent, buf);
	EXPECT_EQ(buf[DITTO_WIRE_ABSENT_BYTES], 0xa5);
	EXPECT_EQ(ditto_wire_get_absent(buf, &got, &why), 0);
	EXPECT_EQ(got.node, 31);
	EXPECT_EQ(got.durable, U64_MAX);
	EXPECT_EQ(ditto_wire_get_set(buf, &got, &why), -EPROTO);
	EXPECT_STREQ(why.field, "durable");
	for (i = 4; i < 8; i++) {
		buf[i] = 1;
		EXPECT_EQ(ditto_wire_get_absent(buf, &got, &why), -EPROTO);
		EXPECT_STREQ(why.field, "reserved");
		buf[i] = 0;
	}
	absent.node = 32;
	ditto_wire_put_absent(&absent, buf);
	EXPECT_EQ(ditto_wire_get_absent(buf, &got, &why), -EPROTO);
	EXPECT_STREQ(why.field, "node");
	absent = (struct ditto_wire_absent) { 0, 0 };
	ditto_wire_put_absent(&absent, buf);
	EXPECT_EQ(ditto_wire_get_set(buf, &got, &why), 0);
	EXPECT_EQ(got.node, 0);
}

#define MOST_WORDS	(DITTO_WIRE_BITS_MOST / 64)

static struct ditto_wire_bits good_bits(void)
{
	return (struct ditto_wire_bits) {
		.node = 31,
		.fill = DITTO_FILL_WORDS,
		.shift = 14,
		.start = 64ull << 14,
		.count = 130,
	};
}

static void bits_payload(void)
{
	struct ditto_wire_bits bits = good_bits(), got = {};
	u64 words[MOST_WORDS], taken[MOST_WORDS] = {};
	u8 buf[DITTO_WIRE_MAX_FIXED];
	struct ditto_wire_complaint why;
	u32 i, length;

	for (i = 0; i < MOST_WORDS; i++)
		words[i] = 0x0123456789abcdefull * (i + 1);
	words[2] = 3;
	memset(buf, 0xa5, sizeof(buf));
	EXPECT_EQ(ditto_wire_put_bits(&bits, words, buf), DITTO_WIRE_BITS_BYTES + 24);
	EXPECT_EQ(buf[DITTO_WIRE_BITS_BYTES], 0xef);
	EXPECT_EQ(buf[DITTO_WIRE_BITS_BYTES + 24], 0xa5);
	EXPECT_EQ(ditto_wire_get_bits(buf, DITTO_WIRE_BITS_BYTES + 24, DATA, &got, taken, &why), 0);
	EXPECT_EQ(got.node, 31);
	EXPECT_EQ(got.fill, DITTO_FILL_WORDS);
	EXPECT_EQ(got.shift, 14);
	EXPECT_EQ(got.start, 64 << 14);
	EXPECT_EQ(got.count, 130);
	EXPECT_EQ(memcmp(words, taken, 24), 0);
	EXPECT_EQ(taken[3], 0);
	bits.count = DITTO_WIRE_BITS_MOST;
	length = ditto_wire_put_bits(&bits, words, buf);
	EXPECT_EQ(length, 992);
	EXPECT_EQ(ditto_wire_get_bits(buf, length, DATA, &got, taken, &why), 0);
	EXPECT_EQ(memcmp(words, taken, sizeof(words)), 0);
	bits.fill = DITTO_FILL_CLEAR;
	bits.start = 0;
	bits.count = DATA >> 14;
	length = ditto_wire_put_bits(&bits, NULL, buf);
	EXPECT_EQ(length, DITTO_WIRE_BITS_BYTES);
	EXPECT_EQ(ditto_wire_get_bits(buf, length, DATA, &got, NULL, &why), 0);
	EXPECT_EQ(got.count, DATA >> 14);
	/* The device's end cuts the last block. */
	EXPECT_EQ(ditto_wire_get_bits(buf, length, DATA - 512, &got, NULL, &why), 0);
	EXPECT_EQ(ditto_wire_get_bits(buf, length, DATA - (1 << 14), &got, NULL, &why), -EPROTO);
	EXPECT_STREQ(why.field, "count");
}

static void refuse_bits(const struct ditto_wire_bits *bits, u32 more, const char *name)
{
	static const u64 words[MOST_WORDS + 1];
	u8 buf[DITTO_WIRE_MAX_FIXED + 8] = {};
	struct ditto_wire_complaint why = {};
	u64 taken[MOST_WORDS];
	struct ditto_wire_bits got, head = *bits;
	u32 length;

	/* No more words than there is room for, whatever it says. */
	if (head.count > DITTO_WIRE_BITS_MOST + 64)
		head.count = 64;
	length = ditto_wire_put_bits(&head, words, buf) + more;
	memcpy(buf + 24, &(__le64){ cpu_to_le64(bits->count) }, 8);
	EXPECT_EQ(ditto_wire_get_bits(buf, length, DATA, &got, taken, &why), -EPROTO);
	EXPECT_STREQ(why.field, name);
}

#define REFUSE_BITS(change, name) do {					\
	bits = good_bits();						\
	change;								\
	refuse_bits(&bits, 0, name);					\
} while (0)

static void hostile_bits(void)
{
	struct ditto_wire_bits bits = good_bits();
	struct ditto_wire_complaint why;
	u64 words[3] = { 0, 0, 4 }, taken[3];
	u8 buf[DITTO_WIRE_MAX_FIXED];
	u32 i;

	REFUSE_BITS(bits.node = 32, "node");
	REFUSE_BITS(bits.fill = 0, "fill");
	REFUSE_BITS(bits.fill = 4, "fill");
	REFUSE_BITS(bits.shift = 11, "shift");
	REFUSE_BITS(bits.shift = 21, "shift");
	REFUSE_BITS(bits.shift = 64, "shift");
	REFUSE_BITS(bits.start = 32ull << 14, "start");
	REFUSE_BITS(bits.start = 1, "start");
	REFUSE_BITS(bits.start = DATA, "start");
	REFUSE_BITS(bits.start = ~0ull << 20, "start");
	REFUSE_BITS(bits.count = 0, "count");
	REFUSE_BITS(bits.count = DITTO_WIRE_BITS_MOST + 1, "count");
	REFUSE_BITS(bits.count = U64_MAX, "count");
	REFUSE_BITS(bits.fill = DITTO_FILL_SET; bits.count = U64_MAX, "count");
	REFUSE_BITS(bits.fill = DITTO_FILL_SET; bits.count = 0, "count");
	REFUSE_BITS(bits.fill = DITTO_FILL_SET; bits.count = (DATA >> 14) - 63, "count");
	REFUSE_BITS(bits.start = DATA - (64ull << 14), "count");
	bits = good_bits();
	refuse_bits(&bits, 8, "length");
	refuse_bits(&bits, -8, "length");
	refuse_bits(&bits, 1, "length");
	bits.fill = DITTO_FILL_CLEAR;
	refuse_bits(&bits, 8, "length");
	refuse_bits(&bits, -1, "length");
	bits = good_bits();
	ditto_wire_put_bits(&bits, words, buf);
	EXPECT_EQ(ditto_wire_get_bits(buf, DITTO_WIRE_BITS_BYTES + 24, DATA, &bits, taken, &why),
		  -EPROTO);
	EXPECT_STREQ(why.field, "words");
	words[2] = 3;
	for (i = 12; i < 16; i++) {
		ditto_wire_put_bits(&bits, words, buf);
		buf[i] = 1;
		EXPECT_EQ(ditto_wire_get_bits(buf, DITTO_WIRE_BITS_BYTES + 24, DATA, &bits, taken,
					      &why), -EPROTO);
		EXPECT_STREQ(why.field, "reserved");
	}
}

/* What a taken header promises the code that handles it. */
static void expect_bits(const struct ditto_wire_bits *bits, const u64 *words, u32 length)
{
	u64 end = bits->start + ((bits->count - 1) << bits->shift);
	u64 rest = bits->count & 63;

	EXPECT_TRUE(bits->node < 32 && bits->count);
	EXPECT_TRUE(bits->shift >= 12 && bits->shift <= 20);
	EXPECT_EQ(bits->start % (64ull << bits->shift), 0);
	EXPECT_TRUE(bits->start < DATA && end >= bits->start && end < DATA);
	if (bits->fill != DITTO_FILL_WORDS) {
		EXPECT_EQ(length, DITTO_WIRE_BITS_BYTES);
		return;
	}
	EXPECT_TRUE(bits->count <= DITTO_WIRE_BITS_MOST);
	EXPECT_EQ(length, DITTO_WIRE_BITS_BYTES + DIV_ROUND_UP(bits->count, 64) * 8);
	if (rest)
		EXPECT_EQ(words[bits->count / 64] >> rest, 0);
}

static void fuzz_bits(void)
{
	u64 words[MOST_WORDS] = {}, taken[MOST_WORDS];
	struct test_random random = { 7 };
	struct ditto_wire_complaint why;
	struct ditto_wire_bits bits;
	u8 buf[DITTO_WIRE_MAX_FIXED];
	u32 round, length, took = 0;

	for (round = 0; round < FUZZ_ROUNDS; round++) {
		bits = good_bits();
		bits.fill = 1 + test_below(&random, 3);
		bits.shift = 12 + test_below(&random, 9);
		bits.start = (u64)test_below(&random, 1 << 12) << 26;
		bits.count = 1 + test_below(&random, DITTO_WIRE_BITS_MOST);
		words[(bits.count - 1) / 64] = 1;
		length = ditto_wire_put_bits(&bits, words, buf);
		words[(bits.count - 1) / 64] = 0;
		buf[test_below(&random, length)] ^= 1 << test_below(&random, 8);
		if (!test_below(&random, 4))
			length = test_below(&random, 993);
		if (ditto_wire_get_bits(buf, length, DATA, &bits, taken, &why))
			continue;
		expect_bits(&bits, taken, length);
		took++;
	}
	EXPECT_TRUE(took > 1000);
}

static void fuzz_payloads(void)
{
	struct test_random random = { 6 };
	struct ditto_wire_complaint why;
	struct ditto_wire_hello hello;
	struct ditto_wire_state state;
	struct ditto_wire_start start;
	struct ditto_wire_roster roster;
	struct ditto_wire_ack ack;
	u8 buf[DITTO_WIRE_MAX_FIXED];
	u32 round, i;

	for (round = 0; round < FUZZ_ROUNDS; round++) {
		memset(buf, 0, sizeof(buf));
		for (i = 0; i < sizeof(buf); i++) {
			if (!test_below(&random, 1 + round % 64))
				buf[i] = test_random(&random);
		}
		if (!ditto_wire_get_hello(buf, &hello, &why)) {
			EXPECT_TRUE(hello.from < 32 && hello.to < 32);
			EXPECT_TRUE(hello.version_min <= hello.version_max);
		}
		if (!ditto_wire_get_state(buf, &state, &why))
			EXPECT_FALSE(state.flags & ~DITTO_STATEF_KNOWN);
		if (!ditto_wire_get_start(buf, &start, &why))
			EXPECT_TRUE(start.mode >= DITTO_MODE_MEMBER &&
				    start.mode <= DITTO_MODE_ASSUMED);
		if (!ditto_wire_get_roster(buf, &roster, &why))
			EXPECT_TRUE(roster.roster && roster.generation);
		if (!ditto_wire_get_ack(buf, &ack, &why))
			EXPECT_TRUE(ack.durable <= ack.written && ack.written <= ack.received);
	}
}

const struct test wire_payload_tests[] = {
	{ "G9: HELLO", hello_payload },
	{ "G9: STATE", state_payload },
	{ "G9: ACK", ack_payload },
	{ "G9: START", start_payload },
	{ "G9: ROSTER", roster_payload },
	{ "G9: ABSENT and SET", absent_payload },
	{ "G9: BITS", bits_payload },
	{ "G9: hostile BITS", hostile_bits },
	{ "G9: fuzzed BITS", fuzz_bits },
	{ "G9: fuzzed payloads", fuzz_payloads },
	{ }
};
