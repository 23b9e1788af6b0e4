/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reads that the local disk cannot serve: on a Primary a member of the roster serves
 * them from its disk, on a Secondary the Primary does, which it need not follow (G8).
 *
 * Whatever a user has been told is written on the disk of every member that
 * follows, so any of them will do, and no order with what is being written is
 * needed: a read may see a write that has not completed, or not. Where a
 * connection is lost its reads go to another member, and where none is left they
 * fail. A Secondary whose disk fails ends its connections and makes new ones: until
 * then its reads wait, for the time-out at most.
 *
 * What a disk that is otherwise sound could not read is then written to it anew, or
 * the disk is lost, as the option on-read-error says. Where no other copy can be
 * read the disk is kept: it is the best there is.
 */
#ifndef DITTO_REMOTE_READ_H
#define DITTO_REMOTE_READ_H

#include <linux/blk_types.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>

struct bio;
struct ditto_connection;
struct ditto_device;
struct ditto_request;
struct ditto_resource;
struct ditto_wire_header;

/* Reads that one peer may have in hand; others wait. */
#define DITTO_REMOTE_READS_MOST	64

/**
 * struct ditto_remote_read - a read that the local disk cannot serve
 * @link: in one of the lists of struct ditto_remote_reads
 * @end: called when it has ended, in any context
 * @dev: whose read it is
 * @user: its bio
 * @start: of accounting
 * @status: of the local disk's own attempt; BLK_STS_OK where it has failed before
 * @prepared: what happens to the local disk is decided
 * @repair: begun, or NULL
 * @number: its name on the wire
 * @tried: a bit for each node that could not serve it
 * @conn: who has been asked; not touched, only compared
 * @sent_at: jiffies
 */
struct ditto_remote_read {
	struct list_head link;
	void (*end)(struct ditto_remote_read *read, blk_status_t status);
	struct ditto_device *dev;
	struct bio *user;
	unsigned long start;
	blk_status_t status;
	bool prepared;
	struct ditto_request *repair;
	u64 number;
	u32 tried;
	const struct ditto_connection *conn;
	unsigned long sent_at;
};

/**
 * struct ditto_remote_reads - those of one resource
 * @lock: protects it; taken in interrupts, innermost
 * @waiting: nobody has been asked yet
 * @sent: somebody has, oldest first
 * @number: last given
 * @turn: node id that was asked last
 * @until: jiffies; before, a Secondary's reads wait where there is no Primary
 * @work: asks
 */
struct ditto_remote_reads {
	spinlock_t lock;
	struct list_head waiting;
	struct list_head sent;
	u64 number;
	u32 turn;
	unsigned long until;
	struct delayed_work work;
};

/* On a Primary: is there any member that could serve a read? Under stream_lock. */
bool ditto_remote_read_possible(const struct ditto_resource *res);

/* Have @read served by a peer; end, dev, user and status are set by the caller. Any context. */
void ditto_remote_read_submit(struct ditto_remote_read *read);

/*
 * Pages for the payload of a READ_DATA, at once. Return: -EPROTO where nobody has asked
 * for it, -EAGAIN where there is no memory now.
 */
struct bio *ditto_remote_read_room(struct ditto_connection *conn,
				   const struct ditto_wire_header *header);
/* It has come, in @data, which is taken over. Return: 0, -EPROTO. */
int ditto_remote_read_data(struct ditto_connection *conn, const struct ditto_wire_header *header,
			   struct bio *data);
/* The peer cannot read it either: another is asked. Return: 0, -EPROTO. */
int ditto_remote_read_failed(struct ditto_connection *conn,
			     const struct ditto_wire_header *header);

/* Has @conn had a read for longer than @timeout (jiffies)? */
bool ditto_remote_read_late(struct ditto_connection *conn, unsigned long timeout);
/* @conn has failed, and receives nothing any more: ask others. */
void ditto_remote_read_lost(struct ditto_resource *res, const struct ditto_connection *conn);

/*
 * The disk of this Secondary has failed, and it connects anew: reads wait for a Primary
 * for @timeout (jiffies; 0: and no longer). Any context.
 */
void ditto_remote_read_hold(struct ditto_resource *res, unsigned long timeout);

void ditto_remote_read_setup(struct ditto_remote_reads *reads);
/* No read is under way, and none will come. May sleep. */
void ditto_remote_read_shutdown(struct ditto_resource *res);

int ditto_remote_read_init(void);
void ditto_remote_read_exit(void);

#endif /* DITTO_REMOTE_READ_H */
