// SPDX-License-Identifier: GPL-2.0
/* Extents that go as checksums first. */
#include "resync.h"
#include "test.h"

#define KIB		1024ull
#define BLOCK		(16 * KIB)
#define DEVICE		(1024 * KIB)

static unsigned long words[16];
static struct ditto_bits bits;
static struct ditto_resync plan;
static struct list_head released;

static void make(u64 bytes)
{
	memset(words, 0, sizeof(words));
	ditto_bits_init(&bits, words, bytes, 14);
	ditto_bits_set_all(&bits);
	ditto_resync_init(&plan, &bits, 512 * KIB);
	ditto_resync_compare(&plan, true);
	INIT_LIST_HEAD(&released);
}

static void send(struct ditto_extent *e)
{
	EXPECT_TRUE(ditto_resync_next(&plan, e, 100));
	ditto_resync_send(&plan, e);
}

static int differs(const struct ditto_extent *e, u32 blocks)
{
	return ditto_resync_differs(&plan, e->number, e->start, e->size, blocks);
}

static void all_equal(void)
{
	struct ditto_extent e[2] = {};

	make(DEVICE);
	send(&e[0]);
	send(&e[1]);
	EXPECT_TRUE(e[0].compare && e[1].compare);
	EXPECT_EQ(ditto_resync_acked(&plan, 2, 1, &released), 0);
	EXPECT_EQ(bits.set, 32);
	EXPECT_EQ(ditto_resync_bytes(&plan, &e[0]), 512 * KIB);
	EXPECT_EQ(ditto_resync_acked(&plan, 2, 2, &released), 0);
	EXPECT_TRUE(ditto_resync_finished(&plan));
}

static void some_differ(void)
{
	struct ditto_extent e = {}, run[3] = {};

	make(512 * KIB);
	send(&e);
	EXPECT_EQ(differs(&e, 0x8000000d), 0);
	EXPECT_FALSE(ditto_resync_all_sent(&plan));
	EXPECT_EQ(ditto_resync_acked(&plan, 1, 1, &released), 0);
	/* The blocks that are equal are proven, and no others. */
	EXPECT_EQ(bits.set, 4);
	EXPECT_TRUE(ditto_bits_any(&bits, 0, BLOCK));
	EXPECT_FALSE(ditto_bits_any(&bits, BLOCK, BLOCK));
	EXPECT_TRUE(ditto_bits_any(&bits, 2 * BLOCK, BLOCK));
	EXPECT_TRUE(ditto_bits_any(&bits, 31 * BLOCK, BLOCK));
	EXPECT_EQ(ditto_resync_bytes(&plan, &e), 28 * BLOCK);
	EXPECT_TRUE(list_empty(&released));
	send(&run[0]);
	send(&run[1]);
	send(&run[2]);
	EXPECT_TRUE(ditto_resync_all_sent(&plan));
	EXPECT_EQ(run[0].start, 0);
	EXPECT_EQ(run[0].size, BLOCK);
	EXPECT_EQ(run[1].start, 2 * BLOCK);
	EXPECT_EQ(run[1].size, 2 * BLOCK);
	EXPECT_EQ(run[2].start, 31 * BLOCK);
	EXPECT_FALSE(run[0].compare || run[1].compare || run[2].compare);
	EXPECT_EQ(ditto_resync_acked(&plan, 4, 3, &released), 0);
	EXPECT_EQ(bits.set, 1);
	EXPECT_EQ(ditto_resync_acked(&plan, 4, 4, &released), 0);
	EXPECT_TRUE(ditto_resync_finished(&plan));
}

/* What differs is not sent in larger extents than others are. */
static void runs_are_limited(void)
{
	struct ditto_extent e = {}, run = {};

	make(512 * KIB);
	send(&e);
	EXPECT_EQ(differs(&e, ~0u), 0);
	ditto_resync_limit(&plan, 64 * KIB);
	send(&run);
	EXPECT_EQ(run.start, 0);
	EXPECT_EQ(run.size, 64 * KIB);
	send(&run);
	EXPECT_EQ(run.start, 64 * KIB);
}

static void the_end_cuts(void)
{
	struct ditto_extent e = {}, run = {};

	make(40 * KIB);
	send(&e);
	EXPECT_EQ(e.size, 40 * KIB);
	EXPECT_EQ(differs(&e, 8), -EPROTO);
	EXPECT_EQ(differs(&e, 4), 0);
	EXPECT_EQ(ditto_resync_acked(&plan, 1, 1, &released), 0);
	EXPECT_EQ(bits.set, 1);
	EXPECT_EQ(ditto_resync_bytes(&plan, &e), 32 * KIB);
	send(&run);
	EXPECT_EQ(run.start, 32 * KIB);
	EXPECT_EQ(run.size, 8 * KIB);
	EXPECT_EQ(ditto_resync_acked(&plan, 2, 2, &released), 0);
	EXPECT_TRUE(ditto_resync_finished(&plan));
}

static void spoiled_proves_nothing(void)
{
	struct ditto_extent e = {}, run = {};

	make(512 * KIB);
	send(&e);
	EXPECT_EQ(differs(&e, 1), 0);
	ditto_resync_mark(&plan, 5 * BLOCK, 512);
	send(&run);
	EXPECT_EQ(ditto_resync_acked(&plan, 2, 2, &released), 0);
	EXPECT_EQ(bits.set, 31);
	EXPECT_FALSE(ditto_resync_finished(&plan));
	/* In the next round. */
	send(&e);
	EXPECT_EQ(e.start, BLOCK);
	EXPECT_TRUE(e.compare);
}

static void refuses(void)
{
	struct ditto_extent e = {}, plain = {}, reading = {};

	make(DEVICE);
	send(&e);
	ditto_resync_compare(&plan, false);
	ditto_resync_limit(&plan, 64 * KIB);
	send(&plain);
	EXPECT_TRUE(ditto_resync_next(&plan, &reading, 100));
	EXPECT_EQ(differs(&plain, 1), -EPROTO);
	EXPECT_EQ(ditto_resync_differs(&plan, 0, reading.start, reading.size, 1), -EPROTO);
	EXPECT_EQ(ditto_resync_differs(&plan, 3, 0, 512 * KIB, 1), -EPROTO);
	EXPECT_EQ(ditto_resync_differs(&plan, 1, BLOCK, 512 * KIB, 1), -EPROTO);
	EXPECT_EQ(ditto_resync_differs(&plan, 1, 0, BLOCK, 1), -EPROTO);
	EXPECT_EQ(differs(&e, 0), -EPROTO);
	EXPECT_EQ(differs(&e, 1), 0);
	EXPECT_EQ(differs(&e, 2), -EPROTO);
	make(DEVICE);
	send(&e);
	EXPECT_EQ(ditto_resync_acked(&plan, 1, 0, &released), 0);
	EXPECT_EQ(differs(&e, 1), -EPROTO);
}

static void lost(void)
{
	struct ditto_extent e = {}, run = {};

	make(512 * KIB);
	send(&e);
	EXPECT_EQ(differs(&e, 0xff00ff), 0);
	send(&run);
	ditto_resync_clear(&plan, &released);
	EXPECT_EQ(bits.set, 32);
	EXPECT_EQ(plan.inflight, 0);
	EXPECT_TRUE(list_empty(&plan.differing));
}

static void small_blocks(void)
{
	struct ditto_extent e = {};

	make(512 * KIB);
	ditto_bits_init(&bits, words, DEVICE, 12);
	ditto_bits_set_all(&bits);
	ditto_resync_init(&plan, &bits, 512 * KIB);
	ditto_resync_compare(&plan, true);
	send(&e);
	EXPECT_EQ(e.size, 128 * KIB);
}

const struct test resync_compare_tests[] = {
	{ "G2: equal blocks are proven by the acknowledgement", all_equal },
	{ "G2: blocks that differ are not, and are sent", some_differ },
	{ "blocks that differ go in extents of the wanted size", runs_are_limited },
	{ "the device's end cuts the last block", the_end_cuts },
	{ "G2: a bit set after the read is not cleared by a comparison", spoiled_proves_nothing },
	{ "G9: words of what was not to be compared are refused", refuses },
	{ "G2: a lost connection leaves all bits", lost },
	{ "no more blocks than a message has checksums", small_blocks },
	{ }
};
