// SPDX-License-Identifier: GPL-2.0
#include "applier.h"

#include <linux/blkdev.h>
#include <linux/mempool.h>
#include <linux/slab.h>

#include "compare.h"
#include "connection.h"
#include "core/stream.h"
#include "disk.h"
#include "disk_io.h"
#include "extent.h"
#include "payload.h"
#include "peer.h"
#include "reader.h"
#include "resource.h"
#include "trace.h"
#include "verify.h"

/*
 * Entries until they are durable, for which the local disk is flushed as soon as one
 * is missing. Extents apart: an entry that is kept as a guard against them goes when
 * they have come.
 */
#define POOL_ITEMS	256
#define POOL_EXTENTS	32
/* Checksums of extents, until these are compared. */
#define POOL_SUMS	8

static struct kmem_cache *item_cache;
static mempool_t item_pool;
static mempool_t extent_pool;
static mempool_t sums_pool;
static struct workqueue_struct *applier_wq;

static struct ditto_resource *app_resource(struct ditto_applier *app)
{
	return container_of(app, struct ditto_resource, applier);
}

static struct ditto_disk *app_disk(struct ditto_applier *app)
{
	return app_resource(app)->disk;
}

static struct block_device *app_bdev(struct ditto_applier *app)
{
	return app_disk(app)->backing.bdev;
}

static void free_data(struct ditto_item *item)
{
	if (item->bio)
		ditto_payload_free(item->bio);
	item->bio = NULL;
	if (item->sums)
		mempool_free(item->sums, &sums_pool);
	item->sums = NULL;
}

void ditto_item_free(struct ditto_item *item)
{
	free_data(item);
	mempool_free(item, item->core.kind == DITTO_ITEM_EXTENT ? &extent_pool : &item_pool);
}

/* Room for what @header says comes with it. Return: false where there is no memory now. */
static bool add_room(struct ditto_item *item, const struct ditto_wire_header *header)
{
	enum ditto_payload_kind kind = header->type == DITTO_WIRE_WRITE ? DITTO_PAYLOAD_APPLY :
									  DITTO_PAYLOAD_TARGET;

	switch (header->type) {
	case DITTO_WIRE_WRITE:
	case DITTO_WIRE_EXTENT:
		item->bio = ditto_payload_try(kind, app_bdev(item->app), REQ_OP_WRITE,
					      header->offset, header->size);
		return item->bio;
	case DITTO_WIRE_EXTENT_SUMS:
		item->sums = mempool_alloc(&sums_pool, GFP_NOWAIT | __GFP_NOWARN);
		return item->sums;
	}
	return true;
}

static void free_items(struct list_head *reaped)
{
	struct ditto_apply_item *i, *next;

	list_for_each_entry_safe(i, next, reaped, link)
		ditto_item_free(container_of(i, struct ditto_item, core));
	INIT_LIST_HEAD(reaped);
}

struct ditto_item *ditto_applier_item(struct ditto_applier *app, struct ditto_connection *conn,
				      const struct ditto_wire_header *header)
{
	static const u8 kinds[DITTO_WIRE_TYPES] = {
		[DITTO_WIRE_WRITE]	= DITTO_ENTRY_WRITE,
		[DITTO_WIRE_DISCARD]	= DITTO_ENTRY_DISCARD,
		[DITTO_WIRE_ZEROES]	= DITTO_ENTRY_ZEROES,
		[DITTO_WIRE_FLUSH]	= DITTO_ENTRY_FLUSH,
		[DITTO_WIRE_ROSTER]	= DITTO_ENTRY_ROSTER,
		[DITTO_WIRE_JOIN]	= DITTO_ENTRY_JOIN,
		[DITTO_WIRE_ABSENT]	= DITTO_ENTRY_ABSENT,
		[DITTO_WIRE_SET]	= DITTO_ENTRY_SET,
		[DITTO_WIRE_BITS]	= DITTO_ENTRY_BITS,
		[DITTO_WIRE_EXTENT]	= DITTO_ITEM_EXTENT,
		[DITTO_WIRE_EXTENT_ZERO] = DITTO_ITEM_EXTENT,
		[DITTO_WIRE_EXTENT_SUMS] = DITTO_ITEM_EXTENT,
	};
	struct ditto_item *item;

	if (READ_ONCE(app->upstream) != conn)
		return ERR_PTR(-EPROTO);
	item = mempool_alloc(kinds[header->type] == DITTO_ITEM_EXTENT ? &extent_pool : &item_pool,
			     GFP_NOWAIT | __GFP_NOWARN);
	if (!item) {
		ditto_applier_flush(app);
		return ERR_PTR(-EAGAIN);
	}
	memset(item, 0, sizeof(*item));
	item->app = app;
	item->core.kind = kinds[header->type];
	item->core.flags = (header->flags & DITTO_WIREF_DURABLE ? DITTO_ITEMF_DURABLE : 0) |
			   (header->flags & DITTO_WIREF_GUARD ? DITTO_ITEMF_GUARD : 0) |
			   (header->type == DITTO_WIRE_EXTENT_ZERO ? DITTO_ITEMF_ZERO : 0) |
			   (header->type == DITTO_WIRE_EXTENT_SUMS ? DITTO_ITEMF_COMPARE : 0) |
			   (header->size && header->type != DITTO_WIRE_SET ? DITTO_ITEMF_RANGE : 0);
	item->core.range.start = header->offset;
	item->core.range.last = header->offset + header->size - 1;
	if (item->core.kind == DITTO_ITEM_EXTENT) {
		item->core.number = header->epoch;
		item->core.read_at = header->position;
	} else {
		item->core.number = header->position;
		item->core.epoch = header->epoch;
		item->core.overlap = header->overlap;
	}
	if (add_room(item, header))
		return item;
	ditto_item_free(item);
	return ERR_PTR(-EAGAIN);
}

/* It is written when everything before it is: nobody submits it. */
static bool is_silent(const struct ditto_item *item)
{
	return item->core.kind == DITTO_ENTRY_FLUSH || item->core.kind == DITTO_ENTRY_ABSENT ||
	       item->core.kind == DITTO_ENTRY_BITS;
}

int ditto_applier_receive(struct ditto_applier *app, struct ditto_item *item,
			  const struct ditto_wire_header *header)
{
	int err;

	spin_lock_irq(&app->lock);
	if (item->core.kind == DITTO_ITEM_EXTENT)
		err = ditto_apply_receive_extent(&app->core, &item->core, header->overlap,
						 header->flags & DITTO_WIREF_SYNC_END);
	else
		err = ditto_apply_receive(&app->core, &item->core);
	if (!err && !is_silent(item))
		app->waiting++;
	spin_unlock_irq(&app->lock);
	if (err)
		ditto_item_free(item);
	return err;
}

void ditto_applier_flush(struct ditto_applier *app)
{
	mod_delayed_work(applier_wq, &app->idle, 0);
}

void ditto_applier_account(struct ditto_applier *app, const struct ditto_wire_header *header,
			   const struct ditto_applier_word *word)
{
	struct ditto_resource *res = app_resource(app);
	struct ditto_account *acc = &res->account;

	spin_lock_irq(&res->stream_lock);
	switch (header->type) {
	case DITTO_WIRE_WRITE:
	case DITTO_WIRE_DISCARD:
	case DITTO_WIRE_ZEROES:
		ditto_account_write(acc, header->followers, header->offset, header->size);
		break;
	case DITTO_WIRE_ABSENT:
		spin_lock(&app->lock);
		ditto_account_absent(acc, &word->absent, &app->core);
		spin_unlock(&app->lock);
		break;
	case DITTO_WIRE_SET:
		ditto_account_set(acc, word->absent.node, header->offset, header->size);
		break;
	case DITTO_WIRE_BITS:
		if (acc->bits[word->bits.node])
			ditto_account_merge(acc->bits[word->bits.node], &word->bits, word->words,
					    false, NULL, NULL);
		break;
	case DITTO_WIRE_ROSTER:
		/* A target that has received its JOIN is equal, though it is not recorded. */
		if (READ_ONCE(app->core.target) && !READ_ONCE(app->core.joining))
			break;
		fallthrough;
	case DITTO_WIRE_JOIN:
		ditto_account_equal(acc, word->roster.roster, header->position);
		break;
	case DITTO_WIRE_EXTENT:
	case DITTO_WIRE_EXTENT_ZERO:
	case DITTO_WIRE_EXTENT_SUMS:
		/* It began to send: what it was given is on its disk. */
		if (!app->given && app->source)
			ditto_account_given(acc, app->upstream_node);
		app->given = true;
	}
	ditto_account_settled(acc, header->settled);
	spin_unlock_irq(&res->stream_lock);
	if (wq_has_sleeper(&res->idle_wait))
		wake_up_all(&res->idle_wait);
}

static bool settled(struct ditto_applier *app)
{
	return !app->active && !app->waiting && !app->flush_due && !atomic_read(&app->answers);
}

/* Under the lock: there is news for the Primary. */
static void acknowledge(struct ditto_applier *app)
{
	if (!app->upstream)
		return;
	set_bit(DITTO_CONN_ACK, &app->upstream->flags);
	ditto_connection_kick(app->upstream);
}

/*
 * Under the lock: begin a flush that is due. Not for what a lost connection has
 * left once it is all written: whoever finds the applier idle may take it over,
 * and the disk away.
 *
 * Return: has the pump more to do, which may submit the flush, or where there was
 * nothing to flush hand out what has waited for it?
 */
static bool begin_flush(struct ditto_applier *app, bool idle, struct list_head *reaped)
{
	if (!app->upstream && settled(app))
		return false;
	if (app_disk(app) && !bdev_write_cache(app_bdev(app))) {
		if (!ditto_apply_through(&app->core, reaped))
			return false;
		acknowledge(app);
		return true;
	}
	if (!ditto_apply_flush_begin(&app->core, idle))
		return false;
	app->flush_due = true;
	app->active++;
	return true;
}

/* Under the lock: after something was written, is there more to do? */
static bool advance(struct ditto_applier *app, struct list_head *reaped)
{
	begin_flush(app, false, reaped);
	acknowledge(app);
	return app->waiting || app->flush_due || !list_empty(&app->asks) ||
	       ditto_reader_waiting(app_resource(app)) || !app->upstream;
}

/*
 * Under the lock: one less is active. With the last one the applier is idle, and
 * as soon as the lock is dropped it may be shut down and freed.
 */
static void item_ends(struct ditto_applier *app, struct list_head *reaped)
{
	if (advance(app, reaped))
		ditto_applier_kick(app);
	app->active--;
}

void ditto_item_written(struct ditto_item *item, blk_status_t status)
{
	struct ditto_applier *app = item->app;
	unsigned long flags;
	LIST_HEAD(reaped);

	trace_ditto_applied(app_resource(app), item);
	if (status)
		ditto_resource_disk_error(app_resource(app));
	free_data(item);
	if (item->heated) {
		spin_lock_irqsave(&app_resource(app)->stream_lock, flags);
		ditto_regions_put(app_resource(app), item->core.range.start,
				  item->core.range.last);
		spin_unlock_irqrestore(&app_resource(app)->stream_lock, flags);
	}
	spin_lock_irqsave(&app->lock, flags);
	ditto_apply_written(&app->core, &item->core);
	item_ends(app, &reaped);
	spin_unlock_irqrestore(&app->lock, flags);
	free_items(&reaped);
}

static void item_done(void *owner, struct bio *bio, blk_status_t status)
{
	struct ditto_item *item = owner;

	item->bio = bio;
	ditto_item_written(item, status);
}

void ditto_item_write(struct ditto_item *item)
{
	struct bio *bio = item->bio;

	if (!bio) {
		ditto_disk_zero(app_disk(item->app), item->core.range.start,
				item->core.range.last + 1 - item->core.range.start, item_done, item);
		return;
	}
	item->bio = NULL;
	ditto_disk_submit(app_disk(item->app), bio, ditto_payload_free, item_done, item);
}

/* Its regions are hot, where they have to be. */
static void write_item(struct ditto_item *item)
{
	if (item->sums)
		ditto_compare_begin(item);
	else if (item->core.kind == DITTO_ITEM_EXTENT)
		ditto_extent_write(item);
	else
		ditto_item_write(item);
}

static void item_hot(struct ditto_region_user *user)
{
	write_item(container_of(user, struct ditto_item, regions));
}

/* Write it, once its regions are hot. */
static void heat_item(struct ditto_item *item)
{
	struct ditto_resource *res = app_resource(item->app);
	struct ditto_range *range = &item->core.range;
	bool extent = item->core.kind == DITTO_ITEM_EXTENT;
	bool quick = item->regions.quick;
	enum ditto_heat heat;

	spin_lock_irq(&res->stream_lock);
	heat = ditto_regions_take(res, &item->regions, range->start, range->last,
				  extent ? 0 : item->core.number);
	if (heat != DITTO_HEAT_FULL) {
		item->heated = true;
		/* From now on it differs from everybody but the source (rule 2). */
		if (extent)
			ditto_account_write(&res->account, item->app->source, range->start,
					    range->last - range->start + 1);
	}
	spin_unlock_irq(&res->stream_lock);
	if (heat == DITTO_HEAT_HOT)
		write_item(item);
	else if (heat == DITTO_HEAT_COLD && quick)
		ditto_regions_commit(res);
	else if (heat == DITTO_HEAT_FULL)
		ditto_applier_flush(item->app);
}

static void item_retry(struct ditto_region_user *user)
{
	heat_item(container_of(user, struct ditto_item, regions));
}

static void submit_item(struct ditto_item *item)
{
	switch (item->core.kind) {
	case DITTO_ENTRY_ROSTER:
	case DITTO_ENTRY_JOIN:
	case DITTO_ENTRY_SET:
		if (READ_ONCE(app_resource(item->app)->disk->failed)) {
			ditto_item_written(item, BLK_STS_IOERR);
			break;
		}
		WRITE_ONCE(item->app->roster, item);
		wake_up_all(&app_resource(item->app)->idle_wait);
		ditto_resource_event(app_resource(item->app), DITTO_RES_APPLY_ROSTER);
		break;
	default:
		/* What is compared is not changed: no region has to be hot. */
		if (item->sums) {
			write_item(item);
			break;
		}
		item->regions.hot = item_hot;
		item->regions.retry = item_retry;
		/* What makes zeroes may wait for others that do. */
		item->regions.quick = item->core.kind == DITTO_ENTRY_WRITE;
		heat_item(item);
	}
}

static void flush_done(void *owner, struct bio *bio, blk_status_t status)
{
	struct ditto_applier *app = owner;
	struct ditto_resource *res = app_resource(app);
	unsigned long flags;
	LIST_HEAD(reaped);

	/* What was thought durable is not: nothing is acknowledged any more. */
	if (status)
		ditto_resource_disk_error(res);
	if (bio)
		bio_put(bio);
	spin_lock_irqsave(&app->lock, flags);
	ditto_apply_flush_end(&app->core, &reaped);
	item_ends(app, &reaped);
	spin_unlock_irqrestore(&app->lock, flags);
	free_items(&reaped);
}

static void submit_flush(struct ditto_applier *app)
{
	struct bio *bio = ditto_disk_flush_bio(app_bdev(app),
					       REQ_OP_WRITE | REQ_PREFLUSH | REQ_SYNC);

	ditto_disk_submit(app_disk(app), bio, bio_put, flush_done, app);
}

void ditto_applier_pump(struct ditto_applier *app)
{
	struct ditto_apply_item *next;
	bool flush, moved, lost;
	LIST_HEAD(reaped);

	for (;;) {
		moved = false;
		spin_lock_irq(&app->lock);
		next = ditto_apply_next(&app->core);
		if (next) {
			app->waiting--;
			app->active++;
		} else {
			/* Entries that are written by themselves ask for it here. */
			moved = begin_flush(app, false, &reaped);
		}
		flush = app->flush_due;
		app->flush_due = false;
		lost = !app->upstream && settled(app) && !next && !moved;
		spin_unlock_irq(&app->lock);
		free_items(&reaped);
		if (flush)
			submit_flush(app);
		if (next)
			submit_item(container_of(next, struct ditto_item, core));
		if (!next && !flush && !moved)
			break;
	}
	if (lost) {
		wake_up_all(&app_resource(app)->idle_wait);
		ditto_resource_event(app_resource(app), DITTO_RES_APPLIER_IDLE);
	}
	ditto_verify_answer(app);
	ditto_reader_pump(app_resource(app));
	queue_delayed_work(applier_wq, &app->idle, HZ);
}

static void pump_work(struct work_struct *work)
{
	ditto_applier_pump(container_of(work, struct ditto_applier, pump));
}

static void idle_work(struct work_struct *work)
{
	struct ditto_applier *app = container_of(work, struct ditto_applier, idle.work);
	bool moved, again;
	LIST_HEAD(reaped);

	spin_lock_irq(&app->lock);
	moved = begin_flush(app, true, &reaped);
	again = app->upstream && (app->core.durable != app->core.received ||
				  app->core.extent_durable != app->core.extent_received);
	spin_unlock_irq(&app->lock);
	free_items(&reaped);
	/* Not by a kick: a shutdown has cancelled the pump when it waits for this. */
	if (moved || ditto_reader_waiting(app_resource(app)))
		ditto_applier_pump(app);
	if (again)
		queue_delayed_work(applier_wq, &app->idle, HZ);
}

void ditto_applier_kick(struct ditto_applier *app)
{
	queue_work(applier_wq, &app->pump);
}

bool ditto_applier_ack(struct ditto_applier *app, struct ditto_connection *conn,
		       struct ditto_wire_ack *ack)
{
	bool mine;

	spin_lock_irq(&app->lock);
	/* Under the lock: what a failed disk was given is written for the core. */
	mine = app->upstream == conn && !READ_ONCE(app_resource(app)->disk->failed);
	ack->received = app->core.received;
	ack->written = app->core.written;
	ack->durable = app->core.durable;
	ack->extents_written = app->core.extent_written;
	ack->extents_durable = app->core.extent_durable;
	spin_unlock_irq(&app->lock);
	return mine;
}

void ditto_applier_begin(struct ditto_applier *app, struct ditto_connection *conn,
			 const struct ditto_wire_start *start)
{
	LIST_HEAD(reaped);

	spin_lock_irq(&app->lock);
	ditto_apply_clear(&app->core, &reaped);
	ditto_apply_init(&app->core, start->position, start->epoch,
			 start->mode == DITTO_MODE_TARGET);
	app->waiting = 0;
	app->given = false;
	app->upstream = conn;
	app->upstream_node = conn->peer->node_id;
	app->source = BIT(app->upstream_node) & start->roster;
	app->upstream_attach_id = conn->hello.state.attach_id;
	spin_unlock_irq(&app->lock);
	free_items(&reaped);
}

void ditto_applier_lost(struct ditto_applier *app, struct ditto_connection *conn)
{
	bool mine;

	spin_lock_irq(&app->lock);
	mine = app->upstream == conn;
	if (mine)
		app->upstream = NULL;
	spin_unlock_irq(&app->lock);
	if (mine)
		ditto_applier_kick(app);
}

bool ditto_applier_idle(struct ditto_applier *app)
{
	bool idle;

	spin_lock_irq(&app->lock);
	idle = settled(app);
	spin_unlock_irq(&app->lock);
	return idle;
}

u64 ditto_applier_position(struct ditto_applier *app)
{
	u64 position;
	unsigned long flags;

	spin_lock_irqsave(&app->lock, flags);
	/* What a lost Primary had sent whole will be written, and nothing else. */
	position = app->upstream ? app->core.written : app->core.received;
	spin_unlock_irqrestore(&app->lock, flags);
	return position;
}

u64 ditto_applier_written(struct ditto_applier *app)
{
	u64 written;
	unsigned long flags;

	spin_lock_irqsave(&app->lock, flags);
	written = app->core.written;
	spin_unlock_irqrestore(&app->lock, flags);
	return written;
}

void ditto_applier_set_position(struct ditto_applier *app, u64 position)
{
	LIST_HEAD(reaped);

	spin_lock_irq(&app->lock);
	app->upstream_attach_id = 0;
	ditto_apply_clear(&app->core, &reaped);
	ditto_apply_init(&app->core, position, 0, false);
	app->waiting = 0;
	spin_unlock_irq(&app->lock);
	free_items(&reaped);
}

void ditto_applier_roster_done(struct ditto_applier *app, bool joined)
{
	struct ditto_item *item = app->roster;
	LIST_HEAD(reaped);

	app->roster = NULL;
	if (joined) {
		spin_lock_irq(&app->lock);
		ditto_apply_end_target(&app->core, &reaped);
		spin_unlock_irq(&app->lock);
		free_items(&reaped);
	}
	ditto_item_written(item, BLK_STS_OK);
}

void ditto_applier_setup(struct ditto_applier *app)
{
	spin_lock_init(&app->lock);
	INIT_LIST_HEAD(&app->asks);
	INIT_WORK(&app->pump, pump_work);
	INIT_DELAYED_WORK(&app->idle, idle_work);
	ditto_apply_init(&app->core, 0, 0, false);
}

void ditto_applier_shutdown(struct ditto_applier *app)
{
	cancel_work_sync(&app->pump);
	cancel_delayed_work_sync(&app->idle);
	ditto_applier_set_position(app, ditto_applier_position(app));
}

int ditto_applier_init(void)
{
	int err;

	item_cache = KMEM_CACHE(ditto_item, 0);
	if (!item_cache)
		return -ENOMEM;
	err = mempool_init_slab_pool(&item_pool, POOL_ITEMS, item_cache);
	if (err)
		goto no_items;
	err = mempool_init_slab_pool(&extent_pool, POOL_EXTENTS, item_cache);
	if (err)
		goto no_extents;
	err = mempool_init_kmalloc_pool(&sums_pool, POOL_SUMS, sizeof(struct ditto_wire_sums));
	if (err)
		goto no_sums;
	applier_wq = alloc_workqueue("ditto_applier", WQ_MEM_RECLAIM, 0);
	if (applier_wq)
		return 0;
	err = -ENOMEM;
	mempool_exit(&sums_pool);
no_sums:
	mempool_exit(&extent_pool);
no_extents:
	mempool_exit(&item_pool);
no_items:
	kmem_cache_destroy(item_cache);
	return err;
}

void ditto_applier_exit(void)
{
	destroy_workqueue(applier_wq);
	mempool_exit(&sums_pool);
	mempool_exit(&extent_pool);
	mempool_exit(&item_pool);
	kmem_cache_destroy(item_cache);
}
