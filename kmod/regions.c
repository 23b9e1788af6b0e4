// SPDX-License-Identifier: GPL-2.0
#include "regions.h"

#include <linux/bio.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
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
	if (ditto_intent_commit_due(&regions->core) && !(heat == DITTO_HEAT_COLD && user->quick))
		queue_work(commit_wq, &regions->commit);
	return heat;
}

void ditto_regions_put(struct ditto_resource *res, u64 start, u64 last)
{
	lockdep_assert_held(&res->stream_lock);
	ditto_intent_put(&res->regions.core, start, last);
}

/*
 * May what is quick be done here, in the end of an I/O? Below submit_bio(), where what
 * is submitted is put on a list, and where nothing is held that spins: with a disk
 * that does its I/O at once.
 */
static bool below_submit(void)
{
	return in_task() && current->bio_list && preemptible() && !rcu_preempt_depth();
}

/* Return: is there one for the caller to write? */
static bool commit_begin(struct ditto_resource *res)
{
	struct ditto_regions *regions = &res->regions;
	bool due;

	spin_lock_irq(&res->stream_lock);
	due = ditto_intent_commit_due(&regions->core);
	if (due) {
		ditto_intent_commit_begin(&regions->core);
		regions->commits++;
		if (regions->running)
			queue_delayed_work(cool_wq, &regions->cool, msecs_to_jiffies(LOOK_MS));
	}
	spin_unlock_irq(&res->stream_lock);
	return due;
}

/* Those who may sleep are for the work: @quick, this may not. */
static void tell(struct ditto_resource *res, struct list_head *ready, bool quick)
{
	struct list_head *link, *next;
	LIST_HEAD(slow);

	list_for_each_safe(link, next, ready) {
		struct ditto_region_user *user = of_core(link);

		if (quick && !user->quick) {
			list_move_tail(link, &slow);
			continue;
		}
		list_del_init(link);
		user->hot(user);
	}
	if (list_empty(&slow))
		return;
	spin_lock_irq(&res->stream_lock);
	list_splice_tail(&slow, &res->regions.ready);
	spin_unlock_irq(&res->stream_lock);
}

/* The next one is for the work, or those who write would commit for all others. */
static void commit_end(struct ditto_resource *res, bool quick)
{
	struct ditto_regions *regions = &res->regions;
	LIST_HEAD(ready);

	spin_lock_irq(&res->stream_lock);
	ditto_intent_commit_end(&regions->core, &ready);
	spin_unlock_irq(&res->stream_lock);
	tell(res, &ready, quick);
	spin_lock_irq(&res->stream_lock);
	if (ditto_intent_commit_due(&regions->core) || !list_empty(&regions->ready))
		queue_work(commit_wq, &regions->commit);
	/* Once the lock is dropped the disk may be detached, and the resource go. */
	if (!--regions->commits)
		wake_up_all(&regions->over);
	spin_unlock_irq(&res->stream_lock);
}

static void block_done(void *owner, struct bio *bio, blk_status_t status);

/*
 * The next block of the commit that was begun; after the last one its end. Where the
 * disk has failed, what waits goes on, and hears of it.
 */
static void commit_go_on(struct ditto_resource *res, bool quick)
{
	struct ditto_regions *regions = &res->regions;
	struct ditto_disk *disk = res->disk;
	u32 index, copy;
	bool more;

	spin_lock_irq(&res->stream_lock);
	more = !READ_ONCE(disk->failed);
	if (more)
		more = ditto_intent_commit_next(&regions->core, ditto_disk_log_block(regions->bio),
						&index, &copy);
	else
		ditto_intent_commit_abandon(&regions->core);
	regions->since = jiffies;
	spin_unlock_irq(&res->stream_lock);
	if (more)
		ditto_disk_submit_log(disk, regions->bio, ditto_md_log_block(&disk->md, index, copy),
				      block_done, res);
	else
		commit_end(res, quick);
}

/* The disk has done a block, or was given up with it. Any context. */
static void block_done(void *owner, struct bio *bio, blk_status_t status)
{
	struct ditto_resource *res = owner;
	struct ditto_regions *regions = &res->regions;

	regions->bio = bio;
	if (status) {
		ditto_warn(res, "cannot write the intent log: error %d", blk_status_to_errno(status));
		ditto_resource_disk_error(res);
	}
	if (below_submit()) {
		commit_go_on(res, true);
		return;
	}
	WRITE_ONCE(regions->returned, true);
	queue_work(commit_wq, &regions->commit);
}

void ditto_regions_commit(struct ditto_resource *res)
{
	if (commit_begin(res))
		commit_go_on(res, true);
}

static void tell_ready(struct ditto_resource *res)
{
	LIST_HEAD(ready);

	spin_lock_irq(&res->stream_lock);
	list_splice_init(&res->regions.ready, &ready);
	spin_unlock_irq(&res->stream_lock);
	tell(res, &ready, false);
}

static void commit_work(struct work_struct *work)
{
	struct ditto_regions *regions = container_of(work, struct ditto_regions, commit);
	struct ditto_resource *res = of_regions(regions);

	tell_ready(res);
	while (xchg(&regions->returned, false) || commit_begin(res)) {
		commit_go_on(res, false);
		cond_resched();
	}
}

/* A disk that does not return a block in time has failed. */
static void commit_look(struct ditto_resource *res)
{
	struct ditto_regions *regions = &res->regions;
	bool late;

	spin_lock_irq(&res->stream_lock);
	late = regions->core.committing &&
	       time_after(jiffies, regions->since + msecs_to_jiffies(DITTO_DISK_TIMEOUT_MS));
	spin_unlock_irq(&res->stream_lock);
	if (late && ditto_disk_forsake(res->disk, res))
		block_done(res, NULL, BLK_STS_TIMEOUT);
}

static bool commits_over(struct ditto_resource *res)
{
	bool over;

	spin_lock_irq(&res->stream_lock);
	over = !res->regions.commits;
	spin_unlock_irq(&res->stream_lock);
	return over;
}

/* Nobody begins another one. Within DITTO_DISK_TIMEOUT_MS a block. */
static void commit_wait(struct ditto_resource *res)
{
	while (!wait_event_timeout(res->regions.over, commits_over(res), msecs_to_jiffies(LOOK_MS)))
		commit_look(res);
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

	commit_look(res);
	cool(res);
	unpark(res);
	spin_lock_irq(&res->stream_lock);
	if (ditto_intent_commit_due(&regions->core))
		queue_work(commit_wq, &regions->commit);
	if (!list_empty(&regions->parked))
		wait = LOOK_PARKED_MS;
	else if (ditto_intent_hot(&regions->core) || regions->core.committing)
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
	commit_wait(res);
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
	ditto_regions_commit(res);
	commit_wait(res);
	return READ_ONCE(res->disk->failed) ? -EIO : 0;
}

/* The newest sound copy of a block. Return: false where neither is. */
static bool read_index(struct ditto_resource *res, u32 index, u32 *numbers, u32 *count,
		       u64 *sequence)
{
	void *block = ditto_disk_log_block(res->regions.bio);
	const struct ditto_md *md = &res->disk->md;
	u64 limit = (md->data_bytes + (1ULL << md->region_shift) - 1) >> md->region_shift;
	u32 *other = numbers + DITTO_INTENT_PER_BLOCK;
	bool sound = false;
	u32 copy;

	*sequence = 0;
	for (copy = 0; copy < DITTO_INTENT_COPIES; copy++) {
		u64 found;
		u32 n;

		if (ditto_disk_read_block(res->disk, ditto_md_log_block(md, index, copy), block) ||
		    ditto_intent_decode(block, md->disk_uuid, index, limit, &found, other, &n) ||
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

static int alloc(struct ditto_regions *regions, struct ditto_disk *disk)
{
	struct ditto_intent_room *room = &regions->room;

	room->regions = kvcalloc(DITTO_INTENT_REGIONS, sizeof(*room->regions), GFP_KERNEL);
	room->images = kvcalloc(DITTO_INTENT_BLOCKS, DITTO_INTENT_BLOCK, GFP_KERNEL);
	room->buckets = kvcalloc(DITTO_INTENT_BUCKETS, sizeof(*room->buckets), GFP_KERNEL);
	room->bucket_count = DITTO_INTENT_BUCKETS;
	room->blocks = DITTO_INTENT_BLOCKS;
	room->per_block = DITTO_INTENT_PER_BLOCK;
	regions->bio = ditto_disk_log_bio(disk);
	return room->regions && room->images && room->buckets && regions->bio ? 0 : -ENOMEM;
}

static void release(struct ditto_regions *regions)
{
	kvfree(regions->room.regions);
	kvfree(regions->room.images);
	kvfree(regions->room.buckets);
	memset(&regions->room, 0, sizeof(regions->room));
	if (regions->bio)
		ditto_disk_free_log(regions->bio);
	regions->bio = NULL;
}

static void start(struct ditto_resource *res, const u64 *sequence)
{
	struct ditto_regions *regions = &res->regions;
	const struct ditto_md *md = &res->disk->md;

	spin_lock_irq(&res->stream_lock);
	ditto_intent_init(&regions->core, &regions->room, md->region_shift, md->data_bytes,
			  md->disk_uuid, sequence);
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
	err = alloc(regions, res->disk);
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
	ditto_regions_commit(res);
	commit_wait(res);
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
	commit_wait(res);
	cancel_work_sync(&regions->commit);
	cancel_delayed_work_sync(&regions->cool);
	spin_lock_irq(&res->stream_lock);
	res->account.intent = NULL;
	/* Whoever comes late, ditto_regions_commit(), finds nothing to do. */
	memset(&regions->core, 0, sizeof(regions->core));
	spin_unlock_irq(&res->stream_lock);
	release(regions);
}

void ditto_regions_setup(struct ditto_regions *regions)
{
	INIT_LIST_HEAD(&regions->parked);
	INIT_LIST_HEAD(&regions->ready);
	init_waitqueue_head(&regions->over);
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
