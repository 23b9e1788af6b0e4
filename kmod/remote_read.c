// SPDX-License-Identifier: GPL-2.0
#include "remote_read.h"

#include <linux/bio.h>

#include "connection.h"
#include "core/wire.h"
#include "device.h"
#include "disk.h"
#include "payload.h"
#include "peer.h"
#include "resource.h"

static struct workqueue_struct *remote_read_wq;

static void kick(struct ditto_resource *res)
{
	queue_work(remote_read_wq, &res->remote.work);
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

/* Members but @tried take turns. Return: a connection with a reference, or NULL. */
static struct ditto_connection *choose(struct ditto_resource *res, u32 tried)
{
	struct ditto_connection *conn = NULL;
	u32 i, node;

	spin_lock_irq(&res->stream_lock);
	for (i = 1; i <= DITTO_MAX_NODES && !conn; i++) {
		node = (res->remote.turn + i) % DITTO_MAX_NODES;
		if (res->role != DITTO_ROLE_PRIMARY || tried & BIT(node) || !is_good(res, node))
			continue;
		res->remote.turn = node;
		conn = ditto_connection_get(res->peers[node]->connection);
	}
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

/* Who cannot serve the next that waits? */
static u32 next_tried(struct ditto_remote_reads *reads)
{
	struct ditto_remote_read *read;
	u32 tried;

	spin_lock_irq(&reads->lock);
	read = list_first_entry_or_null(&reads->waiting, struct ditto_remote_read, link);
	tried = read ? read->tried : 0;
	spin_unlock_irq(&reads->lock);
	return tried;
}

/* The next that waits: sent to @conn from now on, or to nobody where that is NULL. */
static struct ditto_remote_read *take(struct ditto_remote_reads *reads,
				      const struct ditto_connection *conn,
				      struct ditto_wire_header *header)
{
	struct ditto_remote_read *read;

	spin_lock_irq(&reads->lock);
	read = list_first_entry_or_null(&reads->waiting, struct ditto_remote_read, link);
	if (read && conn && count_sent(reads, conn) >= DITTO_REMOTE_READS_MOST) {
		read = NULL;
	} else if (read && conn) {
		list_move_tail(&read->link, &reads->sent);
		read->conn = conn;
		read->number = ++reads->number;
		read->sent_at = jiffies;
		header->epoch = read->number;
		header->offset = (u64)read->user->bi_iter.bi_sector << SECTOR_SHIFT;
		header->size = read->user->bi_iter.bi_size;
	} else if (read) {
		list_del(&read->link);
	}
	spin_unlock_irq(&reads->lock);
	return read;
}

static void remote_read_work(struct work_struct *work)
{
	struct ditto_remote_reads *reads = container_of(work, struct ditto_remote_reads, work);
	struct ditto_resource *res = container_of(reads, struct ditto_resource, remote);
	struct ditto_wire_header header = { .type = DITTO_WIRE_READ };
	struct ditto_remote_read *read;
	struct ditto_connection *conn;

	do {
		conn = choose(res, next_tried(reads));
		read = take(reads, conn, &header);
		if (read && conn)
			ditto_connection_send(conn, DITTO_LANE_CONTROL, &header, NULL, 0);
		else if (read)
			ditto_device_read_end(read, BLK_STS_IOERR);
		if (conn) {
			/* It may have been lost before the read was in the list. */
			if (test_bit(DITTO_CONN_FAILED, &conn->flags))
				ditto_remote_read_lost(res, conn);
			ditto_connection_put(conn);
		}
		cond_resched();
	} while (read);
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
	bool known;

	spin_lock_irq(&res->remote.lock);
	known = asked(conn, header);
	spin_unlock_irq(&res->remote.lock);
	return known ? ditto_payload_alloc(res->disk->backing.bdev, REQ_OP_READ, header->offset,
					   header->size) : NULL;
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

int ditto_remote_read_data(struct ditto_connection *conn, const struct ditto_wire_header *header,
			   struct bio *data)
{
	struct ditto_remote_read *read = take_answered(conn, header);

	if (read) {
		bio_copy_data(read->user, data);
		ditto_device_read_end(read, BLK_STS_OK);
	}
	ditto_payload_free(data);
	return read ? 0 : -EPROTO;
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

void ditto_remote_read_setup(struct ditto_remote_reads *reads)
{
	spin_lock_init(&reads->lock);
	INIT_LIST_HEAD(&reads->waiting);
	INIT_LIST_HEAD(&reads->sent);
	INIT_WORK(&reads->work, remote_read_work);
}

void ditto_remote_read_shutdown(struct ditto_resource *res)
{
	cancel_work_sync(&res->remote.work);
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
