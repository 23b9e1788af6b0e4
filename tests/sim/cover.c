// SPDX-License-Identifier: GPL-2.0
/*
 * G2: for each pair of disks, all in which their copies may differ is covered
 * by what the two say about each other. Asked after every event, for each of
 * the four ways in which power may be cut at this moment.
 *
 * Of a node that loses power now: its disk may hold any version of a sector
 * that its cache or an access under way has; its metadata says what the weakest
 * of all combinations of versions says. A region counts only where the log
 * names it whichever writes of the log survive, a bit only where it is set in
 * every page that may survive. Nothing has to be forgiven for what is under way
 * on the medium: a region is hot, durably, before the write is submitted, so
 * that the moment at which an access begins to count here is one at which it is
 * covered already; and it cools after a flush, when nothing is left of which
 * two versions may survive.
 *
 * Of a node that goes on: its disk holds what reads see, or what is being
 * written; bits and regions are those in memory, be they on disk or not, for it
 * will live to write them. So will it live to write what it has received.
 *
 * Not asked: of a disk whose metadata says that it holds nothing (generation 0)
 * or that all of the other is missing (no entry, or one that is FULL). Nor of a
 * sector that has gone bad by itself before anybody can know.
 *
 * The other half, that not too much is said: see cover_resync().
 */
#include "node.h"

/**
 * struct view - what one node says, and where its disk is not certain
 * @all: by node: everything there is missing
 * @hot: a bit for each region
 * @bits: by node, a bit for each block
 * @queued: a bit for each sector of an entry that is not written yet
 * @loose: a bit for each sector that may hold more than one thing
 */
struct view {
	bool all[SIM_NODES];
	u64 hot;
	u64 bits[SIM_NODES];
	unsigned long queued[SIM_MASK];
	unsigned long loose[SIM_MASK];
};

/* What the views were made of: no need to make or compare them again. */
struct stamp {
	bool live;
	u64 data;
	u64 meta;
	u64 hot;
	u64 bits[SIM_NODES];
	u64 generation;
	u64 received;
	u64 written;
};

static struct view cut[SIM_NODES], live[SIM_NODES];
static struct stamp stamps[SIM_NODES];
static u64 cut_meta[SIM_NODES];
static bool known[SIM_NODES];
/* By pair: 4 KiB blocks, see cover_touch(). */
static u64 touched[SIM_NODES][SIM_NODES];

void cover_init(void)
{
	memset(known, 0, sizeof(known));
	memset(cut_meta, 0xff, sizeof(cut_meta));
	memset(touched, 0, sizeof(touched));
}

struct disk_said cover_listen(const struct disk *disk, u32 number, const void *block)
{
	const struct ditto_md *md = &disk->slot_md[0];
	u32 numbers[DITTO_INTENT_PER_BLOCK], count, i;
	struct disk_said said = {};
	struct ditto_bits bits;
	unsigned long word = 0;

	if (number >= DISK_LOG_BLOCKS * DITTO_INTENT_COPIES) {
		ditto_bits_init(&bits, &word, SIM_BYTES, md->block_shift);
		said.sound = !ditto_bits_decode(&bits, md->disk_uuid,
						number - DISK_LOG_BLOCKS * DITTO_INTENT_COPIES, 0,
						block);
		said.mask = word;
		return said;
	}
	said.sound = !ditto_intent_decode(block, md->disk_uuid, number / DITTO_INTENT_COPIES,
					  SIM_REGIONS, &said.sequence, numbers, &count);
	for (i = 0; said.sound && i < count; i++)
		said.mask |= BIT_ULL(numbers[i]);
	return said;
}

/* All versions of a block that may survive, and that it is torn. Return: how many. */
static u32 survivors(const struct disk *disk, u32 number, struct disk_said *said)
{
	const struct disk_block *b = &disk->blocks[number];
	const struct disk_io *io;
	u32 count = b->count;

	memcpy(said, b->said, count * sizeof(*said));
	list_for_each_entry(io, &disk->ios, link) {
		if (io->op == DISK_BLOCK_WRITE && io->slot == number && !io->landed)
			said[count++] = io->said;
	}
	if (count > 1)
		said[count++] = (struct disk_said) {};
	return count;
}

/* Regions that block @index names whatever survives. */
static u64 weakest_log(const struct disk *disk, u32 index)
{
	struct disk_said a[DISK_VERSIONS + 3], b[DISK_VERSIONS + 3];
	u32 count_a = survivors(disk, index * DITTO_INTENT_COPIES, a);
	u32 count_b = survivors(disk, index * DITTO_INTENT_COPIES + 1, b);
	u64 regions = U64_MAX;
	u32 i, j;

	for (i = 0; i < count_a; i++) {
		for (j = 0; j < count_b; j++) {
			if (a[i].sound && (!b[j].sound || a[i].sequence > b[j].sequence))
				regions &= a[i].mask;
			else if (b[j].sound)
				regions &= b[j].mask;
		}
	}
	return regions;
}

/* Bits that the page of @slot has whatever survives; torn, it has all. */
static u64 weakest_page(const struct disk *disk, u32 slot)
{
	struct disk_said said[DISK_VERSIONS + 3];
	u32 count = survivors(disk, DISK_LOG_BLOCKS * DITTO_INTENT_COPIES + slot, said), i;
	u64 weakest = U64_MAX;

	for (i = 0; i < count; i++) {
		if (said[i].sound)
			weakest &= said[i].mask;
	}
	return weakest;
}

/* Does every superblock that may survive say that all of @peer is missing? */
static bool all_missing(const struct disk *disk, u32 peer, u32 *slot)
{
	struct ditto_md md = disk->slot_md[disk->newest_slot];
	const struct ditto_md_peer *entry;
	const struct disk_io *io;
	bool all = true;

	io = list_first_entry(&disk->ios, struct disk_io, link);
	for (;;) {
		entry = ditto_md_peer_find(&md, peer);
		if (entry && !(entry->flags & DITTO_MDF_PEER_FULL) && md.generation) {
			*slot = ditto_md_peer_slot(&md, entry);
			all = false;
		}
		while (&io->link != &disk->ios && (io->op != DISK_MD || io->landed))
			io = list_next_entry(io, link);
		if (&io->link == &disk->ios)
			return all;
		md = io->md;
		io = list_next_entry(io, link);
	}
}

static void look_at_metadata(const struct node *n)
{
	const struct disk *disk = &n->disk;
	struct view *v = &cut[n->id];
	u32 i, slot;

	if (cut_meta[n->id] == disk->meta_changes)
		return;
	cut_meta[n->id] = disk->meta_changes;
	v->hot = 0;
	for (i = 0; i < DISK_LOG_BLOCKS; i++)
		v->hot |= weakest_log(disk, i);
	for (i = 0; i < SIM_NODES; i++) {
		if (i == n->id)
			continue;
		v->all[i] = all_missing(disk, i, &slot);
		if (!v->all[i])
			v->bits[i] = weakest_page(disk, slot);
	}
}

static void look_at_data(const struct node *n)
{
	const struct disk_io *io;
	u32 i;

	memset(live[n->id].loose, 0, sizeof(live[n->id].loose));
	list_for_each_entry(io, &n->disk.ios, link) {
		if (io->op != DISK_WRITE || io->landed)
			continue;
		for (i = 0; i < io->count; i++) {
			if (!test_bit(i, io->mask))
				__set_bit(io->first + i, live[n->id].loose);
		}
	}
	for (i = 0; i < SIM_MASK; i++)
		cut[n->id].loose[i] = live[n->id].loose[i] | n->disk.loose[i];
}

static void take_stamp(const struct node *n, struct stamp *s)
{
	u32 i;

	memset(s, 0, sizeof(*s));
	/* What a failed disk is worth is on it, and nowhere else. */
	s->live = n->powered && n->attached && !n->failed;
	s->data = n->disk.data_changes;
	s->meta = n->disk.meta_changes;
	if (!s->live)
		return;
	s->generation = n->md.generation;
	s->hot = regions_in_use(n);
	s->received = n->apply.received;
	s->written = n->apply.written;
	for (i = 0; i < SIM_NODES; i++)
		s->bits[i] = n->peers[i].words[0];
}

static void look_at_queue(const struct node *n)
{
	const struct ditto_apply_item *item;
	u32 i;

	memset(live[n->id].queued, 0, sizeof(live[n->id].queued));
	list_for_each_entry(item, &n->apply.items, link) {
		if (!(item->flags & DITTO_ITEMF_RANGE) || item->flags & DITTO_ITEMF_WRITTEN)
			continue;
		for (i = item->range.start / 512; i <= item->range.last / 512; i++)
			__set_bit(i, live[n->id].queued);
	}
}

/* Return: has anything changed? */
static bool look(const struct node *n)
{
	struct stamp s;
	u32 i;

	take_stamp(n, &s);
	if (known[n->id] && !memcmp(&s, &stamps[n->id], sizeof(s)))
		return false;
	known[n->id] = true;
	stamps[n->id] = s;
	look_at_metadata(n);
	look_at_data(n);
	for (i = 0; i < SIM_NODES; i++) {
		live[n->id].all[i] = !s.generation;
		live[n->id].bits[i] = s.bits[i];
	}
	live[n->id].hot = s.hot;
	look_at_queue(n);
	return true;
}

/* Sectors of units of 1 << @shift bytes. */
static void add_units(unsigned long *sectors, u64 units, u32 shift)
{
	u32 each = 1u << (shift - 9);

	/* At least a byte's worth, since a block is. */
	for (; units; units &= units - 1) {
		u32 first = __builtin_ctzll(units) * each;

		if (first < SIM_SECTORS)
			memset((u8 *)sectors + first / 8, 0xff, each / 8);
	}
}

static const char *how(const struct view *v)
{
	return v >= cut && v < cut + SIM_NODES ? "loses power" : "goes on";
}

static void compare(const struct node *a, const struct node *b, const struct view *va,
		    const struct view *vb, const unsigned long *differ)
{
	unsigned long covered[SIM_MASK] = {}, left;
	u32 shift = a->disk.slot_md[0].block_shift, i;

	if (va->all[b->id] || vb->all[a->id])
		return;
	add_units(covered, va->hot | vb->hot, SIM_REGION_SHIFT);
	add_units(covered, va->bits[b->id] | vb->bits[a->id], shift);
	for (i = 0; i < SIM_MASK; i++) {
		left = (differ[i] | va->loose[i] | vb->loose[i]) &
		       ~(covered[i] | va->queued[i] | vb->queued[i] | a->disk.rotten[i] | b->disk.rotten[i]);
		if (!left)
			continue;
		i = i * BITS_PER_LONG + __ffs(left);
		broken("G2", "nodes %u, which %s, and %u, which %s, may differ in sector %u (%llx, %llx), and none of the two says so: hot %llx %llx, bits %llx %llx",
		       a->id, how(va), b->id, how(vb), i, disk_live(&a->disk, i),
		       disk_live(&b->disk, i), va->hot, vb->hot, va->bits[b->id], vb->bits[a->id]);
		return;
	}
}

static void compare_all_ways(const struct node *a, const struct node *b)
{
	unsigned long differ[SIM_MASK] = {};
	bool live_a = stamps[a->id].live, live_b = stamps[b->id].live;
	u32 i;

	for (i = 0; i < SIM_SECTORS; i++) {
		/* Mostly they are equal, many at once. */
		if (!(i % 32) && !memcmp(&a->disk.live[i], &b->disk.live[i], 32 * sizeof(u64)))
			i += 31;
		else if (a->disk.live[i] != b->disk.live[i])
			__set_bit(i, differ);
	}
	compare(a, b, &cut[a->id], &cut[b->id], differ);
	if (live_a)
		compare(a, b, &live[a->id], &cut[b->id], differ);
	if (live_b)
		compare(a, b, &cut[a->id], &live[b->id], differ);
	if (live_a && live_b)
		compare(a, b, &live[a->id], &live[b->id], differ);
}

void cover_check(void)
{
	bool changed[SIM_NODES];
	u32 a, b;

	for (a = 0; a < SIM_NODES; a++)
		changed[a] = look(&nodes[a]);
	for (a = 0; a < SIM_NODES; a++) {
		for (b = a + 1; b < SIM_NODES; b++) {
			if (changed[a] || changed[b])
				compare_all_ways(&nodes[a], &nodes[b]);
		}
	}
}

/* Blocks of 4 KiB of units of 1 << @shift bytes. */
static u64 blocks_of(u64 units, u32 shift)
{
	u32 each = 1u << (shift - 12);
	u64 blocks = 0;

	for (; units; units &= units - 1)
		blocks |= ((1ull << each) - 1) << __builtin_ctzll(units) * each;
	return blocks;
}

void cover_touch(u64 start, u64 size)
{
	u64 first = start >> SIM_REGION_SHIFT;
	/* The one behind may have been warmed ahead. */
	u64 end = min_t(u64, ((start + size - 1) >> SIM_REGION_SHIFT) + 2, SIM_REGIONS);
	u64 blocks = blocks_of((1ull << end) - (1ull << first), SIM_REGION_SHIFT);
	u32 a, b;

	for (a = 0; a < SIM_NODES; a++) {
		for (b = 0; b < SIM_NODES; b++)
			touched[a][b] |= blocks;
	}
}

void cover_touch_all(u32 node)
{
	u32 i;

	for (i = 0; i < SIM_NODES; i++) {
		touched[node][i] = U64_MAX;
		touched[i][node] = U64_MAX;
	}
}

void cover_resync(const struct peer *p)
{
	u64 more = blocks_of(p->words[0], p->bits.shift) & ~touched[p->node->id][p->id];

	if (more)
		broken("G2", "node %u is about to send %u blocks %llx that nobody has written since they were equal",
		       p->node->id, p->id, more);
}

static bool at_rest(const struct node *n, u32 peer)
{
	return n->powered && n->attached && !n->failed && n->md.generation && !regions_in_use(n) &&
	       n->peers[peer].bits_slot != NO_SLOT && !n->peers[peer].bits.set &&
	       !n->peers[peer].bits.dirty_pages;
}

void cover_quiet(void)
{
	u32 a, b;

	for (a = 0; a < SIM_NODES; a++) {
		for (b = 0; b < SIM_NODES; b++) {
			if (a != b && at_rest(&nodes[a], b) && at_rest(&nodes[b], a))
				touched[a][b] = 0;
		}
	}
}
