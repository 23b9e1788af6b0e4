// SPDX-License-Identifier: GPL-2.0
/*
 * What the local disk cannot read is written to it anew, as a peer has it: never
 * over anything newer, on no disk (G2, G12).
 */
#include "stream.h"
#include "test.h"

#define BLOCK		4096ull
#define BLOCKS		6u
#define ENTRIES		64u
#define PEERS		2u

/* An entry and what it writes; slot is free where there is no data. */
struct write {
	struct ditto_entry e;
	u32 data;
	bool here;	/* with the local disk */
};

static struct ditto_stream stream;
static struct ditto_stream_out out;
static struct write writes[ENTRIES];
static struct ditto_reader reader;
static u32 expected[BLOCKS], local[BLOCKS], peers[PEERS + 1][BLOCKS];
static u32 values;

static struct write *of(struct ditto_entry *e)
{
	return container_of(e, struct write, e);
}

static void collect(void)
{
	struct ditto_entry *e, *next;

	list_for_each_entry(e, &out.ready, ready)
		of(e)->here = true;
	list_for_each_entry_safe(e, next, &out.reaped, link)
		of(e)->data = 0;
	ditto_stream_out_init(&out);
}

static void start(void)
{
	u32 node;

	memset(writes, 0, sizeof(writes));
	memset(expected, 0, sizeof(expected));
	memset(local, 0, sizeof(local));
	memset(peers, 0, sizeof(peers));
	ditto_stream_init(&stream, 0, 1);
	ditto_stream_out_init(&out);
	for (node = 1; node <= PEERS; node++)
		ditto_stream_count(&stream, node, ditto_stream_follow(&stream, node) + 1);
}

static void each_block(const struct write *w, u32 *disk)
{
	u32 block;

	for (block = w->e.range.start / BLOCK; block <= w->e.range.last / BLOCK; block++)
		disk[block] = w->data;
}

static struct write *add(u32 block, u32 count, u32 data)
{
	struct write *w = writes;

	while (w < writes + ENTRIES && w->data)
		w++;
	if (w == writes + ENTRIES)
		return NULL;
	memset(w, 0, sizeof(*w));
	w->data = data;
	w->e.kind = DITTO_ENTRY_WRITE;
	w->e.range.start = block * BLOCK;
	w->e.range.last = (block + count) * BLOCK - 1;
	w->here = ditto_stream_add(&stream, &w->e);
	return w;
}

static struct write *user(u32 block, u32 count)
{
	struct write *w = add(block, count, ++values);

	if (w)
		each_block(w, expected);
	return w;
}

static void written_here(struct write *w)
{
	w->here = false;
	each_block(w, local);
	ditto_stream_local_done(&stream, &w->e, &out);
	collect();
}

/* The next of what was sent to @node is on its disk. Return: false where there is none. */
static bool written_there(u32 node)
{
	struct ditto_follower *f = &stream.followers[node];
	struct ditto_entry *e;

	while (ditto_stream_next(&stream, node, NULL))
		;
	list_for_each_entry(e, &stream.entries, link) {
		if (e->position <= f->written)
			continue;
		each_block(of(e), peers[node]);
		EXPECT_EQ(ditto_stream_acked(&stream, node, f->sent, e->position, e->position,
					     &out), 0);
		collect();
		return true;
	}
	return false;
}

static bool begin(u32 block)
{
	memset(&reader, 0, sizeof(reader));
	INIT_LIST_HEAD(&reader.ready);
	reader.range.start = block * BLOCK;
	reader.range.last = (block + 1) * BLOCK - 1;
	return ditto_stream_repair_begin(&stream, &reader);
}

static void settle(void)
{
	struct write *w;
	u32 node;

	for (w = writes; w < writes + ENTRIES; w++)
		if (w->data && w->here) {
			written_here(w);
			/* It may have let one before it go. */
			w = writes - 1;
		}
	for (node = 1; node <= PEERS; node++)
		while (written_there(node))
			;
}

static void same(void)
{
	u32 block, node;

	for (block = 0; block < BLOCKS; block++) {
		EXPECT_EQ(local[block], expected[block]);
		for (node = 1; node <= PEERS; node++)
			EXPECT_EQ(peers[node][block], expected[block]);
	}
}

static void nothing_crosses(void)
{
	struct write *w;

	start();
	user(0, 2);
	settle();
	local[0] = ~0u;
	EXPECT_TRUE(begin(0));
	w = user(1, 1);
	EXPECT_TRUE(ditto_stream_repair_end(&stream, &reader));
	add(0, 1, peers[1][0]);
	EXPECT_TRUE(w->here);
	settle();
	same();
}

static void while_it_is_written(void)
{
	struct write *w;

	start();
	w = user(0, 2);
	EXPECT_FALSE(begin(1));
	EXPECT_TRUE(begin(2));
	EXPECT_TRUE(ditto_stream_repair_end(&stream, &reader));
	written_here(w);
	EXPECT_FALSE(begin(1));
	written_there(1);
	/* Who is asked may be the other one. */
	EXPECT_FALSE(begin(1));
	written_there(2);
	EXPECT_TRUE(begin(1));
	EXPECT_TRUE(ditto_stream_repair_end(&stream, &reader));
}

static void a_write_crosses(void)
{
	start();
	user(0, 1);
	settle();
	EXPECT_TRUE(begin(0));
	user(0, 1);
	settle();
	EXPECT_FALSE(ditto_stream_repair_end(&stream, &reader));
	same();
}

static void later_writes_wait(void)
{
	struct write *repair, *w;

	start();
	user(0, 1);
	settle();
	EXPECT_TRUE(begin(0));
	EXPECT_TRUE(ditto_stream_repair_end(&stream, &reader));
	repair = add(0, 1, peers[2][0]);
	w = user(0, 1);
	EXPECT_TRUE(repair->here);
	EXPECT_FALSE(w->here);
	EXPECT_EQ(w->e.overlap, repair->e.position);
	settle();
	same();
}

/* Some write that the local disk has, or NULL. */
static struct write *one_here(struct test_random *random)
{
	u32 first = test_below(random, ENTRIES), i;

	for (i = 0; i < ENTRIES; i++) {
		struct write *w = &writes[(first + i) % ENTRIES];

		if (w->data && w->here)
			return w;
	}
	return NULL;
}

/* Anything in any order; what the disk cannot read is garbage until it is written. */
static void model(struct test_random *random)
{
	u32 step, block = 0, data = 0, node, count;
	bool begun = false, read = false;
	struct write *w;

	start();
	for (step = 0; step < 400; step++) {
		switch (test_below(random, 8)) {
		case 0:
			count = 1 + test_below(random, 3);
			user(test_below(random, BLOCKS - count + 1), count);
			break;
		case 1:
		case 2:
			w = one_here(random);
			if (w)
				written_here(w);
			break;
		case 3:
		case 4:
		case 5:
			written_there(1 + test_below(random, PEERS));
			break;
		case 6:
			if (begun && !read) {
				data = peers[1 + test_below(random, PEERS)][block];
				read = true;
			} else if (!begun) {
				block = test_below(random, BLOCKS);
				begun = begin(block);
				read = false;
			}
			break;
		default:
			if (!read)
				break;
			/* Where nobody has written there is no data: nothing to write anew. */
			if (ditto_stream_repair_end(&stream, &reader) && data)
				add(block, 1, data);
			begun = false;
			read = false;
		}
	}
	if (begun)
		ditto_stream_repair_end(&stream, &reader);
	settle();
	for (node = 1; node <= PEERS; node++)
		EXPECT_FALSE(written_there(node));
	same();
}

static void models(void)
{
	struct test_random random = { 3 };
	u32 i;

	for (i = 0; i < 2000; i++)
		model(&random);
}

const struct test stream_repair_tests[] = {
	{ "G8: a block is written anew", nothing_crosses },
	{ "G2: not while it is being written", while_it_is_written },
	{ "G2: not over a newer write", a_write_crosses },
	{ "G12: later writes come after it everywhere", later_writes_wait },
	{ "G2: the disks are equal, whatever happens when", models },
	{ }
};
