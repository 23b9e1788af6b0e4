// SPDX-License-Identifier: GPL-2.0
/* Mirrors kmod/state.c. */
#include "node.h"

void state_mine(const struct node *n, struct ditto_wire_state *state)
{
	const struct ditto_md *md = &n->md;

	memset(state, 0, sizeof(*state));
	if (!n->attached) {
		state->flags = DITTO_STATEF_DISKLESS;
		return;
	}
	state->flags = (n->primary ? DITTO_STATEF_PRIMARY : 0) |
		       (md->flags & DITTO_MDF_INCONSISTENT ? DITTO_STATEF_INCONSISTENT : 0) |
		       (md->flags & DITTO_MDF_OUTDATED ? DITTO_STATEF_OUTDATED : 0) |
		       (n->unclean ? DITTO_STATEF_UNCLEAN : 0) |
		       (n->failed ? DITTO_STATEF_FAILED : 0);
	state->roster = md->roster;
	state->roster_number = md->roster_number;
	state->generation = md->generation;
	memcpy(state->history, md->history, sizeof(state->history));
	state->attach_id = n->attach_id;
	state->position = n->primary ? n->stream.position : applier_position(n);
}

static bool roster_agrees(const struct node *n, const struct ditto_wire_state *mine)
{
	u32 i;

	if (!mine->generation)
		return false;
	for (i = 0; i < SIM_NODES; i++) {
		if (i == n->id || !(mine->roster & BIT(i)))
			continue;
		if (!n->peers[i].state_valid || !ditto_history_equal(mine, &n->peers[i].state))
			return false;
	}
	return true;
}

enum disk_state state_disk(const struct node *n, const struct ditto_wire_state *mine)
{
	if (mine->flags & DITTO_STATEF_DISKLESS)
		return DISKLESS;
	if (mine->flags & DITTO_STATEF_FAILED)
		return FAILED;
	if (mine->flags & DITTO_STATEF_INCONSISTENT)
		return INCONSISTENT;
	if (mine->flags & DITTO_STATEF_OUTDATED)
		return OUTDATED;
	if (n->primary || n->upstream)
		return UP_TO_DATE;
	if (mine->flags & DITTO_STATEF_UNCLEAN || !roster_agrees(n, mine))
		return CONSISTENT;
	return UP_TO_DATE;
}

static bool in_sync(const struct peer *p)
{
	return node_member(p->node, p->id) && !p->joining && p->conn && p->conn->ready &&
	       !ditto_account_out_of_sync(&p->node->account, p->id);
}

static enum disk_state peer_disk(const struct peer *p, const struct ditto_wire_state *mine)
{
	const struct ditto_wire_state *theirs = &p->state;

	if (!p->state_valid)
		return UNKNOWN;
	if (theirs->flags & DITTO_STATEF_DISKLESS)
		return DISKLESS;
	if (theirs->flags & DITTO_STATEF_FAILED)
		return FAILED;
	if (p->node->primary)
		return in_sync(p) ? UP_TO_DATE :
		       theirs->flags & DITTO_STATEF_OUTDATED ? OUTDATED : INCONSISTENT;
	if (theirs->flags & DITTO_STATEF_INCONSISTENT)
		return INCONSISTENT;
	if (theirs->flags & DITTO_STATEF_OUTDATED)
		return OUTDATED;
	if (theirs->flags & DITTO_STATEF_PRIMARY)
		return UP_TO_DATE;
	if (p->node->disk_state == UP_TO_DATE && ditto_history_equal(mine, theirs))
		return UP_TO_DATE;
	return CONSISTENT;
}

static bool tells_news(const struct node *n, const struct ditto_wire_state *mine)
{
	struct ditto_wire_state old = n->told;

	if (n->primary || n->upstream)
		old.position = mine->position;
	return memcmp(&old, mine, sizeof(old));
}

static void tell_peers(struct node *n, const struct ditto_wire_state *mine)
{
	struct ditto_wire_header header = { .type = DITTO_WIRE_STATE };
	u8 buf[DITTO_WIRE_STATE_BYTES];
	u32 i;

	if (!tells_news(n, mine))
		return;
	n->told = *mine;
	ditto_wire_put_state(mine, buf);
	for (i = 0; i < SIM_NODES; i++) {
		struct conn *c = n->peers[i].conn;

		if (c && c->open)
			conn_send(c, DITTO_LANE_CONTROL, &header, buf, sizeof(buf));
	}
}

void state_refresh(struct node *n)
{
	struct ditto_wire_state mine;
	u32 i;

	state_mine(n, &mine);
	n->disk_state = state_disk(n, &mine);
	for (i = 0; i < SIM_NODES; i++)
		n->peers[i].disk_state = peer_disk(&n->peers[i], &mine);
	tell_peers(n, &mine);
}

static bool take_event(u32 *events, u32 event)
{
	bool was = *events >> event & 1;

	*events &= ~(1u << event);
	return was;
}

static void work_peer(struct peer *p)
{
	if (take_event(&p->events, PEER_HELLO))
		session_hello(p);
	if (take_event(&p->events, PEER_STATE))
		session_state(p);
	if (take_event(&p->events, PEER_START))
		session_start(p);
	if (take_event(&p->events, PEER_READY))
		session_ready(p);
	if (take_event(&p->events, PEER_RESYNCED))
		roster_join(p);
	if (take_event(&p->events, PEER_LOST))
		session_lost(p);
}

static void state_work(struct node *n)
{
	u32 i;

	if (take_event(&n->events, RES_DISK_FAILED))
		role_disk_failed(n);
	if (take_event(&n->events, RES_APPLY_ROSTER))
		roster_apply(n);
	if (take_event(&n->events, RES_ROSTER_DONE))
		roster_done(n);
	take_event(&n->events, RES_APPLIER_IDLE);
	for (i = 0; i < SIM_NODES; i++) {
		if (n->peers[i].events)
			work_peer(&n->peers[i]);
	}
	state_refresh(n);
}

bool state_due(const struct node *n)
{
	u32 i;

	if (n->command || n->events)
		return true;
	for (i = 0; i < SIM_NODES; i++) {
		if (n->peers[i].events)
			return true;
	}
	return false;
}

static int run_command(struct node *n)
{
	struct peer *p = &n->peers[n->command_peer];

	switch (n->command) {
	case COMMAND_PROMOTE:
	case COMMAND_PROMOTE_FORCE:
		return role_promote(n, n->command == COMMAND_PROMOTE_FORCE);
	case COMMAND_DEMOTE:
		return role_demote(n);
	case COMMAND_ATTACH:
		return role_attach(n);
	case COMMAND_DETACH:
		return role_detach(n);
	case COMMAND_INVALIDATE:
		return role_invalidate(n);
	case COMMAND_INVALIDATE_PEER:
		role_invalidate_peer(n, p);
		return 0;
	case COMMAND_CONNECT:
		session_connect(p);
		return 0;
	case COMMAND_DISCONNECT:
		session_disconnect(p, DITTO_BYE_DISCONNECT);
		state_refresh(n);
		return 0;
	case COMMAND_LANES:
		session_lanes(p, n->command_session);
		return 0;
	case COMMAND_FOUND_BAD:
		role_found_bad(n, p, n->command_sector);
		return 0;
	case COMMAND_NONE:
		break;
	}
	return -EINVAL;
}

static void run(void *arg)
{
	struct node *n = arg;

	if (!n->command) {
		state_work(n);
		return;
	}
	n->result = run_command(n);
	n->command = COMMAND_NONE;
}

void state_run(struct node *n)
{
	context_run(n, CONTEXT_CONF, run);
}
