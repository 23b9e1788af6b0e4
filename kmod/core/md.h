/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The metadata of one disk: its encoding, its layout, its validation (G11).
 *
 * A metadata area holds two superblocks, an intent log and one dirty bitmap
 * for each peer there is room for. With internal metadata the area is the end
 * of the backing device, superblocks last, so that growing the device can
 * write a complete new area before it retires the old one; with external
 * metadata the area starts a device of its own, superblocks first.
 *
 *	internal:  | data ...... | bitmaps | intent log | sb 1 | sb 0 |
 *	external:  | sb 0 | sb 1 | intent log | bitmaps |
 *
 * Everything is little endian on disk and host order in struct ditto_md;
 * ditto_md_encode() and ditto_md_decode() are the only edge between the two.
 * A superblock is written with the next sequence number to the slot that the
 * newest valid one does not occupy, so a torn write costs the older copy only.
 *
 * Nothing here allocates, locks, sleeps or does I/O.
 */
#ifndef DITTO_CORE_MD_H
#define DITTO_CORE_MD_H

#include "blocksize.h"
#include "port.h"

#define DITTO_MD_BLOCK		4096u		/* bytes, a superblock's size */
#define DITTO_MD_SLOTS		2u
#define DITTO_MD_VERSION	1u
#define DITTO_MD_PEERS		31u		/* entries of the peer table */
#define DITTO_MD_HISTORY	16u		/* generations remembered */
#define DITTO_MD_VOTERS		32u

#define DITTO_MD_SHIFT_MIN	12u		/* 4 KiB a bit */
#define DITTO_MD_SHIFT_MAX	20u		/* 1 MiB a bit */
#define DITTO_MD_SHIFT_DEFAULT	14u		/* 16 KiB a bit: 8 MiB a TiB */
#define DITTO_MD_PEERS_DEFAULT	7u
#define DITTO_MD_LOG_BYTES	(256u * 1024u)	/* the intent log's room */
#define DITTO_MD_REGION_SHIFT	22u		/* 4 MiB a region */

/* struct ditto_md.flags */
#define DITTO_MDF_INTERNAL	(1u << 0)	/* the area is on the data's device */
#define DITTO_MDF_INCONSISTENT	(1u << 1)	/* a resync has not ended, or never began */
#define DITTO_MDF_OUTDATED	(1u << 2)	/* a newer generation is known to exist */
/* Detached in order; else the disk may have lost what its cache held. */
#define DITTO_MDF_CLEAN		(1u << 3)
#define DITTO_MDF_PRIMARY	(1u << 4)	/* was Primary when last written */
/* Took part in the resource once: also where it was given up since, and holds old data. */
#define DITTO_MDF_USED		(1u << 5)
#define DITTO_MDF_KNOWN		0x3fu

/* struct ditto_md_peer.flags */
#define DITTO_MDF_PEER_USED	(1u << 0)
/* Every block counts as missing there, whatever the bitmap says. */
#define DITTO_MDF_PEER_FULL	(1u << 1)
#define DITTO_MDF_PEER_KNOWN	0x3u

/**
 * struct ditto_md_peer - what is known of one peer's disk
 * @flags: DITTO_MDF_PEER_*
 * @node_id: of the peer; its bitmap is the one of this entry's index
 * @generation: the newest that its copy is known to have held in full
 * @position: and the place in that generation's stream
 */
struct ditto_md_peer {
	u32 flags;
	u32 node_id;
	u64 generation;
	u64 position;
};

/**
 * struct ditto_md - a superblock in host order
 * @sequence: grows with every write; the higher valid slot is the newer
 * @slot: the one this was decoded from, or was last encoded for
 * @resource_uuid: all disks of a resource carry the same
 * @disk_uuid: this disk's own
 * @node_id: the node that the disk belongs to
 * @flags: DITTO_MDF_*
 * @data_bytes: size of the replicated device
 * @device_bytes: size, when created, of the device that holds the area
 * @area_offset: bytes, start of the area
 * @area_bytes: its length
 * @log_offset: bytes, absolute, of the intent log
 * @log_bytes: its length
 * @bitmap_offset: bytes, absolute, of the first peer's bitmap
 * @bitmap_stride: bytes from one peer's bitmap to the next
 * @block_shift: log2 of the bytes that a bitmap bit covers
 * @region_shift: log2 of the bytes of a region of the intent log
 * @max_peers: bitmaps there is room for, 1 to DITTO_MD_PEERS
 * @generation: the current one; 0: it holds no copy that counts
 * @history: earlier generations, newest first, 0 ends
 * @roster_generation: generation of the newest roster known
 * @roster_number: its number
 * @roster: a bit for each node id in it
 * @voters_number: number of the voter list (votes are not in this version)
 * @voters: a bit for each voter's node id
 * @promised: generation that this node's vote has agreed to, 0 if none
 * @lease_ms: length of the lease that went with it
 * @logical_block: bytes of a logical block of the device, at least; 0: those of
 *	the disk (see blocksize.h)
 * @durable_generation: generation of @durable_position
 * @durable_position: everything up to it is on this disk
 * @epoch: the epoch that @durable_position ended
 * @peers: indexed by bitmap slot
 */
struct ditto_md {
	u64 sequence;
	u32 slot;
	u8 resource_uuid[16];
	u8 disk_uuid[16];
	u32 node_id;
	u32 flags;
	u64 data_bytes;
	u64 device_bytes;
	u64 area_offset;
	u64 area_bytes;
	u64 log_offset;
	u64 log_bytes;
	u64 bitmap_offset;
	u64 bitmap_stride;
	u32 block_shift;
	u32 region_shift;
	u32 max_peers;
	u64 generation;
	u64 history[DITTO_MD_HISTORY];
	u64 roster_generation;
	u64 roster_number;
	u32 roster;
	u64 voters_number;
	u32 voters;
	u64 promised;
	u32 lease_ms;
	u32 logical_block;
	u64 durable_generation;
	u64 durable_position;
	u64 epoch;
	struct ditto_md_peer peers[DITTO_MD_PEERS];
};

/**
 * struct ditto_md_complaint - why metadata was refused
 * @error: negative errno: -ENODATA no ditto superblock here, -EBADMSG checksum,
 *	-EPROTONOSUPPORT another version, -ERANGE a field out of range
 * @field: name of the field, never NULL once @error is set
 * @found: its value
 * @expected: the value, or the bound it breaks
 */
struct ditto_md_complaint {
	int error;
	const char *field;
	u64 found;
	u64 expected;
};

/**
 * ditto_md_layout() - place the parts of a new metadata area
 * @md: flags (DITTO_MDF_INTERNAL), block_shift and max_peers are read; sizes
 *	and offsets are written
 * @device_bytes: of the device that holds the area
 * @data_device_bytes: of the backing device; with internal metadata the same
 *
 * data_bytes becomes what is left of the backing device (internal) or all of
 * it (external), rounded down to 4 KiB. log_bytes and region_shift become their
 * constants.
 *
 * Return: 0, -EINVAL for a parameter out of range, -ENOSPC where the device is
 * too small for the area and one block of data.
 */
int ditto_md_layout(struct ditto_md *md, u64 device_bytes, u64 data_device_bytes);

/**
 * ditto_md_slot_offset() - where a superblock is
 * @internal: the area is at the end of the data's device
 * @device_bytes: present size of the device that holds the area
 * @slot: below DITTO_MD_SLOTS
 *
 * Return: absolute offset in bytes, a multiple of DITTO_MD_BLOCK.
 */
u64 ditto_md_slot_offset(bool internal, u64 device_bytes, u32 slot);

/**
 * ditto_md_encode() - make the block that goes to disk
 * @md: what to write, sequence included
 * @slot: where it will be written
 * @block: DITTO_MD_BLOCK bytes
 */
void ditto_md_encode(const struct ditto_md *md, u32 slot, void *block);

/**
 * ditto_md_decode() - check a block from disk and take its values
 * @block: DITTO_MD_BLOCK bytes, hostile
 * @slot: where it was read
 * @internal: where it was looked for
 * @device_bytes: present size of the device that holds the area
 * @md: written only when the block is sound
 * @why: what was wrong
 *
 * Return: 0 or @why->error.
 */
int ditto_md_decode(const void *block, u32 slot, bool internal, u64 device_bytes,
		    struct ditto_md *md, struct ditto_md_complaint *why);

/**
 * ditto_md_choose() - decode both slots and take the newer sound one
 * @blocks: DITTO_MD_SLOTS blocks of DITTO_MD_BLOCK bytes, in slot order
 * @why: DITTO_MD_SLOTS complaints, one for each slot; error is 0 where sound
 *
 * One slot torn or empty is what a crash leaves and is no error. One that is
 * whole but of another version or out of range was written on purpose, perhaps
 * later: then the other one is not taken for the newest. Two sound slots that
 * disagree about what they belong to are (-ERANGE, field "resource_uuid" or
 * "disk_uuid"): one of them is foreign.
 *
 * Return: 0, or the graver error of the two slots with @md untouched.
 */
int ditto_md_choose(const void *blocks, bool internal, u64 device_bytes,
		    struct ditto_md *md, struct ditto_md_complaint *why);

/**
 * ditto_md_peer_find() - the entry of a peer
 * Return: the entry, or NULL where the node has none.
 */
struct ditto_md_peer *ditto_md_peer_find(struct ditto_md *md, u32 node_id);

/**
 * ditto_md_peer_get() - the entry of a peer, a new one if need be
 *
 * A new entry says DITTO_MDF_PEER_FULL: nothing is known to be there.
 *
 * Return: the entry, or NULL where max_peers are in use.
 */
struct ditto_md_peer *ditto_md_peer_get(struct ditto_md *md, u32 node_id);

/**
 * ditto_md_push_generation() - open a generation, the current one into history
 */
void ditto_md_push_generation(struct ditto_md *md, u64 generation);

/* Bits of a bitmap that covers the data. */
u64 ditto_md_bits(const struct ditto_md *md);

/* Where copy @copy of the intent log's block @index is; absolute, in bytes. */
u64 ditto_md_log_block(const struct ditto_md *md, u32 index, u32 copy);
/* Where page @page of the bitmap of slot @slot is; absolute, in bytes. */
u64 ditto_md_bitmap_page(const struct ditto_md *md, u32 slot, u64 page);
/* The bitmap slot of an entry of @md->peers. */
u32 ditto_md_peer_slot(const struct ditto_md *md, const struct ditto_md_peer *peer);

#endif /* DITTO_CORE_MD_H */
