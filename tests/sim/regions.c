// SPDX-License-Identifier: GPL-2.0
/* Mirrors kmod/regions.c. */
#include "node.h"

static struct region_user *of_core(struct list_head *link)
{
	return container_of(link, struct region_user, core.link);
}

enum ditto_heat regions_take(struct node *n, struct region_user *user, u64 start, u64 last,
			     u64 position)
{
	struct regions *regions = &n->regions;
	enum ditto_heat heat = DITTO_HEAT_FULL;

	user->node = n;
	if (user->first || list_empty(&regions->parked))
		heat = ditto_intent_take(&regions->core, start, last, position, sim.clock,
					 &user->core);
	if (heat == DITTO_HEAT_FULL) {
		note("node %u: no room in the log for %llu+%llu", n->id, start / 512,
		     (last - start + 1) / 512);
		if (user->first)
			list_add(&user->core.link, &regions->parked);
		else
			list_add_tail(&user->core.link, &regions->parked);
		regions->cool = true;
	}
	user->first = false;
	if (ditto_intent_commit_due(&regions->core))
		regions->commit = true;
	return heat;
}

void regions_put(struct node *n, u64 start, u64 last)
{
	ditto_intent_put(&n->regions.core, start, last);
}

static bool commit(struct node *n)
{
	struct ditto_intent *log = &n->regions.core;
	struct list_head *link, *next;
	u8 block[DITTO_INTENT_BLOCK];
	LIST_HEAD(ready);
	u32 index, copy;

	if (!ditto_intent_commit_due(log))
		return false;
	ditto_intent_commit_begin(log);
	while (ditto_intent_commit_next(log, block, &index, &copy)) {
		note("node %u: writes block %u of the log, copy %u", n->id, index, copy);
		node_write_block(n, ditto_md_log_block(&n->md, index, copy), block, true);
	}
	ditto_intent_commit_end(log, &ready);
	for (link = ready.next; link != &ready; link = next) {
		next = link->next;
		list_del_init(link);
		of_core(link)->hot(of_core(link));
	}
	return true;
}

void regions_commit(struct node *n)
{
	n->regions.commit = false;
	while (commit(n))
		;
	regions_wake(n);
}

static void unpark(struct node *n)
{
	struct regions *regions = &n->regions;
	struct region_user *user, *again = NULL;

	while (!list_empty(&regions->parked)) {
		user = of_core(regions->parked.next);
		if (user == again)
			return;
		list_del_init(&user->core.link);
		user->first = true;
		again = user;
		user->retry(user);
	}
}

static u64 settled(const struct node *n)
{
	return n->primary ? ditto_stream_settled(&n->stream) : n->account.settled;
}

/* A follower waits for room, and all that could cool is not settled, and may never be. */
static bool stuck(const struct node *n)
{
	return !n->primary && !list_empty(&n->regions.parked) &&
	       ditto_intent_stuck(&n->regions.core, settled(n));
}

static void press(struct node *n)
{
	note("node %u: is stuck, what is unsettled becomes bits, settled %llu", n->id,
	     n->account.settled);
	if (n->upstream)
		ditto_account_press(&n->account, n->apply.received);
	else
		ditto_account_orphans(&n->account, 0, 0);
}

static u32 cool_begin(struct node *n)
{
	struct regions *regions = &n->regions;
	/* How long something is idle is anybody's guess. */
	u64 before = sim.clock + 1 - (one_in(2) ? 0 : chance(100));

	if (stuck(n))
		press(n);
	if (!list_empty(&regions->parked) || ditto_intent_pressed(&regions->core))
		before = sim.clock + 1;
	return ditto_intent_cool_begin(&regions->core, settled(n), before);
}

void regions_cool(struct node *n)
{
	struct regions *regions = &n->regions;
	u32 count;

	regions->cool = false;
	count = cool_begin(n);
	note("node %u: cools %u regions of %u, settled %llu", n->id, count,
	     ditto_intent_hot(&regions->core), settled(n));
	if (count)
		node_flush(n, false);
	bitmap_write(n);
	ditto_intent_cool_end(&regions->core);
	unpark(n);
	if (ditto_intent_commit_due(&regions->core))
		regions->commit = true;
	if (!list_empty(&regions->parked) || ditto_intent_hot(&regions->core))
		regions->cool |= regions->running;
}

bool regions_cool_useful(const struct node *n)
{
	const struct ditto_region *region;
	u32 i;

	for (i = 0; i < LOG_REGIONS; i++) {
		region = &n->regions.memory[i];
		if ((region->state == DITTO_REGION_HOT && !region->busy &&
		     region->last <= settled(n)) || region->state == DITTO_REGION_COOLING)
			return true;
	}
	for (i = 0; i < SIM_NODES; i++) {
		if (i != n->id && n->peers[i].bits_slot != NO_SLOT && n->peers[i].bits.dirty_pages)
			return true;
	}
	return stuck(n);
}

u64 regions_in_use(const struct node *n)
{
	u64 hot = 0;
	u32 i;

	for (i = 0; i < LOG_REGIONS; i++) {
		if (n->regions.memory[i].state != DITTO_REGION_FREE)
			hot |= BIT_ULL(n->regions.memory[i].number);
	}
	return hot;
}

void regions_wake(struct node *n)
{
	n->regions.cool |= n->regions.running;
}

static bool works_idle(struct node *n)
{
	return !context_running(n, CONTEXT_COMMIT) && !context_running(n, CONTEXT_COOL);
}

void regions_empty(struct node *n)
{
	struct ditto_intent *log = &n->regions.core;

	n->regions.cool = false;
	node_wait(n, works_idle, false);
	ditto_intent_forget_positions(log);
	ditto_intent_cool_begin(log, U64_MAX, U64_MAX);
	node_flush(n, false);
	bitmap_write(n);
	ditto_intent_cool_end(log);
	commit(n);
}

static bool read_index(struct node *n, u32 index, u32 *numbers, u32 *count, u64 *sequence)
{
	u32 other[DITTO_INTENT_PER_BLOCK], copy, found_count;
	bool sound = false;
	u64 found;

	*sequence = 0;
	for (copy = 0; copy < DITTO_INTENT_COPIES; copy++) {
		u64 offset = ditto_md_log_block(&n->md, index, copy);

		if (ditto_intent_decode(disk_read_block(&n->disk, node_block(&n->md, offset)),
					n->md.disk_uuid, index, SIM_REGIONS, &found, other,
					&found_count) ||
		    (sound && found < *sequence))
			continue;
		sound = true;
		*sequence = found;
		*count = found_count;
		memcpy(numbers, other, found_count * sizeof(*numbers));
	}
	return sound;
}

static void recover(struct node *n, u32 index, u64 *sequence)
{
	u32 numbers[DITTO_INTENT_PER_BLOCK], count = 0, i;

	if (read_index(n, index, numbers, &count, sequence)) {
		for (i = 0; i < count; i++) {
			note("node %u: region %u was hot", n->id, numbers[i]);
			ditto_account_recover(&n->account, numbers[i]);
		}
		return;
	}
	note("node %u: block %u of the log is not sound", n->id, index);
	cover_touch_all(n->id);
	for (i = 0; i < SIM_NODES; i++) {
		if (n->account.bits[i])
			ditto_bits_set_all(n->account.bits[i]);
	}
}

static void start(struct node *n, const u64 *sequence)
{
	struct regions *regions = &n->regions;
	const struct ditto_intent_room room = {
		.regions = regions->memory,
		.images = regions->images,
		.buckets = regions->buckets,
		.bucket_count = LOG_BUCKETS,
		.blocks = DISK_LOG_BLOCKS,
		.per_block = SIM_LOG_REGIONS,
	};

	ditto_intent_init(&regions->core, &room, SIM_REGION_SHIFT, SIM_BYTES, n->md.disk_uuid,
			  sequence);
	n->account.intent = &regions->core;
}

void regions_attach(struct node *n)
{
	static const u64 none[DISK_LOG_BLOCKS];
	u64 sequence[DISK_LOG_BLOCKS];
	u32 index;

	start(n, none);
	for (index = 0; index < DISK_LOG_BLOCKS; index++)
		recover(n, index, &sequence[index]);
	/*
	 * A disk that has not lost power may hold in its cache what no region is
	 * hot for, and pages that were read from there.
	 */
	node_flush(n, false);
	node_flush(n, true);
	bitmap_write(n);
	start(n, sequence);
	commit(n);
	n->regions.running = true;
}

void regions_detach(struct node *n)
{
	n->regions.running = false;
	n->regions.cool = false;
	n->regions.commit = false;
	node_wait(n, works_idle, false);
	n->account.intent = NULL;
}
