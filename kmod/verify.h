/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Online comparison of all copies by checksum.
 *
 * The Primary reads an extent at a position of the stream and asks each member
 * of the roster for the checksums of the same extent once it has come as far.
 * A write that crosses the extent meanwhile spoils the answer, not the data:
 * the extent is asked for again, and counted as skipped when it never rests.
 * What differs is counted, listed and marked out of sync.
 */
#ifndef DITTO_VERIFY_H
#define DITTO_VERIFY_H

#include <linux/list.h>
#include <linux/types.h>
#include <linux/workqueue.h>

struct ditto_applier;
struct ditto_connection;
struct ditto_resource;
struct ditto_wire_header;
struct netlink_ext_ack;

/**
 * struct ditto_verify - a comparison, on the Primary; under stream_lock
 * @running: it has begun and not ended
 * @peers: a bit for each node id that is compared
 * @cursor: bytes; the next extent
 * @number: of the last question
 * @inflight: extents under way
 * @items: struct ditto_verify_item, all of them
 * @read: those that have been read locally, linked by their second list
 * @done: bytes compared
 * @rate: bytes a second, over the last second or more
 * @rate_done: @done at @rate_at
 * @rate_at: jiffies
 * @work: reads, asks, ends
 */
struct ditto_verify {
	bool running;
	u32 peers;
	u64 cursor;
	u64 number;
	u32 inflight;
	struct list_head items;
	struct list_head read;
	u64 done;
	u64 rate;
	u64 rate_done;
	unsigned long rate_at;
	struct delayed_work work;
};

void ditto_verify_setup(struct ditto_verify *v);

/* Begin; under conf. Return: 0, -EBUSY, -ENOTCONN with a reason. */
int ditto_verify_begin(struct ditto_resource *res, struct netlink_ext_ack *extack);

/* Begin no more extents; it ends when those under way have. */
void ditto_verify_stop(struct ditto_resource *res);

/* Bytes a second, lately; under stream_lock. */
u64 ditto_verify_rate(struct ditto_resource *res);

/* The disk goes: nothing of a verify that has ended runs any more. May sleep. */
void ditto_verify_shutdown(struct ditto_resource *res);

/* A peer has gone: nobody waits for its answers any more. Process context. */
void ditto_verify_lost(struct ditto_resource *res, u32 node);

/* An answer. Return: 0, -EPROTO where it was not asked for. */
int ditto_verify_sums(struct ditto_connection *conn, const struct ditto_wire_header *header,
		      const u8 *payload);

/* A question, on the Secondary. Return: 0, -EPROTO; -EAGAIN: no memory for it now. */
int ditto_verify_ask(struct ditto_connection *conn, const struct ditto_wire_header *header);

/* Answer the questions whose position has come; process context. */
void ditto_verify_answer(struct ditto_applier *app);
/* The connection is gone: forget its questions. */
void ditto_verify_forget(struct ditto_applier *app, struct ditto_connection *conn);

int ditto_verify_init(void);
void ditto_verify_exit(void);

#endif /* DITTO_VERIFY_H */
