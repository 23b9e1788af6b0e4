/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The secondary's side: takes the stream of one primary and brings it to the
 * local disk in the order that the core allows.
 *
 * There is one applier for a resource. It belongs to one connection at a time
 * (upstream); when that is lost it goes on until all that had been received is
 * written, and only then may another stream begin.
 */
#ifndef DITTO_APPLIER_H
#define DITTO_APPLIER_H

#include <linux/bio.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "core/apply.h"
#include "core/wire.h"
#include "regions.h"

struct ditto_connection;

/**
 * struct ditto_item - an entry or extent on its way to the local disk
 * @core: the core's part
 * @app: the applier
 * @regions: waits there while they are cold
 * @heated: they were taken
 * @bio: data, or NULL; while it is written, the disk's. Of an extent to be compared,
 *	what the disk holds there
 * @sums: of an extent to be compared: the source's, or NULL
 * @work: compares
 * @roster: of a ROSTER or JOIN
 * @parts: of an extent of which only parts are written, how many are
 * @failed: one of them could not be, or what is to be compared not be read
 */
struct ditto_item {
	struct ditto_apply_item core;
	struct ditto_applier *app;
	struct ditto_region_user regions;
	bool heated;
	struct bio *bio;
	struct ditto_wire_sums *sums;
	struct work_struct work;
	struct ditto_wire_roster roster;
	atomic_t parts;
	bool failed;
};

/**
 * struct ditto_applier - see above
 * @lock: protects all but the works
 * @core: order and acknowledgements
 * @upstream: whose stream it is; NULL when that is lost
 * @upstream_node: its node id, also after it is lost
 * @upstream_attach_id: and of its disk, 0 where there never was one
 * @waiting: items received and not yet handed out
 * @active: items handed out and not yet written, and flushes
 * @flush_due: a flush has begun in the core and is to be submitted
 * @given: the source has what this target knew itself to differ in
 * @source: a bit for the node whose disk the extents of a resync come from, or 0: that
 *	of a Primary which has none, and is not in its own roster, is not among those
 *	that they may come from
 * @roster: the ROSTER, JOIN or SET that the state machine has in hand
 * @asks: struct ditto_verify_ask, waiting for their position
 * @answers: those of them for which the disk is being read
 * @pump: hands out what may go
 * @idle: flushes what nothing has asked to be flushed
 */
struct ditto_applier {
	spinlock_t lock;
	struct ditto_apply core;
	struct ditto_connection *upstream;
	u32 upstream_node;
	u64 upstream_attach_id;
	u32 waiting;
	u32 active;
	bool flush_due;
	bool given;
	u32 source;
	struct ditto_item *roster;
	struct list_head asks;
	atomic_t answers;
	struct work_struct pump;
	struct delayed_work idle;
};

void ditto_applier_setup(struct ditto_applier *app);
/* Nothing of it runs any more when this returns; it is idle. May sleep. */
void ditto_applier_shutdown(struct ditto_applier *app);

/* What START says is recorded: the stream begins. The applier is idle. */
void ditto_applier_begin(struct ditto_applier *app, struct ditto_connection *conn,
			 const struct ditto_wire_start *start);

/* The connection is gone, or its peer is no longer Primary. */
void ditto_applier_lost(struct ditto_applier *app, struct ditto_connection *conn);

/* Has all that was received been written, and is nothing under way? */
bool ditto_applier_idle(struct ditto_applier *app);

/*
 * Position up to which everything has been applied; without upstream, up to
 * which it will have been when the applier is idle, and nothing beyond it.
 */
u64 ditto_applier_position(struct ditto_applier *app);
/* Position up to which the local disk may be read. */
u64 ditto_applier_written(struct ditto_applier *app);
/* Without a stream: where the disk stands. */
void ditto_applier_set_position(struct ditto_applier *app, u64 position);

/*
 * An item for a message, with a bio where it has data, and room for checksums where it
 * has those. At once. Return: the item; -EPROTO where @conn is not upstream; -EAGAIN
 * where there is no memory now.
 */
struct ditto_item *ditto_applier_item(struct ditto_applier *app, struct ditto_connection *conn,
				      const struct ditto_wire_header *header);
void ditto_item_free(struct ditto_item *item);
/* The disk has done with it what it was to do. Any context. */
void ditto_item_written(struct ditto_item *item, blk_status_t status);
/* Have the disk write all of it, as it is. Process context. */
void ditto_item_write(struct ditto_item *item);

/* Take a complete item. Return: 0, -EPROTO (the item is freed). */
int ditto_applier_receive(struct ditto_applier *app, struct ditto_item *item,
			  const struct ditto_wire_header *header);

/**
 * struct ditto_applier_word - the payload of an entry that speaks of other copies
 * @bits: of BITS
 * @absent: of ABSENT and SET
 * @roster: of ROSTER and JOIN
 * @words: of BITS
 */
struct ditto_applier_word {
	struct ditto_wire_bits bits;
	struct ditto_wire_absent absent;
	struct ditto_wire_roster roster;
	u64 words[DITTO_WIRE_BITS_MOST / 64];
};

/*
 * What a message that was taken says of other copies: in the order in which
 * messages come, whenever they are applied, since each holds for the stream at
 * its position.
 */
void ditto_applier_account(struct ditto_applier *app, const struct ditto_wire_header *header,
			   const struct ditto_applier_word *word);

/* Submit what may go to the disk; process context, may sleep. */
void ditto_applier_pump(struct ditto_applier *app);

/* The same from any context. */
void ditto_applier_kick(struct ditto_applier *app);

/* Flush what is written, though nobody has asked for it; any context. */
void ditto_applier_flush(struct ditto_applier *app);

/* What to acknowledge to @conn; false where there is nothing to say. */
bool ditto_applier_ack(struct ditto_applier *app, struct ditto_connection *conn,
		       struct ditto_wire_ack *ack);

/* The state machine has recorded what the applier holds. */
void ditto_applier_roster_done(struct ditto_applier *app, bool joined);

int ditto_applier_init(void);
void ditto_applier_exit(void);

#endif /* DITTO_APPLIER_H */
