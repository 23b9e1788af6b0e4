// SPDX-License-Identifier: GPL-2.0
#include "history.h"
#include "test.h"

/*
 * A small world of copies: generations of two branches that part after 1, with
 * every combination of flags that a copy can be in.
 *
 *	1 --- 2 --- 3
 *	 \--- 4
 */
static const struct {
	u64 generation;
	u64 history[3];
} lines[] = {
	{ 0, { 0 } },
	{ 1, { 0 } },
	{ 2, { 1 } },
	{ 3, { 2, 1 } },
	{ 4, { 1 } },
};

static const u32 flag_sets[] = {
	0,
	DITTO_STATEF_PRIMARY,
	DITTO_STATEF_INCONSISTENT,
	DITTO_STATEF_OUTDATED,
	DITTO_STATEF_UNCLEAN,
	DITTO_STATEF_DISKLESS,
	DITTO_STATEF_FAILED,
	DITTO_STATEF_PRIMARY | DITTO_STATEF_INCONSISTENT,
	DITTO_STATEF_PRIMARY | DITTO_STATEF_DISKLESS,
	DITTO_STATEF_PRIMARY | DITTO_STATEF_UNCLEAN,
	DITTO_STATEF_INCONSISTENT | DITTO_STATEF_OUTDATED | DITTO_STATEF_UNCLEAN,
};

#define POSITIONS	2
#define STATES		(ARRAY_SIZE(lines) * ARRAY_SIZE(flag_sets) * POSITIONS)

static struct ditto_wire_state nth(u32 n)
{
	struct ditto_wire_state state = {};

	state.position = 10 + n % POSITIONS;
	n /= POSITIONS;
	state.flags = flag_sets[n % ARRAY_SIZE(flag_sets)];
	n /= ARRAY_SIZE(flag_sets);
	state.generation = lines[n].generation;
	memcpy(state.history, lines[n].history, sizeof(lines[n].history));
	state.roster = 3;
	state.roster_number = 1;
	return state;
}

static bool has_data(const struct ditto_wire_state *s)
{
	return s->generation && !(s->flags & (DITTO_STATEF_INCONSISTENT | DITTO_STATEF_DISKLESS |
					      DITTO_STATEF_FAILED));
}

static void relations(void)
{
	static const enum ditto_relation mirror[] = {
		[DITTO_RELATION_SAME] = DITTO_RELATION_SAME,
		[DITTO_RELATION_AHEAD] = DITTO_RELATION_BEHIND,
		[DITTO_RELATION_BEHIND] = DITTO_RELATION_AHEAD,
		[DITTO_RELATION_DIVERGED] = DITTO_RELATION_DIVERGED,
		[DITTO_RELATION_NEW] = DITTO_RELATION_NEW,
	};
	struct ditto_wire_state a, b;
	u32 i, j;

	for (i = 0; i < STATES; i++) {
		for (j = 0; j < STATES; j++) {
			a = nth(i);
			b = nth(j);
			EXPECT_EQ(ditto_history_relate(&b, &a),
				  mirror[ditto_history_relate(&a, &b)]);
		}
	}
	a = (struct ditto_wire_state){ .generation = 3, .history = { 2, 1 } };
	b = (struct ditto_wire_state){ .generation = 1 };
	EXPECT_EQ(ditto_history_relate(&a, &b), DITTO_RELATION_AHEAD);
	b.generation = 4;
	b.history[0] = 1;
	EXPECT_EQ(ditto_history_relate(&a, &b), DITTO_RELATION_DIVERGED);
	/* Behind the 0 that ends it, a history says nothing. */
	b = (struct ditto_wire_state){ .generation = 1 };
	a = (struct ditto_wire_state){ .generation = 3, .history = { 2, 0, 1 } };
	EXPECT_EQ(ditto_history_relate(&a, &b), DITTO_RELATION_DIVERGED);
	/* Each claims to descend from the other. */
	a = (struct ditto_wire_state){ .generation = 3, .history = { 2 } };
	b = (struct ditto_wire_state){ .generation = 2, .history = { 3 } };
	EXPECT_EQ(ditto_history_relate(&a, &b), DITTO_RELATION_DIVERGED);
	EXPECT_EQ(ditto_history_relate(&b, &a), DITTO_RELATION_DIVERGED);
}

static void mirrored(void)
{
	static const bool pairs[6][6] = {
		[DITTO_MEETING_IDLE][DITTO_MEETING_IDLE] = true,
		[DITTO_MEETING_LEAD][DITTO_MEETING_FOLLOW] = true,
		[DITTO_MEETING_FILL][DITTO_MEETING_FOLLOW] = true,
		[DITTO_MEETING_FOLLOW][DITTO_MEETING_LEAD] = true,
		[DITTO_MEETING_FOLLOW][DITTO_MEETING_FILL] = true,
		[DITTO_MEETING_DIVERGED][DITTO_MEETING_DIVERGED] = true,
		[DITTO_MEETING_DISKLESS][DITTO_MEETING_DISKLESS] = true,
	};
	struct ditto_wire_state a, b;
	bool seen[6] = {};
	u32 i, j;

	for (i = 0; i < STATES; i++) {
		for (j = 0; j < STATES; j++) {
			a = nth(i);
			b = nth(j);
			EXPECT_TRUE(pairs[ditto_history_meet(&a, &b)][ditto_history_meet(&b, &a)]);
			seen[ditto_history_meet(&a, &b)] = true;
		}
	}
	for (i = 0; i < ARRAY_SIZE(seen); i++)
		EXPECT_TRUE(seen[i]);
}

/* Said as what must not happen, for all pairs of copies. */
static void nothing_lost(void)
{
	enum ditto_meeting meeting;
	struct ditto_wire_state a, b;
	u32 i, j;

	for (i = 0; i < STATES; i++) {
		for (j = 0; j < STATES; j++) {
			a = nth(i);
			b = nth(j);
			meeting = ditto_history_meet(&a, &b);
			if (meeting == DITTO_MEETING_LEAD)
				EXPECT_TRUE(ditto_history_equal(&a, &b));
			if (meeting == DITTO_MEETING_LEAD || meeting == DITTO_MEETING_FILL)
				EXPECT_TRUE(a.flags & DITTO_STATEF_PRIMARY &&
					    !(b.flags & DITTO_STATEF_PRIMARY));
			/* What is written over is a part of what is kept, or worthless. */
			if (meeting == DITTO_MEETING_FILL && has_data(&b)) {
				EXPECT_TRUE(has_data(&a));
				EXPECT_TRUE(a.generation == b.generation ||
					    a.history[0] == b.generation ||
					    a.history[1] == b.generation);
			}
			if (a.flags & b.flags & DITTO_STATEF_PRIMARY)
				EXPECT_EQ(meeting, DITTO_MEETING_DIVERGED);
		}
	}
}

static void equal_by_proof(void)
{
	const u32 doubt = DITTO_STATEF_INCONSISTENT | DITTO_STATEF_OUTDATED |
			  DITTO_STATEF_UNCLEAN | DITTO_STATEF_DISKLESS | DITTO_STATEF_FAILED;
	struct ditto_wire_state a, b;
	u32 i, j, count = 0;

	for (i = 0; i < STATES; i++) {
		for (j = 0; j < STATES; j++) {
			bool want;

			a = nth(i);
			b = nth(j);
			want = a.generation && a.generation == b.generation &&
			       a.position == b.position && !((a.flags | b.flags) & doubt);
			EXPECT_EQ(ditto_history_equal(&a, &b), want);
			EXPECT_EQ(ditto_history_equal(&b, &a), want);
			count += want;
		}
	}
	EXPECT_TRUE(count);
}

static void meetings(void)
{
	struct ditto_wire_state primary = { .flags = DITTO_STATEF_PRIMARY, .generation = 3,
					    .history = { 2, 1 }, .position = 50 };
	struct ditto_wire_state peer = { .generation = 3, .history = { 2, 1 }, .position = 50 };

	EXPECT_EQ(ditto_history_meet(&primary, &peer), DITTO_MEETING_LEAD);
	EXPECT_EQ(ditto_history_meet(&peer, &primary), DITTO_MEETING_FOLLOW);
	peer.position = 49;
	EXPECT_EQ(ditto_history_meet(&primary, &peer), DITTO_MEETING_FILL);
	peer.position = 50;
	peer.flags = DITTO_STATEF_UNCLEAN;
	EXPECT_EQ(ditto_history_meet(&primary, &peer), DITTO_MEETING_FILL);
	peer = (struct ditto_wire_state){ .generation = 1, .position = 50 };
	EXPECT_EQ(ditto_history_meet(&primary, &peer), DITTO_MEETING_FILL);
	peer = (struct ditto_wire_state){ .generation = 0 };
	EXPECT_EQ(ditto_history_meet(&primary, &peer), DITTO_MEETING_FILL);
	/* A deposed primary's own branch. */
	peer = (struct ditto_wire_state){ .generation = 4, .history = { 2, 1 } };
	EXPECT_EQ(ditto_history_meet(&primary, &peer), DITTO_MEETING_DIVERGED);
	peer.flags = DITTO_STATEF_INCONSISTENT;
	EXPECT_EQ(ditto_history_meet(&primary, &peer), DITTO_MEETING_FILL);
	/* The peer has what the Primary does not know. */
	peer = (struct ditto_wire_state){ .generation = 5, .history = { 3, 2, 1 } };
	EXPECT_EQ(ditto_history_meet(&primary, &peer), DITTO_MEETING_DIVERGED);
	EXPECT_EQ(ditto_history_meet(&peer, &primary), DITTO_MEETING_DIVERGED);
	peer.flags = DITTO_STATEF_DISKLESS;
	EXPECT_EQ(ditto_history_meet(&primary, &peer), DITTO_MEETING_DISKLESS);
	/* An Inconsistent Primary does not fill a good copy. */
	peer = (struct ditto_wire_state){ .generation = 3, .position = 50 };
	primary.flags |= DITTO_STATEF_INCONSISTENT;
	EXPECT_EQ(ditto_history_meet(&primary, &peer), DITTO_MEETING_DIVERGED);
	/* One whose disk has failed leads with the disks of others, and nobody as equal. */
	primary.flags = DITTO_STATEF_PRIMARY | DITTO_STATEF_FAILED;
	EXPECT_EQ(ditto_history_meet(&primary, &peer), DITTO_MEETING_FILL);
	EXPECT_EQ(ditto_history_meet(&peer, &primary), DITTO_MEETING_FOLLOW);
	peer.generation = 2;
	EXPECT_EQ(ditto_history_meet(&primary, &peer), DITTO_MEETING_FILL);
	peer.generation = 4;
	EXPECT_EQ(ditto_history_meet(&primary, &peer), DITTO_MEETING_DIVERGED);
	EXPECT_EQ(ditto_history_meet(&peer, &primary), DITTO_MEETING_DIVERGED);
	peer = (struct ditto_wire_state){ .generation = 3, .flags = DITTO_STATEF_FAILED };
	EXPECT_EQ(ditto_history_meet(&primary, &peer), DITTO_MEETING_DISKLESS);
	EXPECT_EQ(ditto_history_meet(&peer, &primary), DITTO_MEETING_DISKLESS);
}

static void secondaries(void)
{
	struct ditto_wire_state a = { .generation = 3, .history = { 1 } };
	struct ditto_wire_state b = { .generation = 4, .history = { 1 } };

	EXPECT_EQ(ditto_history_meet(&a, &b), DITTO_MEETING_DIVERGED);
	b.flags = DITTO_STATEF_INCONSISTENT;
	EXPECT_EQ(ditto_history_meet(&a, &b), DITTO_MEETING_IDLE);
	b = (struct ditto_wire_state){ .generation = 1 };
	EXPECT_EQ(ditto_history_meet(&a, &b), DITTO_MEETING_IDLE);
	b.generation = 0;
	EXPECT_EQ(ditto_history_meet(&a, &b), DITTO_MEETING_IDLE);
}

static void outdates(void)
{
	struct ditto_wire_state mine = { .generation = 1, .roster = 3 };
	struct ditto_wire_state theirs = { .generation = 2, .history = { 1 }, .roster = 1 };

	EXPECT_TRUE(ditto_history_outdates(&mine, 1, &theirs));
	EXPECT_FALSE(ditto_history_outdates(&mine, 0, &theirs));
	EXPECT_FALSE(ditto_history_outdates(&mine, 32, &theirs));
	theirs.flags = DITTO_STATEF_INCONSISTENT;
	EXPECT_FALSE(ditto_history_outdates(&mine, 1, &theirs));
	theirs.flags = 0;
	theirs.history[0] = 9;
	EXPECT_FALSE(ditto_history_outdates(&mine, 1, &theirs));
	theirs.generation = 1;
	EXPECT_FALSE(ditto_history_outdates(&mine, 1, &theirs));
	/* A disk that is lost is no newer copy, but where others hold that of a Primary. */
	theirs = (struct ditto_wire_state){ .generation = 2, .history = { 1 }, .roster = 1,
					    .flags = DITTO_STATEF_FAILED };
	EXPECT_FALSE(ditto_history_outdates(&mine, 1, &theirs));
	theirs.flags |= DITTO_STATEF_PRIMARY;
	EXPECT_TRUE(ditto_history_outdates(&mine, 1, &theirs));
}

static struct ditto_wire_state theirs[32];

static enum ditto_promotion ask(const struct ditto_wire_state *mine, u32 connected, u32 *who)
{
	*who = 99;
	return ditto_history_may_promote(mine, 0, theirs, connected, who);
}

static void promotions(void)
{
	struct ditto_wire_state mine = { .generation = 2, .history = { 1 }, .position = 50,
					 .roster = 7 };
	u32 who;

	memset(theirs, 0, sizeof(theirs));
	theirs[1] = theirs[2] = theirs[31] = mine;
	EXPECT_EQ(ask(&mine, 0, &who), DITTO_PROMOTE_OK);
	EXPECT_EQ(ask(&mine, 0x80000006, &who), DITTO_PROMOTE_OK);
	theirs[31].flags = DITTO_STATEF_PRIMARY;
	EXPECT_EQ(ask(&mine, 0x80000006, &who), DITTO_PROMOTE_PRIMARY);
	EXPECT_EQ(who, 31);
	EXPECT_EQ(ask(&mine, 6, &who), DITTO_PROMOTE_OK);
	theirs[2].position = 51;
	EXPECT_EQ(ask(&mine, 6, &who), DITTO_PROMOTE_NEWER);
	EXPECT_EQ(who, 2);
	theirs[2].flags = DITTO_STATEF_INCONSISTENT;
	EXPECT_EQ(ask(&mine, 6, &who), DITTO_PROMOTE_OK);
	theirs[1] = (struct ditto_wire_state){ .generation = 3, .history = { 2, 1 } };
	EXPECT_EQ(ask(&mine, 2, &who), DITTO_PROMOTE_NEWER);
	EXPECT_EQ(who, 1);
	EXPECT_EQ(ask(&mine, 0, &who), DITTO_PROMOTE_OK);
	mine.generation = 0;
	EXPECT_EQ(ask(&mine, 2, &who), DITTO_PROMOTE_NEWER);
}

static void promotion_order(void)
{
	struct ditto_wire_state mine = { .generation = 1, .flags = 0xff & DITTO_STATEF_KNOWN,
					 .roster = 3 };
	u32 who;

	memset(theirs, 0, sizeof(theirs));
	theirs[1] = (struct ditto_wire_state){ .generation = 2, .history = { 1 },
					       .flags = DITTO_STATEF_PRIMARY };
	EXPECT_EQ(ask(&mine, 2, &who), DITTO_PROMOTE_PRIMARY);
	theirs[1].flags = 0;
	EXPECT_EQ(ask(&mine, 2, &who), DITTO_PROMOTE_DISKLESS);
	mine.flags &= ~(DITTO_STATEF_DISKLESS | DITTO_STATEF_FAILED);
	EXPECT_EQ(ask(&mine, 2, &who), DITTO_PROMOTE_INCONSISTENT);
	mine.flags &= ~DITTO_STATEF_INCONSISTENT;
	EXPECT_EQ(ask(&mine, 2, &who), DITTO_PROMOTE_OUTDATED);
	mine.flags &= ~DITTO_STATEF_OUTDATED;
	EXPECT_EQ(ask(&mine, 2, &who), DITTO_PROMOTE_NEWER);
	theirs[1] = (struct ditto_wire_state){ .generation = 9 };
	EXPECT_EQ(ask(&mine, 2, &who), DITTO_PROMOTE_UNCLEAN);
	mine.flags &= ~DITTO_STATEF_UNCLEAN;
	EXPECT_EQ(ask(&mine, 2, &who), DITTO_PROMOTE_OK);
	mine.flags = DITTO_STATEF_FAILED;
	EXPECT_EQ(ask(&mine, 0, &who), DITTO_PROMOTE_DISKLESS);
}

static void unclean(void)
{
	struct ditto_wire_state mine = { .generation = 2, .history = { 1 }, .position = 50,
					 .roster = 7, .flags = DITTO_STATEF_UNCLEAN };
	u32 who;

	memset(theirs, 0, sizeof(theirs));
	theirs[1] = theirs[2] = mine;
	/* None stayed up, and all are here. */
	EXPECT_EQ(ask(&mine, 6, &who), DITTO_PROMOTE_OK);
	/* One that could tell is away. */
	EXPECT_EQ(ask(&mine, 2, &who), DITTO_PROMOTE_UNCLEAN);
	EXPECT_EQ(who, 2);
	EXPECT_EQ(ask(&mine, 0, &who), DITTO_PROMOTE_UNCLEAN);
	EXPECT_EQ(who, 1);
	/* One stayed up and holds no more. */
	theirs[1].flags = 0;
	EXPECT_EQ(ask(&mine, 6, &who), DITTO_PROMOTE_OK);
	theirs[1].position = 51;
	EXPECT_EQ(ask(&mine, 6, &who), DITTO_PROMOTE_NEWER);
	EXPECT_EQ(who, 1);
	/* One stayed up, has not heard of the newest generation, and may hold more of the last. */
	theirs[1] = (struct ditto_wire_state){ .generation = 1, .position = 900 };
	EXPECT_EQ(ask(&mine, 6, &who), DITTO_PROMOTE_UNCLEAN);
	/* Alone in its roster: there is nobody to ask. */
	mine.roster = 1;
	EXPECT_EQ(ask(&mine, 0, &who), DITTO_PROMOTE_OK);
}

/* One that is connected, and has no disk, speaks for no copy. */
static void no_disk_no_word(void)
{
	struct ditto_wire_state mine = { .generation = 2, .history = { 1 }, .position = 50,
					 .roster = 3 };
	u32 who;

	memset(theirs, 0, sizeof(theirs));
	theirs[1] = (struct ditto_wire_state){ .generation = 3, .history = { 2, 1 }, .roster = 2,
					       .flags = DITTO_STATEF_FAILED };
	EXPECT_EQ(ask(&mine, 2, &who), DITTO_PROMOTE_OK);
	theirs[1].flags |= DITTO_STATEF_PRIMARY;
	EXPECT_EQ(ask(&mine, 2, &who), DITTO_PROMOTE_PRIMARY);
	/* It cannot tell that an unclean copy lacks nothing, either. */
	mine.flags = DITTO_STATEF_UNCLEAN;
	theirs[1] = mine;
	EXPECT_EQ(ask(&mine, 2, &who), DITTO_PROMOTE_OK);
	theirs[1].flags |= DITTO_STATEF_FAILED;
	EXPECT_EQ(ask(&mine, 2, &who), DITTO_PROMOTE_UNCLEAN);
	EXPECT_EQ(who, 1);
}

/* Whatever two copies are: giving mine up, beside one that covers it, loses nothing. */
static void covered(void)
{
	u32 a, b, yes = 0;

	for (a = 0; a < STATES; a++) {
		for (b = 0; b < STATES; b++) {
			struct ditto_wire_state mine = nth(a), theirs = nth(b);
			bool covers = ditto_history_covers(&mine, &theirs);
			enum ditto_relation relation = ditto_history_relate(&mine, &theirs);

			yes += covers;
			if (!covers)
				continue;
			EXPECT_TRUE(has_data(&theirs));
			EXPECT_TRUE(!(theirs.flags & (DITTO_STATEF_OUTDATED | DITTO_STATEF_UNCLEAN)));
			if (!mine.generation || mine.flags & DITTO_STATEF_INCONSISTENT)
				continue;
			EXPECT_TRUE(relation == DITTO_RELATION_SAME || relation == DITTO_RELATION_BEHIND);
			EXPECT_TRUE(relation == DITTO_RELATION_BEHIND ||
			       theirs.flags & DITTO_STATEF_PRIMARY ||
			       theirs.position >= mine.position);
		}
	}
	/* Equal copies cover each other. */
	EXPECT_TRUE(yes);
	for (a = 0; a < STATES; a++) {
		for (b = 0; b < STATES; b++) {
			struct ditto_wire_state mine = nth(a), theirs = nth(b);

			if (ditto_history_equal(&mine, &theirs))
				EXPECT_TRUE(ditto_history_covers(&mine, &theirs));
		}
	}
}

const struct test history_tests[] = {
	{ "G6: relations are mirrored", relations },
	{ "G6: meetings are mirrored, for all pairs of copies", mirrored },
	{ "G6: nothing that counts is written over, for all pairs", nothing_lost },
	{ "G2: trace 9: equal only by proof, never after unclean, for all pairs", equal_by_proof },
	{ "G6: a Primary and its peer", meetings },
	{ "G6: two Secondaries", secondaries },
	{ "G1: a roster without me outdates my copy", outdates },
	{ "G5: who may be promoted", promotions },
	{ "G5: the first reason against is named", promotion_order },
	{ "G1: unclean means lost", unclean },
	{ "G1: a node without a disk speaks for no copy", no_disk_no_word },
	{ "G1: what may be given up beside another copy, for all pairs", covered },
	{ }
};
