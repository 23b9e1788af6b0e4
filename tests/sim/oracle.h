/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What users were promised, kept apart from all that ditto knows.
 *
 * A timeline is the life of the device under one Primary: for each sector the
 * writes in the order in which they entered the stream. A promotion forks one:
 * it begins with what the new Primary's copy held. A node's copy belongs to the
 * timeline of the Primary that it follows or last followed, or to none while
 * its metadata says Inconsistent.
 *
 * G1. A promoted copy holds, in each sector, the newest acknowledged write or a
 * newer one, as far as the copy was in the roster when it was acknowledged. Of
 * a copy that stopped uncleanly only what a flush covered is asked, unless
 * another member stayed up (rule 9).
 *
 * G4. When may a disk that loses power hold a write w and lack a write v that
 * is older in some sector? Only when no legal disk was forced to have v on its
 * medium before w came to it. It was forced to when
 *  - a flush was submitted after v had completed, and had itself completed
 *    before w was submitted, or
 *  - v was FUA and had completed before w was submitted, or
 *  - w carried a PREFLUSH and v had completed before w was submitted.
 * The first two give v a moment (@must) after which nothing that is submitted
 * may survive without it. So for a disk: of all that might survive a power cut
 * at this moment, take the newest write, by when its user submitted it, and ask
 * of each sector whether what might survive there lacks something that had to
 * be durable by then. Sectors survive independently, so what is asked of two
 * different sectors may be asked together. Versions of zeroes cannot be told
 * apart; each is taken for the one that accuses least.
 *
 * And a flush or FUA write that has completed is durable on every member: there
 * @must is enough (G1, rule 7).
 *
 * A write that is gone (overwritten in the stream by one that the disk holds)
 * is not lacking: only versions newer than the surviving one count.
 */
#ifndef DITTO_SIM_ORACLE_H
#define DITTO_SIM_ORACLE_H

#include "disk.h"
#include "sim.h"

#define NEVER	U64_MAX

/**
 * struct write - a user's request
 * @id: the same in all timelines that have it
 * @submitted: clock
 * @acked: clock, NEVER before
 * @must: clock from when on it has to be durable, NEVER before
 * @preflush: a flush goes before it
 * @flush: it completes as a flush, with or without data
 * @forgiven: lost with what nobody had promised to keep, or by force
 * @copy: its own in the timeline being forked
 * @origin: what it is the copy of in the timeline before, or NULL
 */
struct write {
	struct list_head link;
	u64 id;
	u64 submitted;
	u64 acked;
	u64 must;
	bool preflush;
	bool flush;
	bool fua;
	bool forgiven;
	u32 first;
	u32 count;
	struct write *copy;
	struct write *origin;
};

struct version {
	u64 value;
	struct write *write;
};

/**
 * struct timeline - see above
 * @writes: in order of position
 * @left: by node: clock when it left the roster; NEVER while it is in it, 0 before
 * @leaving: it is lost, and a roster without it is not yet durable everywhere
 */
struct timeline {
	struct list_head link;
	u32 number;
	struct list_head writes;
	struct version *versions[SIM_SECTORS];
	u32 count[SIM_SECTORS];
	u32 room[SIM_SECTORS];
	u64 left[SIM_NODES];
	bool leaving[SIM_NODES];
};

void oracle_init(void);
void oracle_free(void);

/* A timeline that begins with what @disk holds; @from: the copy's, or NULL. */
struct timeline *oracle_fork(struct timeline *from, const struct disk *disk, bool forgive);

/* A request enters the stream. @values: NULL for zeroes. */
struct write *oracle_submit(struct timeline *t, u32 first, u32 count, const u64 *values,
			    bool flush, bool preflush, bool fua);
/* Its user hears. */
void oracle_ack(struct timeline *t, struct write *w);
/* Values that no other write has. */
u64 oracle_values(u32 first, u32 count, u64 *values);

/* G1: does @disk hold all that @node's copy was promised to keep? */
void oracle_check_promotion(const struct timeline *t, const struct disk *disk, u32 node,
			    bool flushed_only);
/* What the Primary's users read. */
void oracle_check_reads(const struct timeline *t, const struct disk *disk);
/* G4, for whatever a power cut would leave of @disk now. */
void oracle_check_order(const struct timeline *t, const struct disk *disk);
/* G6: does @into have all acknowledged writes that @node's copy of @from has? */
void oracle_check_overwrite(const struct timeline *from, u32 node, const struct timeline *into);

#endif /* DITTO_SIM_ORACLE_H */
