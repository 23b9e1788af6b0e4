/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which regions of the local disk are hot (rule 3): the intent log's memory and
 * I/O, those who wait for it, and the cooling in the background.
 */
#ifndef DITTO_REGIONS_H
#define DITTO_REGIONS_H

#include <linux/wait.h>
#include <linux/workqueue.h>

#include "core/intent.h"

struct bio;
struct ditto_resource;

/**
 * struct ditto_region_user - somebody who is about to write to the local disk
 * @core: queued while it waits
 * @hot: its regions are hot; process context, may submit
 * @retry: there may be room now: take again; only for those told FULL
 * @first: it is being retried: nobody may go before it
 * @quick: @hot does not sleep, and whoever takes calls ditto_regions_commit()
 */
struct ditto_region_user {
	struct ditto_intent_user core;
	void (*hot)(struct ditto_region_user *user);
	void (*retry)(struct ditto_region_user *user);
	bool first;
	bool quick;
};

/**
 * struct ditto_regions - see above; of an attached disk
 * @core: under the resource's stream_lock
 * @room: of @core
 * @parked: users (by core.link) for whom there was no room, in order
 * @ready: users (by core.link) whose regions are hot, for the commit work to tell
 * @bio: writes the log, of the commit under way; NULL where the disk has kept it
 * @commit: begins commits, and goes on with one that cannot elsewhere
 * @returned: the disk has done a block, and the commit work is to go on
 * @commits: how many have begun and are not over, under stream_lock
 * @over: woken when there is none
 * @since: jiffies when the disk got the block that it has now, under stream_lock
 * @cool: cools what is idle, and looks at how long a commit takes
 * @running: the works may be queued
 * @hurry: let what is idle cool at once, under stream_lock
 */
struct ditto_regions {
	struct ditto_intent core;
	struct ditto_intent_room room;
	struct list_head parked;
	struct list_head ready;
	struct bio *bio;
	struct work_struct commit;
	bool returned;
	u32 commits;
	wait_queue_head_t over;
	unsigned long since;
	struct delayed_work cool;
	bool running;
	bool hurry;
};

void ditto_regions_setup(struct ditto_regions *regions);

/**
 * ditto_regions_attach() - read the log of a disk that has been attached
 *
 * What was hot becomes bits for all others, on disk, before this returns.
 * Under conf, before anything is written. Return: 0, -ENOMEM, -EIO.
 */
int ditto_regions_attach(struct ditto_resource *res);

/* Stop the works and free the memory: nobody waits or writes any more. May sleep. */
void ditto_regions_detach(struct ditto_resource *res);

/**
 * ditto_regions_take() - may @user write to [@start, @last] now?
 * @position: of the write in the stream, 0 for one that is none
 *
 * HOT: yes. COLD: wait for @user->hot(), which may be called as soon as the lock is
 * dropped. FULL: nothing was taken, @user waits for @user->retry(). Under stream_lock.
 */
enum ditto_heat ditto_regions_take(struct ditto_resource *res, struct ditto_region_user *user,
				   u64 start, u64 last, u64 position);

/**
 * ditto_regions_commit() - write the log, for whoever is quick and was told COLD
 *
 * It costs no switch to another thread, unlike the work. Where the disk is quick, too,
 * @user->hot() is called in here, or below the submit_bio() that this was called in.
 * Context: process, no locks; does not wait for the disk.
 */
void ditto_regions_commit(struct ditto_resource *res);

/* The local disk is done with it. Under stream_lock. */
void ditto_regions_put(struct ditto_resource *res, u64 start, u64 last);

/* Bits have become dirty, or something may cool: look at it before long. Any context. */
void ditto_regions_wake(struct ditto_resource *res);

/* Cool at once what nobody is writing to, however short a time that is. */
void ditto_regions_hurry(struct ditto_resource *res);

/**
 * ditto_regions_empty() - cool everything, and leave an empty log on disk
 *
 * For a clean stop: nothing is under way. Under conf. Return: 0, -EIO.
 */
int ditto_regions_empty(struct ditto_resource *res);

int ditto_regions_init(void);
void ditto_regions_exit(void);

#endif /* DITTO_REGIONS_H */
