// SPDX-License-Identifier: GPL-2.0
#include "demote.h"

#include "connection.h"
#include "device.h"
#include "disk.h"
#include "event.h"
#include "gate.h"
#include "log.h"
#include "peer.h"
#include "resource.h"
#include "role.h"
#include "roster.h"
#include "session.h"
#include "state.h"
#include "verify.h"

/* Is all that was written durable wherever it goes? */
static bool all_durable(struct ditto_resource *res)
{
	bool durable;

	spin_lock_irq(&res->stream_lock);
	durable = ditto_stream_settled(&res->stream) == res->stream.position;
	spin_unlock_irq(&res->stream_lock);
	return durable;
}

/*
 * Followers that have not said durable for everything are given up.
 * Return: a bit for each that has.
 */
static u32 fail_late(struct ditto_resource *res)
{
	u32 i, late = 0, durable = 0;

	spin_lock_irq(&res->stream_lock);
	for (i = 0; i < DITTO_MAX_NODES; i++) {
		if (!res->stream.followers[i].active)
			continue;
		if (res->stream.followers[i].durable < res->stream.position)
			late |= BIT(i);
		else
			durable |= BIT(i);
	}
	spin_unlock_irq(&res->stream_lock);
	for (; late; late &= late - 1) {
		struct ditto_peer *peer = res->peers[__ffs(late)];

		if (peer && peer->connection)
			ditto_connection_fail(peer->connection, false,
					      "did not become durable in time for the demotion");
	}
	return durable;
}

/*
 * Wait until every follower is durable; whoever is not in time is lost.
 * Return: 0, -EINTR where the command was killed, which is no follower's fault.
 */
static int settle_followers(struct ditto_resource *res)
{
	int tries, err;

	/* Each round loses a follower or ends; a loss is an entry for the others. */
	for (tries = 0; tries < DITTO_MAX_NODES; tries++) {
		err = ditto_role_wait(res, all_durable, res->options.timeout_ms);
		if (err != -ETIMEDOUT)
			return err;
		fail_late(res);
	}
	return 0;
}

/* A verify ends; whoever differs has left the roster when this returns. */
static int end_verify(struct ditto_resource *res)
{
	int err;

	if (!res->verify.peers)
		return 0;
	ditto_verify_stop(res);
	err = ditto_role_wait_idle(res);
	if (!err)
		ditto_role_verified(res);
	return err;
}

/* No follower is sent anything any more; connections stay. */
static void end_streams(struct ditto_resource *res)
{
	u32 i;

	for (i = 0; i < DITTO_MAX_NODES; i++) {
		struct ditto_peer *peer = res->peers[i];
		struct ditto_connection *conn = peer ? peer->connection : NULL;

		if (!conn || !test_and_clear_bit(DITTO_CONN_STREAMING, &conn->flags))
			continue;
		clear_bit(DITTO_CONN_READY, &conn->flags);
		ditto_session_leave(peer, false, false);
	}
}

/* Is there something that the local disk has not done? */
static bool disk_is_late(struct ditto_resource *res)
{
	struct ditto_entry *e;
	bool late = false;

	spin_lock_irq(&res->stream_lock);
	list_for_each_entry(e, &res->stream.entries, link)
		late |= !(e->flags & DITTO_ENTRYF_LOCAL);
	spin_unlock_irq(&res->stream_lock);
	return late;
}

static void give_up_disk(struct ditto_resource *res)
{
	ditto_warn(res, "%s is given up for the demotion", res->disk->path);
	ditto_resource_disk_error(res);
	ditto_role_disk_failed(res);
}

/*
 * Users' bios end. By force: whatever keeps them from it is given up, as long as
 * a copy that counts is left.
 */
static int drain(struct ditto_resource *res, bool force)
{
	struct ditto_gate *gate = &res->device->gate;
	int err;

	ditto_gate_shut(gate, DITTO_GATE_ROLE);
	err = ditto_role_await_drained(res);
	if (err == -ETIMEDOUT && force) {
		if (fail_late(res) && disk_is_late(res))
			give_up_disk(res);
		err = ditto_role_await_drained(res);
	}
	if (err)
		ditto_gate_open(gate, DITTO_GATE_ROLE);
	return err;
}

/* All that was acknowledged is made durable, here and at the followers. */
static int settle(struct ditto_resource *res, bool force, struct netlink_ext_ack *extack)
{
	int err;

	ditto_role_lose_targets(res, "the Primary was demoted");
	err = settle_followers(res);
	if (err)
		return ditto_refuse(extack, err, "interrupted: still Primary");
	if (READ_ONCE(res->disk->failed))
		return 0;
	err = ditto_disk_flush(res->disk);
	if (!err)
		return 0;
	if (!force)
		return ditto_refuse(extack, err,
				    "%s cannot be flushed, error %d: still Primary; --force gives it up",
				    res->disk->path, err);
	give_up_disk(res);
	err = settle_followers(res);
	return err ? ditto_refuse(extack, err, "interrupted: still Primary") : 0;
}

static void become_secondary(struct ditto_resource *res)
{
	struct ditto_md *md = &res->disk->md;

	end_streams(res);
	ditto_roster_done(res);
	spin_lock_irq(&res->stream_lock);
	/* All that was written is durable at whoever has no bits for it. */
	ditto_account_settled(&res->account, ditto_stream_settled(&res->stream));
	ditto_account_orphans(&res->account, 0, 0);
	WRITE_ONCE(res->role, DITTO_ROLE_SECONDARY);
	spin_unlock_irq(&res->stream_lock);
	ditto_applier_set_position(&res->applier, res->stream.position);
	md->flags &= ~DITTO_MDF_PRIMARY;
	md->durable_generation = md->generation;
	md->durable_position = res->stream.position;
	if (ditto_disk_write_md(res->disk))
		ditto_resource_event(res, DITTO_RES_DISK_FAILED);
}

/* What waits at the gate was written for the role that is over, and fails before any other. */
static void end_writers(struct ditto_resource *res)
{
	struct ditto_device *dev = res->device;
	struct ditto_device_use use;
	u32 failed;

	ditto_device_depose(dev);
	failed = ditto_gate_fail(&dev->gate, true);
	ditto_device_use(dev, &use);
	if (use.openers)
		ditto_warn(res, "/dev/%s is still in use, last opened by %s (pid %d), open %u times: its writes fail, %u of them so far",
			   dev->disk->disk_name, use.opener, use.opener_pid, use.openers, failed);
	ditto_gate_open(&dev->gate, DITTO_GATE_ROLE);
}

int ditto_demote(struct ditto_resource *res, bool force, struct netlink_ext_ack *extack)
{
	int err = 0;

	lockdep_assert_held(&res->conf);
	if (res->role != DITTO_ROLE_PRIMARY)
		return 0;
	if (!force)
		err = ditto_role_check_unused(res->device, "stop that, or demote with --force and its writes fail",
					      extack);
	if (err)
		return err;
	err = end_verify(res);
	if (err)
		return ditto_refuse(extack, err,
				    "the verify under way does not end, and the disk does not return what it reads: still Primary");
	err = drain(res, force);
	if (err)
		return ditto_refuse(extack, err, err == -EINTR ? "interrupted: still Primary" :
				    "%s does not return what it was given: still Primary",
				    res->disk->path);
	err = settle(res, force, extack);
	if (err) {
		ditto_gate_open(&res->device->gate, DITTO_GATE_ROLE);
		return err;
	}
	become_secondary(res);
	end_writers(res);
	ditto_info(res, "Primary -> Secondary%s", force ? ", by force" : "");
	ditto_event_change(res, NULL, DITTO_EVENT_ROLE, DITTO_ROLE_PRIMARY, DITTO_ROLE_SECONDARY);
	ditto_state_refresh(res);
	return 0;
}
