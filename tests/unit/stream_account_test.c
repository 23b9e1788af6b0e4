// SPDX-License-Identifier: GPL-2.0
/* What the stream does for accounting: who is sent it, what is settled, what is cold. */
#include "stream.h"
#include "test.h"

#define ENTRIES		64
#define BLOCK		4096ull
#define P(position)	(1ull << (position))

static struct ditto_stream stream;
static struct ditto_stream_out out;
static struct ditto_entry entries[ENTRIES];
static u64 missing;

static void missing_range(void *arg, u64 start, u64 size)
{
	EXPECT_TRUE(arg == &missing);
	EXPECT_EQ(size, BLOCK);
	missing |= P(start / BLOCK);
}

static void start(u64 position)
{
	memset(entries, 0, sizeof(entries));
	ditto_stream_init(&stream, position, 1);
	ditto_stream_out_init(&out);
	missing = 0;
}

static struct ditto_entry *entry(u64 position)
{
	return &entries[position % ENTRIES];
}

static bool add(u8 kind, u32 flags, u64 block)
{
	struct ditto_entry *e = entry(stream.position + 1);

	e->kind = kind;
	e->flags = flags;
	e->range.start = block * BLOCK;
	e->range.last = (block + 1) * BLOCK - 1;
	return ditto_stream_add(&stream, e);
}

static bool add_write(u64 block)
{
	return add(DITTO_ENTRY_WRITE, 0, block);
}

static bool add_cold(u64 block)
{
	return add(DITTO_ENTRY_WRITE, DITTO_ENTRYF_COLD, block);
}

/* A bit for each entry that a call has handed out as ready. */
static u64 take_ready(void)
{
	struct ditto_entry *e;
	u64 ready = 0;

	list_for_each_entry(e, &out.ready, ready)
		ready |= P(e->position);
	ditto_stream_out_init(&out);
	return ready;
}

static u64 local(u64 position)
{
	ditto_stream_local_done(&stream, entry(position), &out);
	return take_ready();
}

static u64 heat(u64 position)
{
	ditto_stream_heated(&stream, entry(position), &out);
	return take_ready();
}

static void ack(u32 node, u64 durable)
{
	while (ditto_stream_next(&stream, node, NULL))
		;
	EXPECT_EQ(ditto_stream_acked(&stream, node, stream.position, stream.position, durable,
				     &out), 0);
	take_ready();
}

static void drop(u32 node)
{
	ditto_stream_drop(&stream, node, missing_range, &missing, &out);
	take_ready();
}

static void follow(u32 node)
{
	ditto_stream_count(&stream, node, ditto_stream_follow(&stream, node) + 1);
}

static void who_is_sent_it(void)
{
	start(0);
	add_write(0);
	EXPECT_EQ(entry(1)->followers, 0);
	follow(3);
	follow(31);
	add_write(1);
	EXPECT_EQ(entry(2)->followers, 0x80000008);
	drop(3);
	add_write(2);
	EXPECT_EQ(entry(2)->followers, 0x80000008);
	EXPECT_EQ(entry(3)->followers, 0x80000000);
}

static void nobody_follows(void)
{
	start(40);
	EXPECT_EQ(ditto_stream_settled(&stream), 40);
	add_write(0);
	EXPECT_EQ(entry(41)->settled, 40);
	/* It is not listed: bits speak for it, its region is hot as long as it is written. */
	EXPECT_EQ(ditto_stream_settled(&stream), 41);
}

static void settles_in_order(void)
{
	start(10);
	follow(1);
	follow(2);
	add_write(0);
	add_write(1);
	add_write(2);
	EXPECT_EQ(entry(11)->settled, 10);
	EXPECT_EQ(entry(13)->settled, 10);
	ack(1, 13);
	local(12);
	local(13);
	EXPECT_EQ(ditto_stream_settled(&stream), 10);
	ack(2, 12);
	/* Not while it is not on the local disk, whoever else has it. */
	EXPECT_EQ(ditto_stream_settled(&stream), 10);
	local(11);
	EXPECT_EQ(ditto_stream_settled(&stream), 12);
	add(DITTO_ENTRY_FLUSH, 0, 0);
	EXPECT_EQ(entry(14)->settled, 12);
	ack(2, 14);
	ack(1, 14);
	local(14);
	EXPECT_EQ(ditto_stream_settled(&stream), 14);
}

static void received_or_written_is_not_settled(void)
{
	start(0);
	follow(1);
	add_write(0);
	local(1);
	while (ditto_stream_next(&stream, 1, NULL))
		;
	EXPECT_EQ(ditto_stream_acked(&stream, 1, 1, 1, 0, &out), 0);
	EXPECT_EQ(ditto_stream_settled(&stream), 0);
	ack(1, 1);
	EXPECT_EQ(ditto_stream_settled(&stream), 1);
}

/*
 * B has r durably, C does not. C is lost: its writes count as settled at once.
 * What was on its way to B before ABSENT was does not say so.
 */
static void lost_with_a_write_on_its_way(void)
{
	start(0);
	follow(1);
	follow(2);
	add_write(0);
	add_write(1);
	local(1);
	local(2);
	ack(1, 1);
	EXPECT_EQ(ditto_stream_settled(&stream), 0);
	add_write(3);
	local(3);
	drop(2);
	add(DITTO_ENTRY_ABSENT, 0, 0);
	EXPECT_EQ(missing, P(0) | P(1) | P(3));
	EXPECT_EQ(ditto_stream_settled(&stream), 1);
	EXPECT_EQ(entry(3)->settled, 0);
	EXPECT_EQ(entry(4)->settled, 1);
	EXPECT_EQ(entry(4)->followers, P(1));
	add_write(4);
	EXPECT_EQ(entry(5)->settled, 1);
}

/* What has no data of its own neither waits for ranges nor is waited for. */
static void kinds_without_data(void)
{
	static const u8 kinds[] = { DITTO_ENTRY_ABSENT, DITTO_ENTRY_SET, DITTO_ENTRY_BITS };
	u32 i;

	start(0);
	follow(1);
	add_write(0);
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		EXPECT_TRUE(add(kinds[i], 0, 0));
		EXPECT_TRUE(entry(2 + i)->flags & DITTO_ENTRYF_DURABLE);
		EXPECT_FALSE(entry(2 + i)->flags & DITTO_ENTRYF_IN_RANGES);
		EXPECT_EQ(entry(2 + i)->overlap, 0);
	}
	EXPECT_FALSE(add_write(0));
	EXPECT_EQ(entry(5)->overlap, 1);
	EXPECT_EQ(local(1), P(5));
	drop(1);
	EXPECT_EQ(missing, P(0));
}

static void cold_waits(void)
{
	start(0);
	EXPECT_FALSE(add_cold(0));
	EXPECT_TRUE(entry(1)->flags & DITTO_ENTRYF_BLOCKED);
	EXPECT_TRUE(add_write(1));
	EXPECT_EQ(heat(1), P(1));
	EXPECT_FALSE(entry(1)->flags & (DITTO_ENTRYF_BLOCKED | DITTO_ENTRYF_COLD));
	EXPECT_EQ(local(1), 0);
}

static void cold_and_overlapping(void)
{
	start(0);
	add_write(0);
	EXPECT_FALSE(add_cold(0));
	EXPECT_EQ(entry(2)->blockers, 2);
	/* The order of the two does not matter, and neither is enough. */
	EXPECT_EQ(local(1), 0);
	EXPECT_TRUE(entry(2)->flags & DITTO_ENTRYF_BLOCKED);
	EXPECT_EQ(heat(2), P(2));
	EXPECT_FALSE(add_cold(0));
	EXPECT_EQ(entry(3)->overlap, 2);
	EXPECT_EQ(heat(3), 0);
	EXPECT_TRUE(entry(3)->flags & DITTO_ENTRYF_BLOCKED);
	EXPECT_EQ(local(2), P(3));
}

/* What overlaps a cold write waits for it, as it would for any other. */
static void behind_a_cold_one(void)
{
	struct ditto_reader reader = { .range = { .start = 0, .last = BLOCK - 1 } };

	start(0);
	follow(1);
	add_cold(0);
	EXPECT_FALSE(add_write(0));
	EXPECT_EQ(entry(2)->blockers, 1);
	EXPECT_FALSE(ditto_stream_read_begin(&stream, &reader));
	EXPECT_EQ(heat(1), P(1));
	EXPECT_EQ(local(1), P(2));
	EXPECT_TRUE(reader.blocked);
	EXPECT_EQ(local(2), 0);
	EXPECT_FALSE(reader.blocked);
	ditto_stream_read_end(&stream, &reader);
}

/* The peers' copies go out meanwhile, and their acknowledgements come back. */
static void cold_is_sent(void)
{
	start(0);
	follow(1);
	add_cold(0);
	ack(1, 1);
	EXPECT_EQ(ditto_stream_settled(&stream), 0);
	EXPECT_EQ(stream.listed, 1);
	EXPECT_EQ(heat(1), P(1));
	EXPECT_EQ(ditto_stream_settled(&stream), 0);
	local(1);
	EXPECT_EQ(ditto_stream_settled(&stream), 1);
}

/* What a follower may have got before the local log speaks for it. */
static void logged(void)
{
	start(10);
	EXPECT_EQ(ditto_stream_logged(&stream), 10);
	follow(1);
	add_write(0);
	add_cold(1);
	add_write(2);
	add_cold(3);
	EXPECT_EQ(ditto_stream_logged(&stream), 11);
	heat(14);
	EXPECT_EQ(ditto_stream_logged(&stream), 11);
	heat(12);
	EXPECT_EQ(ditto_stream_logged(&stream), 14);
}

/* A lost follower may hold it, so it is waited for even where nobody follows. */
static void logged_without_followers(void)
{
	start(0);
	follow(1);
	add_cold(0);
	ack(1, 1);
	drop(1);
	EXPECT_EQ(ditto_stream_logged(&stream), 0);
	heat(1);
	EXPECT_EQ(ditto_stream_logged(&stream), 1);
}

const struct test stream_account_tests[] = {
	{ "G2: an entry knows who is sent it", who_is_sent_it },
	{ "G2: without followers all is settled", nobody_follows },
	{ "G2: settled is done here and durable everywhere, in order", settles_in_order },
	{ "G2: what is written is not settled", received_or_written_is_not_settled },
	{ "G2: nobody hears that a lost one's writes are settled before ABSENT",
	  lost_with_a_write_on_its_way },
	{ "G2: ABSENT, SET and BITS have no range in the stream", kinds_without_data },
	{ "G2: a cold write waits for its regions", cold_waits },
	{ "G4: a cold write waits for its regions and what it overlaps", cold_and_overlapping },
	{ "G4: others wait for a cold write", behind_a_cold_one },
	{ "G2: a cold write is sent, and is not settled", cold_is_sent },
	{ "G2: logged is before the first cold write", logged },
	{ "G2: logged without followers", logged_without_followers },
	{ }
};
