/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A small model of what account.h is about: three nodes with the stream, apply,
 * intent log and accounts of the core; disks with a cache, and connections,
 * that fail. Whatever happens is one step.
 *
 * The model keeps the rules that the shell has to keep. Each of them can be
 * broken on purpose (enum rule).
 */
#ifndef DITTO_UNIT_ACCOUNT_MODEL_H
#define DITTO_UNIT_ACCOUNT_MODEL_H

#include "account.h"
#include "stream.h"
#include "test.h"

#define NODES		3u
#define BLOCKS		24u
#define BLOCK		4096ull
#define BYTES		(BLOCKS * BLOCK - 512)
#define REGION_SHIFT	13u
#define REGIONS		12u
#define NONE		NODES
#define ITEMS		64u
#define QUEUE		128u

/* What the shell has to do, and does not when it is broken. */
enum rule {
	KEPT,
	NO_ABSENT,		/* others are not told that a follower is lost */
	SETTLED_EARLY,		/* SETTLED overtakes what waits to be sent */
	SETTLED_FRESH,		/* an entry says what is settled when it is sent */
	EQUAL_LATE,		/* JOIN counts when it is applied, not when received */
	EXTENT_UNMARKED,	/* a target's extent sets no bits for others */
	BITS_EXACT,		/* a target's bits for others become the Primary's */
	NO_ORPHANS,		/* what is unsettled is forgotten with the Primary */
	COLD_IS_LOGGED,		/* the Primary says of all it has sent that it is logged */
	ANY_PRIMARY,		/* a new Primary is taken for the one before */
	ABSENT_TOO_MUCH,	/* ABSENT says more to be durable than is */
	NOT_GIVEN,		/* a target does not hand over what it knows */
	UNSAVED,		/* regions cool before bits are on disk */
	RULES,
};

struct waiter {
	struct ditto_intent_user user;
	struct entry *entry;
	struct item *item;
};

/* On its way from the Primary, later what a follower applies. */
struct item {
	struct ditto_apply_item core;
	struct waiter waiter;
	u64 settled;
	u32 followers;
	u32 value;
	u32 roster;
	struct ditto_wire_absent absent;
	bool used;
	bool hot;
	bool no_entry;		/* SETTLED */
};

struct node {
	u32 id;
	struct ditto_account acc;
	struct ditto_intent log;
	struct ditto_region regions[REGIONS];
	u8 image[DITTO_INTENT_BLOCK];
	u32 buckets[16];
	u8 disk_log[2][DITTO_INTENT_BLOCK];
	u32 disk_hot;			/* regions that the log on disk names */
	struct ditto_bits bits[NODES];
	unsigned long words[NODES];
	unsigned long saved[NODES];
	u32 live[BLOCKS];
	u32 stable[BLOCKS];
	u32 cooling;			/* 1: begun, 2: flushed, bits saved */

	/* While it follows. */
	bool follows;
	bool target;
	struct ditto_apply apply;
	struct item items[ITEMS];
	struct item *queue[QUEUE];
	u32 head, tail;
	u8 extents[BLOCKS];		/* 1: written, 2: durable */
	bool joining;

	u64 stream_id;			/* whose data it holds, up to */
	u64 followed;			/* the last one that it was sent */
	u64 position;
};

extern struct node nodes[NODES];
/* Who is Primary, or NONE. */
extern u32 primary;
extern enum rule broken;
extern struct test_random dice;

/* Three members, equal and empty. */
void model_setup(void);

/* Steps: each does nothing where it cannot be. The first two are failures and new work. */
extern void (*const model_steps[])(struct node *n);
extern const u32 model_step_kinds;
#define MODEL_STEPS_MOST	16u

/* A number below @bound. */
u32 below(u32 bound);

#endif /* DITTO_UNIT_ACCOUNT_MODEL_H */
