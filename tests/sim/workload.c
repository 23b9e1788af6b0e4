// SPDX-License-Identifier: GPL-2.0
#include "workload.h"

#define MOST_USERS	24u
#define MOST_SECTORS	40u
#define HOT_SECTORS	48u

/**
 * struct mood - how a run is, drawn at its beginning
 * @busy: requests among 100 steps
 * @fault: one step in how many is a fault, 0: none
 * @bad: one step in how many a user reads what the disk cannot, 0: none
 * @reckless: promotes beside others whenever it may
 * @calm: events between two steps at most
 * @sharp: power is cut while metadata is being written
 */
static struct {
	u32 busy;
	u32 fault;
	u32 bad;
	bool reckless;
	u32 calm;
	bool sharp;
} mood;

void cluster_begin(bool internal, u32 shift, bool fresh)
{
	u32 i, j;

	net_init();
	oracle_init();
	schedule_init();
	cover_init();
	for (i = 0; i < SIM_NODES; i++)
		node_init(&nodes[i], i, internal, shift, fresh);
	/* Copies that were equal at the beginning have one past. */
	if (!fresh) {
		nodes[0].timeline = oracle_fork(NULL, &nodes[0].disk, false);
		for (j = 0; j < SIM_NODES; j++) {
			nodes[j].timeline = nodes[0].timeline;
			nodes[0].timeline->left[j] = NEVER;
		}
	}
	for (i = 0; i < SIM_NODES; i++)
		node_power_on(&nodes[i]);
}

void cluster_end(void)
{
	u32 i;

	for (i = 0; i < SIM_NODES; i++)
		node_exit(&nodes[i]);
	net_free();
	oracle_free();
}

bool cluster_command(u32 node, enum command command, u32 peer)
{
	struct node *n = &nodes[node];

	if (!n->powered || context_running(n, CONTEXT_CONF) || n->command)
		return false;
	if (command == COMMAND_ATTACH && n->attached)
		return false;
	n->command = command;
	n->command_peer = peer;
	return true;
}

static struct node *some_primary(void)
{
	u32 i, at = chance(SIM_NODES);

	for (i = 0; i < SIM_NODES; i++, at = (at + 1) % SIM_NODES) {
		if (nodes[at].powered && nodes[at].primary)
			return &nodes[at];
	}
	return NULL;
}

static void draw_range(u32 *first, u32 *count)
{
	/* Often in the same place, so that much overlaps. */
	u32 room = one_in(2) ? HOT_SECTORS : SIM_SECTORS;

	*count = one_in(3) ? 8 * (1 + chance(4)) : 1 + chance(MOST_SECTORS);
	*count = min(*count, room);
	*first = chance(room - *count + 1);
	if (one_in(3))
		*first = round_down(*first, 8u);
}

static void request(struct node *n)
{
	u32 kind = DITTO_ENTRY_WRITE, flags = 0, first = 0, count = 0, dice = chance(100);

	if (n->users >= MOST_USERS || !n->gate)
		return;
	if (dice < 12) {
		request_submit(n, DITTO_ENTRY_FLUSH, 0, 0, DITTO_ENTRYF_DURABLE);
		return;
	}
	if (dice < 20)
		kind = DITTO_ENTRY_DISCARD;
	else if (dice < 28)
		kind = DITTO_ENTRY_ZEROES;
	else if (dice < 36)
		flags = DITTO_ENTRYF_DURABLE;
	else if (dice < 41)
		flags = DITTO_ENTRYF_BARRIER;
	else if (dice < 45)
		flags = DITTO_ENTRYF_DURABLE | DITTO_ENTRYF_BARRIER;
	draw_range(&first, &count);
	request_submit(n, kind, first, count, flags);
}

/* A user reads what the disk cannot. */
static void bad_block(struct node *n)
{
	u32 first = 0, count = 0;

	if (n->users >= MOST_USERS)
		return;
	draw_range(&first, &count);
	repair_begin(n, first, count);
}

static void cut_link(void)
{
	u32 a = chance(SIM_NODES), b = (a + 1 + chance(SIM_NODES - 1)) % SIM_NODES;
	struct session *s;

	switch (chance(3)) {
	case 0:
		link_up[a][b] = false;
		link_up[b][a] = false;
		note("link %u-%u: cut", a, b);
		break;
	case 1:
		link_up[a][b] = false;
		note("link %u->%u: cut one way", a, b);
		break;
	default:
		/* Reset: both ends hear of it, and may connect again at once. */
		note("link %u-%u: reset", a, b);
		list_for_each_entry(s, &sessions, link) {
			if (s->ends[0] == min(a, b) && s->ends[1] == max(a, b))
				s->broken = true;
		}
	}
}

static void heal_links(u32 one_of)
{
	u32 a, b;

	for (a = 0; a < SIM_NODES; a++) {
		for (b = 0; b < SIM_NODES; b++) {
			if (!link_up[a][b] && one_in(one_of)) {
				link_up[a][b] = true;
				note("link %u->%u: heals", a, b);
			}
		}
	}
}

/* A Primary that someone could see is in nobody's way on purpose. */
static bool primary_alive(void)
{
	u32 i;

	for (i = 0; i < SIM_NODES; i++) {
		if (nodes[i].powered && nodes[i].primary)
			return true;
	}
	return false;
}

/* Start what is down; a disk that has failed is attached anew, in two steps. */
static void start(struct node *n)
{
	if (!n->powered)
		node_power_on(n);
	else if (!n->attached)
		cluster_command(n->id, COMMAND_ATTACH, 0);
	else if (n->failed)
		cluster_command(n->id, COMMAND_DETACH, 0);
}

/* Mostly that of a Primary, for it has the most to lose. */
static void fail_disk(struct node *n, const struct node *primary)
{
	struct disk *disk = &n->disk;

	if (!n->powered || !n->attached || (n != primary && !one_in(4)))
		return;
	if (disk->health == DISK_STUCK) {
		note("node %u: its disk moves again", n->id);
		disk->health = DISK_SOUND;
		return;
	}
	disk->health = n->primary && one_in(2) ? DISK_STUCK : DISK_DEAD;
	note("node %u: its disk %s", n->id, disk->health == DISK_DEAD ? "dies" : "stands still");
	/* Or an administrator gives it up. */
	if (disk->health == DISK_STUCK && one_in(2))
		node_disk_error(n);
}

static void administrate(struct node *n)
{
	u32 peer = (n->id + 1 + chance(SIM_NODES - 1)) % SIM_NODES;

	switch (chance(10)) {
	case 0 ... 3:
		if (!primary_alive() || mood.reckless)
			cluster_command(n->id, COMMAND_PROMOTE, 0);
		break;
	case 4:
		cluster_command(n->id, COMMAND_DEMOTE, 0);
		break;
	case 5:
		cluster_command(n->id, COMMAND_DETACH, 0);
		break;
	case 6:
		cluster_command(n->id, COMMAND_DISCONNECT, peer);
		break;
	case 7:
		if (n->primary)
			cluster_command(n->id, COMMAND_INVALIDATE_PEER, peer);
		break;
	default:
		cluster_command(n->id, COMMAND_CONNECT, peer);
	}
}

/*
 * The copy that is given up is that of a node that has diverged from a Primary
 * (StandAlone towards it), or one that no Primary needs.
 */
static void give_up_copy(struct node *n)
{
	u32 i;

	for (i = 0; i < SIM_NODES && !n->primary; i++) {
		if (i != n->id && nodes[i].powered && nodes[i].primary &&
		    n->peers[i].connection_state == STANDALONE) {
			cluster_command(n->id, COMMAND_INVALIDATE, 0);
			return;
		}
	}
}

/*
 * A sector of a target goes bad and a comparison finds it: an extent that is on
 * its way was perhaps written before, so it proves nothing (rule 1). All disk
 * nodes are told, the target too (rule 2); it is sound again where the target
 * has not heard of it when it loses the one that found it, for then nobody who
 * can be met may know.
 */
static void rot(struct node *n)
{
	u32 peer = (n->id + 1 + chance(SIM_NODES - 1)) % SIM_NODES;
	struct peer *p = &n->peers[peer];
	u32 sector = chance(SIM_SECTORS);

	/* One that has lost it already has nothing to be sound again at. */
	if (!nodes[peer].upstream || nodes[peer].upstream_node != n->id)
		return;
	if (!n->primary || !p->running || !nodes[peer].apply.target || nodes[peer].timeline ||
	    !p->conn->ready || ditto_resync_finished(&p->plan))
		return;
	if (!cluster_command(n->id, COMMAND_FOUND_BAD, peer))
		return;
	n->command_sector = sector;
	disk_rot(&nodes[peer].disk, sector);
	note("node %u: sector %u goes bad, which %u finds", peer, sector, n->id);
}

static void cut_all_power(void)
{
	u32 i;

	for (i = 0; i < SIM_NODES; i++) {
		if (nodes[i].powered)
			node_power_cut(&nodes[i]);
	}
}

/* A power cut is of most interest while a block of metadata is being written. */
static void cut_while_writing(void)
{
	struct node *n = &nodes[chance(SIM_NODES)];
	const struct disk_io *io;

	if (!n->powered)
		return;
	list_for_each_entry(io, &n->disk.ios, link) {
		if (io->op == DISK_BLOCK_WRITE && one_in(20)) {
			node_power_cut(n);
			return;
		}
	}
}

static void fault(void)
{
	struct node *n = &nodes[chance(SIM_NODES)];

	if (one_in(30)) {
		cut_all_power();
		return;
	}
	switch (chance(14)) {
	case 0 ... 2:
		cut_link();
		break;
	case 3 ... 4:
		heal_links(2);
		break;
	case 5:
		if (n->powered && one_in(3))
			node_crash(n);
		else if (n->powered)
			node_power_cut(n);
		break;
	case 6 ... 7:
		start(n);
		break;
	case 8:
		give_up_copy(n);
		break;
	case 9 ... 11:
		administrate(n);
		break;
	case 12:
		rot(n);
		break;
	case 13:
		fail_disk(n, some_primary());
		break;
	}
}

static void step(void)
{
	struct node *primary = some_primary();

	if (mood.fault && one_in(mood.fault))
		fault();
	else if (!primary && mood.fault && one_in(3))
		administrate(&nodes[chance(SIM_NODES)]);
	else if (primary && mood.fault && one_in(8))
		rot(primary);
	else if (primary && mood.bad && one_in(mood.bad))
		bad_block(primary);
	else if (primary && chance(100) < mood.busy)
		request(primary);
}

static void draw_mood(void)
{
	static const u32 faults[] = { 0, 4, 8, 16, 16, 40 };

	mood.busy = 20 + chance(80);
	mood.fault = faults[chance(ARRAY_SIZE(faults))];
	mood.bad = one_in(2) ? 0 : 2 + chance(8);
	mood.reckless = one_in(4);
	mood.calm = one_in(3) ? 60 : 8 + chance(20);
	mood.sharp = mood.fault && one_in(4);
}

static void settle(void)
{
	if (!schedule_settle())
		broken("G7", "it goes on without an end");
	check_copies(true);
	cover_quiet();
}

/*
 * What had no followers is in no list, and over pages of its user's: it waits for
 * the disk, whatever that does, and so does what overlaps it.
 */
static bool waits_by_right(const struct node *n)
{
	const struct request *r;

	list_for_each_entry(r, &n->requests, link) {
		if (r->io && !(r->entry.flags & DITTO_ENTRYF_LISTED))
			return true;
	}
	return false;
}

/* A disk that stands still is given up, and then nobody waits for it (G7, G8). */
static void give_up_disks(void)
{
	u32 i;

	for (i = 0; i < SIM_NODES; i++) {
		if (nodes[i].disk.health == DISK_STUCK && nodes[i].attached)
			node_disk_error(&nodes[i]);
	}
	settle();
	for (i = 0; i < SIM_NODES; i++) {
		if (nodes[i].disk.health == DISK_STUCK && nodes[i].stream.listed &&
		    !waits_by_right(&nodes[i]))
			broken("G7", "node %u: %u entries wait for a disk that was given up", i,
			       nodes[i].stream.listed);
		if (nodes[i].disk.health == DISK_STUCK)
			nodes[i].disk.health = DISK_SOUND;
	}
}

/* Everything is repaired: links heal, who is down comes back, one is Primary. */
static void repair(void)
{
	u32 round, i, j;

	heal_links(1);
	give_up_disks();
	for (round = 0; round < 4 && !sim.failed; round++) {
		settle();
		for (i = 0; i < SIM_NODES; i++) {
			start(&nodes[i]);
			for (j = 0; j < SIM_NODES; j++) {
				if (nodes[i].attached && j != i)
					session_connect(&nodes[i].peers[j]);
			}
		}
		settle();
		for (i = 0; i < SIM_NODES && !primary_alive() && !sim.failed; i++) {
			cluster_command(i, COMMAND_PROMOTE, 0);
			settle();
		}
	}
}

/* After repair nothing waits, and whoever is connected to the Primary is UpToDate. */
static void check_end(void)
{
	u32 i, peer;

	for (i = 0; i < SIM_NODES && !sim.failed; i++) {
		struct node *n = &nodes[i];

		if (context_running(n, CONTEXT_CONF))
			broken("G7", "node %u: a command hangs", i);
		if (n->users || n->stream.listed)
			broken("G7", "node %u: %u requests hang, %u entries are listed", i,
			       n->users, n->stream.listed);
		for (peer = 0; peer < SIM_NODES && n->primary; peer++) {
			const struct peer *p = &n->peers[peer];

			if (p->connection_state == CONNECTED && p->disk_state != UP_TO_DATE)
				broken("G7", "node %u: %u is connected and does not become UpToDate",
				       i, peer);
		}
	}
}

/* The first of a new cluster is promoted by force: nobody has better data. */
static void found_cluster(void)
{
	cluster_command(0, COMMAND_ATTACH, 0);
	schedule_settle();
	cluster_command(0, COMMAND_PROMOTE_FORCE, 0);
	if (one_in(2))
		schedule_settle();
}

bool workload_run(u64 seed, u32 steps, bool tracing, bool keeping)
{
	u32 events, i;

	sim_begin(seed, tracing, keeping);
	sim.compare = one_in(2);
	cluster_begin(one_in(4), 12 + chance(3), one_in(3));
	for (i = 0; i < SIM_NODES; i++)
		nodes[i].disk.through = one_in(4);
	draw_mood();
	found_cluster();
	for (sim.step = 0; sim.step < steps && !sim.failed; sim.step++) {
		step();
		events = one_in(20) ? 150 : chance(mood.calm);
		while (events-- && !sim.failed && schedule_one()) {
			if (mood.sharp)
				cut_while_writing();
		}
		check_copies(false);
		if (one_in(150) && !sim.failed)
			settle();
	}
	if (!sim.failed)
		repair();
	if (!sim.failed)
		check_end();
	cluster_end();
	return !sim.failed;
}
