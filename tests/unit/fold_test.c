// SPDX-License-Identifier: GPL-2.0
/* Bits stand in for writes in flight where records are short (G2, G3). */
#include "account.h"
#include "stream.h"
#include "test.h"

#define ENTRIES		64
#define BLOCK		4096ull
#define BLOCKS		64ull
#define ME		0u
#define NEAR		1u
#define FAR		2u

static struct ditto_stream stream;
static struct ditto_stream_out out;
static struct ditto_entry entries[ENTRIES];
static struct ditto_account account;
static struct ditto_bits bits[3];
static unsigned long words[3][BLOCKS / BITS_PER_LONG + 1];
static u32 reaped;

/* What the module does with what a call hands out. */
static void collect(void)
{
	struct ditto_entry *e, *next;
	u32 nodes;

	list_for_each_entry_safe(e, next, &out.reaped, link) {
		list_del(&e->link);
		reaped++;
	}
	for (nodes = out.unfolded; nodes; nodes &= nodes - 1)
		ditto_account_unfold(&account, __ffs(nodes));
	ditto_stream_out_init(&out);
}

static void setup(void)
{
	u32 i;

	memset(entries, 0, sizeof(entries));
	memset(&account, 0, sizeof(account));
	memset(words, 0, sizeof(words));
	account.me = ME;
	ditto_stream_init(&stream, 0, 1);
	ditto_stream_out_init(&out);
	reaped = 0;
	for (i = NEAR; i <= FAR; i++) {
		ditto_bits_init(&bits[i], words[i], BLOCKS * BLOCK, 12);
		ditto_account_keep(&account, i, &bits[i]);
		ditto_stream_count(&stream, i, ditto_stream_follow(&stream, i) + 1);
	}
}

/* A write that the local disk has done, of the block that is its position. */
static void add(u32 flags)
{
	struct ditto_entry *e = &entries[stream.position + 1];

	e->kind = DITTO_ENTRY_WRITE;
	e->flags = flags;
	e->range.start = (stream.position + 1) * BLOCK;
	e->range.last = e->range.start + BLOCK - 1;
	EXPECT_TRUE(ditto_stream_add(&stream, e));
	ditto_stream_local_done(&stream, e, &out);
	collect();
}

static void ack(u32 node, u64 written, u64 durable)
{
	while (ditto_stream_next(&stream, node, NULL))
		;
	EXPECT_EQ(ditto_stream_acked(&stream, node, stream.position, written, durable, &out), 0);
	collect();
}

static void stands(void *arg, u32 node, u64 start, u64 size)
{
	EXPECT_TRUE(arg == &account);
	ditto_account_fold(&account, node, start, size);
}

static u32 fold(u32 most)
{
	u32 count = ditto_stream_fold(&stream, most, stands, &account, &out);

	collect();
	return count;
}

static void missing(void *arg, u64 start, u64 size)
{
	ditto_account_lacks(&account, *(u32 *)arg, start, size);
}

static void drop(u32 node)
{
	ditto_stream_drop(&stream, node, missing, &node, &out);
	ditto_account_unfollowed(&account, node);
	collect();
}

static bool marked(u32 node, u64 block)
{
	return ditto_bits_any(&bits[node], block * BLOCK, BLOCK);
}

/* Three writes, written everywhere; NEAR has the first durably. */
static void three_writes(void)
{
	setup();
	add(0);
	add(0);
	add(0);
	ack(NEAR, 3, 1);
	ack(FAR, 3, 0);
	EXPECT_EQ(stream.listed, 3);
}

static void all_durable(void)
{
	three_writes();
	EXPECT_EQ(fold(~0u), 3);
	EXPECT_EQ(reaped, 3);
	EXPECT_EQ(stream.listed, 0);
	/* No entry is left, but a flush has something to ask for. */
	EXPECT_FALSE(ditto_stream_quiet(&stream));
	EXPECT_FALSE(marked(NEAR, 1));
	EXPECT_TRUE(marked(NEAR, 2) && marked(NEAR, 3));
	EXPECT_EQ(bits[FAR].set, 3);
	EXPECT_FALSE(ditto_account_out_of_sync(&account, NEAR));
	EXPECT_FALSE(ditto_account_out_of_sync(&account, FAR));
	EXPECT_EQ(ditto_stream_settled(&stream), 0);
	/* Behind some of it, and behind the last. */
	ack(NEAR, 3, 2);
	EXPECT_EQ(bits[NEAR].set, 2);
	ack(NEAR, 3, 3);
	EXPECT_EQ(bits[NEAR].set, 0);
	EXPECT_EQ(bits[FAR].set, 3);
	EXPECT_EQ(ditto_stream_settled(&stream), 0);
	ack(FAR, 3, 3);
	EXPECT_EQ(bits[FAR].set, 0);
	EXPECT_EQ(ditto_stream_settled(&stream), 3);
}

static void lost_before(void)
{
	three_writes();
	EXPECT_EQ(fold(~0u), 3);
	ack(NEAR, 3, 3);
	drop(FAR);
	EXPECT_EQ(bits[FAR].set, 3);
	EXPECT_TRUE(ditto_account_out_of_sync(&account, FAR));
	EXPECT_EQ(ditto_stream_settled(&stream), 3);
	/* A word that is late clears nothing. */
	EXPECT_EQ(ditto_stream_acked(&stream, FAR, 3, 3, 3, &out), -EPROTO);
	collect();
	EXPECT_EQ(bits[FAR].set, 3);
}

static void what_is_not_folded(void)
{
	/* Not written everywhere. */
	setup();
	add(0);
	add(0);
	ack(NEAR, 2, 0);
	ack(FAR, 1, 0);
	EXPECT_EQ(fold(~0u), 1);
	EXPECT_EQ(stream.listed, 1);
	EXPECT_EQ(fold(~0u), 0);
	EXPECT_FALSE(marked(FAR, 2));
	/* Held back: its user has not heard. */
	setup();
	ditto_stream_hold(&stream);
	add(0);
	ack(NEAR, 1, 0);
	ack(FAR, 1, 0);
	EXPECT_EQ(fold(~0u), 0);
	/* What somebody waits for to be durable, and all behind it. */
	setup();
	add(DITTO_ENTRYF_DURABLE);
	add(0);
	ack(NEAR, 2, 0);
	ack(FAR, 2, 0);
	EXPECT_EQ(fold(~0u), 0);
	/* A failed disk's bits are nowhere. */
	three_writes();
	ditto_stream_disk_failed(&stream);
	EXPECT_EQ(fold(~0u), 0);
	EXPECT_EQ(stream.listed, 3);
}

static void no_more_than(void)
{
	three_writes();
	EXPECT_EQ(fold(2), 2);
	EXPECT_EQ(stream.listed, 1);
	EXPECT_FALSE(marked(FAR, 3));
	/* What is behind it goes on by itself. */
	ack(NEAR, 3, 3);
	ack(FAR, 3, 2);
	EXPECT_EQ(ditto_stream_settled(&stream), 2);
	EXPECT_EQ(bits[FAR].set, 0);
	ack(FAR, 3, 3);
	EXPECT_EQ(stream.listed, 0);
	EXPECT_EQ(ditto_stream_settled(&stream), 3);
}

static void the_marks_move(void)
{
	three_writes();
	EXPECT_EQ(fold(1), 1);
	/* Completion, release and reaping of what comes later are as they were. */
	add(0);
	add(DITTO_ENTRYF_DURABLE);
	ack(NEAR, 5, 5);
	EXPECT_FALSE(entries[4].flags & DITTO_ENTRYF_DONE);
	ack(FAR, 4, 1);
	EXPECT_TRUE(entries[4].flags & DITTO_ENTRYF_DONE);
	EXPECT_FALSE(entries[5].flags & DITTO_ENTRYF_DONE);
	ack(FAR, 5, 5);
	EXPECT_TRUE(entries[5].flags & DITTO_ENTRYF_DONE);
	EXPECT_EQ(reaped, 5);
	EXPECT_EQ(stream.listed, 0);
}

static void other_bits(void)
{
	/* There before: a resync clears them. */
	setup();
	ditto_account_lacks(&account, NEAR, 9 * BLOCK, BLOCK);
	add(0);
	ack(NEAR, 1, 0);
	ack(FAR, 1, 0);
	EXPECT_EQ(fold(~0u), 1);
	EXPECT_TRUE(ditto_account_out_of_sync(&account, NEAR));
	ack(NEAR, 1, 1);
	EXPECT_TRUE(marked(NEAR, 9) && marked(NEAR, 1));
	/* Found meanwhile, by a verify. */
	three_writes();
	EXPECT_EQ(fold(~0u), 3);
	ditto_account_lacks(&account, FAR, 2 * BLOCK, BLOCK);
	EXPECT_TRUE(ditto_account_out_of_sync(&account, FAR));
	ack(FAR, 3, 3);
	EXPECT_TRUE(marked(FAR, 2));
}

static void proven_equal(void)
{
	/* READY is heard when the first writes have been folded. */
	setup();
	ditto_account_lacks(&account, FAR, 9 * BLOCK, BLOCK);
	add(0);
	ack(NEAR, 1, 1);
	ack(FAR, 1, 0);
	EXPECT_EQ(fold(~0u), 1);
	ditto_account_proven(&account, FAR, stream.followers[FAR].folded);
	EXPECT_FALSE(ditto_account_out_of_sync(&account, FAR));
	EXPECT_TRUE(marked(FAR, 1));
	ack(FAR, 1, 1);
	EXPECT_EQ(bits[FAR].set, 0);
	/* And when none has. */
	ditto_account_lacks(&account, FAR, 9 * BLOCK, BLOCK);
	ditto_account_proven(&account, FAR, stream.followers[FAR].folded);
	EXPECT_EQ(bits[FAR].set, 0);
}

const struct test fold_tests[] = {
	{ "G2 G3: trace 12: folded, and durable: no bit is left", all_durable },
	{ "G2 G3: trace 12: folded, and lost before: the bits stay", lost_before },
	{ "G1: only what waits for nothing but durability is folded", what_is_not_folded },
	{ "no more is folded than asked for", no_more_than },
	{ "G1: what is behind a folded entry completes as ever", the_marks_move },
	{ "G2: bits that mean more are not cleared with it", other_bits },
	{ "G2: proven equal while something is folded", proven_equal },
	{ }
};
