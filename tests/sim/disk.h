/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A disk with a volatile write cache; or, @through, without: what has ended is on
 * the medium.
 *
 * A sector is a list of versions: the medium's, then what was written since,
 * newest last; reads see the newest. A power cut leaves any one of them, each
 * sector for itself. A flush makes durable what had completed before it was
 * submitted, and perhaps more. The two metadata slots are written with
 * PREFLUSH|FUA only, and a power cut may tear the one under way.
 *
 * The other blocks of the metadata, copies of the intent log's blocks and pages
 * of bitmaps, are lists of versions too. Of two versions that follow each other
 * a power cut may leave the beginning of the newer and the rest of the older.
 */
#ifndef DITTO_SIM_DISK_H
#define DITTO_SIM_DISK_H

#include "md.h"
#include "sim.h"

#define DISK_VERSIONS	6u
#define DISK_LOG_BLOCKS	2u	/* blocks of the intent log; two copies of each */
#define DISK_PAGES	(SIM_NODES - 1)	/* of bitmaps, one for each */
#define DISK_BLOCKS	(2 * DISK_LOG_BLOCKS + DISK_PAGES)
#define DISK_BLOCK	4096u
#define DISK_BAD	(1ull << 63)	/* what a sector holds that has gone bad */

enum disk_op { DISK_WRITE, DISK_READ, DISK_FLUSH, DISK_MD, DISK_BLOCK_WRITE };

#define DISK_PREFLUSH	(1u << 0)
#define DISK_FUA	(1u << 1)
#define DISK_META	(1u << 2)	/* of a flush: it is the metadata's device */
#define DISK_WAITED	(1u << 3)	/* a context waits for it, but not for ever */

/*
 * A disk that is dead returns an error for whatever it has not done. One that
 * stands still returns nothing, and may do what it was given at any time later,
 * when nobody asks for it any more; who waits for it hears of a time-out.
 */
enum disk_health { DISK_SOUND, DISK_DEAD, DISK_STUCK };

/**
 * struct disk_said - what a block of metadata says, but for the superblocks
 * @sound: it says something
 * @sequence: of a block of the log
 * @mask: a bit for each region, or block
 */
struct disk_said {
	bool sound;
	u64 sequence;
	u64 mask;
};

/**
 * struct disk_io - one access on its way
 * @first: sector; @count: sectors
 * @data: values, ours; of a read the result
 * @mask: sectors (from @first) that are not written
 * @submitted: clock
 * @landed: its effect is to be seen
 * @flushed: its preflush has happened
 * @lost: it never will be
 * @error: whoever waits hears of one
 * @slot: of DISK_MD, or which of the other blocks; @block: contents
 * @md: what the @block of DISK_MD says
 */
struct disk_io {
	struct list_head link;
	enum disk_op op;
	u32 flags;
	u32 first;
	u32 count;
	u64 *data;
	unsigned long mask[SIM_MASK];
	u64 submitted;
	u64 tag;
	bool landed;
	bool flushed;
	bool lost;
	bool error;
	u32 slot;
	u8 *block;
	struct disk_said said;
	struct ditto_md md;
	void (*done)(struct disk_io *io);
	void *arg;
};

struct disk_sector {
	u64 value[DISK_VERSIONS];
	u64 tag[DISK_VERSIONS];
	u64 done[DISK_VERSIONS];	/* clock, 0: not yet */
	u32 count;
};

/* A block of metadata, but for the superblocks. */
struct disk_block {
	u8 *value[DISK_VERSIONS];
	struct disk_said said[DISK_VERSIONS];
	u64 tag[DISK_VERSIONS];
	u64 done[DISK_VERSIONS];
	u32 count;
};

/**
 * struct disk - see above
 * @owner: node id
 * @internal: the metadata is on the same device: its preflush flushes the data
 * @through: it has no volatile cache
 * @health: see above
 * @changed: written since the checks have last looked
 * @data_changes: grows when what the disk may hold of data changes
 * @meta_changes: when what its metadata may say does
 * @live: what reads of each sector see: its newest version
 * @loose: sectors with more than one version
 * @rotten: sectors that have gone bad, which the disk's owner has not recorded;
 *	@sound: what they held
 * @listen: what does a block say?
 * @landed_md: told when a superblock has reached the medium whole
 */
struct disk {
	u32 owner;
	bool internal;
	bool through;
	enum disk_health health;
	bool changed;
	u64 tags;
	u64 data_changes;
	u64 meta_changes;
	unsigned long loose[SIM_MASK];
	unsigned long rotten[SIM_MASK];
	u64 sound[SIM_SECTORS];
	struct disk_sector sectors[SIM_SECTORS];
	u64 live[SIM_SECTORS];
	struct disk_block blocks[DISK_BLOCKS];
	u8 slots[DITTO_MD_SLOTS][DITTO_MD_BLOCK];
	struct ditto_md slot_md[DITTO_MD_SLOTS];
	u32 newest_slot;	/* of the last one whole */
	struct list_head ios;
	u32 io_count;
	u32 dirty;		/* sectors with more than one version */
	struct disk_said (*listen)(const struct disk *disk, u32 number, const void *block);
	void (*landed_md)(struct disk *disk, const struct ditto_md *md);
};

/* Scenarios: what a power cut leaves of what is not durable; mostly it is drawn. */
enum disk_cut { DISK_CUT_DRAWN, DISK_CUT_KEEPS, DISK_CUT_LOSES };
extern enum disk_cut disk_cut;

void disk_init(struct disk *disk, u32 owner, bool internal);

/* @data: values, NULL for zeroes; @mask: NULL for none. */
struct disk_io *disk_write(struct disk *disk, u32 first, u32 count, const u64 *data,
			   const unsigned long *mask, u32 flags,
			   void (*done)(struct disk_io *io), void *arg);
struct disk_io *disk_read(struct disk *disk, u32 first, u32 count,
			  void (*done)(struct disk_io *io), void *arg);
/* @meta: of the metadata's device, which may be the data's too. */
struct disk_io *disk_flush(struct disk *disk, bool meta, void (*done)(struct disk_io *io),
			   void *arg);
struct disk_io *disk_write_md(struct disk *disk, const struct ditto_md *md, u32 slot,
			      void (*done)(struct disk_io *io), void *arg);

struct disk_io *disk_write_block(struct disk *disk, u32 number, const void *block, bool fua,
				 void (*done)(struct disk_io *io), void *arg);
/* What reading the block finds. */
const void *disk_read_block(const struct disk *disk, u32 number);
/* As create-md leaves it. */
void disk_create_block(struct disk *disk, u32 number, const void *block);

/* Can anything happen to the access? */
bool disk_moves(const struct disk *disk, const struct disk_io *io);
/* Something happens to the access: it is seen, or it ends and is gone. */
void disk_advance(struct disk *disk, struct disk_io *io);
/* A sector goes bad; and all of those are sound again, while nobody has acted on it. */
void disk_rot(struct disk *disk, u32 sector);
void disk_heal(struct disk *disk);
/* The disk writes back some of its cache by itself. */
void disk_write_back(struct disk *disk);
/* Every access under way is forgotten, of the cache any part survives. */
void disk_power_cut(struct disk *disk);
/* Its machine has crashed: what was under way happened or not, its cache stays. */
void disk_crash(struct disk *disk);
void disk_free(struct disk *disk);

/* Another value than its newest version has. */
static inline void disk_set_live(struct disk *disk, u32 sector, u64 value)
{
	disk->sectors[sector].value[disk->sectors[sector].count - 1] = value;
	disk->live[sector] = value;
	disk->data_changes++;
}

static inline u64 disk_live(const struct disk *disk, u32 sector)
{
	return disk->live[sector];
}

#endif /* DITTO_SIM_DISK_H */
