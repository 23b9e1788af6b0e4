// SPDX-License-Identifier: GPL-2.0
#include "syncer.h"

#include <linux/blkdev.h>
#include <linux/math64.h>
#include <linux/mempool.h>
#include <linux/refcount.h>
#include <linux/slab.h>

#include "compare.h"
#include "connection.h"
#include "device.h"
#include "disk.h"
#include "gate.h"
#include "local_read.h"
#include "payload.h"
#include "peer.h"
#include "request.h"
#include "resource.h"

/* A resync goes on with these where there is no memory, one large extent at a time. */
#define POOL_EXTENTS	64
#define POOL_SUMS	8
/* How soon it looks for memory again. */
#define LATER_MS	20
/*
 * Bytes of a resync on their way where a member's disk is read for it. That one may
 * be the last good copy, and is lost when a read takes too long.
 */
#define ELSEWHERE_MOST	(4u << 20)
/* What is written anew so often, and cannot be read then, will never be. */
#define AGAIN_ROUNDS	3u

/**
 * struct ditto_extent_io - an extent, its data, and where it goes
 * @extent: in the peer's plan, until it is durable there or given up
 * @parcel: for the pace, until @extent is written there or given up
 * @read: the local read; its reader is in the stream's ranges as long as
 *	@extent is in the plan: writes that cross it carry a guard
 * @sums: its checksums, where these go instead of the data
 * @again: where the disk could not read it: reads it from the device, and so
 *	from a member
 * @work: makes @sums; begins and ends @again
 * @link: in the connection's extents, when the data is there
 * @peer: a reference is held
 * @conn: a reference is held
 * @ref: one for the plan, one for reading and sending
 */
struct ditto_extent_io {
	struct ditto_extent extent;
	struct ditto_parcel parcel;
	struct ditto_local_read read;
	struct ditto_wire_sums *sums;
	struct bio *again;
	struct work_struct work;
	struct list_head link;
	struct ditto_peer *peer;
	struct ditto_connection *conn;
	refcount_t ref;
};

static struct kmem_cache *extent_cache;
static mempool_t extent_pool;
static mempool_t sums_pool;
static struct workqueue_struct *syncer_wq;

static void free_data(struct ditto_extent_io *io)
{
	if (io->read.bio)
		ditto_payload_free(io->read.bio);
	io->read.bio = NULL;
	if (io->sums)
		mempool_free(io->sums, &sums_pool);
	io->sums = NULL;
}

static void extent_put(struct ditto_extent_io *io)
{
	struct ditto_connection *conn = io->conn;

	if (!refcount_dec_and_test(&io->ref))
		return;
	free_data(io);
	mempool_free(io, &extent_pool);
	ditto_connection_put(conn);
}

struct bio *ditto_syncer_data(struct ditto_extent_io *io)
{
	return io->read.bio;
}

void ditto_syncer_sent(struct ditto_extent_io *io)
{
	struct ditto_peer *peer = io->peer;

	free_data(io);
	/* The extent keeps the connection, that the peer, and that the resource. */
	if (atomic_dec_and_test(&peer->sync.reads))
		wake_up_all(&peer->res->idle_wait);
	extent_put(io);
}

/* Any context: what is to be sent is there, or never will be. */
static void extent_ready(struct ditto_extent_io *io)
{
	struct ditto_connection *conn = io->conn;
	unsigned long flags;
	bool closed;

	spin_lock_irqsave(&conn->queue_lock, flags);
	closed = test_bit(DITTO_CONN_NO_EXTENTS, &conn->flags);
	if (!closed) {
		/* Once the lock is dropped, @io and its connection may be gone. */
		list_add_tail(&io->link, &conn->extents);
		ditto_connection_kick(conn);
	}
	spin_unlock_irqrestore(&conn->queue_lock, flags);
	if (closed)
		ditto_syncer_sent(io);
}

static void sums_work(struct work_struct *work)
{
	struct ditto_extent_io *io = container_of(work, struct ditto_extent_io, work);

	ditto_compare_sum(io->read.bio, io->sums);
	ditto_payload_free(io->read.bio);
	io->read.bio = NULL;
	extent_ready(io);
}

/* Any context: the data of an extent has been read. */
static void extent_read(struct ditto_local_read *read)
{
	struct ditto_extent_io *io = container_of(read, struct ditto_extent_io, read);

	/* Not here: it takes a while, and this may be an interrupt. */
	if (io->sums && !read->status)
		queue_work(syncer_wq, &io->work);
	else
		extent_ready(io);
}

static struct ditto_extent_io *io_of(struct ditto_extent *e)
{
	return container_of(e, struct ditto_extent_io, extent);
}

/* Under stream_lock. */
static u32 targets(const struct ditto_resource *res)
{
	u32 i, count = 0;

	for (i = 0; i < DITTO_MAX_NODES; i++)
		count += res->peers[i] && res->peers[i]->sync.running;
	return count;
}

/* Under stream_lock: the next extent of the plan, if the pace allows one now. */
static bool plan_next(struct ditto_peer *peer, struct ditto_extent_io *io)
{
	struct ditto_peer_sync *sync = &peer->sync;
	struct ditto_resource *res = peer->res;
	u64 now = ktime_get_ns();
	u64 wait;
	u32 most;

	if (!sync->running || READ_ONCE(res->resync_paused))
		return false;
	/* Those that began with a disk which has failed since are about to be lost. */
	if (READ_ONCE(res->disk->failed) && (res->stream.disk != DITTO_STREAM_DISK_LEFT ||
					     sync->plan.inflight >= ELSEWHERE_MOST))
		return false;
	most = ditto_pace_extent(&res->pace, &sync->path, sync->plan.inflight, targets(res),
				 1u << peer->bits.shift, now, &wait);
	if (!most) {
		if (wait)
			mod_delayed_work(syncer_wq, &sync->work, nsecs_to_jiffies(wait) + 1);
		return false;
	}
	ditto_resync_limit(&sync->plan, most);
	ditto_resync_compare(&sync->plan, READ_ONCE(res->options.resync_checksum));
	if (!ditto_resync_next(&sync->plan, &io->extent, res->stream.position))
		return false;
	ditto_pace_taken(&res->pace, &sync->path, &io->parcel, io->extent.size, now);
	return true;
}

/*
 * What it takes to read an extent that has been taken from the plan, and to make its
 * checksums. Return: false where there is no memory now.
 */
static bool add_room(struct ditto_extent_io *io)
{
	struct ditto_peer *peer = io->peer;

	if (io->extent.compare) {
		io->sums = mempool_alloc(&sums_pool, GFP_NOWAIT | __GFP_NOWARN);
		if (!io->sums)
			return false;
		io->sums->shift = peer->bits.shift;
	}
	return !ditto_local_read_init(&io->read, peer->res->disk, io->extent.start,
				      io->extent.size, true, extent_read);
}

/* There is no memory for it: it goes back, unless its plan has ended meanwhile. */
static void extent_give_back(struct ditto_extent_io *io)
{
	struct ditto_peer *peer = io->peer;
	struct ditto_resource *res = peer->res;
	bool running;

	spin_lock_irq(&res->stream_lock);
	running = peer->sync.running;
	if (running) {
		ditto_resync_abandon(&peer->sync.plan, &io->extent);
		ditto_pace_dropped(&res->pace, &io->parcel, ktime_get_ns());
	}
	spin_unlock_irq(&res->stream_lock);
	if (running) {
		refcount_dec(&io->ref);
		queue_delayed_work(syncer_wq, &peer->sync.work, msecs_to_jiffies(LATER_MS));
	}
	/* As if it had been sent: what reads it took is told, too. */
	ditto_syncer_sent(io);
}

/* An extent with nothing in it yet. Return: NULL where there is none now. */
static struct ditto_extent_io *extent_new(struct ditto_peer *peer)
{
	struct ditto_extent_io *io = mempool_alloc(&extent_pool, GFP_NOWAIT | __GFP_NOWARN);
	bool taken;

	if (!io) {
		queue_delayed_work(syncer_wq, &peer->sync.work, msecs_to_jiffies(LATER_MS));
		return NULL;
	}
	memset(io, 0, sizeof(*io));
	refcount_set(&io->ref, 2);
	io->peer = peer;
	INIT_WORK(&io->work, sums_work);
	spin_lock_irq(&peer->res->stream_lock);
	taken = plan_next(peer, io);
	spin_unlock_irq(&peer->res->stream_lock);
	if (taken)
		return io;
	mempool_free(io, &extent_pool);
	return NULL;
}

/* Take the next extent from the plan. Return: false when there is none now. */
static bool extent_take(struct ditto_peer *peer, struct ditto_connection *conn)
{
	struct ditto_resource *res = peer->res;
	struct ditto_extent_io *io = extent_new(peer);
	bool ready = false;

	if (!io)
		return false;
	atomic_inc(&peer->sync.reads);
	io->conn = ditto_connection_get(conn);
	if (!add_room(io)) {
		extent_give_back(io);
		return false;
	}
	io->read.remote.dev = res->device;
	spin_lock_irq(&res->stream_lock);
	io->read.reader.elsewhere = res->stream.disk == DITTO_STREAM_DISK_LEFT;
	if (peer->sync.running) {
		ready = ditto_stream_read_begin(&res->stream, &io->read.reader);
	} else {
		/* It ended in between, and has let go of the plan's reference. */
		io->read.status = BLK_STS_AGAIN;
		ready = false;
	}
	spin_unlock_irq(&res->stream_lock);
	if (ready)
		ditto_local_read_submit(&io->read.reader);
	else if (io->read.status)
		extent_read(&io->read);
	return true;
}

static void syncer_work(struct work_struct *work)
{
	struct ditto_peer *peer = container_of(work, struct ditto_peer, sync.work.work);
	struct ditto_resource *res = peer->res;
	struct ditto_connection *conn;

	spin_lock_irq(&res->stream_lock);
	conn = peer->connection;
	if (conn)
		ditto_connection_get(conn);
	spin_unlock_irq(&res->stream_lock);
	if (!conn)
		return;
	while (!test_bit(DITTO_CONN_FAILED, &conn->flags) && extent_take(peer, conn))
		cond_resched();
	ditto_connection_put(conn);
}

void ditto_syncer_kick(struct ditto_peer *peer)
{
	mod_delayed_work(syncer_wq, &peer->sync.work, 0);
}

void ditto_syncer_kick_all(struct ditto_resource *res)
{
	u32 i;

	lockdep_assert_held(&res->stream_lock);
	for (i = 0; i < DITTO_MAX_NODES; i++)
		if (res->peers[i] && res->peers[i]->sync.running)
			ditto_syncer_kick(res->peers[i]);
}

static struct ditto_extent_io *next_read(struct ditto_connection *conn)
{
	struct ditto_extent_io *io;

	spin_lock_irq(&conn->queue_lock);
	io = list_first_entry_or_null(&conn->extents, struct ditto_extent_io, link);
	if (io)
		list_del(&io->link);
	spin_unlock_irq(&conn->queue_lock);
	return io;
}

/*
 * The resync cannot end. The disk may be the last good copy: it is only lost where
 * there is another, and the option says so.
 */
static void extent_unreadable(struct ditto_connection *conn, struct ditto_extent_io *io)
{
	struct ditto_resource *res = conn->res;
	bool others;

	if (io->read.reader.elsewhere) {
		ditto_connection_fail(conn, false, "no member can read %llu bytes at %llu",
				      (u64)io->extent.size, io->extent.start);
		return;
	}
	if (READ_ONCE(res->disk->failed))
		return;
	ditto_disk_unreadable(res, io->extent.start, io->extent.size, "no resync of ",
			      conn->peer->name);
	spin_lock_irq(&res->stream_lock);
	others = ditto_remote_read_possible(res);
	spin_unlock_irq(&res->stream_lock);
	if (others && READ_ONCE(res->options.on_read_error) == DITTO_READ_ERROR_DETACH)
		ditto_resource_disk_error(res);
	ditto_connection_fail(conn, false, "the resync's source cannot read %llu bytes at %llu",
			      (u64)io->extent.size, io->extent.start);
}

/* Forget @io, whose bits stay set: a later round of the resync comes back to it. */
static void extent_abandon(struct ditto_extent_io *io)
{
	struct ditto_peer *peer = io->peer;
	struct ditto_resource *res = peer->res;
	bool running;

	spin_lock_irq(&res->stream_lock);
	running = peer->sync.running && peer->connection == io->conn;
	if (running) {
		ditto_resync_abandon(&peer->sync.plan, &io->extent);
		ditto_pace_dropped(&res->pace, &io->parcel, ktime_get_ns());
		ditto_stream_read_end(&res->stream, &io->read.reader);
	}
	spin_unlock_irq(&res->stream_lock);
	if (!running)
		return;
	ditto_syncer_kick(peer);
	extent_put(io);
}

static void again_ended_work(struct work_struct *work)
{
	struct ditto_extent_io *io = container_of(work, struct ditto_extent_io, work);
	bool read = !io->again->bi_status;

	ditto_payload_free(io->again);
	if (read)
		extent_abandon(io);
	else
		extent_unreadable(io->conn, io);
	ditto_syncer_sent(io);
}

static void again_end_io(struct bio *bio)
{
	struct ditto_extent_io *io = bio->bi_private;

	INIT_WORK(&io->work, again_ended_work);
	queue_work(syncer_wq, &io->work);
}

static void again_work(struct work_struct *work)
{
	struct ditto_extent_io *io = container_of(work, struct ditto_extent_io, work);
	struct ditto_device *dev = io->peer->res->device;

	io->again = ditto_payload_try(DITTO_PAYLOAD_SOURCE, dev->disk->part0, REQ_OP_READ,
				      io->extent.start, io->extent.size);
	if (!io->again) {
		/* A later round of the resync comes back to it. */
		extent_abandon(io);
		ditto_gate_leave(&dev->gate);
		ditto_syncer_sent(io);
		return;
	}
	io->again->bi_private = io;
	io->again->bi_end_io = again_end_io;
	ditto_device_read(dev, io->again);
}

/*
 * A reader of the device that meets what the disk cannot read gets it from a member,
 * and has it written anew: be one, and the resync can read it afterwards.
 *
 * Return: false where nobody can help, or it did not help.
 */
static bool read_again(struct ditto_extent_io *io)
{
	struct ditto_peer_sync *sync = &io->peer->sync;
	struct ditto_resource *res = io->peer->res;
	bool may;

	spin_lock_irq(&res->stream_lock);
	if (!sync->again_rounds || io->extent.start <= sync->again_at)
		sync->again_rounds++;
	sync->again_at = io->extent.start;
	may = sync->running && sync->again_rounds <= AGAIN_ROUNDS &&
	      ditto_remote_read_possible(res);
	spin_unlock_irq(&res->stream_lock);
	if (!may || READ_ONCE(res->disk->failed) ||
	    READ_ONCE(res->options.on_read_error) != DITTO_READ_ERROR_REPAIR ||
	    !IS_ALIGNED(io->extent.start | io->extent.size,
			bdev_physical_block_size(res->disk->backing.bdev)) ||
	    !ditto_gate_try(&res->device->gate))
		return false;
	INIT_WORK(&io->work, again_work);
	queue_work(syncer_wq, &io->work);
	return true;
}

/* What its header says besides its place in the plan. */
static void describe(const struct ditto_extent_io *io, struct ditto_wire_header *header,
		     void *small, u32 *length)
{
	header->offset = io->extent.start;
	header->size = io->extent.size;
	*length = 0;
	if (io->sums) {
		header->type = DITTO_WIRE_EXTENT_SUMS;
		*length = ditto_wire_put_sums(io->sums, small);
	} else {
		header->type = ditto_payload_zero(io->read.bio) ? DITTO_WIRE_EXTENT_ZERO :
								  DITTO_WIRE_EXTENT;
	}
}

struct ditto_extent_io *ditto_syncer_next(struct ditto_connection *conn,
					  struct ditto_wire_header *header, void *small,
					  u32 *length)
{
	struct ditto_resource *res = conn->res;
	struct ditto_peer *peer = conn->peer;
	struct ditto_extent_io *io;
	bool alive;

	for (;;) {
		if (list_empty_careful(&conn->extents))
			return NULL;
		io = next_read(conn);
		if (!io)
			return NULL;
		spin_lock_irq(&res->stream_lock);
		alive = peer->sync.running && !io->read.status;
		if (alive) {
			ditto_resync_send(&peer->sync.plan, &io->extent);
			header->position = io->extent.read_at;
			header->epoch = io->extent.number;
			header->overlap = ditto_resync_floor(&peer->sync.plan,
							     res->stream.position);
			if (ditto_resync_all_sent(&peer->sync.plan))
				header->flags = DITTO_WIREF_SYNC_END;
			if (!io->sums)
				peer->sync.sent += io->extent.size;
		}
		spin_unlock_irq(&res->stream_lock);
		if (alive)
			break;
		if (io->read.status && io->read.status != BLK_STS_AGAIN) {
			if (read_again(io))
				continue;
			extent_unreadable(conn, io);
		}
		ditto_syncer_sent(io);
	}
	describe(io, header, small, length);
	return io;
}

/* Extents that have left the plan; the readers have left the stream. */
static void put_released(struct list_head *released)
{
	struct ditto_extent *e, *next;

	list_for_each_entry_safe(e, next, released, link) {
		struct ditto_extent_io *io = io_of(e);

		/* Nobody will find it ready any more. */
		if (io->read.reader.blocked)
			ditto_syncer_sent(io);
		extent_put(io);
	}
}

/* Under stream_lock. */
static void end_reads(struct ditto_resource *res, struct list_head *released)
{
	struct ditto_extent *e;

	list_for_each_entry(e, released, link) {
		struct ditto_extent_io *io = io_of(e);

		if (io->read.reader.range.kind)
			ditto_stream_read_end(&res->stream, &io->read.reader);
	}
}

/* Under stream_lock: what of @extents has been written since @before was the last. */
static void pace_written(struct ditto_peer *peer, struct list_head *extents, u64 before, u64 now)
{
	struct ditto_peer_sync *sync = &peer->sync;
	struct ditto_extent *e;

	list_for_each_entry(e, extents, link) {
		if (!e->written)
			break;
		if (e->number > before)
			ditto_pace_written(&peer->res->pace, &sync->path, &io_of(e)->parcel, now);
	}
}

/* Under stream_lock: what is equal at the target by now. */
static void count_released(struct ditto_peer_sync *sync, struct list_head *released)
{
	struct ditto_extent *e;
	u64 bytes;

	list_for_each_entry(e, released, link) {
		bytes = ditto_resync_bytes(&sync->plan, e);
		sync->done += bytes;
		if (e->compare)
			sync->skipped += bytes;
	}
}

int ditto_syncer_differs(struct ditto_peer *peer, const struct ditto_wire_header *header,
			 u32 differs)
{
	struct ditto_resource *res = peer->res;
	int err = 0;

	spin_lock_irq(&res->stream_lock);
	/* The last ones of a resync that has ended are late. */
	if (peer->sync.running)
		err = ditto_resync_differs(&peer->sync.plan, header->epoch, header->offset,
					   header->size, differs);
	spin_unlock_irq(&res->stream_lock);
	if (!err)
		ditto_syncer_kick(peer);
	return err;
}

int ditto_syncer_acked(struct ditto_peer *peer, u64 written, u64 durable)
{
	struct ditto_resource *res = peer->res;
	u64 before, now;
	LIST_HEAD(released);
	bool finished = false;
	int err = 0;

	spin_lock_irq(&res->stream_lock);
	if (peer->sync.running) {
		now = ktime_get_ns();
		before = peer->sync.plan.written;
		err = ditto_resync_acked(&peer->sync.plan, written, durable, &released);
		pace_written(peer, &released, before, now);
		pace_written(peer, &peer->sync.plan.sent, before, now);
		count_released(&peer->sync, &released);
		end_reads(res, &released);
		finished = ditto_resync_finished(&peer->sync.plan);
	}
	spin_unlock_irq(&res->stream_lock);
	put_released(&released);
	if (finished)
		ditto_peer_event(peer, DITTO_PEER_RESYNCED);
	else if (!err && READ_ONCE(peer->sync.running))
		ditto_syncer_kick(peer);
	/* Bits that were cleared go to the disk now and then. */
	ditto_regions_wake(res);
	return err;
}

u64 ditto_syncer_rate(struct ditto_peer *peer)
{
	struct ditto_peer_sync *sync = &peer->sync;
	unsigned long passed = jiffies - sync->rate_at;

	lockdep_assert_held(&peer->res->stream_lock);
	if (passed >= HZ) {
		sync->rate = div64_u64((sync->done - sync->rate_done) * HZ, passed);
		sync->rate_done = sync->done;
		sync->rate_at = jiffies;
	}
	return sync->rate;
}

void ditto_syncer_begin(struct ditto_peer *peer)
{
	struct ditto_resource *res = peer->res;
	bool finished;

	spin_lock_irq(&res->stream_lock);
	ditto_account_unfollowed(&res->account, peer->node_id);
	ditto_resync_init(&peer->sync.plan, &peer->bits, DITTO_PACE_EXTENT_MOST);
	ditto_path_init(&peer->sync.path, ktime_get_ns());
	peer->sync.done = 0;
	peer->sync.rate = 0;
	peer->sync.rate_done = 0;
	peer->sync.rate_at = jiffies;
	peer->sync.again_rounds = 0;
	peer->sync.running = true;
	finished = ditto_resync_finished(&peer->sync.plan);
	spin_unlock_irq(&res->stream_lock);
	if (finished)
		ditto_peer_event(peer, DITTO_PEER_RESYNCED);
	else
		ditto_syncer_kick(peer);
}

void ditto_syncer_end(struct ditto_peer *peer, struct ditto_connection *conn)
{
	struct ditto_resource *res = peer->res;
	struct ditto_extent_io *io;
	struct ditto_extent *e;
	LIST_HEAD(released);

	spin_lock_irq(&res->stream_lock);
	if (peer->sync.running) {
		peer->sync.running = false;
		ditto_resync_clear(&peer->sync.plan, &released);
		list_for_each_entry(e, &released, link)
			if (!e->written)
				ditto_pace_dropped(&res->pace, &io_of(e)->parcel, ktime_get_ns());
		end_reads(res, &released);
	}
	spin_unlock_irq(&res->stream_lock);
	put_released(&released);
	cancel_delayed_work_sync(&peer->sync.work);
	if (!conn)
		return;
	spin_lock_irq(&conn->queue_lock);
	set_bit(DITTO_CONN_NO_EXTENTS, &conn->flags);
	spin_unlock_irq(&conn->queue_lock);
	while ((io = next_read(conn)))
		ditto_syncer_sent(io);
}

bool ditto_syncer_idle(struct ditto_peer *peer)
{
	return !atomic_read(&peer->sync.reads);
}

void ditto_syncer_setup(struct ditto_peer *peer)
{
	INIT_DELAYED_WORK(&peer->sync.work, syncer_work);
	INIT_LIST_HEAD(&peer->sync.plan.reading);
	INIT_LIST_HEAD(&peer->sync.plan.sent);
	INIT_LIST_HEAD(&peer->sync.plan.differing);
}

void ditto_syncer_shutdown(struct ditto_peer *peer)
{
	cancel_delayed_work_sync(&peer->sync.work);
}

int ditto_syncer_init(void)
{
	int err;

	extent_cache = KMEM_CACHE(ditto_extent_io, 0);
	if (!extent_cache)
		return -ENOMEM;
	err = mempool_init_slab_pool(&extent_pool, POOL_EXTENTS, extent_cache);
	if (err)
		goto no_pool;
	err = mempool_init_kmalloc_pool(&sums_pool, POOL_SUMS, sizeof(struct ditto_wire_sums));
	if (err)
		goto no_sums;
	syncer_wq = alloc_workqueue("ditto_syncer", WQ_MEM_RECLAIM, 0);
	if (syncer_wq)
		return 0;
	err = -ENOMEM;
	mempool_exit(&sums_pool);
no_sums:
	mempool_exit(&extent_pool);
no_pool:
	kmem_cache_destroy(extent_cache);
	return err;
}

void ditto_syncer_exit(void)
{
	destroy_workqueue(syncer_wq);
	mempool_exit(&sums_pool);
	mempool_exit(&extent_pool);
	kmem_cache_destroy(extent_cache);
}
