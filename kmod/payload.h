/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Bios over pages of our own: the one copy of a write that all its legs share
 * (G12), what arrives from the network, what a resync reads.
 */
#ifndef DITTO_PAYLOAD_H
#define DITTO_PAYLOAD_H

#include <linux/bio.h>

/*
 * What a bio is for, and so what it waits for before it comes back. Each kind has a
 * reserve of its own, for when there is no memory: a bio of one kind never waits for
 * another of that kind in a way that only a peer could end. That peer may be in the
 * same kernel, and wait for one of the other kind (rule 6 of the write path).
 */
enum ditto_payload_kind {
	DITTO_PAYLOAD_LEG,	/* a Primary's write, until all peers have it */
	DITTO_PAYLOAD_APPLY,	/* a write that arrives, until the local disk has it */
	DITTO_PAYLOAD_SOURCE,	/* read from the local disk to be sent, or compared */
	DITTO_PAYLOAD_TARGET,	/* what else arrives, and what a peer asks to be read */
	DITTO_PAYLOAD_KINDS,
};

/**
 * ditto_payload_alloc() - a bio with room for data
 * @bdev: where it will go
 * @bytes: a multiple of 512, at most 1 MiB
 *
 * Never fails; may sleep until earlier bios of that kind have come back. Not for what
 * serves a connection: one that sleeps receives no acknowledgements.
 * Context: process, GFP_NOIO.
 */
struct bio *ditto_payload_alloc(enum ditto_payload_kind kind, struct block_device *bdev,
				blk_opf_t opf, u64 offset, u32 bytes);

/* The same at once, or NULL where there is no memory now. Any context. */
struct bio *ditto_payload_try(enum ditto_payload_kind kind, struct block_device *bdev,
			      blk_opf_t opf, u64 offset, u32 bytes);

/* Is there so little memory that the reserve of that kind is in use? Any context. */
bool ditto_payload_short(enum ditto_payload_kind kind);

/*
 * A bio of its own over @bytes of @bio's pages, @from bytes on, for the same place;
 * which of the two is freed first does not matter. May sleep until a local disk has
 * done with another.
 */
struct bio *ditto_payload_part(const struct bio *bio, u32 from, u32 bytes);
/* Its end: the pages are @bio's, and go back with that. Any context. */
void ditto_payload_free_part(struct bio *part);

/* Give the pages back and put the bio; any context. */
void ditto_payload_free(struct bio *bio);

/* Take the data of @src, which has @bio's length; @src does not move on. */
void ditto_payload_copy(struct bio *bio, struct bio *src);

/* Bytes, of the pages as allocated, wherever the bio's iterator is. */
u32 ditto_payload_bytes(const struct bio *bio);

/* CRC32C of all the data. */
u32 ditto_payload_crc(const struct bio *bio);

/* Is all of it zero? */
bool ditto_payload_zero(const struct bio *bio);

int ditto_payload_init(void);
void ditto_payload_exit(void);

#endif /* DITTO_PAYLOAD_H */
