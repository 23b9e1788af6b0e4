// SPDX-License-Identifier: GPL-2.0
#include "intent.h"

#define BLOCKS_MAX	32u

static const u8 magic[4] = { 'd', 'i', 'l', 'g' };

struct disk_block {
	__le32 crc;		/* of the uuid and the block with this field 0 */
	u8 magic[4];
	__le32 index;
	__le32 count;
	__le64 sequence;
	u8 reserved[8];
	__le32 numbers[DITTO_INTENT_PER_BLOCK];
} __packed;

static_assert(sizeof(struct disk_block) == DITTO_INTENT_BLOCK);
static_assert(offsetof(struct disk_block, numbers) == 32);
static_assert(DITTO_INTENT_BLOCKS <= BLOCKS_MAX);
static_assert((DITTO_INTENT_BUCKETS & (DITTO_INTENT_BUCKETS - 1)) == 0);

static u32 block_crc(const struct disk_block *disk, const u8 *uuid)
{
	const __le32 none = 0;
	u32 crc;

	crc = ditto_crc32c(~0u, uuid, 16);
	crc = ditto_crc32c(crc, &none, sizeof(none));
	return ~ditto_crc32c(crc, disk->magic, sizeof(*disk) - sizeof(disk->crc));
}

/* The numbers, and how many, are there already. */
static void seal(struct disk_block *disk, const u8 *uuid, u32 index, u64 sequence)
{
	memcpy(disk->magic, magic, sizeof(magic));
	disk->index = cpu_to_le32(index);
	disk->sequence = cpu_to_le64(sequence);
	disk->crc = cpu_to_le32(block_crc(disk, uuid));
}

void ditto_intent_encode_empty(void *block, const u8 *uuid, u32 index, u64 sequence)
{
	memset(block, 0, DITTO_INTENT_BLOCK);
	seal(block, uuid, index, sequence);
}

static bool named_before(const struct disk_block *disk, u32 i)
{
	u32 j;

	for (j = 0; j < i; j++) {
		if (disk->numbers[j] == disk->numbers[i])
			return true;
	}
	return false;
}

static bool numbers_sound(const struct disk_block *disk, u32 count, u64 limit)
{
	u32 i;

	for (i = 0; i < count; i++) {
		if (le32_to_cpu(disk->numbers[i]) >= limit || named_before(disk, i))
			return false;
	}
	for (; i < DITTO_INTENT_PER_BLOCK; i++) {
		if (disk->numbers[i])
			return false;
	}
	return true;
}

int ditto_intent_decode(const void *block, const u8 *uuid, u32 index, u64 limit, u64 *sequence,
			u32 *numbers, u32 *count)
{
	const struct disk_block *disk = block;
	u32 i, named = le32_to_cpu(disk->count);

	if (memcmp(disk->magic, magic, sizeof(magic)))
		return -ENODATA;
	if (le32_to_cpu(disk->crc) != block_crc(disk, uuid))
		return -EBADMSG;
	for (i = 0; i < sizeof(disk->reserved); i++) {
		if (disk->reserved[i])
			return -ERANGE;
	}
	if (le32_to_cpu(disk->index) != index || named > DITTO_INTENT_PER_BLOCK ||
	    !numbers_sound(disk, named, limit))
		return -ERANGE;
	for (i = 0; i < named; i++)
		numbers[i] = le32_to_cpu(disk->numbers[i]);
	*count = named;
	*sequence = le64_to_cpu(disk->sequence);
	return 0;
}

static u32 index_of(const struct ditto_intent *log, const struct ditto_region *region)
{
	return region - log->room.regions;
}

static u32 block_of(const struct ditto_intent *log, const struct ditto_region *region)
{
	return index_of(log, region) / log->room.per_block;
}

static struct disk_block *image_of(const struct ditto_intent *log, u32 block)
{
	return (struct disk_block *)log->room.images + block;
}

static u64 last_number(const struct ditto_intent *log)
{
	return (log->bytes - 1) >> log->shift;
}

/* Strides are common, so a number's low bits alone would not do. */
static u32 *bucket(const struct ditto_intent *log, u64 number)
{
	u32 hash = number * 0x61c8864680b583ebull >> 32;

	return &log->room.buckets[hash & (log->room.bucket_count - 1)];
}

static struct ditto_region *find(const struct ditto_intent *log, u64 number)
{
	struct ditto_region *region;
	u32 next = *bucket(log, number);

	while (next) {
		region = &log->room.regions[next - 1];
		if (region->number == number)
			return region;
		next = region->chain;
	}
	return NULL;
}

static void hash_insert(struct ditto_intent *log, struct ditto_region *region)
{
	u32 *head = bucket(log, region->number);

	region->chain = *head;
	*head = index_of(log, region) + 1;
}

static void hash_remove(struct ditto_intent *log, struct ditto_region *region)
{
	u32 *link = bucket(log, region->number);

	while (*link != index_of(log, region) + 1) {
		if (WARN_ON_ONCE(!*link))
			return;
		link = &log->room.regions[*link - 1].chain;
	}
	*link = region->chain;
}

/* Its block names it, from the next commit on. */
static void name(struct ditto_intent *log, struct ditto_region *region)
{
	struct disk_block *image = image_of(log, block_of(log, region));
	u32 count = le32_to_cpu(image->count);

	region->slot = count;
	image->numbers[count] = cpu_to_le32(region->number);
	image->count = cpu_to_le32(count + 1);
	log->stale |= 1u << block_of(log, region);
}

/* And no more. The last number takes its place. */
static void unname(struct ditto_intent *log, struct ditto_region *region)
{
	struct disk_block *image = image_of(log, block_of(log, region));
	u32 last = le32_to_cpu(image->count) - 1;
	struct ditto_region *moved = find(log, le32_to_cpu(image->numbers[last]));

	if (WARN_ON_ONCE(!moved))
		return;
	moved->slot = region->slot;
	image->numbers[region->slot] = image->numbers[last];
	image->numbers[last] = 0;
	image->count = cpu_to_le32(last);
	log->stale |= 1u << block_of(log, region);
}

static void add_free(struct ditto_intent *log, struct ditto_region *region)
{
	u32 block = block_of(log, region);

	region->state = DITTO_REGION_FREE;
	list_add_tail(&region->link, &log->free_lists[block]);
	log->free_in[block]++;
	log->free++;
}

static u32 emptiest(const struct ditto_intent *log)
{
	u32 i, best = 0;

	for (i = 1; i < log->room.blocks; i++) {
		if (log->free_in[i] > log->free_in[best])
			best = i;
	}
	return best;
}

/* There must be one. */
static struct ditto_region *take_free(struct ditto_intent *log)
{
	struct ditto_region *region;

	if (!log->free_in[log->filling])
		log->filling = emptiest(log);
	region = list_first_entry(&log->free_lists[log->filling], struct ditto_region, link);
	list_del(&region->link);
	log->free_in[log->filling]--;
	log->free--;
	return region;
}

static void check_room(const struct ditto_intent_room *room)
{
	WARN_ON_ONCE(!room->blocks || room->blocks > BLOCKS_MAX);
	WARN_ON_ONCE(!room->per_block || room->per_block > DITTO_INTENT_PER_BLOCK);
	WARN_ON_ONCE(!is_power_of_2(room->bucket_count));
}

void ditto_intent_init(struct ditto_intent *log, const struct ditto_intent_room *room, u32 shift,
		       u64 bytes, const u8 *uuid, const u64 *sequence)
{
	u32 i;

	check_room(room);
	WARN_ON_ONCE(!bytes || (bytes - 1) >> shift > U32_MAX);
	memset(log, 0, sizeof(*log));
	log->room = *room;
	log->count = room->blocks * room->per_block;
	memset(room->regions, 0, sizeof(*room->regions) * log->count);
	memset(room->images, 0, sizeof(struct disk_block) * room->blocks);
	memset(room->buckets, 0, sizeof(*room->buckets) * room->bucket_count);
	log->shift = shift;
	log->bytes = bytes;
	memcpy(log->uuid, uuid, sizeof(log->uuid));
	log->stale = ~0u >> (BLOCKS_MAX - room->blocks);
	INIT_LIST_HEAD(&log->used);
	INIT_LIST_HEAD(&log->dirty);
	INIT_LIST_HEAD(&log->batch);
	INIT_LIST_HEAD(&log->waiting);
	INIT_LIST_HEAD(&log->served);
	for (i = 0; i < room->blocks; i++) {
		INIT_LIST_HEAD(&log->free_lists[i]);
		log->sequence[i] = sequence[i];
	}
	for (i = 0; i < log->count; i++)
		add_free(log, &room->regions[i]);
}

/* How many of the regions are not in use. */
static u64 missing(const struct ditto_intent *log, u64 first, u64 last)
{
	u64 number, count = 0;

	for (number = first; number <= last; number++)
		count += !find(log, number);
	return count;
}

static struct ditto_region *use(struct ditto_intent *log, u64 number, u64 now)
{
	struct ditto_region *region = take_free(log);

	region->number = number;
	region->last = 0;
	region->used = now;
	region->busy = 0;
	region->ahead = false;
	region->state = DITTO_REGION_DIRTY;
	list_add_tail(&region->link, &log->used);
	list_add_tail(&region->pending, &log->dirty);
	hash_insert(log, region);
	name(log, region);
	return region;
}

/* A sequential writer should not have to wait at the region's end. */
static void warm_ahead(struct ditto_intent *log, u64 number, u64 now)
{
	if (number && number < last_number(log) && log->free > log->count / 4 &&
	    find(log, number - 1) && !find(log, number + 1))
		use(log, number + 1, now)->ahead = true;
}

static void take(struct ditto_intent *log, struct ditto_region *region, u64 position, u64 now)
{
	/* What cools is named on disk until cool_end, which leaves it out now. */
	if (region->state == DITTO_REGION_COOLING)
		region->state = DITTO_REGION_HOT;
	if (region->used != now)
		list_move_tail(&region->link, &log->used);
	region->used = now;
	region->last = max(region->last, position);
	region->busy++;
}

/* Whom to wait for, by the regions that were taken. */
static enum ditto_heat queue(struct ditto_intent *log, bool dirty, bool committing,
			     struct ditto_intent_user *user)
{
	if (dirty)
		list_add_tail(&user->link, &log->waiting);
	else if (committing)
		list_add_tail(&user->link, &log->served);
	else
		return DITTO_HEAT_HOT;
	return DITTO_HEAT_COLD;
}

enum ditto_heat ditto_intent_take(struct ditto_intent *log, u64 start, u64 last, u64 position,
				  u64 now, struct ditto_intent_user *user)
{
	u64 number, first_number = start >> log->shift, end_number = last >> log->shift;
	bool dirty = false, committing = false, fresh = false;
	struct ditto_region *region;

	if (WARN_ON_ONCE(start > last || last >= log->bytes ||
			 end_number - first_number >= log->count))
		return DITTO_HEAT_FULL;
	if (end_number - first_number >= log->free &&
	    missing(log, first_number, end_number) > log->free) {
		log->wanted = true;
		return DITTO_HEAT_FULL;
	}
	for (number = first_number; number <= end_number; number++) {
		region = find(log, number);
		/* In the end, whether the last one was. */
		fresh = !region || region->ahead;
		if (!region)
			region = use(log, number, now);
		take(log, region, position, now);
		region->ahead = false;
		dirty |= region->state == DITTO_REGION_DIRTY;
		committing |= region->state == DITTO_REGION_COMMITTING;
	}
	if (fresh && position)
		warm_ahead(log, end_number, now);
	return queue(log, dirty, committing, user);
}

void ditto_intent_put(struct ditto_intent *log, u64 start, u64 last)
{
	struct ditto_region *region;
	u64 number;

	if (WARN_ON_ONCE(start > last || last >= log->bytes))
		return;
	for (number = start >> log->shift; number <= last >> log->shift; number++) {
		region = find(log, number);
		if (!WARN_ON_ONCE(!region || !region->busy))
			region->busy--;
	}
}

bool ditto_intent_commit_due(const struct ditto_intent *log)
{
	return log->stale && !log->committing;
}

void ditto_intent_commit_begin(struct ditto_intent *log)
{
	struct ditto_region *region;

	if (WARN_ON_ONCE(log->committing))
		return;
	log->committing = true;
	log->writing = log->stale;
	log->stale = 0;
	list_for_each_entry(region, &log->dirty, pending)
		region->state = DITTO_REGION_COMMITTING;
	list_splice_tail_init(&log->dirty, &log->batch);
	list_splice_tail_init(&log->waiting, &log->served);
}

/*
 * All that is in use goes in. What has become DIRTY since the commit began may
 * be among it and may have come too late: it waits for the next one either way.
 */
bool ditto_intent_commit_next(struct ditto_intent *log, void *block, u32 *index, u32 *copy)
{
	if (WARN_ON_ONCE(!log->committing) || !log->writing)
		return false;
	*index = __ffs(log->writing);
	log->writing &= ~(1u << *index);
	*copy = ++log->sequence[*index] & 1;
	memcpy(block, image_of(log, *index), DITTO_INTENT_BLOCK);
	seal(block, log->uuid, *index, log->sequence[*index]);
	return true;
}

void ditto_intent_commit_abandon(struct ditto_intent *log)
{
	log->writing = 0;
}

void ditto_intent_commit_end(struct ditto_intent *log, struct list_head *ready)
{
	struct ditto_region *region;

	if (WARN_ON_ONCE(!log->committing || log->writing))
		return;
	list_for_each_entry(region, &log->batch, pending)
		region->state = DITTO_REGION_HOT;
	INIT_LIST_HEAD(&log->batch);
	log->committing = false;
	list_splice_tail_init(&log->served, ready);
}

u32 ditto_intent_cool_begin(struct ditto_intent *log, u64 settled, u64 before)
{
	struct ditto_region *region;
	u32 count = 0;

	list_for_each_entry(region, &log->used, link) {
		if (region->used >= before)
			break;
		if (region->state == DITTO_REGION_HOT && !region->busy && region->last <= settled)
			region->state = DITTO_REGION_COOLING;
		/* Those count too that were chosen before a flush that failed. */
		count += region->state == DITTO_REGION_COOLING;
	}
	return count;
}

u32 ditto_intent_cool_end(struct ditto_intent *log)
{
	struct ditto_region *region, *next;
	u32 count = 0;

	list_for_each_entry_safe(region, next, &log->used, link) {
		if (region->state != DITTO_REGION_COOLING)
			continue;
		list_del(&region->link);
		unname(log, region);
		hash_remove(log, region);
		add_free(log, region);
		count++;
	}
	log->wanted = false;
	return count;
}

bool ditto_intent_stuck(const struct ditto_intent *log, u64 settled)
{
	const struct ditto_region *region;
	bool unsettled = false;

	list_for_each_entry(region, &log->used, link) {
		if (region->state == DITTO_REGION_COOLING)
			return false;
		if (region->state != DITTO_REGION_HOT || region->busy)
			continue;
		if (region->last <= settled)
			return false;
		unsettled = true;
	}
	return unsettled;
}

bool ditto_intent_pressed(const struct ditto_intent *log)
{
	return log->wanted || log->free < log->count / 8;
}

u32 ditto_intent_hot(const struct ditto_intent *log)
{
	return log->count - log->free;
}

void ditto_intent_each(const struct ditto_intent *log, u64 position,
		       void (*fn)(void *arg, u64 start, u64 size), void *arg)
{
	const struct ditto_region *region;
	u64 start;

	list_for_each_entry(region, &log->used, link) {
		if (region->last <= position)
			continue;
		start = region->number << log->shift;
		fn(arg, start, min(1ULL << log->shift, log->bytes - start));
	}
}

void ditto_intent_forget_positions(struct ditto_intent *log)
{
	struct ditto_region *region;

	list_for_each_entry(region, &log->used, link)
		region->last = 0;
}
