// SPDX-License-Identifier: GPL-2.0
#include "answer.h"

#include <linux/bio.h>
#include <linux/mempool.h>

#include "applier.h"
#include "connection.h"
#include "core/wire.h"
#include "device.h"
#include "disk.h"
#include "disk_io.h"
#include "gate.h"
#include "payload.h"
#include "peer.h"
#include "resource.h"

/**
 * struct ditto_answer - what a Primary has asked for
 * @link: in the connection's list
 * @conn: with a reference until it has been read
 * @bio: over pages of our own; NULL while it is read, and where this copy
 *	cannot answer
 * @number: the Primary's
 * @offset: bytes
 * @size: bytes
 */
struct ditto_answer {
	struct list_head link;
	struct ditto_connection *conn;
	struct bio *bio;
	u64 number;
	u64 offset;
	u32 size;
};

/* A read of a user waits for it, and a connection asks for many. */
#define POOL_ANSWERS	16

static mempool_t answer_pool;

static void answer_free(struct ditto_answer *answer)
{
	if (answer->bio)
		ditto_payload_free(answer->bio);
	mempool_free(answer, &answer_pool);
}

/* It may be sent. @conn may be gone when this returns, and @answer with it. */
static void answer_queue(struct ditto_answer *answer)
{
	struct ditto_connection *conn = answer->conn;
	unsigned long flags;
	bool closed;

	spin_lock_irqsave(&conn->queue_lock, flags);
	closed = test_bit(DITTO_CONN_NO_ANSWERS, &conn->flags);
	if (!closed) {
		list_add_tail(&answer->link, &conn->answers);
		ditto_connection_kick(conn);
	}
	spin_unlock_irqrestore(&conn->queue_lock, flags);
	if (closed)
		answer_free(answer);
	ditto_connection_put(conn);
}

static void answer_read(void *owner, struct bio *bio, blk_status_t status)
{
	struct ditto_answer *answer = owner;
	struct ditto_resource *res = answer->conn->res;

	if (status) {
		/* The others may have it; this copy is still better than none. */
		ditto_disk_unreadable(res, answer->offset, answer->size, "to be asked of others by ",
				      answer->conn->peer->name);
		if (bio)
			ditto_payload_free(bio);
		bio = NULL;
	}
	answer->bio = bio;
	answer_queue(answer);
	/* Last: from here on the disk and the resource may go. */
	atomic_dec(&res->applier.answers);
}

/*
 * Is this copy the Primary's, or as good as that one? Counts as an answer where it
 * is. One that asks a Primary need not follow it: its disk may have failed.
 */
static bool may_answer(struct ditto_connection *conn)
{
	struct ditto_resource *res = conn->res;
	struct ditto_applier *app = &res->applier;
	bool may;

	spin_lock_irq(&app->lock);
	may = app->upstream == conn ? !app->core.target :
	      READ_ONCE(res->role) == DITTO_ROLE_PRIMARY && test_bit(DITTO_CONN_OPEN, &conn->flags);
	may = may && !READ_ONCE(res->disk->failed);
	if (may)
		atomic_inc(&app->answers);
	spin_unlock_irq(&app->lock);
	return may;
}

static void passed_on(struct bio *bio)
{
	struct ditto_answer *answer = bio->bi_private;
	struct ditto_applier *app = &answer->conn->res->applier;

	if (bio->bi_status)
		ditto_payload_free(bio);
	else
		answer->bio = bio;
	answer_queue(answer);
	atomic_dec(&app->answers);
}

/*
 * A Primary whose disk has failed has it read by a member, as for a user of its own.
 * Return: false where this node is none.
 */
static bool pass_on(struct ditto_answer *answer, struct bio *bio)
{
	struct ditto_resource *res = answer->conn->res;
	struct ditto_device *dev = res->device;

	if (!READ_ONCE(res->disk->failed) || !test_bit(DITTO_CONN_OPEN, &answer->conn->flags) ||
	    !ditto_gate_try(&dev->gate))
		return false;
	/* While the gate is held the role stays. */
	if (READ_ONCE(res->role) != DITTO_ROLE_PRIMARY) {
		ditto_gate_leave(&dev->gate);
		return false;
	}
	atomic_inc(&res->applier.answers);
	bio_set_dev(bio, dev->disk->part0);
	bio->bi_private = answer;
	bio->bi_end_io = passed_on;
	ditto_device_read(dev, bio);
	return true;
}

/* Return: an answer with room for what is asked for, or NULL where there is no memory now. */
static struct ditto_answer *answer_new(struct ditto_connection *conn,
				       const struct ditto_wire_header *header)
{
	struct ditto_answer *answer = mempool_alloc(&answer_pool, GFP_NOWAIT | __GFP_NOWARN);

	if (!answer)
		return NULL;
	answer->bio = ditto_payload_try(DITTO_PAYLOAD_SOURCE, conn->res->disk->backing.bdev,
					REQ_OP_READ, header->offset, header->size);
	if (!answer->bio) {
		answer_free(answer);
		return NULL;
	}
	answer->conn = ditto_connection_get(conn);
	answer->number = header->epoch;
	answer->offset = header->offset;
	answer->size = header->size;
	return answer;
}

int ditto_answer_begin(struct ditto_connection *conn, const struct ditto_wire_header *header)
{
	struct ditto_answer *answer = answer_new(conn, header);
	struct bio *bio;
	bool full;

	if (!answer)
		return -EAGAIN;
	spin_lock_irq(&conn->queue_lock);
	full = conn->answering >= DITTO_ANSWERS_MOST;
	conn->answering += !full;
	spin_unlock_irq(&conn->queue_lock);
	if (full) {
		answer_free(answer);
		ditto_connection_put(conn);
		return -EPROTO;
	}
	bio = answer->bio;
	answer->bio = NULL;
	if (may_answer(conn)) {
		ditto_disk_submit(conn->res->disk, bio, ditto_payload_free, answer_read, answer);
	} else if (!pass_on(answer, bio)) {
		ditto_payload_free(bio);
		answer_queue(answer);
	}
	return 0;
}

struct ditto_answer *ditto_answer_next(struct ditto_connection *conn,
				       struct ditto_wire_header *header)
{
	struct ditto_answer *answer;

	if (list_empty_careful(&conn->answers))
		return NULL;
	spin_lock_irq(&conn->queue_lock);
	answer = list_first_entry_or_null(&conn->answers, struct ditto_answer, link);
	if (answer)
		list_del(&answer->link);
	spin_unlock_irq(&conn->queue_lock);
	if (!answer)
		return NULL;
	header->type = answer->bio ? DITTO_WIRE_READ_DATA : DITTO_WIRE_READ_FAILED;
	header->epoch = answer->number;
	header->offset = answer->offset;
	header->size = answer->size;
	return answer;
}

struct bio *ditto_answer_data(struct ditto_answer *answer)
{
	return answer->bio;
}

void ditto_answer_sent(struct ditto_connection *conn, struct ditto_answer *answer)
{
	spin_lock_irq(&conn->queue_lock);
	conn->answering--;
	spin_unlock_irq(&conn->queue_lock);
	answer_free(answer);
}

void ditto_answer_forget(struct ditto_connection *conn)
{
	struct ditto_answer *answer, *next;
	LIST_HEAD(gone);

	spin_lock_irq(&conn->queue_lock);
	set_bit(DITTO_CONN_NO_ANSWERS, &conn->flags);
	list_splice_init(&conn->answers, &gone);
	spin_unlock_irq(&conn->queue_lock);
	list_for_each_entry_safe(answer, next, &gone, link)
		answer_free(answer);
}

int ditto_answer_init(void)
{
	return mempool_init_kmalloc_pool(&answer_pool, POOL_ANSWERS, sizeof(struct ditto_answer));
}

void ditto_answer_exit(void)
{
	mempool_exit(&answer_pool);
}
