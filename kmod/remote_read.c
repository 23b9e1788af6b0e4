// SPDX-License-Identifier: GPL-2.0
#include "remote_read.h"

#include <linux/bio.h>

#include "connection.h"
#include "core/wire.h"
#include "device.h"
#include "disk.h"
#include "payload.h"
#include "peer.h"
#include "repair.h"
#include "resource.h"

/* How often it is looked for a Primary that reads wait for. */
#define LOOK_MS		50

static struct workqueue_struct *remote_read_wq;

static void kick(struct ditto_resource *res)
{
	mod_delayed_work(remote_read_wq, &res->remote.work, 0);
}

void ditto_remote_read_submit(struct ditto_remote_read *read)
{
	struct ditto_resource *res = read->dev->res;
	unsigned long flags;

	spin_lock_irqsave(&res->remote.lock, flags);
	list_add_tail(&read->link, &res->remote.waiting);
	/* Once the lock is dropped it may end, and the resource go. */
	kick(res);
	spin_unlock_irqrestore(&res->remote.lock, flags);
}

/* Under stream_lock: does the peer's disk hold all that any user was told? */
static bool is_good(const struct ditto_resource *res, u32 node)
{
	const struct ditto_peer *peer = res->peers[node];

	return peer && peer->connection && res->stream.followers[node].active &&
	       READ_ONCE(res->disk->md.roster) & BIT(node) && !peer->sync.joining &&
	       test_bit(DITTO_CONN_READY, &peer->connection->flags) &&
	       !test_bit(DITTO_CONN_FAILED, &peer->connection->flags);
}

bool ditto_remote_read_possible(const struct ditto_resource *res)
{
	u32 node;

	lockdep_assert_held(&res->stream_lock);
	for (node = 0; node < DITTO_MAX_NODES; node++)
		if (is_good(res, node))
			return true;
	return false;
}

/* Under stream_lock: members but @tried take turns. */
static struct ditto_connection *choose_member(struct ditto_resource *res, u32 tried)
{
	struct ditto_connection *differs = NULL;
	u32 i, node;

	for (i = 1; i <= DITTO_MAX_NODES; i++) {
		node = (res->remote.turn + i) % DITTO_MAX_NODES;
		if (tried & BIT(node) || !is_good(res, node))
			continue;
		/* A verify has found that it is not equal: only where there is no other. */
		if (ditto_account_out_of_sync(&res->account, node)) {
			differs = res->peers[node]->connection;
			continue;
		}
		res->remote.turn = node;
		return res->peers[node]->connection;
	}
	return differs;
}

/* Under stream_lock: one that says that it is Primary; it says so again when it answers. */
static struct ditto_connection *find_primary(struct ditto_resource *res, u32 tried)
{
	const struct ditto_peer *peer;
	u32 i;

	for (i = 0; i < DITTO_MAX_NODES; i++) {
		peer = res->peers[i];
		if (peer && peer->connection && peer->state_valid && !(tried & BIT(i)) &&
		    peer->state.flags & DITTO_STATEF_PRIMARY &&
		    test_bit(DITTO_CONN_OPEN, &peer->connection->flags) &&
		    !test_bit(DITTO_CONN_FAILED, &peer->connection->flags))
			return peer->connection;
	}
	return NULL;
}

/*
 * Under stream_lock: the Primary's disk has all that any user was told. A node whose
 * disk has failed follows nobody, and needs no stream to ask.
 */
static struct ditto_connection *choose_primary(struct ditto_resource *res, u32 tried)
{
	struct ditto_connection *conn;

	spin_lock(&res->applier.lock);
	conn = res->applier.upstream;
	if (conn && (tried & BIT(conn->peer->node_id) ||
		     test_bit(DITTO_CONN_FAILED, &conn->flags)))
		conn = NULL;
	spin_unlock(&res->applier.lock);
	return conn || !READ_ONCE(res->disk->failed) ? conn : find_primary(res, tried);
}

/* Return: a connection with a reference, or NULL. */
static struct ditto_connection *choose(struct ditto_resource *res, u32 tried)
{
	struct ditto_connection *conn;

	spin_lock_irq(&res->stream_lock);
	conn = res->role == DITTO_ROLE_PRIMARY ? choose_member(res, tried) :
						 choose_primary(res, tried);
	if (conn)
		ditto_connection_get(conn);
	spin_unlock_irq(&res->stream_lock);
	return conn;
}

static u32 count_sent(struct ditto_remote_reads *reads, const struct ditto_connection *conn)
{
	struct ditto_remote_read *read;
	u32 count = 0;

	list_for_each_entry(read, &reads->sent, link)
		count += read->conn == conn;
	return count;
}

/* The next that waits; only the work takes it from there. */
static struct ditto_remote_read *next_waiting(struct ditto_remote_reads *reads)
{
	struct ditto_remote_read *read;

	spin_lock_irq(&reads->lock);
	read = list_first_entry_or_null(&reads->waiting, struct ditto_remote_read, link);
	spin_unlock_irq(&reads->lock);
	return read;
}

static u64 offset_of(const struct ditto_remote_read *read)
{
	return (u64)read->user->bi_iter.bi_sector << SECTOR_SHIFT;
}

/* @read is sent to @conn from now on. Return: false where that has enough in hand. */
static bool take(struct ditto_remote_reads *reads, struct ditto_remote_read *read,
		 const struct ditto_connection *conn, struct ditto_wire_header *header)
{
	bool room;

	spin_lock_irq(&reads->lock);
	room = count_sent(reads, conn) < DITTO_REMOTE_READS_MOST;
	if (room) {
		list_move_tail(&read->link, &reads->sent);
		read->conn = conn;
		read->number = ++reads->number;
		read->sent_at = jiffies;
		header->epoch = read->number;
		header->offset = offset_of(read);
		header->size = read->user->bi_iter.bi_size;
	}
	spin_unlock_irq(&reads->lock);
	return room;
}

/* Before anybody reads it for us: what comes may be written to the local disk, too. */
static void prepare(struct ditto_resource *res, struct ditto_remote_read *read)
{
	if (!read->prepared && read->status && res->role == DITTO_ROLE_PRIMARY &&
	    READ_ONCE(res->options.on_read_error) == DITTO_READ_ERROR_REPAIR)
		read->repair = ditto_repair_begin(res, offset_of(read),
						  read->user->bi_iter.bi_size);
	read->prepared = true;
}

/* Nobody can serve it. */
static void give_back(struct ditto_resource *res, struct ditto_remote_read *read)
{
	spin_lock_irq(&res->remote.lock);
	list_del(&read->link);
	spin_unlock_irq(&res->remote.lock);
	if (read->repair)
		ditto_repair_cancel(read->repair);
	if (read->status)
		ditto_disk_unreadable(res, offset_of(read), read->user->bi_iter.bi_size,
				      "no other disk can", "");
	read->end(read, read->status ?: BLK_STS_IOERR);
}

/* Is it too soon to say that there is no Primary? */
static bool may_wait(struct ditto_resource *res, const struct ditto_remote_read *read)
{
	return READ_ONCE(res->role) != DITTO_ROLE_PRIMARY && READ_ONCE(res->disk->failed) &&
	       !read->tried && time_before(jiffies, READ_ONCE(res->remote.until));
}

/* Return: is there anything left to do now? */
static bool send_next(struct ditto_resource *res)
{
	struct ditto_wire_header header = { .type = DITTO_WIRE_READ };
	struct ditto_remote_read *read = next_waiting(&res->remote);
	struct ditto_connection *conn;
	bool sent;

	if (!read)
		return false;
	conn = choose(res, read->tried);
	if (!conn && may_wait(res, read)) {
		queue_delayed_work(remote_read_wq, &res->remote.work, msecs_to_jiffies(LOOK_MS));
		return false;
	}
	if (!conn) {
		give_back(res, read);
		return true;
	}
	prepare(res, read);
	sent = take(&res->remote, read, conn, &header);
	if (sent)
		ditto_connection_send(conn, DITTO_LANE_CONTROL, &header, NULL, 0);
	/* It may have been lost before the read was in the list. */
	if (test_bit(DITTO_CONN_FAILED, &conn->flags))
		ditto_remote_read_lost(res, conn);
	ditto_connection_put(conn);
	return sent;
}

static void remote_read_work(struct work_struct *work)
{
	struct ditto_remote_reads *reads = container_of(work, struct ditto_remote_reads, work.work);

	while (send_next(container_of(reads, struct ditto_resource, remote)))
		cond_resched();
}

/* Under the lock: what @header answers, or NULL. */
static struct ditto_remote_read *asked(struct ditto_connection *conn,
				       const struct ditto_wire_header *header)
{
	struct ditto_remote_read *read;

	list_for_each_entry(read, &conn->res->remote.sent, link)
		if (read->conn == conn && read->number == header->epoch)
			return header->size == read->user->bi_iter.bi_size &&
			       header->offset >> SECTOR_SHIFT == read->user->bi_iter.bi_sector ?
			       read : NULL;
	return NULL;
}

struct bio *ditto_remote_read_room(struct ditto_connection *conn,
				   const struct ditto_wire_header *header)
{
	struct ditto_resource *res = conn->res;
	struct bio *data;
	bool known;

	spin_lock_irq(&res->remote.lock);
	known = asked(conn, header);
	spin_unlock_irq(&res->remote.lock);
	if (!known)
		return ERR_PTR(-EPROTO);
	data = ditto_payload_try(DITTO_PAYLOAD_TARGET, res->disk->backing.bdev, REQ_OP_READ,
				 header->offset, header->size);
	return data ?: ERR_PTR(-EAGAIN);
}

/* It is nobody's but the caller's from now on; NULL where nobody has asked. */
static struct ditto_remote_read *take_answered(struct ditto_connection *conn,
					       const struct ditto_wire_header *header)
{
	struct ditto_remote_reads *reads = &conn->res->remote;
	struct ditto_remote_read *read;

	spin_lock_irq(&reads->lock);
	read = asked(conn, header);
	if (read)
		list_del(&read->link);
	if (!list_empty(&reads->waiting))
		kick(conn->res);
	spin_unlock_irq(&reads->lock);
	return read;
}

/* The local disk could not read it, and another has: that one is good. */
static void was_unreadable(struct ditto_connection *conn, const struct ditto_remote_read *read)
{
	struct ditto_resource *res = conn->res;

	ditto_disk_unreadable(res, offset_of(read), read->user->bi_iter.bi_size, "read from ",
			      conn->peer->name);
	if (READ_ONCE(res->options.on_read_error) == DITTO_READ_ERROR_DETACH)
		ditto_resource_disk_error(res);
}

int ditto_remote_read_data(struct ditto_connection *conn, const struct ditto_wire_header *header,
			   struct bio *data)
{
	struct ditto_remote_read *read = take_answered(conn, header);

	if (!read) {
		ditto_payload_free(data);
		return -EPROTO;
	}
	bio_copy_data(read->user, data);
	if (read->status)
		was_unreadable(conn, read);
	if (read->repair)
		ditto_repair_write(read->repair, data);
	else
		ditto_payload_free(data);
	read->end(read, BLK_STS_OK);
	return 0;
}

int ditto_remote_read_failed(struct ditto_connection *conn, const struct ditto_wire_header *header)
{
	struct ditto_remote_reads *reads = &conn->res->remote;
	struct ditto_remote_read *read;

	spin_lock_irq(&reads->lock);
	read = asked(conn, header);
	if (read) {
		read->tried |= BIT(conn->peer->node_id);
		list_move(&read->link, &reads->waiting);
		kick(conn->res);
	}
	spin_unlock_irq(&reads->lock);
	return read ? 0 : -EPROTO;
}

bool ditto_remote_read_late(struct ditto_connection *conn, unsigned long timeout)
{
	struct ditto_remote_reads *reads = &conn->res->remote;
	struct ditto_remote_read *read;
	bool late = false;

	spin_lock_irq(&reads->lock);
	list_for_each_entry(read, &reads->sent, link) {
		if (read->conn != conn)
			continue;
		late = time_after(jiffies, read->sent_at + timeout);
		break;
	}
	spin_unlock_irq(&reads->lock);
	return late;
}

void ditto_remote_read_lost(struct ditto_resource *res, const struct ditto_connection *conn)
{
	struct ditto_remote_reads *reads = &res->remote;
	struct ditto_remote_read *read, *next;

	spin_lock_irq(&reads->lock);
	list_for_each_entry_safe(read, next, &reads->sent, link)
		if (read->conn == conn)
			list_move_tail(&read->link, &reads->waiting);
	if (!list_empty(&reads->waiting))
		kick(res);
	spin_unlock_irq(&reads->lock);
}

void ditto_remote_read_hold(struct ditto_resource *res, unsigned long timeout)
{
	unsigned long flags;

	spin_lock_irqsave(&res->remote.lock, flags);
	WRITE_ONCE(res->remote.until, jiffies + timeout);
	if (!list_empty(&res->remote.waiting))
		kick(res);
	spin_unlock_irqrestore(&res->remote.lock, flags);
}

void ditto_remote_read_setup(struct ditto_remote_reads *reads)
{
	spin_lock_init(&reads->lock);
	INIT_LIST_HEAD(&reads->waiting);
	INIT_LIST_HEAD(&reads->sent);
	INIT_DELAYED_WORK(&reads->work, remote_read_work);
	reads->until = jiffies;
}

void ditto_remote_read_shutdown(struct ditto_resource *res)
{
	cancel_delayed_work_sync(&res->remote.work);
}

int ditto_remote_read_init(void)
{
	remote_read_wq = alloc_workqueue("ditto_remote_read", WQ_MEM_RECLAIM, 0);
	return remote_read_wq ? 0 : -ENOMEM;
}

void ditto_remote_read_exit(void)
{
	destroy_workqueue(remote_read_wq);
}
