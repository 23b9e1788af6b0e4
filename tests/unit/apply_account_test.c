// SPDX-License-Identifier: GPL-2.0
/* The entries of accounting on their way through a secondary. */
#include "apply.h"
#include "stream.h"
#include "test.h"

#define BLOCK	4096ull
#define ITEMS	64
#define P(number)	(1ull << (number))

static struct ditto_apply apply;
static struct ditto_apply_item items[ITEMS], extents[ITEMS];
static u64 called;

static void start(bool target)
{
	memset(items, 0, sizeof(items));
	memset(extents, 0, sizeof(extents));
	ditto_apply_init(&apply, 0, 1, target);
}

static void set_range(struct ditto_apply_item *item, u64 block)
{
	item->range.start = block * BLOCK;
	item->range.last = (block + 1) * BLOCK - 1;
	item->flags |= DITTO_ITEMF_RANGE;
}

/* Each with a range, as if its header's had been taken. */
static int receive(u8 kind, u32 flags, u64 epoch, u64 block)
{
	struct ditto_apply_item *item = &items[apply.received + 1];

	memset(item, 0, sizeof(*item));
	item->kind = kind;
	item->flags = flags;
	item->number = apply.received + 1;
	item->epoch = epoch;
	set_range(item, block);
	return ditto_apply_receive(&apply, item);
}

static void take(u8 kind, u64 block)
{
	EXPECT_EQ(receive(kind, 0, 1, block), 0);
}

/* Submit all that may be: a bit for each. */
static u64 go(void)
{
	struct ditto_apply_item *item;
	u64 gone = 0;

	while ((item = ditto_apply_next(&apply)))
		gone |= item->kind == DITTO_ITEM_EXTENT ? P(63) : P(item->number);
	return gone;
}

static void flush(void)
{
	struct ditto_apply_item *item, *next;
	LIST_HEAD(reaped);

	EXPECT_TRUE(ditto_apply_flush_begin(&apply, true));
	ditto_apply_flush_end(&apply, &reaped);
	list_for_each_entry_safe(item, next, &reaped, link)
		list_del(&item->link);
}

static const u8 silent[] = { DITTO_ENTRY_FLUSH, DITTO_ENTRY_ABSENT, DITTO_ENTRY_BITS };

static void silent_ones(void)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(silent); i++) {
		start(true);
		take(silent[i], 0);
		EXPECT_EQ(apply.written, 1);
		take(DITTO_ENTRY_WRITE, 0);
		EXPECT_EQ(receive(silent[i], DITTO_ITEMF_DURABLE, 1, 0), 0);
		take(DITTO_ENTRY_WRITE, 1);
		EXPECT_EQ(go(), P(2) | P(4));
		ditto_apply_written(&apply, &items[4]);
		EXPECT_EQ(apply.written, 1);
		ditto_apply_written(&apply, &items[2]);
		EXPECT_EQ(apply.written, 4);
		/* It asked for that. */
		EXPECT_TRUE(ditto_apply_flush_begin(&apply, false));
	}
}

static void silent_opens_an_epoch(void)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(silent); i++) {
		start(true);
		take(DITTO_ENTRY_WRITE, 0);
		EXPECT_EQ(receive(silent[i], 0, 2, 0), 0);
		EXPECT_EQ(receive(DITTO_ENTRY_WRITE, 0, 2, 1), 0);
		EXPECT_EQ(go(), P(1));
		ditto_apply_written(&apply, &items[1]);
		EXPECT_EQ(apply.written, 2);
		EXPECT_EQ(go(), 0);
		flush();
		EXPECT_EQ(go(), P(3));
	}
}

static void set_is_alone(void)
{
	start(false);
	take(DITTO_ENTRY_WRITE, 0);
	take(DITTO_ENTRY_SET, 0);
	take(DITTO_ENTRY_WRITE, 1);
	EXPECT_EQ(go(), P(1));
	ditto_apply_written(&apply, &items[1]);
	EXPECT_EQ(go(), 0);
	flush();
	EXPECT_EQ(go(), P(2));
	EXPECT_EQ(go(), 0);
	ditto_apply_written(&apply, &items[2]);
	EXPECT_EQ(go(), P(3));
}

/* The range of SET is not data: an extent that crosses it is written whole. */
static void set_hides_nothing(void)
{
	struct ditto_apply_item *extent = &extents[1];
	unsigned long mask[1] = {};

	start(true);
	EXPECT_EQ(receive(DITTO_ENTRY_SET, DITTO_ITEMF_GUARD, 1, 0), 0);
	EXPECT_EQ(go(), P(1));
	ditto_apply_written(&apply, &items[1]);
	extent->number = 1;
	set_range(extent, 0);
	EXPECT_EQ(ditto_apply_receive_extent(&apply, extent, 0, false), 0);
	EXPECT_EQ(go(), P(63));
	EXPECT_EQ(ditto_apply_mask(&apply, extent, mask), 0);
}

/*
 * A newer entry covers all of an extent, and waits for its epoch. Nobody may take
 * the extent's block to be on this disk before that entry is.
 */
static void behind_what_it_leaves_out(void)
{
	struct ditto_apply_item *extent = &extents[1];
	unsigned long mask[1] = {};

	start(true);
	EXPECT_EQ(receive(DITTO_ENTRY_WRITE, 0, 1, 5), 0);
	EXPECT_EQ(receive(DITTO_ENTRY_WRITE, 0, 2, 0), 0);
	extent->number = 1;
	set_range(extent, 0);
	EXPECT_EQ(ditto_apply_receive_extent(&apply, extent, 0, true), 0);
	EXPECT_EQ(go(), P(1) | P(63));
	EXPECT_EQ(ditto_apply_mask(&apply, extent, mask), BLOCK / 512);
	ditto_apply_written(&apply, extent);
	EXPECT_EQ(apply.extent_written, 0);
	ditto_apply_written(&apply, &items[1]);
	EXPECT_EQ(apply.extent_written, 0);
	flush();
	EXPECT_EQ(apply.extent_durable, 0);
	EXPECT_EQ(go(), P(2));
	ditto_apply_written(&apply, &items[2]);
	EXPECT_EQ(apply.extent_written, 1);
	EXPECT_EQ(apply.extent_durable, 0);
	flush();
	EXPECT_EQ(apply.extent_durable, 1);
}

static void bits_only_before_join(void)
{
	start(false);
	EXPECT_EQ(receive(DITTO_ENTRY_BITS, 0, 1, 0), -EPROTO);
	EXPECT_EQ(apply.received, 0);
	take(DITTO_ENTRY_ABSENT, 0);
	take(DITTO_ENTRY_SET, 0);
	start(true);
	take(DITTO_ENTRY_BITS, 0);
	take(DITTO_ENTRY_JOIN, 0);
	EXPECT_EQ(receive(DITTO_ENTRY_BITS, 0, 1, 0), -EPROTO);
	EXPECT_EQ(apply.received, 2);
	take(DITTO_ENTRY_ABSENT, 0);
}

static void call(void *arg, u64 start, u64 size)
{
	EXPECT_TRUE(arg == &called);
	EXPECT_EQ(size, BLOCK);
	EXPECT_FALSE(called & P(start / BLOCK));
	called |= P(start / BLOCK);
}

static u64 each(u64 position)
{
	called = 0;
	ditto_apply_each(&apply, position, call, &called);
	return called;
}

static void each_not_durable(void)
{
	start(false);
	EXPECT_EQ(each(0), 0);
	take(DITTO_ENTRY_WRITE, 1);
	take(DITTO_ENTRY_DISCARD, 2);
	take(DITTO_ENTRY_FLUSH, 3);
	take(DITTO_ENTRY_ZEROES, 4);
	take(DITTO_ENTRY_ABSENT, 5);
	take(DITTO_ENTRY_WRITE, 6);
	take(DITTO_ENTRY_SET, 7);
	EXPECT_EQ(each(0), P(1) | P(2) | P(4) | P(6));
	EXPECT_EQ(each(1), P(2) | P(4) | P(6));
	EXPECT_EQ(each(5), P(6));
	EXPECT_EQ(each(6), 0);
	EXPECT_EQ(go(), P(1) | P(2) | P(4) | P(6));
	ditto_apply_written(&apply, &items[1]);
	ditto_apply_written(&apply, &items[6]);
	/* Written is not durable. */
	EXPECT_EQ(each(0), P(1) | P(2) | P(4) | P(6));
	flush();
	EXPECT_EQ(each(0), P(2) | P(4) | P(6));
}

const struct test apply_account_tests[] = {
	{ "G2: FLUSH, ABSENT and BITS are written when they are reached", silent_ones },
	{ "G4: and open epochs", silent_opens_an_epoch },
	{ "G2: SET comes behind all that is durable, and alone", set_is_alone },
	{ "G2: what SET covers is not kept from an extent", set_hides_nothing },
	{ "G2: an extent is behind the newer entry that it leaves out", behind_what_it_leaves_out },
	{ "G2: BITS come before JOIN or not at all", bits_only_before_join },
	{ "G2: each entry that is not durable", each_not_durable },
	{ }
};
