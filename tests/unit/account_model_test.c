// SPDX-License-Identifier: GPL-2.0
/*
 * The pairwise invariant of account.h: after each step of the model it is looked
 * at what would be known if any of the nodes crashed now.
 */
#include "account_model.h"

#define RUNS		300u
#define STEPS		600u
#define MOOD		40u		/* steps with the same weights */

static bool found;

/* The invariant. */

static u32 hot_in_memory(const struct node *n)
{
	u32 i, mask = 0;

	for (i = 0; i < REGIONS; i++)
		if (n->regions[i].state == DITTO_REGION_HOT ||
		    n->regions[i].state == DITTO_REGION_COOLING)
			mask |= 1u << n->regions[i].number;
	return mask;
}

/* What @n knows of @block of @other's copy, after a crash or without one. */
static bool says(const struct node *n, u32 other, u32 block, bool crashed)
{
	u32 hot = crashed ? n->disk_hot : hot_in_memory(n);

	return hot >> (block * BLOCK >> REGION_SHIFT) & 1 ||
	       test_bit(block, crashed ? &n->saved[other] : &n->words[other]);
}

/* Some value that @n may hold there differs from @value. */
static bool differs(const struct node *n, u32 block, bool crashed, u32 value)
{
	return n->live[block] != value || (crashed && n->stable[block] != value);
}

static bool holds(const struct node *x, const struct node *y, u32 block)
{
	u32 crashed;

	for (crashed = 0; crashed < 4; crashed++) {
		bool cx = crashed & 1, cy = crashed >> 1;

		if (!differs(y, block, cy, x->live[block]) &&
		    !(cx && differs(y, block, cy, x->stable[block])))
			continue;
		if (!says(x, y->id, block, cx) && !says(y, x->id, block, cy))
			return false;
	}
	return true;
}

static bool invariant(void)
{
	u32 x, y, block;

	for (x = 0; x < NODES; x++)
		for (y = x + 1; y < NODES; y++)
			for (block = 0; block < BLOCKS; block++)
				if (!holds(&nodes[x], &nodes[y], block))
					return false;
	return true;
}

/* Runs. */

/* Most of the time a few things happen often, and others not at all. */
static void new_mood(u32 *weights)
{
	static const u32 choice[] = { 0, 1, 4, 16 };
	u32 i;

	for (i = 0; i < model_step_kinds; i++)
		weights[i] = choice[below(ARRAY_SIZE(choice))];
	weights[below(model_step_kinds)]++;
}

static void step(const u32 *weights, u32 asleep)
{
	u32 id = below(NODES), i, pick, sum = 0;

	if (id == asleep && below(8))
		return;
	for (i = 0; i < model_step_kinds; i++)
		sum += weights[i];
	pick = below(sum);
	for (i = 0; pick >= weights[i]; i++)
		pick -= weights[i];
	model_steps[i](&nodes[id]);
}

static bool member(const struct node *n)

{
	return n->id == primary || (n->follows && !n->target);
}

static bool quiet(void)
{
	u32 i, j;

	for (i = 0; i < NODES; i++) {
		if (!member(&nodes[i]) || ditto_intent_hot(&nodes[i].log))
			return false;
		for (j = 0; j < NODES; j++)
			if (i != j && nodes[i].bits[j].set)
				return false;
	}
	return true;
}

/* Nothing fails any more: then all copies become equal, and all know. */
static void calm_down(void)
{
	u32 round, i, weights[MODEL_STEPS_MOST];

	for (i = 0; i < model_step_kinds; i++)
		weights[i] = i > 1;
	for (round = 0; round < 20000 && !found && !quiet(); round++) {
		step(weights, NONE);
		found |= !invariant();
	}
	/* That something is known to be missing for too long is no loss. */
	if (broken == KEPT && !found)
		EXPECT_TRUE(quiet());
	for (i = 1; i < NODES && quiet(); i++)
		found |= !!memcmp(nodes[0].live, nodes[i].live, sizeof(nodes[i].live));
}

/* Return: was something lost? */
static bool run(u64 seed)
{
	u32 i, asleep = NONE, weights[MODEL_STEPS_MOST];

	dice.state = seed;
	found = false;
	model_setup();
	for (i = 0; i < STEPS && !found; i++) {
		if (i % MOOD == 0) {
			new_mood(weights);
			asleep = below(NODES + 1);
		}
		step(weights, asleep);
		found = !invariant();
	}
	if (!found)
		calm_down();
	return found;
}

static void random_runs(void)
{
	u32 seed;

	broken = KEPT;
	for (seed = 0; seed < RUNS; seed++)
		if (run(seed))
			test_failed(__FILE__, __LINE__, "seed %u", seed);
}

static void broken_rules(void)
{
	/* Where to begin looking: these take long to come by. */
	static const u32 first[RULES] = { [BITS_EXACT] = 4200, [ABSENT_TOO_MUCH] = 2000 };
	u32 seed, end;

	for (broken = KEPT + 1; broken < RULES; broken++) {
		end = first[broken] + 20 * RUNS;
		for (seed = first[broken]; seed < end && !run(seed); seed++)
			;
		if (seed == end)
			test_failed(__FILE__, __LINE__, "rule %u is broken, and nothing tells",
				    broken);
	}
}

const struct test account_model_tests[] = {
	{ "G2: two copies differ only where one of the two nodes knows", random_runs },
	{ "G2: each broken rule is found", broken_rules },
	{ }
};
