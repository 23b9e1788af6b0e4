/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A disk with a volatile write cache.
 *
 * A sector is a list of versions: the medium's, then what was written since,
 * newest last; reads see the newest. A power cut leaves any one of them, each
 * sector for itself. A flush makes durable what had completed before it was
 * submitted, and perhaps more. The two metadata slots are written with
 * PREFLUSH|FUA only, and a power cut may tear the one under way.
 */
#ifndef DITTO_SIM_DISK_H
#define DITTO_SIM_DISK_H

#include "md.h"
#include "sim.h"

#define DISK_VERSIONS	6u

enum disk_op { DISK_WRITE, DISK_READ, DISK_FLUSH, DISK_MD };

#define DISK_PREFLUSH	(1u << 0)
#define DISK_FUA	(1u << 1)

/**
 * struct disk_io - one access on its way
 * @first: sector; @count: sectors
 * @data: values, ours; of a read the result
 * @mask: sectors (from @first) that are not written
 * @submitted: clock
 * @landed: its effect is to be seen
 * @flushed: its preflush has happened
 * @slot: of DISK_MD; @block: of DISK_MD; @md: what @block says
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
	u32 slot;
	u8 *block;
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

/**
 * struct disk - see above
 * @owner: node id
 * @internal: the metadata is on the same device: its preflush flushes the data
 * @changed: written since the checks have last looked
 * @landed_md: told when a superblock has reached the medium whole
 */
struct disk {
	u32 owner;
	bool internal;
	bool changed;
	u64 tags;
	struct disk_sector sectors[SIM_SECTORS];
	u8 slots[DITTO_MD_SLOTS][DITTO_MD_BLOCK];
	struct ditto_md slot_md[DITTO_MD_SLOTS];
	u32 newest_slot;	/* of the last one whole */
	struct list_head ios;
	u32 io_count;
	u32 dirty;		/* sectors with more than one version */
	void (*landed_md)(struct disk *disk, const struct ditto_md *md);
};

void disk_init(struct disk *disk, u32 owner, bool internal);

/* @data: values, NULL for zeroes; @mask: NULL for none. */
struct disk_io *disk_write(struct disk *disk, u32 first, u32 count, const u64 *data,
			   const unsigned long *mask, u32 flags,
			   void (*done)(struct disk_io *io), void *arg);
struct disk_io *disk_read(struct disk *disk, u32 first, u32 count,
			  void (*done)(struct disk_io *io), void *arg);
struct disk_io *disk_flush(struct disk *disk, void (*done)(struct disk_io *io), void *arg);
struct disk_io *disk_write_md(struct disk *disk, const struct ditto_md *md, u32 slot,
			      void (*done)(struct disk_io *io), void *arg);

/* Something happens to the access: it is seen, or it ends and is gone. */
void disk_advance(struct disk *disk, struct disk_io *io);
/* The disk writes back some of its cache by itself. */
void disk_write_back(struct disk *disk);
/* Every access under way is forgotten, of the cache any part survives. */
void disk_power_cut(struct disk *disk);
void disk_free(struct disk *disk);

static inline u64 disk_live(const struct disk *disk, u32 sector)
{
	const struct disk_sector *s = &disk->sectors[sector];

	return s->value[s->count - 1];
}

#endif /* DITTO_SIM_DISK_H */
