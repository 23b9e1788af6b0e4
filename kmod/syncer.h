/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The source's side of a resync: reads what the plan says, hands it to the
 * bulk lane, and clears the bits that the target's word proves.
 */
#ifndef DITTO_SYNCER_H
#define DITTO_SYNCER_H

#include <linux/types.h>
#include <linux/workqueue.h>

struct bio;
struct ditto_connection;
struct ditto_extent_io;
struct ditto_peer;
struct ditto_resource;
struct ditto_wire_header;

void ditto_syncer_setup(struct ditto_peer *peer);

/* Nothing runs for @peer any more; nobody has a reference to it. May sleep. */
void ditto_syncer_shutdown(struct ditto_peer *peer);

/* The target has recorded Inconsistent; under conf. */
void ditto_syncer_begin(struct ditto_peer *peer);

/*
 * Stop. @conn: its connection, which is closed, or NULL where it goes on and
 * nothing is on its way. Extents being read come back by themselves. Under conf.
 */
void ditto_syncer_end(struct ditto_peer *peer, struct ditto_connection *conn);

/* No extent is being read or sent any more. */
bool ditto_syncer_idle(struct ditto_peer *peer);

/* There may be something to do; any context. */
void ditto_syncer_kick(struct ditto_peer *peer);
/* The same for each target; under stream_lock. */
void ditto_syncer_kick_all(struct ditto_resource *res);

/*
 * For the bulk lane: the next extent and its header, or NULL.
 * @small: room for a payload that is not data
 * @length: bytes written there
 */
struct ditto_extent_io *ditto_syncer_next(struct ditto_connection *conn,
					  struct ditto_wire_header *header, void *small,
					  u32 *length);
struct bio *ditto_syncer_data(struct ditto_extent_io *io);
/* It has been sent, or never will be. */
void ditto_syncer_sent(struct ditto_extent_io *io);

/* The target has compared an extent with its own copy. Return: 0, -EPROTO. */
int ditto_syncer_differs(struct ditto_peer *peer, const struct ditto_wire_header *header,
			 u32 differs);

/* The target acknowledges. Return: 0, -EPROTO. */
int ditto_syncer_acked(struct ditto_peer *peer, u64 written, u64 durable);

/* Bytes a second, lately; under stream_lock. */
u64 ditto_syncer_rate(struct ditto_peer *peer);

int ditto_syncer_init(void);
void ditto_syncer_exit(void);

#endif /* DITTO_SYNCER_H */
