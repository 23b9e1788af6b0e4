// SPDX-License-Identifier: GPL-2.0
#include "wire_case.h"

#include <sys/socket.h>
#include <unistd.h>

/* HELLO */

enum {
	HELLO_UUID, HELLO_SIZE, HELLO_FROM, HELLO_TO, HELLO_SAME, HELLO_SELF, HELLO_VERSION,
	HELLO_VERSION_0, HELLO_VERSION_TURNED, HELLO_VERSION_WIDE, HELLO_FEATURES, HELLO_IO,
	HELLO_BLOCK, HELLO_PHYSICAL, HELLO_DISCARD, HELLO_TIMEOUT, HELLO_FLAGS, HELLO_HISTORY,
	HELLO_RESERVED, HELLO_IN_USE, HELLO_SIZE_ODD, HELLO_PRIMARY, HELLO_STRANGER, HELLO_ID_32,
};

/* From where the payload's bytes are reserved. */
#define HELLO_AT_RESERVED	72

static void spoil_hello(struct ditto_wire_hello *hello, const struct fake *fake, u64 how)
{
	switch (how) {
	case HELLO_UUID:
		hello->resource_uuid[15] ^= 1;
		break;
	case HELLO_SIZE:
		hello->data_bytes += 4096;
		break;
	case HELLO_SIZE_ODD:
		hello->data_bytes += 1;
		break;
	case HELLO_FROM:
		hello->from = 5;
		break;
	case HELLO_TO:
		hello->to = 7;
		break;
	case HELLO_SAME:
		hello->from = fake->other;
		break;
	case HELLO_SELF:
		hello->from = fake->other;
		hello->to = fake->own;
		break;
	case HELLO_ID_32:
		hello->from = 32;
		break;
	case HELLO_VERSION:
		hello->version_min = 2;
		hello->version_max = 3;
		break;
	case HELLO_VERSION_0:
		hello->version_min = 0;
		break;
	case HELLO_VERSION_TURNED:
		hello->version_min = 3;
		hello->version_max = 1;
		break;
	case HELLO_VERSION_WIDE:
		hello->version_max = 9;
		break;
	case HELLO_FEATURES:
		hello->features = ~0ull;
		break;
	case HELLO_IO:
		hello->max_io = 4096;
		break;
	case HELLO_BLOCK:
		hello->logical_block = 513;
		break;
	case HELLO_PHYSICAL:
		hello->physical_block = 256;
		break;
	case HELLO_IN_USE:
		hello->in_use = 2;
		break;
	case HELLO_DISCARD:
		hello->discard_zeroes = 2;
		break;
	case HELLO_TIMEOUT:
		hello->timeout_ms = 0;
		break;
	case HELLO_FLAGS:
		hello->state.flags |= 1u << 31;
		break;
	case HELLO_HISTORY:
		hello->state.history[0] = 0;
		hello->state.history[1] = 5;
		break;
	case HELLO_PRIMARY:
		hello->state.flags = DITTO_STATEF_PRIMARY;
		hello->state.generation = FAKE_GENERATION;
		break;
	case HELLO_STRANGER:
		hello->state.flags = 0;
		hello->state.generation = FAKE_GENERATION + 1;
		break;
	}
}

static bool bad_hello(struct wire_test *test, const struct wire_case *c)
{
	struct ditto_wire_header h;
	struct ditto_wire_hello hello;
	u32 length = wire_message(test, DITTO_WIRE_HELLO, &h);

	fake_hello(&test->fake, &hello);
	wire_state(test, &hello.state);
	spoil_hello(&hello, &test->fake, c->value);
	ditto_wire_put_hello(&hello, wire_payload);
	if (c->value == HELLO_RESERVED)
		wire_payload[HELLO_AT_RESERVED] = 1;
	return fake_send(&test->fake, DITTO_LANE_CONTROL, &h, wire_payload, length);
}

static bool second_hello(struct wire_test *test, const struct wire_case *c)
{
	struct ditto_wire_header h;
	u32 length = wire_message(test, DITTO_WIRE_HELLO, &h);

	fake_seal(&test->fake, DITTO_LANE_CONTROL, &h, wire_payload, length);
	h.sequence = c->value ? 0 : h.sequence;
	return fake_raw(&test->fake, DITTO_LANE_CONTROL, &h, wire_payload, length);
}

/* Whole messages at the wrong time: @value is the type. */
static bool message(struct wire_test *test, const struct wire_case *c)
{
	return wire_send(test, c->value);
}

static bool has_written(const struct fake *fake)
{
	return fake->ack.written;
}

static bool has_written_extent(const struct fake *fake)
{
	return fake->ack.extents_written;
}

/* The largest extent, read before a write to its last sector that is there already. */
static bool covered_extent(struct wire_test *test, const struct wire_case *c)
{
	struct ditto_wire_header write, extent;

	(void)c;
	wire_message(test, DITTO_WIRE_EXTENT, &extent);
	wire_message(test, DITTO_WIRE_WRITE, &write);
	extent.size = DITTO_WIRE_MAX_EXTENT;
	write.flags = DITTO_WIREF_GUARD;
	write.size = 512;
	write.offset = extent.offset + extent.size - write.size;
	memset(wire_payload, 0x5a, extent.size);
	return fake_send(&test->fake, write.lane, &write, wire_payload, write.size) &&
	       fake_serve(&test->fake, has_written, 5000 * time_scale()) &&
	       fake_send(&test->fake, extent.lane, &extent, wire_payload, extent.size) &&
	       fake_serve(&test->fake, has_written_extent, 5000 * time_scale());
}

static bool message_twice(struct wire_test *test, const struct wire_case *c)
{
	return wire_send(test, c->value) && wire_send(test, c->value);
}

static bool ready(struct wire_test *test, const struct wire_case *c)
{
	(void)c;
	return fake_say(&test->fake, DITTO_WIRE_READY, 0);
}

/* Headers: a PING with one field spoilt. */

enum {
	HEAD_MAGIC, HEAD_CRC, HEAD_COOKIE, HEAD_GAP, HEAD_REPEAT, HEAD_LANE, HEAD_TYPE_0,
	HEAD_TYPE_LAST, HEAD_TYPE_255, HEAD_FLAGS, HEAD_CRC_FLAG, HEAD_VOLUME, HEAD_RESERVED,
	HEAD_EPOCH, HEAD_OVERLAP, HEAD_OFFSET, HEAD_SIZE, HEAD_PAYLOAD_CRC,
};

static void spoil_header(struct ditto_wire_header *h, u64 how)
{
	switch (how) {
	case HEAD_COOKIE:
		h->cookie++;
		break;
	case HEAD_GAP:
		h->sequence++;
		break;
	case HEAD_REPEAT:
		h->sequence--;
		break;
	case HEAD_FLAGS:
		h->flags = 1u << 15;
		break;
	case HEAD_CRC_FLAG:
		h->flags = DITTO_WIREF_CRC;
		break;
	case HEAD_VOLUME:
		h->volume = 1;
		break;
	case HEAD_EPOCH:
		h->epoch = 1;
		break;
	case HEAD_OVERLAP:
		h->overlap = 1;
		break;
	case HEAD_OFFSET:
		h->offset = 512;
		break;
	case HEAD_SIZE:
		h->size = 512;
		break;
	case HEAD_PAYLOAD_CRC:
		h->payload_crc = 1;
		break;
	}
}

static bool bad_header(struct wire_test *test, const struct wire_case *c)
{
	struct ditto_wire_header h;
	u8 head[DITTO_WIRE_HEADER];

	wire_message(test, DITTO_WIRE_PING, &h);
	fake_seal(&test->fake, DITTO_LANE_CONTROL, &h, NULL, 0);
	spoil_header(&h, c->value);
	ditto_wire_encode(&h, head);
	switch (c->value) {
	case HEAD_MAGIC:
		head[AT_MAGIC] ^= 1;
		break;
	case HEAD_LANE:
		head[AT_LANE] = DITTO_LANE_BULK;
		break;
	case HEAD_TYPE_0:
		head[AT_TYPE] = 0;
		break;
	case HEAD_TYPE_LAST:
		head[AT_TYPE] = DITTO_WIRE_TYPES;
		break;
	case HEAD_TYPE_255:
		head[AT_TYPE] = 255;
		break;
	case HEAD_RESERVED:
		head[AT_RESERVED] = 1;
		break;
	}
	if (c->value == HEAD_CRC)
		head[AT_CRC] ^= 1;
	else
		wire_mend(head);
	return fake_write(&test->fake, DITTO_LANE_CONTROL, head, sizeof(head));
}

/* Parts of messages, then the end or silence. */

enum { CUT_HEADER = 40, CUT_NOTHING = 0, CUT_PAYLOAD = DITTO_WIRE_HEADER + 20 };
#define THEN_CLOSE	(1u << 16)
#define THEN_RESET	(1u << 17)
#define THEN_CLOSE_ONE	(1u << 18)

static bool cut(struct wire_test *test, const struct wire_case *c)
{
	u8 part[DITTO_WIRE_HEADER + DITTO_WIRE_MAX_FIXED];
	struct linger linger = { .l_onoff = 1 };
	struct ditto_wire_header h;
	u32 length = wire_message(test, DITTO_WIRE_STATE, &h);
	int i;

	fake_seal(&test->fake, h.lane, &h, wire_payload, length);
	ditto_wire_encode(&h, part);
	memcpy(part + DITTO_WIRE_HEADER, wire_payload, length);
	if (!fake_write(&test->fake, h.lane, part, c->value & 0xffff))
		return false;
	for (i = 0; c->value & THEN_RESET && i < DITTO_LANES; i++)
		setsockopt(test->fake.lanes[i].fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	if (c->value & THEN_CLOSE_ONE)
		shutdown(test->fake.lanes[DITTO_LANE_BULK].fd, SHUT_WR);
	else if (c->value & (THEN_CLOSE | THEN_RESET))
		fake_close(&test->fake);
	return true;
}

/* Payloads that do not fit their checksum, or their rules. */
static bool bad_payload_crc(struct wire_test *test, const struct wire_case *c)
{
	struct ditto_wire_header h;
	u32 length = wire_message(test, c->value, &h);

	h.flags = DITTO_WIREF_CRC;
	fake_seal(&test->fake, h.lane, &h, wire_payload, length);
	wire_payload[length / 2] ^= 1;
	return fake_raw(&test->fake, h.lane, &h, wire_payload, length);
}

enum {
	ACK_AHEAD, ACK_EXTENTS, ACK_BACK, ACK_WRITTEN, ACK_DURABLE, ACK_EXTENTS_DURABLE,
};

static bool has_entry(const struct fake *fake)
{
	return fake->position > fake->start.position && fake->extent;
}

static bool bad_ack(struct wire_test *test, const struct wire_case *c)
{
	struct fake *fake = &test->fake;
	struct ditto_wire_ack ack = { 0 };

	if (!fake_serve(fake, has_entry, 5000 * time_scale()))
		return false;
	ack.received = ack.written = ack.durable = fake->position;
	ack.extents_written = ack.extents_durable = fake->extent;
	switch (c->value) {
	case ACK_AHEAD:
		ack.received += 1ull << 40;
		break;
	case ACK_EXTENTS:
		ack.extents_written += 1ull << 40;
		break;
	case ACK_BACK:
		fake_ack(fake, &ack);
		ack.received = ack.written = ack.durable = fake->position - 1;
		break;
	case ACK_WRITTEN:
		ack.written++;
		break;
	case ACK_DURABLE:
		ack.durable++;
		break;
	case ACK_EXTENTS_DURABLE:
		ack.extents_durable++;
		break;
	}
	return fake_ack(fake, &ack);
}

static bool never_ack(struct wire_test *test, const struct wire_case *c)
{
	(void)c;
	test->fake.mute = true;
	return true;
}

enum { START_MODE, START_ROSTER, START_GENERATION, START_MEMBER, START_ASSUMED, START_LOGGED };

static bool bad_start(struct wire_test *test, const struct wire_case *c)
{
	struct ditto_wire_start start;
	struct ditto_wire_header h;
	struct ditto_wire_complaint why;
	u32 length = wire_message(test, DITTO_WIRE_START, &h);

	if (ditto_wire_get_start(wire_payload, &start, &why))
		return false;
	if (c->value == START_MODE)
		start.mode = 9;
	else if (c->value == START_ROSTER)
		start.roster = 0;
	else if (c->value == START_GENERATION)
		start.generation = 0;
	else if (c->value == START_MEMBER)
		start.mode = DITTO_MODE_MEMBER;
	else if (c->value == START_ASSUMED)
		start.mode = DITTO_MODE_ASSUMED;
	else if (c->value == START_LOGGED)
		start.logged = start.position + 1;
	ditto_wire_put_start(&start, wire_payload);
	return fake_send(&test->fake, h.lane, &h, wire_payload, length);
}

/* Entries and extents that break a rule of their own. */

enum {
	ITEM_BEYOND = 1, ITEM_FAR, ITEM_WRAP, ITEM_ODD_OFFSET, ITEM_ODD_SIZE, ITEM_EMPTY, ITEM_LARGE,
	ITEM_LENGTH, ITEM_GAP, ITEM_ZERO, ITEM_AGAIN, ITEM_OVERLAP, ITEM_FLAGS, ITEM_EPOCH_BACK,
};
#define ITEM(type, how)	((u64)(type) << 8 | (how))

static void spoil_item(struct wire_test *test, struct ditto_wire_header *h, u32 *length, u8 how)
{
	bool extent = h->lane == DITTO_LANE_BULK;
	bool carries = *length;
	u64 *number = extent ? &h->epoch : &h->position;

	switch (how) {
	case ITEM_BEYOND:
		h->offset = test->fake.hello.data_bytes - 2048;
		break;
	case ITEM_FAR:
		h->offset = test->fake.hello.data_bytes + 4096;
		break;
	case ITEM_WRAP:
		h->offset = ~0ull << 9;
		break;
	case ITEM_ODD_OFFSET:
		h->offset = 100;
		break;
	case ITEM_ODD_SIZE:
		h->size = 4097;
		*length = carries ? h->size : 0;
		break;
	case ITEM_EMPTY:
		h->size = 0;
		*length = 0;
		break;
	case ITEM_LARGE:
		h->size = carries ? DITTO_WIRE_MAX_WRITE + 512 : DITTO_WIRE_MAX_RANGE + 512;
		*length = carries ? h->size : 0;
		break;
	case ITEM_LENGTH:
		*length = carries ? *length - 512 : 512;
		break;
	case ITEM_GAP:
		*number += 1;
		break;
	case ITEM_ZERO:
		*number = 0;
		break;
	case ITEM_OVERLAP:
		h->overlap = h->position + 1;
		break;
	case ITEM_FLAGS:
		h->flags = extent ? DITTO_WIREF_DURABLE : DITTO_WIREF_SYNC_END;
		break;
	}
}

static bool bad_item(struct wire_test *test, const struct wire_case *c)
{
	struct ditto_wire_header h;
	u32 length = wire_message(test, c->value >> 8, &h);
	u8 how = c->value & 0xff;

	if ((how == ITEM_AGAIN || how == ITEM_EPOCH_BACK) && !wire_send(test, c->value >> 8))
		return false;
	if (how == ITEM_EPOCH_BACK) {
		h.position++;
		h.epoch--;
	}
	spoil_item(test, &h, &length, how);
	return fake_send(&test->fake, h.lane, &h, wire_payload, length);
}

/* Its copy is said to be up to date, so that it may be read. */
static bool join(struct wire_test *test, const struct wire_case *c)
{
	struct ditto_wire_roster roster = {
		.roster = 1u << test->fake.own | 1u << test->fake.other,
		.roster_number = 2,
		.generation = FAKE_GENERATION,
		.previous = FAKE_GENERATION,
	};
	struct ditto_wire_header h;
	u32 length = wire_message(test, DITTO_WIRE_JOIN, &h);

	(void)c;
	ditto_wire_put_roster(&roster, wire_payload);
	return fake_send(&test->fake, h.lane, &h, wire_payload, length);
}

static bool bad_roster(struct wire_test *test, const struct wire_case *c)
{
	struct ditto_wire_header h;
	u32 length = wire_message(test, c->value >> 8, &h);

	/* roster, reserved, number, generation, previous */
	memset(wire_payload + (c->value & 0xff), c->value & 4 ? 0xff : 0,
	       c->value & 0xff ? 8 : 4);
	return fake_send(&test->fake, h.lane, &h, wire_payload, length);
}

/* Payloads with one of their fields spoilt. */

enum { SUMS_SHIFT = 1, SUMS_RESERVED, SUMS_OFFSET, SUMS_FEW, SUMS_MANY };

static bool bad_sums(struct wire_test *test, const struct wire_case *c)
{
	struct ditto_wire_header h;
	u32 length = wire_message(test, DITTO_WIRE_EXTENT_SUMS, &h);

	switch (c->value) {
	case SUMS_SHIFT:
		wire_payload[0] = 200;
		break;
	case SUMS_RESERVED:
		wire_payload[4] = 1;
		break;
	case SUMS_OFFSET:
		h.offset += 512;
		break;
	case SUMS_FEW:
		h.size += 512;
		break;
	case SUMS_MANY:
		memset(wire_payload + length, 0, DITTO_WIRE_SUM);
		length += DITTO_WIRE_SUM;
		break;
	}
	return fake_send(&test->fake, h.lane, &h, wire_payload, length);
}

static bool has_extent(const struct fake *fake)
{
	return fake->extent;
}

/* While a resync is under way: the last words of one that has ended may be late. */
static bool not_compared(struct wire_test *test, const struct wire_case *c)
{
	(void)c;
	test->fake.mute = true;
	return fake_serve(&test->fake, has_extent, 5000 * time_scale()) &&
	       wire_send(test, DITTO_WIRE_EXTENT_DIFFERS);
}

static bool no_difference(struct wire_test *test, const struct wire_case *c)
{
	struct ditto_wire_header h;
	u32 length = wire_message(test, DITTO_WIRE_EXTENT_DIFFERS, &h);

	(void)c;
	memset(wire_payload, 0, length);
	return fake_send(&test->fake, h.lane, &h, wire_payload, length);
}

#define HELLO_CASE(_name, _how, _reason, _final) \
	{ "hello: " _name, AS_BOTH, STAGE_SOCKETS, bad_hello, _how, _reason, _final, false }
#define HEAD_CASE(_name, _how, _field) \
	{ "header: " _name, AS_BOTH, STAGE_CONNECTED, bad_header, _how, \
	  "bad message header: " _field " is", false, false }
#define ITEM_CASE(_name, _type, _how, _reason) \
	{ _name, AS_SECONDARY, STAGE_STREAM, bad_item, ITEM(DITTO_WIRE_##_type, _how), _reason, \
	  false, false }
#define BAD(_field)	"bad message header: " _field " is"

const struct wire_case wire_cases[] = {
	{ "control: Connected", AS_BOTH, STAGE_CONNECTED, NULL, 0, NULL, false, false },
	{ "control: streaming", AS_BOTH, STAGE_STREAM, NULL, 0, NULL, false, false },
	{ "control: a member", AS_PRIMARY, STAGE_MEMBER, NULL, 0, NULL, false, false },
	{ "control: an entry", AS_SECONDARY, STAGE_STREAM, message, DITTO_WIRE_WRITE, NULL,
	  false, false },
	{ "control: an extent to be compared", AS_SECONDARY, STAGE_STREAM, message,
	  DITTO_WIRE_EXTENT_SUMS, NULL, false, false },
	{ "control: an extent", AS_SECONDARY, STAGE_STREAM, message, DITTO_WIRE_EXTENT, NULL,
	  false, false },
	{ "control: an extent with a write on top", AS_SECONDARY, STAGE_STREAM, covered_extent, 0,
	  NULL, false, false },

	HELLO_CASE("another resource", HELLO_UUID, "peer serves another resource", true),
	HELLO_CASE("another size", HELLO_SIZE, "bytes of data, this node", true),
	HELLO_CASE("a size that is not in sectors", HELLO_SIZE_ODD, "HELLO: data_bytes is", false),
	HELLO_CASE("from another node id", HELLO_FROM, "peer says it is node 5", true),
	HELLO_CASE("to another node id", HELLO_TO, "peer takes this node for 7", true),
	HELLO_CASE("the same node id at both ends", HELLO_SAME, "HELLO: to is", false),
	HELLO_CASE("our own node id", HELLO_SELF, "peer says it is node", true),
	HELLO_CASE("node id 32", HELLO_ID_32, "HELLO: from is", false),
	HELLO_CASE("only newer versions", HELLO_VERSION, "peer speaks protocol 2 to 3", true),
	HELLO_CASE("version 0", HELLO_VERSION_0, "HELLO: version_min is", false),
	HELLO_CASE("versions turned round", HELLO_VERSION_TURNED, "HELLO: version_min is", false),
	HELLO_CASE("control: newer versions too", HELLO_VERSION_WIDE, NULL, false),
	HELLO_CASE("control: unknown features", HELLO_FEATURES, NULL, false),
	HELLO_CASE("small writes only", HELLO_IO, "peer takes writes of 4096", true),
	HELLO_CASE("odd blocks", HELLO_BLOCK, "HELLO: logical_block is", false),
	HELLO_CASE("physical blocks below logical ones", HELLO_PHYSICAL,
		   "HELLO: physical_block is", false),
	HELLO_CASE("discard_zeroes 2", HELLO_DISCARD, "HELLO: discard_zeroes is", false),
	HELLO_CASE("no time-out", HELLO_TIMEOUT, "HELLO: timeout_ms is", false),
	HELLO_CASE("unknown flags", HELLO_FLAGS, "HELLO: flags is", false),
	HELLO_CASE("history with a hole", HELLO_HISTORY, "HELLO: history is", false),
	HELLO_CASE("in_use 2", HELLO_IN_USE, "HELLO: in_use is", false),
	HELLO_CASE("reserved bytes", HELLO_RESERVED, "HELLO: reserved is", false),
	{ "hello: a second Primary", AS_PRIMARY, STAGE_SOCKETS, bad_hello, HELLO_PRIMARY,
	  "histories have diverged", true, false },
	{ "hello: a stranger's history", AS_PRIMARY, STAGE_SOCKETS, bad_hello, HELLO_STRANGER,
	  "histories have diverged", true, false },
	{ "hello: twice", AS_BOTH, STAGE_CONNECTED, second_hello, 0, BAD("sequence"), false, false },
	{ "hello: twice with sequence 0", AS_BOTH, STAGE_CONNECTED, second_hello, 1,
	  BAD("sequence"), false, false },
	{ "hello: something else first", AS_BOTH, STAGE_SOCKETS, message, DITTO_WIRE_PING,
	  BAD("type"), false, false },
	{ "hello: checksum of the payload", AS_BOTH, STAGE_SOCKETS, bad_payload_crc,
	  DITTO_WIRE_HELLO, "payload checksum", false, false },

	HEAD_CASE("magic", HEAD_MAGIC, "magic"),
	HEAD_CASE("checksum", HEAD_CRC, "crc"),
	HEAD_CASE("cookie", HEAD_COOKIE, "cookie"),
	HEAD_CASE("sequence with a gap", HEAD_GAP, "sequence"),
	HEAD_CASE("sequence repeated", HEAD_REPEAT, "sequence"),
	HEAD_CASE("lane", HEAD_LANE, "lane"),
	HEAD_CASE("type 0", HEAD_TYPE_0, "type"),
	HEAD_CASE("type one too high", HEAD_TYPE_LAST, "type"),
	HEAD_CASE("type 255", HEAD_TYPE_255, "type"),
	HEAD_CASE("unknown flags", HEAD_FLAGS, "flags"),
	HEAD_CASE("checksum flag without payload", HEAD_CRC_FLAG, "flags"),
	HEAD_CASE("volume", HEAD_VOLUME, "volume"),
	HEAD_CASE("reserved bytes", HEAD_RESERVED, "reserved"),
	HEAD_CASE("epoch not used", HEAD_EPOCH, "epoch"),
	HEAD_CASE("overlap not used", HEAD_OVERLAP, "overlap"),
	HEAD_CASE("offset not used", HEAD_OFFSET, "offset"),
	HEAD_CASE("size not used", HEAD_SIZE, "size"),
	HEAD_CASE("payload_crc without flag", HEAD_PAYLOAD_CRC, "payload_crc"),

	{ "cut: header, closed", AS_BOTH, STAGE_CONNECTED, cut, CUT_HEADER | THEN_CLOSE,
	  "closed by the peer", false, false },
	{ "cut: payload, closed", AS_BOTH, STAGE_CONNECTED, cut, CUT_PAYLOAD | THEN_CLOSE,
	  "closed by the peer", false, false },
	{ "cut: header, reset", AS_BOTH, STAGE_CONNECTED, cut, CUT_HEADER | THEN_RESET,
	  "closed by the peer", false, false },
	{ "cut: one lane closed", AS_BOTH, STAGE_CONNECTED, cut, CUT_NOTHING | THEN_CLOSE_ONE,
	  "closed by the peer", false, false },
	{ "cut: closed before HELLO", AS_BOTH, STAGE_SOCKETS, cut, CUT_NOTHING | THEN_CLOSE,
	  "closed by the peer", false, false },
	{ "cut: header, silence", AS_BOTH, STAGE_CONNECTED, cut, CUT_HEADER, "silent for", false,
	  true },
	{ "cut: payload, silence", AS_BOTH, STAGE_CONNECTED, cut, CUT_PAYLOAD, "silent for", false,
	  true },
	{ "cut: silence instead of HELLO", AS_BOTH, STAGE_SOCKETS, cut, CUT_NOTHING, "silent for",
	  false, true },
	{ "state: checksum of the payload", AS_BOTH, STAGE_CONNECTED, bad_payload_crc,
	  DITTO_WIRE_STATE, "payload checksum", false, false },

	{ "primary: ACK before READY", AS_PRIMARY, STAGE_CONNECTED, message, DITTO_WIRE_ACK,
	  "before READY", false, false },
	{ "primary: READY twice", AS_PRIMARY, STAGE_STREAM, ready, 0, "without START", false,
	  false },
	{ "primary: START from the peer", AS_PRIMARY, STAGE_CONNECTED, message, DITTO_WIRE_START,
	  "both ends began to send", false, false },
	{ "primary: WRITE from the peer", AS_PRIMARY, STAGE_STREAM, message, DITTO_WIRE_WRITE,
	  "WRITE without START", false, false },
	{ "primary: FLUSH from the peer", AS_PRIMARY, STAGE_STREAM, message, DITTO_WIRE_FLUSH,
	  "without START", false, false },
	{ "primary: EXTENT from the peer", AS_PRIMARY, STAGE_STREAM, message, DITTO_WIRE_EXTENT,
	  "EXTENT without START", false, false },
	{ "primary: EXTENT_SUMS from the peer", AS_PRIMARY, STAGE_STREAM, message,
	  DITTO_WIRE_EXTENT_SUMS, "without START", false, false },
	{ "primary: EXTENT_DIFFERS of what was not to be compared", AS_PRIMARY, STAGE_STREAM,
	  not_compared, 0, "was not to be compared", false, false },
	{ "primary: EXTENT_DIFFERS without a difference", AS_PRIMARY, STAGE_STREAM,
	  no_difference, 0, "EXTENT_DIFFERS: differs is", false, false },
	{ "primary: VERIFY_SUMS nobody asked for", AS_PRIMARY, STAGE_STREAM, message,
	  DITTO_WIRE_VERIFY_SUMS, "nobody has asked", false, false },
	{ "primary: ACK ahead of what was sent", AS_PRIMARY, STAGE_STREAM, bad_ack, ACK_AHEAD,
	  "acknowledges what was not sent", false, false },
	{ "primary: ACK of extents never sent", AS_PRIMARY, STAGE_STREAM, bad_ack, ACK_EXTENTS,
	  "acknowledges what was not sent", false, false },
	{ "primary: ACK going back", AS_PRIMARY, STAGE_STREAM, bad_ack, ACK_BACK,
	  "or goes back", false, false },
	{ "primary: ACK written before received", AS_PRIMARY, STAGE_STREAM, bad_ack, ACK_WRITTEN,
	  "ACK: written is", false, false },
	{ "primary: ACK durable before written", AS_PRIMARY, STAGE_STREAM, bad_ack, ACK_DURABLE,
	  "ACK: durable is", false, false },
	{ "primary: ACK of extents durable before written", AS_PRIMARY, STAGE_STREAM, bad_ack,
	  ACK_EXTENTS_DURABLE, "ACK: extents_durable is", false, false },
	{ "primary: a target that never acknowledges", AS_PRIMARY, STAGE_STREAM, never_ack, 0,
	  "not acknowledged within", false, false },
	{ "primary: a member that never acknowledges", AS_PRIMARY, STAGE_MEMBER, never_ack, 0,
	  "not acknowledged within", false, false },
	{ "primary: a member that falls silent", AS_PRIMARY, STAGE_MEMBER, cut, CUT_HEADER,
	  "", false, true },
	{ "primary: a member that closes", AS_PRIMARY, STAGE_MEMBER, cut, CUT_HEADER | THEN_CLOSE,
	  "closed by the peer", false, false },
	{ "primary: a member's ACK ahead", AS_PRIMARY, STAGE_MEMBER, bad_ack, ACK_AHEAD,
	  "acknowledges what was not sent", false, false },

	{ "secondary: WRITE without START", AS_SECONDARY, STAGE_CONNECTED, message,
	  DITTO_WIRE_WRITE, "WRITE without START", false, false },
	{ "secondary: FLUSH without START", AS_SECONDARY, STAGE_CONNECTED, message,
	  DITTO_WIRE_FLUSH, "without START", false, false },
	{ "secondary: DISCARD without START", AS_SECONDARY, STAGE_CONNECTED, message,
	  DITTO_WIRE_DISCARD, "without START", false, false },
	{ "secondary: ROSTER without START", AS_SECONDARY, STAGE_CONNECTED, message,
	  DITTO_WIRE_ROSTER, "without START", false, false },
	{ "secondary: EXTENT without START", AS_SECONDARY, STAGE_CONNECTED, message,
	  DITTO_WIRE_EXTENT, "EXTENT without START", false, false },
	{ "secondary: EXTENT_ZERO without START", AS_SECONDARY, STAGE_CONNECTED, message,
	  DITTO_WIRE_EXTENT_ZERO, "without START", false, false },
	{ "secondary: EXTENT_SUMS without START", AS_SECONDARY, STAGE_CONNECTED, message,
	  DITTO_WIRE_EXTENT_SUMS, "without START", false, false },
	{ "secondary: VERIFY_ASK without START", AS_SECONDARY, STAGE_CONNECTED, message,
	  DITTO_WIRE_VERIFY_ASK, "without START", false, false },
	{ "secondary: ABSENT without START", AS_SECONDARY, STAGE_CONNECTED, message,
	  DITTO_WIRE_ABSENT, "without START", false, false },
	{ "secondary: SET without START", AS_SECONDARY, STAGE_CONNECTED, message,
	  DITTO_WIRE_SET, "without START", false, false },
	{ "secondary: BITS without START", AS_SECONDARY, STAGE_CONNECTED, message,
	  DITTO_WIRE_BITS, "without START", false, false },
	{ "secondary: SETTLED without START", AS_SECONDARY, STAGE_CONNECTED, message,
	  DITTO_WIRE_SETTLED, "without START", false, false },
	{ "secondary: SETTLED that was never sent", AS_SECONDARY, STAGE_STREAM, message,
	  DITTO_WIRE_SETTLED, "ahead of the stream", false, false },
	{ "secondary: BITMAP from a Primary", AS_SECONDARY, STAGE_STREAM, message,
	  DITTO_WIRE_BITMAP, "not between START and READY", false, false },
	{ "primary: READ_DATA nobody asked for", AS_PRIMARY, STAGE_STREAM, message,
	  DITTO_WIRE_READ_DATA, "nobody has asked", false, false },
	{ "primary: READ_FAILED nobody asked for", AS_PRIMARY, STAGE_STREAM, message,
	  DITTO_WIRE_READ_FAILED, "nobody has asked", false, false },
	{ "secondary: READ_DATA", AS_SECONDARY, STAGE_STREAM, message,
	  DITTO_WIRE_READ_DATA, "nobody has asked", false, false },
	{ "primary: BITMAP after READY", AS_PRIMARY, STAGE_STREAM, message,
	  DITTO_WIRE_BITMAP, "not between START and READY", false, false },
	{ "secondary: READY without START", AS_SECONDARY, STAGE_CONNECTED, ready, 0,
	  "without START", false, false },
	{ "secondary: VERIFY_SUMS nobody asked for", AS_SECONDARY, STAGE_STREAM, message,
	  DITTO_WIRE_VERIFY_SUMS, "nobody has asked", false, false },
	{ "secondary: START twice", AS_SECONDARY, STAGE_STREAM, message, DITTO_WIRE_START,
	  "START refused", false, false },
	{ "secondary: two STARTs at once", AS_SECONDARY, STAGE_CONNECTED, message_twice,
	  DITTO_WIRE_START, "START refused", false, false },
	{ "secondary: START with an unknown mode", AS_SECONDARY, STAGE_CONNECTED, bad_start,
	  START_MODE, "START: mode is", false, false },
	{ "secondary: START without roster", AS_SECONDARY, STAGE_CONNECTED, bad_start,
	  START_ROSTER, "START: roster is", false, false },
	{ "secondary: START without generation", AS_SECONDARY, STAGE_CONNECTED, bad_start,
	  START_GENERATION, "START: generation is", false, false },
	{ "secondary: START with more in the log than it knows", AS_SECONDARY, STAGE_CONNECTED,
	  bad_start, START_LOGGED, "START: logged is", false, false },
	{ "secondary: START as a member that it is not", AS_SECONDARY, STAGE_CONNECTED, bad_start,
	  START_MEMBER, "START refused", false, false },

	ITEM_CASE("write: across the end", WRITE, ITEM_BEYOND, BAD("size")),
	ITEM_CASE("write: beyond the end", WRITE, ITEM_FAR, BAD("offset")),
	ITEM_CASE("write: offset that wraps", WRITE, ITEM_WRAP, BAD("offset")),
	ITEM_CASE("write: unaligned offset", WRITE, ITEM_ODD_OFFSET, BAD("offset")),
	ITEM_CASE("write: unaligned size", WRITE, ITEM_ODD_SIZE, BAD("size")),
	ITEM_CASE("write: empty", WRITE, ITEM_EMPTY, BAD("size")),
	ITEM_CASE("write: too large", WRITE, ITEM_LARGE, BAD("size")),
	ITEM_CASE("write: length is not size", WRITE, ITEM_LENGTH, BAD("length")),
	ITEM_CASE("write: position with a gap", WRITE, ITEM_GAP, "out of order"),
	ITEM_CASE("write: position again", WRITE, ITEM_AGAIN, "out of order"),
	ITEM_CASE("write: position 0", WRITE, ITEM_ZERO, BAD("position")),
	ITEM_CASE("write: overlap not below", WRITE, ITEM_OVERLAP, BAD("overlap")),
	ITEM_CASE("write: flag of an extent", WRITE, ITEM_FLAGS, BAD("flags")),
	ITEM_CASE("write: epoch going back", WRITE, ITEM_EPOCH_BACK, "out of order"),
	{ "write: checksum of the payload", AS_SECONDARY, STAGE_STREAM, bad_payload_crc,
	  DITTO_WIRE_WRITE, "payload checksum", false, false },
	ITEM_CASE("discard: across the end", DISCARD, ITEM_BEYOND, BAD("size")),
	ITEM_CASE("discard: too large", DISCARD, ITEM_LARGE, BAD("size")),
	ITEM_CASE("discard: empty", DISCARD, ITEM_EMPTY, BAD("size")),
	ITEM_CASE("discard: with a payload", DISCARD, ITEM_LENGTH, BAD("length")),
	ITEM_CASE("discard: unaligned", DISCARD, ITEM_ODD_OFFSET, BAD("offset")),
	ITEM_CASE("zeroes: beyond the end", ZEROES, ITEM_FAR, BAD("offset")),
	ITEM_CASE("zeroes: unaligned size", ZEROES, ITEM_ODD_SIZE, BAD("size")),
	ITEM_CASE("flush: position with a gap", FLUSH, ITEM_GAP, "out of order"),
	ITEM_CASE("flush: position 0", FLUSH, ITEM_ZERO, BAD("position")),
	ITEM_CASE("extent: across the end", EXTENT, ITEM_BEYOND, BAD("size")),
	ITEM_CASE("extent: too large", EXTENT, ITEM_LARGE, BAD("size")),
	ITEM_CASE("extent: unaligned", EXTENT, ITEM_ODD_OFFSET, BAD("offset")),
	ITEM_CASE("extent: empty", EXTENT, ITEM_EMPTY, BAD("size")),
	ITEM_CASE("extent: length is not size", EXTENT, ITEM_LENGTH, BAD("length")),
	ITEM_CASE("extent: number with a gap", EXTENT, ITEM_GAP, "out of order"),
	ITEM_CASE("extent: number again", EXTENT, ITEM_AGAIN, "out of order"),
	ITEM_CASE("extent: number 0", EXTENT, ITEM_ZERO, BAD("epoch")),
	ITEM_CASE("extent: floor above its position", EXTENT, ITEM_OVERLAP, BAD("overlap")),
	ITEM_CASE("extent: flag of an entry", EXTENT, ITEM_FLAGS, BAD("flags")),
	{ "extent: checksum of the payload", AS_SECONDARY, STAGE_STREAM, bad_payload_crc,
	  DITTO_WIRE_EXTENT, "payload checksum", false, false },
	ITEM_CASE("extent_zero: beyond the end", EXTENT_ZERO, ITEM_FAR, BAD("offset")),
	ITEM_CASE("extent_zero: number with a gap", EXTENT_ZERO, ITEM_GAP, "out of order"),
	ITEM_CASE("extent_sums: beyond the end", EXTENT_SUMS, ITEM_FAR, BAD("offset")),
	ITEM_CASE("extent_sums: too large", EXTENT_SUMS, ITEM_LARGE, BAD("size")),
	ITEM_CASE("extent_sums: unaligned", EXTENT_SUMS, ITEM_ODD_OFFSET, BAD("offset")),
	ITEM_CASE("extent_sums: empty", EXTENT_SUMS, ITEM_EMPTY, BAD("size")),
	ITEM_CASE("extent_sums: number with a gap", EXTENT_SUMS, ITEM_GAP, "out of order"),
	ITEM_CASE("extent_sums: number again", EXTENT_SUMS, ITEM_AGAIN, "out of order"),
	ITEM_CASE("extent_sums: number 0", EXTENT_SUMS, ITEM_ZERO, BAD("epoch")),
	ITEM_CASE("extent_sums: floor above its position", EXTENT_SUMS, ITEM_OVERLAP,
		  BAD("overlap")),
	ITEM_CASE("extent_sums: flag of an entry", EXTENT_SUMS, ITEM_FLAGS, BAD("flags")),
	{ "extent_sums: checksum of the payload", AS_SECONDARY, STAGE_STREAM, bad_payload_crc,
	  DITTO_WIRE_EXTENT_SUMS, "payload checksum", false, false },
	{ "extent_sums: blocks that are too large", AS_SECONDARY, STAGE_STREAM, bad_sums,
	  SUMS_SHIFT, "EXTENT_SUMS: shift is", false, false },
	{ "extent_sums: reserved bytes", AS_SECONDARY, STAGE_STREAM, bad_sums, SUMS_RESERVED,
	  "EXTENT_SUMS: reserved is", false, false },
	{ "extent_sums: not from a block on", AS_SECONDARY, STAGE_STREAM, bad_sums, SUMS_OFFSET,
	  "EXTENT_SUMS: offset is", false, false },
	{ "extent_sums: fewer than blocks", AS_SECONDARY, STAGE_STREAM, bad_sums, SUMS_FEW,
	  "EXTENT_SUMS: length is", false, false },
	{ "extent_sums: more than blocks", AS_SECONDARY, STAGE_STREAM, bad_sums, SUMS_MANY,
	  "EXTENT_SUMS: length is", false, false },
	ITEM_CASE("verify_ask: across the end", VERIFY_ASK, ITEM_BEYOND, BAD("size")),
	ITEM_CASE("verify_ask: unaligned", VERIFY_ASK, ITEM_ODD_OFFSET, BAD("offset")),
	ITEM_CASE("verify_ask: empty", VERIFY_ASK, ITEM_EMPTY, BAD("size")),
	ITEM_CASE("verify_ask: too large", VERIFY_ASK, ITEM_LARGE, BAD("size")),
	{ "roster: nobody in it", AS_SECONDARY, STAGE_STREAM, bad_roster,
	  ITEM(DITTO_WIRE_ROSTER, 0), "ROSTER: roster is", false, false },
	{ "roster: reserved bytes", AS_SECONDARY, STAGE_STREAM, bad_roster,
	  ITEM(DITTO_WIRE_ROSTER, 4), "ROSTER: reserved is", false, false },
	{ "roster: number 0", AS_SECONDARY, STAGE_STREAM, bad_roster, ITEM(DITTO_WIRE_ROSTER, 8),
	  "ROSTER: roster_number is", false, false },
	{ "join: generation 0", AS_SECONDARY, STAGE_STREAM, bad_roster, ITEM(DITTO_WIRE_JOIN, 16),
	  "JOIN: generation is", false, false },
	{ "join: no previous generation", AS_SECONDARY, STAGE_STREAM, bad_roster,
	  ITEM(DITTO_WIRE_JOIN, 24), "JOIN: previous is", false, false },

	/* Last, for the copy has held data from here on. Reads of it ask the peer. */
	{ "secondary: a question for a read that is not answered", AS_SECONDARY, STAGE_STREAM,
	  join, 0, "was not answered within", false, false },
	{ "secondary: START that assumes what is not so", AS_SECONDARY, STAGE_CONNECTED, bad_start,
	  START_ASSUMED, "START refused: this copy has held data", false, false },
};

const unsigned int wire_case_count = ARRAY_SIZE(wire_cases);
