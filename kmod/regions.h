/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which regions of the local disk are hot (rule 3): the intent log's memory and
 * I/O, those who wait for it, and the cooling in the background.
 */
#ifndef DITTO_REGIONS_H
#define DITTO_REGIONS_H

#include <linux/workqueue.h>

#include "core/intent.h"

struct ditto_resource;

/**
 * struct ditto_region_user - somebody who is about to write to the local disk
 * @core: queued while it waits
 * @hot: its regions are hot; process context, may submit
 * @retry: there may be room now: take again; only for those told FULL
 * @first: it is being retried: nobody may go before it
 */
struct ditto_region_user {
	struct ditto_intent_user core;
	void (*hot)(struct ditto_region_user *user);
	void (*retry)(struct ditto_region_user *user);
	bool first;
};

/**
 * struct ditto_regions - see above; of an attached disk
 * @core: under the resource's stream_lock
 * @memory: of @core
 * @buckets: of @core
 * @parked: users (by core.link) for whom there was no room, in order
 * @block: what the commit work writes
 * @commit: writes the log
 * @cool: cools what is idle
 * @running: the works may be queued
 * @hurry: let what is idle cool at once, under stream_lock
 */
struct ditto_regions {
	struct ditto_intent core;
	struct ditto_region *memory;
	u32 *buckets;
	struct list_head parked;
	void *block;
	struct work_struct commit;
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
 * HOT: yes. COLD: wait for @user->hot(). FULL: nothing was taken, @user waits
 * for @user->retry(). Under stream_lock.
 */
enum ditto_heat ditto_regions_take(struct ditto_resource *res, struct ditto_region_user *user,
				   u64 start, u64 last, u64 position);

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
