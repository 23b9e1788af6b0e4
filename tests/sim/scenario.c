// SPDX-License-Identifier: GPL-2.0
#include "scenario.h"

#include "workload.h"

#define A	0u
#define B	1u
#define C	2u
#define BLOCK	8u		/* sectors */
#define PATIENCE 20000u

struct scenario {
	const char *name;
	u32 shift;
	void (*run)(void);
	const char *lacks;	/* what it needs that is not built */
};

#define EXPECT(cond) do {						\
	if (!(cond))							\
		broken("trace", "line %d: %s", __LINE__, #cond);	\
} while (0)

static bool held(void)
{
	u32 a, b, lane;

	for (a = 0; a < SIM_NODES; a++) {
		if (disk_held[a])
			return true;
		for (b = 0; b < SIM_NODES; b++) {
			for (lane = 0; lane < DITTO_LANES; lane++) {
				if (lane_held[a][b][lane])
					return true;
			}
		}
	}
	return false;
}

static void settle(void)
{
	if (!schedule_settle())
		broken("G7", "it goes on without an end");
	check_copies(!held());
}

static void until(bool (*reached)(void))
{
	u32 i;

	for (i = 0; i < PATIENCE && !reached() && !sim.failed; i++)
		schedule_one();
	EXPECT(reached());
}

static bool command(u32 node, enum command what)
{
	EXPECT(cluster_command(node, what, 0));
	nodes[node].result = -1;
	settle();
	return !nodes[node].result;
}

static void link(u32 a, u32 b, bool up)
{
	link_up[a][b] = up;
	link_up[b][a] = up;
}

static void write(u32 first_block, u32 blocks)
{
	request_submit(&nodes[A], DITTO_ENTRY_WRITE, first_block * BLOCK, blocks * BLOCK, 0);
}

static bool equal(u32 a, u32 b)
{
	u32 i;

	for (i = 0; i < SIM_SECTORS; i++) {
		if (disk_live(&nodes[a].disk, i) != disk_live(&nodes[b].disk, i))
			return false;
	}
	return true;
}

static bool in_sync(u32 primary, u32 peer)
{
	return nodes[primary].primary && nodes[primary].peers[peer].disk_state == UP_TO_DATE &&
	       equal(primary, peer);
}

static struct disk_io *access_at(u32 node, u32 block)
{
	struct disk_io *io;

	list_for_each_entry(io, &nodes[node].disk.ios, link) {
		if (io->op == DISK_WRITE && io->first == block * BLOCK)
			return io;
	}
	return NULL;
}

static void finish_access(u32 node, u32 block)
{
	EXPECT(access_at(node, block));
	while (access_at(node, block))
		disk_advance(&nodes[node].disk, access_at(node, block));
}

/* w3 overlaps w1 and w2 and names the newer: it does not run before w1 either. */
static void overlap(void)
{
	disk_held[C] = true;
	write(0, 8);
	write(8, 8);
	write(4, 8);
	settle();
	EXPECT(access_at(C, 0) && access_at(C, 8) && !access_at(C, 4));
	finish_access(C, 8);
	settle();
	EXPECT(!access_at(C, 4));
	finish_access(C, 0);
	settle();
	EXPECT(access_at(C, 4));
	disk_held[C] = false;
	settle();
	EXPECT(in_sync(A, B) && in_sync(A, C));
}

/* C was away for longer than B: B alone must know that C lacks X. */
static void third_node(void)
{
	link(A, B, false);
	link(A, C, false);
	link(B, C, false);
	settle();
	write(3, 1);
	settle();
	link(A, B, true);
	settle();
	EXPECT(in_sync(A, B));
	node_power_cut(&nodes[A]);
	settle();
	EXPECT(command(B, COMMAND_PROMOTE));
	link(B, C, true);
	settle();
	EXPECT(in_sync(B, C));
}

static bool half_filled(void)
{
	return nodes[C].apply.target && nodes[C].apply.extent_written >= 3;
}

/* The source of a new node dies half-way: the next one fills all of it. */
static void dead_source(void)
{
	write(0, 5);
	write(10, 5);
	write(20, 5);
	settle();
	EXPECT(cluster_command(C, COMMAND_INVALIDATE, 0));
	until(half_filled);
	node_power_cut(&nodes[A]);
	settle();
	EXPECT(!command(C, COMMAND_PROMOTE));
	EXPECT(command(B, COMMAND_PROMOTE));
	settle();
	EXPECT(in_sync(B, C));
}

/* A bit covers more than a write that reaches C: it stays. */
static void small_write(void)
{
	lane_held[A][C][DITTO_LANE_BULK] = true;
	EXPECT(command(C, COMMAND_INVALIDATE));
	request_submit(&nodes[A], DITTO_ENTRY_WRITE, 5, 1, DITTO_ENTRYF_DURABLE);
	settle();
	EXPECT(nodes[C].apply.durable == nodes[A].stream.position);
	EXPECT(ditto_bits_any(&nodes[A].peers[C].bits, 0, 16384));
	lane_held[A][C][DITTO_LANE_BULK] = false;
	settle();
	EXPECT(in_sync(A, C));
}

/* Durable for one epoch is not durable for the next. */
static void two_epochs(void)
{
	write(2, 1);
	request_submit(&nodes[A], DITTO_ENTRY_FLUSH, 0, 0, DITTO_ENTRYF_DURABLE);
	settle();
	lane_held[A][C][DITTO_LANE_WRITES] = true;
	write(2, 1);
	settle();
	EXPECT(!ditto_bits_any(&nodes[A].peers[C].bits, 0, SIM_BYTES));
	link(A, C, false);
	settle();
	EXPECT(ditto_bits_any(&nodes[A].peers[C].bits, 2 * 4096, 4096));
	lane_held[A][C][DITTO_LANE_WRITES] = false;
	link(A, C, true);
	settle();
	EXPECT(in_sync(A, C));
}

/* What A had completed and not flushed is gone from A and is on B. */
static void not_flushed(void)
{
	u64 lost;
	u32 i;

	write(6, 2);
	settle();
	lost = disk_live(&nodes[A].disk, 6 * BLOCK);
	node_power_cut(&nodes[A]);
	for (i = 6 * BLOCK; i < 8 * BLOCK; i++)
		nodes[A].disk.sectors[i].value[0] = 0;
	link(A, B, false);
	link(A, C, false);
	settle();
	node_power_on(&nodes[A]);
	settle();
	EXPECT(nodes[A].attached && nodes[A].disk_state != UP_TO_DATE);
	EXPECT(!command(A, COMMAND_PROMOTE));
	link(A, B, true);
	settle();
	EXPECT(nodes[A].disk_state != UP_TO_DATE && nodes[B].disk_state != UP_TO_DATE);
	EXPECT(!command(A, COMMAND_PROMOTE));
	EXPECT(command(B, COMMAND_PROMOTE));
	EXPECT(in_sync(B, A) && disk_live(&nodes[A].disk, 6 * BLOCK) == lost);
}

/* A discard overtakes the extent that was read before it. */
static void discard_crosses(void)
{
	write(0, 4);
	settle();
	lane_held[A][C][DITTO_LANE_BULK] = true;
	EXPECT(command(C, COMMAND_INVALIDATE));
	request_submit(&nodes[A], DITTO_ENTRY_DISCARD, BLOCK, 2 * BLOCK, 0);
	settle();
	EXPECT(nodes[C].apply.durable == nodes[A].stream.position);
	lane_held[A][C][DITTO_LANE_BULK] = false;
	settle();
	EXPECT(in_sync(A, C) && !disk_live(&nodes[C].disk, BLOCK));
}

static bool joining(void)
{
	return nodes[A].peers[C].joining;
}

/* A write meets the end of a one-block resync, and the end is lost. */
static void last_block(void)
{
	link(A, C, false);
	settle();
	write(9, 1);
	settle();
	link(A, C, true);
	until(joining);
	lane_held[A][C][DITTO_LANE_WRITES] = true;
	write(9, 1);
	settle();
	link(A, C, false);
	settle();
	EXPECT(nodes[A].peers[C].disk_state != UP_TO_DATE);
	EXPECT(ditto_bits_any(&nodes[A].peers[C].bits, 9 * 4096, 4096));
	lane_held[A][C][DITTO_LANE_WRITES] = false;
	link(A, C, true);
	settle();
	EXPECT(in_sync(A, C));
}

static const struct scenario scenarios[] = {
	{ "trace 1: overlap", 12, overlap, NULL },
	{ "trace 2: the third node", 12, third_node, NULL },
	{ "trace 3: half a resync after a crash", 12, NULL, "the intent log" },
	{ "trace 4: a new node and a dead source", 12, dead_source, NULL },
	{ "trace 5: a late clear", 12, NULL, "bits for every other disk node" },
	{ "trace 6: a small write, a big bit", 14, small_write, NULL },
	{ "trace 7: twice in two epochs", 12, two_epochs, NULL },
	{ "trace 8: cooled too soon", 12, NULL, "the intent log" },
	{ "trace 9: completed, not flushed", 12, not_flushed, NULL },
	{ "trace 10: resync and discard cross", 12, discard_crosses, NULL },
	{ "trace 11: the last block", 12, last_block, NULL },
	{ "trace 12: folded under pressure", 12, NULL, "folding of records into bits" },
};

u32 scenario_count(void)
{
	return ARRAY_SIZE(scenarios);
}

static void play(const struct scenario *s, bool keeping)
{
	sim_begin(7, false, keeping);
	cluster_begin(false, s->shift, false);
	settle();
	EXPECT(command(A, COMMAND_PROMOTE));
	EXPECT(in_sync(A, B) && in_sync(A, C));
	if (!sim.failed)
		s->run();
	cluster_end();
}

enum scenario_result scenario_run(u32 index, u32 number)
{
	const struct scenario *s = &scenarios[index];

	if (s->lacks) {
		printf("ok %u - %s # SKIP needs %s\n", number, s->name, s->lacks);
		return SCENARIO_SKIPPED;
	}
	play(s, false);
	if (sim.failed) {
		play(s, true);
		sim_report();
	}
	printf("%s %u - %s\n", sim.failed ? "not ok" : "ok", number, s->name);
	return sim.failed ? SCENARIO_FAILED : SCENARIO_PASSED;
}
