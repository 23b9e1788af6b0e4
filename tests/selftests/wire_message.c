// SPDX-License-Identifier: GPL-2.0
#include "wire_message.h"

#include <string.h>

u8 wire_payload[PAYLOAD_ROOM];

void wire_mend(u8 *head)
{
	__le32 crc = 0;

	memcpy(head + AT_CRC, &crc, sizeof(crc));
	crc = cpu_to_le32(~ditto_crc32c(~0u, head, DITTO_WIRE_HEADER));
	memcpy(head + AT_CRC, &crc, sizeof(crc));
}

static u8 lane_of(u8 type)
{
	switch (type) {
	case DITTO_WIRE_START:
	case DITTO_WIRE_WRITE:
	case DITTO_WIRE_DISCARD:
	case DITTO_WIRE_ZEROES:
	case DITTO_WIRE_FLUSH:
	case DITTO_WIRE_ROSTER:
	case DITTO_WIRE_JOIN:
	case DITTO_WIRE_ABSENT:
	case DITTO_WIRE_SET:
	case DITTO_WIRE_BITS:
	case DITTO_WIRE_SETTLED:
		return DITTO_LANE_WRITES;
	case DITTO_WIRE_EXTENT:
	case DITTO_WIRE_EXTENT_ZERO:
	case DITTO_WIRE_EXTENT_SUMS:
	case DITTO_WIRE_VERIFY_ASK:
	case DITTO_WIRE_READ_DATA:
	case DITTO_WIRE_READ_FAILED:
		return DITTO_LANE_BULK;
	default:
		return DITTO_LANE_CONTROL;
	}
}

void wire_state(const struct wire_test *test, struct ditto_wire_state *state)
{
	memset(state, 0, sizeof(*state));
	state->attach_id = test->fake.cookie;
	if (test->primary)
		return;
	state->flags = DITTO_STATEF_PRIMARY;
	state->roster = 1u << test->fake.own;
	state->roster_number = 1;
	state->generation = FAKE_GENERATION;
	state->position = test->sent;
}

static u32 put_payload(struct wire_test *test, u8 type)
{
	struct ditto_wire_bits bits = {
		.node = test->fake.own, .fill = DITTO_FILL_CLEAR, .shift = 14, .count = 64,
	};
	struct ditto_wire_absent absent = { .node = 5 };
	struct ditto_wire_ack ack = {
		.received = test->fake.position,
		.written = test->fake.position,
		.durable = test->fake.position,
		.extents_written = test->fake.extent,
		.extents_durable = test->fake.extent,
	};
	struct ditto_wire_start start = {
		.mode = DITTO_MODE_TARGET,
		.roster = 1u << test->fake.own,
		.roster_number = 1,
		.generation = FAKE_GENERATION,
	};
	struct ditto_wire_roster roster = {
		.roster = 1u << test->fake.own,
		.roster_number = 2,
		.generation = FAKE_GENERATION,
		.previous = FAKE_GENERATION,
	};
	struct ditto_wire_sums sums = { .shift = DITTO_WIRE_BITS_SHIFT_MIN, .count = 1 };
	struct ditto_wire_hello hello;
	struct ditto_wire_state state;

	switch (type) {
	case DITTO_WIRE_HELLO:
		fake_hello(&test->fake, &hello);
		wire_state(test, &hello.state);
		ditto_wire_put_hello(&hello, wire_payload);
		return DITTO_WIRE_HELLO_BYTES;
	case DITTO_WIRE_STATE:
		wire_state(test, &state);
		ditto_wire_put_state(&state, wire_payload);
		return DITTO_WIRE_STATE_BYTES;
	case DITTO_WIRE_ACK:
		ditto_wire_put_ack(&ack, wire_payload);
		return DITTO_WIRE_ACK_BYTES;
	case DITTO_WIRE_START:
		ditto_wire_put_start(&start, wire_payload);
		return DITTO_WIRE_START_BYTES;
	case DITTO_WIRE_ROSTER:
	case DITTO_WIRE_JOIN:
		ditto_wire_put_roster(&roster, wire_payload);
		return DITTO_WIRE_ROSTER_BYTES;
	case DITTO_WIRE_ABSENT:
	case DITTO_WIRE_SET:
		ditto_wire_put_absent(&absent, wire_payload);
		return DITTO_WIRE_ABSENT_BYTES;
	case DITTO_WIRE_BITS:
	case DITTO_WIRE_BITMAP:
		return ditto_wire_put_bits(&bits, NULL, wire_payload);
	case DITTO_WIRE_WRITE:
	case DITTO_WIRE_EXTENT:
	case DITTO_WIRE_READ_DATA:
		memset(wire_payload, 0x5a, 4096);
		return 4096;
	case DITTO_WIRE_VERIFY_SUMS:
		memset(wire_payload, 0, 4);
		return 4;
	case DITTO_WIRE_EXTENT_SUMS:
		return ditto_wire_put_sums(&sums, wire_payload);
	case DITTO_WIRE_EXTENT_DIFFERS:
		ditto_wire_put_differs(1, wire_payload);
		return DITTO_WIRE_DIFFERS_BYTES;
	default:
		return 0;
	}
}

u32 wire_message(struct wire_test *test, u8 type, struct ditto_wire_header *h)
{
	memset(h, 0, sizeof(*h));
	h->type = type;
	h->lane = lane_of(type);
	switch (type) {
	case DITTO_WIRE_PING:
	case DITTO_WIRE_PONG:
	case DITTO_WIRE_BYE:
	case DITTO_WIRE_READ_ASK:
	case DITTO_WIRE_READ_AT:
		h->position = 1;
		break;
	case DITTO_WIRE_WRITE:
	case DITTO_WIRE_DISCARD:
	case DITTO_WIRE_ZEROES:
		h->followers = 1u << test->fake.own | 1u << test->fake.other;
		/* fall through */
	case DITTO_WIRE_SET:
		h->size = 4096;
		/* fall through */
	case DITTO_WIRE_FLUSH:
	case DITTO_WIRE_ROSTER:
	case DITTO_WIRE_JOIN:
	case DITTO_WIRE_ABSENT:
	case DITTO_WIRE_BITS:
		h->position = test->sent + 1;
		h->epoch = 1;
		break;
	case DITTO_WIRE_SETTLED:
		h->settled = test->sent + 1000;
		break;
	case DITTO_WIRE_EXTENT:
	case DITTO_WIRE_EXTENT_ZERO:
	case DITTO_WIRE_EXTENT_SUMS:
		h->size = 4096;
		h->offset = 65536;
		h->position = test->sent;
		h->epoch = test->extent + 1;
		break;
	case DITTO_WIRE_VERIFY_ASK:
		h->position = test->sent;
		/* fall through */
	case DITTO_WIRE_VERIFY_SUMS:
	case DITTO_WIRE_READ:
	case DITTO_WIRE_READ_DATA:
	case DITTO_WIRE_READ_FAILED:
	case DITTO_WIRE_EXTENT_DIFFERS:
		h->epoch = 1;
		h->size = 4096;
		break;
	}
	return put_payload(test, type);
}

static bool has_greeted(const struct fake *fake)
{
	return fake->greeted;
}

static bool has_started(const struct fake *fake)
{
	return fake->started;
}

static bool is_ready(const struct fake *fake)
{
	return fake->ready;
}

static bool has_joined(const struct fake *fake)
{
	return fake->joined;
}

bool wire_send(struct wire_test *test, u8 type)
{
	struct ditto_wire_header h;
	u32 length = wire_message(test, type, &h);

	return fake_send(&test->fake, h.lane, &h, wire_payload, length);
}

static const char *reach_stream(struct wire_test *test, enum wire_stage stage)
{
	struct fake *fake = &test->fake;
	unsigned int ms = 5000 * time_scale();

	if (!test->primary) {
		if (!wire_send(test, DITTO_WIRE_START) || !fake_serve(fake, is_ready, ms))
			return "START was not answered by READY";
		return NULL;
	}
	fake->mute = false;
	if (!fake_say(fake, DITTO_WIRE_READY, fake->start.position))
		return "READY could not be sent";
	if (stage == STAGE_MEMBER && !fake_serve(fake, has_joined, 6 * ms))
		return "it did not become a member";
	return NULL;
}

const char *wire_reach(struct wire_test *test, enum wire_stage stage)
{
	struct fake *fake = &test->fake;
	unsigned int ms = 5000 * time_scale();
	struct genl_peer peer;

	test->sent = test->extent = 0;
	if (fake_open(fake))
		return "the lanes were not taken";
	fake->mute = test->primary;
	if (!fake_serve(fake, has_greeted, ms))
		return "no HELLO came";
	if (stage == STAGE_SOCKETS)
		return NULL;
	if (!wire_send(test, DITTO_WIRE_HELLO))
		return "HELLO could not be sent";
	if (genl_peer_wait(fake->genl, fake->resource, fake->own, DITTO_CONNECTION_CONNECTED, ms,
			   &peer))
		return "it did not become Connected";
	if (test->primary && !fake_serve(fake, has_started, ms))
		return "the Primary sent no START";
	return stage == STAGE_CONNECTED ? NULL : reach_stream(test, stage);
}
