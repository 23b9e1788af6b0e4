// SPDX-License-Identifier: GPL-2.0
#include "regions.h"

#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "bitmap.h"
#include "disk.h"
#include "log.h"
#include "resource.h"

/*
 * A region that nobody has written for so long is cooled. Writes that are spread
 * over a large device come back to a region after a minute or so; to make it hot
 * again costs them a write to the log, here and on each peer. What is hot is
 * resynced after a crash, so not for ever; where the log fills, it is sooner.
 */
#define IDLE_MS		(60 * MSEC_PER_SEC)
/* How often the background looks. */
#define LOOK_MS		1000
/* And while somebody waits for room. */
#define LOOK_PARKED_MS	20

static struct workqueue_struct *commit_wq;
static struct workqueue_struct *cool_wq;

static struct ditto_resource *of_regions(struct ditto_regions *regions)
{
	return container_of(regions, struct ditto_resource, regions);
}

static struct ditto_region_user *of_core(struct list_head *link)
{
	return container_of(link, struct ditto_region_user, core.link);
}

enum ditto_heat ditto_regions_take(struct ditto_resource *res, struct ditto_region_user *user,
				   u64 start, u64 last, u64 position)
{
	struct ditto_regions *regions = &res->regions;
	enum ditto_heat heat = DITTO_HEAT_FULL;

	lockdep_assert_held(&res->stream_lock);
	if (user->first || list_empty(&regions->parked))
		heat = ditto_intent_take(&regions->core, start, last, position, get_jiffies_64(),
					 &user->core);
	if (heat == DITTO_HEAT_FULL && user->first) {
		list_add(&user->core.link, &regions->parked);
	} else if (heat == DITTO_HEAT_FULL) {
		list_add_tail(&user->core.link, &regions->parked);
		mod_delayed_work(cool_wq, &regions->cool, 0);
	}
	user->first = false;
	if (ditto_intent_commit_due(&regions->core))
		queue_work(commit_wq, &regions->commit);
	return heat;
}

void ditto_regions_put(struct ditto_resource *res, u64 start, u64 last)
{
	lockdep_assert_held(&res->stream_lock);
	ditto_intent_put(&res->regions.core, start, last);
}

static void write_failed(struct ditto_resource *res, int err)
{
	ditto_warn(res, "cannot write the intent log: error %d", err);
	ditto_resource_disk_error(res);
}

/* After an error the disk has failed: what waits goes on, and hears of it. */
static void write_blocks(struct ditto_resource *res)
{
	struct ditto_regions *regions = &res->regions;
	u32 index, copy;
	int err = 0;
	bool more;

	for (;;) {
		spin_lock_irq(&res->stream_lock);
		more = ditto_intent_commit_next(&regions->core, regions->block, &index, &copy);
		spin_unlock_irq(&res->stream_lock);
		if (!more)
			break;
		if (!err)
			err = ditto_disk_write_block(res->disk,
						     ditto_md_log_block(&res->disk->md, index, copy),
						     regions->block, true);
	}
	if (err)
		write_failed(res, err);
}

/* Return: false where there was nothing to commit. */
static bool commit(struct ditto_resource *res)
{
	struct ditto_regions *regions = &res->regions;
	struct list_head *link, *next;
	LIST_HEAD(ready);
	bool due;

	spin_lock_irq(&res->stream_lock);
	due = ditto_intent_commit_due(&regions->core);
	if (due)
		ditto_intent_commit_begin(&regions->core);
	spin_unlock_irq(&res->stream_lock);
	if (!due)
		return false;
	write_blocks(res);
	spin_lock_irq(&res->stream_lock);
	ditto_intent_commit_end(&regions->core, &ready);
	spin_unlock_irq(&res->stream_lock);
	list_for_each_safe(link, next, &ready) {
		struct ditto_region_user *user = of_core(link);

		list_del_init(link);
		user->hot(user);
	}
	return true;
}

static void commit_work(struct work_struct *work)
{
	struct ditto_regions *regions = container_of(work, struct ditto_regions, commit);

	while (commit(of_regions(regions)))
		cond_resched();
	ditto_regions_wake(of_regions(regions));
}

/* Everybody who waits for room, in order, until one finds none. */
static void unpark(struct ditto_resource *res)
{
	struct ditto_regions *regions = &res->regions;
	struct ditto_region_user *user, *again = NULL;

	for (;;) {
		spin_lock_irq(&res->stream_lock);
		user = list_empty(&regions->parked) ? NULL : of_core(regions->parked.next);
		if (user == again)
			user = NULL;
		if (user) {
			list_del_init(&user->core.link);
			user->first = true;
		}
		spin_unlock_irq(&res->stream_lock);
		if (!user)
			return;
		again = user;
		user->retry(user);
	}
}

/* Under stream_lock: nothing can cool, and somebody waits for room. */
static void press(struct ditto_resource *res)
{
	struct ditto_applier *app = &res->applier;

	spin_lock(&app->lock);
	if (app->upstream)
		ditto_account_press(&res->account, app->core.received);
	else
		ditto_account_orphans(&res->account, 0, 0);
	spin_unlock(&app->lock);
}

static u32 cool_begin(struct ditto_resource *res)
{
	struct ditto_regions *regions = &res->regions;
	u64 before = get_jiffies_64();
	u64 settled;
	u32 count;

	spin_lock_irq(&res->stream_lock);
	settled = res->role == DITTO_ROLE_PRIMARY ? ditto_stream_settled(&res->stream) :
		  res->account.settled;
	/* Nothing is written to a failed disk any more: room is all that matters. */
	if (READ_ONCE(res->disk->failed))
		ditto_intent_forget_positions(&regions->core);
	if (!list_empty(&regions->parked) && res->role != DITTO_ROLE_PRIMARY &&
	    ditto_intent_stuck(&regions->core, settled)) {
		press(res);
		settled = res->account.settled;
	}
	if (list_empty(&regions->parked) && !ditto_intent_pressed(&regions->core) &&
	    !regions->hurry)
		before -= min_t(u64, before, msecs_to_jiffies(IDLE_MS));
	else
		before++;
	regions->hurry = false;
	count = ditto_intent_cool_begin(&regions->core, settled, before);
	spin_unlock_irq(&res->stream_lock);
	return count;
}

/* Return: 0, or an errno after which nothing cools any more. */
static int cool(struct ditto_resource *res)
{
	u32 count = cool_begin(res);
	int err = 0;

	if (READ_ONCE(res->disk->failed))
		err = -EIO;
	if (!err && count)
		err = ditto_disk_flush(res->disk);
	if (!err)
		err = ditto_bitmap_write(res);
	if (err)
		ditto_resource_disk_error(res);
	spin_lock_irq(&res->stream_lock);
	ditto_intent_cool_end(&res->regions.core);
	spin_unlock_irq(&res->stream_lock);
	return err;
}

static void cool_work(struct work_struct *work)
{
	struct ditto_regions *regions = container_of(work, struct ditto_regions, cool.work);
	struct ditto_resource *res = of_regions(regions);
	unsigned int wait = 0;

	cool(res);
	unpark(res);
	spin_lock_irq(&res->stream_lock);
	if (ditto_intent_commit_due(&regions->core))
		queue_work(commit_wq, &regions->commit);
	if (!list_empty(&regions->parked))
		wait = LOOK_PARKED_MS;
	else if (ditto_intent_hot(&regions->core))
		wait = LOOK_MS;
	spin_unlock_irq(&res->stream_lock);
	if (wait && READ_ONCE(regions->running))
		queue_delayed_work(cool_wq, &regions->cool, msecs_to_jiffies(wait));
}

void ditto_regions_wake(struct ditto_resource *res)
{
	if (READ_ONCE(res->regions.running))
		queue_delayed_work(cool_wq, &res->regions.cool, msecs_to_jiffies(LOOK_MS));
}

void ditto_regions_hurry(struct ditto_resource *res)
{
	spin_lock_irq(&res->stream_lock);
	if (res->regions.running) {
		res->regions.hurry = true;
		mod_delayed_work(cool_wq, &res->regions.cool, 0);
	}
	spin_unlock_irq(&res->stream_lock);
}

int ditto_regions_empty(struct ditto_resource *res)
{
	struct ditto_regions *regions = &res->regions;
	int err;

	lockdep_assert_held(&res->conf);
	cancel_delayed_work_sync(&regions->cool);
	flush_work(&regions->commit);
	spin_lock_irq(&res->stream_lock);
	ditto_intent_forget_positions(&regions->core);
	ditto_intent_cool_begin(&regions->core, U64_MAX, U64_MAX);
	spin_unlock_irq(&res->stream_lock);
	err = ditto_disk_flush(res->disk);
	if (!err)
		err = ditto_bitmap_write(res);
	if (err)
		return err;
	spin_lock_irq(&res->stream_lock);
	ditto_intent_cool_end(&regions->core);
	spin_unlock_irq(&res->stream_lock);
	commit(res);
	return READ_ONCE(res->disk->failed) ? -EIO : 0;
}

/* The newest sound copy of a block. Return: false where neither is. */
static bool read_index(struct ditto_resource *res, u32 index, u32 *numbers, u32 *count,
		       u64 *sequence)
{
	struct ditto_regions *regions = &res->regions;
	const struct ditto_md *md = &res->disk->md;
	u64 limit = (md->data_bytes + (1ULL << md->region_shift) - 1) >> md->region_shift;
	u32 *other = numbers + DITTO_INTENT_PER_BLOCK;
	bool sound = false;
	u32 copy;

	*sequence = 0;
	for (copy = 0; copy < DITTO_INTENT_COPIES; copy++) {
		u64 found;
		u32 n;

		if (ditto_disk_read_block(res->disk, ditto_md_log_block(md, index, copy),
					  regions->block) ||
		    ditto_intent_decode(regions->block, md->disk_uuid, index, limit, &found, other,
					&n) ||
		    (sound && found < *sequence))
			continue;
		sound = true;
		*sequence = found;
		*count = n;
		memcpy(numbers, other, n * sizeof(*numbers));
	}
	return sound;
}

/* What was hot becomes bits. Return: how many regions that was. */
static u32 recover(struct ditto_resource *res, u32 index, u32 *numbers, u64 *sequence)
{
	u32 count = 0, i;
	bool sound = read_index(res, index, numbers, &count, sequence);

	spin_lock_irq(&res->stream_lock);
	for (i = 0; sound && i < count; i++)
		ditto_account_recover(&res->account, numbers[i]);
	for (i = 0; !sound && i < DITTO_MAX_NODES; i++)
		if (res->account.bits[i])
			ditto_bits_set_all(res->account.bits[i]);
	spin_unlock_irq(&res->stream_lock);
	if (!sound)
		ditto_warn(res, "block %u of the intent log is not sound: everything counts as out of sync",
			   index);
	return count;
}

static int alloc(struct ditto_regions *regions)
{
	regions->memory = kvcalloc(DITTO_INTENT_REGIONS, sizeof(*regions->memory), GFP_KERNEL);
	regions->buckets = kvcalloc(DITTO_INTENT_BUCKETS, sizeof(*regions->buckets), GFP_KERNEL);
	regions->block = kmalloc(DITTO_INTENT_BLOCK, GFP_KERNEL);
	return regions->memory && regions->buckets && regions->block ? 0 : -ENOMEM;
}

static void release(struct ditto_regions *regions)
{
	kvfree(regions->memory);
	kvfree(regions->buckets);
	kfree(regions->block);
	regions->memory = NULL;
	regions->buckets = NULL;
	regions->block = NULL;
}

static void start(struct ditto_resource *res, const u64 *sequence)
{
	struct ditto_regions *regions = &res->regions;
	const struct ditto_md *md = &res->disk->md;

	spin_lock_irq(&res->stream_lock);
	ditto_intent_init(&regions->core, regions->memory, DITTO_INTENT_BLOCKS,
			  DITTO_INTENT_PER_BLOCK, regions->buckets, DITTO_INTENT_BUCKETS,
			  md->region_shift, md->data_bytes, md->disk_uuid, sequence);
	res->account.intent = &regions->core;
	spin_unlock_irq(&res->stream_lock);
}

int ditto_regions_attach(struct ditto_resource *res)
{
	static const u64 none[DITTO_INTENT_BLOCKS];
	struct ditto_regions *regions = &res->regions;
	u64 sequence[DITTO_INTENT_BLOCKS];
	u32 *numbers, hot = 0, index;
	int err;

	lockdep_assert_held(&res->conf);
	numbers = kvcalloc(2 * DITTO_INTENT_PER_BLOCK, sizeof(*numbers), GFP_KERNEL);
	err = alloc(regions);
	if (err || !numbers) {
		kvfree(numbers);
		release(regions);
		return -ENOMEM;
	}
	start(res, none);
	for (index = 0; index < DITTO_INTENT_BLOCKS; index++)
		hot += recover(res, index, numbers, &sequence[index]);
	kvfree(numbers);
	if (hot)
		ditto_info(res, "%u regions were being written when it stopped", hot);
	/*
	 * A disk that comes back without having lost power may hold in its cache
	 * what no region is hot for any more, and pages of bits that were read from
	 * there just now, and are not written again: let neither be lost later.
	 */
	err = ditto_disk_flush(res->disk);
	if (!err)
		err = ditto_disk_flush_md(res->disk);
	if (!err)
		err = ditto_bitmap_write(res);
	if (err) {
		release(regions);
		return err;
	}
	start(res, sequence);
	commit(res);
	WRITE_ONCE(regions->running, true);
	return READ_ONCE(res->disk->failed) ? -EIO : 0;
}

void ditto_regions_detach(struct ditto_resource *res)
{
	struct ditto_regions *regions = &res->regions;

	spin_lock_irq(&res->stream_lock);
	regions->running = false;
	spin_unlock_irq(&res->stream_lock);
	cancel_delayed_work_sync(&regions->cool);
	cancel_work_sync(&regions->commit);
	cancel_delayed_work_sync(&regions->cool);
	spin_lock_irq(&res->stream_lock);
	res->account.intent = NULL;
	spin_unlock_irq(&res->stream_lock);
	memset(&regions->core, 0, sizeof(regions->core));
	release(regions);
}

void ditto_regions_setup(struct ditto_regions *regions)
{
	INIT_LIST_HEAD(&regions->parked);
	INIT_WORK(&regions->commit, commit_work);
	INIT_DELAYED_WORK(&regions->cool, cool_work);
}

int ditto_regions_init(void)
{
	commit_wq = alloc_workqueue("ditto_commit", WQ_MEM_RECLAIM | WQ_HIGHPRI, 0);
	if (!commit_wq)
		return -ENOMEM;
	cool_wq = alloc_workqueue("ditto_cool", WQ_MEM_RECLAIM, 0);
	if (cool_wq)
		return 0;
	destroy_workqueue(commit_wq);
	return -ENOMEM;
}

void ditto_regions_exit(void)
{
	destroy_workqueue(cool_wq);
	destroy_workqueue(commit_wq);
}
