// SPDX-License-Identifier: GPL-2.0
#include "apply.h"
#include "stream.h"
#include "test.h"

#define BLOCK	4096ull
#define ITEMS	64

static struct ditto_apply apply;
static struct ditto_apply_item items[ITEMS], extents[ITEMS];
/* Numbers handed out by the last go(), a bit for each. */
static u64 gone, gone_extents;
static u64 reaped, reaped_extents;
static unsigned long mask[4];

#define P(number)	(1ull << (number))

static void start(bool target)
{
	memset(items, 0, sizeof(items));
	memset(extents, 0, sizeof(extents));
	ditto_apply_init(&apply, 0, 1, target);
}

static void set_range(struct ditto_apply_item *item, u64 block, u64 blocks)
{
	item->range.start = block * BLOCK;
	item->range.last = (block + blocks) * BLOCK - 1;
	item->flags |= DITTO_ITEMF_RANGE;
}

static int receive(u8 kind, u32 flags, u64 epoch, u64 overlap, u64 block, u64 blocks)
{
	struct ditto_apply_item *item = &items[apply.received + 1];

	memset(item, 0, sizeof(*item));
	item->kind = kind;
	item->flags = flags;
	item->number = apply.received + 1;
	item->epoch = epoch;
	item->overlap = overlap;
	if (kind < DITTO_ENTRY_FLUSH)
		set_range(item, block, blocks);
	return ditto_apply_receive(&apply, item);
}

static void take(u64 epoch, u64 overlap, u64 block, u64 blocks)
{
	EXPECT_EQ(receive(DITTO_ENTRY_WRITE, 0, epoch, overlap, block, blocks), 0);
}

static void take_flush(u64 epoch)
{
	EXPECT_EQ(receive(DITTO_ENTRY_FLUSH, DITTO_ITEMF_DURABLE, epoch, 0, 0, 0), 0);
}

static int receive_extent(u64 read_at, u64 floor, u64 block, u64 blocks, bool asked)
{
	struct ditto_apply_item *item = &extents[apply.extent_received + 1];

	memset(item, 0, sizeof(*item));
	item->number = apply.extent_received + 1;
	item->read_at = read_at;
	set_range(item, block, blocks);
	return ditto_apply_receive_extent(&apply, item, floor, asked);
}

static void take_extent(u64 read_at, u64 floor, u64 block, u64 blocks)
{
	EXPECT_EQ(receive_extent(read_at, floor, block, blocks, false), 0);
}

/* Submit all that may be. */
static void go(void)
{
	struct ditto_apply_item *item;

	gone = gone_extents = 0;
	while ((item = ditto_apply_next(&apply))) {
		EXPECT_TRUE(item->flags & DITTO_ITEMF_ACTIVE);
		if (item->kind == DITTO_ITEM_EXTENT)
			gone_extents |= P(item->number);
		else
			gone |= P(item->number);
	}
}

static void written(u64 number)
{
	ditto_apply_written(&apply, &items[number]);
	go();
}

static void extent_written(u64 number)
{
	ditto_apply_written(&apply, &extents[number]);
	go();
}

static void count_reaped(struct list_head *list)
{
	struct ditto_apply_item *item, *next;

	reaped = reaped_extents = 0;
	list_for_each_entry_safe(item, next, list, link) {
		EXPECT_FALSE(item->flags & (DITTO_ITEMF_IN_RANGES | DITTO_ITEMF_QUEUED));
		if (item->kind == DITTO_ITEM_EXTENT)
			reaped_extents |= P(item->number);
		else
			reaped |= P(item->number);
		list_del(&item->link);
	}
}

static void flush_end(void)
{
	LIST_HEAD(list);

	ditto_apply_flush_end(&apply, &list);
	count_reaped(&list);
	go();
}

static void flush(void)
{
	EXPECT_TRUE(ditto_apply_flush_begin(&apply, true));
	flush_end();
}

static void in_parallel(void)
{
	start(false);
	take(1, 0, 0, 1);
	take(1, 0, 1, 1);
	take(1, 0, 2, 1);
	go();
	EXPECT_EQ(gone, P(1) | P(2) | P(3));
	written(3);
	written(1);
	EXPECT_EQ(apply.written, 1);
	written(2);
	EXPECT_EQ(apply.written, 3);
	EXPECT_EQ(apply.durable, 0);
	flush();
	EXPECT_EQ(apply.durable, 3);
	EXPECT_EQ(reaped, P(1) | P(2) | P(3));
	EXPECT_TRUE(list_empty(&apply.items));
}

/* Trace 1: w3 overlaps both, and names the newer one. */
static void overlap(void)
{
	start(false);
	take(1, 0, 0, 8);
	take(1, 0, 8, 8);
	take(1, 2, 4, 8);
	take(1, 0, 50, 1);
	go();
	EXPECT_EQ(gone, P(1) | P(2) | P(4));
	written(2);
	EXPECT_EQ(gone, 0);
	written(4);
	EXPECT_EQ(gone, 0);
	written(1);
	EXPECT_EQ(gone, P(3));
	EXPECT_EQ(apply.written, 2);
	written(3);
	EXPECT_EQ(apply.written, 4);
}

static void chain_of_overlaps(void)
{
	u64 i;

	start(false);
	for (i = 1; i <= 20; i++)
		take(1, i - 1, 7, 1);
	go();
	EXPECT_EQ(gone, P(1));
	for (i = 1; i < 20; i++) {
		written(i);
		EXPECT_EQ(gone, P(i + 1));
	}
}

static void overlaps_out_of_order(void)
{
	start(false);
	take(1, 0, 0, 1);
	take(1, 0, 1, 1);
	take(1, 0, 2, 1);
	take(1, 3, 2, 1);
	take(1, 1, 0, 1);
	take(1, 2, 1, 1);
	go();
	EXPECT_EQ(gone, P(1) | P(2) | P(3));
	written(1);
	EXPECT_EQ(gone, P(5));
	written(2);
	EXPECT_EQ(gone, P(6));
	written(3);
	EXPECT_EQ(gone, P(4));
}

static void epoch_waits(void)
{
	start(false);
	take(1, 0, 0, 1);
	take(1, 0, 1, 1);
	take(2, 0, 2, 1);
	take(2, 0, 3, 1);
	go();
	EXPECT_EQ(gone, P(1) | P(2));
	EXPECT_FALSE(ditto_apply_flush_begin(&apply, false));
	written(2);
	/* Part of the earlier epoch is not written: a flush would be for nothing. */
	EXPECT_FALSE(ditto_apply_flush_begin(&apply, false));
	written(1);
	EXPECT_EQ(gone, 0);
	EXPECT_TRUE(ditto_apply_flush_begin(&apply, false));
	EXPECT_FALSE(ditto_apply_flush_begin(&apply, true));
	go();
	EXPECT_EQ(gone, 0);
	flush_end();
	EXPECT_EQ(gone, P(3) | P(4));
	EXPECT_EQ(apply.disk_epoch, 2);
}

/* What completes while a flush is under way is not behind it. */
static void flush_covers_the_past(void)
{
	start(false);
	take(1, 0, 0, 1);
	take(1, 0, 1, 1);
	take(2, 0, 2, 1);
	go();
	written(1);
	EXPECT_TRUE(ditto_apply_flush_begin(&apply, true));
	written(2);
	flush_end();
	EXPECT_EQ(apply.durable, 1);
	EXPECT_EQ(gone, 0);
	EXPECT_TRUE(ditto_apply_flush_begin(&apply, false));
	flush_end();
	EXPECT_EQ(apply.durable, 2);
	EXPECT_EQ(gone, P(3));
}

static void epoch_without_flush(void)
{
	start(false);
	take(1, 0, 0, 1);
	go();
	written(1);
	flush();
	take(5, 0, 1, 1);
	go();
	EXPECT_EQ(gone, P(2));
	EXPECT_EQ(apply.disk_epoch, 5);
	EXPECT_FALSE(ditto_apply_flush_begin(&apply, true));
}

static void several_epochs(void)
{
	start(false);
	take(1, 0, 0, 1);
	take(2, 1, 0, 1);
	take(3, 2, 0, 1);
	go();
	EXPECT_EQ(gone, P(1));
	written(1);
	flush();
	EXPECT_EQ(gone, P(2));
	written(2);
	EXPECT_EQ(gone, 0);
	EXPECT_TRUE(ditto_apply_flush_begin(&apply, false));
	flush_end();
	EXPECT_EQ(gone, P(3));
}

/* A disk without a cache: nobody waits for a flush, and nothing skips an epoch. */
static void written_is_durable(void)
{
	LIST_HEAD(list);

	start(false);
	take(1, 0, 0, 1);
	take(1, 0, 1, 1);
	take(2, 0, 2, 1);
	go();
	EXPECT_EQ(gone, P(1) | P(2));
	written(2);
	EXPECT_FALSE(ditto_apply_through(&apply, &list));
	EXPECT_EQ(apply.durable, 0);
	EXPECT_EQ(gone, 0);
	written(1);
	EXPECT_TRUE(ditto_apply_through(&apply, &list));
	count_reaped(&list);
	EXPECT_EQ(reaped, P(1) | P(2));
	EXPECT_EQ(apply.durable, 2);
	EXPECT_FALSE(ditto_apply_through(&apply, &list));
	go();
	EXPECT_EQ(gone, P(3));
}

static void flush_entries(void)
{
	start(false);
	take(1, 0, 0, 1);
	take_flush(1);
	take(1, 0, 1, 1);
	go();
	EXPECT_EQ(gone, P(1) | P(3));
	written(3);
	EXPECT_EQ(apply.written, 0);
	EXPECT_FALSE(ditto_apply_flush_begin(&apply, false));
	written(1);
	EXPECT_EQ(apply.written, 3);
	EXPECT_TRUE(ditto_apply_flush_begin(&apply, false));
	flush_end();
	EXPECT_EQ(apply.durable, 3);
	EXPECT_EQ(reaped, P(1) | P(2) | P(3));
	/* One alone, and one of a new epoch at which the turn has stopped. */
	take_flush(1);
	EXPECT_EQ(apply.written, 4);
	take_flush(2);
	take(2, 0, 0, 1);
	EXPECT_EQ(apply.written, 5);
	go();
	EXPECT_EQ(gone, 0);
	EXPECT_TRUE(ditto_apply_flush_begin(&apply, false));
	flush_end();
	EXPECT_EQ(reaped, P(4) | P(5));
	EXPECT_EQ(gone, P(6));
	written(6);
	EXPECT_EQ(apply.written, 6);
}

static void fua_asks(void)
{
	start(false);
	take(1, 0, 0, 1);
	EXPECT_EQ(receive(DITTO_ENTRY_WRITE, DITTO_ITEMF_DURABLE, 1, 0, 1, 1), 0);
	go();
	written(2);
	EXPECT_FALSE(ditto_apply_flush_begin(&apply, false));
	written(1);
	EXPECT_TRUE(ditto_apply_flush_begin(&apply, false));
	flush_end();
	EXPECT_FALSE(ditto_apply_flush_begin(&apply, false));
}

static void flush_unasked(void)
{
	u64 i;

	start(false);
	for (i = 1; i <= 8; i++) {
		struct ditto_apply_item *item = &items[i];

		item->kind = DITTO_ENTRY_WRITE;
		item->flags = DITTO_ITEMF_RANGE;
		item->number = i;
		item->epoch = 1;
		item->range.start = i << 20;
		item->range.last = item->range.start + (1 << 20) - 1;
		EXPECT_EQ(ditto_apply_receive(&apply, item), 0);
	}
	go();
	for (i = 1; i <= 8; i++) {
		EXPECT_FALSE(ditto_apply_flush_begin(&apply, false));
		written(i);
	}
	EXPECT_TRUE(ditto_apply_flush_begin(&apply, false));
	flush_end();
	EXPECT_EQ(apply.unflushed_bytes, 0);
	EXPECT_FALSE(ditto_apply_flush_begin(&apply, true));
	take(1, 0, 1, 1);
	go();
	EXPECT_FALSE(ditto_apply_flush_begin(&apply, true));
	written(9);
	EXPECT_FALSE(ditto_apply_flush_begin(&apply, false));
	EXPECT_TRUE(ditto_apply_flush_begin(&apply, true));
}

static void roster_alone(void)
{
	start(false);
	take(1, 0, 0, 1);
	EXPECT_EQ(receive(DITTO_ENTRY_ROSTER, DITTO_ITEMF_DURABLE, 1, 0, 0, 0), 0);
	take(1, 0, 1, 1);
	go();
	EXPECT_EQ(gone, P(1));
	written(1);
	EXPECT_EQ(gone, 0);
	EXPECT_TRUE(ditto_apply_flush_begin(&apply, false));
	flush_end();
	EXPECT_EQ(gone, P(2));
	/* Nothing more until it is recorded. */
	take(2, 0, 2, 1);
	go();
	EXPECT_EQ(gone, 0);
	EXPECT_FALSE(ditto_apply_flush_begin(&apply, false));
	written(2);
	EXPECT_EQ(gone, P(3));
	EXPECT_TRUE(ditto_apply_flush_begin(&apply, false));
	flush_end();
	EXPECT_EQ(apply.durable, 2);
	written(3);
	EXPECT_TRUE(ditto_apply_flush_begin(&apply, false));
	flush_end();
	EXPECT_EQ(gone, P(4));
}

static void wrong_entries(void)
{
	struct ditto_apply_item item = { .kind = DITTO_ENTRY_WRITE, .number = 3, .epoch = 1 };

	start(false);
	take(1, 0, 0, 1);
	EXPECT_EQ(ditto_apply_receive(&apply, &item), -EPROTO);
	item.number = 1;
	EXPECT_EQ(ditto_apply_receive(&apply, &item), -EPROTO);
	item.number = 2;
	item.overlap = 2;
	EXPECT_EQ(ditto_apply_receive(&apply, &item), -EPROTO);
	item.overlap = 0;
	item.epoch = 0;
	EXPECT_EQ(ditto_apply_receive(&apply, &item), -EPROTO);
	EXPECT_EQ(apply.received, 1);
	item.epoch = 1;
	EXPECT_EQ(ditto_apply_receive(&apply, &item), 0);
	EXPECT_EQ(receive_extent(0, 0, 0, 1, false), -EPROTO);
}

static void wrong_extents(void)
{
	struct ditto_apply_item item = { .number = 2, .read_at = 9 };

	start(true);
	set_range(&item, 30, 1);
	EXPECT_EQ(ditto_apply_receive_extent(&apply, &item, 0, false), -EPROTO);
	take_extent(9, 5, 0, 1);
	EXPECT_EQ(ditto_apply_receive_extent(&apply, &item, 4, false), -EPROTO);
	EXPECT_EQ(ditto_apply_receive_extent(&apply, &item, 10, false), -EPROTO);
	item.number = 1;
	EXPECT_EQ(ditto_apply_receive_extent(&apply, &item, 5, false), -EPROTO);
	EXPECT_EQ(apply.extent_received, 1);
	EXPECT_EQ(apply.floor, 5);
	item.number = 2;
	EXPECT_EQ(ditto_apply_receive_extent(&apply, &item, 9, false), 0);
}

static u32 mask_of(u64 number)
{
	memset(mask, 0, sizeof(mask));
	return ditto_apply_mask(&apply, &extents[number], mask);
}

static void extents_flow(void)
{
	start(true);
	take_extent(0, 0, 0, 16);
	EXPECT_EQ(receive_extent(0, 0, 16, 16, true), 0);
	go();
	EXPECT_EQ(gone_extents, P(1) | P(2));
	EXPECT_EQ(mask_of(1), 0);
	extent_written(2);
	EXPECT_EQ(apply.extent_written, 0);
	EXPECT_FALSE(ditto_apply_flush_begin(&apply, false));
	extent_written(1);
	EXPECT_EQ(apply.extent_written, 2);
	/* The last one asked. */
	EXPECT_TRUE(ditto_apply_flush_begin(&apply, false));
	EXPECT_EQ(apply.flush_extent, 2);
	flush_end();
	EXPECT_EQ(apply.extent_durable, 2);
	EXPECT_EQ(reaped_extents, P(1) | P(2));
}

/* Trace 10: the discard overtakes the extent on another socket. */
static void discard_overtakes(void)
{
	start(true);
	EXPECT_EQ(receive(DITTO_ENTRY_DISCARD, DITTO_ITEMF_GUARD, 1, 0, 4, 2), 0);
	go();
	written(1);
	flush();
	EXPECT_EQ(reaped, 0);
	EXPECT_FALSE(list_empty(&apply.guards));
	take_extent(0, 0, 0, 16);
	go();
	EXPECT_EQ(gone_extents, P(1));
	EXPECT_EQ(mask_of(1), 16);
	EXPECT_FALSE(test_bit(31, mask));
	EXPECT_TRUE(test_bit(32, mask));
	EXPECT_TRUE(test_bit(47, mask));
	EXPECT_FALSE(test_bit(48, mask));
	extent_written(1);
	/* An extent read behind it holds it, and it is forgotten. */
	take_extent(1, 1, 0, 16);
	go();
	EXPECT_EQ(mask_of(2), 0);
	extent_written(2);
	flush();
	EXPECT_EQ(reaped, P(1));
	EXPECT_EQ(reaped_extents, P(1) | P(2));
	EXPECT_TRUE(ditto_ranges_empty(&apply.ranges));
}

static void guard_outlives_the_floor(void)
{
	start(true);
	take_extent(0, 0, 0, 4);
	EXPECT_EQ(receive(DITTO_ENTRY_WRITE, DITTO_ITEMF_GUARD, 1, 0, 0, 1), 0);
	/* Whatever the floor says: this extent is here and was read before. */
	take_extent(5, 5, 8, 4);
	EXPECT_TRUE(ditto_apply_next(&apply) == &items[1]);
	ditto_apply_written(&apply, &items[1]);
	EXPECT_TRUE(ditto_apply_flush_begin(&apply, true));
	flush_end();
	EXPECT_EQ(reaped, 0);
	EXPECT_EQ(gone_extents, P(1) | P(2));
	EXPECT_EQ(mask_of(1), 8);
	extent_written(1);
	extent_written(2);
	flush();
	EXPECT_EQ(reaped, P(1));
}

static void mask_knows_all_states(void)
{
	start(true);
	take(1, 0, 0, 1);	/* 1: will be durable, no guard: older than the extent */
	go();
	written(1);
	flush();
	EXPECT_EQ(reaped, P(1));
	EXPECT_EQ(receive(DITTO_ENTRY_WRITE, DITTO_ITEMF_GUARD, 1, 0, 1, 1), 0);
	EXPECT_EQ(receive(DITTO_ENTRY_WRITE, DITTO_ITEMF_GUARD, 1, 0, 2, 1), 0);
	EXPECT_EQ(receive(DITTO_ENTRY_WRITE, DITTO_ITEMF_GUARD, 2, 0, 3, 1), 0);
	go();
	EXPECT_EQ(gone, P(2) | P(3));
	written(2);
	/* 2 written, 3 active, 4 waits for its epoch: an extent read at 1. */
	take_extent(1, 1, 0, 5);
	go();
	EXPECT_EQ(gone_extents, P(1));
	EXPECT_EQ(mask_of(1), 24);
	EXPECT_FALSE(test_bit(7, mask));
	EXPECT_TRUE(test_bit(8, mask));
	EXPECT_TRUE(test_bit(31, mask));
	EXPECT_FALSE(test_bit(32, mask));
}

static void extent_waits_for_older(void)
{
	start(true);
	take(1, 0, 0, 1);
	take(2, 0, 1, 1);
	take_extent(2, 2, 0, 2);
	take_extent(2, 2, 8, 1);
	go();
	EXPECT_EQ(gone, P(1));
	EXPECT_EQ(gone_extents, P(2));
	written(1);
	EXPECT_EQ(gone_extents, 0);
	flush();
	EXPECT_EQ(gone, P(2));
	EXPECT_EQ(gone_extents, 0);
	written(2);
	EXPECT_EQ(gone_extents, P(1));
	EXPECT_EQ(mask_of(1), 0);
}

/*
 * The same block again and again must not keep an extent waiting, and an extent
 * that waits must keep nothing waiting.
 */
static void no_circle(void)
{
	start(true);
	take_extent(3, 3, 0, 4);
	/* Not newer than the extent, and received after it. */
	go();
	EXPECT_EQ(gone_extents, P(1));
	start(true);
	take(1, 0, 0, 1);
	go();
	take_extent(3, 3, 0, 4);
	take(1, 1, 0, 1);
	take(1, 2, 0, 2);
	take(1, 3, 0, 2);
	go();
	EXPECT_EQ(gone | gone_extents, 0);
	written(1);
	EXPECT_EQ(gone, P(2));
	written(2);
	EXPECT_EQ(gone, P(3));
	EXPECT_EQ(gone_extents, 0);
	written(3);
	EXPECT_EQ(gone, P(4));
	/* The newer one is active, and left out. */
	EXPECT_EQ(gone_extents, P(1));
	EXPECT_EQ(mask_of(1), 16);
	take(1, 4, 2, 1);
	go();
	EXPECT_EQ(gone, 0);
	written(4);
	/* It crosses an extent that is active, with what was not left out. */
	EXPECT_EQ(gone, 0);
	extent_written(1);
	EXPECT_EQ(gone, P(5));
}

static void entry_waits_for_extent(void)
{
	start(true);
	take_extent(0, 0, 0, 4);
	go();
	EXPECT_EQ(gone_extents, P(1));
	take(1, 0, 3, 2);
	take(1, 0, 5, 1);
	go();
	EXPECT_EQ(gone, P(2));
	extent_written(1);
	EXPECT_EQ(gone, P(1));
}

static void extents_that_cross(void)
{
	start(true);
	take_extent(0, 0, 0, 4);
	take_extent(0, 0, 3, 4);
	go();
	EXPECT_EQ(gone_extents, P(1));
	extent_written(1);
	EXPECT_EQ(gone_extents, P(2));
}

static void join(void)
{
	LIST_HEAD(list);

	start(true);
	take_extent(0, 0, 0, 4);
	EXPECT_EQ(receive(DITTO_ENTRY_WRITE, DITTO_ITEMF_GUARD, 1, 0, 9, 1), 0);
	go();
	extent_written(1);
	EXPECT_EQ(receive(DITTO_ENTRY_JOIN, DITTO_ITEMF_DURABLE, 1, 0, 0, 0), -EPROTO);
	written(1);
	flush();
	EXPECT_EQ(receive(DITTO_ENTRY_JOIN, DITTO_ITEMF_DURABLE, 1, 0, 0, 0), 0);
	EXPECT_EQ(receive_extent(1, 1, 0, 4, false), -EPROTO);
	go();
	EXPECT_EQ(gone, P(2));
	written(2);
	ditto_apply_end_target(&apply, &list);
	count_reaped(&list);
	EXPECT_EQ(reaped, P(1));
	EXPECT_TRUE(ditto_ranges_empty(&apply.ranges));
	EXPECT_EQ(receive_extent(1, 1, 0, 4, false), -EPROTO);
	EXPECT_TRUE(ditto_apply_flush_begin(&apply, false));
	flush_end();
	EXPECT_EQ(reaped, P(2));
}

static void lost_connection(void)
{
	LIST_HEAD(list);

	start(true);
	EXPECT_EQ(receive(DITTO_ENTRY_WRITE, DITTO_ITEMF_GUARD, 1, 0, 0, 1), 0);
	go();
	written(1);
	flush();
	take(1, 0, 1, 1);
	take_extent(0, 0, 20, 4);
	go();
	take(1, 2, 1, 1);
	take(1, 0, 21, 1);
	take(2, 0, 3, 1);
	take_extent(9, 0, 1, 1);
	go();
	EXPECT_EQ(gone | gone_extents, 0);
	ditto_apply_written(&apply, &items[2]);
	EXPECT_TRUE(ditto_apply_flush_begin(&apply, true));
	ditto_apply_written(&apply, &extents[1]);
	ditto_apply_clear(&apply, &list);
	count_reaped(&list);
	EXPECT_EQ(reaped, P(1) | P(2) | P(3) | P(4) | P(5));
	EXPECT_EQ(reaped_extents, P(1) | P(2));
	EXPECT_TRUE(ditto_ranges_empty(&apply.ranges));
	EXPECT_TRUE(list_empty(&apply.overlapping) && list_empty(&apply.crossing));
	/* The flush that was under way still ends, and is worth something. */
	flush_end();
	EXPECT_EQ(apply.durable, 2);
	EXPECT_TRUE(!ditto_apply_next(&apply));
}

/* Trace 12: what is durable is said for all of it at once, as one prefix. */
static void durable_is_a_prefix(void)
{
	u64 i;

	start(false);
	for (i = 1; i <= 10; i++)
		take(1, 0, i, 1);
	go();
	for (i = 1; i <= 10; i++) {
		if (i != 4)
			written(i);
	}
	flush();
	EXPECT_EQ(apply.durable, 3);
	EXPECT_EQ(reaped, P(1) | P(2) | P(3));
	written(4);
	EXPECT_EQ(apply.written, 10);
	EXPECT_EQ(apply.durable, 3);
	flush();
	EXPECT_EQ(apply.durable, 10);
}

const struct test apply_tests[] = {
	{ "inside an epoch all goes in parallel, acknowledged as a prefix", in_parallel },
	{ "G4: trace 1: an overlap waits for everything up to it", overlap },
	{ "G4: a block written over and over keeps its order", chain_of_overlaps },
	{ "overlaps are released in the order of what they wait for", overlaps_out_of_order },
	{ "G4: a later epoch waits for the flush", epoch_waits },
	{ "G4: a flush covers only what was written before it began", flush_covers_the_past },
	{ "G4: an epoch with nothing unflushed before it waits for nothing", epoch_without_flush },
	{ "G4: one flush between each two epochs", several_epochs },
	{ "G1: FLUSH is written with all before it and asks for a flush", flush_entries },
	{ "G1: FUA asks for a flush when its prefix is written", fua_asks },
	{ "bits and memory settle: a flush unasked, by bytes and when idle", flush_unasked },
	{ "G1: a roster is recorded behind all before it and before all behind", roster_alone },
	{ "G9: entries out of order are refused", wrong_entries },
	{ "G9: extents out of order are refused", wrong_extents },
	{ "extents are written, flushed when asked, and reaped", extents_flow },
	{ "G2: trace 10: a discard that overtakes an extent wins", discard_overtakes },
	{ "G2: a guard stays for the extents that are here", guard_outlives_the_floor },
	{ "G2: newer writes of any state are left out of an extent", mask_knows_all_states },
	{ "G2: an extent waits for older writes that it crosses", extent_waits_for_older },
	{ "G7: extents and entries never wait in a circle", no_circle },
	{ "G2: an entry waits for the extent that is being written", entry_waits_for_extent },
	{ "extents that cross are written in order", extents_that_cross },
	{ "G3: JOIN comes behind durable extents and ends the guards", join },
	{ "a lost connection gives everything back", lost_connection },
	{ "G2: trace 12: durable is one prefix", durable_is_a_prefix },
	{ "G4: a disk without a cache is durable as far as it is written", written_is_durable },
	{ }
};
