// SPDX-License-Identifier: GPL-2.0
/* The Primary's own disk fails: what completes, what waits, what fails (G1, G8). */
#include "stream.h"
#include "test.h"

#define ENTRIES		64
#define BLOCK		4096ull
#define P(position)	(1ull << (position))

static struct ditto_stream stream;
static struct ditto_stream_out out;
static struct ditto_entry entries[ENTRIES];
/* A bit for each position whose user has heard: of success, of an error. */
static u64 good, bad;
/* How many readers may read. */
static u32 readers;

static void collect(void)
{
	struct ditto_reader *r;
	struct ditto_entry *e;

	list_for_each_entry(r, &out.readers, ready)
		readers++;

	list_for_each_entry(e, &out.done, note) {
		if (e->flags & DITTO_ENTRYF_FAILED)
			bad |= P(e->position);
		else
			good |= P(e->position);
	}
	ditto_stream_out_init(&out);
}

static void start(u64 position, u32 followers)
{
	u32 node;

	memset(entries, 0, sizeof(entries));
	ditto_stream_init(&stream, position, 1);
	ditto_stream_out_init(&out);
	good = 0;
	bad = 0;
	for (node = 1; node <= followers; node++)
		ditto_stream_count(&stream, node, ditto_stream_follow(&stream, node) + 1);
}

static struct ditto_entry *entry(u64 position)
{
	return &entries[position % ENTRIES];
}

static u64 add(u8 kind, u32 flags, u64 block)
{
	struct ditto_entry *e = entry(stream.position + 1);

	e->kind = kind;
	e->flags = flags;
	e->range.start = block * BLOCK;
	e->range.last = (block + 1) * BLOCK - 1;
	ditto_stream_add(&stream, e);
	return e->position;
}

static u64 add_write(u64 block)
{
	return add(DITTO_ENTRY_WRITE, 0, block);
}

static void local(u64 position)
{
	ditto_stream_local_done(&stream, entry(position), &out);
	collect();
}

static void local_fails(u64 position)
{
	ditto_stream_disk_failed(&stream);
	local(position);
}

static void ack(u32 node, u64 written, u64 durable)
{
	while (ditto_stream_next(&stream, node, NULL))
		;
	EXPECT_EQ(ditto_stream_acked(&stream, node, stream.position, written, durable, &out), 0);
	collect();
}

static void nothing(void *arg, u64 start, u64 size)
{
	(void)arg;
	(void)start;
	(void)size;
}

static void drop(u32 node)
{
	ditto_stream_drop(&stream, node, nothing, NULL, &out);
	collect();
}

static void left(void)
{
	ditto_stream_disk_left(&stream, &out);
	collect();
}

/* What the shell does: ABSENT, a roster, and once that is durable everywhere, left. */
static void leaves(u32 followers)
{
	u64 roster;
	u32 node;

	ditto_stream_disk_absent(&stream);
	add(DITTO_ENTRY_ABSENT, DITTO_ENTRYF_URGENT, 0);
	local(stream.position);
	roster = add(DITTO_ENTRY_ROSTER, DITTO_ENTRYF_URGENT, 0);
	local(roster);
	for (node = 1; node <= followers; node++)
		ack(node, roster, roster);
	EXPECT_TRUE(good & P(roster));
	left();
}

static void waits_for_the_roster(void)
{
	start(0, 2);
	add_write(0);
	add_write(1);
	local(1);
	local_fails(2);
	ack(1, 2, 2);
	ack(2, 2, 2);
	/* Also what the disk has: it may lack it after a crash, and counts until then. */
	EXPECT_EQ(good | bad, 0);
	leaves(2);
	EXPECT_EQ(good & 6, 6);
	EXPECT_EQ(bad, 0);
}

static void followers_are_enough(void)
{
	start(0, 2);
	add_write(0);
	local_fails(1);
	leaves(2);
	good = 0;
	add_write(1);
	local_fails(4);
	EXPECT_EQ(good | bad, 0);
	ack(1, 4, 3);
	EXPECT_EQ(good | bad, 0);
	ack(2, 4, 3);
	EXPECT_EQ(good, P(4));
	add(DITTO_ENTRY_FLUSH, 0, 0);
	local_fails(5);
	ack(1, 5, 5);
	ack(2, 5, 4);
	EXPECT_EQ(good, P(4));
	ack(2, 5, 5);
	EXPECT_EQ(good, P(4) | P(5));
	EXPECT_EQ(bad, 0);
}

static void the_last_follower_is_lost(void)
{
	start(0, 2);
	add_write(0);
	local_fails(1);
	leaves(2);
	good = 0;
	add_write(1);
	local_fails(4);
	ack(2, 4, 3);
	/* It has it: the write is kept. */
	drop(1);
	EXPECT_EQ(good, P(4));
	add_write(2);
	local_fails(5);
	drop(2);
	EXPECT_EQ(bad, P(5));
	add_write(3);
	local_fails(6);
	EXPECT_EQ(bad, P(5) | P(6));
	EXPECT_EQ(good, P(4));
}

static void nobody_else(void)
{
	start(0, 0);
	add_write(0);
	add_write(1);
	local(1);
	EXPECT_EQ(good, P(1));
	local_fails(2);
	EXPECT_EQ(bad, 0);
	left();
	EXPECT_EQ(bad, P(2));
	EXPECT_EQ(good, P(1));
}

/* A write that a lost follower lacks waits for both rosters, in whatever order they end. */
static void a_follower_is_lost_meanwhile(void)
{
	start(0, 2);
	add_write(0);
	ditto_stream_hold(&stream);
	drop(2);
	local_fails(1);
	ack(1, 1, 1);
	EXPECT_EQ(good | bad, 0);
	ditto_stream_unhold(&stream, &out);
	collect();
	EXPECT_EQ(good | bad, 0);
	ditto_stream_disk_absent(&stream);
	left();
	EXPECT_EQ(good, P(1));

	start(0, 2);
	add_write(0);
	local_fails(1);
	ditto_stream_disk_absent(&stream);
	ditto_stream_hold(&stream);
	drop(2);
	ack(1, 1, 1);
	left();
	EXPECT_EQ(good | bad, 0);
	ditto_stream_unhold(&stream, &out);
	collect();
	EXPECT_EQ(good, P(1));
}

static void what_is_settled(void)
{
	start(10, 1);
	add_write(0);
	add_write(1);
	add_write(2);
	local(11);
	local_fails(12);
	ack(1, 13, 13);
	/* What waits for the roster is in flight still. */
	EXPECT_EQ(ditto_stream_settled(&stream), 10);
	EXPECT_EQ(ditto_stream_disk_absent(&stream), 10);
	EXPECT_FALSE(entry(12)->flags & DITTO_ENTRYF_NOT_HERE);
	EXPECT_EQ(add(DITTO_ENTRY_ABSENT, DITTO_ENTRYF_URGENT, 0), 14);
	EXPECT_TRUE(entry(14)->flags & DITTO_ENTRYF_NOT_HERE);
	/* Nobody who has not heard of ABSENT hears that more is settled. */
	EXPECT_TRUE(entry(14)->settled < 12);
	local(14);
	/* It was under way, and fails only now: ABSENT speaks for it. */
	local_fails(13);
	ack(1, 14, 14);
	left();
	EXPECT_EQ(good & ~P(14), P(11) | P(12) | P(13));
	EXPECT_EQ(ditto_stream_settled(&stream), 14);
	add_write(0);
	local_fails(15);
	EXPECT_EQ(ditto_stream_settled(&stream), 14);
	ack(1, 15, 15);
	EXPECT_EQ(ditto_stream_settled(&stream), 15);
}

/* It fails without a write: its metadata cannot be written, say. */
static void fails_by_itself(void)
{
	start(0, 1);
	ditto_stream_disk_failed(&stream);
	add_write(0);
	local(1);
	ack(1, 1, 1);
	EXPECT_EQ(good | bad, 0);
	leaves(1);
	EXPECT_TRUE(good & P(1));
	ditto_stream_disk_failed(&stream);
	EXPECT_EQ(stream.disk, DITTO_STREAM_DISK_LEFT);
}

/* A flush of a disk that has failed asks the stream what that means. */
static void never_quiet(void)
{
	start(0, 0);
	EXPECT_TRUE(ditto_stream_quiet(&stream));
	ditto_stream_disk_failed(&stream);
	EXPECT_FALSE(ditto_stream_quiet(&stream));
	ditto_stream_disk_absent(&stream);
	EXPECT_FALSE(ditto_stream_quiet(&stream));
	left();
	EXPECT_FALSE(ditto_stream_quiet(&stream));
}

/* A follower counts only for what came after it was counted. */
static void one_that_does_not_count(void)
{
	start(0, 0);
	add_write(0);
	ditto_stream_follow(&stream, 3);
	add_write(1);
	local_fails(1);
	local(2);
	ack(3, 2, 2);
	left();
	EXPECT_EQ(bad, P(1) | P(2));
	EXPECT_EQ(good, 0);
}

/* Another disk is read once it has all up to the reader's position, whoever is asked. */
static void reads_elsewhere(void)
{
	struct ditto_reader r = { .elsewhere = true, .guarding = true,
				  .range = { .start = 3 * BLOCK, .last = 4 * BLOCK - 1 } };
	u64 roster, before, behind;

	start(0, 2);
	ditto_stream_disk_failed(&stream);
	leaves(2);
	roster = stream.position;
	before = add_write(3);
	local(before);
	readers = 0;
	EXPECT_FALSE(ditto_stream_read_begin(&stream, &r));
	behind = add_write(3);
	local(behind);
	EXPECT_TRUE(entry(behind)->flags & DITTO_ENTRYF_GUARD);
	ack(1, behind, roster);
	EXPECT_EQ(readers, 0);
	ack(2, before, roster);
	EXPECT_EQ(readers, 1);
	EXPECT_FALSE(r.blocked);
	ditto_stream_read_end(&stream, &r);
	/* A lost follower is not waited for. */
	EXPECT_FALSE(ditto_stream_read_begin(&stream, &r));
	drop(2);
	EXPECT_EQ(readers, 2);
	ditto_stream_read_end(&stream, &r);
	EXPECT_TRUE(ditto_stream_read_begin(&stream, &r));
	ditto_stream_read_end(&stream, &r);
}

const struct test stream_disk_tests[] = {
	{ "G1: what a failed disk lacks waits for a roster without it", waits_for_the_roster },
	{ "G8: followers are enough", followers_are_enough },
	{ "G1: without a disk, the last follower is lost", the_last_follower_is_lost },
	{ "G1: a failed disk was the only one", nobody_else },
	{ "G1: a disk fails and a follower is lost", a_follower_is_lost_meanwhile },
	{ "G2: settled without the local disk", what_is_settled },
	{ "G8: a disk that fails without a write", fails_by_itself },
	{ "G1: a flush of a failed disk is an entry", never_quiet },
	{ "G1: a follower that does not count is no copy", one_that_does_not_count },
	{ "G2: another disk is read in place of one that has failed", reads_elsewhere },
	{ }
};
