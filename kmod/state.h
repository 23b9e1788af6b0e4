/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The state machine of a resource: it alone changes role, rosters, metadata
 * and connections, one change at a time, under conf. Commands and events both
 * come through here; everything else only tells it what has happened.
 *
 * What an administrator sees of states is derived (G3) by ditto_state_refresh()
 * from metadata, roster, bitmaps and connections, and announced when it
 * differs from what was announced last.
 */
#ifndef DITTO_STATE_H
#define DITTO_STATE_H

#include <linux/types.h>
#include <linux/workqueue.h>

struct ditto_connection;
struct ditto_peer;
struct ditto_resource;
struct ditto_wire_state;
struct netlink_ext_ack;

/* How this node's copy stands; under conf. */
void ditto_state_mine(struct ditto_resource *res, struct ditto_wire_state *state);

/* Is the peer's disk in the newest roster? Under conf. */
bool ditto_state_member(struct ditto_resource *res, const struct ditto_peer *peer);

/* Derive all states, announce what has changed, tell peers; under conf. */
void ditto_state_refresh(struct ditto_resource *res);

/* Changes the connection's state and says so; under conf. */
void ditto_state_connection(struct ditto_peer *peer, u32 state);

/* The resource's state_work. */
void ditto_state_work(struct work_struct *work);

#endif /* DITTO_STATE_H */
