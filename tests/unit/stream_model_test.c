// SPDX-License-Identifier: GPL-2.0
/*
 * Everything at random, and after each step each entry is held against the
 * words of the header, worked out the slow way.
 */
#include "stream.h"
#include "test.h"

#define BLOCK	4096ull
#define NODES	4
#define LIVE	4096

static struct ditto_stream stream;
static struct ditto_stream_out out;
static struct ditto_entry many[LIVE];
static u32 count;
static struct test_random chance;

static bool everywhere(const struct ditto_entry *e, bool counted, bool durable)
{
	const struct ditto_follower *f;
	u32 node;

	for (node = 0; node < NODES; node++) {
		f = &stream.followers[node];
		if (!f->active || e->position <= f->from)
			continue;
		if (counted && (!f->counted || f->counted_from > e->position))
			continue;
		if ((durable ? f->durable : f->written) < e->position)
			return false;
	}
	return true;
}

static bool crosses(const struct ditto_entry *a, const struct ditto_entry *b)
{
	return a->kind == DITTO_ENTRY_WRITE && b->kind == DITTO_ENTRY_WRITE &&
	       a->range.start <= b->range.last && a->range.last >= b->range.start;
}

static void check_entry(const struct ditto_entry *e)
{
	bool is_local = e->flags & DITTO_ENTRYF_LOCAL;
	bool is_done = e->flags & DITTO_ENTRYF_DONE;
	bool is_released = e->flags & DITTO_ENTRYF_RELEASED;
	bool held = stream.hold && !(e->flags & DITTO_ENTRYF_URGENT);
	bool may_be_done = is_local && everywhere(e, true, e->flags & DITTO_ENTRYF_DURABLE);
	bool blocked = false;
	u32 i;

	/* Once done always done, though a later JOIN may count from before. */
	if (!is_done)
		EXPECT_FALSE(may_be_done && !held);
	if (e->flags & DITTO_ENTRYF_LISTED) {
		EXPECT_EQ(is_released, is_local && everywhere(e, false, false));
		EXPECT_FALSE(is_done && is_released && everywhere(e, false, true));
	}
	if (!is_local) {
		EXPECT_FALSE(is_done || is_released);
		for (i = 1; i < e->position; i++)
			blocked |= crosses(&many[i], e) && !(many[i].flags & DITTO_ENTRYF_LOCAL);
		EXPECT_EQ(!!(e->flags & DITTO_ENTRYF_BLOCKED), blocked);
	}
}

static void take_out(bool acked)
{
	struct ditto_entry *e, *next;
	u64 last = 0;

	list_for_each_entry(e, &out.done, note) {
		EXPECT_TRUE(e->position > last);
		last = e->position;
		EXPECT_TRUE(e->flags & DITTO_ENTRYF_LOCAL);
		if (acked)
			EXPECT_TRUE(everywhere(e, true, e->flags & DITTO_ENTRYF_DURABLE));
	}
	list_for_each_entry_safe(e, next, &out.reaped, link) {
		EXPECT_TRUE(e->flags & DITTO_ENTRYF_DONE && e->flags & DITTO_ENTRYF_RELEASED);
		EXPECT_TRUE(everywhere(e, false, true));
		list_del(&e->link);
		/* Any later use stops the test. */
		memset(&e->note, 0, sizeof(e->note));
		memset(&e->ready, 0, sizeof(e->ready));
	}
	ditto_stream_out_init(&out);
}

static void random_add(void)
{
	struct ditto_entry *e;
	u32 i;

	if (count + 1 >= LIVE)
		return;
	e = &many[++count];
	memset(e, 0, sizeof(*e));
	e->kind = test_below(&chance, 8) ? DITTO_ENTRY_WRITE : DITTO_ENTRY_FLUSH;
	if (!test_below(&chance, 5))
		e->flags |= DITTO_ENTRYF_DURABLE;
	if (!test_below(&chance, 9))
		e->flags |= DITTO_ENTRYF_BARRIER;
	if (!test_below(&chance, 9))
		e->flags |= DITTO_ENTRYF_URGENT;
	e->range.start = test_below(&chance, 40) * BLOCK;
	e->range.last = e->range.start + (1 + test_below(&chance, 4)) * BLOCK - 1;
	ditto_stream_add(&stream, e);
	EXPECT_TRUE(e->epoch >= many[count - 1].epoch);
	for (i = 1; i < count; i++) {
		if (crosses(&many[i], e) && i > e->overlap)
			EXPECT_TRUE(many[i].flags & DITTO_ENTRYF_LOCAL &&
				    everywhere(&many[i], false, false));
	}
}

static void model_local(struct ditto_entry *e)
{
	bool alone = e->kind == DITTO_ENTRY_WRITE && !stream.hold &&
		     !(e->flags & (DITTO_ENTRYF_LISTED | DITTO_ENTRYF_DURABLE));
	u32 i;

	/* All that is not done everywhere is in ranges. */
	for (i = 1; i <= count; i++) {
		if (&many[i] != e && crosses(&many[i], e) &&
		    !(many[i].flags & DITTO_ENTRYF_LOCAL && everywhere(&many[i], false, false)))
			alone = false;
	}
	if (test_below(&chance, 4)) {
		EXPECT_EQ(ditto_stream_local_alone(&stream, e), alone);
		if (e->flags & DITTO_ENTRYF_LOCAL)
			return;
	}
	ditto_stream_local_done(&stream, e, &out);
}

static void random_local(void)
{
	u32 tries = 8, i;

	while (tries-- && count) {
		i = 1 + test_below(&chance, count);
		if (test_below(&chance, 4) && count > 20)
			i = count - test_below(&chance, 20);
		if (many[i].flags & (DITTO_ENTRYF_LOCAL | DITTO_ENTRYF_BLOCKED))
			continue;
		model_local(&many[i]);
		break;
	}
}

static void random_ack(u32 node)
{
	struct ditto_follower *f = &stream.followers[node];
	u64 received, written, durable;
	u32 sends = test_below(&chance, 6);

	while (sends-- && ditto_stream_next(&stream, node, NULL))
		;
	received = f->received + test_below(&chance, f->sent - f->received + 1);
	written = f->written + test_below(&chance, received - f->written + 1);
	durable = f->durable + test_below(&chance, written - f->durable + 1);
	EXPECT_EQ(ditto_stream_acked(&stream, node, received, written, durable, &out), 0);
}

static void lost(void *arg, u64 start, u64 size)
{
	*(u64 *)arg += 1;
	EXPECT_TRUE(size && start < 40 * BLOCK);
}

static void random_drop(u32 node)
{
	u64 durable = stream.followers[node].durable, gone = 0, want = 0;
	u32 i;

	for (i = durable + 1; i <= count; i++)
		want += many[i].kind == DITTO_ENTRY_WRITE;
	ditto_stream_drop(&stream, node, lost, &gone, &out);
	EXPECT_EQ(gone, want);
}

static void random_step(void)
{
	u32 node = test_below(&chance, NODES);
	struct ditto_follower *f = &stream.followers[node];

	switch (test_below(&chance, 40)) {
	case 0:
		if (f->active)
			random_drop(node);
		else
			ditto_stream_follow(&stream, node);
		break;
	case 1:
		if (f->active && !f->counted)
			ditto_stream_count(&stream, node, stream.position + 1 -
					   test_below(&chance, 3));
		break;
	case 2:
		ditto_stream_hold(&stream);
		break;
	case 3 ... 5:
		ditto_stream_unhold(&stream, &out);
		break;
	case 6:
		ditto_stream_end_epoch(&stream);
		break;
	case 7 ... 17:
		random_add();
		break;
	case 18 ... 28:
		random_local();
		break;
	default:
		if (f->active)
			random_ack(node);
		break;
	}
}

static void finish_all(void)
{
	bool more = true;
	u32 i;

	ditto_stream_unhold(&stream, &out);
	take_out(true);
	while (more) {
		more = false;
		for (i = 1; i <= count; i++) {
			if (many[i].flags & (DITTO_ENTRYF_LOCAL | DITTO_ENTRYF_BLOCKED))
				continue;
			model_local(&many[i]);
			take_out(true);
			more = true;
		}
	}
	for (i = 0; i < NODES; i++) {
		if (stream.followers[i].active)
			random_drop(i);
		take_out(true);
	}
	EXPECT_EQ(stream.listed, 0);
	EXPECT_TRUE(list_empty(&stream.entries) && list_empty(&stream.held));
	EXPECT_TRUE(ditto_ranges_empty(&stream.ranges));
	for (i = 1; i <= count; i++)
		EXPECT_TRUE(many[i].flags & DITTO_ENTRYF_DONE &&
			    many[i].flags & DITTO_ENTRYF_RELEASED &&
			    !(many[i].flags & DITTO_ENTRYF_LISTED));
}

static void at_random(void)
{
	u32 seed, step, i;

	for (seed = 1; seed <= 60; seed++) {
		chance.state = seed;
		count = 0;
		ditto_stream_init(&stream, 0, 1);
		ditto_stream_out_init(&out);
		for (step = 0; step < 1000; step++) {
			random_step();
			take_out(true);
			for (i = 1; i <= count; i++)
				check_entry(&many[i]);
		}
		finish_all();
	}
}

const struct test stream_model_tests[] = {
	{ "G1 G2 G4: everything at random, against the definition", at_random },
	{ }
};
