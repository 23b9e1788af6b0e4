// SPDX-License-Identifier: GPL-2.0
#include "account.h"
#include "stream.h"
#include "test.h"

#define NODES		4u
#define BLOCK		4096ull
#define BLOCKS		62u
#define BYTES		(BLOCKS * BLOCK - 512)
#define SHIFT		12u
#define REGION_SHIFT	15u	/* 8 blocks */
#define REGIONS		8u
#define WORDS		(DITTO_WIRE_BITS_MOST / 64)
#define B(block)	(1ull << (block))
#define REGION(number)	(0xffull << (number) * 8 & (B(BLOCKS) - 1))

enum { ME = 1, OTHER = 0, LOST = 2, UNKNOWN = 3 };

static struct ditto_account acc;
static struct ditto_intent log;
static struct ditto_region regions[REGIONS];
static u8 image[DITTO_INTENT_BLOCK];
static u32 buckets[16];
static struct ditto_bits bits[NODES];
static unsigned long words[NODES];
static struct ditto_apply apply;
static struct ditto_apply_item item;

static void setup(void)
{
	static const u8 uuid[16];
	const struct ditto_intent_room room = {
		.regions = regions,
		.images = image,
		.buckets = buckets,
		.bucket_count = ARRAY_SIZE(buckets),
		.blocks = 1,
		.per_block = REGIONS,
	};
	const u64 sequence = 0;
	u32 i;

	memset(&acc, 0, sizeof(acc));
	memset(words, 0, sizeof(words));
	memset(&item, 0, sizeof(item));
	acc.me = ME;
	acc.intent = &log;
	for (i = 0; i < NODES; i++)
		ditto_bits_init(&bits[i], &words[i], BYTES, SHIFT);
	ditto_account_keep(&acc, OTHER, &bits[OTHER]);
	ditto_account_keep(&acc, LOST, &bits[LOST]);
	ditto_intent_init(&log, &room, REGION_SHIFT, BYTES, uuid, &sequence);
	ditto_apply_init(&apply, 0, 1, false);
}

static void commit(void)
{
	u8 block[DITTO_INTENT_BLOCK];
	u32 index, copy;
	LIST_HEAD(ready);

	ditto_intent_commit_begin(&log);
	while (ditto_intent_commit_next(&log, block, &index, &copy))
		;
	ditto_intent_commit_end(&log, &ready);
}

/* A write that this node's disk has done. */
static void wrote(u64 position, u64 block)
{
	struct ditto_intent_user user;

	ditto_intent_take(&log, block * BLOCK, block * BLOCK + 511, position, position, &user);
	commit();
	ditto_intent_put(&log, block * BLOCK, block * BLOCK + 511);
}

/* One that is received, and waits. */
static void received(u64 position, u64 block)
{
	ditto_apply_init(&apply, position - 1, 1, false);
	item.kind = DITTO_ENTRY_WRITE;
	item.flags = DITTO_ITEMF_RANGE;
	item.number = position;
	item.epoch = 1;
	item.range.start = block * BLOCK;
	item.range.last = item.range.start + BLOCK - 1;
	EXPECT_EQ(ditto_apply_receive(&apply, &item), 0);
}

static void absent(u32 node, u64 durable)
{
	const struct ditto_wire_absent message = { node, durable };

	ditto_account_absent(&acc, &message, &apply);
}

static void mark_all(void)
{
	words[OTHER] = words[LOST] = 0;
	ditto_bits_set_all(&bits[OTHER]);
	ditto_bits_set_all(&bits[LOST]);
}

static void a_write(void)
{
	setup();
	ditto_account_write(&acc, 1u << OTHER | 1u << LOST, 0, BLOCK);
	EXPECT_EQ(words[OTHER] | words[LOST], 0);
	ditto_account_write(&acc, 1u << OTHER, BLOCK + 512, BLOCK);
	EXPECT_EQ(words[OTHER], 0);
	EXPECT_EQ(words[LOST], B(1) | B(2));
	ditto_account_write(&acc, 0, BYTES - 512, 512);
	EXPECT_EQ(words[OTHER], B(61));
	EXPECT_EQ(words[LOST], B(1) | B(2) | B(61));
	EXPECT_EQ(words[ME] | words[UNKNOWN], 0);
}

static void a_lost_follower(void)
{
	setup();
	wrote(10, 0);
	wrote(11, 9);
	wrote(12, 61);
	received(13, 20);
	absent(LOST, 10);
	EXPECT_EQ(words[LOST], REGION(1) | REGION(7) | B(20));
	EXPECT_EQ(words[OTHER], 0);
	absent(LOST, 9);
	EXPECT_EQ(words[LOST], REGION(0) | REGION(1) | REGION(7) | B(20));
	absent(OTHER, 13);
	EXPECT_EQ(words[OTHER], 0);
	absent(OTHER, 12);
	EXPECT_EQ(words[OTHER], B(20));
	absent(UNKNOWN, 0);
	absent(ME, 0);
	EXPECT_EQ(words[ME] | words[UNKNOWN], 0);
}

static void a_range_that_is_lacking(void)
{
	setup();
	ditto_account_set(&acc, LOST, BLOCK, BLOCK + 1);
	EXPECT_EQ(words[LOST], B(1) | B(2));
	EXPECT_EQ(words[OTHER], 0);
	ditto_account_set(&acc, ME, 5 * BLOCK, BLOCK);
	EXPECT_EQ(words[LOST], B(1) | B(2) | B(5));
	EXPECT_EQ(words[OTHER], B(5));
	ditto_account_set(&acc, UNKNOWN, 0, BLOCK);
	EXPECT_EQ(words[UNKNOWN] | words[ME], 0);
}

static void equal_copies(void)
{
	setup();
	mark_all();
	ditto_account_equal(&acc, 1u << OTHER | 1u << ME | 1u << UNKNOWN, 0);
	EXPECT_EQ(bits[OTHER].set, 0);
	EXPECT_EQ(bits[LOST].set, BLOCKS);
}

/*
 * Before START others may have been sent what this node never had an entry for:
 * the bits stay until that is settled, and for who is lost they stay for good.
 */
static void equal_when_settled(void)
{
	setup();
	mark_all();
	ditto_account_start(&acc, 100);
	ditto_account_equal(&acc, 1u << OTHER | 1u << LOST, 0);
	ditto_account_settled(&acc, 99);
	EXPECT_EQ(bits[OTHER].set, BLOCKS);
	absent(LOST, 80);
	ditto_account_settled(&acc, 100);
	EXPECT_EQ(bits[OTHER].set, 0);
	EXPECT_EQ(bits[LOST].set, BLOCKS);
	/* From now on at once. */
	ditto_account_equal(&acc, 1u << LOST, 0);
	EXPECT_EQ(bits[LOST].set, 0);
	/* But for a JOIN: what is behind the extents may not be on any disk. */
	mark_all();
	ditto_account_equal(&acc, 1u << LOST, 120);
	ditto_account_settled(&acc, 119);
	EXPECT_EQ(bits[LOST].set, BLOCKS);
	ditto_account_settled(&acc, 120);
	EXPECT_EQ(bits[LOST].set, 0);
}

static void no_more_equal(void)
{
	u32 i;

	for (i = 0; i < 5; i++) {
		setup();
		mark_all();
		ditto_account_start(&acc, 100);
		ditto_account_equal(&acc, 1u << OTHER | 1u << LOST, 0);
		switch (i) {
		case 0:
			ditto_account_write(&acc, 1u << OTHER, 0, BLOCK);
			break;
		case 1:
			ditto_account_set(&acc, LOST, 0, BLOCK);
			break;
		case 2:
			ditto_account_set(&acc, ME, 0, BLOCK);
			break;
		case 3:
			ditto_account_orphans(&acc, 0, 0);
			break;
		case 4:
			ditto_account_start(&acc, 100);
		}
		ditto_account_settled(&acc, 100);
		EXPECT_EQ(bits[LOST].set, BLOCKS);
		EXPECT_EQ(bits[OTHER].set, i < 2 ? 0 : BLOCKS);
	}
}

static void what_is_settled(void)
{
	setup();
	ditto_account_settled(&acc, 12);
	ditto_account_settled(&acc, 11);
	EXPECT_EQ(acc.settled, 12);
	ditto_account_start(&acc, 10);
	ditto_account_settled(&acc, 9);
	EXPECT_EQ(acc.settled, 9);
}

static void handed_over(void)
{
	setup();
	mark_all();
	ditto_account_given(&acc, OTHER);
	ditto_account_given(&acc, UNKNOWN);
	EXPECT_EQ(bits[OTHER].set, 0);
	EXPECT_EQ(bits[LOST].set, BLOCKS);
}

static void without_a_primary(void)
{
	setup();
	ditto_account_start(&acc, 5);
	wrote(10, 0);
	wrote(11, 8);
	wrote(0, 16);
	ditto_account_settled(&acc, 10);
	ditto_account_orphans(&acc, 0, 0);
	EXPECT_EQ(words[OTHER], REGION(1));
	EXPECT_EQ(words[LOST], REGION(1));
	EXPECT_EQ(acc.settled, 0);
	EXPECT_EQ(acc.start, 0);
	words[OTHER] = words[LOST] = 0;
	ditto_account_orphans(&acc, 0, 0);
	EXPECT_EQ(words[OTHER] | words[LOST], 0);
	/* All may cool: bits speak for them. */
	EXPECT_EQ(ditto_intent_cool_begin(&log, 0, U64_MAX), ditto_intent_hot(&log));
}

/* The Primary that leads this node again has bits, and a log, of its own. */
static void the_same_primary(void)
{
	setup();
	ditto_account_start(&acc, 5);
	wrote(10, 0);
	wrote(11, 8);
	wrote(12, 16);
	ditto_account_settled(&acc, 10);
	ditto_account_orphans(&acc, 1u << OTHER, 11);
	EXPECT_EQ(words[LOST], REGION(1) | REGION(2));
	EXPECT_EQ(words[OTHER], REGION(2));
}

/* The log was full of what is unsettled: bits speak, and the regions may cool. */
static void pressed(void)
{
	setup();
	ditto_account_start(&acc, 5);
	ditto_account_equal(&acc, 1u << OTHER | 1u << LOST, 0);
	wrote(10, 0);
	wrote(11, 8);
	ditto_account_settled(&acc, 10);
	ditto_account_press(&acc, 20);
	EXPECT_EQ(words[OTHER], REGION(1));
	EXPECT_EQ(words[LOST], REGION(1));
	EXPECT_EQ(ditto_intent_cool_begin(&log, 10, U64_MAX), ditto_intent_hot(&log));
	ditto_intent_cool_end(&log);
	/* They are lost afterwards, and no region tells any more. */
	ditto_account_equal(&acc, 1u << OTHER | 1u << LOST, 0);
	ditto_account_settled(&acc, 19);
	absent(LOST, 10);
	EXPECT_EQ(words[OTHER], REGION(1));
	ditto_account_settled(&acc, 20);
	EXPECT_EQ(words[OTHER], 0);
	EXPECT_EQ(words[LOST], REGION(1));
}

static void after_a_crash(void)
{
	setup();
	ditto_account_recover(&acc, 1);
	EXPECT_EQ(words[OTHER], REGION(1));
	EXPECT_EQ(words[LOST], REGION(1));
	ditto_account_recover(&acc, 7);
	EXPECT_EQ(words[LOST], REGION(1) | REGION(7));
	ditto_account_recover(&acc, 8);
	ditto_account_recover(&acc, U32_MAX);
	EXPECT_EQ(words[LOST], REGION(1) | REGION(7));
	EXPECT_EQ(words[ME], 0);
}

/* A writes X alone, B gets it by resync, A is gone: B knows that C lacks it. */
static void trace_2(void)
{
	setup();
	ditto_account_start(&acc, 10);
	/* The extent, before it is written. */
	ditto_account_write(&acc, 1u << OTHER, 7 * BLOCK, BLOCK);
	EXPECT_EQ(words[OTHER], 0);
	wrote(0, 7);
	ditto_account_equal(&acc, 1u << OTHER | 1u << ME, 0);
	ditto_account_settled(&acc, 10);
	ditto_account_orphans(&acc, 0, 0);
	EXPECT_TRUE(words[LOST] & B(7));
}

/*
 * Everybody says that C lacks X. C gets w in X, then X, and joins. Whatever B
 * has heard of that when A dies, it is in this order, and somebody knows.
 */
static void trace_5(void)
{
	u32 heard;

	for (heard = 0; heard < 3; heard++) {
		setup();
		ditto_account_start(&acc, 100);
		ditto_account_settled(&acc, 100);
		ditto_bits_set(&bits[LOST], 7 * BLOCK, BLOCK);
		if (heard > 0) {
			received(150, 7);
			ditto_account_write(&acc, 1u << OTHER | 1u << ME | 1u << LOST, 7 * BLOCK,
					    BLOCK);
		}
		if (heard > 1)
			ditto_account_equal(&acc, 1u << OTHER | 1u << ME | 1u << LOST, 0);
		EXPECT_EQ(words[LOST], heard < 2 ? B(7) : 0);
		if (heard > 0)
			wrote(150, 7);
		ditto_account_orphans(&acc, 0, 0);
		EXPECT_TRUE(words[LOST] & B(7));
	}
}

/*
 * r (5) is durable here and not at C, which is lost. p (7) was added before, and
 * sent here after that: what its header says is settled is from before.
 */
static void trace_late_entry(void)
{
	setup();
	ditto_account_start(&acc, 4);
	wrote(5, 8);
	ditto_account_settled(&acc, 4);
	received(7, 20);
	ditto_account_settled(&acc, 4);
	EXPECT_EQ(ditto_intent_cool_begin(&log, acc.settled, U64_MAX), 0);
	absent(LOST, 4);
	EXPECT_EQ(words[LOST], REGION(1) | B(20));
	ditto_account_settled(&acc, 6);
	EXPECT_TRUE(ditto_intent_cool_begin(&log, acc.settled, U64_MAX) > 0);
}

/*
 * The Primary's bits for C are no more than what differs between these two. C
 * was filled from us while it was away, and knows of the Primary alone; then we
 * are filled from the Primary, and C is away.
 */
static void trace_third_bitmap(void)
{
	struct ditto_wire_bits piece = { .node = LOST, .fill = DITTO_FILL_CLEAR, .shift = SHIFT,
					 .count = BLOCKS };

	setup();
	ditto_account_write(&acc, 1u << OTHER, 7 * BLOCK, BLOCK);
	wrote(0, 7);
	ditto_account_merge(&bits[LOST], &piece, NULL, false, NULL, NULL);
	ditto_account_equal(&acc, 1u << OTHER, 0);
	EXPECT_TRUE(words[LOST] & B(7));
}

/* Bitmaps in pieces. */

#define MANY		40000u
#define MANY_WORDS	(MANY / 64 + 2)

static unsigned long from_words[MANY_WORDS], to_words[MANY_WORDS], heard_words[MANY_WORDS];

/* Runs of all lengths, of both kinds. */
static void fill_runs(struct ditto_bits *map, struct test_random *random)
{
	u64 at = 0, size;

	while (at < map->bytes) {
		size = 1ull << test_below(random, 28);
		if (test_below(random, 2))
			ditto_bits_set(map, at, size);
		at += size;
	}
}

static void hear(void *arg, u64 start, u64 size)
{
	struct ditto_bits *heard = arg;

	EXPECT_TRUE(size && start < heard->bytes && size <= heard->bytes - start);
	ditto_bits_set(heard, start, size);
}

/* Over the wire. Return: how many pieces it took. */
static u32 carry(const struct ditto_bits *from, struct ditto_bits *to, bool exact,
		 struct ditto_bits *heard)
{
	struct ditto_wire_bits piece = { .node = 5 }, got;
	struct ditto_wire_complaint why;
	u64 words[WORDS], taken[WORDS];
	u8 buf[DITTO_WIRE_MAX_FIXED];
	u64 at = 0, expected = 0;
	u32 length, count = 0;

	while (ditto_account_pack(from, &at, &piece, words)) {
		EXPECT_EQ(piece.start, expected);
		expected = piece.start + (piece.count << piece.shift);
		EXPECT_EQ(at, expected);
		length = ditto_wire_put_bits(&piece, words, buf);
		if (ditto_wire_get_bits(buf, length, from->bytes, &got, taken, &why)) {
			test_failed(__FILE__, __LINE__, "%s", why.field);
			return 0;
		}
		ditto_account_merge(to, &got, taken, exact, heard ? hear : NULL, heard);
		count++;
	}
	EXPECT_TRUE(expected >= from->bytes);
	return count;
}

static void the_same_bitmap(void)
{
	struct test_random random = { 1 };
	struct ditto_bits from, to, heard;
	u32 round;

	for (round = 0; round < 300; round++) {
		u64 bytes = BLOCK * (1 + test_below(&random, MANY - 1)) - 512;

		memset(from_words, 0, sizeof(from_words));
		memset(to_words, 0, sizeof(to_words));
		memset(heard_words, 0, sizeof(heard_words));
		ditto_bits_init(&from, from_words, bytes, 12);
		ditto_bits_init(&to, to_words, bytes, 12);
		ditto_bits_init(&heard, heard_words, bytes, 12);
		fill_runs(&from, &random);
		fill_runs(&to, &random);
		carry(&from, &to, true, &heard);
		EXPECT_EQ(memcmp(from_words, to_words, sizeof(to_words)), 0);
		EXPECT_EQ(memcmp(from_words, heard_words, sizeof(to_words)), 0);
		EXPECT_EQ(from.set, to.set);
	}
}

static void few_pieces(void)
{
	struct ditto_bits from, to;

	memset(from_words, 0, sizeof(from_words));
	ditto_bits_init(&from, from_words, MANY * BLOCK, 12);
	ditto_bits_init(&to, to_words, MANY * BLOCK, 12);
	EXPECT_EQ(carry(&from, &to, false, NULL), 1);
	ditto_bits_set_all(&from);
	EXPECT_EQ(carry(&from, &to, false, NULL), 1);
	/* A run, a mixed piece, and the rest. */
	ditto_bits_clear(&from, 20000 * BLOCK, BLOCK);
	EXPECT_EQ(carry(&from, &to, false, NULL), 3);
}

/* What must be set in a bitmap of another shift, and what may be. */
static void expect_merged(const struct ditto_bits *from, const struct ditto_bits *to,
			  const unsigned long *before, bool exact)
{
	u64 i, start, size;

	for (i = 0; i < to->count; i++) {
		start = i << to->shift;
		size = 1ull << to->shift;
		if (ditto_bits_any(from, start, size))
			EXPECT_TRUE(test_bit(i, to->words));
		else if (exact)
			/* A part of a coarser block may not be cleared. */
			EXPECT_FALSE(test_bit(i, to->words));
		else
			EXPECT_EQ(test_bit(i, to->words), test_bit(i, before));
	}
}

static void other_shifts(void)
{
	static unsigned long before[MANY_WORDS];
	struct test_random random = { 2 };
	struct ditto_bits from, to;
	u32 round;

	for (round = 0; round < 300; round++) {
		u64 bytes = BLOCK * (1 + test_below(&random, MANY - 1)) - 512;
		bool exact = round & 1;

		memset(from_words, 0, sizeof(from_words));
		memset(to_words, 0, sizeof(to_words));
		ditto_bits_init(&from, from_words, bytes, 12 + test_below(&random, 9));
		ditto_bits_init(&to, to_words, bytes, 12 + test_below(&random, 9));
		fill_runs(&from, &random);
		fill_runs(&to, &random);
		memcpy(before, to_words, sizeof(before));
		carry(&from, &to, exact, NULL);
		expect_merged(&from, &to, before, exact);
	}
}

/* No block of a coarser bitmap is in two pieces, or none of them would clear it. */
static void whole_coarse_blocks(void)
{
	struct ditto_bits from, to;

	memset(from_words, 0, sizeof(from_words));
	memset(to_words, 0, sizeof(to_words));
	ditto_bits_init(&from, from_words, MANY * BLOCK, 12);
	ditto_bits_init(&to, to_words, MANY * BLOCK, 20);
	ditto_bits_set_all(&to);
	ditto_bits_set(&from, 8100 * BLOCK, BLOCK);
	EXPECT_EQ(carry(&from, &to, true, NULL), 3);
	EXPECT_EQ(to.set, 1);
	EXPECT_TRUE(test_bit(8100 / 256, to_words));
}

/* A piece that is longer than the device that it is added to, however it came. */
static void beyond_the_device(void)
{
	struct ditto_wire_bits piece = { .fill = DITTO_FILL_SET, .shift = 12, .count = 64 };
	struct ditto_bits to, heard;
	unsigned long small[2] = {};

	ditto_bits_init(&to, small, 10 * BLOCK + 512, 12);
	ditto_bits_init(&heard, from_words, 10 * BLOCK + 512, 12);
	ditto_account_merge(&to, &piece, NULL, false, hear, &heard);
	EXPECT_EQ(to.set, 11);
	EXPECT_EQ(small[0], B(11) - 1);
	ditto_bits_clear_all(&to);
	piece.start = 11 * BLOCK;
	ditto_account_merge(&to, &piece, NULL, false, hear, &heard);
	piece.start = 10 * BLOCK + 512;
	ditto_account_merge(&to, &piece, NULL, false, hear, &heard);
	piece.start = ~0ull << 20;
	ditto_account_merge(&to, &piece, NULL, false, hear, &heard);
	EXPECT_EQ(to.set, 0);
	EXPECT_EQ(small[0] | small[1], 0);
}

/* From the middle: the start is a multiple of 64 blocks, and not of more. */
static void pack_from_the_middle(void)
{
	struct ditto_wire_bits piece;
	struct ditto_bits from;
	u64 taken[WORDS], at = 64 * BLOCK;

	memset(from_words, 0, sizeof(from_words));
	ditto_bits_init(&from, from_words, MANY * BLOCK, 12);
	ditto_bits_set(&from, 70 * BLOCK, BLOCK);
	EXPECT_TRUE(ditto_account_pack(&from, &at, &piece, taken));
	EXPECT_EQ(piece.fill, DITTO_FILL_WORDS);
	EXPECT_EQ(piece.count, DITTO_WIRE_BITS_MOST);
	EXPECT_EQ(taken[0], B(6));
	EXPECT_TRUE(ditto_account_pack(&from, &at, &piece, taken));
	EXPECT_EQ(piece.fill, DITTO_FILL_CLEAR);
	EXPECT_FALSE(ditto_account_pack(&from, &at, &piece, taken));
}

const struct test account_tests[] = {
	{ "G2: a write sets bits for all that are not sent it", a_write },
	{ "G2: a lost follower lacks what was not durable there", a_lost_follower },
	{ "G2: SET", a_range_that_is_lacking },
	{ "G2: equal copies have no bits for each other", equal_copies },
	{ "G2: but only once all from before START is settled", equal_when_settled },
	{ "G2: and not if something is missing before that", no_more_equal },
	{ "G2: what is settled does not become less", what_is_settled },
	{ "G2: a target has handed over what it knew", handed_over },
	{ "G2: what is unsettled without a Primary", without_a_primary },
	{ "G2: what is unsettled for the Primary that is back", the_same_primary },
	{ "G2: a log that is full of what is unsettled", pressed },
	{ "G2: what was hot before a crash", after_a_crash },
	{ "G2: trace 2, the third node", trace_2 },
	{ "G2: trace 5, a late clear", trace_5 },
	{ "G2: an entry from before a follower was lost", trace_late_entry },
	{ "G2: what a third node alone knows", trace_third_bitmap },
	{ "G2: a bitmap in pieces is the same bitmap", the_same_bitmap },
	{ "G2: in few pieces", few_pieces },
	{ "G2: bitmaps of other granularity", other_shifts },
	{ "G2: pieces are whole blocks of the coarsest bitmap", whole_coarse_blocks },
	{ "G2: pieces beyond the device", beyond_the_device },
	{ "G2: a piece from the middle", pack_from_the_middle },
	{ }
};
