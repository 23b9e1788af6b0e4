// SPDX-License-Identifier: GPL-2.0
#include "bits.h"
#include "intent.h"
#include "md.h"

#define NODES		32u
/* No device is larger; as many times it as there are peers does not overflow. */
#define DEVICE_MAX	(1ULL << 58)
#define SB_BYTES	(DITTO_MD_SLOTS * DITTO_MD_BLOCK)
#define REGION_SHIFT_MAX 30u
#define LOG_BYTES_MIN	(DITTO_INTENT_BLOCKS * DITTO_INTENT_COPIES * DITTO_INTENT_BLOCK)

static const u8 magic[8] = { 'd', 'i', 't', 't', 'o', '-', 'm', 'd' };

struct disk_peer {
	__le32 flags;
	__le32 node_id;
	__le64 generation;
	__le64 position;
} __packed;

struct disk_sb {
	u8 magic[8];
	__le32 version;
	__le32 crc;		/* of the whole block with this field 0 */
	__le64 sequence;
	__le32 slot;
	__le32 node_id;
	u8 resource_uuid[16];
	u8 disk_uuid[16];
	__le32 flags;
	__le32 block_shift;
	__le32 region_shift;
	__le32 max_peers;
	__le64 data_bytes;
	__le64 device_bytes;
	__le64 area_offset;
	__le64 area_bytes;
	__le64 log_offset;
	__le64 log_bytes;
	__le64 bitmap_offset;
	__le64 bitmap_stride;
	__le64 generation;
	__le64 history[DITTO_MD_HISTORY];
	__le64 roster_generation;
	__le64 roster_number;
	__le64 voters_number;
	__le32 roster;
	__le32 voters;
	__le64 promised;
	__le32 lease_ms;
	__le32 logical_block;
	__le64 durable_generation;
	__le64 durable_position;
	__le64 epoch;
	struct disk_peer peers[DITTO_MD_PEERS];
	u8 rest[3000];
} __packed;

static_assert(sizeof(struct disk_sb) == DITTO_MD_BLOCK);
static_assert(offsetof(struct disk_sb, crc) == 12);
static_assert(offsetof(struct disk_sb, generation) == 144);
static_assert(offsetof(struct disk_sb, peers) == 352);
static_assert(DITTO_BITS_PAGE == DITTO_MD_BLOCK);
static_assert(DITTO_INTENT_BLOCK == DITTO_MD_BLOCK);
static_assert(LOG_BYTES_MIN <= DITTO_MD_LOG_BYTES);

static u64 blocks(u64 bytes, u32 shift)
{
	return (bytes >> shift) + !!(bytes & ((1ULL << shift) - 1));
}

u64 ditto_md_bits(const struct ditto_md *md)
{
	return blocks(md->data_bytes, md->block_shift);
}

/* Bytes on disk of a bitmap that covers @bytes. */
static u64 bitmap_bytes(u64 bytes, u32 shift)
{
	return ditto_bits_pages(blocks(bytes, shift)) * DITTO_BITS_PAGE;
}

/* The intent log names regions by 32 bits. */
static bool regions_fit(u64 bytes, u32 shift)
{
	return bytes >> shift <= U32_MAX;
}

int ditto_md_layout(struct ditto_md *md, u64 device_bytes, u64 data_device_bytes)
{
	bool internal = md->flags & DITTO_MDF_INTERNAL;
	u64 usable = round_down(device_bytes, DITTO_MD_BLOCK);
	u64 data = round_down(data_device_bytes, DITTO_MD_BLOCK);
	u64 stride, area;

	if (md->block_shift < DITTO_MD_SHIFT_MIN || md->block_shift > DITTO_MD_SHIFT_MAX ||
	    !md->max_peers || md->max_peers > DITTO_MD_PEERS ||
	    device_bytes > DEVICE_MAX || data_device_bytes > DEVICE_MAX ||
	    !regions_fit(data, DITTO_MD_REGION_SHIFT) ||
	    (internal && device_bytes != data_device_bytes))
		return -EINVAL;
	/*
	 * With internal metadata the bitmaps are made for the whole device, not
	 * for what they leave of it: a few bits more, and no circle.
	 */
	stride = bitmap_bytes(data, md->block_shift);
	area = SB_BYTES + DITTO_MD_LOG_BYTES + stride * md->max_peers;
	if (!data || area > usable || (internal && area == usable))
		return -ENOSPC;
	md->device_bytes = device_bytes;
	md->data_bytes = internal ? usable - area : data;
	md->area_offset = internal ? usable - area : 0;
	md->area_bytes = area;
	md->log_offset = internal ? usable - SB_BYTES - DITTO_MD_LOG_BYTES : SB_BYTES;
	md->log_bytes = DITTO_MD_LOG_BYTES;
	md->bitmap_offset = internal ? md->area_offset : SB_BYTES + DITTO_MD_LOG_BYTES;
	md->bitmap_stride = stride;
	md->region_shift = DITTO_MD_REGION_SHIFT;
	return 0;
}

u64 ditto_md_slot_offset(bool internal, u64 device_bytes, u32 slot)
{
	if (!internal)
		return (u64)slot * DITTO_MD_BLOCK;
	return round_down(device_bytes, DITTO_MD_BLOCK) - (u64)(slot + 1) * DITTO_MD_BLOCK;
}

static u32 block_crc(const struct disk_sb *sb)
{
	const size_t behind = offsetof(struct disk_sb, sequence);
	const __le32 none = 0;
	u32 crc;

	crc = ditto_crc32c(~0u, sb, offsetof(struct disk_sb, crc));
	crc = ditto_crc32c(crc, &none, sizeof(none));
	return ~ditto_crc32c(crc, (const u8 *)sb + behind, sizeof(*sb) - behind);
}

static void put_layout(const struct ditto_md *md, struct disk_sb *sb)
{
	sb->block_shift = cpu_to_le32(md->block_shift);
	sb->region_shift = cpu_to_le32(md->region_shift);
	sb->max_peers = cpu_to_le32(md->max_peers);
	sb->data_bytes = cpu_to_le64(md->data_bytes);
	sb->device_bytes = cpu_to_le64(md->device_bytes);
	sb->area_offset = cpu_to_le64(md->area_offset);
	sb->area_bytes = cpu_to_le64(md->area_bytes);
	sb->log_offset = cpu_to_le64(md->log_offset);
	sb->log_bytes = cpu_to_le64(md->log_bytes);
	sb->bitmap_offset = cpu_to_le64(md->bitmap_offset);
	sb->bitmap_stride = cpu_to_le64(md->bitmap_stride);
}

void ditto_md_encode(const struct ditto_md *md, u32 slot, void *block)
{
	struct disk_sb *sb = block;
	u32 i;

	memset(sb, 0, sizeof(*sb));
	memcpy(sb->magic, magic, sizeof(magic));
	sb->version = cpu_to_le32(DITTO_MD_VERSION);
	sb->sequence = cpu_to_le64(md->sequence);
	sb->slot = cpu_to_le32(slot);
	sb->node_id = cpu_to_le32(md->node_id);
	memcpy(sb->resource_uuid, md->resource_uuid, sizeof(sb->resource_uuid));
	memcpy(sb->disk_uuid, md->disk_uuid, sizeof(sb->disk_uuid));
	sb->flags = cpu_to_le32(md->flags);
	put_layout(md, sb);
	sb->generation = cpu_to_le64(md->generation);
	for (i = 0; i < DITTO_MD_HISTORY; i++)
		sb->history[i] = cpu_to_le64(md->history[i]);
	sb->roster_generation = cpu_to_le64(md->roster_generation);
	sb->roster_number = cpu_to_le64(md->roster_number);
	sb->roster = cpu_to_le32(md->roster);
	sb->voters_number = cpu_to_le64(md->voters_number);
	sb->voters = cpu_to_le32(md->voters);
	sb->promised = cpu_to_le64(md->promised);
	sb->lease_ms = cpu_to_le32(md->lease_ms);
	sb->logical_block = cpu_to_le32(md->logical_block);
	sb->durable_generation = cpu_to_le64(md->durable_generation);
	sb->durable_position = cpu_to_le64(md->durable_position);
	sb->epoch = cpu_to_le64(md->epoch);
	for (i = 0; i < DITTO_MD_PEERS; i++) {
		sb->peers[i].flags = cpu_to_le32(md->peers[i].flags);
		sb->peers[i].node_id = cpu_to_le32(md->peers[i].node_id);
		sb->peers[i].generation = cpu_to_le64(md->peers[i].generation);
		sb->peers[i].position = cpu_to_le64(md->peers[i].position);
	}
	sb->crc = cpu_to_le32(block_crc(sb));
}

static void take_layout(const struct disk_sb *sb, struct ditto_md *md)
{
	md->block_shift = le32_to_cpu(sb->block_shift);
	md->region_shift = le32_to_cpu(sb->region_shift);
	md->max_peers = le32_to_cpu(sb->max_peers);
	md->data_bytes = le64_to_cpu(sb->data_bytes);
	md->device_bytes = le64_to_cpu(sb->device_bytes);
	md->area_offset = le64_to_cpu(sb->area_offset);
	md->area_bytes = le64_to_cpu(sb->area_bytes);
	md->log_offset = le64_to_cpu(sb->log_offset);
	md->log_bytes = le64_to_cpu(sb->log_bytes);
	md->bitmap_offset = le64_to_cpu(sb->bitmap_offset);
	md->bitmap_stride = le64_to_cpu(sb->bitmap_stride);
}

static void take(const struct disk_sb *sb, struct ditto_md *md)
{
	u32 i;

	md->sequence = le64_to_cpu(sb->sequence);
	md->slot = le32_to_cpu(sb->slot);
	memcpy(md->resource_uuid, sb->resource_uuid, sizeof(md->resource_uuid));
	memcpy(md->disk_uuid, sb->disk_uuid, sizeof(md->disk_uuid));
	md->node_id = le32_to_cpu(sb->node_id);
	md->flags = le32_to_cpu(sb->flags);
	take_layout(sb, md);
	md->generation = le64_to_cpu(sb->generation);
	for (i = 0; i < DITTO_MD_HISTORY; i++)
		md->history[i] = le64_to_cpu(sb->history[i]);
	md->roster_generation = le64_to_cpu(sb->roster_generation);
	md->roster_number = le64_to_cpu(sb->roster_number);
	md->roster = le32_to_cpu(sb->roster);
	md->voters_number = le64_to_cpu(sb->voters_number);
	md->voters = le32_to_cpu(sb->voters);
	md->promised = le64_to_cpu(sb->promised);
	md->lease_ms = le32_to_cpu(sb->lease_ms);
	md->logical_block = le32_to_cpu(sb->logical_block);
	md->durable_generation = le64_to_cpu(sb->durable_generation);
	md->durable_position = le64_to_cpu(sb->durable_position);
	md->epoch = le64_to_cpu(sb->epoch);
	for (i = 0; i < DITTO_MD_PEERS; i++) {
		md->peers[i].flags = le32_to_cpu(sb->peers[i].flags);
		md->peers[i].node_id = le32_to_cpu(sb->peers[i].node_id);
		md->peers[i].generation = le64_to_cpu(sb->peers[i].generation);
		md->peers[i].position = le64_to_cpu(sb->peers[i].position);
	}
}

static int refuse(struct ditto_md_complaint *why, int error, const char *field, u64 found,
		  u64 expected)
{
	why->error = error;
	why->field = field;
	why->found = found;
	why->expected = expected;
	return error;
}

static int out_of_range(struct ditto_md_complaint *why, const char *field, u64 found, u64 expected)
{
	return refuse(why, -ERANGE, field, found, expected);
}

static bool all_zero(const void *from, size_t len)
{
	const u8 *bytes = from;

	while (len--) {
		if (*bytes++)
			return false;
	}
	return true;
}

/* Is it a superblock, whole, and of a version that is understood? */
static int check_block(const struct disk_sb *sb, struct ditto_md_complaint *why)
{
	u64 found, expected;

	if (memcmp(sb->magic, magic, sizeof(magic))) {
		memcpy(&found, sb->magic, sizeof(found));
		memcpy(&expected, magic, sizeof(expected));
		return refuse(why, -ENODATA, "magic", found, expected);
	}
	if (le32_to_cpu(sb->crc) != block_crc(sb))
		return refuse(why, -EBADMSG, "crc", le32_to_cpu(sb->crc), block_crc(sb));
	if (le32_to_cpu(sb->version) != DITTO_MD_VERSION)
		return refuse(why, -EPROTONOSUPPORT, "version", le32_to_cpu(sb->version),
			      DITTO_MD_VERSION);
	return 0;
}

static int check_identity(const struct disk_sb *sb, u32 slot, bool internal,
			  struct ditto_md_complaint *why)
{
	u32 flags = le32_to_cpu(sb->flags);

	if (!le64_to_cpu(sb->sequence))
		return out_of_range(why, "sequence", 0, 1);
	if (le32_to_cpu(sb->slot) != slot)
		return out_of_range(why, "slot", le32_to_cpu(sb->slot), slot);
	if (le32_to_cpu(sb->node_id) >= NODES)
		return out_of_range(why, "node_id", le32_to_cpu(sb->node_id), NODES - 1);
	if (flags & ~DITTO_MDF_KNOWN)
		return out_of_range(why, "flags", flags, DITTO_MDF_KNOWN);
	if (!!(flags & DITTO_MDF_INTERNAL) != internal)
		return out_of_range(why, "flags", flags,
				    internal ? flags | DITTO_MDF_INTERNAL :
					       flags & ~DITTO_MDF_INTERNAL);
	return 0;
}

static int check_parameters(const struct ditto_md *md, struct ditto_md_complaint *why)
{
	if (md->block_shift < DITTO_MD_SHIFT_MIN)
		return out_of_range(why, "block_shift", md->block_shift, DITTO_MD_SHIFT_MIN);
	if (md->block_shift > DITTO_MD_SHIFT_MAX)
		return out_of_range(why, "block_shift", md->block_shift, DITTO_MD_SHIFT_MAX);
	if (md->region_shift < md->block_shift)
		return out_of_range(why, "region_shift", md->region_shift, md->block_shift);
	if (md->region_shift > REGION_SHIFT_MAX)
		return out_of_range(why, "region_shift", md->region_shift, REGION_SHIFT_MAX);
	if (!md->max_peers || md->max_peers > DITTO_MD_PEERS)
		return out_of_range(why, "max_peers", md->max_peers, DITTO_MD_PEERS);
	return 0;
}

/* A size or an offset: whole blocks, and no larger than any device. */
static int check_extent(const char *field, u64 found, u64 least, u64 most,
			struct ditto_md_complaint *why)
{
	if (!IS_ALIGNED(found, DITTO_MD_BLOCK))
		return out_of_range(why, field, found, round_down(found, DITTO_MD_BLOCK));
	if (found < least)
		return out_of_range(why, field, found, least);
	if (found > most)
		return out_of_range(why, field, found, most);
	return 0;
}

static int check_area(const struct ditto_md *md, bool internal, u64 device_bytes,
		      struct ditto_md_complaint *why)
{
	u64 usable = round_down(device_bytes, DITTO_MD_BLOCK);
	int err;

	/* Superblocks at the end of the device were written for just that end. */
	if (md->device_bytes > device_bytes || md->device_bytes > DEVICE_MAX ||
	    (internal && round_down(md->device_bytes, DITTO_MD_BLOCK) != usable))
		return out_of_range(why, "device_bytes", md->device_bytes, device_bytes);
	usable = round_down(md->device_bytes, DITTO_MD_BLOCK);
	err = check_extent("area_bytes", md->area_bytes, SB_BYTES, usable, why) ?:
	      check_extent("area_offset", md->area_offset, 0, usable - md->area_bytes, why);
	if (err)
		return err;
	if (md->area_offset != (internal ? usable - md->area_bytes : 0))
		return out_of_range(why, "area_offset", md->area_offset,
				    internal ? usable - md->area_bytes : 0);
	return check_extent("data_bytes", md->data_bytes, DITTO_MD_BLOCK,
			    internal ? md->area_offset : DEVICE_MAX, why);
}

static int check_regions(const struct ditto_md *md, struct ditto_md_complaint *why)
{
	u32 least = md->region_shift;

	while (!regions_fit(md->data_bytes, least))
		least++;
	if (least != md->region_shift)
		return out_of_range(why, "region_shift", md->region_shift, least);
	return 0;
}

/* The parts of the area lie in it in the order that the header of md.h shows. */
static int check_parts(const struct ditto_md *md, bool internal, struct ditto_md_complaint *why)
{
	u64 end = md->area_offset + md->area_bytes;
	u64 first = internal ? md->area_offset : SB_BYTES;
	u64 behind = internal ? end - SB_BYTES : end;
	u64 stride_least = bitmap_bytes(md->data_bytes, md->block_shift);
	u64 bitmaps;
	int err;

	err = check_extent("log_bytes", md->log_bytes, LOG_BYTES_MIN, behind - first, why) ?:
	      check_extent("log_offset", md->log_offset, first, behind - md->log_bytes, why) ?:
	      check_extent("bitmap_stride", md->bitmap_stride, stride_least, behind - first, why);
	if (err)
		return err;
	bitmaps = md->bitmap_stride * md->max_peers;
	if (bitmaps > behind - first)
		return out_of_range(why, "bitmap_stride", bitmaps, behind - first);
	if (internal)
		behind = md->log_offset;
	else
		first = md->log_offset + md->log_bytes;
	if (bitmaps > behind - first)
		return out_of_range(why, "bitmap_stride", bitmaps, behind - first);
	return check_extent("bitmap_offset", md->bitmap_offset, first, behind - bitmaps, why);
}

static int check_layout(const struct disk_sb *sb, bool internal, u64 device_bytes,
			struct ditto_md_complaint *why)
{
	struct ditto_md md;

	take_layout(sb, &md);
	return check_parameters(&md, why) ?: check_area(&md, internal, device_bytes, why) ?:
	       check_regions(&md, why) ?: check_parts(&md, internal, why);
}

static int check_block_size(const struct disk_sb *sb, struct ditto_md_complaint *why)
{
	u32 block = le32_to_cpu(sb->logical_block);

	if (block && !ditto_blocksize_valid(block))
		return out_of_range(why, "logical_block", block, DITTO_BLOCKSIZE_MAX);
	return 0;
}

static int check_history(const struct disk_sb *sb, struct ditto_md_complaint *why)
{
	u64 before = le64_to_cpu(sb->generation);
	u64 found;
	u32 i;

	for (i = 0; i < DITTO_MD_HISTORY; i++) {
		found = le64_to_cpu(sb->history[i]);
		if (found && !before)
			return out_of_range(why, "history", found, 0);
		before = found;
	}
	return 0;
}

static int check_peer(const struct disk_sb *sb, u32 index, struct ditto_md_complaint *why)
{
	const struct disk_peer *peer = &sb->peers[index];
	u32 flags = le32_to_cpu(peer->flags);
	u32 id = le32_to_cpu(peer->node_id);
	u32 i;

	if (!(flags & DITTO_MDF_PEER_USED)) {
		if (!all_zero(peer, sizeof(*peer)))
			return out_of_range(why, "peers", flags, DITTO_MDF_PEER_USED);
		return 0;
	}
	if (index >= le32_to_cpu(sb->max_peers))
		return out_of_range(why, "peers", index, le32_to_cpu(sb->max_peers) - 1);
	if (flags & ~DITTO_MDF_PEER_KNOWN)
		return out_of_range(why, "peer flags", flags, DITTO_MDF_PEER_KNOWN);
	if (id >= NODES || id == le32_to_cpu(sb->node_id))
		return out_of_range(why, "peer node_id", id, NODES - 1);
	for (i = 0; i < index; i++) {
		if (le32_to_cpu(sb->peers[i].flags) & DITTO_MDF_PEER_USED &&
		    le32_to_cpu(sb->peers[i].node_id) == id)
			return out_of_range(why, "peer node_id", id, NODES - 1);
	}
	return 0;
}

static int check_peers(const struct disk_sb *sb, struct ditto_md_complaint *why)
{
	int err = 0;
	u32 i;

	for (i = 0; i < DITTO_MD_PEERS && !err; i++)
		err = check_peer(sb, i, why);
	return err;
}

static int check(const struct disk_sb *sb, u32 slot, bool internal, u64 device_bytes,
		 struct ditto_md_complaint *why)
{
	int err;

	memset(why, 0, sizeof(*why));
	err = check_block(sb, why) ?: check_identity(sb, slot, internal, why) ?:
	      check_layout(sb, internal, device_bytes, why) ?: check_block_size(sb, why) ?:
	      check_history(sb, why) ?: check_peers(sb, why);
	if (err)
		return err;
	if (!all_zero(sb->rest, sizeof(sb->rest)))
		return out_of_range(why, "reserved", 1, 0);
	return 0;
}

int ditto_md_decode(const void *block, u32 slot, bool internal, u64 device_bytes,
		    struct ditto_md *md, struct ditto_md_complaint *why)
{
	int err = check(block, slot, internal, device_bytes, why);

	if (!err)
		take(block, md);
	return err;
}

/* How much an error says: from nothing there to there, whole and not as it should be. */
static int gravity(int error)
{
	switch (error) {
	case 0:
		return 0;
	case -ENODATA:
		return 1;
	case -EBADMSG:
		return 2;
	case -EPROTONOSUPPORT:
		return 3;
	default:
		return 4;
	}
}

static u64 first_bytes(const u8 *uuid)
{
	u64 found;

	memcpy(&found, uuid, sizeof(found));
	return found;
}

/* Do two sound slots belong to the same disk of the same resource? */
static int check_pair(const struct disk_sb *newer, const struct disk_sb *older,
		      struct ditto_md_complaint *why)
{
	if (memcmp(newer->resource_uuid, older->resource_uuid, sizeof(newer->resource_uuid)))
		return out_of_range(why, "resource_uuid", first_bytes(older->resource_uuid),
				    first_bytes(newer->resource_uuid));
	if (memcmp(newer->disk_uuid, older->disk_uuid, sizeof(newer->disk_uuid)))
		return out_of_range(why, "disk_uuid", first_bytes(older->disk_uuid),
				    first_bytes(newer->disk_uuid));
	return 0;
}

int ditto_md_choose(const void *blocks, bool internal, u64 device_bytes,
		    struct ditto_md *md, struct ditto_md_complaint *why)
{
	const struct disk_sb *sb = blocks;
	int err[DITTO_MD_SLOTS], worst;
	u32 newer;

	err[0] = check(&sb[0], 0, internal, device_bytes, &why[0]);
	err[1] = check(&sb[1], 1, internal, device_bytes, &why[1]);
	worst = gravity(err[0]) >= gravity(err[1]) ? err[0] : err[1];
	/*
	 * A crash tears a slot or leaves it empty. A slot that is whole and not
	 * understood was written on purpose, perhaps later than the other one.
	 */
	if ((err[0] && err[1]) || gravity(worst) > gravity(-EBADMSG))
		return worst;
	newer = err[0] ? 1 : 0;
	if (!worst) {
		newer = le64_to_cpu(sb[1].sequence) > le64_to_cpu(sb[0].sequence);
		worst = check_pair(&sb[newer], &sb[!newer], &why[!newer]);
		if (worst)
			return worst;
	}
	take(&sb[newer], md);
	return 0;
}

struct ditto_md_peer *ditto_md_peer_find(struct ditto_md *md, u32 node_id)
{
	u32 i;

	for (i = 0; i < md->max_peers && i < DITTO_MD_PEERS; i++) {
		if (md->peers[i].flags & DITTO_MDF_PEER_USED && md->peers[i].node_id == node_id)
			return &md->peers[i];
	}
	return NULL;
}

struct ditto_md_peer *ditto_md_peer_get(struct ditto_md *md, u32 node_id)
{
	struct ditto_md_peer *peer = ditto_md_peer_find(md, node_id);
	u32 i;

	for (i = 0; !peer && i < md->max_peers && i < DITTO_MD_PEERS; i++) {
		if (md->peers[i].flags & DITTO_MDF_PEER_USED)
			continue;
		peer = &md->peers[i];
		memset(peer, 0, sizeof(*peer));
		peer->flags = DITTO_MDF_PEER_USED | DITTO_MDF_PEER_FULL;
		peer->node_id = node_id;
	}
	return peer;
}

void ditto_md_push_generation(struct ditto_md *md, u64 generation)
{
	u32 i;

	if (md->generation) {
		for (i = DITTO_MD_HISTORY - 1; i; i--)
			md->history[i] = md->history[i - 1];
		md->history[0] = md->generation;
	}
	md->generation = generation;
}

u64 ditto_md_log_block(const struct ditto_md *md, u32 index, u32 copy)
{
	/* Far apart: what spoils one place of a disk may reach its neighbours. */
	u64 half = round_down(md->log_bytes / DITTO_INTENT_COPIES, DITTO_INTENT_BLOCK);

	return md->log_offset + copy * half + (u64)index * DITTO_INTENT_BLOCK;
}

u64 ditto_md_bitmap_page(const struct ditto_md *md, u32 slot, u64 page)
{
	return md->bitmap_offset + slot * md->bitmap_stride + page * DITTO_BITS_PAGE;
}

u32 ditto_md_peer_slot(const struct ditto_md *md, const struct ditto_md_peer *peer)
{
	return peer - md->peers;
}
