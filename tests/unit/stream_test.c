// SPDX-License-Identifier: GPL-2.0
#include "stream.h"
#include "test.h"

#define ENTRIES		64
#define BLOCK		4096ull

static struct ditto_stream stream;
static struct ditto_stream_out out;
static struct ditto_entry entries[ENTRIES];
/* What calls have handed out, a bit for each entry by position. */
static u64 done, released, reaped, ready;
static u32 readers;
static bool done_in_order;
static u64 missing;

static void missing_range(void *arg, u64 start, u64 size)
{
	EXPECT_TRUE(arg == &missing);
	EXPECT_EQ(size, BLOCK);
	missing |= 1ull << start / BLOCK;
}

/* Walk what a call handed out as the module does: done and released, reaped last. */
static void collect(void)
{
	struct ditto_entry *e, *next;
	struct ditto_reader *r;
	u64 last = 0;

	done_in_order = true;
	done = released = reaped = ready = 0;
	readers = 0;
	list_for_each_entry(e, &out.ready, ready)
		ready |= 1ull << e->position;
	list_for_each_entry(r, &out.readers, ready)
		readers++;
	list_for_each_entry(e, &out.done, note) {
		done_in_order &= e->position > last;
		last = e->position;
		EXPECT_FALSE(done >> e->position & 1);
		done |= 1ull << e->position;
	}
	list_for_each_entry(e, &out.released, ready) {
		EXPECT_FALSE(released >> e->position & 1);
		released |= 1ull << e->position;
	}
	list_for_each_entry_safe(e, next, &out.reaped, link) {
		EXPECT_FALSE(e->flags & (DITTO_ENTRYF_LISTED | DITTO_ENTRYF_IN_RANGES));
		reaped |= 1ull << e->position;
		list_del(&e->link);
	}
	EXPECT_TRUE(done_in_order);
	ditto_stream_out_init(&out);
}

static void start(void)
{
	memset(entries, 0, sizeof(entries));
	ditto_stream_init(&stream, 0, 1);
	ditto_stream_out_init(&out);
	missing = 0;
}

static bool add(u8 kind, u32 flags, u64 block, u64 blocks)
{
	struct ditto_entry *e = &entries[stream.position + 1];
	bool now;

	e->kind = kind;
	e->flags = flags;
	e->range.start = block * BLOCK;
	e->range.last = (block + blocks) * BLOCK - 1;
	now = ditto_stream_add(&stream, e);
	EXPECT_TRUE(e == &entries[e->position]);
	return now;
}

static bool add_write(u64 block, u64 blocks)
{
	return add(DITTO_ENTRY_WRITE, 0, block, blocks);
}

static void local(u64 position)
{
	ditto_stream_local_done(&stream, &entries[position], &out);
	collect();
}

static void send_all(u32 node)
{
	struct ditto_entry *e = NULL;
	u64 expected = stream.followers[node].sent;

	while ((e = ditto_stream_next(&stream, node, e)))
		EXPECT_EQ(e->position, ++expected);
	EXPECT_EQ(expected, stream.position);
}

static void ack(u32 node, u64 written, u64 durable)
{
	send_all(node);
	EXPECT_EQ(ditto_stream_acked(&stream, node, stream.position, written, durable, &out), 0);
	collect();
}

static void drop(u32 node)
{
	missing = 0;
	ditto_stream_drop(&stream, node, missing_range, &missing, &out);
	collect();
}

static void member(u32 node)
{
	u64 from = ditto_stream_follow(&stream, node);

	EXPECT_EQ(from, stream.position);
	ditto_stream_count(&stream, node, from + 1);
}

#define P(position)	(1ull << (position))

static void alone(void)
{
	start();
	EXPECT_TRUE(add_write(0, 1));
	EXPECT_TRUE(add_write(1, 1));
	EXPECT_EQ(stream.listed, 0);
	local(2);
	EXPECT_EQ(done, P(2));
	EXPECT_EQ(released, P(2));
	EXPECT_EQ(reaped, P(2));
	local(1);
	EXPECT_EQ(reaped, P(1));
	EXPECT_TRUE(ditto_ranges_empty(&stream.ranges));
}

static void life_of_a_write(void)
{
	start();
	member(3);
	EXPECT_TRUE(add_write(0, 1));
	ack(3, 1, 0);
	EXPECT_EQ(done | released | reaped, 0);
	local(1);
	EXPECT_EQ(done, P(1));
	EXPECT_EQ(released, P(1));
	EXPECT_EQ(reaped, 0);
	EXPECT_TRUE(ditto_ranges_empty(&stream.ranges));
	ack(3, 1, 1);
	EXPECT_EQ(reaped, P(1));
	EXPECT_EQ(stream.listed, 0);
}

static void flush_is_durable(void)
{
	start();
	member(1);
	add_write(0, 1);
	add(DITTO_ENTRY_FLUSH, 0, 0, 1);
	add(DITTO_ENTRY_WRITE, DITTO_ENTRYF_DURABLE, 1, 1);
	add_write(2, 1);
	local(1);
	local(2);
	local(3);
	local(4);
	ack(1, 4, 0);
	EXPECT_EQ(done, P(1) | P(4));
	ack(1, 4, 1);
	EXPECT_EQ(done, 0);
	ack(1, 4, 2);
	EXPECT_EQ(done, P(2));
	ack(1, 4, 4);
	EXPECT_EQ(done, P(3));
	EXPECT_EQ(reaped, P(3) | P(4));
}

static void done_order(void)
{
	u64 i;

	start();
	member(1);
	for (i = 1; i <= 20; i++) {
		add(i % 3 ? DITTO_ENTRY_WRITE : DITTO_ENTRY_FLUSH, 0, i, 1);
		if (i != 7)
			local(i);
	}
	ack(1, 20, 11);
	EXPECT_EQ(done, (P(21) - 2) & ~(P(7) | P(12) | P(15) | P(18)));
	EXPECT_EQ(reaped, (P(12) - 2) & ~P(7));
	local(7);
	EXPECT_EQ(done, P(7));
	EXPECT_EQ(reaped, P(7));
}

static void slowest_counts(void)
{
	start();
	member(1);
	member(2);
	ditto_stream_follow(&stream, 5);
	add_write(0, 1);
	add_write(1, 1);
	local(1);
	local(2);
	ack(1, 2, 2);
	EXPECT_EQ(done, 0);
	ack(2, 1, 1);
	EXPECT_EQ(done, P(1));
	EXPECT_EQ(released, 0);
	ack(2, 2, 2);
	EXPECT_EQ(done, P(2));
	/* One that does not count holds the payload and the entry, not the user. */
	ack(5, 2, 1);
	EXPECT_EQ(released, P(1) | P(2));
	EXPECT_EQ(reaped, P(1));
	ack(5, 2, 2);
	EXPECT_EQ(reaped, P(2));
}

static void join_counts_from_there(void)
{
	start();
	ditto_stream_follow(&stream, 1);
	add_write(0, 1);
	local(1);
	EXPECT_EQ(done, P(1));
	add_write(1, 1);
	add(DITTO_ENTRY_JOIN, DITTO_ENTRYF_URGENT, 0, 1);
	ditto_stream_count(&stream, 1, 3);
	add_write(2, 1);
	local(2);
	EXPECT_EQ(done, P(2));
	local(3);
	EXPECT_EQ(done, 0);
	local(4);
	EXPECT_EQ(done, 0);
	ack(1, 3, 2);
	EXPECT_EQ(done, 0);
	ack(1, 3, 3);
	EXPECT_EQ(done, P(3));
	ack(1, 4, 3);
	EXPECT_EQ(done, P(4));
	ack(1, 4, 4);
	EXPECT_EQ(stream.listed, 0);
}

/* An entry that had all it waited for, but for the local disk, waits for more. */
static void count_goes_back(void)
{
	start();
	ditto_stream_follow(&stream, 1);
	add_write(0, 1);
	add_write(1, 1);
	ditto_stream_count(&stream, 1, 2);
	local(2);
	EXPECT_EQ(done, 0);
	local(1);
	EXPECT_EQ(done, P(1));
	ack(1, 2, 0);
	EXPECT_EQ(done, P(2));
}

static void epochs(void)
{
	start();
	member(1);
	add_write(0, 1);
	add(DITTO_ENTRY_FLUSH, 0, 0, 1);
	EXPECT_EQ(entries[2].epoch, 1);
	add_write(1, 1);
	EXPECT_EQ(entries[3].epoch, 1);
	ditto_stream_end_epoch(&stream);
	add_write(2, 1);
	EXPECT_EQ(entries[4].epoch, 2);
	add(DITTO_ENTRY_WRITE, DITTO_ENTRYF_BARRIER, 3, 1);
	EXPECT_EQ(entries[5].epoch, 3);
	add_write(4, 1);
	EXPECT_EQ(entries[6].epoch, 3);
}

/* Trace 1, on the primary: the order of what overlaps. */
static void overlaps(void)
{
	start();
	member(1);
	EXPECT_TRUE(add_write(0, 8));
	EXPECT_TRUE(add_write(8, 8));
	EXPECT_FALSE(add_write(4, 8));
	EXPECT_TRUE(entries[3].flags & DITTO_ENTRYF_BLOCKED);
	EXPECT_EQ(entries[1].overlap, 0);
	EXPECT_EQ(entries[2].overlap, 0);
	EXPECT_EQ(entries[3].overlap, 2);
	EXPECT_FALSE(add_write(5, 1));
	EXPECT_EQ(entries[4].overlap, 3);
	local(2);
	EXPECT_EQ(ready, 0);
	local(1);
	EXPECT_EQ(ready, P(3));
	EXPECT_FALSE(entries[3].flags & DITTO_ENTRYF_BLOCKED);
	local(3);
	EXPECT_EQ(ready, P(4));
	local(4);
	/* Written here, but not at the follower: it must keep the order too. */
	EXPECT_TRUE(add_write(0, 1));
	EXPECT_EQ(entries[5].overlap, 1);
	ack(1, 4, 0);
	EXPECT_TRUE(add_write(15, 1));
	EXPECT_EQ(entries[6].overlap, 0);
}

static void flush_overlaps_nothing(void)
{
	start();
	member(1);
	add_write(0, 1);
	EXPECT_TRUE(add(DITTO_ENTRY_FLUSH, 0, 0, 1));
	EXPECT_EQ(entries[2].overlap, 0);
	EXPECT_FALSE(add(DITTO_ENTRY_DISCARD, 0, 0, 1));
	EXPECT_EQ(entries[3].overlap, 1);
}

static void unlisted_order(void)
{
	start();
	EXPECT_TRUE(add_write(0, 2));
	EXPECT_FALSE(add_write(1, 2));
	/* A follower that comes now is sent neither, and needs neither. */
	member(1);
	EXPECT_FALSE(add_write(1, 1));
	EXPECT_EQ(entries[3].overlap, 2);
	EXPECT_EQ(stream.listed, 1);
	local(1);
	EXPECT_EQ(ready, P(2));
	EXPECT_EQ(reaped, P(1));
	local(2);
	EXPECT_EQ(ready, P(3));
	local(3);
	EXPECT_EQ(done, 0);
	ack(1, 3, 3);
	EXPECT_EQ(done, P(3));
	EXPECT_EQ(reaped, P(3));
	EXPECT_TRUE(ditto_ranges_empty(&stream.ranges));
}

/* Trace 7: written in two epochs, durable for the first, then lost. */
static void lost_follower(void)
{
	start();
	member(1);
	add_write(9, 1);
	add_write(10, 1);
	add(DITTO_ENTRY_FLUSH, 0, 0, 1);
	local(1);
	local(2);
	local(3);
	ack(1, 3, 3);
	ditto_stream_end_epoch(&stream);
	add_write(9, 1);
	add_write(11, 1);
	local(4);
	ack(1, 4, 3);
	EXPECT_EQ(done, P(4));
	drop(1);
	/* Done and written there is not durable there. */
	EXPECT_EQ(missing, P(9) | P(11));
	EXPECT_EQ(reaped, P(4));
	local(5);
	EXPECT_EQ(done, P(5));
	EXPECT_EQ(reaped, P(5));
	EXPECT_EQ(stream.listed, 0);
	EXPECT_TRUE(ditto_ranges_empty(&stream.ranges));
}

static void lost_one_of_two(void)
{
	start();
	member(1);
	member(2);
	add_write(1, 1);
	add_write(2, 1);
	add(DITTO_ENTRY_FLUSH, 0, 0, 1);
	add_write(4, 1);
	local(1);
	local(2);
	local(3);
	ack(1, 4, 3);
	ack(2, 1, 1);
	EXPECT_EQ(done, P(1));
	EXPECT_EQ(reaped, P(1));
	drop(2);
	EXPECT_EQ(missing, P(2) | P(4));
	EXPECT_EQ(done, P(2) | P(3));
	EXPECT_EQ(reaped, P(2) | P(3));
	local(4);
	EXPECT_EQ(done, P(4));
	EXPECT_EQ(reaped, 0);
	EXPECT_TRUE(!ditto_stream_next(&stream, 2, NULL));
	EXPECT_EQ(ditto_stream_acked(&stream, 2, 4, 4, 4, &out), -EPROTO);
}

static void held_back(void)
{
	start();
	member(1);
	add_write(1, 1);
	add_write(2, 1);
	local(2);
	ditto_stream_hold(&stream);
	drop(1);
	EXPECT_EQ(missing, P(1) | P(2));
	EXPECT_EQ(done | reaped, 0);
	/* The roster without it, on this disk alone. */
	add(DITTO_ENTRY_ROSTER, DITTO_ENTRYF_URGENT, 0, 1);
	local(3);
	EXPECT_EQ(done, P(3));
	EXPECT_EQ(reaped, P(3));
	/* Nobody follows: what is written meanwhile is held too. */
	add_write(4, 1);
	local(4);
	EXPECT_EQ(done | released | reaped, 0);
	local(1);
	EXPECT_EQ(done, 0);
	ditto_stream_unhold(&stream, &out);
	collect();
	EXPECT_EQ(done, P(1) | P(2) | P(4));
	EXPECT_EQ(reaped, P(1) | P(2) | P(4));
	add_write(5, 1);
	local(5);
	EXPECT_EQ(done, P(5));
	EXPECT_TRUE(list_empty(&stream.held));
}

/* A flush need not be an entry only where nobody else has anything to make durable. */
static void flush_quiet(void)
{
	start();
	EXPECT_TRUE(ditto_stream_quiet(&stream));
	member(1);
	member(2);
	EXPECT_TRUE(ditto_stream_quiet(&stream));
	add_write(0, 1);
	EXPECT_FALSE(ditto_stream_quiet(&stream));
	local(1);
	ack(1, 1, 1);
	ack(2, 1, 0);
	/* The user has heard of it, and the power of 2 may fail. */
	EXPECT_EQ(done, P(1));
	EXPECT_FALSE(ditto_stream_quiet(&stream));
	ack(2, 1, 1);
	EXPECT_TRUE(ditto_stream_quiet(&stream));
	ditto_stream_hold(&stream);
	drop(2);
	drop(1);
	/* Nobody follows, but who is lost is still on the roster. */
	EXPECT_FALSE(ditto_stream_quiet(&stream));
	ditto_stream_unhold(&stream, &out);
	EXPECT_TRUE(ditto_stream_quiet(&stream));
}

/* The short way is not for what others wait for. */
static void alone_crossed(void)
{
	struct ditto_reader reader = { .range = { .start = 0, .last = BLOCK - 1 } };

	start();
	add_write(0, 1);
	EXPECT_TRUE(ditto_stream_local_alone(&stream, &entries[1]));
	EXPECT_TRUE(ditto_ranges_empty(&stream.ranges));
	EXPECT_FALSE(ditto_stream_local_alone(&stream, &entries[1]));
	/* One that crosses it waits for it, and one beside it does not. */
	add_write(0, 2);
	add_write(1, 1);
	add_write(4, 1);
	EXPECT_FALSE(ditto_stream_local_alone(&stream, &entries[2]));
	EXPECT_TRUE(ditto_stream_local_alone(&stream, &entries[4]));
	local(2);
	EXPECT_EQ(ready, P(3));
	EXPECT_TRUE(ditto_stream_local_alone(&stream, &entries[3]));
	/* So does a reader. */
	add_write(0, 1);
	EXPECT_FALSE(ditto_stream_read_begin(&stream, &reader));
	EXPECT_FALSE(ditto_stream_local_alone(&stream, &entries[5]));
	local(5);
	EXPECT_EQ(readers, 1);
	ditto_stream_read_end(&stream, &reader);
}

/* Nor for what is done later, or when more has to happen. */
static void alone_but(void)
{
	start();
	/* An epoch ends with it, or it has no range. */
	add(DITTO_ENTRY_WRITE, DITTO_ENTRYF_DURABLE, 0, 1);
	EXPECT_FALSE(ditto_stream_local_alone(&stream, &entries[1]));
	local(1);
	add(DITTO_ENTRY_FLUSH, DITTO_ENTRYF_DURABLE, 0, 1);
	EXPECT_FALSE(ditto_stream_local_alone(&stream, &entries[2]));
	local(2);
	/* Nothing is handed out as done. */
	add_write(0, 1);
	ditto_stream_hold(&stream);
	EXPECT_FALSE(ditto_stream_local_alone(&stream, &entries[3]));
	local(3);
	EXPECT_EQ(done, 0);
	ditto_stream_unhold(&stream, &out);
	collect();
	EXPECT_EQ(done, P(3));
	add_write(0, 1);
	ditto_stream_disk_failed(&stream);
	EXPECT_FALSE(ditto_stream_local_alone(&stream, &entries[4]));
	/* It has followers. */
	start();
	member(1);
	add_write(0, 1);
	EXPECT_FALSE(ditto_stream_local_alone(&stream, &entries[1]));
}

static void hold_and_ack(void)
{
	start();
	member(1);
	member(2);
	add_write(1, 1);
	add(DITTO_ENTRY_FLUSH, 0, 0, 1);
	add_write(3, 1);
	local(1);
	local(2);
	local(3);
	ditto_stream_hold(&stream);
	ack(2, 3, 3);
	ack(1, 3, 3);
	EXPECT_EQ(done | reaped, 0);
	EXPECT_EQ(released, P(1) | P(2) | P(3));
	/* Known durable there: a loss now makes nothing missing. */
	drop(1);
	EXPECT_EQ(missing, 0);
	EXPECT_EQ(done, 0);
	ditto_stream_unhold(&stream, &out);
	collect();
	EXPECT_EQ(done, P(1) | P(2) | P(3));
	EXPECT_EQ(reaped, P(1) | P(2) | P(3));
}

/* A roster that counts a new node is asked for while completions are held. */
static void hold_and_count(void)
{
	start();
	ditto_stream_follow(&stream, 1);
	add_write(1, 1);
	local(1);
	ditto_stream_hold(&stream);
	add_write(2, 1);
	local(2);
	EXPECT_EQ(done, 0);
	ditto_stream_count(&stream, 1, 2);
	ditto_stream_unhold(&stream, &out);
	collect();
	EXPECT_EQ(done, 0);
	/* Held a second time. */
	ditto_stream_hold(&stream);
	ack(1, 2, 0);
	EXPECT_EQ(done, 0);
	ditto_stream_unhold(&stream, &out);
	collect();
	EXPECT_EQ(done, P(2));
}

static void wrong_acks(void)
{
	static const struct { u64 received, written, durable; } wrong[] = {
		{ 4, 2, 1 }, { 3, 4, 1 }, { 3, 2, 3 }, { 2, 2, 1 }, { 3, 1, 1 }, { 3, 2, 0 },
	};
	u32 i;

	start();
	member(1);
	for (i = 1; i <= 4; i++)
		add_write(i, 1);
	for (i = 1; i <= 3; i++)
		EXPECT_TRUE(ditto_stream_next(&stream, 1, NULL) == &entries[i]);
	EXPECT_EQ(ditto_stream_acked(&stream, 1, 3, 2, 1, &out), 0);
	for (i = 0; i < ARRAY_SIZE(wrong); i++)
		EXPECT_EQ(ditto_stream_acked(&stream, 1, wrong[i].received, wrong[i].written,
					     wrong[i].durable, &out), -EPROTO);
	EXPECT_EQ(ditto_stream_acked(&stream, 2, 0, 0, 0, &out), -EPROTO);
	EXPECT_EQ(ditto_stream_acked(&stream, 32, 0, 0, 0, &out), -EPROTO);
	EXPECT_EQ(stream.followers[1].received, 3);
	EXPECT_EQ(stream.followers[1].written, 2);
	EXPECT_EQ(stream.followers[1].durable, 1);
	EXPECT_EQ(ditto_stream_acked(&stream, 1, 3, 2, 1, &out), 0);
}

static void sending(void)
{
	u32 i;

	start();
	member(1);
	add_write(1, 1);
	EXPECT_EQ(ditto_stream_follow(&stream, 2), 1);
	add_write(2, 1);
	EXPECT_TRUE(ditto_stream_next(&stream, 2, NULL) == &entries[2]);
	EXPECT_TRUE(!ditto_stream_next(&stream, 2, NULL));
	for (i = 3; i <= 6; i++)
		add_write(i, 1);
	EXPECT_TRUE(ditto_stream_next(&stream, 2, NULL) == &entries[3]);
	send_all(1);
	EXPECT_TRUE(ditto_stream_next(&stream, 2, NULL) == &entries[4]);
	add_write(7, 1);
	send_all(2);
	/* What was sent last is reaped; the place is not lost with it. */
	for (i = 1; i <= 7; i++)
		local(i);
	ack(1, 7, 7);
	ack(2, 7, 7);
	EXPECT_EQ(stream.listed, 0);
	EXPECT_TRUE(!ditto_stream_next(&stream, 1, NULL));
	add_write(8, 1);
	EXPECT_TRUE(ditto_stream_next(&stream, 1, NULL) == &entries[8]);
	/* Away and back: it follows from here. */
	drop(2);
	EXPECT_EQ(missing, P(8));
	EXPECT_EQ(ditto_stream_follow(&stream, 2), 8);
	EXPECT_TRUE(!ditto_stream_next(&stream, 2, NULL));
	add_write(9, 1);
	EXPECT_TRUE(ditto_stream_next(&stream, 2, NULL) == &entries[9]);
}

static void oldest(void)
{
	start();
	EXPECT_TRUE(!ditto_stream_oldest(&stream, 1));
	member(1);
	EXPECT_TRUE(!ditto_stream_oldest(&stream, 1));
	add_write(1, 1);
	add(DITTO_ENTRY_FLUSH, 0, 0, 1);
	add_write(3, 1);
	EXPECT_TRUE(ditto_stream_oldest(&stream, 1) == &entries[1]);
	ack(1, 1, 0);
	EXPECT_TRUE(ditto_stream_oldest(&stream, 1) == &entries[2]);
	ack(1, 3, 1);
	EXPECT_TRUE(ditto_stream_oldest(&stream, 1) == &entries[2]);
	ack(1, 3, 2);
	EXPECT_TRUE(!ditto_stream_oldest(&stream, 1));
}

static void read_at(struct ditto_reader *r, u64 block, u64 blocks)
{
	memset(r, 0, sizeof(*r));
	r->range.start = block * BLOCK;
	r->range.last = (block + blocks) * BLOCK - 1;
}

static void source_reads(void)
{
	struct ditto_reader r, verify;

	start();
	member(1);
	add_write(0, 4);
	add_write(3, 2);
	read_at(&r, 2, 2);
	r.guarding = true;
	EXPECT_FALSE(ditto_stream_read_begin(&stream, &r));
	EXPECT_TRUE(r.blocked);
	EXPECT_EQ(r.position, 2);
	read_at(&verify, 8, 1);
	EXPECT_TRUE(ditto_stream_read_begin(&stream, &verify));
	/* A later one does not wait for readers, and they do not wait for it. */
	add_write(2, 1);
	EXPECT_TRUE(entries[3].flags & DITTO_ENTRYF_GUARD);
	EXPECT_TRUE(r.crossed);
	EXPECT_EQ(entries[3].overlap, 1);
	add(DITTO_ENTRY_DISCARD, 0, 8, 4);
	EXPECT_FALSE(entries[4].flags & (DITTO_ENTRYF_GUARD | DITTO_ENTRYF_BLOCKED));
	EXPECT_TRUE(verify.crossed);
	local(4);
	EXPECT_EQ(readers, 0);
	local(1);
	EXPECT_EQ(readers, 0);
	EXPECT_EQ(ready, P(2) | P(3));
	local(2);
	EXPECT_EQ(readers, 1);
	EXPECT_FALSE(r.blocked);
	local(3);
	EXPECT_EQ(readers, 0);
	ditto_stream_read_end(&stream, &r);
	ditto_stream_read_end(&stream, &verify);
	add_write(2, 8);
	EXPECT_FALSE(entries[5].flags & DITTO_ENTRYF_GUARD);
}

/* What was added after a reader began is not what it waits for. */
static void later_frees_no_reader(void)
{
	struct ditto_reader r;

	start();
	add_write(0, 4);
	read_at(&r, 2, 4);
	EXPECT_FALSE(ditto_stream_read_begin(&stream, &r));
	EXPECT_TRUE(add_write(5, 1));
	local(2);
	EXPECT_EQ(readers, 0);
	EXPECT_TRUE(r.blocked);
	local(1);
	EXPECT_EQ(readers, 1);
	ditto_stream_read_end(&stream, &r);
}

/* A reader waits for an entry that is itself blocked, and may give up waiting. */
static void blocked_reader_leaves(void)
{
	struct ditto_reader r;

	start();
	add_write(0, 1);
	add_write(0, 2);
	read_at(&r, 1, 1);
	EXPECT_FALSE(ditto_stream_read_begin(&stream, &r));
	ditto_stream_read_end(&stream, &r);
	local(1);
	EXPECT_EQ(ready, P(2));
	local(2);
	EXPECT_EQ(readers, 0);
	EXPECT_TRUE(ditto_ranges_empty(&stream.ranges));
}

/* Trace 10, on the primary: a discard that crosses an extent on its way is a guard. */
static void discard_is_guard(void)
{
	struct ditto_reader r;

	start();
	ditto_stream_follow(&stream, 1);
	read_at(&r, 0, 16);
	r.guarding = true;
	EXPECT_TRUE(ditto_stream_read_begin(&stream, &r));
	add(DITTO_ENTRY_DISCARD, 0, 15, 1);
	EXPECT_TRUE(entries[1].flags & DITTO_ENTRYF_GUARD);
	EXPECT_TRUE(r.position < 1);
	add(DITTO_ENTRY_ZEROES, 0, 16, 1);
	EXPECT_FALSE(entries[2].flags & DITTO_ENTRYF_GUARD);
}

const struct test stream_tests[] = {
	{ "an entry without followers is done with the local disk", alone },
	{ "G1: a write is done when counted followers have it", life_of_a_write },
	{ "G1: flush and FUA are done only when durable", flush_is_durable },
	{ "done in order of position, whatever was waited for", done_order },
	{ "G1: the slowest that counts decides", slowest_counts },
	{ "G1: JOIN counts from its own position on", join_counts_from_there },
	{ "G1: what is not done yet waits for whom begins to count", count_goes_back },
	{ "G4: epochs", epochs },
	{ "G4: trace 1: overlapping writes keep their order", overlaps },
	{ "a flush overlaps nothing, a discard does", flush_overlaps_nothing },
	{ "G4: what a new follower is not sent still comes first", unlisted_order },
	{ "G2: trace 7: what is not durable at a lost follower is missing", lost_follower },
	{ "G2: one of two followers is lost", lost_one_of_two },
	{ "G1: nothing is done before the roster without the lost", held_back },
	{ "G1: a flush is the local disk's alone where all others are durable", flush_quiet },
	{ "G4: a write that others wait for is not done alone", alone_crossed },
	{ "G1: nor one that is held, that flushes, or that is followed", alone_but },
	{ "G1: acknowledgements while held", hold_and_ack },
	{ "G1: who begins to count while held is waited for", hold_and_count },
	{ "G9: acknowledgements that go back or ahead are refused", wrong_acks },
	{ "each follower is sent every entry once, in order", sending },
	{ "the oldest entry that a follower owes", oldest },
	{ "G2: source reads wait for overlapping local writes", source_reads },
	{ "G2: a later write frees no blocked reader", later_frees_no_reader },
	{ "a blocked reader may leave", blocked_reader_leaves },
	{ "G2: trace 10: what crosses an extent on its way is a guard", discard_is_guard },
	{ }
};
