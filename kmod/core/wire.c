// SPDX-License-Identifier: GPL-2.0
#include "wire.h"

#define SECTOR		512u
#define NODES		32u

struct wire_header {
	__le32 magic;
	__le32 crc;		/* of the header with this field 0 */
	u8 type;
	u8 lane;
	__le16 flags;
	__le32 length;
	__le32 payload_crc;
	__le32 sequence;
	__le64 cookie;
	__le64 position;
	__le64 epoch;
	__le64 overlap;
	__le64 offset;
	__le32 size;
	__le32 followers;
	__le64 settled;
	__le16 volume;
	u8 reserved[14];
} __packed;

static_assert(sizeof(struct wire_header) == DITTO_WIRE_HEADER);
static_assert(offsetof(struct wire_header, cookie) == 24);
static_assert(offsetof(struct wire_header, settled) == 72);
static_assert(offsetof(struct wire_header, volume) == 80);

struct wire_history {
	__le64 generation[DITTO_WIRE_HISTORY];
} __packed;

struct wire_state {
	__le32 flags;
	__le32 roster;
	__le64 roster_number;
	__le64 generation;
	struct wire_history history;
	__le64 position;
	__le64 attach_id;
	__le32 device_block;
	u8 reserved[4];
} __packed;

static_assert(sizeof(struct wire_state) == DITTO_WIRE_STATE_BYTES);

struct wire_hello {
	__le32 version_min;
	__le32 version_max;
	__le64 features;
	u8 resource_uuid[16];
	__le32 from;
	__le32 to;
	__le64 data_bytes;
	__le32 logical_block;
	__le32 physical_block;
	__le32 max_io;
	__le32 discard_zeroes;
	__le32 timeout_ms;
	__le32 in_use;
	u8 reserved[8];
	struct wire_state state;
} __packed;

static_assert(sizeof(struct wire_hello) == DITTO_WIRE_HELLO_BYTES);
static_assert(offsetof(struct wire_hello, state) == 80);

struct wire_ack {
	__le64 received;
	__le64 written;
	__le64 durable;
	__le64 extents_written;
	__le64 extents_durable;
} __packed;

static_assert(sizeof(struct wire_ack) == DITTO_WIRE_ACK_BYTES);

struct wire_start {
	__le32 mode;
	__le32 roster;
	__le64 roster_number;
	__le64 generation;
	struct wire_history history;
	__le64 position;
	__le64 epoch;
	__le64 logged;
} __packed;

static_assert(sizeof(struct wire_start) == DITTO_WIRE_START_BYTES);

struct wire_roster {
	__le32 roster;
	u8 reserved[4];
	__le64 roster_number;
	__le64 generation;
	__le64 previous;
} __packed;

static_assert(sizeof(struct wire_roster) == DITTO_WIRE_ROSTER_BYTES);

struct wire_absent {
	__le32 node;
	u8 reserved[4];
	__le64 durable;
} __packed;

static_assert(sizeof(struct wire_absent) == DITTO_WIRE_ABSENT_BYTES);

struct wire_bits {
	__le32 node;
	__le32 fill;
	__le32 shift;
	u8 reserved[4];
	__le64 start;
	__le64 count;
	__le64 words[];
} __packed;

static_assert(sizeof(struct wire_bits) == DITTO_WIRE_BITS_BYTES);
static_assert(DITTO_WIRE_BITS_BYTES + DITTO_WIRE_BITS_MOST / 8 <= DITTO_WIRE_MAX_FIXED);

struct wire_sums {
	__le32 shift;
	u8 reserved[4];
	u8 sums[][DITTO_WIRE_SUM];
} __packed;

static_assert(sizeof(struct wire_sums) == DITTO_WIRE_SUMS_BYTES);
static_assert(DITTO_WIRE_MAX_SUMS <= DITTO_WIRE_MAX_FIXED);

/* Which fields of the header a type uses; what it does not use is zero. */
#define USES_POSITION	(1u << 0)
#define USES_EPOCH	(1u << 1)
#define USES_OVERLAP	(1u << 2)
#define USES_RANGE	(1u << 3)
#define IS_ENTRY	(1u << 4)	/* position > 0, overlap and settled below it */
#define IS_EXTENT	(1u << 5)	/* number > 0, floor not above the position */
#define CARRIES_RANGE	(1u << 6)	/* length is size */
#define CARRIES_WORDS	(1u << 7)	/* up to DITTO_WIRE_BITS_MOST bits behind length */
#define USES_FOLLOWERS	(1u << 8)	/* not 0 */
#define USES_SETTLED	(1u << 9)	/* not 0; every entry may have one, too */
#define IS_NUMBERED	(1u << 10)	/* the epoch is a number, not 0 */
#define CARRIES_SUMS	(1u << 11)	/* up to DITTO_WIRE_SUMS_MOST checksums behind length */

/* What changes data on its way through the stream. */
#define IS_DATA		(USES_POSITION | USES_EPOCH | USES_OVERLAP | USES_RANGE | IS_ENTRY | \
			 USES_FOLLOWERS)

/**
 * struct rule - what a type's header may hold
 * @name: for logs
 * @lane: where it belongs
 * @uses: of the above
 * @flags: DITTO_WIREF_* that it may have
 * @length: of its payload, or of that part of it that is fixed
 * @most: bytes of the largest range
 */
struct rule {
	const char *name;
	u8 lane;
	u16 uses;
	u16 flags;
	u32 length;
	u32 most;
};

static const struct rule rules[DITTO_WIRE_TYPES] = {
	[DITTO_WIRE_HELLO] = { "HELLO", DITTO_LANE_CONTROL, 0, DITTO_WIREF_CRC,
			       DITTO_WIRE_HELLO_BYTES, 0 },
	[DITTO_WIRE_STATE] = { "STATE", DITTO_LANE_CONTROL, 0, DITTO_WIREF_CRC,
			       DITTO_WIRE_STATE_BYTES, 0 },
	[DITTO_WIRE_PING] = { "PING", DITTO_LANE_CONTROL, USES_POSITION, 0, 0, 0 },
	[DITTO_WIRE_PONG] = { "PONG", DITTO_LANE_CONTROL, USES_POSITION, 0, 0, 0 },
	[DITTO_WIRE_BYE] = { "BYE", DITTO_LANE_CONTROL, USES_POSITION, 0, 0, 0 },
	[DITTO_WIRE_ACK] = { "ACK", DITTO_LANE_CONTROL, 0, DITTO_WIREF_CRC,
			     DITTO_WIRE_ACK_BYTES, 0 },
	[DITTO_WIRE_READY] = { "READY", DITTO_LANE_CONTROL, USES_POSITION, 0, 0, 0 },
	[DITTO_WIRE_READ_ASK] = { "READ_ASK", DITTO_LANE_CONTROL, USES_POSITION, 0, 0, 0 },
	[DITTO_WIRE_READ_AT] = { "READ_AT", DITTO_LANE_CONTROL, USES_POSITION | USES_OVERLAP,
				 0, 0, 0 },
	[DITTO_WIRE_START] = { "START", DITTO_LANE_WRITES, 0, DITTO_WIREF_CRC,
			       DITTO_WIRE_START_BYTES, 0 },
	[DITTO_WIRE_WRITE] = { "WRITE", DITTO_LANE_WRITES, IS_DATA | CARRIES_RANGE,
			       DITTO_WIREF_DURABLE | DITTO_WIREF_GUARD | DITTO_WIREF_CRC,
			       0, DITTO_WIRE_MAX_WRITE },
	[DITTO_WIRE_DISCARD] = { "DISCARD", DITTO_LANE_WRITES, IS_DATA,
				 DITTO_WIREF_DURABLE | DITTO_WIREF_GUARD,
				 0, DITTO_WIRE_MAX_RANGE },
	[DITTO_WIRE_ZEROES] = { "ZEROES", DITTO_LANE_WRITES, IS_DATA,
				DITTO_WIREF_DURABLE | DITTO_WIREF_GUARD,
				0, DITTO_WIRE_MAX_RANGE },
	[DITTO_WIRE_FLUSH] = { "FLUSH", DITTO_LANE_WRITES, USES_POSITION | USES_EPOCH | IS_ENTRY,
			       DITTO_WIREF_DURABLE, 0, 0 },
	[DITTO_WIRE_ROSTER] = { "ROSTER", DITTO_LANE_WRITES,
				USES_POSITION | USES_EPOCH | IS_ENTRY,
				DITTO_WIREF_DURABLE | DITTO_WIREF_CRC,
				DITTO_WIRE_ROSTER_BYTES, 0 },
	[DITTO_WIRE_JOIN] = { "JOIN", DITTO_LANE_WRITES, USES_POSITION | USES_EPOCH | IS_ENTRY,
			      DITTO_WIREF_DURABLE | DITTO_WIREF_CRC,
			      DITTO_WIRE_ROSTER_BYTES, 0 },
	[DITTO_WIRE_EXTENT] = { "EXTENT", DITTO_LANE_BULK,
				USES_POSITION | USES_EPOCH | USES_OVERLAP | USES_RANGE |
				IS_EXTENT | CARRIES_RANGE,
				DITTO_WIREF_CRC | DITTO_WIREF_SYNC_END,
				0, DITTO_WIRE_MAX_EXTENT },
	[DITTO_WIRE_EXTENT_ZERO] = { "EXTENT_ZERO", DITTO_LANE_BULK,
				     USES_POSITION | USES_EPOCH | USES_OVERLAP | USES_RANGE |
				     IS_EXTENT,
				     DITTO_WIREF_SYNC_END, 0, DITTO_WIRE_MAX_EXTENT },
	[DITTO_WIRE_VERIFY_ASK] = { "VERIFY_ASK", DITTO_LANE_BULK,
				    USES_POSITION | USES_EPOCH | USES_RANGE,
				    0, 0, DITTO_WIRE_MAX_VERIFY },
	[DITTO_WIRE_VERIFY_SUMS] = { "VERIFY_SUMS", DITTO_LANE_CONTROL, USES_EPOCH | USES_RANGE,
				     DITTO_WIREF_CRC | DITTO_WIREF_UNREADABLE,
				     0, DITTO_WIRE_MAX_VERIFY },
	[DITTO_WIRE_ABSENT] = { "ABSENT", DITTO_LANE_WRITES,
				USES_POSITION | USES_EPOCH | IS_ENTRY,
				DITTO_WIREF_DURABLE | DITTO_WIREF_CRC,
				DITTO_WIRE_ABSENT_BYTES, 0 },
	[DITTO_WIRE_SET] = { "SET", DITTO_LANE_WRITES,
			     USES_POSITION | USES_EPOCH | USES_RANGE | IS_ENTRY,
			     DITTO_WIREF_DURABLE | DITTO_WIREF_CRC,
			     DITTO_WIRE_ABSENT_BYTES, DITTO_WIRE_MAX_RANGE },
	[DITTO_WIRE_BITS] = { "BITS", DITTO_LANE_WRITES,
			      USES_POSITION | USES_EPOCH | IS_ENTRY | CARRIES_WORDS,
			      DITTO_WIREF_DURABLE | DITTO_WIREF_CRC,
			      DITTO_WIRE_BITS_BYTES, 0 },
	[DITTO_WIRE_SETTLED] = { "SETTLED", DITTO_LANE_WRITES, USES_SETTLED, 0, 0, 0 },
	[DITTO_WIRE_BITMAP] = { "BITMAP", DITTO_LANE_CONTROL, CARRIES_WORDS, DITTO_WIREF_CRC,
				DITTO_WIRE_BITS_BYTES, 0 },
	[DITTO_WIRE_READ] = { "READ", DITTO_LANE_CONTROL, USES_EPOCH | USES_RANGE | IS_NUMBERED,
			      0, 0, DITTO_WIRE_MAX_WRITE },
	[DITTO_WIRE_READ_DATA] = { "READ_DATA", DITTO_LANE_BULK,
				   USES_EPOCH | USES_RANGE | IS_NUMBERED | CARRIES_RANGE,
				   DITTO_WIREF_CRC, 0, DITTO_WIRE_MAX_WRITE },
	[DITTO_WIRE_READ_FAILED] = { "READ_FAILED", DITTO_LANE_BULK,
				     USES_EPOCH | USES_RANGE | IS_NUMBERED,
				     0, 0, DITTO_WIRE_MAX_WRITE },
	[DITTO_WIRE_EXTENT_SUMS] = { "EXTENT_SUMS", DITTO_LANE_BULK,
				     USES_POSITION | USES_EPOCH | USES_OVERLAP | USES_RANGE |
				     IS_EXTENT | CARRIES_SUMS,
				     DITTO_WIREF_CRC | DITTO_WIREF_SYNC_END,
				     DITTO_WIRE_SUMS_BYTES, DITTO_WIRE_MAX_EXTENT },
	[DITTO_WIRE_EXTENT_DIFFERS] = { "EXTENT_DIFFERS", DITTO_LANE_CONTROL,
					USES_EPOCH | USES_RANGE | IS_NUMBERED, DITTO_WIREF_CRC,
					DITTO_WIRE_DIFFERS_BYTES, DITTO_WIRE_MAX_EXTENT },
};

const char *ditto_wire_type_name(u8 type)
{
	return type < DITTO_WIRE_TYPES && rules[type].name ? rules[type].name : "?";
}

static int refuse(struct ditto_wire_complaint *why, const char *field, u64 found, u64 expected)
{
	why->field = field;
	why->found = found;
	why->expected = expected;
	return -EPROTO;
}

static bool all_zero(const u8 *bytes, size_t len)
{
	while (len--) {
		if (*bytes++)
			return false;
	}
	return true;
}

static u32 header_crc(const struct wire_header *w)
{
	const size_t behind = offsetof(struct wire_header, type);
	const __le32 none = 0;
	u32 crc;

	crc = ditto_crc32c(~0u, &w->magic, sizeof(w->magic));
	crc = ditto_crc32c(crc, &none, sizeof(none));
	return ~ditto_crc32c(crc, &w->type, sizeof(*w) - behind);
}

void ditto_wire_encode(const struct ditto_wire_header *h, void *buf)
{
	struct wire_header *w = buf;

	memset(w, 0, sizeof(*w));
	w->magic = cpu_to_le32(DITTO_WIRE_MAGIC);
	w->type = h->type;
	w->lane = h->lane;
	w->flags = cpu_to_le16(h->flags);
	w->length = cpu_to_le32(h->length);
	w->payload_crc = cpu_to_le32(h->payload_crc);
	w->sequence = cpu_to_le32(h->sequence);
	w->cookie = cpu_to_le64(h->cookie);
	w->position = cpu_to_le64(h->position);
	w->epoch = cpu_to_le64(h->epoch);
	w->overlap = cpu_to_le64(h->overlap);
	w->offset = cpu_to_le64(h->offset);
	w->size = cpu_to_le32(h->size);
	w->followers = cpu_to_le32(h->followers);
	w->settled = cpu_to_le64(h->settled);
	w->volume = cpu_to_le16(h->volume);
	w->crc = cpu_to_le32(header_crc(w));
}

static void take_header(const struct wire_header *w, struct ditto_wire_header *h)
{
	h->type = w->type;
	h->lane = w->lane;
	h->flags = le16_to_cpu(w->flags);
	h->length = le32_to_cpu(w->length);
	h->payload_crc = le32_to_cpu(w->payload_crc);
	h->sequence = le32_to_cpu(w->sequence);
	h->cookie = le64_to_cpu(w->cookie);
	h->position = le64_to_cpu(w->position);
	h->epoch = le64_to_cpu(w->epoch);
	h->overlap = le64_to_cpu(w->overlap);
	h->offset = le64_to_cpu(w->offset);
	h->size = le32_to_cpu(w->size);
	h->followers = le32_to_cpu(w->followers);
	h->settled = le64_to_cpu(w->settled);
	h->volume = le16_to_cpu(w->volume);
}

/* Is it a header at all, and one for this socket? */
static int check_envelope(const struct ditto_wire_header *h, const struct ditto_wire_context *ctx,
			  struct ditto_wire_complaint *why)
{
	if (!h->type || h->type >= DITTO_WIRE_TYPES)
		return refuse(why, "type", h->type, DITTO_WIRE_TYPES - 1);
	if (h->lane != ctx->lane)
		return refuse(why, "lane", h->lane, ctx->lane);
	if (rules[h->type].lane != ctx->lane)
		return refuse(why, "type", h->type, ctx->lane);
	if (h->cookie != ctx->cookie)
		return refuse(why, "cookie", h->cookie, ctx->cookie);
	if (h->sequence != ctx->sequence)
		return refuse(why, "sequence", h->sequence, ctx->sequence);
	if (h->volume)
		return refuse(why, "volume", h->volume, 0);
	if (!ctx->data_bytes && h->type != DITTO_WIRE_HELLO)
		return refuse(why, "type", h->type, DITTO_WIRE_HELLO);
	if (h->type == DITTO_WIRE_HELLO && h->sequence)
		return refuse(why, "sequence", h->sequence, 0);
	return 0;
}

static int check_unused(const struct ditto_wire_header *h, const struct rule *rule,
			struct ditto_wire_complaint *why)
{
	if (!(rule->uses & USES_POSITION) && h->position)
		return refuse(why, "position", h->position, 0);
	if (!(rule->uses & USES_EPOCH) && h->epoch)
		return refuse(why, "epoch", h->epoch, 0);
	if (!(rule->uses & USES_OVERLAP) && h->overlap)
		return refuse(why, "overlap", h->overlap, 0);
	if (!(rule->uses & USES_RANGE) && h->offset)
		return refuse(why, "offset", h->offset, 0);
	if (!(rule->uses & USES_RANGE) && h->size)
		return refuse(why, "size", h->size, 0);
	if (!(rule->uses & USES_FOLLOWERS) && h->followers)
		return refuse(why, "followers", h->followers, 0);
	if (!(rule->uses & (USES_SETTLED | IS_ENTRY)) && h->settled)
		return refuse(why, "settled", h->settled, 0);
	return 0;
}

static int check_range(const struct ditto_wire_header *h, const struct rule *rule,
		       const struct ditto_wire_context *ctx, struct ditto_wire_complaint *why)
{
	u64 data_bytes = ctx->data_bytes;

	if (!(rule->uses & USES_RANGE))
		return 0;
	if (!IS_ALIGNED(h->offset, ctx->block))
		return refuse(why, "offset", h->offset, ctx->block);
	if (!h->size || !IS_ALIGNED(h->size, ctx->block))
		return refuse(why, "size", h->size, ctx->block);
	if (h->size > rule->most)
		return refuse(why, "size", h->size, rule->most);
	if (h->offset > data_bytes)
		return refuse(why, "offset", h->offset, data_bytes);
	if (h->size > data_bytes - h->offset)
		return refuse(why, "size", h->size, data_bytes - h->offset);
	return 0;
}

/* Behind the fixed part: whole pieces of @each bytes, and no more than @most bytes. */
static int check_pieces(const struct ditto_wire_header *h, const struct rule *rule, u32 each,
			u32 most, struct ditto_wire_complaint *why)
{
	if (h->length < rule->length || !IS_ALIGNED(h->length - rule->length, each))
		return refuse(why, "length", h->length, rule->length);
	if (h->length - rule->length > most)
		return refuse(why, "length", h->length, rule->length + most);
	return 0;
}

static int check_payload(const struct ditto_wire_header *h, const struct rule *rule,
			 struct ditto_wire_complaint *why)
{
	u32 length = rule->length;

	if (h->flags & ~rule->flags)
		return refuse(why, "flags", h->flags, rule->flags);
	if (rule->uses & CARRIES_RANGE)
		length = h->size;
	else if (h->type == DITTO_WIRE_VERIFY_SUMS)
		length = DIV_ROUND_UP(h->size, DITTO_WIRE_VERIFY_BLOCK) * 4;
	if (rule->uses & CARRIES_WORDS) {
		if (check_pieces(h, rule, 8, DITTO_WIRE_BITS_MOST / 8, why))
			return -EPROTO;
	} else if (rule->uses & CARRIES_SUMS) {
		if (check_pieces(h, rule, DITTO_WIRE_SUM, DITTO_WIRE_SUMS_MOST * DITTO_WIRE_SUM,
				 why))
			return -EPROTO;
	} else if (h->length != length) {
		return refuse(why, "length", h->length, length);
	}
	if (!(h->flags & DITTO_WIREF_CRC) && h->payload_crc)
		return refuse(why, "payload_crc", h->payload_crc, 0);
	return 0;
}

static int check_order(const struct ditto_wire_header *h, const struct rule *rule,
		       struct ditto_wire_complaint *why)
{
	if (h->type == DITTO_WIRE_BYE &&
	    (h->position < DITTO_BYE_DISCONNECT || h->position > DITTO_BYE_DOWN))
		return refuse(why, "position", h->position, DITTO_BYE_DOWN);
	if (rule->uses & IS_ENTRY && !h->position)
		return refuse(why, "position", h->position, 1);
	if (rule->uses & IS_ENTRY && h->overlap >= h->position)
		return refuse(why, "overlap", h->overlap, h->position - 1);
	if (rule->uses & IS_ENTRY && h->settled >= h->position)
		return refuse(why, "settled", h->settled, h->position - 1);
	if (rule->uses & USES_SETTLED && !h->settled)
		return refuse(why, "settled", h->settled, 1);
	if (rule->uses & USES_FOLLOWERS && !h->followers)
		return refuse(why, "followers", h->followers, 1);
	if (rule->uses & (IS_EXTENT | IS_NUMBERED) && !h->epoch)
		return refuse(why, "epoch", h->epoch, 1);
	if (rule->uses & IS_EXTENT && h->overlap > h->position)
		return refuse(why, "overlap", h->overlap, h->position);
	return 0;
}

int ditto_wire_decode(const void *buf, const struct ditto_wire_context *ctx,
		      struct ditto_wire_header *h, struct ditto_wire_complaint *why)
{
	const struct wire_header *w = buf;
	struct ditto_wire_header got;
	const struct rule *rule;

	if (le32_to_cpu(w->magic) != DITTO_WIRE_MAGIC)
		return refuse(why, "magic", le32_to_cpu(w->magic), DITTO_WIRE_MAGIC);
	if (le32_to_cpu(w->crc) != header_crc(w))
		return refuse(why, "crc", le32_to_cpu(w->crc), header_crc(w));
	if (!all_zero(w->reserved, sizeof(w->reserved)))
		return refuse(why, "reserved", 1, 0);
	take_header(w, &got);
	if (check_envelope(&got, ctx, why))
		return -EPROTO;
	rule = &rules[got.type];
	if (check_unused(&got, rule, why) || check_range(&got, rule, ctx, why) ||
	    check_payload(&got, rule, why) || check_order(&got, rule, why))
		return -EPROTO;
	*h = got;
	return 0;
}

static void put_history(const u64 *history, struct wire_history *w)
{
	u32 i;

	for (i = 0; i < DITTO_WIRE_HISTORY; i++)
		w->generation[i] = cpu_to_le64(history[i]);
}

/* The first 0 ends a history: nothing may hide behind it. */
static int get_history(const struct wire_history *w, u64 *history,
		       struct ditto_wire_complaint *why)
{
	u32 i;

	for (i = 0; i < DITTO_WIRE_HISTORY; i++) {
		history[i] = le64_to_cpu(w->generation[i]);
		if (i && history[i] && !history[i - 1])
			return refuse(why, "history", history[i], 0);
	}
	return 0;
}

void ditto_wire_put_state(const struct ditto_wire_state *state, void *buf)
{
	struct wire_state *w = buf;

	w->flags = cpu_to_le32(state->flags);
	w->roster = cpu_to_le32(state->roster);
	w->roster_number = cpu_to_le64(state->roster_number);
	w->generation = cpu_to_le64(state->generation);
	put_history(state->history, &w->history);
	w->position = cpu_to_le64(state->position);
	w->attach_id = cpu_to_le64(state->attach_id);
	w->device_block = cpu_to_le32(state->device_block);
	memset(w->reserved, 0, sizeof(w->reserved));
}

int ditto_wire_get_state(const void *buf, struct ditto_wire_state *state,
			 struct ditto_wire_complaint *why)
{
	const struct wire_state *w = buf;

	state->flags = le32_to_cpu(w->flags);
	state->roster = le32_to_cpu(w->roster);
	state->roster_number = le64_to_cpu(w->roster_number);
	state->generation = le64_to_cpu(w->generation);
	state->position = le64_to_cpu(w->position);
	state->attach_id = le64_to_cpu(w->attach_id);
	state->device_block = le32_to_cpu(w->device_block);
	if (state->device_block && !ditto_blocksize_valid(state->device_block))
		return refuse(why, "device_block", state->device_block, DITTO_BLOCKSIZE_MAX);
	if (!all_zero(w->reserved, sizeof(w->reserved)))
		return refuse(why, "reserved", 1, 0);
	if (state->flags & ~DITTO_STATEF_KNOWN)
		return refuse(why, "flags", state->flags, DITTO_STATEF_KNOWN);
	return get_history(&w->history, state->history, why);
}

void ditto_wire_put_hello(const struct ditto_wire_hello *hello, void *buf)
{
	struct wire_hello *w = buf;

	memset(w, 0, sizeof(*w));
	w->version_min = cpu_to_le32(hello->version_min);
	w->version_max = cpu_to_le32(hello->version_max);
	w->features = cpu_to_le64(hello->features);
	memcpy(w->resource_uuid, hello->resource_uuid, sizeof(w->resource_uuid));
	w->from = cpu_to_le32(hello->from);
	w->to = cpu_to_le32(hello->to);
	w->data_bytes = cpu_to_le64(hello->data_bytes);
	w->logical_block = cpu_to_le32(hello->logical_block);
	w->physical_block = cpu_to_le32(hello->physical_block);
	w->max_io = cpu_to_le32(hello->max_io);
	w->discard_zeroes = cpu_to_le32(hello->discard_zeroes);
	w->timeout_ms = cpu_to_le32(hello->timeout_ms);
	w->in_use = cpu_to_le32(hello->in_use);
	ditto_wire_put_state(&hello->state, &w->state);
}

/* What the sender says of its disk. */
static int check_hello_disk(const struct ditto_wire_hello *hello, struct ditto_wire_complaint *why)
{
	const u32 no_disk = DITTO_STATEF_DISKLESS | DITTO_STATEF_FAILED;

	if (!IS_ALIGNED(hello->data_bytes, SECTOR))
		return refuse(why, "data_bytes", hello->data_bytes, SECTOR);
	if (hello->discard_zeroes > 1)
		return refuse(why, "discard_zeroes", hello->discard_zeroes, 1);
	if (hello->in_use > 1)
		return refuse(why, "in_use", hello->in_use, 1);
	if (hello->state.flags & no_disk && !hello->logical_block && !hello->physical_block &&
	    !hello->max_io)
		return 0;
	if (!ditto_blocksize_valid(hello->logical_block))
		return refuse(why, "logical_block", hello->logical_block, DITTO_BLOCKSIZE_MAX);
	if (!is_power_of_2(hello->physical_block) ||
	    hello->physical_block < hello->logical_block)
		return refuse(why, "physical_block", hello->physical_block, hello->logical_block);
	if (hello->max_io < SECTOR || !IS_ALIGNED(hello->max_io, SECTOR))
		return refuse(why, "max_io", hello->max_io, SECTOR);
	return 0;
}

int ditto_wire_get_hello(const void *buf, struct ditto_wire_hello *hello,
			 struct ditto_wire_complaint *why)
{
	const struct wire_hello *w = buf;

	hello->version_min = le32_to_cpu(w->version_min);
	hello->version_max = le32_to_cpu(w->version_max);
	/* A newer node may speak more: what both speak counts, so any bit is fine. */
	hello->features = le64_to_cpu(w->features);
	memcpy(hello->resource_uuid, w->resource_uuid, sizeof(hello->resource_uuid));
	hello->from = le32_to_cpu(w->from);
	hello->to = le32_to_cpu(w->to);
	hello->data_bytes = le64_to_cpu(w->data_bytes);
	hello->logical_block = le32_to_cpu(w->logical_block);
	hello->physical_block = le32_to_cpu(w->physical_block);
	hello->max_io = le32_to_cpu(w->max_io);
	hello->discard_zeroes = le32_to_cpu(w->discard_zeroes);
	hello->timeout_ms = le32_to_cpu(w->timeout_ms);
	hello->in_use = le32_to_cpu(w->in_use);
	if (!hello->version_min || hello->version_min > hello->version_max)
		return refuse(why, "version_min", hello->version_min, hello->version_max);
	if (hello->from >= NODES)
		return refuse(why, "from", hello->from, NODES - 1);
	if (hello->to >= NODES || hello->to == hello->from)
		return refuse(why, "to", hello->to, NODES - 1);
	if (!hello->timeout_ms)
		return refuse(why, "timeout_ms", hello->timeout_ms, 1);
	if (!all_zero(w->reserved, sizeof(w->reserved)))
		return refuse(why, "reserved", 1, 0);
	return ditto_wire_get_state(&w->state, &hello->state, why) ?:
	       check_hello_disk(hello, why);
}

void ditto_wire_put_ack(const struct ditto_wire_ack *ack, void *buf)
{
	struct wire_ack *w = buf;

	w->received = cpu_to_le64(ack->received);
	w->written = cpu_to_le64(ack->written);
	w->durable = cpu_to_le64(ack->durable);
	w->extents_written = cpu_to_le64(ack->extents_written);
	w->extents_durable = cpu_to_le64(ack->extents_durable);
}

int ditto_wire_get_ack(const void *buf, struct ditto_wire_ack *ack,
		       struct ditto_wire_complaint *why)
{
	const struct wire_ack *w = buf;

	ack->received = le64_to_cpu(w->received);
	ack->written = le64_to_cpu(w->written);
	ack->durable = le64_to_cpu(w->durable);
	ack->extents_written = le64_to_cpu(w->extents_written);
	ack->extents_durable = le64_to_cpu(w->extents_durable);
	if (ack->written > ack->received)
		return refuse(why, "written", ack->written, ack->received);
	if (ack->durable > ack->written)
		return refuse(why, "durable", ack->durable, ack->written);
	if (ack->extents_durable > ack->extents_written)
		return refuse(why, "extents_durable", ack->extents_durable, ack->extents_written);
	return 0;
}

void ditto_wire_put_start(const struct ditto_wire_start *start, void *buf)
{
	struct wire_start *w = buf;

	memset(w, 0, sizeof(*w));
	w->mode = cpu_to_le32(start->mode);
	w->roster = cpu_to_le32(start->roster);
	w->roster_number = cpu_to_le64(start->roster_number);
	w->generation = cpu_to_le64(start->generation);
	put_history(start->history, &w->history);
	w->position = cpu_to_le64(start->position);
	w->epoch = cpu_to_le64(start->epoch);
	w->logged = cpu_to_le64(start->logged);
}

int ditto_wire_get_start(const void *buf, struct ditto_wire_start *start,
			 struct ditto_wire_complaint *why)
{
	const struct wire_start *w = buf;

	start->mode = le32_to_cpu(w->mode);
	start->roster = le32_to_cpu(w->roster);
	start->roster_number = le64_to_cpu(w->roster_number);
	start->generation = le64_to_cpu(w->generation);
	start->position = le64_to_cpu(w->position);
	start->epoch = le64_to_cpu(w->epoch);
	start->logged = le64_to_cpu(w->logged);
	if (start->mode < DITTO_MODE_MEMBER || start->mode > DITTO_MODE_ASSUMED)
		return refuse(why, "mode", start->mode, DITTO_MODE_ASSUMED);
	if (!start->roster)
		return refuse(why, "roster", start->roster, 1);
	if (!start->generation)
		return refuse(why, "generation", start->generation, 1);
	if (start->logged > start->position)
		return refuse(why, "logged", start->logged, start->position);
	return get_history(&w->history, start->history, why);
}

void ditto_wire_put_roster(const struct ditto_wire_roster *roster, void *buf)
{
	struct wire_roster *w = buf;

	memset(w, 0, sizeof(*w));
	w->roster = cpu_to_le32(roster->roster);
	w->roster_number = cpu_to_le64(roster->roster_number);
	w->generation = cpu_to_le64(roster->generation);
	w->previous = cpu_to_le64(roster->previous);
}

int ditto_wire_get_roster(const void *buf, struct ditto_wire_roster *roster,
			  struct ditto_wire_complaint *why)
{
	const struct wire_roster *w = buf;

	roster->roster = le32_to_cpu(w->roster);
	roster->roster_number = le64_to_cpu(w->roster_number);
	roster->generation = le64_to_cpu(w->generation);
	roster->previous = le64_to_cpu(w->previous);
	if (!roster->roster)
		return refuse(why, "roster", roster->roster, 1);
	if (!roster->roster_number)
		return refuse(why, "roster_number", roster->roster_number, 1);
	if (!roster->generation)
		return refuse(why, "generation", roster->generation, 1);
	if (!roster->previous)
		return refuse(why, "previous", roster->previous, 1);
	if (!all_zero(w->reserved, sizeof(w->reserved)))
		return refuse(why, "reserved", 1, 0);
	return 0;
}

void ditto_wire_put_absent(const struct ditto_wire_absent *absent, void *buf)
{
	struct wire_absent *w = buf;

	memset(w, 0, sizeof(*w));
	w->node = cpu_to_le32(absent->node);
	w->durable = cpu_to_le64(absent->durable);
}

int ditto_wire_get_absent(const void *buf, struct ditto_wire_absent *absent,
			  struct ditto_wire_complaint *why)
{
	const struct wire_absent *w = buf;

	absent->node = le32_to_cpu(w->node);
	absent->durable = le64_to_cpu(w->durable);
	if (absent->node >= NODES)
		return refuse(why, "node", absent->node, NODES - 1);
	if (!all_zero(w->reserved, sizeof(w->reserved)))
		return refuse(why, "reserved", 1, 0);
	return 0;
}

int ditto_wire_get_set(const void *buf, struct ditto_wire_absent *set,
		       struct ditto_wire_complaint *why)
{
	if (ditto_wire_get_absent(buf, set, why))
		return -EPROTO;
	if (set->durable)
		return refuse(why, "durable", set->durable, 0);
	return 0;
}

u32 ditto_wire_put_sums(const struct ditto_wire_sums *sums, void *buf)
{
	struct wire_sums *w = buf;

	memset(w, 0, sizeof(*w));
	w->shift = cpu_to_le32(sums->shift);
	memcpy(w->sums, sums->sums, sums->count * DITTO_WIRE_SUM);
	return DITTO_WIRE_SUMS_BYTES + sums->count * DITTO_WIRE_SUM;
}

int ditto_wire_get_sums(const void *buf, u32 length, u64 offset, u32 size,
			struct ditto_wire_sums *sums, struct ditto_wire_complaint *why)
{
	const struct wire_sums *w = buf;
	u32 block, count;

	if (length < DITTO_WIRE_SUMS_BYTES)
		return refuse(why, "length", length, DITTO_WIRE_SUMS_BYTES);
	sums->shift = le32_to_cpu(w->shift);
	if (!all_zero(w->reserved, sizeof(w->reserved)))
		return refuse(why, "reserved", 1, 0);
	if (sums->shift < DITTO_WIRE_BITS_SHIFT_MIN || sums->shift > DITTO_WIRE_BITS_SHIFT_MAX)
		return refuse(why, "shift", sums->shift, DITTO_WIRE_BITS_SHIFT_MAX);
	block = 1u << sums->shift;
	if (!IS_ALIGNED(offset, block))
		return refuse(why, "offset", offset, block);
	count = ((size - 1) >> sums->shift) + 1;
	if (count > DITTO_WIRE_SUMS_MOST)
		return refuse(why, "size", size, DITTO_WIRE_SUMS_MOST << sums->shift);
	if (length != DITTO_WIRE_SUMS_BYTES + count * DITTO_WIRE_SUM)
		return refuse(why, "length", length,
			      DITTO_WIRE_SUMS_BYTES + count * DITTO_WIRE_SUM);
	sums->count = count;
	memcpy(sums->sums, w->sums, count * DITTO_WIRE_SUM);
	return 0;
}

void ditto_wire_put_differs(u32 differs, void *buf)
{
	__le32 *w = buf;

	*w = cpu_to_le32(differs);
}

int ditto_wire_get_differs(const void *buf, u32 *differs, struct ditto_wire_complaint *why)
{
	const __le32 *w = buf;

	*differs = le32_to_cpu(*w);
	if (!*differs)
		return refuse(why, "differs", 0, 1);
	return 0;
}

static u32 bits_words(const struct ditto_wire_bits *bits)
{
	return bits->fill == DITTO_FILL_WORDS ? (bits->count + 63) >> 6 : 0;
}

u32 ditto_wire_put_bits(const struct ditto_wire_bits *bits, const u64 *words, void *buf)
{
	struct wire_bits *w = buf;
	u32 i, count = bits_words(bits);

	memset(w, 0, sizeof(*w));
	w->node = cpu_to_le32(bits->node);
	w->fill = cpu_to_le32(bits->fill);
	w->shift = cpu_to_le32(bits->shift);
	w->start = cpu_to_le64(bits->start);
	w->count = cpu_to_le64(bits->count);
	for (i = 0; i < count; i++)
		w->words[i] = cpu_to_le64(words[i]);
	return DITTO_WIRE_BITS_BYTES + count * 8;
}

/* Does it say something that can be, of a part of the device? */
static int check_bits(const struct ditto_wire_bits *bits, u64 data_bytes,
		      struct ditto_wire_complaint *why)
{
	u64 most;

	if (bits->node >= NODES)
		return refuse(why, "node", bits->node, NODES - 1);
	if (bits->fill < DITTO_FILL_WORDS || bits->fill > DITTO_FILL_SET)
		return refuse(why, "fill", bits->fill, DITTO_FILL_SET);
	if (bits->shift < DITTO_WIRE_BITS_SHIFT_MIN || bits->shift > DITTO_WIRE_BITS_SHIFT_MAX)
		return refuse(why, "shift", bits->shift, DITTO_WIRE_BITS_SHIFT_MAX);
	if (bits->start & ((64ull << bits->shift) - 1))
		return refuse(why, "start", bits->start, 64ull << bits->shift);
	if (bits->start >= data_bytes)
		return refuse(why, "start", bits->start, data_bytes);
	/* The device's end may cut the last block. */
	most = ((data_bytes - bits->start - 1) >> bits->shift) + 1;
	if (bits->fill == DITTO_FILL_WORDS)
		most = min_t(u64, most, DITTO_WIRE_BITS_MOST);
	if (!bits->count || bits->count > most)
		return refuse(why, "count", bits->count, most);
	return 0;
}

int ditto_wire_get_bits(const void *buf, u32 length, u64 data_bytes, struct ditto_wire_bits *bits,
			u64 *words, struct ditto_wire_complaint *why)
{
	const struct wire_bits *w = buf;
	u32 i, count;

	if (length < DITTO_WIRE_BITS_BYTES)
		return refuse(why, "length", length, DITTO_WIRE_BITS_BYTES);
	bits->node = le32_to_cpu(w->node);
	bits->fill = le32_to_cpu(w->fill);
	bits->shift = le32_to_cpu(w->shift);
	bits->start = le64_to_cpu(w->start);
	bits->count = le64_to_cpu(w->count);
	if (!all_zero(w->reserved, sizeof(w->reserved)))
		return refuse(why, "reserved", 1, 0);
	if (check_bits(bits, data_bytes, why))
		return -EPROTO;
	count = bits_words(bits);
	if (length != DITTO_WIRE_BITS_BYTES + count * 8)
		return refuse(why, "length", length, DITTO_WIRE_BITS_BYTES + count * 8);
	for (i = 0; i < count; i++)
		words[i] = le64_to_cpu(w->words[i]);
	if (count && bits->count & 63 && words[count - 1] >> (bits->count & 63))
		return refuse(why, "words", words[count - 1], 0);
	return 0;
}
