// SPDX-License-Identifier: GPL-2.0
#include "resync.h"
#include "test.h"

#define KIB		1024ull
#define EXTENT		(64 * KIB)
#define DEVICE		(1024 * KIB)

static unsigned long words[16];
static struct ditto_bits bits;
static struct ditto_resync plan;
static struct list_head released;

static void make(u64 bytes)
{
	memset(words, 0, sizeof(words));
	ditto_bits_init(&bits, words, bytes, 14);
	INIT_LIST_HEAD(&released);
}

static u32 count_released(void)
{
	struct list_head *link;
	u32 count = 0;

	for (link = released.next; link != &released; link = link->next)
		count++;
	return count;
}

static void fills_a_device(void)
{
	struct ditto_extent e[32] = {};
	u32 count = 0;
	u64 next = 0;

	make(DEVICE - 4 * KIB);
	ditto_bits_set_all(&bits);
	ditto_resync_init(&plan, &bits, EXTENT);
	EXPECT_EQ(plan.total, DEVICE - 4 * KIB);
	while (ditto_resync_next(&plan, &e[count], 100)) {
		EXPECT_EQ(e[count].start, next);
		next += e[count].size;
		ditto_resync_send(&plan, &e[count]);
		EXPECT_EQ(e[count].number, ++count);
	}
	EXPECT_EQ(count, 16);
	EXPECT_EQ(next, DEVICE - 4 * KIB);
	EXPECT_EQ(plan.inflight, next);
	EXPECT_EQ(ditto_resync_acked(&plan, 16, 15, &released), 0);
	EXPECT_EQ(plan.inflight, 0);
	EXPECT_EQ(count_released(), 15);
	EXPECT_EQ(bits.set, 4);
	EXPECT_FALSE(ditto_resync_finished(&plan));
	EXPECT_EQ(ditto_resync_acked(&plan, 16, 16, &released), 0);
	EXPECT_EQ(bits.set, 0);
	EXPECT_TRUE(ditto_resync_finished(&plan));
}

static void written_is_no_proof(void)
{
	struct ditto_extent e = {};

	make(DEVICE);
	ditto_bits_set(&bits, 0, EXTENT);
	ditto_resync_init(&plan, &bits, EXTENT);
	EXPECT_TRUE(ditto_resync_next(&plan, &e, 5));
	ditto_resync_send(&plan, &e);
	EXPECT_EQ(ditto_resync_acked(&plan, 1, 0, &released), 0);
	EXPECT_EQ(bits.set, 4);
	ditto_resync_clear(&plan, &released);
	EXPECT_EQ(count_released(), 1);
	EXPECT_EQ(bits.set, 4);
	EXPECT_EQ(plan.inflight, 0);
}

static void spoiled_stays(void)
{
	struct ditto_extent e[4] = {};

	make(DEVICE);
	ditto_bits_set(&bits, 0, 2 * EXTENT);
	ditto_resync_init(&plan, &bits, EXTENT);
	EXPECT_TRUE(ditto_resync_next(&plan, &e[0], 5));
	EXPECT_TRUE(ditto_resync_next(&plan, &e[1], 6));
	ditto_resync_send(&plan, &e[0]);
	/* One sent and one still being read. */
	ditto_resync_mark(&plan, EXTENT - 512, 1024);
	ditto_resync_send(&plan, &e[1]);
	EXPECT_EQ(ditto_resync_acked(&plan, 2, 2, &released), 0);
	EXPECT_EQ(bits.set, 8);
	EXPECT_FALSE(ditto_resync_finished(&plan));
	EXPECT_TRUE(ditto_resync_next(&plan, &e[2], 7));
	EXPECT_EQ(e[2].start, 0);
	EXPECT_TRUE(ditto_resync_next(&plan, &e[3], 7));
	ditto_resync_send(&plan, &e[2]);
	ditto_resync_send(&plan, &e[3]);
	/* Written is not durable: what is set again then spoils too. */
	EXPECT_EQ(ditto_resync_acked(&plan, 4, 2, &released), 0);
	ditto_resync_mark(&plan, 0, 512);
	EXPECT_EQ(ditto_resync_acked(&plan, 4, 4, &released), 0);
	EXPECT_EQ(bits.set, 4);
	EXPECT_TRUE(ditto_bits_any(&bits, 0, 16 * KIB));
}

static void mark_counts_whole_blocks(void)
{
	struct ditto_extent e[2] = {};

	make(DEVICE);
	ditto_bits_set(&bits, 16 * KIB, 16 * KIB);
	ditto_resync_init(&plan, &bits, EXTENT);
	EXPECT_TRUE(ditto_resync_next(&plan, &e[0], 5));
	ditto_resync_send(&plan, &e[0]);
	/* Both neighbours, up to the last byte, do not touch it. */
	ditto_resync_mark(&plan, 0, 16 * KIB);
	ditto_resync_mark(&plan, 32 * KIB, U64_MAX);
	EXPECT_FALSE(e[0].spoiled);
	ditto_resync_mark(&plan, 0, 0);
	EXPECT_FALSE(e[0].spoiled);
	ditto_resync_mark(&plan, 32 * KIB - 1, 1);
	EXPECT_TRUE(e[0].spoiled);
}

static void never_crosses(void)
{
	struct ditto_extent e[4] = {};

	make(DEVICE);
	ditto_bits_set(&bits, 0, EXTENT);
	ditto_resync_init(&plan, &bits, EXTENT);
	EXPECT_TRUE(ditto_resync_next(&plan, &e[0], 5));
	ditto_resync_mark(&plan, 0, EXTENT);
	EXPECT_FALSE(ditto_resync_next(&plan, &e[1], 6));
	ditto_resync_send(&plan, &e[0]);
	EXPECT_FALSE(ditto_resync_next(&plan, &e[1], 6));
	EXPECT_EQ(ditto_resync_acked(&plan, 1, 0, &released), 0);
	EXPECT_FALSE(ditto_resync_next(&plan, &e[1], 6));
	EXPECT_EQ(ditto_resync_acked(&plan, 1, 1, &released), 0);
	EXPECT_TRUE(ditto_resync_next(&plan, &e[1], 6));
	EXPECT_EQ(e[1].start, 0);
}

static void abandoned_stays(void)
{
	struct ditto_extent e = {};

	make(DEVICE);
	ditto_bits_set(&bits, EXTENT, EXTENT);
	ditto_resync_init(&plan, &bits, EXTENT);
	EXPECT_TRUE(ditto_resync_next(&plan, &e, 5));
	EXPECT_EQ(plan.inflight, EXTENT);
	ditto_resync_abandon(&plan, &e);
	EXPECT_EQ(plan.inflight, 0);
	EXPECT_EQ(bits.set, 4);
	EXPECT_TRUE(ditto_resync_next(&plan, &e, 5));
	EXPECT_EQ(e.start, EXTENT);
}

static void floor_is_the_lowest(void)
{
	struct ditto_extent e[4] = {};

	make(DEVICE);
	ditto_bits_set_all(&bits);
	ditto_resync_init(&plan, &bits, EXTENT);
	EXPECT_EQ(ditto_resync_floor(&plan, 50), 50);
	EXPECT_TRUE(ditto_resync_next(&plan, &e[0], 50));
	EXPECT_TRUE(ditto_resync_next(&plan, &e[1], 60));
	EXPECT_TRUE(ditto_resync_next(&plan, &e[2], 70));
	/* Reads end in another order than they began. */
	ditto_resync_send(&plan, &e[1]);
	EXPECT_EQ(ditto_resync_floor(&plan, 80), 50);
	ditto_resync_send(&plan, &e[0]);
	EXPECT_EQ(ditto_resync_floor(&plan, 80), 50);
	EXPECT_EQ(ditto_resync_acked(&plan, 1, 0, &released), 0);
	EXPECT_EQ(ditto_resync_floor(&plan, 80), 50);
	EXPECT_EQ(ditto_resync_acked(&plan, 2, 0, &released), 0);
	EXPECT_EQ(ditto_resync_floor(&plan, 80), 70);
	ditto_resync_send(&plan, &e[2]);
	EXPECT_EQ(ditto_resync_floor(&plan, 80), 70);
	EXPECT_TRUE(ditto_resync_next(&plan, &e[3], 75));
	ditto_resync_send(&plan, &e[3]);
	EXPECT_EQ(ditto_resync_floor(&plan, 80), 70);
	EXPECT_EQ(ditto_resync_acked(&plan, 4, 3, &released), 0);
	EXPECT_EQ(ditto_resync_floor(&plan, 80), 80);
}

static void refuses_wrong_acks(void)
{
	struct ditto_extent e[3] = {};
	u32 i;

	make(DEVICE);
	ditto_bits_set_all(&bits);
	ditto_resync_init(&plan, &bits, EXTENT);
	for (i = 0; i < 3; i++) {
		EXPECT_TRUE(ditto_resync_next(&plan, &e[i], 1));
		if (i < 2)
			ditto_resync_send(&plan, &e[i]);
	}
	EXPECT_EQ(ditto_resync_acked(&plan, 3, 0, &released), -EPROTO);
	EXPECT_EQ(ditto_resync_acked(&plan, 1, 2, &released), -EPROTO);
	EXPECT_EQ(ditto_resync_acked(&plan, 2, 1, &released), 0);
	EXPECT_EQ(ditto_resync_acked(&plan, 1, 1, &released), -EPROTO);
	EXPECT_EQ(ditto_resync_acked(&plan, 2, 0, &released), -EPROTO);
	EXPECT_EQ(bits.set, 60);
}

/* Trace 11: the message that ends a one-block resync is lost with the connection. */
static void lost_end(void)
{
	struct ditto_extent e = {};

	make(DEVICE);
	ditto_bits_set(&bits, 0, 512);
	ditto_resync_init(&plan, &bits, EXTENT);
	EXPECT_TRUE(ditto_resync_next(&plan, &e, 9));
	EXPECT_EQ(e.size, 16 * KIB);
	ditto_resync_send(&plan, &e);
	/* The target has it durably, and nobody here hears of it. */
	ditto_resync_clear(&plan, &released);
	EXPECT_EQ(bits.set, 1);
	/* The application's write was in flight: it is a bit too, and one run. */
	ditto_bits_set(&bits, 4096, 4096);
	EXPECT_EQ(bits.set, 1);
	ditto_resync_init(&plan, &bits, EXTENT);
	EXPECT_FALSE(ditto_resync_finished(&plan));
	EXPECT_TRUE(ditto_resync_next(&plan, &e, 1));
	ditto_resync_send(&plan, &e);
	EXPECT_EQ(e.number, 1);
	EXPECT_EQ(ditto_resync_acked(&plan, 1, 1, &released), 0);
	EXPECT_TRUE(ditto_resync_finished(&plan));
}

static void extent_smaller_than_a_bit(void)
{
	struct ditto_extent e = {};

	make(DEVICE);
	ditto_bits_set(&bits, 0, 64 * KIB);
	ditto_resync_init(&plan, &bits, 4 * KIB);
	EXPECT_TRUE(ditto_resync_next(&plan, &e, 9));
	EXPECT_EQ(e.size, 16 * KIB);
}

const struct test resync_tests[] = {
	{ "a whole device in extents, the last one cut", fills_a_device },
	{ "G2: written is no proof, durable is", written_is_no_proof },
	{ "G2: a bit set after the read is not cleared by it", spoiled_stays },
	{ "G2: a mark spoils by whole blocks", mark_counts_whole_blocks },
	{ "extents on their way never cross", never_crosses },
	{ "G8: an extent that could not be read stays out of sync", abandoned_stays },
	{ "G2: the floor is the lowest read that may still be written", floor_is_the_lowest },
	{ "G9: acknowledgements that go back or ahead are refused", refuses_wrong_acks },
	{ "G2: trace 11: a lost end leaves the bit", lost_end },
	{ "an extent is at least a bit's block", extent_smaller_than_a_bit },
	{ }
};
