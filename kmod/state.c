// SPDX-License-Identifier: GPL-2.0
#include "state.h"

#include <uapi/linux/ditto.h>

#include "connection.h"
#include "core/history.h"
#include "device.h"
#include "disk.h"
#include "event.h"
#include "log.h"
#include "peer.h"
#include "resource.h"
#include "role.h"
#include "roster.h"
#include "session.h"
#include "syncer.h"

void ditto_state_mine(struct ditto_resource *res, struct ditto_wire_state *state)
{
	struct ditto_disk *disk = res->disk;
	const struct ditto_md *md;

	lockdep_assert_held(&res->conf);
	memset(state, 0, sizeof(*state));
	if (!disk) {
		state->flags = DITTO_STATEF_DISKLESS;
		return;
	}
	md = &disk->md;
	state->flags = (res->role == DITTO_ROLE_PRIMARY ? DITTO_STATEF_PRIMARY : 0) |
		       (md->flags & DITTO_MDF_INCONSISTENT ? DITTO_STATEF_INCONSISTENT : 0) |
		       (md->flags & DITTO_MDF_OUTDATED ? DITTO_STATEF_OUTDATED : 0) |
		       (md->flags & DITTO_MDF_USED ? DITTO_STATEF_USED : 0) |
		       (disk->unclean ? DITTO_STATEF_UNCLEAN : 0) |
		       (READ_ONCE(disk->failed) ? DITTO_STATEF_FAILED : 0);
	state->roster = md->roster;
	state->roster_number = md->roster_number;
	state->generation = md->generation;
	memcpy(state->history, md->history, sizeof(state->history));
	state->attach_id = disk->attach_id;
	state->device_block = res->device ? res->device->block : 0;
	if (res->role == DITTO_ROLE_PRIMARY) {
		spin_lock_irq(&res->stream_lock);
		state->position = res->stream.position;
		spin_unlock_irq(&res->stream_lock);
	} else {
		state->position = ditto_applier_position(&res->applier);
	}
}

bool ditto_state_member(struct ditto_resource *res, const struct ditto_peer *peer)
{
	return res->disk && res->disk->md.roster & BIT(peer->node_id);
}

static bool peer_state(struct ditto_peer *peer, struct ditto_wire_state *state)
{
	bool valid;

	spin_lock_irq(&peer->res->stream_lock);
	valid = peer->state_valid;
	*state = peer->state;
	spin_unlock_irq(&peer->res->stream_lock);
	return valid;
}

/* Is every other disk of the roster connected, equal to ours, and not Primary? */
static bool roster_agrees(struct ditto_resource *res, const struct ditto_wire_state *mine)
{
	struct ditto_wire_state theirs;
	u32 i;

	if (!mine->generation)
		return false;
	for (i = 0; i < DITTO_MAX_NODES; i++) {
		if (i == res->node_id || !(mine->roster & BIT(i)))
			continue;
		if (!res->peers[i] || !peer_state(res->peers[i], &theirs) ||
		    !ditto_history_equal(mine, &theirs))
			return false;
	}
	return true;
}

static enum ditto_disk_state derive_disk(struct ditto_resource *res,
					 const struct ditto_wire_state *mine)
{
	if (mine->flags & DITTO_STATEF_DISKLESS)
		return DITTO_DISK_DISKLESS;
	if (mine->flags & DITTO_STATEF_FAILED)
		return DITTO_DISK_FAILED;
	if (mine->flags & DITTO_STATEF_INCONSISTENT)
		return DITTO_DISK_INCONSISTENT;
	if (mine->flags & DITTO_STATEF_OUTDATED)
		return DITTO_DISK_OUTDATED;
	if (res->role == DITTO_ROLE_PRIMARY || READ_ONCE(res->applier.upstream))
		return DITTO_DISK_UP_TO_DATE;
	if (mine->flags & DITTO_STATEF_UNCLEAN || !roster_agrees(res, mine))
		return DITTO_DISK_CONSISTENT;
	return DITTO_DISK_UP_TO_DATE;
}

/* As a Primary: does the stream make this peer's copy equal to ours? */
static bool in_sync(struct ditto_peer *peer)
{
	struct ditto_resource *res = peer->res;
	bool lacks;

	spin_lock_irq(&res->stream_lock);
	lacks = ditto_account_out_of_sync(&res->account, peer->node_id);
	spin_unlock_irq(&res->stream_lock);
	return ditto_state_member(res, peer) && !peer->sync.joining && peer->connection &&
	       test_bit(DITTO_CONN_READY, &peer->connection->flags) && !lacks;
}

static enum ditto_disk_state derive_peer_disk(struct ditto_peer *peer,
					      const struct ditto_wire_state *mine)
{
	struct ditto_wire_state theirs;

	if (!peer_state(peer, &theirs))
		return DITTO_DISK_UNKNOWN;
	if (theirs.flags & DITTO_STATEF_DISKLESS)
		return DITTO_DISK_DISKLESS;
	if (theirs.flags & DITTO_STATEF_FAILED)
		return DITTO_DISK_FAILED;
	if (peer->res->role == DITTO_ROLE_PRIMARY)
		return in_sync(peer) ? DITTO_DISK_UP_TO_DATE :
		       theirs.flags & DITTO_STATEF_OUTDATED ? DITTO_DISK_OUTDATED :
		       DITTO_DISK_INCONSISTENT;
	if (theirs.flags & DITTO_STATEF_INCONSISTENT)
		return DITTO_DISK_INCONSISTENT;
	if (theirs.flags & DITTO_STATEF_OUTDATED)
		return DITTO_DISK_OUTDATED;
	if (theirs.flags & DITTO_STATEF_PRIMARY)
		return DITTO_DISK_UP_TO_DATE;
	if (peer->res->disk_state == DITTO_DISK_UP_TO_DATE && ditto_history_equal(mine, &theirs))
		return DITTO_DISK_UP_TO_DATE;
	return DITTO_DISK_CONSISTENT;
}

static enum ditto_replication_state derive_replication(struct ditto_peer *peer)
{
	struct ditto_resource *res = peer->res;
	struct ditto_connection *conn = peer->connection;

	if (!conn || !test_bit(DITTO_CONN_OPEN, &conn->flags))
		return DITTO_REPLICATION_OFF;
	if (res->role == DITTO_ROLE_PRIMARY) {
		if (!test_bit(DITTO_CONN_READY, &conn->flags))
			return DITTO_REPLICATION_OFF;
		if (!in_sync(peer))
			return DITTO_REPLICATION_SYNC_SOURCE;
		return res->verify.running && res->verify.peers & BIT(peer->node_id) ?
		       DITTO_REPLICATION_VERIFY : DITTO_REPLICATION_ESTABLISHED;
	}
	if (READ_ONCE(res->applier.upstream) != conn)
		return DITTO_REPLICATION_OFF;
	return res->applier.core.target ? DITTO_REPLICATION_SYNC_TARGET :
	       DITTO_REPLICATION_ESTABLISHED;
}

static void change_peer(struct ditto_peer *peer, u32 event, u32 old, u32 new)
{
	if (old != new)
		ditto_event_change(peer->res, peer, event, old, new);
}

static void refresh_peer(struct ditto_peer *peer, const struct ditto_wire_state *mine)
{
	enum ditto_replication_state replication = derive_replication(peer);
	enum ditto_disk_state disk = derive_peer_disk(peer, mine);
	struct ditto_wire_state theirs;
	enum ditto_role role = DITTO_ROLE_UNKNOWN;

	if (peer_state(peer, &theirs))
		role = theirs.flags & DITTO_STATEF_PRIMARY ? DITTO_ROLE_PRIMARY :
		       DITTO_ROLE_SECONDARY;
	change_peer(peer, DITTO_EVENT_PEER_ROLE, peer->role, role);
	change_peer(peer, DITTO_EVENT_PEER_DISK, peer->disk_state, disk);
	change_peer(peer, DITTO_EVENT_REPLICATION, peer->replication, replication);
	if (peer->replication != replication)
		ditto_peer_info(peer, "%s -> %s", ditto_replication_name(peer->replication),
				ditto_replication_name(replication));
	peer->role = role;
	peer->disk_state = disk;
	peer->replication = replication;
}

/* What a peer decides by; the position alone is no news while a stream runs. */
static bool tells_news(struct ditto_resource *res, const struct ditto_wire_state *mine)
{
	struct ditto_wire_state old = res->told;

	if (res->role == DITTO_ROLE_PRIMARY || READ_ONCE(res->applier.upstream))
		old.position = mine->position;
	return memcmp(&old, mine, sizeof(old));
}

static void tell_peers(struct ditto_resource *res, const struct ditto_wire_state *mine)
{
	struct ditto_wire_header header = { .type = DITTO_WIRE_STATE };
	u8 buf[DITTO_WIRE_STATE_BYTES];
	u32 i;

	if (!tells_news(res, mine))
		return;
	res->told = *mine;
	ditto_wire_put_state(mine, buf);
	for (i = 0; i < DITTO_MAX_NODES; i++) {
		struct ditto_connection *conn = res->peers[i] ? res->peers[i]->connection : NULL;

		if (conn && test_bit(DITTO_CONN_OPEN, &conn->flags))
			ditto_connection_send(conn, DITTO_LANE_CONTROL, &header, buf, sizeof(buf));
	}
}

void ditto_state_refresh(struct ditto_resource *res)
{
	struct ditto_wire_state mine;
	enum ditto_disk_state disk;
	u32 i;

	lockdep_assert_held(&res->conf);
	ditto_state_mine(res, &mine);
	disk = derive_disk(res, &mine);
	if (disk != res->disk_state) {
		ditto_info(res, "disk %s -> %s", ditto_disk_name(res->disk_state),
			   ditto_disk_name(disk));
		ditto_event_change(res, NULL, DITTO_EVENT_DISK, res->disk_state, disk);
		WRITE_ONCE(res->disk_state, disk);
	}
	for (i = 0; i < DITTO_MAX_NODES; i++)
		if (res->peers[i])
			refresh_peer(res->peers[i], &mine);
	tell_peers(res, &mine);
}

void ditto_state_connection(struct ditto_peer *peer, u32 state)
{
	u32 old = peer->connection_state;

	lockdep_assert_held(&peer->res->conf);
	if (old == state)
		return;
	WRITE_ONCE(peer->connection_state, state);
	ditto_event_change(peer->res, peer, DITTO_EVENT_CONNECTION, old, state);
}

static void work_peer(struct ditto_peer *peer)
{
	/* LOST last: what was told before it is still done, or does no harm. */
	if (test_and_clear_bit(DITTO_PEER_HELLO, &peer->events))
		ditto_session_hello(peer);
	if (test_and_clear_bit(DITTO_PEER_STATE, &peer->events))
		ditto_session_state(peer);
	if (test_and_clear_bit(DITTO_PEER_START, &peer->events))
		ditto_session_start(peer);
	if (test_and_clear_bit(DITTO_PEER_READY, &peer->events))
		ditto_session_ready(peer);
	if (test_and_clear_bit(DITTO_PEER_RESYNCED, &peer->events))
		ditto_roster_join(peer);
	if (test_and_clear_bit(DITTO_PEER_LOST, &peer->events))
		ditto_session_lost(peer);
}

void ditto_state_work(struct work_struct *work)
{
	struct ditto_resource *res = container_of(work, struct ditto_resource, state_work);
	u32 i;

	ditto_resource_lock(res);
	if (!res->dead) {
		if (test_and_clear_bit(DITTO_RES_DISK_FAILED, &res->events))
			ditto_role_disk_failed(res);
		if (test_and_clear_bit(DITTO_RES_APPLY_ROSTER, &res->events))
			ditto_roster_apply(res);
		if (test_and_clear_bit(DITTO_RES_ROSTER_DONE, &res->events))
			ditto_roster_done(res);
		if (test_and_clear_bit(DITTO_RES_VERIFY_DONE, &res->events))
			ditto_role_verified(res);
		clear_bit(DITTO_RES_APPLIER_IDLE, &res->events);
		for (i = 0; i < DITTO_MAX_NODES; i++)
			if (res->peers[i] && READ_ONCE(res->peers[i]->events))
				work_peer(res->peers[i]);
		ditto_state_refresh(res);
	}
	ditto_resource_unlock(res);
}
