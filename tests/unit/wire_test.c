// SPDX-License-Identifier: GPL-2.0
#include "wire.h"
#include "test.h"

#define GIB		(1ull << 30)
#define DATA		(100 * GIB)
#define COOKIE		0x1122334455667788ull
#define CRC_AT		4
#define FUZZ_ROUNDS	100000

static const u8 lane_of[DITTO_WIRE_TYPES] = {
	[DITTO_WIRE_START] = DITTO_LANE_WRITES,
	[DITTO_WIRE_WRITE] = DITTO_LANE_WRITES,
	[DITTO_WIRE_DISCARD] = DITTO_LANE_WRITES,
	[DITTO_WIRE_ZEROES] = DITTO_LANE_WRITES,
	[DITTO_WIRE_FLUSH] = DITTO_LANE_WRITES,
	[DITTO_WIRE_ROSTER] = DITTO_LANE_WRITES,
	[DITTO_WIRE_JOIN] = DITTO_LANE_WRITES,
	[DITTO_WIRE_ABSENT] = DITTO_LANE_WRITES,
	[DITTO_WIRE_SET] = DITTO_LANE_WRITES,
	[DITTO_WIRE_BITS] = DITTO_LANE_WRITES,
	[DITTO_WIRE_SETTLED] = DITTO_LANE_WRITES,
	[DITTO_WIRE_EXTENT] = DITTO_LANE_BULK,
	[DITTO_WIRE_EXTENT_ZERO] = DITTO_LANE_BULK,
	[DITTO_WIRE_EXTENT_SUMS] = DITTO_LANE_BULK,
	[DITTO_WIRE_VERIFY_ASK] = DITTO_LANE_BULK,
	[DITTO_WIRE_READ_DATA] = DITTO_LANE_BULK,
	[DITTO_WIRE_READ_FAILED] = DITTO_LANE_BULK,
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

/* A sound header of @type that uses each field that the type has. */
static void make(struct ditto_wire_header *h, u8 type)
{
	memset(h, 0, sizeof(*h));
	h->type = type;
	h->lane = lane_of[type];
	h->cookie = COOKIE;
	h->sequence = type == DITTO_WIRE_HELLO ? 0 : 17;
	h->followers = is_data(type) ? 0x80000001 : 0;
	h->settled = is_entry(type) ? 40 : 0;
	switch (type) {
	case DITTO_WIRE_HELLO:
		h->length = DITTO_WIRE_HELLO_BYTES;
		break;
	case DITTO_WIRE_STATE:
		h->length = DITTO_WIRE_STATE_BYTES;
		break;
	case DITTO_WIRE_ACK:
		h->length = DITTO_WIRE_ACK_BYTES;
		h->flags = DITTO_WIREF_CRC;
		h->payload_crc = 0xdeadbeef;
		break;
	case DITTO_WIRE_START:
		h->length = DITTO_WIRE_START_BYTES;
		break;
	case DITTO_WIRE_BYE:
		h->position = DITTO_BYE_DIVERGED;
		break;
	case DITTO_WIRE_WRITE:
	case DITTO_WIRE_EXTENT:
		h->length = 8192;
		fallthrough;
	case DITTO_WIRE_DISCARD:
	case DITTO_WIRE_ZEROES:
	case DITTO_WIRE_EXTENT_ZERO:
		h->overlap = 41;
		h->offset = DATA - 8192;
		h->size = 8192;
		fallthrough;
	case DITTO_WIRE_FLUSH:
	case DITTO_WIRE_ROSTER:
	case DITTO_WIRE_JOIN:
		h->position = 42;
		h->epoch = 3;
		if (type == DITTO_WIRE_ROSTER || type == DITTO_WIRE_JOIN)
			h->length = DITTO_WIRE_ROSTER_BYTES;
		break;
	case DITTO_WIRE_SET:
		h->offset = 0;
		h->size = DITTO_WIRE_MAX_RANGE;
		fallthrough;
	case DITTO_WIRE_ABSENT:
		h->position = 42;
		h->epoch = 3;
		h->length = DITTO_WIRE_ABSENT_BYTES;
		break;
	case DITTO_WIRE_BITS:
		h->position = 42;
		h->epoch = 3;
		fallthrough;
	case DITTO_WIRE_BITMAP:
		h->length = DITTO_WIRE_BITS_BYTES + 24;
		break;
	case DITTO_WIRE_SETTLED:
		h->settled = U64_MAX;
		break;
	case DITTO_WIRE_READ_DATA:
		h->length = 8192;
		fallthrough;
	case DITTO_WIRE_READ:
	case DITTO_WIRE_READ_FAILED:
		h->epoch = 3;
		h->offset = DATA - 8192;
		h->size = 8192;
		break;
	case DITTO_WIRE_EXTENT_SUMS:
		h->position = 42;
		h->epoch = 3;
		h->overlap = 42;
		h->offset = DATA - 8192;
		h->size = 8192;
		h->length = DITTO_WIRE_SUMS_BYTES + 2 * DITTO_WIRE_SUM;
		break;
	case DITTO_WIRE_EXTENT_DIFFERS:
		h->epoch = 3;
		h->offset = DATA - 8192;
		h->size = 8192;
		h->length = DITTO_WIRE_DIFFERS_BYTES;
		break;
	case DITTO_WIRE_VERIFY_SUMS:
		h->length = 8;
		fallthrough;
	case DITTO_WIRE_VERIFY_ASK:
		h->position = type == DITTO_WIRE_VERIFY_ASK ? 42 : 0;
		h->epoch = 3;
		h->offset = 512;
		h->size = 4608;
		break;
	default:
		h->position = 42;
		break;
	}
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
static void expect_sound(const struct ditto_wire_header *h, const struct ditto_wire_context *ctx)
{
	EXPECT_TRUE(h->type && h->type < DITTO_WIRE_TYPES);
	EXPECT_EQ(h->lane, ctx->lane);
	EXPECT_EQ(h->lane, lane_of[h->type]);
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
			EXPECT_TRUE(start.mode == 1 || start.mode == 2);
		if (!ditto_wire_get_roster(buf, &roster, &why))
			EXPECT_TRUE(roster.roster && roster.generation);
		if (!ditto_wire_get_ack(buf, &ack, &why))
			EXPECT_TRUE(ack.durable <= ack.written && ack.written <= ack.received);
	}
}

const struct test wire_tests[] = {
	{ "G9: headers of all types keep every field", round_trips },
	{ "ranges are whole blocks of the local disk", whole_blocks },
	{ "G9: any flipped bit of a header is refused", every_bit },
	{ "G9: type, lane, cookie, sequence, volume, flags, length", envelope },
	{ "G9: fields that a type does not use are zero", unused_fields },
	{ "G9: ranges are aligned, not empty, bounded and within the device", ranges },
	{ "G9: positions, overlaps and floors are in order", order },
	{ "G9: HELLO", hello_payload },
	{ "G9: STATE", state_payload },
	{ "G9: ACK", ack_payload },
	{ "G9: START", start_payload },
	{ "G9: ROSTER", roster_payload },
	{ "G9: the range of SET", range_of_set },
	{ "G9: BITS and BITMAP have whole words, and not too many", whole_words },
	{ "G9: followers and what is settled", followers_and_settled },
	{ "G9: ABSENT and SET", absent_payload },
	{ "G9: BITS", bits_payload },
	{ "G9: hostile BITS", hostile_bits },
	{ "G9: fuzzed BITS", fuzz_bits },
	{ "G9: fuzzed headers", fuzz_headers },
	{ "G9: fuzzed payloads", fuzz_payloads },
	{ }
};
