/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Changes of the roster, and what the metadata remembers of them, on the
 * Primary and on the nodes that follow it.
 *
 * When a member is lost, completions are held until a roster without it, which
 * opens a generation, is durable here and on every member that is left. Only
 * then does a write complete that the lost disk lacks (G1, G6).
 *
 * All functions are called under the resource's conf mutex.
 */
#ifndef DITTO_ROSTER_H
#define DITTO_ROSTER_H

#include <linux/types.h>

struct ditto_peer;
struct ditto_resource;
struct ditto_wire_start;

/* A generation that no other can be. */
u64 ditto_roster_new_generation(void);

/*
 * The peer's bitmap is kept in the metadata. Return: 0, or an errno after the
 * connection has been failed.
 */
int ditto_roster_know(struct ditto_peer *peer);

/* The Primary's side: a member is gone, completions are held. */
void ditto_roster_without(struct ditto_peer *peer);
/*
 * The Primary's side: its own disk has failed, and no target of a resync is left.
 * It goes on with the members that follow it, or fails all I/O where none does.
 */
void ditto_roster_without_disk(struct ditto_resource *res);
/* The Primary's side: a peer's resync has ended, it becomes a member. */
void ditto_roster_join(struct ditto_peer *peer);
/* The Primary's side: entries of roster_done are durable wherever they count. */
void ditto_roster_done(struct ditto_resource *res);

/* The follower's side: record what START says. Return: 0 or an errno. */
int ditto_roster_start(struct ditto_resource *res, const struct ditto_wire_start *start);
/* The follower's side: record the ROSTER or JOIN that the applier holds. */
void ditto_roster_apply(struct ditto_resource *res);

#endif /* DITTO_ROSTER_H */
