// SPDX-License-Identifier: GPL-2.0
#include "wire.h"
#include "test.h"

#define GIB		(1ull << 30)
#define DATA		(100 * GIB)
#define COOKIE		0x1122334455667788ull
#define CRC_AT		4
#define FUZZ_ROUNDS	100000

#define RANGE		.offset = DATA - 8192, .size = 8192
#define ENTRY		.position = 42, .epoch = 3, .settled = 40
#define USERS_WRITE	ENTRY, RANGE, .overlap = 41, .followers = 0x80000001
#define EXTENT		.position = 42, .epoch = 3, RANGE, .overlap = 41

/* A sound header of each type, with something in each field that the type has. */
static const struct ditto_wire_header sound[DITTO_WIRE_TYPES] = {
	[DITTO_WIRE_HELLO] = { .length = DITTO_WIRE_HELLO_BYTES },
	[DITTO_WIRE_STATE] = { .length = DITTO_WIRE_STATE_BYTES },
	[DITTO_WIRE_PING] = { .position = 42 },
	[DITTO_WIRE_PONG] = { .position = 42 },
	[DITTO_WIRE_BYE] = { .position = DITTO_BYE_DIVERGED },
	[DITTO_WIRE_ACK] = { .length = DITTO_WIRE_ACK_BYTES, .flags = DITTO_WIREF_CRC,
			     .payload_crc = 0xdeadbeef },
	[DITTO_WIRE_READY] = { .position = 42 },
	[DITTO_WIRE_READ_ASK] = { .position = 42 },
	[DITTO_WIRE_READ_AT] = { .position = 42 },
	[DITTO_WIRE_READ] = { .epoch = 3, RANGE },
	[DITTO_WIRE_BITMAP] = { .length = DITTO_WIRE_BITS_BYTES + 24 },
	[DITTO_WIRE_VERIFY_SUMS] = { .epoch = 3, .offset = 512, .size = 4608, .length = 8 },
	[DITTO_WIRE_EXTENT_DIFFERS] = { .epoch = 3, RANGE, .length = DITTO_WIRE_DIFFERS_BYTES },

	[DITTO_WIRE_START] = { .lane = DITTO_LANE_WRITES, .length = DITTO_WIRE_START_BYTES },
	[DITTO_WIRE_WRITE] = { .lane = DITTO_LANE_WRITES, USERS_WRITE, .length = 8192 },
	[DITTO_WIRE_DISCARD] = { .lane = DITTO_LANE_WRITES, USERS_WRITE },
	[DITTO_WIRE_ZEROES] = { .lane = DITTO_LANE_WRITES, USERS_WRITE },
	[DITTO_WIRE_FLUSH] = { .lane = DITTO_LANE_WRITES, ENTRY },
	[DITTO_WIRE_ROSTER] = { .lane = DITTO_LANE_WRITES, ENTRY,
				.length = DITTO_WIRE_ROSTER_BYTES },
	[DITTO_WIRE_JOIN] = { .lane = DITTO_LANE_WRITES, ENTRY, .length = DITTO_WIRE_ROSTER_BYTES },
	[DITTO_WIRE_ABSENT] = { .lane = DITTO_LANE_WRITES, ENTRY,
				.length = DITTO_WIRE_ABSENT_BYTES },
	[DITTO_WIRE_SET] = { .lane = DITTO_LANE_WRITES, ENTRY, .size = DITTO_WIRE_MAX_RANGE,
			     .length = DITTO_WIRE_ABSENT_BYTES },
	[DITTO_WIRE_BITS] = { .lane = DITTO_LANE_WRITES, ENTRY,
			      .length = DITTO_WIRE_BITS_BYTES + 24 },
	[DITTO_WIRE_SETTLED] = { .lane = DITTO_LANE_WRITES, .settled = U64_MAX },

	[DITTO_WIRE_EXTENT] = { .lane = DITTO_LANE_BULK, EXTENT, .length = 8192 },
	[DITTO_WIRE_EXTENT_ZERO] = { .lane = DITTO_LANE_BULK, EXTENT },
	[DITTO_WIRE_EXTENT_SUMS] = { .lane = DITTO_LANE_BULK, .position = 42, .epoch = 3, RANGE,
				     .overlap = 42,
				     .length = DITTO_WIRE_SUMS_BYTES + 2 * DITTO_WIRE_SUM },
	[DITTO_WIRE_VERIFY_ASK] = { .lane = DITTO_LANE_BULK, .position = 42, .epoch = 3,
				    .offset = 512, .size = 4608 },
	[DITTO_WIRE_READ_DATA] = { .lane = DITTO_LANE_BULK, .epoch = 3, RANGE, .length = 8192 },
	[DITTO_WIRE_READ_FAILED] = { .lane = DITTO_LANE_BULK, .epoch = 3, RANGE },
};

static bool is_data(u8 type)
{
	return type == DITTO_WIRE_WRITE || type == DITTO_WIRE_DISCARD || type == DITTO_WIRE_ZEROES;
}

static bool is_entry(u8 type)
{
	return is_data(type) || type == DITTO_WIRE_FLUSH || type == DITTO_WIRE_ROSTER ||
	       type == DITTO_WIRE_JOIN || type == DITTO_WIRE_ABSENT || type == DITTO_WIRE_SET ||
	       type == DITTO_WIRE_BITS;
}

static bool has_words(u8 type)
{
	return type == DITTO_WIRE_BITS || type == DITTO_WIRE_BITMAP;
}

static void make(struct ditto_wire_header *h, u8 type)
{
	*h = sound[type];
	h->type = type;
	h->cookie = COOKIE;
	h->sequence = type == DITTO_WIRE_HELLO ? 0 : 17;
}

static struct ditto_wire_context context(const struct ditto_wire_header *h)
{
	return (struct ditto_wire_context) {
		.lane = h->lane,
		.cookie = COOKIE,
		.sequence = h->sequence,
		.block = 512,
		.data_bytes = DATA,
	};
}

static int decode(const struct ditto_wire_header *h, struct ditto_wire_context ctx,
		  struct ditto_wire_complaint *why)
{
	struct ditto_wire_header got;
	u8 buf[DITTO_WIRE_HEADER];

	ditto_wire_encode(h, buf);
	why->field = "";
	return ditto_wire_decode(buf, &ctx, &got, why);
}

static void seal(u8 *buf)
{
	u32 crc;

	memset(buf + CRC_AT, 0, 4);
	crc = ~ditto_crc32c(~0u, buf, DITTO_WIRE_HEADER);
	memcpy(buf + CRC_AT, &(__le32){ cpu_to_le32(crc) }, 4);
}

static void round_trips(void)
{
	struct ditto_wire_complaint why;
	struct ditto_wire_context ctx;
	struct ditto_wire_header h, got;
	u8 buf[DITTO_WIRE_HEADER];
	u8 type;

	for (type = DITTO_WIRE_HELLO; type < DITTO_WIRE_TYPES; type++) {
		make(&h, type);
		ditto_wire_encode(&h, buf);
		ctx = context(&h);
		memset(&got, 0, sizeof(got));
		EXPECT_EQ(ditto_wire_decode(buf, &ctx, &got, &why), 0);
		EXPECT_EQ(memcmp(&h, &got, sizeof(h)), 0);
		EXPECT_TRUE(strcmp(ditto_wire_type_name(type), "?"));
	}
	EXPECT_EQ(memcmp(buf, "itto", 4), 0);
	EXPECT_STREQ(ditto_wire_type_name(0), "?");
	EXPECT_STREQ(ditto_wire_type_name(DITTO_WIRE_TYPES), "?");
	EXPECT_STREQ(ditto_wire_type_name(255), "?");
	EXPECT_STREQ(ditto_wire_type_name(DITTO_WIRE_WRITE), "WRITE");
}

/* What the local disk could not take must not reach it. */
static void whole_blocks(void)
{
	struct ditto_wire_complaint why;
	struct ditto_wire_context ctx;
	struct ditto_wire_header h;

	make(&h, DITTO_WIRE_DISCARD);
	ctx = context(&h);
	h.offset = 512;
	h.size = 4096;
	EXPECT_EQ(decode(&h, ctx, &why), 0);
	ctx.block = 4096;
	EXPECT_EQ(decode(&h, ctx, &why), -EPROTO);
	EXPECT_STREQ(why.field, "offset");
	h.offset = 4096;
	EXPECT_EQ(decode(&h, ctx, &why), 0);
	h.size = 4608;
	EXPECT_EQ(decode(&h, ctx, &why), -EPROTO);
	EXPECT_STREQ(why.field, "size");
}

static void every_bit(void)
{
	struct ditto_wire_complaint why;
	struct ditto_wire_context ctx;
	struct ditto_wire_header h, got, before;
	u8 buf[DITTO_WIRE_HEADER];
	u32 byte, bit;
	u8 type;

	memset(&got, 0x5a, sizeof(got));
	before = got;
	for (type = DITTO_WIRE_HELLO; type < DITTO_WIRE_TYPES; type++) {
		make(&h, type);
		ditto_wire_encode(&h, buf);
		ctx = context(&h);
		for (byte = 0; byte < sizeof(buf); byte++) {
			for (bit = 0; bit < 8; bit++) {
				buf[byte] ^= 1 << bit;
				why.field = NULL;
				EXPECT_EQ(ditto_wire_decode(buf, &ctx, &got, &why), -EPROTO);
				EXPECT_TRUE(why.field);
				buf[byte] ^= 1 << bit;
			}
		}
	}
	EXPECT_EQ(memcmp(&got, &before, sizeof(got)), 0);
}

#define REFUSE(type, change, name) do {					\
	make(&h, type);							\
	ctx = context(&h);						\
	change;								\
	EXPECT_EQ(decode(&h, ctx, &why), -EPROTO);			\
	EXPECT_STREQ(why.field, name);					\
} while (0)

#define TAKE(type, change) do {						\
	make(&h, type);							\
	ctx = context(&h);						\
	change;								\
	EXPECT_EQ(decode(&h, ctx, &why), 0);				\
	EXPECT_STREQ(why.field, "");					\
} while (0)

static void envelope(void)
{
	struct ditto_wire_complaint why;
	struct ditto_wire_context ctx;
	struct ditto_wire_header h;
	u8 type;

	for (type = DITTO_WIRE_HELLO; type < DITTO_WIRE_TYPES; type++) {
		REFUSE(type, h.cookie++, "cookie");
		REFUSE(type, h.sequence++, "sequence");
		REFUSE(type, h.volume = 1, "volume");
		REFUSE(type, h.lane = (h.lane + 1) % DITTO_LANES, "lane");
		REFUSE(type, h.lane = ctx.lane = (h.lane + 1) % DITTO_LANES, "type");
		REFUSE(type, h.flags = 0x8000, "flags");
		REFUSE(type, h.length++, "length");
		REFUSE(type, h.length = ~0u, "length");
		REFUSE(type, h.flags = 0; h.payload_crc = 1, "payload_crc");
		if (type != DITTO_WIRE_HELLO)
			REFUSE(type, ctx.data_bytes = 0, "type");
	}
	REFUSE(DITTO_WIRE_PING, h.type = 0, "type");
	REFUSE(DITTO_WIRE_PING, h.type = DITTO_WIRE_TYPES, "type");
	REFUSE(DITTO_WIRE_PING, h.type = 255, "type");
	TAKE(DITTO_WIRE_HELLO, ctx.data_bytes = 0);
	REFUSE(DITTO_WIRE_HELLO, h.sequence = ctx.sequence = 1, "sequence");
}

static void unused_fields(void)
{
	struct ditto_wire_complaint why;
	struct ditto_wire_context ctx;
	struct ditto_wire_header h;
	u8 type;

	for (type = DITTO_WIRE_HELLO; type < DITTO_WIRE_TYPES; type++) {
		make(&h, type);
		if (!h.position)
			REFUSE(type, h.position = 1, "position");
		if (!h.epoch)
			REFUSE(type, h.epoch = 1, "epoch");
		make(&h, type);
		if (!h.overlap && type != DITTO_WIRE_READ_AT)
			REFUSE(type, h.overlap = 1, "overlap");
		make(&h, type);
		if (!h.size) {
			REFUSE(type, h.offset = 512, "offset");
			REFUSE(type, h.size = 512, "size");
		}
		if (!is_data(type))
			REFUSE(type, h.followers = 1, "followers");
		if (!is_entry(type) && type != DITTO_WIRE_SETTLED)
			REFUSE(type, h.settled = 1, "settled");
		make(&h, type);
		if (!h.length)
			REFUSE(type, h.flags = DITTO_WIREF_CRC, "flags");
		else
			TAKE(type, h.flags = DITTO_WIREF_CRC; h.payload_crc = 1);
		if (is_entry(type))
			TAKE(type, h.flags = DITTO_WIREF_DURABLE);
		else
			REFUSE(type, h.flags = DITTO_WIREF_DURABLE, "flags");
	}
	REFUSE(DITTO_WIRE_SET, h.flags = DITTO_WIREF_GUARD, "flags");
	REFUSE(DITTO_WIRE_FLUSH, h.flags = DITTO_WIREF_GUARD, "flags");
	REFUSE(DITTO_WIRE_WRITE, h.flags = DITTO_WIREF_SYNC_END, "flags");
	REFUSE(DITTO_WIRE_EXTENT, h.flags = DITTO_WIREF_GUARD, "flags");
	TAKE(DITTO_WIRE_WRITE, h.flags = DITTO_WIREF_GUARD | DITTO_WIREF_DURABLE);
	TAKE(DITTO_WIRE_EXTENT_ZERO, h.flags = DITTO_WIREF_SYNC_END);
	TAKE(DITTO_WIRE_READ_AT, h.overlap = 100000);
}

static void ranges(void)
{
	static const struct { u8 type; u32 most; bool carries; } kinds[] = {
		{ DITTO_WIRE_WRITE, DITTO_WIRE_MAX_WRITE, true },
		{ DITTO_WIRE_EXTENT, DITTO_WIRE_MAX_EXTENT, true },
		{ DITTO_WIRE_READ, DITTO_WIRE_MAX_WRITE, false },
		{ DITTO_WIRE_READ_DATA, DITTO_WIRE_MAX_WRITE, true },
		{ DITTO_WIRE_READ_FAILED, DITTO_WIRE_MAX_WRITE, false },
		{ DITTO_WIRE_DISCARD, DITTO_WIRE_MAX_RANGE, false },
		{ DITTO_WIRE_ZEROES, DITTO_WIRE_MAX_RANGE, false },
		{ DITTO_WIRE_EXTENT_ZERO, DITTO_WIRE_MAX_EXTENT, false },
	};
	struct ditto_wire_complaint why;
	struct ditto_wire_context ctx;
	struct ditto_wire_header h;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		u8 type = kinds[i].type;

		REFUSE(type, h.size = h.length = 0, "size");
		REFUSE(type, h.size = 511, "size");
		REFUSE(type, h.offset++, "offset");
		REFUSE(type, h.offset += 512, "size");
		REFUSE(type, h.offset = DATA, "size");
		REFUSE(type, h.offset = DATA + 512, "offset");
		REFUSE(type, h.offset = U64_MAX - 511, "offset");
		REFUSE(type, h.offset = 0; h.size = kinds[i].most + 512, "size");
		REFUSE(type, h.offset = 0; h.size = ~511u, "size");
		TAKE(type, h.offset = 0; h.size = kinds[i].most;
		     h.length = kinds[i].carries ? h.size : 0);
		REFUSE(type, h.length = kinds[i].carries ? 512 : 8192, "length");
	}
	REFUSE(DITTO_WIRE_VERIFY_ASK, h.size = DITTO_WIRE_MAX_VERIFY + 512, "size");
	TAKE(DITTO_WIRE_VERIFY_SUMS, h.size = DITTO_WIRE_MAX_VERIFY;
	     h.length = DITTO_WIRE_MAX_SUMS);
	TAKE(DITTO_WIRE_VERIFY_SUMS, h.flags = DITTO_WIREF_UNREADABLE);
	REFUSE(DITTO_WIRE_READ_DATA, h.flags = DITTO_WIREF_UNREADABLE, "flags");
	REFUSE(DITTO_WIRE_VERIFY_SUMS, h.length = 12, "length");
	REFUSE(DITTO_WIRE_VERIFY_SUMS, h.length = 0, "length");
}

/* SET covers a range, and has a payload that says no word of it. */
static void range_of_set(void)
{
	struct ditto_wire_complaint why;
	struct ditto_wire_context ctx;
	struct ditto_wire_header h;

	REFUSE(DITTO_WIRE_SET, h.size = 0, "size");
	REFUSE(DITTO_WIRE_SET, h.size = 511, "size");
	REFUSE(DITTO_WIRE_SET, h.size += 512, "size");
	REFUSE(DITTO_WIRE_SET, h.offset = DATA - 512, "size");
	REFUSE(DITTO_WIRE_SET, h.offset = 1, "offset");
	REFUSE(DITTO_WIRE_SET, h.offset = DATA + 512, "offset");
	REFUSE(DITTO_WIRE_SET, h.length = 0, "length");
	REFUSE(DITTO_WIRE_SET, h.size = h.length = 512, "length");
	TAKE(DITTO_WIRE_SET, h.offset = DATA - 512; h.size = 512);
}

static void whole_words(void)
{
	const u32 most = DITTO_WIRE_BITS_BYTES + DITTO_WIRE_BITS_MOST / 8;
	static const u8 types[] = { DITTO_WIRE_BITS, DITTO_WIRE_BITMAP };
	struct ditto_wire_complaint why;
	struct ditto_wire_context ctx;
	struct ditto_wire_header h;
	u32 i;

	EXPECT_EQ(most, 992);
	for (i = 0; i < ARRAY_SIZE(types); i++) {
		TAKE(types[i], h.length = DITTO_WIRE_BITS_BYTES);
		TAKE(types[i], h.length = DITTO_WIRE_BITS_BYTES + 8);
		TAKE(types[i], h.length = most);
		REFUSE(types[i], h.length = 0, "length");
		REFUSE(types[i], h.length = DITTO_WIRE_BITS_BYTES - 8, "length");
		REFUSE(types[i], h.length = DITTO_WIRE_BITS_BYTES + 4, "length");
		REFUSE(types[i], h.length = most + 8, "length");
		REFUSE(types[i], h.length = 0x80000000u + DITTO_WIRE_BITS_BYTES, "length");
	}
}

static void followers_and_settled(void)
{
	struct ditto_wire_complaint why;
	struct ditto_wire_context ctx;
	struct ditto_wire_header h;
	u8 type;

	for (type = DITTO_WIRE_HELLO; type < DITTO_WIRE_TYPES; type++) {
		if (is_data(type)) {
			REFUSE(type, h.followers = 0, "followers");
			TAKE(type, h.followers = U32_MAX);
		}
		if (is_entry(type)) {
			TAKE(type, h.settled = 0);
			TAKE(type, h.settled = h.position - 1);
			REFUSE(type, h.settled = h.position, "settled");
			REFUSE(type, h.settled = U64_MAX, "settled");
			REFUSE(type, h.position = h.settled = h.overlap = 0, "position");
		}
	}
	REFUSE(DITTO_WIRE_SETTLED, h.settled = 0, "settled");
	TAKE(DITTO_WIRE_SETTLED, h.settled = 1);
}

static void order(void)
{
	struct ditto_wire_complaint why;
	struct ditto_wire_context ctx;
	struct ditto_wire_header h;

	REFUSE(DITTO_WIRE_WRITE, h.position = 0; h.overlap = 0, "position");
	REFUSE(DITTO_WIRE_FLUSH, h.position = 0, "position");
	REFUSE(DITTO_WIRE_WRITE, h.overlap = 42, "overlap");
	REFUSE(DITTO_WIRE_DISCARD, h.overlap = U64_MAX, "overlap");
	REFUSE(DITTO_WIRE_READ, h.epoch = 0, "epoch");
	REFUSE(DITTO_WIRE_READ_DATA, h.epoch = 0, "epoch");
	REFUSE(DITTO_WIRE_READ_FAILED, h.epoch = 0, "epoch");
	REFUSE(DITTO_WIRE_EXTENT, h.epoch = 0, "epoch");
	REFUSE(DITTO_WIRE_EXTENT, h.overlap = 43, "overlap");
	TAKE(DITTO_WIRE_EXTENT, h.overlap = 42);
	TAKE(DITTO_WIRE_EXTENT_ZERO, h.position = h.overlap = 0);
	REFUSE(DITTO_WIRE_BYE, h.position = 0, "position");
	REFUSE(DITTO_WIRE_BYE, h.position = DITTO_BYE_DOWN + 1, "position");
	TAKE(DITTO_WIRE_BYE, h.position = DITTO_BYE_DOWN);
}

static void expect_sound(const struct ditto_wire_header *h, const struct ditto_wire_context *ctx)
{
	EXPECT_TRUE(h->type && h->type < DITTO_WIRE_TYPES);
	EXPECT_EQ(h->lane, ctx->lane);
	EXPECT_EQ(h->lane, sound[h->type].lane);
	EXPECT_EQ(h->cookie, ctx->cookie);
	EXPECT_EQ(h->sequence, ctx->sequence);
	EXPECT_FALSE(h->flags & ~DITTO_WIREF_KNOWN);
	EXPECT_TRUE(h->length <= max(DITTO_WIRE_MAX_WRITE, DITTO_WIRE_MAX_EXTENT));
	EXPECT_TRUE(h->offset % 512 == 0 && h->size % 512 == 0);
	EXPECT_TRUE(h->offset <= DATA && h->size <= DATA - h->offset);
	if (h->type == DITTO_WIRE_WRITE || h->type == DITTO_WIRE_EXTENT ||
	    h->type == DITTO_WIRE_READ_DATA)
		EXPECT_TRUE(h->length == h->size && h->size);
	else if (h->type == DITTO_WIRE_VERIFY_SUMS)
		EXPECT_TRUE(h->length <= DITTO_WIRE_MAX_SUMS && h->length % 4 == 0);
	else
		EXPECT_TRUE(h->length <= DITTO_WIRE_MAX_FIXED);
	if (has_words(h->type))
		EXPECT_TRUE(h->length >= DITTO_WIRE_BITS_BYTES && h->length <= 992);
	if (h->type == DITTO_WIRE_EXTENT_SUMS)
		EXPECT_TRUE(h->length >= DITTO_WIRE_SUMS_BYTES);
	EXPECT_EQ(!!h->followers, is_data(h->type));
	EXPECT_TRUE(is_entry(h->type) ? h->settled < h->position :
		    !!h->settled == (h->type == DITTO_WIRE_SETTLED));
}

static void fuzz_headers(void)
{
	struct test_random random = { 5 };
	struct ditto_wire_complaint why;
	struct ditto_wire_header h, got;
	struct ditto_wire_context ctx;
	u8 good[DITTO_WIRE_HEADER], buf[DITTO_WIRE_HEADER];
	u32 round, i, taken = 0;

	for (round = 0; round < FUZZ_ROUNDS; round++) {
		make(&h, 1 + test_below(&random, DITTO_WIRE_TYPES - 1));
		ctx = context(&h);
		ditto_wire_encode(&h, good);
		memcpy(buf, good, sizeof(buf));
		for (i = 0; i <= round % 3; i++)
			buf[test_below(&random, sizeof(buf))] ^= 1 + test_below(&random, 255);
		if (!memcmp(buf, good, sizeof(buf)))
			continue;
		if (round & 1)
			seal(buf);
		if (ditto_wire_decode(buf, &ctx, &got, &why))
			continue;
		EXPECT_TRUE(round & 1);
		expect_sound(&got, &ctx);
		taken++;
	}
	EXPECT_TRUE(taken > 1000);
}

const struct test wire_tests[] = {
	{ "G9: headers of all types keep every field", round_trips },
	{ "ranges are whole blocks of the local disk", whole_blocks },
	{ "G9: any flipped bit of a header is refused", every_bit },
	{ "G9: type, lane, cookie, sequence, volume, flags, length", envelope },
	{ "G9: fields that a type does not use are zero", unused_fields },
	{ "G9: ranges are aligned, not empty, bounded and within the device", ranges },
	{ "G9: positions, overlaps and floors are in order", order },
	{ "G9: the range of SET", range_of_set },
	{ "G9: BITS and BITMAP have whole words, and not too many", whole_words },
	{ "G9: followers and what is settled", followers_and_settled },
	{ "G9: fuzzed headers", fuzz_headers },
	{ }
};
