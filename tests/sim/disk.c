// SPDX-License-Identifier: GPL-2.0
#include "disk.h"

/*
 * What of a superblock a power cut may leave half written. Smaller than a
 * sector: with few peers all that it says fits into the first one.
 */
#define MD_UNIT		64u
/* And of another block so much, mostly, for all that differs is in there. */
#define BLOCK_USED	48u

enum disk_cut disk_cut;

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
	for (i = 0; i < DISK_BLOCKS; i++) {
		disk->blocks[i].value[0] = calloc(1, DISK_BLOCK);
		disk->blocks[i].done[0] = 1;
		disk->blocks[i].count = 1;
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
	disk->data_changes++;
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

struct disk_io *disk_flush(struct disk *disk, bool meta, void (*done)(struct disk_io *io),
			   void *arg)
{
	return io_new(disk, DISK_FLUSH, meta ? DISK_META : 0, done, arg);
}

struct disk_io *disk_write_block(struct disk *disk, u32 number, const void *block, bool fua,
				 void (*done)(struct disk_io *io), void *arg)
{
	struct disk_io *other, *io;

	list_for_each_entry(other, &disk->ios, link) {
		if (other->op == DISK_BLOCK_WRITE && other->slot == number)
			broken("G11", "node %u has two writes of block %u under way at once",
			       disk->owner, number);
	}
	io = io_new(disk, DISK_BLOCK_WRITE, fua ? DISK_FUA : 0, done, arg);
	io->slot = number;
	io->block = malloc(DISK_BLOCK);
	memcpy(io->block, block, DISK_BLOCK);
	io->said = disk->listen(disk, number, block);
	disk->meta_changes++;
	return io;
}

const void *disk_read_block(const struct disk *disk, u32 number)
{
	return disk->blocks[number].value[disk->blocks[number].count - 1];
}

void disk_create_block(struct disk *disk, u32 number, const void *block)
{
	memcpy(disk->blocks[number].value[0], block, DISK_BLOCK);
	disk->blocks[number].said[0] = disk->listen(disk, number, block);
}

struct disk_io *disk_write_md(struct disk *disk, const struct ditto_md *md, u32 slot,
			      void (*done)(struct disk_io *io), void *arg)
{
	struct disk_io *io = io_new(disk, DISK_MD, DISK_PREFLUSH | DISK_FUA, done, arg);

	io->slot = slot;
	io->md = *md;
	io->block = malloc(DITTO_MD_BLOCK);
	ditto_md_encode(md, slot, io->block);
	disk->meta_changes++;
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
	if (s->count > 1)
		return;
	disk->dirty--;
	__clear_bit(s - disk->sectors, disk->loose);
	disk->data_changes++;
}

static void append(struct disk *disk, struct disk_sector *s, u64 value, u64 tag)
{
	if (s->count == DISK_VERSIONS)
		forget_below(disk, s, 1);
	disk->dirty += s->count == 1;
	__set_bit(s - disk->sectors, disk->loose);
	__clear_bit(s - disk->sectors, disk->rotten);
	disk->data_changes++;
	disk->live[s - disk->sectors] = value;
	s->value[s->count] = value;
	s->tag[s->count] = tag;
	s->done[s->count] = 0;
	s->count++;
}

static void forget_blocks_below(struct disk *disk, struct disk_block *b, u32 keep)
{
	u32 i;

	if (!keep)
		return;
	for (i = 0; i < keep; i++)
		free(b->value[i]);
	memmove(b->value, b->value + keep, (b->count - keep) * sizeof(b->value[0]));
	memmove(b->said, b->said + keep, (b->count - keep) * sizeof(b->said[0]));
	memmove(b->tag, b->tag + keep, (b->count - keep) * sizeof(b->tag[0]));
	memmove(b->done, b->done + keep, (b->count - keep) * sizeof(b->done[0]));
	b->count -= keep;
	disk->meta_changes++;
}

static void append_block(struct disk *disk, struct disk_io *io)
{
	struct disk_block *b = &disk->blocks[io->slot];

	if (b->count == DISK_VERSIONS)
		forget_blocks_below(disk, b, 1);
	b->value[b->count] = io->block;
	io->block = NULL;
	b->said[b->count] = io->said;
	b->tag[b->count] = io->tag;
	b->done[b->count] = 0;
	b->count++;
	disk->meta_changes++;
}

static void flush_blocks(struct disk *disk, u64 before)
{
	struct disk_block *b;
	u32 i, v;

	for (i = 0; i < DISK_BLOCKS; i++) {
		b = &disk->blocks[i];
		for (v = b->count - 1; v; v--) {
			if (b->done[v] && b->done[v] < before)
				break;
		}
		forget_blocks_below(disk, b, v);
	}
}

static void flush(struct disk *disk, u64 before)
{
	struct disk_sector *s;
	u32 i, v;

	for (i = 0; i < SIM_SECTORS && disk->dirty; i++) {
		if (!test_bit(i, disk->loose))
			continue;
		s = &disk->sectors[i];
		for (v = s->count - 1; v; v--) {
			if (s->done[v] && s->done[v] < before)
				break;
		}
		forget_below(disk, s, v);
	}
	disk->changed = true;
}

/* What a flush of one device, or a preflush of an access to it, reaches. */
static void flush_device(struct disk *disk, bool meta, u64 before)
{
	if (meta || disk->internal)
		flush_blocks(disk, before);
	if (!meta || disk->internal)
		flush(disk, before);
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
		flush_device(disk, io->flags & DISK_META, io->submitted);
		break;
	case DISK_BLOCK_WRITE:
		append_block(disk, io);
		break;
	case DISK_MD:
		disk->meta_changes++;
		memcpy(disk->slots[io->slot], io->block, DITTO_MD_BLOCK);
		disk->slot_md[io->slot] = io->md;
		disk->newest_slot = io->slot;
		disk->landed_md(disk, &io->md);
		break;
	}
}

static void settle_block(struct disk *disk, const struct disk_io *io)
{
	struct disk_block *b = &disk->blocks[io->slot];
	u32 v;

	for (v = 0; v < b->count && b->tag[v] != io->tag; v++)
		;
	if (v == b->count)
		return;
	b->done[v] = sim.clock;
	if (disk->through || io->flags & DISK_FUA)
		forget_blocks_below(disk, b, v);
}

/* From now on a flush covers it; FUA, or without a cache: it is on the medium. */
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
		if (disk->through || io->flags & DISK_FUA)
			forget_below(disk, s, v);
	}
}

static void io_free(struct disk *disk, struct disk_io *io)
{
	list_del(&io->link);
	disk->io_count--;
	disk->data_changes++;
	disk->meta_changes++;
	free(io->data);
	free(io->block);
	free(io);
}

bool disk_moves(const struct disk *disk, const struct disk_io *io)
{
	return disk->health != DISK_STUCK || !io->done || io->flags & DISK_WAITED;
}

/* Whoever waits for it hears of an error, now; what it does, it does later. */
static void time_out(struct disk_io *io)
{
	void (*done)(struct disk_io *io) = io->done;

	io->done = NULL;
	io->error = true;
	done(io);
}

void disk_advance(struct disk *disk, struct disk_io *io)
{
	struct disk_io ended;

	sim.clock++;
	if (disk->health == DISK_STUCK && io->done) {
		time_out(io);
		return;
	}
	if (disk->health == DISK_DEAD && !io->landed) {
		io->landed = true;
		io->lost = true;
		io->error = true;
	}
	if (!io->landed && io->flags & DISK_PREFLUSH && !io->flushed) {
		io->flushed = true;
		flush_device(disk, io->op == DISK_MD, io->submitted);
		return;
	}
	if (!io->landed) {
		io->landed = true;
		land(disk, io);
		return;
	}
	if (io->op == DISK_WRITE && !io->lost)
		settle(disk, io);
	if (io->op == DISK_BLOCK_WRITE && !io->lost)
		settle_block(disk, io);
	/* What it leads to must not find it among those under way. */
	list_del(&io->link);
	disk->io_count--;
	disk->data_changes += io->error;
	disk->meta_changes += io->error;
	ended = *io;
	free(io);
	if (ended.done)
		ended.done(&ended);
	free(ended.data);
	free(ended.block);
}

void disk_rot(struct disk *disk, u32 sector)
{
	/* It may be bad already. */
	if (!test_bit(sector, disk->rotten))
		disk->sound[sector] = disk_live(disk, sector);
	disk_set_live(disk, sector, DISK_BAD);
	__set_bit(sector, disk->rotten);
}

void disk_heal(struct disk *disk)
{
	struct disk_sector *s;
	u32 i, v;

	for (i = 0; i < SIM_SECTORS; i++) {
		if (!test_bit(i, disk->rotten))
			continue;
		s = &disk->sectors[i];
		for (v = 0; v < s->count; v++) {
			if (s->value[v] == DISK_BAD)
				s->value[v] = disk->sound[i];
		}
		disk->live[i] = s->value[s->count - 1];
		note("node %u: sector %u is sound again", disk->owner, i);
	}
	memset(disk->rotten, 0, sizeof(disk->rotten));
	disk->data_changes++;
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

	if (io->landed || io->op == DISK_READ || io->op == DISK_FLUSH || disk_cut == DISK_CUT_LOSES)
		return;
	if (io->flags & DISK_PREFLUSH && !io->flushed) {
		if (one_in(2))
			return;
		flush_device(disk, io->op == DISK_MD, io->submitted);
	}
	if (io->op == DISK_BLOCK_WRITE) {
		append_block(disk, io);
		return;
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

/* One version survives, or the beginning of it and the rest of the one before, nearly. */
static void cut_block(struct disk *disk, u32 number)
{
	struct disk_block *b = &disk->blocks[number];
	u32 kept = chance(b->count), torn = 0;

	if (b->count == 1)
		return;
	if (disk_cut)
		kept = disk_cut == DISK_CUT_KEEPS ? b->count - 1 : 0;
	if (!disk_cut && kept && one_in(2)) {
		torn = 1 + chance(one_in(8) ? DISK_BLOCK - 1 : BLOCK_USED);
		memcpy(b->value[kept] + torn, b->value[kept - 1] + torn, DISK_BLOCK - torn);
		/* And where the two meet, neither. */
		memset(b->value[kept] + torn - 1, 0, min(8u, DISK_BLOCK - torn + 1));
		b->said[kept] = disk->listen(disk, number, b->value[kept]);
	}
	note("node %u: block %u is left with version %u of %u, torn at %u", disk->owner, number,
	     kept, b->count, torn);
	while (b->count > kept + 1)
		free(b->value[--b->count]);
	forget_blocks_below(disk, b, kept);
}

void disk_power_cut(struct disk *disk)
{
	struct disk_io *io, *next;
	struct disk_sector *s;
	u32 mood = disk_cut ? disk_cut - DISK_CUT_KEEPS : chance(4), kept, i;

	list_for_each_entry_safe(io, next, &disk->ios, link) {
		if (disk->health != DISK_DEAD)
			cut_io(disk, io);
		io_free(disk, io);
	}
	disk->health = DISK_SOUND;
	for (i = 0; i < SIM_SECTORS; i++) {
		s = &disk->sectors[i];
		s->done[0] = sim.clock;
		if (s->count == 1)
			continue;
		/* Sometimes all is lost, sometimes nothing, mostly some. */
		kept = !mood ? s->count - 1 : mood == 1 ? 0 : chance(s->count);
		s->value[0] = s->value[kept];
		disk->live[i] = s->value[kept];
		s->count = 1;
		disk->dirty--;
	}
	memset(disk->loose, 0, sizeof(disk->loose));
	for (i = 0; i < DISK_BLOCKS; i++)
		cut_block(disk, i);
	disk->changed = true;
	disk->data_changes++;
	disk->meta_changes++;
}

void disk_crash(struct disk *disk)
{
	struct disk_io *io, *next;
	u32 i, v;

	list_for_each_entry_safe(io, next, &disk->ios, link) {
		if (disk->health != DISK_DEAD)
			cut_io(disk, io);
		io_free(disk, io);
	}
	disk->health = DISK_SOUND;
	/* A flush that comes now reaches all of it. */
	for (i = 0; i < SIM_SECTORS; i++) {
		for (v = 0; v < disk->sectors[i].count; v++)
			disk->sectors[i].done[v] = disk->sectors[i].done[v] ?: sim.clock;
	}
	for (i = 0; i < DISK_BLOCKS; i++) {
		for (v = 0; v < disk->blocks[i].count; v++)
			disk->blocks[i].done[v] = disk->blocks[i].done[v] ?: sim.clock;
	}
	disk->changed = true;
	disk->data_changes++;
	disk->meta_changes++;
}

void disk_free(struct disk *disk)
{
	struct disk_io *io, *next;
	u32 i;

	for (i = 0; i < DISK_BLOCKS; i++) {
		while (disk->blocks[i].count)
			free(disk->blocks[i].value[--disk->blocks[i].count]);
	}

	list_for_each_entry_safe(io, next, &disk->ios, link)
		io_free(disk, io);
}
