// SPDX-License-Identifier: GPL-2.0
/*
 * A primary and a secondary, whole: stream, resync plan and bitmap on one end,
 * apply on the other, three lanes between them, and a disk with a volatile
 * cache at the secondary. Everything happens in an order drawn at random:
 * deliveries, completions, flushes, lost connections, power cuts.
 *
 * What a disk sector holds is the position of the entry that wrote it last, so
 * two disks are compared by comparing numbers.
 */
#include "apply.h"
#include "resync.h"
#include "stream.h"
#include "test.h"

#define SECTORS		100	/* 12 blocks of 4 KiB and a half */
#define SHIFT		12
#define NODE		1
#define OPS		1500	/* entries of one run */
#define WINDOW		40	/* entries in flight */
#define EXTENTS		4	/* extents in flight */
#define SLOTS		64	/* extents and readers remembered */
#define STALE		1000000	/* what a sector holds that the stream never wrote */

struct op {
	struct ditto_entry entry;
	struct ditto_apply_item item;
	u64 after;		/* a flush up to here had completed when it was added */
	bool local_active;
	bool on_disk;		/* completed by the secondary's disk */
	bool durable;		/* and behind a flush of it */
};

/* An extent on both ends: the plan's, its reader, the message, the item. */
struct transfer {
	struct ditto_extent extent;
	struct ditto_reader reader;
	struct ditto_apply_item item;
	u64 data[SECTORS];
	u64 floor;
	unsigned long mask[2];
	bool used, reading, in_lane, reader_alive;
	bool on_disk, durable;
};

static struct test_random chance;
static struct op ops[OPS + 1000];
static u32 op_count;
static struct transfer transfers[SLOTS];
static u64 primary[SECTORS];

static struct ditto_stream stream;
static struct ditto_stream_out out;
static struct ditto_resync plan;
static struct ditto_bits bits;
static unsigned long words[1];
static bool connected, joined, resyncing, join_sent, counted_seen;
static u64 flushed;		/* the last position behind which a flush has completed */

static struct ditto_apply apply;
static u64 secondary[SECTORS];	/* as reads see it */
static u64 platter[SECTORS];	/* as it survives a power cut */
static bool flushing;
static struct { u64 written, durable, received, extents, extents_durable; } acks[4];
static u32 ack_count;

static u32 first_sector(const struct ditto_range *range)
{
	return range->start / 512;
}

static u32 last_sector(const struct ditto_range *range)
{
	return range->last / 512;
}

static bool has_range(const struct op *op)
{
	return op->entry.kind <= DITTO_ENTRY_ZEROES;
}

/* The secondary's disk. */

static void disk_write(const struct op *op)
{
	u32 i;

	for (i = first_sector(&op->item.range); i <= last_sector(&op->item.range); i++)
		secondary[i] = op->entry.position;
}

static void disk_write_extent(const struct transfer *t)
{
	u32 first = first_sector(&t->item.range), i;

	for (i = first; i <= last_sector(&t->item.range); i++) {
		if (!test_bit(i - first, t->mask))
			secondary[i] = t->data[i];
	}
}

/* Of what the cache held, and of what was under way, any part may survive. */
static void power_cut(void)
{
	u32 i, n;

	for (n = 1; n <= op_count; n++) {
		if (ops[n].item.flags & DITTO_ITEMF_ACTIVE && has_range(&ops[n]) &&
		    test_below(&chance, 2))
			disk_write(&ops[n]);
	}
	for (i = 0; i < SECTORS; i++) {
		if (test_below(&chance, 2))
			secondary[i] = platter[i];
		platter[i] = secondary[i];
	}
}

/* Whether the entry or extent may touch the disk, from what the disk has seen. */
static void check_submit(const struct op *op)
{
	const struct op *before;
	u32 n;

	for (n = 1; n < op->entry.position; n++) {
		before = &ops[n];
		if (!has_range(before) || before->entry.position <= stream.followers[NODE].from)
			continue;
		/* G4, by the rule and by its purpose. */
		if (before->entry.epoch < op->entry.epoch || n <= op->after)
			EXPECT_TRUE(before->durable);
		if (has_range(op) && before->item.range.start <= op->item.range.last &&
		    before->item.range.last >= op->item.range.start)
			EXPECT_TRUE(before->on_disk);
	}
	for (n = 0; n < SLOTS && has_range(op); n++) {
		const struct transfer *t = &transfers[n];

		if (t->used && t->item.flags & DITTO_ITEMF_ACTIVE)
			EXPECT_FALSE(t->item.range.start <= op->item.range.last &&
				     t->item.range.last >= op->item.range.start);
	}
}

static void submit(void)
{
	struct ditto_apply_item *item;
	struct transfer *t;

	while ((item = ditto_apply_next(&apply))) {
		if (item->kind == DITTO_ITEM_EXTENT) {
			t = container_of(item, struct transfer, item);
			memset(t->mask, 0, sizeof(t->mask));
			ditto_apply_mask(&apply, item, t->mask);
		} else {
			check_submit(container_of(item, struct op, item));
		}
		if (test_below(&chance, 3) == 0)
			break;
	}
}

static void give_back(struct list_head *reaped)
{
	struct ditto_apply_item *item, *next;

	list_for_each_entry_safe(item, next, reaped, link) {
		list_del(&item->link);
		if (item->kind == DITTO_ITEM_EXTENT)
			continue;
		EXPECT_TRUE(item->number <= apply.durable || !connected);
	}
}

static void flush_step(void)
{
	LIST_HEAD(reaped);
	u32 n;

	if (!flushing) {
		flushing = ditto_apply_flush_begin(&apply, !test_below(&chance, 10));
		if (!flushing)
			return;
		/* The simplest disk: a flush does its work as it begins. */
		memcpy(platter, secondary, sizeof(platter));
		for (n = 1; n <= op_count; n++)
			ops[n].durable = ops[n].on_disk;
		for (n = 0; n < SLOTS; n++)
			transfers[n].durable = transfers[n].on_disk;
		return;
	}
	flushing = false;
	ditto_apply_flush_end(&apply, &reaped);
	give_back(&reaped);
	for (n = stream.followers[NODE].from + 1; n <= apply.durable; n++)
		EXPECT_TRUE(!has_range(&ops[n]) || ops[n].durable);
	for (n = 0; n < SLOTS; n++) {
		if (transfers[n].used && transfers[n].extent.number &&
		    transfers[n].extent.number <= apply.extent_durable)
			EXPECT_TRUE(transfers[n].durable);
	}
}

static void complete_at_secondary(void)
{
	LIST_HEAD(reaped);
	struct transfer *t;
	struct op *op;
	u32 tries;

	for (tries = 0; tries < 10; tries++) {
		op = &ops[op_count - test_below(&chance, min_t(u32, op_count, WINDOW + 5))];
		if (op_count && op->item.flags & DITTO_ITEMF_ACTIVE) {
			op->on_disk = true;
			if (has_range(op))
				disk_write(op);
			ditto_apply_written(&apply, &op->item);
			if (op->entry.kind == DITTO_ENTRY_JOIN) {
				ditto_apply_end_target(&apply, &reaped);
				give_back(&reaped);
			}
			return;
		}
		t = &transfers[test_below(&chance, SLOTS)];
		if (t->used && t->item.flags & DITTO_ITEMF_ACTIVE) {
			t->on_disk = true;
			disk_write_extent(t);
			ditto_apply_written(&apply, &t->item);
			return;
		}
	}
}

/* The lanes. */

static void deliver_entry(void)
{
	struct ditto_apply_item *item;
	struct ditto_entry *e;

	e = ditto_stream_next(&stream, NODE, NULL);
	if (!e)
		return;
	item = &ops[e->position].item;
	item->kind = e->kind;
	item->flags = (e->flags & DITTO_ENTRYF_DURABLE ? DITTO_ITEMF_DURABLE : 0) |
		      (e->flags & DITTO_ENTRYF_GUARD ? DITTO_ITEMF_GUARD : 0) |
		      (has_range(&ops[e->position]) ? DITTO_ITEMF_RANGE : 0);
	item->range.start = e->range.start;
	item->range.last = e->range.last;
	item->number = e->position;
	item->epoch = e->epoch;
	item->overlap = e->overlap;
	EXPECT_EQ(ditto_apply_receive(&apply, item), 0);
}

static void deliver_extent(void)
{
	struct transfer *t;
	u32 n;

	for (n = 0; n < SLOTS; n++) {
		t = &transfers[n];
		if (!t->used || !t->in_lane || t->extent.number != apply.extent_received + 1)
			continue;
		t->in_lane = false;
		memset(&t->item, 0, sizeof(t->item));
		t->item.number = t->extent.number;
		t->item.read_at = t->extent.read_at;
		t->item.range.start = t->extent.start;
		t->item.range.last = t->extent.start + t->extent.size - 1;
		EXPECT_EQ(ditto_apply_receive_extent(&apply, &t->item, t->floor,
						     test_below(&chance, 2)), 0);
		return;
	}
}

static void send_ack(void)
{
	if (ack_count == ARRAY_SIZE(acks))
		return;
	acks[ack_count].received = apply.received;
	acks[ack_count].written = apply.written;
	acks[ack_count].durable = apply.durable;
	acks[ack_count].extents = apply.extent_written;
	acks[ack_count++].extents_durable = apply.extent_durable;
}

/* The primary. */

static void check_done(const struct op *op)
{
	u32 n;

	if (!connected || !joined ||
	    op->entry.position < stream.followers[NODE].counted_from)
		return;
	counted_seen = true;
	if (has_range(op))
		EXPECT_TRUE(op->on_disk);
	if (!(op->entry.flags & DITTO_ENTRYF_DURABLE))
		return;
	for (n = stream.followers[NODE].from + 1; n <= op->entry.position; n++)
		EXPECT_TRUE(!has_range(&ops[n]) || ops[n].durable);
}

static void dispatch(void)
{
	struct ditto_entry *e, *next;
	struct ditto_reader *r;
	struct op *op;

	list_for_each_entry(e, &out.ready, ready)
		ops[e->position].local_active = true;
	list_for_each_entry(r, &out.readers, ready)
		container_of(r, struct transfer, reader)->reading = true;
	list_for_each_entry(e, &out.done, note) {
		op = &ops[e->position];
		check_done(op);
		if (e->flags & DITTO_ENTRYF_DURABLE) {
			ditto_stream_end_epoch(&stream);
			flushed = max_t(u64, flushed, e->position);
		}
	}
	list_for_each_entry_safe(e, next, &out.reaped, link)
		list_del(&e->link);
	ditto_stream_out_init(&out);
}

static struct op *add_op(u8 kind, u32 flags)
{
	struct op *op = &ops[++op_count];
	u32 first = test_below(&chance, SECTORS);

	memset(op, 0, sizeof(*op));
	op->entry.kind = kind;
	op->entry.flags = flags;
	op->entry.range.start = first * 512;
	op->entry.range.last = (min_t(u32, first + test_below(&chance, 12), SECTORS - 1) + 1) *
			       512 - 1;
	op->after = flushed;
	op->local_active = ditto_stream_add(&stream, &op->entry);
	EXPECT_EQ(op->entry.position, op_count);
	return op;
}

static void add_random(void)
{
	static const u8 kinds[] = { DITTO_ENTRY_WRITE, DITTO_ENTRY_WRITE, DITTO_ENTRY_WRITE,
				    DITTO_ENTRY_DISCARD, DITTO_ENTRY_ZEROES, DITTO_ENTRY_FLUSH };
	u32 flags = 0;
	struct op *op;

	if (op_count >= OPS || (connected && op_count - stream.followers[NODE].durable > WINDOW))
		return;
	if (!test_below(&chance, 8))
		flags |= DITTO_ENTRYF_DURABLE;
	if (!test_below(&chance, 12))
		flags |= DITTO_ENTRYF_BARRIER;
	op = add_op(kinds[test_below(&chance, ARRAY_SIZE(kinds))], flags);
	/* Nobody follows: what is written is missing there, before it is done. */
	if (!stream.active && has_range(op))
		ditto_bits_set(&bits, op->entry.range.start,
			       op->entry.range.last - op->entry.range.start + 1);
}

/* One of the last entries, by chance, or the first one that is still active. */
static struct op *pick_local(void)
{
	u32 n, tries;

	for (tries = 0; tries < 10 && op_count; tries++) {
		n = op_count - test_below(&chance, min_t(u32, op_count, WINDOW));
		if (ops[n].local_active)
			return &ops[n];
	}
	for (n = 1; n <= op_count; n++) {
		if (ops[n].local_active)
			return &ops[n];
	}
	return NULL;
}

static void complete_local(void)
{
	struct op *op = pick_local();
	u32 i;

	if (!op)
		return;
	op->local_active = false;
	for (i = first_sector(&op->entry.range);
	     has_range(op) && i <= last_sector(&op->entry.range); i++)
		primary[i] = op->entry.position;
	ditto_stream_local_done(&stream, &op->entry, &out);
	dispatch();
}

static void begin_extent(void)
{
	struct transfer *t = NULL;
	u32 n, busy = 0;

	for (n = 0; n < SLOTS; n++) {
		busy += transfers[n].used && transfers[n].reader_alive;
		if (!transfers[n].used)
			t = &transfers[n];
	}
	if (!resyncing || busy >= EXTENTS || !t)
		return;
	memset(t, 0, sizeof(*t));
	if (!ditto_resync_next(&plan, &t->extent, stream.position))
		return;
	t->used = true;
	t->reader_alive = true;
	t->reader.guarding = true;
	t->reader.range.start = t->extent.start;
	t->reader.range.last = t->extent.start + t->extent.size - 1;
	t->reading = ditto_stream_read_begin(&stream, &t->reader);
	EXPECT_EQ(t->reader.position, t->extent.read_at);
	/* What a read returns of a sector is from any time between its two ends. */
	memcpy(t->data, primary, sizeof(primary));
}

static void end_read(void)
{
	struct transfer *t = &transfers[test_below(&chance, SLOTS)];
	u32 i;

	if (!t->used || !t->reading)
		return;
	t->reading = false;
	for (i = 0; i < SECTORS; i++) {
		bool newer = primary[i] < STALE && primary[i] > t->extent.read_at;

		if (!newer || test_below(&chance, 2))
			t->data[i] = primary[i];
	}
	if (!test_below(&chance, 20)) {
		ditto_resync_abandon(&plan, &t->extent);
		ditto_stream_read_end(&stream, &t->reader);
		t->used = false;
		return;
	}
	ditto_resync_send(&plan, &t->extent);
	t->floor = ditto_resync_floor(&plan, stream.position);
	t->in_lane = true;
}

static void drop_released(struct list_head *released)
{
	struct ditto_extent *e, *next;
	struct transfer *t;

	list_for_each_entry_safe(e, next, released, link) {
		list_del(&e->link);
		t = container_of(e, struct transfer, extent);
		if (t->reader_alive)
			ditto_stream_read_end(&stream, &t->reader);
		t->used = false;
	}
}

static void take_ack(void)
{
	LIST_HEAD(released);
	u32 n;

	if (!ack_count)
		return;
	EXPECT_EQ(ditto_stream_acked(&stream, NODE, acks[0].received, acks[0].written,
				     acks[0].durable, &out), 0);
	dispatch();
	EXPECT_EQ(ditto_resync_acked(&plan, acks[0].extents, acks[0].extents_durable,
				     &released), 0);
	for (n = 0; n < SLOTS; n++) {
		if (transfers[n].used && transfers[n].reader_alive && transfers[n].extent.written) {
			ditto_stream_read_end(&stream, &transfers[n].reader);
			transfers[n].reader_alive = false;
		}
	}
	drop_released(&released);
	memmove(acks, acks + 1, sizeof(acks) - sizeof(acks[0]));
	ack_count--;
}

static void maybe_join(void)
{
	struct op *op;

	if (!resyncing || join_sent || !ditto_resync_finished(&plan))
		return;
	op = add_op(DITTO_ENTRY_JOIN, DITTO_ENTRYF_DURABLE | DITTO_ENTRYF_URGENT);
	ditto_stream_count(&stream, NODE, op->entry.position);
	join_sent = joined = true;
	resyncing = false;
}

static void connect(void)
{
	u64 from = ditto_stream_follow(&stream, NODE);

	ditto_resync_init(&plan, &bits, 4 * 4096);
	ditto_apply_init(&apply, from, stream.epoch, true);
	memset(transfers, 0, sizeof(transfers));
	ack_count = 0;
	flushing = false;
	connected = resyncing = true;
	join_sent = joined = false;
}

static void missing(void *arg, u64 start, u64 size)
{
	ditto_bits_set(arg, start, size);
}

/* All that the primary's disk still has to do, so that disks can be compared. */
static void settle_primary(void)
{
	while (pick_local())
		complete_local();
}

/* G2: where no bit is set the copies are equal. */
static void check_bits(void)
{
	u32 i;

	for (i = 0; i < SECTORS; i++) {
		if (!ditto_bits_any(&bits, i * 512, 512))
			EXPECT_EQ(secondary[i], primary[i]);
	}
}

static void lose_connection(void)
{
	LIST_HEAD(released);
	LIST_HEAD(reaped);
	u32 n;

	/* The secondary goes first, in the middle of everything. */
	connected = false;
	if (test_below(&chance, 2))
		power_cut();
	for (n = 1; n <= op_count; n++) {
		/* Its I/O returns, now or never. */
		if (!(ops[n].item.flags & DITTO_ITEMF_ACTIVE))
			continue;
		if (has_range(&ops[n]) && test_below(&chance, 2))
			disk_write(&ops[n]);
		ditto_apply_written(&apply, &ops[n].item);
	}
	for (n = 0; n < SLOTS; n++) {
		if (transfers[n].used && transfers[n].item.flags & DITTO_ITEMF_ACTIVE)
			ditto_apply_written(&apply, &transfers[n].item);
	}
	ditto_apply_clear(&apply, &reaped);
	give_back(&reaped);
	EXPECT_TRUE(ditto_ranges_empty(&apply.ranges));
	ditto_stream_drop(&stream, NODE, missing, &bits, &out);
	dispatch();
	ditto_resync_clear(&plan, &released);
	drop_released(&released);
	resyncing = joined = false;
	settle_primary();
	check_bits();
}

static void step(void)
{
	switch (test_below(&chance, 12)) {
	case 0 ... 1:
		add_random();
		break;
	case 2:
		complete_local();
		break;
	default:
		if (!connected)
			break;
		switch (test_below(&chance, 10)) {
		case 0:
			begin_extent();
			break;
		case 1:
			end_read();
			break;
		case 2:
			deliver_entry();
			break;
		case 3:
			deliver_extent();
			break;
		case 4:
			submit();
			break;
		case 5 ... 6:
			complete_at_secondary();
			break;
		case 7:
			flush_step();
			break;
		case 8:
			send_ack();
			take_ack();
			break;
		default:
			maybe_join();
			if (resyncing && !test_below(&chance, 400))
				ditto_resync_mark(&plan, test_below(&chance, SECTORS) * 512, 512);
			break;
		}
		break;
	}
}

static void start(u32 seed)
{
	u32 i;

	chance.state = seed;
	op_count = 0;
	flushed = 0;
	memset(ops, 0, sizeof(ops));
	memset(words, 0, sizeof(words));
	ditto_bits_init(&bits, words, SECTORS * 512, SHIFT);
	ditto_bits_set_all(&bits);
	ditto_stream_init(&stream, 0, 1);
	ditto_stream_out_init(&out);
	for (i = 0; i < SECTORS; i++) {
		primary[i] = STALE + i;
		secondary[i] = platter[i] = 2 * STALE + i;
	}
	connected = resyncing = joined = join_sent = flushing = false;
}

/* To the end: all is delivered, written and acknowledged, and the disks are equal. */
static bool run_dry(void)
{
	u32 i;

	for (i = 0; i < 20000; i++) {
		if (!connected)
			connect();
		switch (test_below(&chance, 12)) {
		case 0:
			complete_local();
			break;
		case 1:
			begin_extent();
			break;
		case 2:
			end_read();
			break;
		case 3:
			deliver_entry();
			break;
		case 4:
			deliver_extent();
			break;
		case 5:
			submit();
			break;
		case 6 ... 8:
			complete_at_secondary();
			break;
		case 9:
			flush_step();
			break;
		case 10:
			send_ack();
			take_ack();
			break;
		default:
			maybe_join();
			break;
		}
		if (joined && !stream.listed)
			return true;
	}
	return false;
}

static void runs(u32 first, u32 count, u32 loss)
{
	u32 seed, i;

	for (seed = first; seed < first + count; seed++) {
		start(seed);
		for (i = 0; i < 12000; i++) {
			if (!connected && !test_below(&chance, 30))
				connect();
			step();
			if (connected && loss && !test_below(&chance, loss))
				lose_connection();
		}
		EXPECT_TRUE(run_dry());
		settle_primary();
		EXPECT_EQ(bits.set, 0);
		for (i = 0; i < SECTORS; i++)
			EXPECT_EQ(secondary[i], primary[i]);
		EXPECT_TRUE(ditto_ranges_empty(&stream.ranges));
	}
}

static void fill_and_follow(void)
{
	counted_seen = false;
	runs(1, 60, 0);
	EXPECT_TRUE(counted_seen);
}

static void losses(void)
{
	runs(1000, 60, 1500);
}

static void many_losses(void)
{
	runs(2000, 60, 150);
}

const struct test pair_tests[] = {
	{ "G1 G2 G4: a new secondary is filled while the primary writes, and follows",
	  fill_and_follow },
	{ "G2: after a lost connection, and a power cut, a clear bit is a proof", losses },
	{ "G2: lost again and again in the middle of resyncs", many_losses },
	{ }
};
