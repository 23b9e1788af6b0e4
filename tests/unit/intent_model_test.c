// SPDX-License-Identifier: GPL-2.0
/*
 * The intent log against a model: random operations on a small log, and time
 * and again what a crash would leave is read: each block that is being written
 * may be there in any set of its sectors.
 */
#include "intent_test.h"
#include "test.h"

#define SECTOR		512
#define SHIFT		22
#define REGION		(1ull << SHIFT)
#define BLOCKS		3
#define PER_BLOCK	5
#define BUCKETS		4
#define NUMBERS		40	/* regions of the device, the last one cut */
#define BYTES		((NUMBERS - 1) * REGION + 4096)
#define USERS		24
#define SPAN		4	/* regions that a write touches at most */
#define ROUNDS		40000

static const u8 uuid[16] = { 0xd1, 0x77, 0x00, 4 };

static struct ditto_intent ilog;
static struct ditto_region regions[BLOCKS * PER_BLOCK];
static u8 images[BLOCKS][DITTO_INTENT_BLOCK];
static u32 buckets[BUCKETS];
static const struct ditto_intent_room room = {
	.regions = regions,
	.images = images,
	.buckets = buckets,
	.bucket_count = BUCKETS,
	.blocks = BLOCKS,
	.per_block = PER_BLOCK,
};
static u8 disk[BLOCKS][DITTO_INTENT_COPIES][DITTO_INTENT_BLOCK];

struct write {
	struct ditto_intent_user user;
	u32 first;
	u32 last;
	u64 round;		/* of the commit that must serve it */
	enum { IDLE, WAITS, GRANTED } is;
};

static struct model {
	struct test_random random;
	struct write writes[USERS];
	bool needed[NUMBERS];	/* written, not cooled since */
	bool chosen[NUMBERS];	/* by cool_begin, and not taken since */
	bool used[NUMBERS];	/* taken, not cooled since */
	u32 busy[NUMBERS];
	u64 last[NUMBERS];
	u64 at[NUMBERS];
	u64 now;
	u64 position;
	u64 commits;		/* begun */
	bool committing;
	u8 pending[BLOCKS][DITTO_INTENT_BLOCK];
	u32 pending_copy[BLOCKS];
	u32 pending_mask;
	u32 served, fulls, crashes, cooled, torn_away, names_seen, joined;
} m;

static int state(u64 number)
{
	const struct ditto_region *region = intent_region(&ilog, number);

	return region ? region->state : DITTO_REGION_FREE;
}

static void tear(u8 *to, const u8 *from)
{
	u32 mask = test_below(&m.random, 256), sector;

	for (sector = 0; sector < 8; sector++) {
		if (mask >> sector & 1)
			memcpy(to + sector * SECTOR, from + sector * SECTOR, SECTOR);
	}
}

/* What whoever attaches the disk after a crash now finds. */
static void crash_view(u64 *sequence, bool *found)
{
	u8 copies[DITTO_INTENT_COPIES][DITTO_INTENT_BLOCK];
	u32 numbers[DITTO_INTENT_PER_BLOCK], count, index, i;

	memset(found, 0, NUMBERS * sizeof(*found));
	for (index = 0; index < BLOCKS; index++) {
		memcpy(copies, disk[index], sizeof(copies));
		if (m.pending_mask >> index & 1) {
			tear(copies[m.pending_copy[index]], m.pending[index]);
			m.torn_away++;
		}
		EXPECT_EQ(intent_newest(&ilog, copies[0], index, &sequence[index], numbers, &count), 0);
		for (i = 0; i < count; i++)
			found[numbers[i]] = true;
		m.names_seen += count;
	}
}

static void check_crash(void)
{
	bool found[NUMBERS];
	u64 sequence[32];
	u32 i;

	crash_view(sequence, found);
	for (i = 0; i < NUMBERS; i++)
		EXPECT_TRUE(found[i] || !m.needed[i]);
}

/* The log agrees with itself and with the model. */
static void check_state(void)
{
	u32 i, free = 0, listed = 0, count;

	for (i = 0; i < ilog.room.blocks; i++) {
		count = intent_count(&ilog.free_lists[i]);
		EXPECT_EQ(ilog.free_in[i], count);
		free += count;
	}
	EXPECT_EQ(ilog.free, free);
	listed = intent_count(&ilog.used);
	EXPECT_EQ(free + listed, ilog.count);
	for (i = 0; i < NUMBERS; i++) {
		const struct ditto_region *r = intent_region(&ilog, i);

		EXPECT_TRUE(r || !m.used[i]);
		if (!r)
			continue;
		EXPECT_EQ(r->busy, m.busy[i]);
		EXPECT_EQ(r->last, m.last[i]);
		if (m.chosen[i])
			EXPECT_EQ(r->state, DITTO_REGION_COOLING);
		else if (m.used[i])
			EXPECT_TRUE(r->state != DITTO_REGION_COOLING);
		if (m.needed[i])
			EXPECT_TRUE(r->state >= DITTO_REGION_HOT);
	}
}

static void granted(struct write *w)
{
	u32 i;

	w->is = GRANTED;
	for (i = w->first; i <= w->last; i++) {
		m.needed[i] = true;
		EXPECT_EQ(state(i), DITTO_REGION_HOT);
	}
}

static bool cold_is_committing(const struct write *w)
{
	u32 i;

	for (i = w->first; i <= w->last; i++) {
		if (state(i) == DITTO_REGION_FREE || state(i) == DITTO_REGION_DIRTY)
			return false;
	}
	return true;
}

static void model_take(struct write *w)
{
	u64 start, last;
	u32 i, missing = 0, room = ilog.free;
	bool joins;

	w->first = test_below(&m.random, NUMBERS);
	w->last = min_t(u32, w->first + test_below(&m.random, SPAN), NUMBERS - 1);
	joins = cold_is_committing(w);
	for (i = w->first; i <= w->last; i++)
		missing += state(i) == DITTO_REGION_FREE;
	start = w->first * REGION + test_below(&m.random, REGION);
	last = min(w->last * REGION + REGION - 1, ilog.bytes - 1);
	if (test_below(&m.random, 8))
		m.position++;
	m.now += test_below(&m.random, 2);
	switch (ditto_intent_take(&ilog, min(start, last), last, m.position, m.now, &w->user)) {
	case DITTO_HEAT_FULL:
		EXPECT_TRUE(missing > room && ilog.wanted && ilog.free == room);
		m.fulls++;
		return;
	case DITTO_HEAT_HOT:
		EXPECT_EQ(missing, 0);
		granted(w);
		break;
	case DITTO_HEAT_COLD:
		w->is = WAITS;
		w->round = m.commits + !(m.committing && joins);
		m.joined += m.committing && joins;
		break;
	}
	EXPECT_TRUE(missing <= room);
	for (i = w->first; i <= w->last; i++) {
		m.used[i] = true;
		m.chosen[i] = false;
		m.busy[i]++;
		m.last[i] = m.position;
		m.at[i] = m.now;
	}
}

static void model_put(struct write *w)
{
	u32 i;

	ditto_intent_put(&ilog, w->first * REGION, w->last * REGION);
	for (i = w->first; i <= w->last; i++)
		m.busy[i]--;
	w->is = IDLE;
}

static void model_end(void)
{
	struct ditto_intent_user *user;
	LIST_HEAD(ready);
	u32 i;

	ditto_intent_commit_end(&ilog, &ready);
	m.committing = false;
	while (!list_empty(&ready)) {
		user = list_first_entry(&ready, struct ditto_intent_user, link);
		list_del(&user->link);
		EXPECT_EQ(container_of(user, struct write, user)->is, WAITS);
		granted(container_of(user, struct write, user));
		m.served++;
	}
	for (i = 0; i < USERS; i++)
		EXPECT_TRUE(m.writes[i].is != WAITS || m.writes[i].round > m.commits);
}

static void model_commit(void)
{
	u8 block[DITTO_INTENT_BLOCK];
	u32 index, copy;

	if (!m.committing) {
		if (!ditto_intent_commit_due(&ilog))
			return;
		ditto_intent_commit_begin(&ilog);
		m.committing = true;
		m.commits++;
	} else if (ditto_intent_commit_next(&ilog, block, &index, &copy)) {
		memcpy(m.pending[index], block, sizeof(block));
		m.pending_copy[index] = copy;
		m.pending_mask |= 1u << index;
	} else if (m.pending_mask) {
		/* In any order. */
		index = test_below(&m.random, BLOCKS);
		if (m.pending_mask >> index & 1)
			memcpy(disk[index][m.pending_copy[index]], m.pending[index],
			       sizeof(block));
		m.pending_mask &= ~(1u << index);
	} else {
		model_end();
	}
}

static void model_cool_begin(void)
{
	u64 settled = m.position - min_t(u64, m.position, test_below(&m.random, 6));
	u64 before = m.now + 1 - min_t(u64, m.now, test_below(&m.random, 4));
	u32 i, count = 0, chosen;

	chosen = ditto_intent_cool_begin(&ilog, settled, before);
	for (i = 0; i < NUMBERS; i++) {
		m.chosen[i] |= m.used[i] && !m.busy[i] && m.last[i] <= settled &&
			       m.at[i] < before;
		count += m.chosen[i];
	}
	/* And those warmed ahead that were never written; and none too new. */
	if (before > m.now)
		EXPECT_TRUE(chosen >= count);
}

static void model_cool_end(void)
{
	u32 i;

	ditto_intent_cool_end(&ilog);
	for (i = 0; i < NUMBERS; i++) {
		if (!m.chosen[i])
			continue;
		EXPECT_EQ(state(i), DITTO_REGION_FREE);
		m.chosen[i] = false;
		m.needed[i] = false;
		m.used[i] = false;
		m.last[i] = 0;
		m.cooled++;
	}
}

static void model_see(void *arg, u64 start, u64 size)
{
	bool *found = arg;

	EXPECT_EQ(start % REGION, 0);
	EXPECT_EQ(size, min(REGION, ilog.bytes - start));
	EXPECT_FALSE(found[start / REGION]);
	found[start / REGION] = true;
}

static void model_each(void)
{
	u64 position = m.position - min_t(u64, m.position, test_below(&m.random, 30));
	bool found[NUMBERS] = {};
	u32 i;

	ditto_intent_each(&ilog, position, model_see, found);
	for (i = 0; i < NUMBERS; i++)
		EXPECT_EQ(found[i], m.used[i] && m.last[i] > position);
	if (test_below(&m.random, 20))
		return;
	ditto_intent_forget_positions(&ilog);
	memset(m.last, 0, sizeof(m.last));
}

static void model_crash(void)
{
	u64 sequence[32] = {};
	bool found[NUMBERS];
	u32 i;

	/* For good: what is torn stays torn. */
	for (i = 0; i < BLOCKS; i++) {
		if (m.pending_mask >> i & 1)
			tear(disk[i][m.pending_copy[i]], m.pending[i]);
	}
	m.pending_mask = 0;
	check_crash();
	crash_view(sequence, found);
	ditto_intent_init(&ilog, &room, SHIFT, BYTES, uuid, sequence);
	memset(m.writes, 0, sizeof(m.writes));
	memset(m.needed, 0, sizeof(m.needed));
	memset(m.chosen, 0, sizeof(m.chosen));
	memset(m.used, 0, sizeof(m.used));
	memset(m.busy, 0, sizeof(m.busy));
	memset(m.last, 0, sizeof(m.last));
	m.committing = false;
	m.crashes++;
}

static void model_step(void)
{
	struct write *w = &m.writes[test_below(&m.random, USERS)];
	u32 dice = test_below(&m.random, 1000);

	if (dice < 450) {
		if (w->is == IDLE)
			model_take(w);
		else if (w->is == GRANTED)
			model_put(w);
	} else if (dice < 800) {
		model_commit();
	} else if (dice < 880) {
		model_cool_begin();
	} else if (dice < 960) {
		model_cool_end();
	} else if (dice < 998) {
		model_each();
	} else {
		model_crash();
	}
}

static void property(void)
{
	const u64 sequence[32] = { 1, 1, 1 };
	u32 round, i;

	for (i = 0; i < BLOCKS; i++) {
		ditto_intent_encode_empty(disk[i][0], uuid, i, 0);
		ditto_intent_encode_empty(disk[i][1], uuid, i, 1);
	}
	ditto_intent_init(&ilog, &room, SHIFT, BYTES, uuid, sequence);
	memset(&m, 0, sizeof(m));
	m.random.state = 42;
	for (round = 0; round < ROUNDS; round++) {
		model_step();
		/* Reading the disk is what takes time. */
		if (round % 4 == 0)
			check_crash();
		check_state();
	}
	/* The test has been where it should go. */
	EXPECT_TRUE(m.served > 2000 && m.fulls > 1000 && m.crashes > 50 && m.cooled > 1000);
	EXPECT_TRUE(m.torn_away > 5000 && m.names_seen > 100000 && m.joined > 100);
}

const struct test intent_model_tests[] = {
	{ "G2, G11: crashes at any point against a model", property },
	{ }
};
