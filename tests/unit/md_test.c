// SPDX-License-Identifier: GPL-2.0
#include "bits.h"
#include "intent.h"
#include "md.h"
#include "test.h"

#define MIB		(1ull << 20)
#define GIB		(1ull << 30)
#define TIB		(1ull << 40)
#define SECTOR		512
#define CRC_AT		12	/* bytes from the start of a superblock */
#define FUZZ_ROUNDS	100000

static u8 blocks[DITTO_MD_SLOTS][DITTO_MD_BLOCK];

static void make(struct ditto_md *md, bool internal, u64 device, u64 data_device)
{
	u32 i;

	memset(md, 0, sizeof(*md));
	md->sequence = 1;
	memset(md->resource_uuid, 0xaa, sizeof(md->resource_uuid));
	memset(md->disk_uuid, 0xbb, sizeof(md->disk_uuid));
	md->node_id = 1;
	md->flags = DITTO_MDF_CLEAN | (internal ? DITTO_MDF_INTERNAL : 0);
	md->block_shift = DITTO_MD_SHIFT_DEFAULT;
	md->max_peers = DITTO_MD_PEERS_DEFAULT;
	EXPECT_EQ(ditto_md_layout(md, device, data_device), 0);
	for (i = 1; i < 20; i++)
		ditto_md_push_generation(md, 0x1111111111ull * i);
	md->roster_generation = md->generation;
	md->roster_number = 9;
	md->roster = 0x7;
	md->voters_number = 3;
	md->voters = 0xf;
	md->promised = 77;
	md->lease_ms = 5000;
	md->logical_block = 4096;
	md->durable_generation = md->generation;
	md->durable_position = 123456789;
	md->epoch = 42;
	for (i = 2; i < 5; i++)
		ditto_md_peer_get(md, i)->position = i;
}

/* As ditto_md_encode() would have written it. */
static void seal(u8 *block)
{
	u32 crc;

	memset(block + CRC_AT, 0, 4);
	crc = ~ditto_crc32c(~0u, block, DITTO_MD_BLOCK);
	memcpy(block + CRC_AT, &(__le32){ cpu_to_le32(crc) }, 4);
}

static void layout_internal(void)
{
	struct ditto_md md = { .flags = DITTO_MDF_INTERNAL, .block_shift = 14, .max_peers = 7 };
	u64 device = TIB + 5 * SECTOR;

	EXPECT_EQ(ditto_md_layout(&md, device, device), 0);
	EXPECT_EQ(md.device_bytes, device);
	/* 32640 bits a page. */
	EXPECT_EQ(md.bitmap_stride, 2057 * 4096);
	EXPECT_EQ(md.area_offset + md.area_bytes, TIB);
	EXPECT_EQ(md.data_bytes, md.area_offset);
	EXPECT_EQ(md.bitmap_offset, md.area_offset);
	EXPECT_EQ(md.bitmap_offset + 7 * md.bitmap_stride, md.log_offset);
	EXPECT_EQ(md.log_offset + md.log_bytes, ditto_md_slot_offset(true, device, 1));
	EXPECT_EQ(ditto_md_slot_offset(true, device, 0), TIB - 4096);
	EXPECT_EQ(ditto_md_slot_offset(true, device, 1), TIB - 8192);
	EXPECT_EQ(ditto_bits_pages(ditto_md_bits(&md)), 2056);
}

static void layout_external(void)
{
	struct ditto_md md = { .block_shift = 12, .max_peers = 31 };

	EXPECT_EQ(ditto_md_layout(&md, GIB, 3 * GIB + 1000), 0);
	EXPECT_EQ(md.data_bytes, 3 * GIB);
	EXPECT_EQ(md.area_offset, 0);
	EXPECT_EQ(ditto_md_slot_offset(false, GIB, 0), 0);
	EXPECT_EQ(ditto_md_slot_offset(false, GIB, 1), 4096);
	EXPECT_EQ(md.log_offset, 8192);
	EXPECT_EQ(md.bitmap_offset, md.log_offset + md.log_bytes);
	EXPECT_EQ(md.bitmap_stride, 25 * 4096);
	EXPECT_EQ(md.area_bytes, md.bitmap_offset + 31 * md.bitmap_stride);
	EXPECT_EQ(ditto_md_layout(&md, md.area_bytes, 3 * GIB), 0);
	EXPECT_EQ(ditto_md_layout(&md, md.area_bytes - 1, 3 * GIB), -ENOSPC);
}

static void layout_refuses(void)
{
	struct ditto_md md = { .flags = DITTO_MDF_INTERNAL, .block_shift = 14, .max_peers = 1 };
	u64 area = 8192 + DITTO_MD_LOG_BYTES + 4096;

	EXPECT_EQ(ditto_md_layout(&md, area, area), -ENOSPC);
	EXPECT_EQ(ditto_md_layout(&md, area + 4095, area + 4095), -ENOSPC);
	EXPECT_EQ(ditto_md_layout(&md, area + 4096, area + 4096), 0);
	EXPECT_EQ(md.data_bytes, 4096);
	EXPECT_EQ(ditto_md_layout(&md, 0, 0), -ENOSPC);
	EXPECT_EQ(ditto_md_layout(&md, TIB, 2 * TIB), -EINVAL);
	EXPECT_EQ(ditto_md_layout(&md, U64_MAX, U64_MAX), -EINVAL);
	/* More regions than the intent log has numbers for. */
	EXPECT_EQ(ditto_md_layout(&md, 1ull << 54, 1ull << 54), -EINVAL);
	EXPECT_EQ(ditto_md_layout(&md, (1ull << 54) - 4096, (1ull << 54) - 4096), 0);
	md.block_shift = 11;
	EXPECT_EQ(ditto_md_layout(&md, TIB, TIB), -EINVAL);
	md.block_shift = 21;
	EXPECT_EQ(ditto_md_layout(&md, TIB, TIB), -EINVAL);
	md.block_shift = 14;
	md.max_peers = 0;
	EXPECT_EQ(ditto_md_layout(&md, TIB, TIB), -EINVAL);
	md.max_peers = 32;
	EXPECT_EQ(ditto_md_layout(&md, TIB, TIB), -EINVAL);
}

static bool bitmap_fits(const struct ditto_md *md)
{
	return ditto_bits_pages(ditto_md_bits(md)) * DITTO_BITS_PAGE <= md->bitmap_stride;
}

/* All copies of all blocks are in the log's room, and none is where another is. */
static bool log_fits(const struct ditto_md *md)
{
	u64 at, seen = 0, end = md->log_offset + md->log_bytes;
	u32 i, copy;

	for (i = 0; i < DITTO_INTENT_BLOCKS; i++) {
		for (copy = 0; copy < DITTO_INTENT_COPIES; copy++) {
			at = ditto_md_log_block(md, i, copy);
			if (at < md->log_offset || at + DITTO_INTENT_BLOCK > end ||
			    !IS_ALIGNED(at, DITTO_INTENT_BLOCK))
				return false;
			at = (at - md->log_offset) / DITTO_INTENT_BLOCK;
			/* The room may be larger than is looked at here. */
			if (at < 64 && seen >> at & 1)
				return false;
			if (at < 64)
				seen |= 1ull << at;
		}
	}
	return true;
}

/* Whatever layout makes, decode takes. */
static void layouts_are_sound(void)
{
	static const u64 sizes[] = {
		300 * 1024, MIB + 512, 37 * MIB + 3 * 4096, 5 * GIB, 90 * TIB,
	};
	struct ditto_md_complaint why;
	struct ditto_md md, got;
	u32 i, shift, peers;
	bool internal;

	for (i = 0; i < ARRAY_SIZE(sizes) * 2; i++) {
		internal = i & 1;
		for (shift = 12; shift <= 20; shift++) {
			for (peers = 1; peers <= 31; peers += 10) {
				memset(&md, 0, sizeof(md));
				md.sequence = 1;
				md.flags = internal ? DITTO_MDF_INTERNAL : 0;
				md.block_shift = shift;
				md.max_peers = peers;
				if (ditto_md_layout(&md, internal ? sizes[i / 2] : GIB * 1024,
						    sizes[i / 2]))
					continue;
				ditto_md_encode(&md, 0, blocks[0]);
				EXPECT_EQ(ditto_md_decode(blocks[0], 0, internal, md.device_bytes,
							  &got, &why), 0);
				EXPECT_TRUE(bitmap_fits(&md));
			}
		}
	}
}

static void round_trip(void)
{
	struct ditto_md_complaint why = { .field = "none" };
	struct ditto_md md, got;

	memset(&got, 0, sizeof(got));
	make(&md, true, 10 * GIB, 10 * GIB);
	md.slot = 1;
	ditto_md_encode(&md, 1, blocks[1]);
	EXPECT_EQ(ditto_md_decode(blocks[1], 1, true, 10 * GIB, &got, &why), 0);
	EXPECT_EQ(why.error, 0);
	EXPECT_EQ(memcmp(&md, &got, sizeof(md)), 0);
	EXPECT_EQ(memcmp(blocks[1], "ditto-md", 8), 0);
	/* CRC32C of "123456789", from the standards. */
	EXPECT_EQ((u32)~ditto_crc32c(~0u, "123456789", 9), 0xe3069283u);
}

static void every_bit(void)
{
	struct ditto_md_complaint why;
	struct ditto_md md, got, before;
	u32 byte, bit;

	make(&md, true, 10 * GIB, 10 * GIB);
	ditto_md_encode(&md, 0, blocks[0]);
	memset(&got, 0x5a, sizeof(got));
	before = got;
	for (byte = 0; byte < DITTO_MD_BLOCK; byte++) {
		for (bit = 0; bit < 8; bit++) {
			blocks[0][byte] ^= 1 << bit;
			why.error = 0;
			EXPECT_TRUE(ditto_md_decode(blocks[0], 0, true, 10 * GIB, &got, &why) < 0);
			EXPECT_TRUE(why.error && why.field);
			blocks[0][byte] ^= 1 << bit;
		}
	}
	EXPECT_EQ(memcmp(&got, &before, sizeof(got)), 0);
}

static void causes(void)
{
	struct ditto_md_complaint why;
	struct ditto_md md, got;

	memset(blocks, 0, sizeof(blocks));
	EXPECT_EQ(ditto_md_decode(blocks[0], 0, true, 10 * GIB, &got, &why), -ENODATA);
	EXPECT_STREQ(why.field, "magic");
	make(&md, true, 10 * GIB, 10 * GIB);
	ditto_md_encode(&md, 0, blocks[0]);
	blocks[0][100]++;
	EXPECT_EQ(ditto_md_decode(blocks[0], 0, true, 10 * GIB, &got, &why), -EBADMSG);
	EXPECT_STREQ(why.field, "crc");
	ditto_md_encode(&md, 0, blocks[0]);
	blocks[0][8] = 2;
	seal(blocks[0]);
	EXPECT_EQ(ditto_md_decode(blocks[0], 0, true, 10 * GIB, &got, &why), -EPROTONOSUPPORT);
	EXPECT_STREQ(why.field, "version");
	EXPECT_EQ(why.found, 2);
	EXPECT_EQ(why.expected, 1);
	ditto_md_encode(&md, 0, blocks[0]);
	EXPECT_EQ(ditto_md_decode(blocks[0], 1, true, 10 * GIB, &got, &why), -ERANGE);
	EXPECT_STREQ(why.field, "slot");
	EXPECT_EQ(ditto_md_decode(blocks[0], 0, false, 10 * GIB, &got, &why), -ERANGE);
	EXPECT_STREQ(why.field, "flags");
	EXPECT_EQ(ditto_md_decode(blocks[0], 0, true, 11 * GIB, &got, &why), -ERANGE);
	EXPECT_STREQ(why.field, "device_bytes");
	EXPECT_EQ(ditto_md_decode(blocks[0], 0, true, 9 * GIB, &got, &why), -ERANGE);
	EXPECT_STREQ(why.field, "device_bytes");
}

static void expect_refused(const struct ditto_md *md, const char *field)
{
	bool internal = md->flags & DITTO_MDF_INTERNAL;
	struct ditto_md_complaint why = { .field = "" };
	struct ditto_md got;

	ditto_md_encode(md, 0, blocks[0]);
	EXPECT_EQ(ditto_md_decode(blocks[0], 0, internal, 10 * GIB, &got, &why), -ERANGE);
	EXPECT_STREQ(why.field, field);
}

#define REFUSE(change, field) do {			\
	make(&md, internal, 10 * GIB, 10 * GIB);	\
	change;						\
	expect_refused(&md, field);			\
} while (0)

static void refuse_values(bool internal)
{
	struct ditto_md md;

	REFUSE(md.sequence = 0, "sequence");
	REFUSE(md.node_id = 32, "node_id");
	REFUSE(md.flags |= 1u << 6, "flags");
	REFUSE(md.block_shift = 11, "block_shift");
	REFUSE(md.block_shift = 21, "block_shift");
	REFUSE(md.region_shift = 13, "region_shift");
	REFUSE(md.region_shift = 64, "region_shift");
	REFUSE(md.max_peers = 0, "max_peers");
	REFUSE(md.max_peers = 32, "max_peers");
	REFUSE(md.logical_block = 256, "logical_block");
	REFUSE(md.logical_block = 1000, "logical_block");
	REFUSE(md.logical_block = 8192, "logical_block");
	REFUSE(md.history[3] = 0, "history");
	REFUSE(md.generation = 0, "history");
	REFUSE(md.peers[0].flags |= 4, "peer flags");
	REFUSE(md.peers[0].node_id = 32, "peer node_id");
	REFUSE(md.peers[0].node_id = md.node_id, "peer node_id");
	REFUSE(md.peers[2].node_id = md.peers[0].node_id, "peer node_id");
	REFUSE(md.peers[5].position = 1, "peers");
	REFUSE(md.peers[9] = md.peers[0]; md.peers[9].node_id = 20, "peers");
}

static void refuse_geometry(bool internal)
{
	struct ditto_md md;
	u64 end;

	REFUSE(md.data_bytes = 0, "data_bytes");
	REFUSE(md.data_bytes++, "data_bytes");
	REFUSE(md.data_bytes = 1ull << 63, "data_bytes");
	REFUSE(md.device_bytes += 4096, "device_bytes");
	REFUSE(md.area_bytes += 512, "area_bytes");
	REFUSE(md.area_bytes = 4096, "area_bytes");
	REFUSE(md.area_bytes = U64_MAX & ~4095ull, "area_bytes");
	REFUSE(md.area_offset ^= 4096, "area_offset");
	REFUSE(md.area_offset = U64_MAX & ~4095ull, "area_offset");
	REFUSE(md.log_bytes = 0, "log_bytes");
	REFUSE(md.log_bytes = 15 * 4096, "log_bytes");
	REFUSE(md.log_bytes = md.area_bytes, "log_bytes");
	REFUSE(md.log_bytes = U64_MAX & ~4095ull, "log_bytes");
	REFUSE(md.log_offset += md.area_bytes, "log_offset");
	REFUSE(md.log_offset = U64_MAX & ~4095ull, "log_offset");
	REFUSE(md.log_offset++, "log_offset");
	REFUSE(md.bitmap_stride -= 4096, "bitmap_stride");
	REFUSE(md.bitmap_stride *= 2, "bitmap_stride");
	REFUSE(md.bitmap_stride = 1ull << 62, "bitmap_stride");
	REFUSE(md.bitmap_offset -= 4096, "bitmap_offset");
	REFUSE(md.bitmap_offset += 4096, "bitmap_offset");
	REFUSE(md.bitmap_offset = U64_MAX & ~4095ull, "bitmap_offset");
	/* Parts that change places: the bitmaps would lie over the log. */
	make(&md, internal, 10 * GIB, 10 * GIB);
	end = md.area_offset + md.area_bytes - (internal ? 8192 : 0);
	md.bitmap_offset = end - md.bitmap_stride * md.max_peers;
	md.log_offset = internal ? md.area_offset : end - md.log_bytes;
	ditto_md_encode(&md, 0, blocks[0]);
	expect_refused(&md, "bitmap_stride");
}

static void fields_internal(void)
{
	struct ditto_md md;
	bool internal = true;

	refuse_values(true);
	refuse_geometry(true);
	REFUSE(md.data_bytes = md.area_offset + 4096, "data_bytes");
}

static void fields_external(void)
{
	struct ditto_md md;
	bool internal = false;

	refuse_values(false);
	refuse_geometry(false);
	/* Regions that 32 bits cannot number. */
	REFUSE(md.data_bytes = 1ull << 54, "region_shift");
	REFUSE(md.data_bytes = 1ull << 58; md.region_shift = 25, "region_shift");
	/* They can, but no such bitmap is there. */
	REFUSE(md.data_bytes = (1ull << 54) - 4096, "bitmap_stride");
	REFUSE(md.data_bytes = 1ull << 58; md.region_shift = 27, "bitmap_stride");
}

static void smallest_log(void)
{
	struct ditto_md_complaint why;
	struct ditto_md md, got;
	u32 log_blocks;

	for (log_blocks = 16; log_blocks < 24; log_blocks++) {
		make(&md, false, 10 * GIB, 10 * GIB);
		md.log_bytes = log_blocks * 4096;
		ditto_md_encode(&md, 0, blocks[0]);
		EXPECT_EQ(ditto_md_decode(blocks[0], 0, false, 10 * GIB, &got, &why), 0);
		EXPECT_TRUE(log_fits(&got));
	}
}

static void places(void)
{
	struct ditto_md md;
	u64 pages;

	make(&md, true, 10 * GIB, 10 * GIB);
	EXPECT_TRUE(log_fits(&md));
	EXPECT_EQ(ditto_md_log_block(&md, 0, 0), md.log_offset);
	/* One bad stretch of the disk does not take both copies. */
	EXPECT_EQ(ditto_md_log_block(&md, 3, 1) - ditto_md_log_block(&md, 3, 0),
		  DITTO_MD_LOG_BYTES / 2);
	EXPECT_EQ(ditto_md_bitmap_page(&md, 0, 0), md.bitmap_offset);
	EXPECT_EQ(ditto_md_bitmap_page(&md, 2, 3), md.bitmap_offset + 2 * md.bitmap_stride +
		  3 * 4096);
	pages = ditto_bits_pages(ditto_md_bits(&md));
	EXPECT_TRUE(ditto_md_bitmap_page(&md, 6, pages - 1) + 4096 <= md.log_offset);
	EXPECT_TRUE(ditto_md_bitmap_page(&md, 0, pages - 1) < ditto_md_bitmap_page(&md, 1, 0));
	EXPECT_EQ(ditto_md_peer_slot(&md, &md.peers[0]), 0);
	EXPECT_EQ(ditto_md_peer_slot(&md, ditto_md_peer_find(&md, 4)), 2);
}

static void torn(void)
{
	struct ditto_md_complaint why[DITTO_MD_SLOTS];
	u8 before[DITTO_MD_BLOCK], after[DITTO_MD_BLOCK];
	struct ditto_md old, older, new, got;
	u32 mask, sector, slot;

	for (slot = 0; slot < DITTO_MD_SLOTS; slot++) {
		make(&older, true, 10 * GIB, 10 * GIB);
		older.sequence = 9;
		old = older;
		old.sequence = 10;
		old.durable_position++;
		new = old;
		new.sequence = 11;
		/* In every sector that a superblock uses something is different. */
		ditto_md_push_generation(&new, 999);
		for (sector = 5; sector < 8; sector++)
			ditto_md_peer_get(&new, sector)->position = 7777;
		new.roster_number++;
		ditto_md_encode(&older, slot, before);
		ditto_md_encode(&new, slot, after);
		ditto_md_encode(&old, !slot, blocks[!slot]);
		/* Any set of the block's sectors may have made it. */
		for (mask = 0; mask < 256; mask++) {
			memcpy(blocks[slot], before, DITTO_MD_BLOCK);
			for (sector = 0; sector < 8; sector++) {
				if (mask >> sector & 1)
					memcpy(blocks[slot] + sector * SECTOR,
					       after + sector * SECTOR, SECTOR);
			}
			memset(&got, 0, sizeof(got));
			EXPECT_EQ(ditto_md_choose(blocks, true, 10 * GIB, &got, why), 0);
			if (!memcmp(blocks[slot], after, DITTO_MD_BLOCK)) {
				new.slot = slot;
				EXPECT_EQ(memcmp(&got, &new, sizeof(got)), 0);
			} else {
				old.slot = !slot;
				EXPECT_EQ(memcmp(&got, &old, sizeof(got)), 0);
				EXPECT_TRUE(!why[slot].error || why[slot].error == -EBADMSG);
			}
		}
	}
}

static void choose_newer(void)
{
	struct ditto_md_complaint why[DITTO_MD_SLOTS];
	struct ditto_md md, got;

	make(&md, false, 10 * GIB, 10 * GIB);
	ditto_md_encode(&md, 0, blocks[0]);
	md.sequence = 2;
	ditto_md_encode(&md, 1, blocks[1]);
	EXPECT_EQ(ditto_md_choose(blocks, false, 10 * GIB, &got, why), 0);
	EXPECT_EQ(got.sequence, 2);
	EXPECT_EQ(got.slot, 1);
	md.sequence = 3;
	ditto_md_encode(&md, 0, blocks[0]);
	EXPECT_EQ(ditto_md_choose(blocks, false, 10 * GIB, &got, why), 0);
	EXPECT_EQ(got.sequence, 3);
	EXPECT_EQ(got.slot, 0);
	/* Only one slot was ever written. */
	memset(blocks[1], 0, DITTO_MD_BLOCK);
	EXPECT_EQ(ditto_md_choose(blocks, false, 10 * GIB, &got, why), 0);
	EXPECT_EQ(got.slot, 0);
	EXPECT_EQ(why[0].error, 0);
	EXPECT_EQ(why[1].error, -ENODATA);
	ditto_md_encode(&md, 1, blocks[1]);
	memset(blocks[0], 0, DITTO_MD_BLOCK);
	EXPECT_EQ(ditto_md_choose(blocks, false, 10 * GIB, &got, why), 0);
	EXPECT_EQ(got.slot, 1);
}

static void choose_refuses(void)
{
	struct ditto_md_complaint why[DITTO_MD_SLOTS];
	struct ditto_md md, got, before;

	memset(&got, 0x5a, sizeof(got));
	before = got;
	memset(blocks, 0, sizeof(blocks));
	EXPECT_EQ(ditto_md_choose(blocks, true, 10 * GIB, &got, why), -ENODATA);
	make(&md, true, 10 * GIB, 10 * GIB);
	ditto_md_encode(&md, 1, blocks[1]);
	blocks[1][1000]++;
	EXPECT_EQ(ditto_md_choose(blocks, true, 10 * GIB, &got, why), -EBADMSG);
	EXPECT_EQ(why[0].error, -ENODATA);
	EXPECT_EQ(why[1].error, -EBADMSG);
	/* One is foreign. */
	ditto_md_encode(&md, 0, blocks[0]);
	md.sequence = 5;
	md.resource_uuid[15]++;
	ditto_md_encode(&md, 1, blocks[1]);
	EXPECT_EQ(ditto_md_choose(blocks, true, 10 * GIB, &got, why), -ERANGE);
	EXPECT_STREQ(why[0].field, "resource_uuid");
	md.resource_uuid[15]--;
	md.disk_uuid[0]++;
	ditto_md_encode(&md, 1, blocks[1]);
	EXPECT_EQ(ditto_md_choose(blocks, true, 10 * GIB, &got, why), -ERANGE);
	EXPECT_STREQ(why[0].field, "disk_uuid");
	/* A later version of this module has been here. */
	blocks[1][8] = 2;
	seal(blocks[1]);
	EXPECT_EQ(ditto_md_choose(blocks, true, 10 * GIB, &got, why), -EPROTONOSUPPORT);
	EXPECT_EQ(memcmp(&got, &before, sizeof(got)), 0);
}

static void peers(void)
{
	struct ditto_md md = { .max_peers = 2 };

	EXPECT_TRUE(!ditto_md_peer_find(&md, 0));
	EXPECT_TRUE(ditto_md_peer_get(&md, 4) == &md.peers[0]);
	EXPECT_EQ(md.peers[0].flags, DITTO_MDF_PEER_USED | DITTO_MDF_PEER_FULL);
	EXPECT_TRUE(ditto_md_peer_get(&md, 0) == &md.peers[1]);
	md.peers[1].flags = DITTO_MDF_PEER_USED;
	EXPECT_TRUE(ditto_md_peer_get(&md, 0) == &md.peers[1]);
	EXPECT_EQ(md.peers[1].flags, DITTO_MDF_PEER_USED);
	EXPECT_TRUE(!ditto_md_peer_get(&md, 7));
	EXPECT_TRUE(ditto_md_peer_find(&md, 4) == &md.peers[0]);
}

static void generations(void)
{
	struct ditto_md md = {};
	u64 i;

	ditto_md_push_generation(&md, 1);
	EXPECT_EQ(md.generation, 1);
	EXPECT_EQ(md.history[0], 0);
	for (i = 2; i <= 40; i++)
		ditto_md_push_generation(&md, i);
	EXPECT_EQ(md.generation, 40);
	for (i = 0; i < DITTO_MD_HISTORY; i++)
		EXPECT_EQ(md.history[i], 39 - i);
}

/*
 * Half of the rounds damage the block and must be refused; the others damage
 * it and mend the checksum: whatever is then taken must be sound.
 */
static void fuzz(void)
{
	struct test_random random = { 20 };
	struct ditto_md_complaint why;
	u8 good[DITTO_MD_BLOCK], block[DITTO_MD_BLOCK];
	struct ditto_md md, got;
	u32 round, i, taken = 0;

	make(&md, true, 10 * GIB, 10 * GIB);
	ditto_md_encode(&md, 0, good);
	for (round = 0; round < FUZZ_ROUNDS; round++) {
		memcpy(block, good, sizeof(block));
		for (i = 0; i <= round % 4; i++)
			block[test_below(&random, 1100)] ^= 1 + test_below(&random, 255);
		/* Two changes of one byte may be none. */
		if (!memcmp(block, good, sizeof(block)))
			continue;
		if (round & 1)
			seal(block);
		why.error = 0;
		if (ditto_md_decode(block, 0, true, 10 * GIB, &got, &why)) {
			EXPECT_TRUE(why.error && why.field);
			continue;
		}
		taken++;
		EXPECT_TRUE(round & 1);
		EXPECT_TRUE(got.node_id < 32 && got.max_peers && got.max_peers <= DITTO_MD_PEERS);
		EXPECT_TRUE(got.data_bytes && got.data_bytes <= got.area_offset);
		EXPECT_TRUE(got.bitmap_offset >= got.area_offset);
		EXPECT_TRUE(got.bitmap_offset + got.bitmap_stride * got.max_peers <=
			    got.log_offset);
		EXPECT_TRUE(got.log_offset + got.log_bytes <= 10 * GIB - 8192);
		EXPECT_TRUE(bitmap_fits(&got));
		EXPECT_TRUE(log_fits(&got));
	}
	/* Positions and the like may have any value: not all is refused. */
	EXPECT_TRUE(taken > 1000);
}

const struct test md_tests[] = {
	{ "layout at the end of the data's device", layout_internal },
	{ "layout on a device of its own", layout_external },
	{ "layout refuses what does not fit", layout_refuses },
	{ "G11: what layout makes, decode takes", layouts_are_sound },
	{ "G11: a superblock keeps every field", round_trip },
	{ "G11: any flipped bit is refused", every_bit },
	{ "G11: each cause has its error", causes },
	{ "G11: fields out of range are refused, internal", fields_internal },
	{ "G11: fields out of range are refused, external", fields_external },
	{ "G11: a log just large enough", smallest_log },
	{ "places of log blocks and bitmap pages", places },
	{ "G11: a torn superblock gives the old or the new, never a mix", torn },
	{ "G11: the newer sound slot counts", choose_newer },
	{ "G11: foreign and later metadata is refused", choose_refuses },
	{ "the peer table", peers },
	{ "G6: generations go into the history", generations },
	{ "G11: fuzzed superblocks", fuzz },
	{ }
};
