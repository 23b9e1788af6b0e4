// SPDX-License-Identifier: GPL-2.0
#include "disk.h"

/*
 * What of a superblock a power cut may leave half written. Smaller than a
 * sector: with few peers all that it says fits into the first one.
 */
#define MD_UNIT		64u

void disk_init(struct disk *disk, u32 owner, bool internal)
{
	u32 i;

	memset(disk, 0, sizeof(*disk));
	disk->owner = owner;
	disk->internal = internal;
	INIT_LIST_HEAD(&disk->ios);
	for (i = 0; i < SIM_SECTORS; i++) {
		disk->sectors[i].count = 1;
		disk->sectors[i].done[0] = 1;
	}
}

static struct disk_io *io_new(struct disk *disk, enum disk_op op, u32 flags,
			      void (*done)(struct disk_io *io), void *arg)
{
	struct disk_io *io = calloc(1, sizeof(*io));

	io->op = op;
	io->flags = flags;
	io->submitted = sim.clock;
	io->tag = ++disk->tags;
	io->done = done;
	io->arg = arg;
	list_add_tail(&io->link, &disk->ios);
	disk->io_count++;
	return io;
}

static bool writes(const struct disk_io *io, u32 sector)
{
	return io->op == DISK_WRITE && sector >= io->first && sector < io->first + io->count &&
	       !test_bit(sector - io->first, io->mask);
}

/* What overlaps is ordered before it comes here: a disk may swap what it holds. */
static void check_alone(struct disk *disk, const struct disk_io *io)
{
	const struct disk_io *other;
	u32 i;

	list_for_each_entry(other, &disk->ios, link) {
		if (other == io || other->op != DISK_WRITE)
			continue;
		for (i = io->first; i < io->first + io->count; i++) {
			if (writes(io, i) && writes(other, i)) {
				broken("G4", "node %u has two writes of sector %u under way at once",
				       disk->owner, i);
				return;
			}
		}
	}
}

struct disk_io *disk_write(struct disk *disk, u32 first, u32 count, const u64 *data,
			   const unsigned long *mask, u32 flags,
			   void (*done)(struct disk_io *io), void *arg)
{
	struct disk_io *io = io_new(disk, DISK_WRITE, flags, done, arg);

	io->first = first;
	io->count = count;
	io->data = calloc(count, sizeof(u64));
	if (data)
		memcpy(io->data, data, count * sizeof(u64));
	if (mask)
		memcpy(io->mask, mask, sizeof(io->mask));
	check_alone(disk, io);
	return io;
}

struct disk_io *disk_read(struct disk *disk, u32 first, u32 count,
			  void (*done)(struct disk_io *io), void *arg)
{
	struct disk_io *io = io_new(disk, DISK_READ, 0, done, arg);

	io->first = first;
	io->count = count;
	io->data = calloc(count, sizeof(u64));
	return io;
}

struct disk_io *disk_flush(struct disk *disk, void (*done)(struct disk_io *io), void *arg)
{
	return io_new(disk, DISK_FLUSH, 0, done, arg);
}

struct disk_io *disk_write_md(struct disk *disk, const struct ditto_md *md, u32 slot,
			      void (*done)(struct disk_io *io), void *arg)
{
	struct disk_io *io = io_new(disk, DISK_MD, DISK_PREFLUSH | DISK_FUA, done, arg);

	io->slot = slot;
	io->md = *md;
	io->block = malloc(DITTO_MD_BLOCK);
	ditto_md_encode(md, slot, io->block);
	return io;
}

/* Versions below @keep have been overwritten on the medium. */
static void forget_below(struct disk *disk, struct disk_sector *s, u32 keep)
{
	if (!keep)
		return;
	memmove(s->value, s->value + keep, (s->count - keep) * sizeof(s->value[0]));
	memmove(s->tag, s->tag + keep, (s->count - keep) * sizeof(s->tag[0]));
	memmove(s->done, s->done + keep, (s->count - keep) * sizeof(s->done[0]));
	s->count -= keep;
	disk->dirty -= s->count == 1;
}

static void append(struct disk *disk, struct disk_sector *s, u64 value, u64 tag)
{
	if (s->count == DISK_VERSIONS)
		forget_below(disk, s, 1);
	disk->dirty += s->count == 1;
	s->value[s->count] = value;
	s->tag[s->count] = tag;
	s->done[s->count] = 0;
	s->count++;
}

static void flush(struct disk *disk, u64 before)
{
	struct disk_sector *s;
	u32 i, v;

	for (i = 0; i < SIM_SECTORS && disk->dirty; i++) {
		s = &disk->sectors[i];
		for (v = s->count - 1; v; v--) {
			if (s->done[v] && s->done[v] < before)
				break;
		}
		forget_below(disk, s, v);
	}
	disk->changed = true;
}

static void land(struct disk *disk, struct disk_io *io)
{
	u32 i;

	switch (io->op) {
	case DISK_WRITE:
		for (i = 0; i < io->count; i++) {
			if (!test_bit(i, io->mask))
				append(disk, &disk->sectors[io->first + i], io->data[i], io->tag);
		}
		disk->changed = true;
		break;
	case DISK_READ:
		for (i = 0; i < io->count; i++)
			io->data[i] = disk_live(disk, io->first + i);
		break;
	case DISK_FLUSH:
		flush(disk, io->submitted);
		break;
	case DISK_MD:
		memcpy(disk->slots[io->slot], io->block, DITTO_MD_BLOCK);
		disk->slot_md[io->slot] = io->md;
		disk->newest_slot = io->slot;
		disk->landed_md(disk, &io->md);
		break;
	}
}

/* From now on a flush covers it; FUA: it is on the medium. */
static void settle(struct disk *disk, const struct disk_io *io)
{
	struct disk_sector *s;
	u32 i, v;

	for (i = 0; i < io->count; i++) {
		s = &disk->sectors[io->first + i];
		for (v = 0; v < s->count && s->tag[v] != io->tag; v++)
			;
		if (v == s->count)
			continue;
		s->done[v] = sim.clock;
		if (io->flags & DISK_FUA)
			forget_below(disk, s, v);
	}
}

static void io_free(struct disk *disk, struct disk_io *io)
{
	list_del(&io->link);
	disk->io_count--;
	free(io->data);
	free(io->block);
	free(io);
}

void disk_advance(struct disk *disk, struct disk_io *io)
{
	struct disk_io ended;

	sim.clock++;
	if (io->flags & DISK_PREFLUSH && !io->flushed) {
		io->flushed = true;
		if (io->op != DISK_MD || disk->internal)
			flush(disk, io->submitted);
		return;
	}
	if (!io->landed) {
		io->landed = true;
		land(disk, io);
		return;
	}
	if (io->op == DISK_WRITE)
		settle(disk, io);
	/* What it leads to must not find it among those under way. */
	list_del(&io->link);
	disk->io_count--;
	ended = *io;
	free(io);
	if (ended.done)
		ended.done(&ended);
	free(ended.data);
	free(ended.block);
}

void disk_write_back(struct disk *disk)
{
	struct disk_sector *s = &disk->sectors[chance(SIM_SECTORS)];

	forget_below(disk, s, chance(s->count));
}

static void tear(struct disk *disk, struct disk_io *io)
{
	u32 i, torn = 0;

	for (i = 0; i < DITTO_MD_BLOCK; i += MD_UNIT) {
		/* Those that are alike before and after are of no interest. */
		if (!memcmp(disk->slots[io->slot] + i, io->block + i, MD_UNIT))
			continue;
		if (one_in(2))
			memcpy(disk->slots[io->slot] + i, io->block + i, MD_UNIT);
		else
			torn++;
	}
	if (!torn) {
		disk->slot_md[io->slot] = io->md;
		disk->newest_slot = io->slot;
		disk->landed_md(disk, &io->md);
	}
	note("node %u: slot %u is left with %u units unwritten", disk->owner, io->slot, torn);
}

/* What was under way and not seen yet may have come as far as the medium. */
static void cut_io(struct disk *disk, struct disk_io *io)
{
	u32 i;

	if (io->landed || (io->op != DISK_WRITE && io->op != DISK_MD))
		return;
	if (io->flags & DISK_PREFLUSH && !io->flushed) {
		if (one_in(2))
			return;
		if (io->op != DISK_MD || disk->internal)
			flush(disk, io->submitted);
	}
	if (io->op == DISK_MD) {
		tear(disk, io);
		return;
	}
	for (i = 0; i < io->count; i++) {
		if (!test_bit(i, io->mask) && one_in(2))
			append(disk, &disk->sectors[io->first + i], io->data[i], io->tag);
	}
}

void disk_power_cut(struct disk *disk)
{
	struct disk_io *io, *next;
	struct disk_sector *s;
	u32 mood = chance(4), i;

	list_for_each_entry_safe(io, next, &disk->ios, link) {
		cut_io(disk, io);
		io_free(disk, io);
	}
	for (i = 0; i < SIM_SECTORS; i++) {
		s = &disk->sectors[i];
		/* Sometimes all is lost, sometimes nothing, mostly some. */
		if (mood)
			s->count = mood == 1 ? 1 : 1 + chance(s->count);
		forget_below(disk, s, s->count - 1);
		s->done[0] = sim.clock;
	}
	disk->dirty = 0;
	disk->changed = true;
}

void disk_free(struct disk *disk)
{
	struct disk_io *io, *next;

	list_for_each_entry_safe(io, next, &disk->ios, link)
		io_free(disk, io);
}
