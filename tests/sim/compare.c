// SPDX-License-Identifier: GPL-2.0
/* Mirrors kmod/compare.c. */
#include "node.h"

/* Of a block's values: no two that occur here have the same. */
static void sum_block(const u64 *values, u32 count, u8 *sum)
{
	u64 words[DITTO_WIRE_SUM / 8] = { 1, 2, 3, 4 };
	u32 i, j;

	for (i = 0; i < count; i++) {
		for (j = 0; j < ARRAY_SIZE(words); j++) {
			words[j] = (words[j] ^ values[i]) * 0x9e3779b97f4a7c15ull;
			words[j] ^= words[j] >> 29;
		}
	}
	memcpy(sum, words, DITTO_WIRE_SUM);
}

void compare_sum(const u64 *values, u32 count, struct ditto_wire_sums *sums)
{
	u32 each = (1u << sums->shift) / 512, i;

	sums->count = DIV_ROUND_UP(count, each);
	for (i = 0; i < sums->count; i++)
		sum_block(values + i * each, min(each, count - i * each), sums->sums[i]);
}

static u32 compare(const u64 *values, u32 count, const struct ditto_wire_sums *theirs)
{
	struct ditto_wire_sums ours = { .shift = theirs->shift };
	u32 i, differs = 0;

	compare_sum(values, count, &ours);
	for (i = 0; i < theirs->count; i++) {
		if (memcmp(ours.sums[i], theirs->sums[i], DITTO_WIRE_SUM))
			differs |= BIT(i);
	}
	return differs;
}

static void tell(struct item *item, u32 differs)
{
	struct conn *c = item->node->upstream;
	struct ditto_wire_header h = {
		.type = DITTO_WIRE_EXTENT_DIFFERS,
		.epoch = item->core.number,
		.offset = item->core.range.start,
		.size = item->core.range.last + 1 - item->core.range.start,
	};
	u8 buf[DITTO_WIRE_DIFFERS_BYTES];

	if (!c)
		return;
	ditto_wire_put_differs(differs, buf);
	conn_send(c, DITTO_LANE_CONTROL, &h, buf, sizeof(buf));
}

static void compare_end_io(struct disk_io *io)
{
	struct item *item = io->arg;
	u32 differs;

	if (io->error) {
		node_disk_error(item->node);
	} else {
		/* Now and then the disk cannot read it, and all of it is sent anew. */
		if (one_in(30))
			differs = ~0u >> (DITTO_EXTENT_BLOCKS - item->sums.count);
		else
			differs = compare(io->data, io->count, &item->sums);
		note("node %u: of extent %llu differs %#x", item->node->id, item->core.number,
		     differs);
		if (differs)
			tell(item, differs);
	}
	item_written(item);
}

void compare_begin(struct item *item)
{
	u32 first = item->core.range.start / 512;
	u32 count = (item->core.range.last - item->core.range.start + 1) / 512;

	disk_read(&item->node->disk, first, count, compare_end_io, item);
}
