// SPDX-License-Identifier: GPL-2.0
#include "schedule.h"

#define CANDIDATES	512u
#define SETTLE_EVENTS	30000u
#define CONNECTS_AT_ONCE 20u

enum happening {
	H_CONF, H_CONF_TIMEOUT, H_COMMIT, H_COOL, H_PUMP, H_SUBMIT, H_HANDED, H_SYNC, H_IDLE, H_IO, H_WRITE_BACK, H_FOLD,
	H_SEND, H_RECEIVE, H_FAIL, H_CONNECT, H_LANES, H_REPAIR, H_ELSEWHERE,
	HAPPENINGS,
};

/* Rare things, beside those that are drawn anew at each shake. */
#define USUAL		16u
#define RARE		1u

struct candidate {
	enum happening what;
	struct node *node;
	u32 a;			/* peer, or the access's place among those of the disk */
	u32 lane;
	u32 weight;
};

bool disk_held[SIM_NODES];
bool log_held[SIM_NODES];
bool flush_held[SIM_NODES];
bool cool_held[SIM_NODES];

static u32 weights[SIM_NODES][HAPPENINGS][DITTO_LANES];
static u32 connects[SIM_NODES][SIM_NODES];	/* while it settles */
static struct candidate candidates[CANDIDATES];
static u32 candidate_count, weight_sum;

void schedule_shake(void)
{
	static const u32 choices[] = { 1, 8, 16, 16, 16, 16, 64, 200 };
	u32 n, what, lane;

	for (n = 0; n < SIM_NODES; n++) {
		for (what = 0; what < HAPPENINGS; what++) {
			for (lane = 0; lane < DITTO_LANES; lane++)
				weights[n][what][lane] = choices[chance(ARRAY_SIZE(choices))];
		}
	}
}

void schedule_init(void)
{
	memset(disk_held, 0, sizeof(disk_held));
	memset(log_held, 0, sizeof(log_held));
	memset(flush_held, 0, sizeof(flush_held));
	memset(cool_held, 0, sizeof(cool_held));
	memset(connects, 0, sizeof(connects));
	schedule_shake();
}

static void add(enum happening what, struct node *n, u32 a, u32 lane, u32 share)
{
	u32 weight = weights[n->id][what][lane] * share;

	if (candidate_count == CANDIDATES)
		return;
	candidates[candidate_count++] = (struct candidate){ what, n, a, lane, weight };
	weight_sum += weight;
}

static void add_conn(struct node *n, struct conn *c)
{
	u32 lane;

	for (lane = 0; lane < DITTO_LANES; lane++) {
		if (conn_can_send(c, lane))
			add(H_SEND, n, c->peer->id, lane, USUAL);
		if (conn_can_receive(c, lane))
			add(H_RECEIVE, n, c->peer->id, lane, USUAL);
	}
	if (conn_can_fail(c))
		add(H_FAIL, n, c->peer->id, 0, 2 * RARE);
}

/* It would refuse them, again and again. */
static bool no_lanes(const struct node *n)
{
	return n->failed && n->primary &&
	       (n->stream.disk != DITTO_STREAM_DISK_LEFT || !check_served(n));
}

/*
 * Who is refused again and again comes back when all else is done: the daemon waits
 * longer each time.
 */
static u32 connect_weight(u32 a, u32 b)
{
	return connects[a][b] < CONNECTS_AT_ONCE ? 4 * RARE : 0;
}

static void add_peer(struct node *n, u32 peer, bool idle)
{
	struct peer *p = &n->peers[peer];

	if (syncer_due(p))
		add(H_SYNC, n, peer, 0, USUAL);
	if (p->conn && !p->conn->failed)
		add_conn(n, p->conn);
	if (idle && net_offered(n->id, peer))
		add(H_LANES, n, peer, 0, USUAL);
	if (peer > n->id && net_can_connect(n->id, peer) && !no_lanes(n) &&
	    !no_lanes(&nodes[peer]))
		add(H_CONNECT, n, peer, 0, connect_weight(n->id, peer));
}

static bool io_held(const struct node *n, const struct disk_io *io)
{
	if (!disk_moves(&n->disk, io))
		return true;
	if (io->op == DISK_FLUSH && flush_held[n->id])
		return true;
	if (io->op == DISK_BLOCK_WRITE)
		return log_held[n->id] && io->slot < DITTO_INTENT_COPIES * DISK_LOG_BLOCKS;
	return disk_held[n->id] && io->op != DISK_MD && !(io->flags & DISK_META);
}

static void add_disk(struct node *n, bool quiet)
{
	const struct disk_io *io;
	u32 i = 0;

	list_for_each_entry(io, &n->disk.ios, link) {
		if (!io_held(n, io))
			add(H_IO, n, i, 0, USUAL);
		i++;
	}
	if (!quiet && n->disk.dirty && !disk_held[n->id])
		add(H_WRITE_BACK, n, 0, 0, RARE);
}

static void add_works(struct node *n)
{
	if (context_running(n, CONTEXT_COMMIT) ? context_ready(n, CONTEXT_COMMIT) :
	    n->regions.commit)
		add(H_COMMIT, n, 0, 0, USUAL);
	if (context_running(n, CONTEXT_COOL) ? context_ready(n, CONTEXT_COOL) :
	    n->regions.cool && !cool_held[n->id] && regions_cool_useful(n))
		add(H_COOL, n, 0, 0, context_running(n, CONTEXT_COOL) ? USUAL : RARE);
}

static void add_node(struct node *n, bool quiet)
{
	bool idle = !context_running(n, CONTEXT_CONF);
	u32 peer;

	if (idle ? state_due(n) : context_ready(n, CONTEXT_CONF))
		add(H_CONF, n, 0, 0, USUAL);
	else if (!idle && n->contexts[CONTEXT_CONF].timed)
		add(H_CONF_TIMEOUT, n, 0, 0, quiet ? RARE : 0);
	add_works(n);
	if (!quiet && n->primary && n->stream.listed)
		add(H_FOLD, n, 0, 0, 4 * RARE);
	if (n->pump_due)
		add(H_PUMP, n, 0, 0, USUAL);
	if (request_submit_due(n))
		add(H_SUBMIT, n, 0, 0, USUAL);
	if (repair_due(n))
		add(H_REPAIR, n, 0, 0, USUAL);
	if (syncer_elsewhere_due(n))
		add(H_ELSEWHERE, n, 0, 0, USUAL);
	if (!list_empty(&n->handed))
		add(H_HANDED, n, 0, 0, USUAL);
	if (applier_idle_due(n))
		add(H_IDLE, n, 0, 0, RARE);
	for (peer = 0; peer < SIM_NODES; peer++) {
		if (peer != n->id)
			add_peer(n, peer, idle && !n->command);
	}
	add_disk(n, quiet);
}

/* All else is done. */
static void weigh_connects(void)
{
	u32 i;

	for (i = 0; i < candidate_count; i++) {
		if (candidates[i].what == H_CONNECT) {
			candidates[i].weight = USUAL;
			weight_sum += USUAL;
		}
	}
}

static void collect(bool quiet)
{
	u32 i;

	candidate_count = 0;
	weight_sum = 0;
	for (i = 0; i < SIM_NODES; i++) {
		if (nodes[i].powered)
			add_node(&nodes[i], quiet);
	}
	if (!weight_sum)
		weigh_connects();
}

static void run_conf(struct node *n)
{
	state_run(n);
}

static void run_commit(void *arg)
{
	regions_commit(arg);
}

static void run_cool(void *arg)
{
	regions_cool(arg);
}

static void advance_io(struct node *n, u32 place)
{
	struct disk_io *io;

	list_for_each_entry(io, &n->disk.ios, link) {
		if (!place--) {
			disk_advance(&n->disk, io);
			return;
		}
	}
}

static void happen(const struct candidate *c)
{
	struct node *n = c->node;

	switch (c->what) {
	case H_CONF_TIMEOUT:
		n->contexts[CONTEXT_CONF].timed_out = true;
		fallthrough;
	case H_CONF:
		run_conf(n);
		break;
	case H_COMMIT:
		context_run(n, CONTEXT_COMMIT, run_commit);
		break;
	case H_COOL:
		context_run(n, CONTEXT_COOL, run_cool);
		break;
	case H_PUMP:
		applier_pump(n);
		break;
	case H_SUBMIT:
		request_submit_work(n);
		break;
	case H_FOLD:
		request_fold(n, 1 + chance(4));
		break;
	case H_HANDED:
		applier_submit_handed(n);
		break;
	case H_SYNC:
		syncer_work(&n->peers[c->a]);
		break;
	case H_IDLE:
		applier_idle_flush(n);
		break;
	case H_IO:
		advance_io(n, c->a);
		break;
	case H_WRITE_BACK:
		disk_write_back(&n->disk);
		break;
	case H_SEND:
		conn_lane_send(n->peers[c->a].conn, c->lane);
		break;
	case H_RECEIVE:
		conn_lane_receive(n->peers[c->a].conn, c->lane);
		break;
	case H_FAIL:
		conn_fail(n->peers[c->a].conn, false, "silent, or reset");
		break;
	case H_CONNECT:
		net_connect(n->id, c->a);
		break;
	case H_LANES:
		n->command = COMMAND_LANES;
		n->command_peer = c->a;
		n->command_session = net_offered(n->id, c->a);
		run_conf(n);
		break;
	case H_REPAIR:
		repair_step(n);
		break;
	case H_ELSEWHERE:
		syncer_elsewhere(n);
		break;
	case HAPPENINGS:
		break;
	}
}

static bool one(bool quiet)
{
	u32 drawn, i;

	collect(quiet);
	if (!weight_sum)
		return false;
	drawn = chance(weight_sum);
	for (i = 0; drawn >= candidates[i].weight; i++)
		drawn -= candidates[i].weight;
	sim.clock++;
	if (quiet && candidates[i].what == H_CONNECT)
		connects[candidates[i].node->id][candidates[i].a]++;
	happen(&candidates[i]);
	check_order();
	cover_check();
	return true;
}

bool schedule_one(void)
{
	if (one_in(60))
		schedule_shake();
	return one(false);
}

bool schedule_settle(void)
{
	bool over = false;
	u32 i;

	for (i = 0; i < SETTLE_EVENTS && !over && !sim.failed; i++)
		over = !one(true);
	memset(connects, 0, sizeof(connects));
	return over || sim.failed;
}
