// SPDX-License-Identifier: GPL-2.0
#include "verify.h"

#include <linux/bio.h>
#include <linux/crc32c.h>
#include <linux/math64.h>
#include <linux/mempool.h>
#include <linux/slab.h>

#include "applier.h"
#include "compat.h"
#include "connection.h"
#include "device.h"
#include "disk.h"
#include "disk_io.h"
#include "local_read.h"
#include "log.h"
#include "payload.h"
#include "peer.h"
#include "resource.h"

#define EXTENT		DITTO_WIRE_MAX_VERIFY
#define BLOCKS		(EXTENT / DITTO_WIRE_VERIFY_BLOCK)
#define WINDOW		4u
#define TRIES		5u
/* Questions of one peer that may wait here; it has WINDOW under way. */
#define ASKS		(4 * WINDOW)
/* In reserve of each, for all resources: one ends by what the disk and peers do, and is free. */
#define POOL_ITEMS	WINDOW
#define POOL_ASKS	WINDOW
/* How soon memory is looked for again. */
#define LATER_MS	20

/**
 * struct ditto_verify_item - an extent under comparison
 * @link: in items
 * @read_link: in read, or in the list of what is to be ended
 * @read: of the local disk
 * @res: whose
 * @number: of the question
 * @start: bytes
 * @size: bytes
 * @waiting: a bit for each node id that has not answered
 * @spoiled: an answer differed while a write crossed
 * @tries: so far
 * @sums: of the local blocks
 */
struct ditto_verify_item {
	struct list_head link;
	struct list_head read_link;
	struct ditto_local_read read;
	struct ditto_resource *res;
	u64 number;
	u64 start;
	u32 size;
	u32 waiting;
	bool spoiled;
	u32 tries;
	u32 sums[BLOCKS];
};

/* A question of the Primary, on the Secondary, with all that answering it takes. */
struct ditto_verify_ask {
	struct list_head link;
	struct ditto_connection *conn;
	struct work_struct work;
	struct bio *bio;
	blk_status_t status;
	u64 number;
	u64 position;
	u64 offset;
	u32 size;
	__le32 sums[BLOCKS];
};

static struct workqueue_struct *verify_wq;
static mempool_t item_pool, ask_pool;

static u32 block_sum(const struct bio *bio, u32 block, u32 bytes)
{
	const struct bio_vec *bv = &bio->bi_io_vec[block];

	/* Payload pages are of one block each. */
	return ~crc32c(~0u, page_address(bv->bv_page), min(bytes, bv->bv_len));
}

static u32 blocks_of(u32 size)
{
	return DIV_ROUND_UP(size, DITTO_WIRE_VERIFY_BLOCK);
}

static void item_read(struct ditto_local_read *read)
{
	struct ditto_verify_item *item = container_of(read, struct ditto_verify_item, read);
	struct ditto_resource *res = item->res;
	unsigned long flags;

	spin_lock_irqsave(&res->stream_lock, flags);
	list_add_tail(&item->read_link, &res->verify.read);
	/* Once the lock is dropped, the item may end, and the resource go. */
	mod_delayed_work(verify_wq, &res->verify.work, 0);
	spin_unlock_irqrestore(&res->stream_lock, flags);
}

static void item_start(struct ditto_verify_item *item)
{
	struct ditto_resource *res = item->res;
	bool ready;

	item->tries++;
	item->spoiled = false;
	spin_lock_irq(&res->stream_lock);
	item->number = ++res->verify.number;
	ready = ditto_stream_read_begin(&res->stream, &item->read.reader);
	spin_unlock_irq(&res->stream_lock);
	if (ready)
		ditto_local_read_submit(&item->read.reader);
}

static struct ditto_verify_item *item_new(struct ditto_resource *res)
{
	struct ditto_verify_item *item = mempool_alloc(&item_pool, GFP_NOWAIT | __GFP_NOWARN);

	if (item) {
		memset(item, 0, sizeof(*item));
		item->res = res;
	}
	return item;
}

static void item_free(struct ditto_verify_item *item)
{
	if (item->read.bio)
		ditto_payload_free(item->read.bio);
	mempool_free(item, &item_pool);
}

/* Room for a local read of it; it waits for nothing. Return: 0, -ENOMEM. */
static int item_room(struct ditto_verify_item *item)
{
	return ditto_local_read_init(&item->read, item->res->disk, item->start, item->size, false,
				     item_read);
}

/* Under stream_lock: the next extent. Return: false where none is to begin now. */
static bool item_place(struct ditto_verify_item *item)
{
	struct ditto_verify *v = &item->res->verify;
	u64 bytes = v->running ? item->res->device->bytes : 0;

	if (v->cursor >= bytes || v->inflight >= WINDOW)
		return false;
	item->start = v->cursor;
	item->size = min_t(u64, EXTENT, bytes - v->cursor);
	return true;
}

/* A new extent; false where there is none, or enough are under way, or there is no memory. */
static bool item_next(struct ditto_resource *res)
{
	struct ditto_verify *v = &res->verify;
	struct ditto_verify_item *item = item_new(res);
	bool more, begun = false;

	if (!item)
		goto later;
	spin_lock_irq(&res->stream_lock);
	more = item_place(item);
	spin_unlock_irq(&res->stream_lock);
	if (more && item_room(item)) {
		item_free(item);
		goto later;
	}
	spin_lock_irq(&res->stream_lock);
	/* It may have been stopped meanwhile. */
	if (more && v->cursor == item->start) {
		v->cursor += item->size;
		v->inflight++;
		list_add_tail(&item->link, &v->items);
		begun = true;
	}
	spin_unlock_irq(&res->stream_lock);
	if (begun) {
		item_start(item);
		return true;
	}
	item_free(item);
	return more;
later:
	queue_delayed_work(verify_wq, &v->work, msecs_to_jiffies(LATER_MS));
	return false;
}

/* All have answered: try again, or let it go. */
static void item_end(struct ditto_verify_item *item)
{
	struct ditto_resource *res = item->res;
	bool again = item->spoiled && item->tries < TRIES && res->verify.running;
	u32 i;

	if (item->read.bio)
		ditto_payload_free(item->read.bio);
	item->read.bio = NULL;
	spin_lock_irq(&res->stream_lock);
	ditto_stream_read_end(&res->stream, &item->read.reader);
	spin_unlock_irq(&res->stream_lock);
	/* Without memory to try again it counts as one that did not help. */
	again = again && !item_room(item);
	spin_lock_irq(&res->stream_lock);
	if (!again) {
		for (i = 0; item->spoiled && i < DITTO_MAX_NODES; i++)
			if (res->verify.peers & BIT(i) && res->peers[i])
				res->peers[i]->verify_skipped += item->size;
		list_del(&item->link);
		res->verify.done += item->size;
		res->verify.inflight--;
		mod_delayed_work(verify_wq, &res->verify.work, 0);
	}
	spin_unlock_irq(&res->stream_lock);
	if (again) {
		item_start(item);
		return;
	}
	item_free(item);
}

static void item_ask(struct ditto_verify_item *item)
{
	struct ditto_resource *res = item->res;
	struct ditto_connection *conns[DITTO_MAX_NODES] = {};
	struct ditto_wire_header header = {
		.type = DITTO_WIRE_VERIFY_ASK,
		.position = item->read.reader.position,
		.epoch = item->number,
		.offset = item->start,
		.size = item->size,
	};
	u32 i;

	for (i = 0; i < blocks_of(item->size); i++)
		item->sums[i] = block_sum(item->read.bio, i, item->size -
					  i * DITTO_WIRE_VERIFY_BLOCK);
	spin_lock_irq(&res->stream_lock);
	item->waiting = 0;
	for (i = 0; i < DITTO_MAX_NODES; i++) {
		if (!(res->verify.peers & BIT(i)) || !res->peers[i] || !res->peers[i]->connection)
			continue;
		conns[i] = ditto_connection_get(res->peers[i]->connection);
		item->waiting |= BIT(i);
	}
	/* One for ourselves: answers may come while others are being asked. */
	item->waiting |= BIT(res->node_id);
	spin_unlock_irq(&res->stream_lock);
	for (i = 0; i < DITTO_MAX_NODES; i++) {
		if (!conns[i])
			continue;
		ditto_connection_send(conns[i], DITTO_LANE_BULK, &header, NULL, 0);
		ditto_connection_put(conns[i]);
	}
}

/* Nobody is waited for after @node any more: is the item at its end? */
static bool item_answered(struct ditto_verify_item *item, u32 node)
{
	u32 before = item->waiting;

	lockdep_assert_held(&item->res->stream_lock);
	item->waiting &= ~BIT(node);
	return before && !item->waiting;
}

static void item_asked(struct ditto_verify_item *item)
{
	struct ditto_resource *res = item->res;
	bool failed = READ_ONCE(res->disk->failed);
	bool end;

	/* A disk that is written to no more says nothing of those that are. */
	if (item->read.status || failed) {
		if (!failed)
			ditto_disk_unreadable(res, item->start, item->size, "not verified", "");
		item->spoiled = true;
		item->tries = TRIES;
		item_end(item);
		return;
	}
	item_ask(item);
	spin_lock_irq(&res->stream_lock);
	end = item_answered(item, res->node_id);
	spin_unlock_irq(&res->stream_lock);
	if (end)
		item_end(item);
}

static void verify_work(struct work_struct *work)
{
	struct ditto_verify *v = container_of(work, struct ditto_verify, work.work);
	struct ditto_resource *res = container_of(v, struct ditto_resource, verify);
	struct ditto_verify_item *item, *next;
	bool ended;
	LIST_HEAD(read);

	spin_lock_irq(&res->stream_lock);
	list_splice_init(&v->read, &read);
	spin_unlock_irq(&res->stream_lock);
	list_for_each_entry_safe(item, next, &read, read_link)
		item_asked(item);
	while (item_next(res))
		cond_resched();
	spin_lock_irq(&res->stream_lock);
	/* Not while it waits for memory only. */
	ended = v->running && !v->inflight && v->cursor >= res->device->bytes;
	if (ended)
		v->running = false;
	spin_unlock_irq(&res->stream_lock);
	if (!ended)
		return;
	ditto_resource_event(res, DITTO_RES_VERIFY_DONE);
	wake_up_all(&res->idle_wait);
}

/* Under stream_lock: [@start, @start + @size) differs at @peer. */
static void mark(struct ditto_peer *peer, u64 start, u64 size)
{
	u32 n = peer->verify_ranges_count;

	peer->verify_errors += size;
	ditto_account_lacks(&peer->res->account, peer->node_id, start, size);
	if (n && peer->verify_ranges[n - 1].start + peer->verify_ranges[n - 1].size == start) {
		peer->verify_ranges[n - 1].size += size;
	} else if (n < DITTO_VERIFY_RANGES) {
		peer->verify_ranges[n].start = start;
		peer->verify_ranges[n].size = size;
		peer->verify_ranges_count++;
	}
}

/* Under stream_lock; @sums is NULL where the peer cannot read its copy: what is sent heals it. */
static void compare(struct ditto_verify_item *item, struct ditto_peer *peer, const u8 *sums)
{
	u32 i, count = blocks_of(item->size);

	for (i = 0; i < count; i++) {
		u32 bytes = min_t(u32, item->size - i * DITTO_WIRE_VERIFY_BLOCK,
				  DITTO_WIRE_VERIFY_BLOCK);

		if (sums && item->sums[i] == get_unaligned_le32(sums + 4 * i))
			continue;
		if (item->read.reader.crossed || READ_ONCE(item->res->disk->failed)) {
			item->spoiled = true;
			return;
		}
		mark(peer, item->start + i * DITTO_WIRE_VERIFY_BLOCK, bytes);
	}
}

int ditto_verify_sums(struct ditto_connection *conn, const struct ditto_wire_header *header,
		      const u8 *payload)
{
	struct ditto_resource *res = conn->res;
	u32 node = conn->peer->node_id;
	struct ditto_verify_item *item;
	int err = -EPROTO;
	bool end = false;

	spin_lock_irq(&res->stream_lock);
	list_for_each_entry(item, &res->verify.items, link) {
		if (item->number != header->epoch || !(item->waiting & BIT(node)))
			continue;
		if (header->length != blocks_of(item->size) * 4)
			break;
		compare(item, conn->peer,
			header->flags & DITTO_WIREF_UNREADABLE ? NULL : payload);
		end = item_answered(item, node);
		err = 0;
		break;
	}
	spin_unlock_irq(&res->stream_lock);
	if (end)
		item_end(item);
	return err;
}

void ditto_verify_lost(struct ditto_resource *res, u32 node)
{
	struct ditto_verify_item *item, *next;
	LIST_HEAD(ended);

	spin_lock_irq(&res->stream_lock);
	res->verify.peers &= ~BIT(node);
	if (!res->verify.peers)
		res->verify.cursor = U64_MAX;
	list_for_each_entry(item, &res->verify.items, link) {
		if (item->waiting & BIT(node) && item_answered(item, node))
			list_add_tail(&item->read_link, &ended);
	}
	spin_unlock_irq(&res->stream_lock);
	list_for_each_entry_safe(item, next, &ended, read_link)
		item_end(item);
}

int ditto_verify_begin(struct ditto_resource *res, struct netlink_ext_ack *extack)
{
	struct ditto_verify *v = &res->verify;
	u32 peers = 0;
	u32 i;

	if (res->role != DITTO_ROLE_PRIMARY)
		return ditto_refuse(extack, -EROFS, "verify runs on the Primary, and this node is not: run it there");
	if (READ_ONCE(res->disk->failed))
		return ditto_refuse(extack, -EIO,
				    "the disk has failed: there is no local copy to compare");
	if (v->running)
		return ditto_refuse(extack, -EBUSY, "a verify is already running: --stop ends it");
	for (i = 0; i < DITTO_MAX_NODES; i++)
		if (res->peers[i] && res->peers[i]->replication == DITTO_REPLICATION_ESTABLISHED)
			peers |= BIT(i);
	if (!peers)
		return ditto_refuse(extack, -ENOTCONN, "no peer is connected and in sync, there is nothing to compare with");
	spin_lock_irq(&res->stream_lock);
	v->peers = peers;
	v->cursor = 0;
	v->done = 0;
	v->rate = 0;
	v->rate_done = 0;
	v->rate_at = jiffies;
	v->running = true;
	for (i = 0; i < DITTO_MAX_NODES; i++) {
		if (!(peers & BIT(i)))
			continue;
		res->peers[i]->verify_errors = 0;
		res->peers[i]->verify_skipped = 0;
		res->peers[i]->verify_ranges_count = 0;
	}
	spin_unlock_irq(&res->stream_lock);
	mod_delayed_work(verify_wq, &v->work, 0);
	return 0;
}

void ditto_verify_stop(struct ditto_resource *res)
{
	bool running;

	spin_lock_irq(&res->stream_lock);
	running = res->verify.running;
	if (running)
		res->verify.cursor = U64_MAX;
	spin_unlock_irq(&res->stream_lock);
	if (running)
		mod_delayed_work(verify_wq, &res->verify.work, 0);
}

u64 ditto_verify_rate(struct ditto_resource *res)
{
	struct ditto_verify *v = &res->verify;
	unsigned long passed = jiffies - v->rate_at;

	lockdep_assert_held(&res->stream_lock);
	if (passed >= HZ) {
		v->rate = div64_u64((v->done - v->rate_done) * HZ, passed);
		v->rate_done = v->done;
		v->rate_at = jiffies;
	}
	return v->rate;
}

void ditto_verify_shutdown(struct ditto_resource *res)
{
	cancel_delayed_work_sync(&res->verify.work);
}

static void ask_free(struct ditto_verify_ask *ask)
{
	if (ask->bio)
		ditto_payload_free(ask->bio);
	ditto_connection_put(ask->conn);
	mempool_free(ask, &ask_pool);
}

/* The disk has been read for it. */
static void ask_done(struct ditto_verify_ask *ask)
{
	struct ditto_applier *app = &ask->conn->res->applier;

	ask_free(ask);
	atomic_dec(&app->answers);
}

/* The Primary has what it lacks, or the disk is lost, as the option says. Return: flags. */
static u32 answer_unreadable(struct ditto_verify_ask *ask)
{
	struct ditto_resource *res = ask->conn->res;

	ditto_disk_unreadable(res, ask->offset, ask->size, "differs from ",
			      ask->conn->peer->name);
	if (READ_ONCE(res->options.on_read_error) == DITTO_READ_ERROR_DETACH)
		ditto_resource_disk_error(res);
	return DITTO_WIREF_UNREADABLE;
}

static void answer_work(struct work_struct *work)
{
	struct ditto_verify_ask *ask = container_of(work, struct ditto_verify_ask, work);
	struct ditto_wire_header header = {
		.type = DITTO_WIRE_VERIFY_SUMS,
		.epoch = ask->number,
		.offset = ask->offset,
		.size = ask->size,
	};
	u32 i, count = blocks_of(ask->size);

	if (ask->status && READ_ONCE(ask->conn->res->disk->failed)) {
		ask_done(ask);
		return;
	}
	if (ask->status)
		header.flags = answer_unreadable(ask);
	for (i = 0; i < count && !ask->status; i++)
		ask->sums[i] = cpu_to_le32(block_sum(ask->bio, i, ask->size -
						     i * DITTO_WIRE_VERIFY_BLOCK));
	ditto_connection_send(ask->conn, DITTO_LANE_CONTROL, &header, ask->sums,
			      count * sizeof(ask->sums[0]));
	ask_done(ask);
}

static void answer_read(void *owner, struct bio *bio, blk_status_t status)
{
	struct ditto_verify_ask *ask = owner;

	ask->bio = bio;
	ask->status = status;
	queue_work(verify_wq, &ask->work);
}

int ditto_verify_ask(struct ditto_connection *conn, const struct ditto_wire_header *header)
{
	struct ditto_applier *app = &conn->res->applier;
	struct ditto_verify_ask *ask, *other;
	u32 count = 0;

	ask = mempool_alloc(&ask_pool, GFP_NOWAIT | __GFP_NOWARN);
	if (!ask)
		return -EAGAIN;
	ask->bio = ditto_payload_try(DITTO_PAYLOAD_TARGET, conn->res->disk->backing.bdev,
				     REQ_OP_READ, header->offset, header->size);
	if (!ask->bio) {
		mempool_free(ask, &ask_pool);
		return -EAGAIN;
	}
	INIT_WORK(&ask->work, answer_work);
	ask->conn = ditto_connection_get(conn);
	ask->number = header->epoch;
	ask->position = header->position;
	ask->offset = header->offset;
	ask->size = header->size;
	spin_lock_irq(&app->lock);
	list_for_each_entry(other, &app->asks, link)
		count++;
	if (app->upstream == conn && count < ASKS)
		list_add_tail(&ask->link, &app->asks);
	else
		count = ASKS;
	spin_unlock_irq(&app->lock);
	if (count < ASKS)
		return 0;
	ask_free(ask);
	return -EPROTO;
}

void ditto_verify_answer(struct ditto_applier *app)
{
	struct ditto_verify_ask *ask, *next;
	LIST_HEAD(due);

	spin_lock_irq(&app->lock);
	list_for_each_entry_safe(ask, next, &app->asks, link)
		if (ask->position <= app->core.written)
			list_move_tail(&ask->link, &due);
	spin_unlock_irq(&app->lock);
	list_for_each_entry_safe(ask, next, &due, link) {
		struct bio *bio = ask->bio;

		/* The disk's, until it says otherwise. */
		ask->bio = NULL;
		atomic_inc(&app->answers);
		ditto_disk_submit(ask->conn->res->disk, bio, ditto_payload_free, answer_read, ask);
	}
}

void ditto_verify_forget(struct ditto_applier *app, struct ditto_connection *conn)
{
	struct ditto_verify_ask *ask, *next;
	LIST_HEAD(gone);

	spin_lock_irq(&app->lock);
	list_for_each_entry_safe(ask, next, &app->asks, link)
		if (ask->conn == conn)
			list_move_tail(&ask->link, &gone);
	spin_unlock_irq(&app->lock);
	list_for_each_entry_safe(ask, next, &gone, link)
		ask_free(ask);
}

void ditto_verify_setup(struct ditto_verify *v)
{
	INIT_LIST_HEAD(&v->items);
	INIT_LIST_HEAD(&v->read);
	INIT_DELAYED_WORK(&v->work, verify_work);
}

int ditto_verify_init(void)
{
	int err = -ENOMEM;

	verify_wq = alloc_workqueue("ditto_verify", WQ_MEM_RECLAIM, 0);
	if (!verify_wq)
		return err;
	err = mempool_init_kmalloc_pool(&item_pool, POOL_ITEMS, sizeof(struct ditto_verify_item));
	if (err)
		goto no_items;
	err = mempool_init_kmalloc_pool(&ask_pool, POOL_ASKS, sizeof(struct ditto_verify_ask));
	if (!err)
		return 0;
	mempool_exit(&item_pool);
no_items:
	destroy_workqueue(verify_wq);
	return err;
}

void ditto_verify_exit(void)
{
	destroy_workqueue(verify_wq);
	mempool_exit(&ask_pool);
	mempool_exit(&item_pool);
}
