// SPDX-License-Identifier: GPL-2.0
#include "intent.h"
#include "intent_test.h"
#include "test.h"

#define SECTOR		512
#define SHIFT		22
#define REGION		(1ull << SHIFT)

/* Where a block on disk has its names. */
#define NUMBERS_AT	32

static const u8 uuid[16] = { 0xd1, 0x77, 0x00, 3 };
static const u64 fresh[32];

static struct ditto_intent ilog;
static struct ditto_region regions[DITTO_INTENT_REGIONS];
static u8 images[DITTO_INTENT_BLOCKS][DITTO_INTENT_BLOCK];
static u32 buckets[DITTO_INTENT_BUCKETS];

static struct ditto_intent_room room(u32 blocks, u32 per_block, u32 bucket_count)
{
	return (struct ditto_intent_room){
		.regions = regions,
		.images = images,
		.buckets = buckets,
		.bucket_count = bucket_count,
		.blocks = blocks,
		.per_block = per_block,
	};
}

/* For tests that do not look at them again. */
static struct ditto_intent_user users[DITTO_INTENT_REGIONS + 1];
static u32 users_taken;

static struct ditto_intent_user *anyone(void)
{
	return &users[users_taken++ % ARRAY_SIZE(users)];
}

/* What the disk holds. */
static u8 disk[DITTO_INTENT_BLOCKS][DITTO_INTENT_COPIES][DITTO_INTENT_BLOCK];

u64 intent_limit(const struct ditto_intent *log)
{
	return DIV_ROUND_UP(log->bytes, 1ull << log->shift);
}

static void make(u32 blocks, u32 per_block, u64 bytes)
{
	const struct ditto_intent_room memory = room(blocks, per_block, 4);
	const u64 sequence[32] = { 1, 1, 1, 1, 1, 1, 1, 1 };
	u32 i;

	users_taken = 0;
	memset(regions, 0x5a, sizeof(regions));
	memset(images, 0x5a, sizeof(images));
	memset(buckets, 0x5a, sizeof(buckets));
	for (i = 0; i < blocks; i++) {
		ditto_intent_encode_empty(disk[i][0], uuid, i, 0);
		ditto_intent_encode_empty(disk[i][1], uuid, i, 1);
	}
	ditto_intent_init(&ilog, &memory, SHIFT, bytes, uuid, sequence);
}

int intent_newest(const struct ditto_intent *log, const u8 *copies, u32 index, u64 *sequence,
		  u32 *numbers, u32 *count)
{
	u32 copy, found[DITTO_INTENT_PER_BLOCK], n, sound = 0;
	u64 at;

	for (copy = 0; copy < DITTO_INTENT_COPIES; copy++) {
		if (ditto_intent_decode(copies + copy * DITTO_INTENT_BLOCK, log->uuid, index,
					intent_limit(log), &at, found, &n))
			continue;
		EXPECT_EQ(at & 1, copy);
		if (sound++ && at < *sequence)
			continue;
		*sequence = at;
		*count = n;
		memcpy(numbers, found, n * sizeof(*found));
	}
	return sound ? 0 : -EBADMSG;
}

static bool in(const u32 *numbers, u32 count, u32 number)
{
	while (count--) {
		if (*numbers++ == number)
			return true;
	}
	return false;
}

/* Does the log on disk name it? */
static bool named(u64 number)
{
	u32 numbers[DITTO_INTENT_PER_BLOCK], count = 0, index;
	u64 sequence;

	for (index = 0; index < ilog.room.blocks; index++) {
		EXPECT_EQ(intent_newest(&ilog, disk[index][0], index, &sequence, numbers, &count), 0);
		if (in(numbers, count, number))
			return true;
	}
	return false;
}

/* Return: how many blocks were written. */
static u32 write_blocks(void)
{
	u8 block[DITTO_INTENT_BLOCK];
	u32 index, copy, count = 0;

	while (ditto_intent_commit_next(&ilog, block, &index, &copy)) {
		memcpy(disk[index][copy], block, sizeof(block));
		count++;
	}
	return count;
}

u32 intent_count(const struct list_head *head)
{
	const struct list_head *pos;
	u32 count = 0;

	for (pos = head->next; pos != head; pos = pos->next)
		count++;
	return count;
}

/* A whole commit. Return: how many users it has served. */
static u32 commit(void)
{
	LIST_HEAD(ready);

	EXPECT_TRUE(ditto_intent_commit_due(&ilog));
	ditto_intent_commit_begin(&ilog);
	EXPECT_FALSE(ditto_intent_commit_due(&ilog));
	EXPECT_TRUE(write_blocks());
	ditto_intent_commit_end(&ilog, &ready);
	return intent_count(&ready);
}

static enum ditto_heat take_by(u64 number, struct ditto_intent_user *user)
{
	return ditto_intent_take(&ilog, number * REGION, number * REGION + 511, 1, 1, user);
}

static enum ditto_heat take(u64 number)
{
	return take_by(number, anyone());
}

static void put(u64 number)
{
	ditto_intent_put(&ilog, number * REGION, number * REGION + 511);
}

/* Take and commit and put. */
static void heat(u64 number, u64 position, u64 now)
{
	if (ditto_intent_take(&ilog, number * REGION, number * REGION, position, now, anyone()) ==
	    DITTO_HEAT_COLD)
		EXPECT_EQ(commit(), 1);
	ditto_intent_put(&ilog, number * REGION, number * REGION);
}

const struct ditto_region *intent_region(const struct ditto_intent *log, u64 number)
{
	u32 i;

	for (i = 0; i < log->count; i++) {
		if (log->room.regions[i].state != DITTO_REGION_FREE &&
		    log->room.regions[i].number == number)
			return &log->room.regions[i];
	}
	return NULL;
}

static const struct ditto_region *region(u64 number)
{
	return intent_region(&ilog, number);
}

static int state(u64 number)
{
	return region(number) ? region(number)->state : DITTO_REGION_FREE;
}

static void hot_before_written(void)
{
	struct ditto_intent_user user, other;
	LIST_HEAD(ready);

	make(2, 8, 1024 * REGION);
	EXPECT_EQ(take_by(5, &user), DITTO_HEAT_COLD);
	EXPECT_EQ(state(5), DITTO_REGION_DIRTY);
	EXPECT_EQ(ditto_intent_hot(&ilog), 1);
	EXPECT_FALSE(named(5));
	ditto_intent_commit_begin(&ilog);
	EXPECT_EQ(state(5), DITTO_REGION_COMMITTING);
	EXPECT_EQ(take_by(5, &other), DITTO_HEAT_COLD);
	EXPECT_EQ(write_blocks(), 2);
	EXPECT_EQ(state(5), DITTO_REGION_COMMITTING);
	EXPECT_TRUE(named(5));
	ditto_intent_commit_end(&ilog, &ready);
	EXPECT_EQ(intent_count(&ready), 2);
	EXPECT_TRUE(ready.next == &user.link && user.link.next == &other.link);
	EXPECT_EQ(state(5), DITTO_REGION_HOT);
	EXPECT_EQ(take_by(5, &user), DITTO_HEAT_HOT);
	EXPECT_EQ(region(5)->busy, 3);
	EXPECT_FALSE(ditto_intent_commit_due(&ilog));
}

static void group_commit(void)
{
	u32 i;

	make(2, 8, 1024 * REGION);
	EXPECT_TRUE(ditto_intent_commit_due(&ilog));
	EXPECT_EQ(commit(), 0);
	EXPECT_FALSE(ditto_intent_commit_due(&ilog));
	for (i = 0; i < 5; i++)
		EXPECT_EQ(take(10 * i), DITTO_HEAT_COLD);
	EXPECT_EQ(hweight32(ilog.stale), 1);
	EXPECT_EQ(commit(), 5);
	for (i = 0; i < 5; i++)
		EXPECT_TRUE(named(10 * i));
	EXPECT_FALSE(ditto_intent_commit_due(&ilog));
}

static void arrives_during_commit(void)
{
	struct ditto_intent_user first, late, joins, both;
	LIST_HEAD(ready);

	make(1, 8, 1024 * REGION);
	commit();
	take_by(10, &first);
	ditto_intent_commit_begin(&ilog);
	/* Before its block is encoded: named by chance, and it waits all the same. */
	EXPECT_EQ(take_by(20, &late), DITTO_HEAT_COLD);
	EXPECT_EQ(write_blocks(), 1);
	EXPECT_TRUE(named(20));
	EXPECT_EQ(state(20), DITTO_REGION_DIRTY);
	EXPECT_EQ(take_by(10, &joins), DITTO_HEAT_COLD);
	/* A region of this commit and one of the next. */
	EXPECT_EQ(ditto_intent_take(&ilog, 10 * REGION, 12 * REGION - 1, 1, 1, &both),
		  DITTO_HEAT_COLD);
	EXPECT_FALSE(named(11));
	ditto_intent_commit_end(&ilog, &ready);
	EXPECT_EQ(intent_count(&ready), 2);
	EXPECT_TRUE(ready.next == &first.link && first.link.next == &joins.link);
	EXPECT_EQ(state(10), DITTO_REGION_HOT);
	EXPECT_EQ(state(11), DITTO_REGION_DIRTY);
	EXPECT_EQ(state(20), DITTO_REGION_DIRTY);
	EXPECT_EQ(commit(), 2);
	EXPECT_TRUE(named(10) && named(11) && named(20));
	EXPECT_EQ(state(11), DITTO_REGION_HOT);
}

/* Whoever waits goes on all the same, and hears of the disk's failure elsewhere. */
static void disk_fails_during_commit(void)
{
	struct ditto_intent_user first, late;
	u8 block[DITTO_INTENT_BLOCK];
	LIST_HEAD(ready);
	u32 index, copy;

	make(2, 1, 1024 * REGION);
	commit();
	take_by(10, &first);
	take(30);
	ditto_intent_commit_begin(&ilog);
	take_by(10, &late);
	EXPECT_TRUE(ditto_intent_commit_next(&ilog, block, &index, &copy));
	ditto_intent_commit_abandon(&ilog);
	EXPECT_FALSE(ditto_intent_commit_next(&ilog, block, &index, &copy));
	ditto_intent_commit_end(&ilog, &ready);
	EXPECT_EQ(intent_count(&ready), 3);
	EXPECT_TRUE(ready.prev == &late.link);
	EXPECT_FALSE(ditto_intent_commit_due(&ilog));
	EXPECT_FALSE(named(10) || named(30));
}

static void first_commit(void)
{
	const struct ditto_intent_room memory = room(4, 8, 4);
	const u64 newer[32] = { 1, 1, 77, 0 };
	u64 sequence;
	u32 numbers[DITTO_INTENT_PER_BLOCK], count, i;

	make(4, 8, 1024 * REGION);
	/* What was hot before a crash; the caller has made bits of it. */
	ditto_intent_encode_empty(disk[2][1], uuid, 2, 77);
	ditto_intent_init(&ilog, &memory, SHIFT, 1024 * REGION, uuid, newer);
	ditto_intent_commit_begin(&ilog);
	EXPECT_EQ(write_blocks(), 4);
	ditto_intent_commit_end(&ilog, &ilog.waiting);
	for (i = 0; i < 4; i++) {
		EXPECT_EQ(intent_newest(&ilog, disk[i][0], i, &sequence, numbers, &count), 0);
		EXPECT_EQ(count, 0);
		EXPECT_EQ(sequence, i == 2 ? 78 : i == 3 ? 1 : 2);
	}
}

static void copies_alternate(void)
{
	u8 block[DITTO_INTENT_BLOCK];
	u32 i, index, copy;
	LIST_HEAD(ready);

	make(1, 32, 1024 * REGION);
	commit();
	for (i = 0; i < 10; i++) {
		take(2 * i);
		ditto_intent_commit_begin(&ilog);
		EXPECT_TRUE(ditto_intent_commit_next(&ilog, block, &index, &copy));
		EXPECT_EQ(index, 0);
		EXPECT_EQ(copy, (i + 1) & 1);
		EXPECT_FALSE(ditto_intent_commit_next(&ilog, block, &index, &copy));
		ditto_intent_commit_end(&ilog, &ready);
		INIT_LIST_HEAD(&ready);
	}
}

static void warm_ahead(void)
{
	u64 i;

	make(2, 8, 8 * REGION + 512);
	/* A single region says nothing of a sequence. */
	EXPECT_EQ(take(0), DITTO_HEAT_COLD);
	EXPECT_EQ(ditto_intent_hot(&ilog), 1);
	EXPECT_EQ(take(1), DITTO_HEAT_COLD);
	EXPECT_EQ(ditto_intent_hot(&ilog), 3);
	EXPECT_EQ(state(2), DITTO_REGION_DIRTY);
	EXPECT_TRUE(region(2)->ahead);
	EXPECT_EQ(region(2)->busy, 0);
	EXPECT_EQ(region(2)->last, 0);
	commit();
	/* From here on the writer never waits. */
	for (i = 2; i < 9; i++) {
		EXPECT_EQ(take(i), DITTO_HEAT_HOT);
		EXPECT_FALSE(region(i)->ahead);
		EXPECT_EQ(take(i), DITTO_HEAT_HOT);
		EXPECT_EQ(ditto_intent_hot(&ilog), min_t(u64, i + 2, 9));
		if (i < 8)
			commit();
		else
			EXPECT_FALSE(ditto_intent_commit_due(&ilog));
	}
	/* The region behind is in use, so there is nothing to do. */
	make(2, 8, 100 * REGION);
	take(2);
	take(0);
	take(1);
	EXPECT_EQ(ditto_intent_hot(&ilog), 3);
	take(50);
	EXPECT_EQ(ditto_intent_hot(&ilog), 4);
	/* A write that reaches over is a sequence as well. */
	make(2, 8, 100 * REGION);
	ditto_intent_take(&ilog, 11 * REGION - 1, 11 * REGION, 1, 1, anyone());
	EXPECT_EQ(ditto_intent_hot(&ilog), 3);
	EXPECT_EQ(state(12), DITTO_REGION_DIRTY);
	/* What a resync writes is not. */
	make(2, 8, 100 * REGION);
	for (i = 1; i < 4; i++)
		ditto_intent_take(&ilog, i * REGION, i * REGION, 0, 1, anyone());
	EXPECT_EQ(ditto_intent_hot(&ilog), 3);
}

static void warm_needs_room(void)
{
	u32 i;

	make(2, 8, 100 * REGION);
	for (i = 0; i < 10; i++)
		take(4 * i);
	EXPECT_EQ(ilog.free, 6);
	take(1);
	EXPECT_EQ(state(2), DITTO_REGION_DIRTY);
	EXPECT_EQ(ilog.free, 4);
	take(5);
	EXPECT_EQ(state(6), DITTO_REGION_FREE);
	EXPECT_EQ(ilog.free, 3);
}

static void full_takes_nothing(void)
{
	struct ditto_intent_user user = { { NULL, NULL } };
	u32 i;

	make(2, 4, 100 * REGION);
	for (i = 0; i < 7; i++)
		EXPECT_EQ(take(3 * i), DITTO_HEAT_COLD);
	commit();
	EXPECT_FALSE(ilog.wanted);
	EXPECT_EQ(ilog.free, 1);
	/* Two of four are there, one more would fit. */
	EXPECT_EQ(ditto_intent_take(&ilog, 0, 4 * REGION - 1, 9, 9, &user), DITTO_HEAT_FULL);
	EXPECT_EQ(ilog.free, 1);
	EXPECT_EQ(region(0)->busy, 1);
	EXPECT_EQ(region(0)->last, 1);
	EXPECT_EQ(region(0)->used, 1);
	EXPECT_EQ(region(3)->busy, 1);
	EXPECT_TRUE(!user.link.next);
	EXPECT_TRUE(list_empty(&ilog.waiting));
	EXPECT_FALSE(ditto_intent_commit_due(&ilog));
	EXPECT_TRUE(ilog.wanted && ditto_intent_pressed(&ilog));
	/* What is there may be taken all the same. */
	EXPECT_EQ(take_by(0, &user), DITTO_HEAT_HOT);
	/* Just enough. */
	EXPECT_EQ(ditto_intent_take(&ilog, 0, 2 * REGION - 1, 1, 1, &user), DITTO_HEAT_COLD);
	EXPECT_EQ(ilog.free, 0);
	EXPECT_EQ(take(60), DITTO_HEAT_FULL);
	put(3);
	put(6);
	EXPECT_EQ(ditto_intent_cool_begin(&ilog, 1, 2), 2);
	EXPECT_EQ(take(60), DITTO_HEAT_FULL);
	EXPECT_TRUE(ilog.wanted);
	EXPECT_EQ(ditto_intent_cool_end(&ilog), 2);
	EXPECT_FALSE(ilog.wanted);
	EXPECT_EQ(take(60), DITTO_HEAT_COLD);
}

static void pressed(void)
{
	u32 i;

	make(4, 8, 1000 * REGION);
	for (i = 0; i < 28; i++)
		take(3 * i);
	EXPECT_FALSE(ditto_intent_pressed(&ilog));
	take(3 * i);
	EXPECT_TRUE(ditto_intent_pressed(&ilog));
}

static void stuck(void)
{
	make(1, 16, 100 * REGION);
	EXPECT_FALSE(ditto_intent_stuck(&ilog, 100));
	heat(10, 100, 5);
	heat(20, 200, 6);
	take(30);
	commit();
	EXPECT_FALSE(ditto_intent_stuck(&ilog, 100));
	EXPECT_TRUE(ditto_intent_stuck(&ilog, 99));
	/* Room comes when these are cold. */
	ditto_intent_cool_begin(&ilog, 100, 100);
	EXPECT_FALSE(ditto_intent_stuck(&ilog, 99));
	ditto_intent_cool_end(&ilog);
	EXPECT_TRUE(ditto_intent_stuck(&ilog, 100));
	ditto_intent_forget_positions(&ilog);
	EXPECT_FALSE(ditto_intent_stuck(&ilog, 100));
}

static void cools(void)
{
	make(1, 16, 100 * REGION);
	heat(10, 100, 5);
	heat(20, 200, 6);
	heat(30, 300, 7);
	EXPECT_EQ(take(40), DITTO_HEAT_COLD);
	commit();
	/* Unsettled; too new; busy. */
	EXPECT_EQ(ditto_intent_cool_begin(&ilog, 99, 100), 0);
	EXPECT_EQ(ditto_intent_cool_begin(&ilog, 300, 5), 0);
	EXPECT_EQ(ditto_intent_cool_end(&ilog), 0);
	EXPECT_EQ(ditto_intent_cool_begin(&ilog, 200, 7), 2);
	EXPECT_EQ(state(10), DITTO_REGION_COOLING);
	EXPECT_EQ(state(20), DITTO_REGION_COOLING);
	EXPECT_EQ(state(30), DITTO_REGION_HOT);
	EXPECT_EQ(ditto_intent_hot(&ilog), 4);
	EXPECT_FALSE(ditto_intent_commit_due(&ilog));
	EXPECT_EQ(ditto_intent_cool_end(&ilog), 2);
	EXPECT_EQ(ditto_intent_hot(&ilog), 2);
	/* Cold now, and the names are still on disk: too many do no harm. */
	EXPECT_TRUE(named(10) && named(20));
	EXPECT_TRUE(ditto_intent_commit_due(&ilog));
	EXPECT_EQ(commit(), 0);
	EXPECT_FALSE(named(10) || named(20));
	EXPECT_TRUE(named(30) && named(40));
	EXPECT_EQ(ditto_intent_cool_begin(&ilog, U64_MAX, U64_MAX), 1);
	EXPECT_EQ(state(40), DITTO_REGION_HOT);
}

static void cool_while_taken(void)
{
	struct ditto_intent_user user;

	make(1, 16, 100 * REGION);
	heat(10, 100, 1);
	heat(20, 100, 1);
	EXPECT_EQ(ditto_intent_cool_begin(&ilog, 100, 2), 2);
	/* Written again, and done again, while the caller flushes. */
	EXPECT_EQ(ditto_intent_take(&ilog, 10 * REGION, 10 * REGION, 0, 1, &user),
		  DITTO_HEAT_HOT);
	EXPECT_EQ(state(10), DITTO_REGION_HOT);
	put(10);
	EXPECT_EQ(ditto_intent_cool_end(&ilog), 1);
	EXPECT_EQ(state(10), DITTO_REGION_HOT);
	EXPECT_EQ(state(20), DITTO_REGION_FREE);
	commit();
	EXPECT_TRUE(named(10));
	EXPECT_FALSE(named(20));
}

/* The flush failed: those that were chosen are chosen again, or taken. */
static void cool_again(void)
{
	make(1, 16, 100 * REGION);
	heat(10, 100, 1);
	heat(20, 200, 2);
	EXPECT_EQ(ditto_intent_cool_begin(&ilog, 100, 9), 1);
	EXPECT_EQ(ditto_intent_cool_begin(&ilog, 100, 9), 1);
	EXPECT_EQ(ditto_intent_cool_begin(&ilog, 200, 9), 2);
	EXPECT_EQ(ditto_intent_cool_begin(&ilog, 0, 9), 2);
	EXPECT_EQ(ditto_intent_cool_end(&ilog), 2);
	EXPECT_EQ(ditto_intent_hot(&ilog), 0);
}

static void cool_during_commit(void)
{
	struct ditto_intent_user user, next;
	LIST_HEAD(ready);

	make(1, 4, 100 * REGION);
	heat(10, 1, 1);
	heat(20, 1, 1);
	ditto_intent_cool_begin(&ilog, 1, 2);
	take_by(30, &user);
	ditto_intent_commit_begin(&ilog);
	EXPECT_EQ(write_blocks(), 1);
	/* The block that is being written names regions that are cold by now. */
	EXPECT_EQ(ditto_intent_cool_end(&ilog), 2);
	EXPECT_EQ(take_by(11, &next), DITTO_HEAT_COLD);
	ditto_intent_commit_end(&ilog, &ready);
	EXPECT_EQ(state(30), DITTO_REGION_HOT);
	EXPECT_EQ(state(11), DITTO_REGION_DIRTY);
	EXPECT_TRUE(named(10) && named(20) && !named(11));
	EXPECT_EQ(commit(), 1);
	EXPECT_FALSE(named(10) || named(20));
	EXPECT_TRUE(named(11) && named(30));
}

static void one_block_is_filled_first(void)
{
	u32 i, emptiest;

	make(4, 10, 10000 * REGION);
	commit();
	for (i = 0; i < 40; i++) {
		EXPECT_EQ(take(7 * i), DITTO_HEAT_COLD);
		EXPECT_EQ(hweight32(ilog.stale), 1);
		EXPECT_EQ(commit(), 1);
		put(7 * i);
		heat(7 * i, 1, i + 1);
	}
	/* Three regions of one block, then six of another, become free. */
	EXPECT_EQ(ditto_intent_cool_begin(&ilog, 1, 4), 3);
	ditto_intent_cool_end(&ilog);
	EXPECT_EQ(hweight32(ilog.stale), 1);
	commit();
	for (i = 3; i < 10; i++)
		heat(7 * i, 1, 100);
	EXPECT_EQ(ditto_intent_cool_begin(&ilog, 1, 17), 6);
	ditto_intent_cool_end(&ilog);
	emptiest = ilog.stale;
	EXPECT_EQ(hweight32(emptiest), 1);
	commit();
	for (i = 0; i < 6; i++) {
		take(9000 + 2 * i);
		EXPECT_EQ(ilog.stale, emptiest);
	}
	take(9100);
	EXPECT_EQ(hweight32(ilog.stale), 2);
}

static u64 seen_start[8], seen_size[8];
static u32 seen;

static void see(void *arg, u64 start, u64 size)
{
	EXPECT_TRUE(arg == &seen);
	if (seen < ARRAY_SIZE(seen_start)) {
		seen_start[seen] = start;
		seen_size[seen] = size;
	}
	seen++;
}

static void each(void)
{
	make(1, 16, 40 * REGION + 4096);
	heat(10, 100, 1);
	heat(20, 200, 2);
	heat(40, 300, 3);
	heat(30, 0, 4);
	/* A write that came earlier does not take the place of a later one. */
	heat(20, 150, 5);
	seen = 0;
	ditto_intent_each(&ilog, 150, see, &seen);
	EXPECT_EQ(seen, 2);
	EXPECT_EQ(seen_start[0], 40 * REGION);
	EXPECT_EQ(seen_size[0], 4096);
	EXPECT_EQ(seen_start[1], 20 * REGION);
	EXPECT_EQ(seen_size[1], REGION);
	/* Waiting ones count too. */
	EXPECT_EQ(ditto_intent_take(&ilog, REGION, REGION, 400, 5, anyone()), DITTO_HEAT_COLD);
	seen = 0;
	ditto_intent_each(&ilog, 0, see, &seen);
	EXPECT_EQ(seen, 4);
	ditto_intent_forget_positions(&ilog);
	seen = 0;
	ditto_intent_each(&ilog, 0, see, &seen);
	EXPECT_EQ(seen, 0);
	/* A region that is used anew has no past. */
	commit();
	heat(20, 500, 6);
	EXPECT_EQ(ditto_intent_cool_begin(&ilog, 499, U64_MAX), 3);
	EXPECT_EQ(ditto_intent_cool_begin(&ilog, 500, U64_MAX), 4);
	ditto_intent_cool_end(&ilog);
	heat(20, 0, 7);
	seen = 0;
	ditto_intent_each(&ilog, 0, see, &seen);
	EXPECT_EQ(seen, 0);
}

static void whole_size(void)
{
	const struct ditto_intent_room memory = room(DITTO_INTENT_BLOCKS, DITTO_INTENT_PER_BLOCK,
						     DITTO_INTENT_BUCKETS);
	u32 numbers[DITTO_INTENT_PER_BLOCK], count, i, j;
	u64 sequence;

	memset(disk, 0, sizeof(disk));
	ditto_intent_init(&ilog, &memory, SHIFT, (u64)U32_MAX << SHIFT, uuid, fresh);
	for (i = 0; i < DITTO_INTENT_REGIONS; i++) {
		u64 start = (U32_MAX - 1ull - 2 * i) << SHIFT;

		EXPECT_EQ(ditto_intent_take(&ilog, start, start, i, i, anyone()), DITTO_HEAT_COLD);
	}
	EXPECT_EQ(ditto_intent_take(&ilog, 0, 0, i, i, anyone()), DITTO_HEAT_FULL);
	EXPECT_EQ(ditto_intent_hot(&ilog), DITTO_INTENT_REGIONS);
	ditto_intent_commit_begin(&ilog);
	EXPECT_EQ(write_blocks(), DITTO_INTENT_BLOCKS);
	for (i = 0; i < DITTO_INTENT_BLOCKS; i++) {
		EXPECT_EQ(intent_newest(&ilog, disk[i][0], i, &sequence, numbers, &count), 0);
		EXPECT_EQ(sequence, 1);
		EXPECT_EQ(count, DITTO_INTENT_PER_BLOCK);
		for (j = 0; j < count; j++)
			EXPECT_EQ(numbers[j],
				  U32_MAX - 1 - 2 * (i * DITTO_INTENT_PER_BLOCK + j));
	}
}

static void torn(void)
{
	u8 block[DITTO_INTENT_BLOCK], old[DITTO_INTENT_BLOCK];
	u32 numbers[DITTO_INTENT_PER_BLOCK], count;
	u32 i, mask, sector, index, copy;
	u64 sequence;
	LIST_HEAD(ready);

	/* Names in every sector, and others in their places. */
	make(1, 1016, 100000 * REGION);
	for (i = 0; i < 1000; i++)
		EXPECT_EQ(take(3 * i), DITTO_HEAT_COLD);
	commit();
	for (i = 0; i < 1000; i += 2)
		put(3 * i);
	ditto_intent_cool_begin(&ilog, 1, 2);
	ditto_intent_cool_end(&ilog);
	for (i = 0; i < 500; i++)
		EXPECT_EQ(take(50000 + 3 * i), DITTO_HEAT_COLD);
	ditto_intent_commit_begin(&ilog);
	EXPECT_TRUE(ditto_intent_commit_next(&ilog, block, &index, &copy));
	memcpy(old, disk[0][copy], sizeof(old));
	for (mask = 0; mask < 256; mask++) {
		for (sector = 0; sector < 8; sector++)
			memcpy(disk[0][copy] + sector * SECTOR,
			       (mask >> sector & 1 ? block : old) + sector * SECTOR, SECTOR);
		EXPECT_EQ(intent_newest(&ilog, disk[0][0], 0, &sequence, numbers, &count), 0);
		EXPECT_EQ(count, 1000);
		for (i = 1; i < 1000; i += 50)
			EXPECT_TRUE(in(numbers, count, 3 * i));
		EXPECT_EQ(in(numbers, count, 50000), mask == 255);
		EXPECT_EQ(in(numbers, count, 0), mask != 255);
	}
	ditto_intent_commit_end(&ilog, &ready);
}

/* Whoever comes back from a torn write writes that same copy again. */
static void after_torn(void)
{
	const struct ditto_intent_room memory = room(1, 16, 4);
	u32 numbers[DITTO_INTENT_PER_BLOCK], count, index, copy;
	u8 block[DITTO_INTENT_BLOCK];
	u64 sequence[32] = {};

	make(1, 16, 100 * REGION);
	heat(10, 1, 1);
	take(20);
	ditto_intent_commit_begin(&ilog);
	EXPECT_TRUE(ditto_intent_commit_next(&ilog, block, &index, &copy));
	memcpy(disk[0][copy], block, NUMBERS_AT + 4);
	EXPECT_EQ(intent_newest(&ilog, disk[0][0], 0, &sequence[0], numbers, &count), 0);
	EXPECT_EQ(count, 1);
	EXPECT_EQ(numbers[0], 10);
	ditto_intent_init(&ilog, &memory, SHIFT, 100 * REGION, uuid, sequence);
	ditto_intent_commit_begin(&ilog);
	EXPECT_TRUE(ditto_intent_commit_next(&ilog, block, &index, &count));
	EXPECT_EQ(count, copy);
	/* Torn once more: what was hot is still known. */
	memcpy(disk[0][copy], block, 20);
	EXPECT_TRUE(named(10));
}

const struct test intent_tests[] = {
	{ "G2: a region is hot on disk before it is written", hot_before_written },
	{ "whoever waits shares a commit", group_commit },
	{ "G2: what comes during a commit waits for the next", arrives_during_commit },
	{ "a commit ends where the disk fails", disk_fails_during_commit },
	{ "G2: the first commit writes all blocks", first_commit },
	{ "G11: copies take turns", copies_alternate },
	{ "a sequential writer finds the next region hot", warm_ahead },
	{ "nothing is warmed where room is short", warm_needs_room },
	{ "a take that finds no room takes nothing", full_takes_nothing },
	{ "what is idle should cool when room is short", pressed },
	{ "G2: nothing cools before more is settled", stuck },
	{ "G2: idle and settled regions cool", cools },
	{ "G2: a region that is taken while it cools stays hot", cool_while_taken },
	{ "regions are chosen again after a failed flush", cool_again },
	{ "G2: regions cool while a commit is under way", cool_during_commit },
	{ "one block is filled before the next", one_block_is_filled_first },
	{ "G2: regions written behind a position", each },
	{ "G2: a full log of full size", whole_size },
	{ "G2, G11: a torn block leaves the older copy", torn },
	{ "G2, G11: a torn copy is the one that is written next", after_torn },
	{ }
};
