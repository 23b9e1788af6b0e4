/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What two nodes say to each other.
 *
 * A connection is three TCP sockets, its lanes, which the daemons have set up
 * and paired. On each lane messages follow one another: a header of
 * DITTO_WIRE_HEADER bytes, then header.length bytes of payload. Everything is
 * little endian. A message that breaks a rule of this file ends the
 * connection: nothing is skipped, nothing is repaired.
 *
 * lane		from the primary	from a secondary	both ways
 * control	READ_AT			ACK, BITMAP, READY,	HELLO, STATE, PING,
 *					VERIFY_SUMS, READ_ASK,	PONG, BYE
 *					EXTENT_DIFFERS
 * writes	START, WRITE, DISCARD,
 *		ZEROES, FLUSH, ROSTER,
 *		JOIN, ABSENT, SET,
 *		BITS, SETTLED
 * bulk		EXTENT, EXTENT_ZERO,
 *		EXTENT_SUMS, VERIFY_ASK
 *
 * HELLO is the first message on the control lane, in both directions, and
 * nothing else is sent before the peer's HELLO has been accepted. START is the
 * first on the writes lane. WRITE, DISCARD, ZEROES, FLUSH, ROSTER, JOIN, ABSENT,
 * SET and BITS are the entries of the stream: their positions follow each other
 * without a gap. SETTLED is none: it says between two of them what is settled.
 *
 * Between START and READY a target hands over what it knows itself to differ
 * in from the primary, as BITMAP messages.
 *
 * An EXTENT_SUMS is an extent as EXTENT is, with its number and its place in the
 * order, but instead of the data it carries a BLAKE2s-256 of each block. Where
 * blocks differ from the target's, EXTENT_DIFFERS says so before the first ACK
 * that acknowledges the extent as written.
 *
 * Nothing here allocates, locks or sleeps.
 */
#ifndef DITTO_CORE_WIRE_H
#define DITTO_CORE_WIRE_H

#include "blocksize.h"
#include "port.h"

#define DITTO_WIRE_MAGIC	0x6f747469u	/* "itto" on the wire */
#define DITTO_WIRE_VERSION_MIN	1u
#define DITTO_WIRE_VERSION_MAX	1u
#define DITTO_WIRE_HEADER	96u		/* bytes */

/* Most bytes of a WRITE, and of an EXTENT with data or without. */
#define DITTO_WIRE_MAX_WRITE	(1u << 20)
#define DITTO_WIRE_MAX_EXTENT	(1u << 20)
/* Most bytes that one DISCARD or ZEROES covers. */
#define DITTO_WIRE_MAX_RANGE	(1u << 30)
/* Most bytes that one VERIFY_ASK covers, and the bytes of one checksum. */
#define DITTO_WIRE_MAX_VERIFY	(1u << 20)
#define DITTO_WIRE_VERIFY_BLOCK	4096u
#define DITTO_WIRE_HISTORY	16u

enum ditto_wire_lane {
	DITTO_LANE_CONTROL,
	DITTO_LANE_WRITES,
	DITTO_LANE_BULK,
	DITTO_LANES,
};

enum ditto_wire_type {
	DITTO_WIRE_HELLO = 1,	/* payload: struct ditto_wire_hello */
	DITTO_WIRE_STATE,	/* payload: struct ditto_wire_state */
	DITTO_WIRE_PING,	/* answered by PONG with the same position */
	DITTO_WIRE_PONG,
	DITTO_WIRE_BYE,		/* position: enum ditto_wire_bye; last message */
	DITTO_WIRE_ACK,		/* payload: struct ditto_wire_ack */
	DITTO_WIRE_READY,	/* position: that of START; recorded, begin */
	DITTO_WIRE_READ_ASK,	/* a secondary's reader: position: a number of its own */
	DITTO_WIRE_READ_AT,	/* position: that number; overlap: apply so far first */
	DITTO_WIRE_START,	/* payload: struct ditto_wire_start */
	DITTO_WIRE_WRITE,	/* payload: size bytes */
	DITTO_WIRE_DISCARD,
	DITTO_WIRE_ZEROES,
	DITTO_WIRE_FLUSH,
	DITTO_WIRE_ROSTER,	/* payload: struct ditto_wire_roster */
	DITTO_WIRE_JOIN,	/* payload: struct ditto_wire_roster; the target is a member */
	DITTO_WIRE_EXTENT,	/* payload: size bytes */
	DITTO_WIRE_EXTENT_ZERO,
	DITTO_WIRE_VERIFY_ASK,
	DITTO_WIRE_VERIFY_SUMS,	/* payload: a __le32 for each DITTO_WIRE_VERIFY_BLOCK */
	DITTO_WIRE_ABSENT,	/* payload: struct ditto_wire_absent */
	DITTO_WIRE_SET,		/* payload: struct ditto_wire_absent; with a range */
	DITTO_WIRE_BITS,	/* payload: struct ditto_wire_bits, words */
	DITTO_WIRE_SETTLED,	/* only the header's settled */
	DITTO_WIRE_BITMAP,	/* payload: struct ditto_wire_bits, words; node: the sender */
	DITTO_WIRE_READ,	/* a node without a disk: epoch: a number of its own */
	DITTO_WIRE_READ_DATA,	/* epoch: that number; payload: size bytes */
	DITTO_WIRE_READ_FAILED,	/* epoch: that number; ask another */
	DITTO_WIRE_EXTENT_SUMS,	/* payload: struct ditto_wire_sums */
	DITTO_WIRE_EXTENT_DIFFERS, /* payload: a __le32 with a bit for each block; not 0 */
	DITTO_WIRE_TYPES,
};

enum ditto_wire_bye {
	DITTO_BYE_DISCONNECT = 1,	/* the administrator asked for it */
	DITTO_BYE_REFUSED,		/* the handshake: see the log of the sender */
	DITTO_BYE_DIVERGED,
	DITTO_BYE_PROTOCOL,
	DITTO_BYE_DISK,			/* the sender's disk has failed */
	DITTO_BYE_DOWN,
};

/* Header flags. */
#define DITTO_WIREF_DURABLE	(1u << 0)	/* acknowledge as durable without delay */
#define DITTO_WIREF_GUARD	(1u << 1)	/* crosses an extent on its way: remember it */
#define DITTO_WIREF_CRC		(1u << 2)	/* payload_crc is set; only with a payload */
#define DITTO_WIREF_SYNC_END	(1u << 3)	/* EXTENT*: the last for now, flush and say so */
/* VERIFY_SUMS: that disk cannot read the range, and differs in all of it */
#define DITTO_WIREF_UNREADABLE	(1u << 4)
#define DITTO_WIREF_KNOWN	0x1fu

/**
 * struct ditto_wire_header - a message's header in host order
 * @type: enum ditto_wire_type
 * @lane: enum ditto_wire_lane, must be that of the socket
 * @flags: DITTO_WIREF_*
 * @length: bytes of payload that follow
 * @payload_crc: CRC32C of the payload with DITTO_WIREF_CRC, else 0
 * @sequence: of the message on this lane and direction, from 0; any gap is an error
 * @cookie: of the connection's session
 * @position: of the entry; of extents and VERIFY_ASK: the stream position at
 *	which the data was read; else as the type says
 * @epoch: of the entry; of extents: the extent's number, from 1 without gaps,
 *	which EXTENT_DIFFERS repeats with the range; of VERIFY_ASK and VERIFY_SUMS: the question's number
 * @overlap: position of the newest earlier entry whose range overlaps, 0 if
 *	none; of extents: the floor, below which no extent will be read
 * @offset: bytes, of ranges; VERIFY_SUMS repeats the range of its question
 * @size: bytes, of ranges
 * @followers: of WRITE, DISCARD and ZEROES: a bit for each node whose disk gets
 *	it, the primary's own included; all others lack it from now on
 * @settled: of entries, below their position, and of SETTLED: everything up to
 *	it is settled
 * @volume: always 0 in this version
 */
struct ditto_wire_header {
	u8 type;
	u8 lane;
	u16 flags;
	u32 length;
	u32 payload_crc;
	u32 sequence;
	u64 cookie;
	u64 position;
	u64 epoch;
	u64 overlap;
	u64 offset;
	u32 size;
	u32 followers;
	u64 settled;
	u16 volume;
};

/* struct ditto_wire_state.flags */
#define DITTO_STATEF_PRIMARY		(1u << 0)
#define DITTO_STATEF_INCONSISTENT	(1u << 1)
#define DITTO_STATEF_OUTDATED		(1u << 2)
#define DITTO_STATEF_UNCLEAN		(1u << 3)
#define DITTO_STATEF_DISKLESS		(1u << 4)
#define DITTO_STATEF_FAILED		(1u << 5)
#define DITTO_STATEF_USED		(1u << 6)
#define DITTO_STATEF_KNOWN		0x7fu

/**
 * struct ditto_wire_state - how a node's copy stands, in host order
 * @flags: DITTO_STATEF_*
 * @roster: a bit for each node id, of the newest roster known
 * @roster_number: its number
 * @generation: current, 0 where the disk holds no copy that counts
 * @history: earlier ones, newest first, 0 ends
 * @position: everything up to it has been applied, nothing beyond it
 * @attach_id: random at each attach: the same id means that nothing which the
 *	disk's cache held can have been lost since
 * @device_block: bytes of a logical block of its device, 0 where it has none
 */
struct ditto_wire_state {
	u32 flags;
	u32 roster;
	u64 roster_number;
	u64 generation;
	u64 history[DITTO_WIRE_HISTORY];
	u64 position;
	u64 attach_id;
	u32 device_block;
};

/**
 * struct ditto_wire_hello - the handshake, in host order
 * @version_min: lowest protocol version spoken
 * @version_max: highest
 * @features: bits of what is spoken beyond the version; none yet
 * @resource_uuid: must be equal
 * @from: node id of the sender
 * @to: node id of the receiver
 * @data_bytes: size of the sender's copy; must be equal in this version
 * @logical_block: bytes, of its disk; see blocksize.h
 * @physical_block: bytes
 * @max_io: bytes of the largest WRITE it will take
 * @discard_zeroes: 1: a discarded block reads as zeroes there
 * @timeout_ms: after this long without a word the sender ends the connection
 * @in_use: 1: its device is open
 * @state: how its copy stands
 */
struct ditto_wire_hello {
	u32 version_min;
	u32 version_max;
	u64 features;
	u8 resource_uuid[16];
	u32 from;
	u32 to;
	u64 data_bytes;
	u32 logical_block;
	u32 physical_block;
	u32 max_io;
	u32 discard_zeroes;
	u32 timeout_ms;
	u32 in_use;
	struct ditto_wire_state state;
};

/**
 * struct ditto_wire_ack - what a secondary has, in host order
 * @received: entries up to it are in its memory
 * @written: and up to here on its disk as a completed write is
 * @durable: and up to here will survive its disk's power cut
 * @extents_written: extents up to this number are written
 * @extents_durable: and up to here durable
 */
struct ditto_wire_ack {
	u64 received;
	u64 written;
	u64 durable;
	u64 extents_written;
	u64 extents_durable;
};

/* struct ditto_wire_start.mode */
enum ditto_wire_mode {
	DITTO_MODE_MEMBER = 1,	/* copies are equal: from here on you count */
	DITTO_MODE_TARGET,	/* a resync follows: record Inconsistent */
	/* As MEMBER, by the administrator's word: neither has ever held data. */
	DITTO_MODE_ASSUMED,
};

/**
 * struct ditto_wire_start - the primary opens the stream, in host order
 * @mode: enum ditto_wire_mode
 * @roster: a bit for each node id
 * @roster_number: its number
 * @generation: current
 * @history: earlier ones
 * @position: the first entry is the one after it
 * @epoch: of that entry, at least
 * @logged: what was written up to here is in the Primary's intent log until it is
 *	settled
 */
struct ditto_wire_start {
	u32 mode;
	u32 roster;
	u64 roster_number;
	u64 generation;
	u64 history[DITTO_WIRE_HISTORY];
	u64 position;
	u64 epoch;
	u64 logged;
};

/**
 * struct ditto_wire_roster - a new roster, in host order
 * @roster: a bit for each node id
 * @roster_number: its number, one higher than the last
 * @generation: that opens with it, or the current one where none does
 * @previous: the generation before this message
 */
struct ditto_wire_roster {
	u32 roster;
	u64 roster_number;
	u64 generation;
	u64 previous;
};

/**
 * struct ditto_wire_absent - a disk lacks something, in host order
 * @node: whose; in ABSENT not the receiver's
 * @durable: of ABSENT: it is sent nothing any more, and of what it was sent it
 *	lacks at most what is behind this position; 0 in SET: it lacks the range
 */
struct ditto_wire_absent {
	u32 node;
	u64 durable;
};

/* struct ditto_wire_bits.fill */
enum ditto_wire_fill {
	DITTO_FILL_WORDS = 1,	/* the bits follow, 64 to a __le64, lowest first */
	DITTO_FILL_CLEAR,	/* all clear */
	DITTO_FILL_SET,		/* all set */
};

/**
 * struct ditto_wire_bits - a piece of a dirty bitmap, in host order
 * @node: whose copy lacks what is set
 * @fill: enum ditto_wire_fill
 * @shift: log2 of the bytes that a bit covers, as at the sender
 * @start: bytes, a multiple of 64 bits' worth: of the first bit
 * @count: bits; of DITTO_FILL_WORDS at most DITTO_WIRE_BITS_MOST
 */
struct ditto_wire_bits {
	u32 node;
	u32 fill;
	u32 shift;
	u64 start;
	u64 count;
};

/* Bytes of a checksum, and the most of them in a message. */
#define DITTO_WIRE_SUM		32u
#define DITTO_WIRE_SUMS_MOST	32u

/**
 * struct ditto_wire_sums - an extent to be compared, in host order
 * @shift: log2 of the bytes of a block, DITTO_WIRE_BITS_SHIFT_MIN to _MAX
 * @count: of blocks; the extent's end cuts the last one
 * @sums: BLAKE2s-256 of each
 */
struct ditto_wire_sums {
	u32 shift;
	u32 count;
	u8 sums[DITTO_WIRE_SUMS_MOST][DITTO_WIRE_SUM];
};

#define DITTO_WIRE_ABSENT_BYTES	16u
/* Without the checksums. */
#define DITTO_WIRE_SUMS_BYTES	8u
#define DITTO_WIRE_DIFFERS_BYTES 4u
/* Without the words. */
#define DITTO_WIRE_BITS_BYTES	32u
#define DITTO_WIRE_BITS_MOST	7680u	/* bits of one message: 960 bytes */
#define DITTO_WIRE_BITS_SHIFT_MIN 12u
#define DITTO_WIRE_BITS_SHIFT_MAX 20u
#define DITTO_WIRE_STATE_BYTES	176u
#define DITTO_WIRE_HELLO_BYTES	256u
#define DITTO_WIRE_ACK_BYTES	40u
#define DITTO_WIRE_START_BYTES	176u
#define DITTO_WIRE_ROSTER_BYTES	32u
/* A buffer of this size holds every payload but those of bulk data. */
#define DITTO_WIRE_MAX_FIXED	(DITTO_WIRE_SUMS_BYTES + DITTO_WIRE_SUMS_MOST * DITTO_WIRE_SUM)
#define DITTO_WIRE_MAX_SUMS	(DITTO_WIRE_MAX_VERIFY / DITTO_WIRE_VERIFY_BLOCK * 4u)

/**
 * struct ditto_wire_context - what a received header is checked against
 * @lane: of the socket
 * @cookie: of the session
 * @sequence: the next expected on this lane
 * @block: bytes of a logical block of the disk here: ranges are whole ones
 * @data_bytes: size of the device; 0 while only HELLO is expected
 */
struct ditto_wire_context {
	u8 lane;
	u32 block;
	u64 cookie;
	u32 sequence;
	u64 data_bytes;
};

/**
 * struct ditto_wire_complaint - why a message was refused
 * @field: name of the field
 * @found: its value
 * @expected: the value, or the bound it breaks
 */
struct ditto_wire_complaint {
	const char *field;
	u64 found;
	u64 expected;
};

/* Write @h, DITTO_WIRE_HEADER bytes with its checksum, to @buf. */
void ditto_wire_encode(const struct ditto_wire_header *h, void *buf);

/**
 * ditto_wire_decode() - check a header from the network and take its values
 * @buf: DITTO_WIRE_HEADER bytes, hostile
 * @ctx: what it must agree with
 * @h: written only when the header is sound
 * @why: what was wrong
 *
 * Checked: magic, CRC32C, type, lane (the socket's, and one the type belongs
 * to), flags, cookie, sequence, volume, length for the type; ranges are whole
 * blocks, not empty, within the device and the type's bound; a WRITE's and an
 * EXTENT's length is their size, VERIFY_SUMS' fits its size, that of BITS and
 * BITMAP is whole words, that of EXTENT_SUMS whole checksums; positions and numbers that count from 1 are not 0, nor
 * are followers, nor SETTLED's settled; an entry's overlap and settled < its
 * position, an extent's floor <= its position; fields that the type does not use
 * are zero; HELLO is the first message of its lane, and the only one without
 * data_bytes.
 *
 * Return: 0, -EPROTO.
 */
int ditto_wire_decode(const void *buf, const struct ditto_wire_context *ctx,
		      struct ditto_wire_header *h, struct ditto_wire_complaint *why);

/*
 * Payloads. The put functions write exactly DITTO_WIRE_..._BYTES; the get
 * functions read as many, refuse unknown flags, modes, versions with
 * min > max, node ids and rosters out of range, non-zero reserved bytes, acks
 * with durable > written or written > received, and return 0 or -EPROTO with
 * @why filled.
 */
void ditto_wire_put_hello(const struct ditto_wire_hello *hello, void *buf);
int ditto_wire_get_hello(const void *buf, struct ditto_wire_hello *hello,
			 struct ditto_wire_complaint *why);
void ditto_wire_put_state(const struct ditto_wire_state *state, void *buf);
int ditto_wire_get_state(const void *buf, struct ditto_wire_state *state,
			 struct ditto_wire_complaint *why);
void ditto_wire_put_ack(const struct ditto_wire_ack *ack, void *buf);
int ditto_wire_get_ack(const void *buf, struct ditto_wire_ack *ack,
		       struct ditto_wire_complaint *why);
void ditto_wire_put_start(const struct ditto_wire_start *start, void *buf);
int ditto_wire_get_start(const void *buf, struct ditto_wire_start *start,
			 struct ditto_wire_complaint *why);
void ditto_wire_put_absent(const struct ditto_wire_absent *absent, void *buf);
int ditto_wire_get_absent(const void *buf, struct ditto_wire_absent *absent,
			  struct ditto_wire_complaint *why);
/* The payload of SET: durable is 0. */
int ditto_wire_get_set(const void *buf, struct ditto_wire_absent *set,
		       struct ditto_wire_complaint *why);
/*
 * @words: of DITTO_FILL_WORDS: DIV_ROUND_UP(count, 64) of them, host order; else
 * not looked at. put returns the bytes of the payload. get refuses a @length
 * that does not fit what it says, a @start that is not a multiple of 64 blocks,
 * and bits beyond @data_bytes; @words has room for DITTO_WIRE_BITS_MOST bits.
 */
u32 ditto_wire_put_bits(const struct ditto_wire_bits *bits, const u64 *words, void *buf);
int ditto_wire_get_bits(const void *buf, u32 length, u64 data_bytes, struct ditto_wire_bits *bits,
			u64 *words, struct ditto_wire_complaint *why);
/*
 * put returns the bytes of the payload. get refuses a @length that does not fit
 * the extent [@offset, @offset + @size), and an extent that does not begin with a
 * block or has too many.
 */
u32 ditto_wire_put_sums(const struct ditto_wire_sums *sums, void *buf);
int ditto_wire_get_sums(const void *buf, u32 length, u64 offset, u32 size,
			struct ditto_wire_sums *sums, struct ditto_wire_complaint *why);
void ditto_wire_put_differs(u32 differs, void *buf);
int ditto_wire_get_differs(const void *buf, u32 *differs, struct ditto_wire_complaint *why);
void ditto_wire_put_roster(const struct ditto_wire_roster *roster, void *buf);
int ditto_wire_get_roster(const void *buf, struct ditto_wire_roster *roster,
			  struct ditto_wire_complaint *why);

/* The type's name, for logs and traces; "?" for one that does not exist. */
const char *ditto_wire_type_name(u8 type);

#endif /* DITTO_CORE_WIRE_H */
