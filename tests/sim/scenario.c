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
	bool fresh;
};

#define EXPECT(cond) do {						\
	if (!(cond))							\
		broken("trace", "line %d: %s", __LINE__, #cond);	\
} while (0)

static bool held(void)
{
	u32 a, b, lane;

	for (a = 0; a < SIM_NODES; a++) {
		if (disk_held[a] || log_held[a] || flush_held[a])
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

static void cut(u32 node, enum disk_cut how)
{
	disk_cut = how;
	node_power_cut(&nodes[node]);
	disk_cut = DISK_CUT_DRAWN;
}

static void write_held(u32 to, bool is_held)
{
	lane_held[A][to][DITTO_LANE_WRITES] = is_held;
}

/* Blocks that the last resync of @peer by @primary was to move. */
static u64 planned(u32 primary, u32 peer)
{
	return nodes[primary].peers[peer].planned[0];
}

static u64 blocks(u32 first, u32 count)
{
	return ((1ull << count) - 1) << first;
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
	EXPECT(planned(B, C) == blocks(3, 1));
}

static bool half_resynced(void)
{
	return nodes[B].apply.target && nodes[B].apply.extent_durable >= 1;
}

/* What was hot when A crashed is known for C too, whatever B has of it by then. */
static void half_a_resync(void)
{
	write_held(B, true);
	write_held(C, true);
	write(0, 1);
	write(8, 1);
	settle();
	cut(A, DISK_CUT_KEEPS);
	settle();
	write_held(B, false);
	write_held(C, false);
	link(A, B, false);
	link(A, C, false);
	node_power_on(&nodes[A]);
	settle();
	EXPECT(!command(A, COMMAND_PROMOTE));
	EXPECT(command(A, COMMAND_PROMOTE_FORCE));
	link(A, B, true);
	until(half_resynced);
	lane_held[A][B][DITTO_LANE_BULK] = true;
	settle();
	EXPECT(!regions_in_use(&nodes[B]));
	cut(B, DISK_CUT_DRAWN);
	settle();
	EXPECT(ditto_bits_any(&nodes[A].peers[C].bits, 0, 4096));
	EXPECT(ditto_bits_any(&nodes[A].peers[C].bits, 8 * 4096, 4096));
	link(A, C, true);
	settle();
	EXPECT(in_sync(A, C));
	/* And no more than what was hot: one region may have been warmed ahead. */
	EXPECT(!(planned(A, C) & ~blocks(0, 16)));
}

/* C has got w by a resync before B has got it at all, and B is told that C is equal. */
static void late_clear(void)
{
	link(A, C, false);
	link(B, C, false);
	settle();
	write(9, 1);
	settle();
	write_held(B, true);
	write(9, 1);
	settle();
	link(A, C, true);
	settle();
	EXPECT(nodes[C].md.roster & BIT(C) && equal(A, C) && !equal(A, B));
	cut(A, DISK_CUT_DRAWN);
	settle();
	write_held(B, false);
	EXPECT(ditto_bits_any(&nodes[C].peers[B].bits, 9 * 4096, 4096) ||
	       ditto_bits_any(&nodes[B].peers[C].bits, 9 * 4096, 4096));
	link(B, C, true);
	settle();
	EXPECT(!command(B, COMMAND_PROMOTE));
	EXPECT(command(C, COMMAND_PROMOTE));
	EXPECT(in_sync(C, B));
	EXPECT(!(planned(C, B) & ~blocks(8, 8)));
}

/* B and C have w durably, A loses it with the commit of its log: they stay hot. */
static void cooled_too_soon(void)
{
	log_held[A] = true;
	write(4, 1);
	settle();
	EXPECT(nodes[B].apply.durable == 1 && nodes[C].apply.durable == 1);
	EXPECT(!nodes[B].account.settled && regions_in_use(&nodes[B]) & 2);
	EXPECT(!nodes[C].account.settled && regions_in_use(&nodes[C]) & 2);
	cut(A, DISK_CUT_LOSES);
	log_held[A] = false;
	settle();
	EXPECT(command(B, COMMAND_PROMOTE));
	EXPECT(in_sync(B, C));
	node_power_on(&nodes[A]);
	settle();
	EXPECT(in_sync(B, A));
	EXPECT(planned(B, A) & blocks(4, 1) && !(planned(B, A) & ~blocks(4, 8)));
}

/* A, B and C have each got to another position when A dies. */
static void three_positions(void)
{
	write(0, 1);
	settle();
	write_held(C, true);
	write(1, 1);
	settle();
	write_held(B, true);
	write(6, 1);
	settle();
	cut(A, DISK_CUT_KEEPS);
	settle();
	write_held(B, false);
	write_held(C, false);
	EXPECT(!command(C, COMMAND_PROMOTE));
	EXPECT(command(B, COMMAND_PROMOTE));
	EXPECT(in_sync(B, C));
	EXPECT(planned(B, C) & blocks(1, 1) && !(planned(B, C) & ~blocks(0, 8)));
	node_power_on(&nodes[A]);
	settle();
	EXPECT(in_sync(B, A));
	EXPECT(planned(B, A) & blocks(6, 1) && !(planned(B, A) & ~blocks(0, 12)));
}

static u64 awaited;

static bool awaited_received(void)
{
	return nodes[B].apply.received >= awaited;
}

/*
 * Writes wait to be sent to B when C, a target, is lost, which makes an earlier one
 * settled. None of them may say so: B would cool its region before ABSENT comes,
 * which would find nothing there any more of what C lacks.
 */
static void settled_ahead(void)
{
	u32 block;

	link(A, C, false);
	settle();
	write(3, 1);
	settle();
	lane_held[A][C][DITTO_LANE_BULK] = true;
	link(A, C, true);
	settle();
	EXPECT(nodes[C].apply.target);
	write_held(C, true);
	write(9, 1);
	settle();
	write_held(B, true);
	for (block = 12; block < 28; block++)
		write(block, 1);
	awaited = nodes[A].stream.position;
	settle();
	link(A, C, false);
	settle();
	EXPECT(nodes[A].stream.position > awaited);
	write_held(B, false);
	until(awaited_received);
	write_held(B, true);
	settle();
	write_held(B, false);
	write_held(C, false);
	lane_held[A][C][DITTO_LANE_BULK] = false;
	settle();
	cut(A, DISK_CUT_DRAWN);
	settle();
	EXPECT(command(B, COMMAND_PROMOTE));
	EXPECT(in_sync(B, C));
	EXPECT(planned(B, C) & blocks(9, 1));
}

static bool some_received(void)
{
	return nodes[C].apply.target && nodes[C].apply.extent_received >= 1;
}

/* A crashes in the middle of a resync: the pages say what is left. */
static void source_crashes(void)
{
	u64 left;

	link(A, C, false);
	settle();
	write(0, 8);
	write(8, 8);
	settle();
	link(A, C, true);
	until(some_received);
	lane_held[A][C][DITTO_LANE_BULK] = true;
	settle();
	left = nodes[A].peers[C].words[0];
	EXPECT(left && left != blocks(0, 16) && !(left & ~blocks(0, 16)));
	cut(A, DISK_CUT_DRAWN);
	link(A, B, false);
	settle();
	lane_held[A][C][DITTO_LANE_BULK] = false;
	node_power_on(&nodes[A]);
	settle();
	EXPECT(command(A, COMMAND_PROMOTE_FORCE));
	settle();
	EXPECT(in_sync(A, C));
	EXPECT(planned(A, C) == left);
}

/* A Secondary crashes: what was hot there is all that it costs. */
static void secondary_crashes(void)
{
	cool_held[B] = true;
	write(5, 1);
	settle();
	cut(B, DISK_CUT_LOSES);
	settle();
	write(20, 2);
	settle();
	node_power_on(&nodes[B]);
	settle();
	EXPECT(in_sync(A, B));
	EXPECT(planned(A, B) == (blocks(4, 4) | blocks(20, 2)) ||
	       planned(A, B) == (blocks(4, 8) | blocks(20, 2)));
}

/*
 * An entry finds no room at B since those behind it, which overlap nothing, have
 * taken it all: it must get its room all the same, with and without its Primary.
 */
static void no_room(void)
{
	u32 i;

	disk_held[B] = true;
	write(0, 1);
	request_submit(&nodes[A], DITTO_ENTRY_WRITE, 4, 32, 0);
	for (i = 1; i < 8; i++)
		write(i * 4 + 2, 1);
	settle();
	disk_held[B] = false;
	settle();
	EXPECT(in_sync(A, B) && in_sync(A, C));
}

static void no_room_and_no_primary(void)
{
	u32 i;

	disk_held[B] = true;
	for (i = 0; i < 8; i++)
		write(i * 4 + 2, 1);
	write(0, 8);
	settle();
	cut(A, DISK_CUT_DRAWN);
	settle();
	disk_held[B] = false;
	settle();
	EXPECT(applier_idle(&nodes[B]));
	EXPECT(command(B, COMMAND_PROMOTE) || command(C, COMMAND_PROMOTE));
	EXPECT(equal(B, C));
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

	cool_held[A] = true;
	write(6, 2);
	settle();
	lost = disk_live(&nodes[A].disk, 6 * BLOCK);
	cut(A, DISK_CUT_LOSES);
	cool_held[A] = false;
	EXPECT(disk_live(&nodes[A].disk, 6 * BLOCK) != lost);
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

static struct disk_io *flush_at(u32 node)
{
	struct disk_io *io;

	list_for_each_entry(io, &nodes[node].disk.ios, link) {
		if (io->op == DISK_FLUSH && !(io->flags & DISK_META))
			return io;
	}
	return NULL;
}

/*
 * The extent that C is sent leaves out what a newer write covers, which waits
 * for its epoch at B and C: until it is durable at C, C differs from A and B in
 * what it has missed before, and may not join.
 */
static void left_out(void)
{
	link(A, C, false);
	link(B, C, false);
	settle();
	write(9, 1);
	settle();
	lane_held[A][C][DITTO_LANE_BULK] = true;
	link(A, C, true);
	settle();
	disk_held[B] = true;
	disk_held[C] = true;
	write(20, 1);
	request_submit(&nodes[A], DITTO_ENTRY_WRITE, 9 * BLOCK, BLOCK, DITTO_ENTRYF_BARRIER);
	settle();
	lane_held[A][C][DITTO_LANE_BULK] = false;
	settle();
	while (flush_at(C))
		disk_advance(&nodes[C].disk, flush_at(C));
	settle();
	EXPECT(!nodes[A].peers[C].joining);
	cut(A, DISK_CUT_DRAWN);
	cut(B, DISK_CUT_LOSES);
	cut(C, DISK_CUT_LOSES);
	disk_held[B] = false;
	disk_held[C] = false;
	settle();
	link(B, C, true);
	node_power_on(&nodes[B]);
	node_power_on(&nodes[C]);
	settle();
	EXPECT(command(B, COMMAND_PROMOTE_FORCE));
	EXPECT(in_sync(B, C));
}

/*
 * The same, while no log has the region of the newer write: neither that of A,
 * which has sent it, nor that of C. Only A's bits for C tell that they differ.
 */
static void left_out_cold(void)
{
	u32 region;

	link(A, C, false);
	settle();
	write(9, 1);
	settle();
	lane_held[A][C][DITTO_LANE_BULK] = true;
	link(A, C, true);
	settle();
	for (region = 0; region < 8; region++) {
		if (region != 2)
			write(region * 4, 1);
		settle();
	}
	EXPECT(!(regions_in_use(&nodes[A]) & BIT(2)));
	log_held[A] = true;
	log_held[C] = true;
	write(9, 1);
	settle();
	lane_held[A][C][DITTO_LANE_BULK] = false;
	settle();
	EXPECT(!nodes[A].peers[C].joining);
	cut(B, DISK_CUT_KEEPS);
	cut(A, DISK_CUT_LOSES);
	cut(C, DISK_CUT_LOSES);
	log_held[A] = false;
	log_held[C] = false;
	node_power_on(&nodes[A]);
	node_power_on(&nodes[C]);
	settle();
	EXPECT(command(A, COMMAND_PROMOTE_FORCE));
	EXPECT(in_sync(A, C));
}

static bool lost_and_on_hold(void)
{
	return nodes[A].stream.hold && !nodes[A].stream.active &&
	       list_empty(&nodes[A].stream.entries);
}

/*
 * Those that A has lost have in their caches what it was told they have: before it is
 * on A's disk that they left, a flush is not done by A's disk alone.
 */
static void flush_on_hold(void)
{
	flush_held[B] = true;
	flush_held[C] = true;
	write(4, 1);
	settle();
	EXPECT(!nodes[A].users);
	link(A, B, false);
	link(A, C, false);
	until(lost_and_on_hold);
	request_submit(&nodes[A], DITTO_ENTRY_FLUSH, 0, 0, DITTO_ENTRYF_DURABLE);
	while (flush_at(A))
		disk_advance(&nodes[A].disk, flush_at(A));
	EXPECT(nodes[A].users == 1);
	flush_held[B] = false;
	flush_held[C] = false;
	settle();
	EXPECT(!nodes[A].users && nodes[A].md.roster == BIT(A));
}

static bool b_has_written(void)
{
	const struct ditto_stream *s = &nodes[A].stream;

	return !nodes[A].users && s->followers[B].written == s->position;
}

/* A write that B holds in its disk's cache, and of which A has no record any more. */
static void write_and_fold(u32 block)
{
	const struct ditto_follower *f = &nodes[A].stream.followers[B];

	flush_held[B] = true;
	write(block, 1);
	until(b_has_written);
	EXPECT(f->durable < f->written);
	request_fold(&nodes[A], U32_MAX);
	EXPECT(!nodes[A].stream.listed && f->folded == f->written);
	EXPECT(ditto_bits_any(&nodes[A].peers[B].bits, block * 4096, 4096));
}

/* Bits stand in for what is on its way: they are cleared by B's word, or stay. */
static void folded(void)
{
	link(A, C, false);
	settle();
	write_and_fold(4);
	EXPECT(nodes[A].peers[B].disk_state == UP_TO_DATE);
	EXPECT(ditto_stream_settled(&nodes[A].stream) < nodes[A].stream.position);
	flush_held[B] = false;
	settle();
	EXPECT(in_sync(A, B) && !nodes[A].peers[B].bits.set);
	EXPECT(ditto_stream_settled(&nodes[A].stream) == nodes[A].stream.position);

	write_and_fold(9);
	write(12, 1);
	until(b_has_written);
	EXPECT(nodes[A].stream.followers[B].folded);
	link(A, B, false);
	cut(B, DISK_CUT_LOSES);
	flush_held[B] = false;
	settle();
	EXPECT(!equal(A, B));
	node_power_on(&nodes[B]);
	link(A, B, true);
	settle();
	EXPECT(in_sync(A, B));
	EXPECT(!(~planned(A, B) & (blocks(9, 1) | blocks(12, 1))));
	/* And what was hot at B, the region ahead included. */
	EXPECT(!(planned(A, B) & ~blocks(8, 12)));
}

static bool asks(u32 node, u32 primary)
{
	const struct peer *p = &nodes[primary].peers[node];

	return nodes[node].failed && p->connection_state == CONNECTED &&
	       p->disk_state == FAILED && !nodes[primary].stream.followers[node].active &&
	       nodes[node].peers[primary].state.flags & DITTO_STATEF_PRIMARY;
}

/*
 * A Secondary whose disk has failed is connected all the same, to have its reads
 * done by the Primary, whoever that is, and follows when it has a disk again.
 */
static void diskless_secondary(void)
{
	nodes[B].disk.health = DISK_DEAD;
	write(3, 1);
	settle();
	EXPECT(asks(B, A) && nodes[A].md.roster == (BIT(A) | BIT(C)));
	EXPECT(command(A, COMMAND_DEMOTE));
	EXPECT(command(C, COMMAND_PROMOTE));
	EXPECT(in_sync(C, A) && asks(B, C));
	EXPECT(command(B, COMMAND_DETACH));
	EXPECT(command(B, COMMAND_ATTACH));
	EXPECT(in_sync(C, A) && in_sync(C, B));
}

/* As A sees it, whose own disk counts for nothing. */
static bool roster_is(u32 roster)
{
	u32 i;

	for (i = 0; i < SIM_NODES; i++)
		if (i != A && (nodes[A].peers[i].disk_state == UP_TO_DATE) != (roster >> i & 1))
			return false;
	return nodes[A].primary && nodes[A].failed && nodes[A].md.roster == roster;
}

/*
 * A has no disk, and each of the others loses it for a moment, one after the other:
 * who returns gets what it has missed from the one that has not, by way of A.
 */
static void diskless_primary(void)
{
	nodes[A].disk.health = DISK_DEAD;
	write(3, 1);
	settle();
	EXPECT(roster_is(BIT(B) | BIT(C)));
	link(A, C, false);
	settle();
	write(9, 1);
	settle();
	EXPECT(roster_is(BIT(B)) && !equal(B, C));
	link(A, C, true);
	settle();
	EXPECT(roster_is(BIT(B) | BIT(C)) && equal(B, C));
	/* And what was hot at C: A has no log that it could be in. */
	EXPECT(planned(A, C) & blocks(9, 1) && !(planned(A, C) & ~blocks(0, 16)));
	link(A, B, false);
	settle();
	write(12, 1);
	settle();
	EXPECT(roster_is(BIT(C)));
	link(A, B, true);
	settle();
	EXPECT(roster_is(BIT(B) | BIT(C)) && equal(B, C));
	EXPECT(!nodes[A].users);
	EXPECT(command(A, COMMAND_DEMOTE));
	EXPECT(command(B, COMMAND_PROMOTE));
	EXPECT(command(A, COMMAND_DETACH));
	EXPECT(command(A, COMMAND_ATTACH));
	EXPECT(in_sync(B, A) && in_sync(B, C));
}

static bool one_extent_is_there(void)
{
	return nodes[C].apply.target && nodes[C].apply.extent_durable >= 1;
}

/* The only member is lost while C is half filled from it: nothing completes with C alone. */
static void diskless_and_last_member(void)
{
	u32 i;

	nodes[A].disk.health = DISK_DEAD;
	write(3, 1);
	settle();
	link(A, C, false);
	settle();
	for (i = 0; i < 4; i++)
		write(i * 8, 8);
	settle();
	link(A, C, true);
	until(one_extent_is_there);
	lane_held[A][C][DITTO_LANE_BULK] = true;
	link(A, B, false);
	settle();
	write(20, 1);
	settle();
	EXPECT(!nodes[A].users && !nodes[A].stream.active);
	lane_held[A][C][DITTO_LANE_BULK] = false;
	settle();
	EXPECT(!command(C, COMMAND_PROMOTE));
	EXPECT(command(A, COMMAND_DEMOTE));
	EXPECT(command(B, COMMAND_PROMOTE));
	EXPECT(in_sync(B, C));
}

static const struct scenario scenarios[] = {
	{ "trace 1: overlap", 12, overlap, false },
	{ "trace 2: the third node", 12, third_node, false },
	{ "trace 3: half a resync after a crash", 12, half_a_resync, false },
	{ "trace 4: a new node and a dead source", 12, dead_source, false },
	{ "trace 5: a late clear", 12, late_clear, false },
	{ "trace 6: a small write, a big bit", 14, small_write, false },
	{ "trace 7: twice in two epochs", 12, two_epochs, false },
	{ "trace 8: cooled too soon", 12, cooled_too_soon, false },
	{ "trace 9: completed, not flushed", 12, not_flushed, false },
	{ "trace 10: resync and discard cross", 12, discard_crosses, false },
	{ "trace 11: the last block", 12, last_block, false },
	{ "trace 12: folded under pressure", 12, folded, false },
	{ "three positions", 12, three_positions, false },
	{ "settled is not told ahead of ABSENT", 12, settled_ahead, false },
	{ "the source of a resync crashes", 12, source_crashes, false },
	{ "a Secondary crashes", 12, secondary_crashes, false },
	{ "a Secondary of a new cluster crashes", 12, secondary_crashes, true },
	{ "an extent leaves out what is newer", 12, left_out, false },
	{ "an extent leaves out what is in no log", 12, left_out_cold, false },
	{ "a flush while the lost have not left", 12, flush_on_hold, false },
	{ "no room in the log", 12, no_room, false },
	{ "no room in the log, and no Primary", 12, no_room_and_no_primary, false },
	{ "a Secondary without a disk", 12, diskless_secondary, false },
	{ "a Primary without a disk takes in its peers", 12, diskless_primary, false },
	{ "a Primary without a disk loses its last member", 12, diskless_and_last_member, false },
};

u32 scenario_count(void)
{
	return ARRAY_SIZE(scenarios);
}

static void play(const struct scenario *s, bool keeping)
{
	sim_begin(7, false, keeping);
	cluster_begin(false, s->shift, s->fresh);
	settle();
	EXPECT(command(A, s->fresh ? COMMAND_PROMOTE_FORCE : COMMAND_PROMOTE));
	EXPECT(in_sync(A, B) && in_sync(A, C));
	if (!sim.failed)
		s->run();
	cluster_end();
}

enum scenario_result scenario_run(u32 index, u32 number)
{
	const struct scenario *s = &scenarios[index];

	play(s, false);
	if (sim.failed) {
		play(s, true);
		sim_report();
	}
	printf("%s %u - %s\n", sim.failed ? "not ok" : "ok", number, s->name);
	return sim.failed ? SCENARIO_FAILED : SCENARIO_PASSED;
}
