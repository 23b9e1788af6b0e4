/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A user's write, discard or flush on the Primary, from its bio to its
 * completion, and the roster changes that travel in the same stream.
 */
#ifndef DITTO_REQUEST_H
#define DITTO_REQUEST_H

#include <linux/bio.h>
#include <linux/refcount.h>
#include <linux/workqueue.h>

#include "core/stream.h"
#include "core/wire.h"
#include "regions.h"

struct ditto_disk;
struct ditto_peer;
struct ditto_resource;

/* struct ditto_request.leg: whoever moves it on from NONE or SUBMITTED to an end ends the leg. */
enum ditto_request_leg {
	DITTO_LEG_NONE,
	DITTO_LEG_SUBMITTED,	/* the disk has it; holds a reference */
	DITTO_LEG_ENDED,
	DITTO_LEG_GIVEN_UP,	/* the disk has it, and nobody waits for it any more */
};

/**
 * struct ditto_request - an entry of the stream and what goes with it
 * @entry: the core's part
 * @ref: one for the stream, one for each sender that has it in hand, one while
 *	the local disk has it
 * @res: outlives it, since it drops all followers before it goes
 * @regions: waits there while they are cold
 * @user: ended when the entry is done; NULL for what the state machine says
 * @local: the local leg: a bio over pages of our own where there are
 *	followers, else @clone; NULL for ranges without data
 * @leg: enum ditto_request_leg, where @local is
 * @remnant: the disk that it was given up on, with a reference
 * @own_pages: @local is over pages of our own
 * @repairs: it writes what the local disk could not read; counts as a bio of a user
 * @zero_flags: of blkdev_issue_zeroout()
 * @zero_bdev: the same; set when it is submitted
 * @heated: it holds regions of the intent log
 * @status: of the local leg
 * @start: jiffies, for the device's statistics
 * @begun: when the user came, nanoseconds; 0 where nobody followed then, so that
 *	no resync can have met it
 * @queued: jiffies, when it entered the stream: the age of what is in flight
 * @roster: of a ROSTER or JOIN
 * @joins: of a JOIN: node id of the one that joins; for others it is a ROSTER.
 *	Of BITS too; for others they are a FLUSH
 * @absent: of an ABSENT or SET
 * @repair: of a repair, until it is added
 * @bits: of BITS: struct ditto_wire_bits and words as they are sent, @bits_length of them
 * @work: for the local leg of discards and write-zeroes
 * @clone: of @user, over its pages, where @local is that; what it was allocated with
 */
struct ditto_request {
	struct ditto_entry entry;
	refcount_t ref;
	struct ditto_resource *res;
	struct ditto_region_user regions;
	struct bio *user;
	struct bio *local;
	atomic_t leg;
	struct ditto_disk *remnant;
	bool own_pages;
	bool repairs;
	bool heated;
	unsigned int zero_flags;
	struct block_device *zero_bdev;
	blk_status_t status;
	unsigned long start;
	u64 begun;
	unsigned long queued;
	union {
		struct ditto_wire_roster roster;
		struct ditto_wire_absent absent;
		struct ditto_reader repair;
		void *bits;
	};
	u32 bits_length;
	u32 joins;
	struct work_struct work;
	struct bio clone;	/* last: bioset front padding */
};

static inline struct ditto_request *ditto_request_of(struct ditto_entry *e)
{
	return container_of(e, struct ditto_request, entry);
}

/* Serve a bio of the Primary's device that is not a read; may sleep for memory. */
void ditto_request_submit(struct ditto_resource *res, struct bio *user);

/**
 * ditto_request_roster() - put a roster change into the stream
 * @kind: DITTO_ENTRY_ROSTER or DITTO_ENTRY_JOIN
 * @roster: what it says
 * @joins: of a JOIN: node id of the follower that becomes a member
 *
 * The local metadata is the caller's: it holds @roster already (ROSTER), or
 * will when the entry is done (JOIN). When it is, the state machine finds it
 * in the resource's roster_done.
 *
 * Context: process, under conf.
 */
void ditto_request_roster(struct ditto_resource *res, u8 kind,
			  const struct ditto_wire_roster *roster, u32 joins);

/*
 * All of a peer's bitmap for the follower @joins, piece by piece; under conf. It waits
 * for no memory: what it needs may be held by those whose loss waits for conf.
 * Return: 0, -ENOMEM: @joins does not know it all.
 */
int ditto_request_bits(struct ditto_resource *res, struct ditto_peer *peer, u32 joins);

/*
 * @node lacks [@start, @start + @size): tell all followers; under conf. Where there is
 * no memory for that they are lost instead, and told when they come back.
 */
void ditto_request_set(struct ditto_resource *res, u32 node, u64 start, u64 size);

/*
 * An ABSENT to be added with ditto_request_add_absent() in one step with the
 * follower's end, or put where no follower is left. From a reserve of its own.
 */
struct ditto_request *ditto_request_absent(struct ditto_resource *res, u32 node);
/* Under stream_lock; what @out gets is the caller's to dispatch. */
void ditto_request_add_absent(struct ditto_request *req, u64 durable,
			      struct ditto_stream_out *out);

/*
 * The parts of a write, for those that are none of a user's (repair.c).
 */

/* Without a range, a user and a local leg; may sleep for memory. */
struct ditto_request *ditto_request_new(struct ditto_resource *res, u8 kind, u32 flags);
/* The same at once, or NULL; not for a ROSTER, JOIN or ABSENT. */
struct ditto_request *ditto_request_try(struct ditto_resource *res, u8 kind, u32 flags);

/* @local is the local leg; over pages of our own where own_pages says so. */
void ditto_request_set_local(struct ditto_request *req, struct bio *local);
void ditto_request_free_local(struct ditto_request *req);

/**
 * ditto_request_enter() - into the stream, where the log has room
 * @ready: it may go to ditto_request_submit_local() now; else it is submitted when
 *	that is so
 *
 * Context: under stream_lock. Return: false where the log is full: regions.retry is
 * called when it may have room.
 */
bool ditto_request_enter(struct ditto_request *req, bool *ready);

/* May complete the request before it returns; process context. */
void ditto_request_submit_local(struct ditto_request *req);

void ditto_request_put(struct ditto_request *req);

/*
 * Under stream_lock, after the calls of the core: keep what they hand out, which
 * another CPU may reap as soon as the lock is dropped.
 */
void ditto_request_hold(struct ditto_resource *res, struct ditto_stream_out *out);
/* Do what a call of the core has made possible; without stream_lock, any context. */
void ditto_request_dispatch(struct ditto_resource *res, struct ditto_stream_out *out);

/**
 * ditto_request_give_up() - the disk has failed: do not wait for it
 *
 * What it was given is done, as failed; nothing that it does with that later
 * touches anything but pages of ours, the request and the disk, which stay until
 * then. The disk is marked failed already.
 *
 * Context: process, under conf. Return: how many requests that were.
 */
u32 ditto_request_give_up(struct ditto_resource *res);

/* Submits what has become ready; the resource's submit_work. */
void ditto_request_submit_work(struct work_struct *work);

/*
 * Let bits stand in for all that peers only have to make durable: somebody waits for
 * their records. Under stream_lock; what @out gets is the caller's to dispatch.
 */
void ditto_request_fold(struct ditto_resource *res, struct ditto_stream_out *out);

/* Wake the senders of all followers; under stream_lock. */
void ditto_request_kick(struct ditto_resource *res);

int ditto_request_init(void);
void ditto_request_exit(void);

#endif /* DITTO_REQUEST_H */
