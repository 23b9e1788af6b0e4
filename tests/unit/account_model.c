// SPDX-License-Identifier: GPL-2.0
#include "account_model.h"

#define ENTRIES		64u

/* Of the Primary. */
struct entry {
	struct ditto_entry core;
	struct waiter waiter;
	u32 value;
	u32 joins;
	u32 roster;
	struct ditto_wire_absent absent;
	bool used;
	bool submitted;
};

struct node nodes[NODES];
static struct ditto_stream stream;
static struct ditto_stream_out out;
static struct entry entries[ENTRIES];
u32 primary;
static u32 version;
static u64 stream_id, streams, now;
enum rule broken;
struct test_random dice;

u32 below(u32 bound)
{
	return test_below(&dice, bound);
}

/* Disk, bits, log. */

static void save_bits(struct node *n)
{
	memcpy(n->saved, n->words, sizeof(n->saved));
}

static void flush_disk(struct node *n)
{
	u32 i;

	memcpy(n->stable, n->live, sizeof(n->stable));
	for (i = 0; i < BLOCKS; i++)
		n->extents[i] = n->extents[i] ? 2 : 0;
}

static void write_disk(struct node *n, u64 start, u64 last, u32 value)
{
	u64 block;

	for (block = start / BLOCK; block <= last / BLOCK; block++)
		n->live[block] = value;
}

static void read_log(struct node *n, u64 *sequence)
{
	u32 numbers[DITTO_INTENT_PER_BLOCK], copy, count, i;
	static const u8 uuid[16];
	u64 found_at;

	*sequence = 0;
	n->disk_hot = 0;
	for (copy = 0; copy < 2; copy++) {
		if (ditto_intent_decode(n->disk_log[copy], uuid, 0, REGIONS, &found_at, numbers,
					&count) || found_at < *sequence)
			continue;
		*sequence = found_at;
		n->disk_hot = 0;
		for (i = 0; i < count; i++)
			n->disk_hot |= 1u << numbers[i];
	}
}

static void submit(struct entry *e)
{
	e->submitted = true;
}

static void collect(void)
{
	struct ditto_entry *e, *next;

	list_for_each_entry_safe(e, next, &out.ready, ready)
		submit(container_of(e, struct entry, core));
	list_for_each_entry_safe(e, next, &out.reaped, link)
		container_of(e, struct entry, core)->used = false;
	ditto_stream_out_init(&out);
}

static void commit(struct node *n)
{
	struct ditto_intent_user *user, *next;
	struct waiter *waiter;
	u32 index, copy;
	u8 block[DITTO_INTENT_BLOCK];
	LIST_HEAD(ready);
	u64 sequence;

	if (!ditto_intent_commit_due(&n->log))
		return;
	ditto_intent_commit_begin(&n->log);
	while (ditto_intent_commit_next(&n->log, block, &index, &copy))
		memcpy(n->disk_log[copy], block, sizeof(block));
	read_log(n, &sequence);
	ditto_intent_commit_end(&n->log, &ready);
	list_for_each_entry_safe(user, next, &ready, link) {
		waiter = container_of(user, struct waiter, user);
		if (waiter->entry)
			ditto_stream_heated(&stream, &waiter->entry->core, &out);
		else
			waiter->item->hot = true;
	}
	collect();
}

static void cool(struct node *n)
{
	u64 settled = n->id == primary ? ditto_stream_settled(&stream) : n->acc.settled;

	switch (n->cooling++) {
	case 0:
		ditto_intent_cool_begin(&n->log, settled, U64_MAX);
		break;
	case 1:
		flush_disk(n);
		if (broken != UNSAVED)
			save_bits(n);
		break;
	default:
		ditto_intent_cool_end(&n->log);
		n->cooling = 0;
	}
}

/* The Primary. */

static struct entry *new_entry(u8 kind, u32 flags)
{
	u32 i;

	for (i = 0; i < ENTRIES; i++) {
		struct entry *e = &entries[i];

		if (e->used)
			continue;
		memset(e, 0, sizeof(*e));
		e->used = true;
		e->waiter.entry = e;
		e->joins = NONE;
		e->core.kind = kind;
		e->core.flags = flags;
		return e;
	}
	return NULL;
}

static u32 free_entries(void)
{
	u32 i, count = 0;

	for (i = 0; i < ENTRIES; i++)
		count += !entries[i].used;
	return count;
}

static void write_some(void)
{
	struct node *n = &nodes[primary];
	u64 first = below(BLOCKS), last = min_t(u64, first + below(3), BLOCKS - 1);
	struct entry *e;

	/* What is no write must always find room. */
	if (free_entries() < 16)
		return;
	e = new_entry(DITTO_ENTRY_WRITE + below(3), 0);
	e->value = ++version;
	e->core.range.start = first * BLOCK;
	e->core.range.last = min((last + 1) * BLOCK, BYTES) - 1;
	if (ditto_intent_take(&n->log, e->core.range.start, e->core.range.last,
			      stream.position + 1, ++now, &e->waiter.user) == DITTO_HEAT_COLD)
		e->core.flags |= DITTO_ENTRYF_COLD;
	ditto_account_write(&n->acc, stream.nodes | 1u << primary, e->core.range.start,
			    e->core.range.last - e->core.range.start + 1);
	if (ditto_stream_add(&stream, &e->core))
		submit(e);
}

static void local_done(struct entry *e)
{
	struct node *n = &nodes[primary];

	e->submitted = false;
	write_disk(n, e->core.range.start, e->core.range.last, e->value);
	ditto_intent_put(&n->log, e->core.range.start, e->core.range.last);
	ditto_stream_local_done(&stream, &e->core, &out);
	collect();
}

static bool write_locally(u32 from)
{
	u32 i;

	for (i = 0; i < ENTRIES; i++) {
		struct entry *e = &entries[(from + i) % ENTRIES];

		if (!e->used || !e->submitted)
			continue;
		local_done(e);
		return true;
	}
	return false;
}

static void add_own(struct entry *e)
{
	ditto_stream_add(&stream, &e->core);
	ditto_stream_local_done(&stream, &e->core, &out);
	collect();
}

static void missing(void *arg, u64 start, u64 size)
{
	ditto_bits_set(arg, start, size);
}

static void drop(u32 id)
{
	u64 durable = stream.followers[id].durable;
	struct entry *e;

	ditto_stream_drop(&stream, id, missing, &nodes[primary].bits[id], &out);
	collect();
	if (!stream.active || broken == NO_ABSENT)
		return;
	e = new_entry(DITTO_ENTRY_ABSENT, 0);
	e->absent.node = id;
	e->absent.durable = broken == ABSENT_TOO_MUCH ? durable + 1 : durable;
	add_own(e);
}

static u32 members(void)
{
	u32 i, mask = 1u << primary;

	for (i = 0; i < NODES; i++)
		if (nodes[i].follows && (!nodes[i].target || nodes[i].joining))
			mask |= 1u << i;
	return mask;
}

/* An administrator, or a verify: a copy that is not sent the stream is not what it seems. */
static void set_some(void)
{
	u32 id = below(NODES);
	struct entry *e;

	if (primary == NONE || id == primary || nodes[id].follows || free_entries() < 16)
		return;
	e = new_entry(DITTO_ENTRY_SET, 0);
	e->absent.node = id;
	e->core.range.start = below(BLOCKS) * BLOCK;
	e->core.range.last = min(e->core.range.start + BLOCK, BYTES) - 1;
	ditto_account_set(&nodes[primary].acc, id, e->core.range.start, BLOCK);
	save_bits(&nodes[primary]);
	add_own(e);
}

/* A connection, from the Primary. */

static struct item *new_item(struct node *n)
{
	u32 i;

	for (i = 0; i < ITEMS; i++) {
		if (n->items[i].used)
			continue;
		memset(&n->items[i], 0, sizeof(n->items[i]));
		n->items[i].used = true;
		n->items[i].waiter.item = &n->items[i];
		return &n->items[i];
	}
	return NULL;
}

static bool room(const struct node *n)
{
	u32 i, used = 0;

	for (i = 0; i < ITEMS; i++)
		used += n->items[i].used;
	return used < ITEMS - 1;
}

static void send_settled(struct node *n, u64 settled)
{
	struct item *item = settled ? new_item(n) : NULL;

	if (!item)
		return;
	item->no_entry = true;
	item->settled = settled;
	n->queue[n->tail++ % QUEUE] = item;
}

static u8 kind_for(const struct entry *e, const struct node *n)
{
	return e->core.kind == DITTO_ENTRY_JOIN && e->joins != n->id ? DITTO_ENTRY_ROSTER :
								       e->core.kind;
}

static void send(struct node *n)
{
	struct ditto_entry *core;
	struct item *item;
	struct entry *e;

	if (!room(n))
		return;
	if (broken == SETTLED_EARLY && !below(4))
		send_settled(n, ditto_stream_settled(&stream));
	core = ditto_stream_next(&stream, n->id, NULL);
	if (!core) {
		if (room(n) && !below(3))
			send_settled(n, ditto_stream_settled(&stream));
		return;
	}
	e = container_of(core, struct entry, core);
	item = new_item(n);
	if (!item)
		return;
	item->core.kind = kind_for(e, n);
	item->core.flags = DITTO_ITEMF_RANGE;
	item->core.range = core->range;
	item->core.number = core->position;
	item->core.epoch = core->epoch;
	item->core.overlap = core->overlap;
	item->settled = broken == SETTLED_FRESH ?
			min(ditto_stream_settled(&stream), core->position - 1) : core->settled;
	item->followers = core->followers | 1u << primary;
	item->value = e->value;
	item->roster = e->roster;
	item->absent = e->absent;
	n->queue[n->tail++ % QUEUE] = item;
}

static void carry(const struct ditto_bits *from, struct ditto_bits *to, bool exact)
{
	u64 words[DITTO_WIRE_BITS_MOST / 64], at = 0;
	struct ditto_wire_bits piece;

	while (ditto_account_pack(from, &at, &piece, words))
		ditto_account_merge(to, &piece, words, exact, NULL, NULL);
}

static void account_for(struct node *n, struct item *item)
{
	const struct ditto_range *range = &item->core.range;
	u32 i;

	switch (item->core.kind) {
	case DITTO_ENTRY_WRITE:
	case DITTO_ENTRY_DISCARD:
	case DITTO_ENTRY_ZEROES:
		ditto_account_write(&n->acc, item->followers, range->start,
				    range->last - range->start + 1);
		break;
	case DITTO_ENTRY_ABSENT:
		ditto_account_absent(&n->acc, &item->absent, &n->apply);
		break;
	case DITTO_ENTRY_SET:
		ditto_account_set(&n->acc, item->absent.node, range->start,
				  range->last - range->start + 1);
		break;
	case DITTO_ENTRY_JOIN:
		for (i = 0; i < NODES && broken == BITS_EXACT; i++)
			if (!(item->roster & 1u << i))
				carry(&nodes[primary].bits[i], &n->bits[i], true);
		fallthrough;
	case DITTO_ENTRY_ROSTER:
		if (broken != EQUAL_LATE && (!n->target || n->apply.joining))
			ditto_account_equal(&n->acc, item->roster, item->core.number);
	}
}

static void deliver(struct node *n)
{
	struct item *item;

	if (n->head == n->tail)
		return;
	item = n->queue[n->head++ % QUEUE];
	if (!item->no_entry) {
		EXPECT_EQ(ditto_apply_receive(&n->apply, &item->core), 0);
		account_for(n, item);
	}
	ditto_account_settled(&n->acc, item->settled);
	if (item->no_entry)
		item->used = false;
}

/* A follower's disk. */

static void item_done(struct node *n, struct item *item)
{
	struct ditto_range *range = &item->core.range;
	LIST_HEAD(reaped);

	item->hot = false;
	if (item->core.flags & DITTO_ITEMF_RANGE) {
		write_disk(n, range->start, range->last, item->value);
		ditto_intent_put(&n->log, range->start, range->last);
	} else {
		save_bits(n);
		if (broken == EQUAL_LATE && item->core.kind != DITTO_ENTRY_SET &&
		    (!n->target || n->apply.joining))
			ditto_account_equal(&n->acc, item->roster, item->core.number);
	}
	ditto_apply_written(&n->apply, &item->core);
	if (item->core.kind == DITTO_ENTRY_JOIN) {
		n->target = false;
		n->joining = false;
		n->stream_id = stream_id;
		ditto_apply_end_target(&n->apply, &reaped);
	}
}

static bool apply_next(struct node *n)
{
	struct ditto_apply_item *core = ditto_apply_next(&n->apply);
	struct item *item;

	if (!core)
		return false;
	item = container_of(core, struct item, core);
	if (!(core->flags & DITTO_ITEMF_RANGE) ||
	    ditto_intent_take(&n->log, core->range.start, core->range.last, core->number, ++now,
			      &item->waiter.user) == DITTO_HEAT_HOT)
		item->hot = true;
	return true;
}

static bool write_item(struct node *n, u32 from)
{
	u32 i;

	for (i = 0; i < ITEMS; i++) {
		struct item *item = &n->items[(from + i) % ITEMS];

		if (!item->used || !item->hot)
			continue;
		item_done(n, item);
		return true;
	}
	return false;
}

static void flush_applied(struct node *n)
{
	struct ditto_apply_item *core, *next;
	LIST_HEAD(reaped);

	if (!ditto_apply_flush_begin(&n->apply, true))
		return;
	flush_disk(n);
	ditto_apply_flush_end(&n->apply, &reaped);
	list_for_each_entry_safe(core, next, &reaped, link) {
		list_del(&core->link);
		container_of(core, struct item, core)->used = false;
	}
}

static void acknowledge(const struct node *n)
{
	EXPECT_EQ(ditto_stream_acked(&stream, n->id, n->apply.received, n->apply.written,
				     n->apply.durable, &out), 0);
	collect();
}

/* What has been received is applied, the rest is lost. */
static void lose_upstream(struct node *n)
{
	n->head = n->tail;
	do {
		while (apply_next(n))
			;
		commit(n);
		while (write_item(n, 0))
			;
		flush_applied(n);
	} while (n->apply.written != n->apply.received);
	n->position = n->apply.written;
	n->follows = false;
	if (n->target)
		n->stream_id = 0;
	n->target = false;
	n->joining = false;
	memset(n->items, 0, sizeof(n->items));
	memset(n->extents, 0, sizeof(n->extents));
}

/* Meeting, resync, joining. */

static void orphans(struct node *n, u32 source, u64 logged)
{
	if (broken != NO_ORPHANS)
		ditto_account_orphans(&n->acc, source, logged);
	else
		ditto_intent_forget_positions(&n->log);
}

static void start(struct node *n, bool member, u32 roster)
{
	struct node *p = &nodes[primary];
	u64 position;
	bool same;

	/* The same stream: its Primary has been up ever since. */
	same = n->followed == stream_id || broken == ANY_PRIMARY;
	orphans(n, same ? 1u << primary : 0,
		broken == COLD_IS_LOGGED ? stream.position : ditto_stream_logged(&stream));
	n->followed = stream_id;
	position = ditto_stream_follow(&stream, n->id);
	ditto_stream_count(&stream, n->id, position + 1);
	ditto_account_start(&n->acc, position);
	ditto_apply_init(&n->apply, position, stream.epoch, !member);
	n->follows = true;
	n->target = !member;
	n->head = n->tail;
	if (member) {
		n->stream_id = stream_id;
		ditto_bits_clear_all(&p->bits[n->id]);
		ditto_account_equal(&n->acc, roster, position);
		return;
	}
	n->stream_id = 0;
	if (broken != NOT_GIVEN)
		carry(&n->bits[primary], &p->bits[n->id], false);
	save_bits(p);
	ditto_account_given(&n->acc, primary);
}

static void add_roster(u8 kind, u32 joins)
{
	struct entry *e = new_entry(kind, 0);

	e->joins = joins;
	e->roster = members();
	add_own(e);
}

static void meet(struct node *n)
{
	bool member = n->stream_id == stream_id && !nodes[primary].bits[n->id].set;

	if (free_entries() < 8)
		return;
	start(n, member, members() | 1u << n->id);
	/* The others have heard that it is lost, and no JOIN will follow. */
	if (member)
		add_roster(DITTO_ENTRY_ROSTER, NONE);
}

/* The same blocks are not on their way in the stream: what is read is what is there. */
static void resync(struct node *n)
{
	struct node *p = &nodes[primary];
	struct ditto_intent_user user;
	u64 start, size;
	u32 block;

	if (!ditto_bits_run(&p->bits[n->id], below(BLOCKS) * BLOCK, BLOCK, &start, &size) &&
	    !ditto_bits_run(&p->bits[n->id], 0, BLOCK, &start, &size))
		return;
	block = start / BLOCK;
	if (n->extents[block] || ditto_ranges_first(&stream.ranges, start, start + size - 1))
		return;
	if (broken != EXTENT_UNMARKED)
		ditto_account_write(&n->acc, 1u << primary, start, size);
	if (ditto_intent_take(&n->log, start, start + size - 1, 0, ++now, &user) ==
	    DITTO_HEAT_COLD) {
		/* Nobody else may hear of this one. */
		list_del(&user.link);
		commit(n);
	}
	n->live[block] = p->live[block];
	ditto_intent_put(&n->log, start, start + size - 1);
	n->extents[block] = 1;
}

static void resync_acked(struct node *n)
{
	u32 i;

	for (i = 0; i < BLOCKS; i++) {
		if (n->extents[i] != 2)
			continue;
		ditto_bits_clear(&nodes[primary].bits[n->id], i * BLOCK, BLOCK);
		n->extents[i] = 0;
	}
}

static void join(struct node *n)
{
	u32 i;

	if (nodes[primary].bits[n->id].set || n->joining || free_entries() < 8)
		return;
	for (i = 0; i < BLOCKS; i++)
		if (n->extents[i])
			return;
	n->joining = true;
	add_roster(DITTO_ENTRY_JOIN, n->id);
}

/* Failures. */

static void end_stream(void)
{
	u32 i;

	for (i = 0; i < NODES; i++)
		if (nodes[i].follows)
			lose_upstream(&nodes[i]);
	memset(entries, 0, sizeof(entries));
	primary = NONE;
}

static void init_log(struct node *n)
{
	static const u8 uuid[16];
	const struct ditto_intent_room room = {
		.regions = n->regions,
		.images = n->image,
		.buckets = n->buckets,
		.bucket_count = ARRAY_SIZE(n->buckets),
		.blocks = 1,
		.per_block = REGIONS,
	};
	u64 sequence;

	read_log(n, &sequence);
	ditto_intent_init(&n->log, &room, REGION_SHIFT, BYTES, uuid, &sequence);
}

/* The power fails and comes back. */
static void crash(struct node *n)
{
	u32 i;

	for (i = 0; i < BLOCKS; i++) {
		if (below(2))
			n->live[i] = n->stable[i];
		n->stable[i] = n->live[i];
	}
	if (n->id == primary) {
		end_stream();
	} else if (n->follows) {
		drop(n->id);
		n->follows = false;
	}
	n->target = n->joining = false;
	n->stream_id = n->followed = n->cooling = n->head = n->tail = 0;
	memset(n->items, 0, sizeof(n->items));
	memset(n->extents, 0, sizeof(n->extents));
	for (i = 0; i < NODES; i++) {
		n->words[i] = n->saved[i];
		n->bits[i].set = bitmap_weight(&n->words[i], BLOCKS);
	}
	init_log(n);
	n->acc.settled = n->acc.start = n->acc.equal = 0;
	for (i = 0; i < REGIONS; i++)
		if (n->disk_hot & 1u << i)
			ditto_account_recover(&n->acc, i);
	save_bits(n);
}

static void cut(struct node *n)
{
	drop(n->id);
	lose_upstream(n);
}

/* The Primary loses all others and gives up. */
static void abdicate(void)
{
	struct node *n = &nodes[primary];
	u32 i;

	for (i = 0; i < NODES; i++)
		if (nodes[i].follows)
			cut(&nodes[i]);
	commit(n);
	while (write_locally(0))
		;
	n->position = stream.position;
	n->stream_id = stream_id;
	ditto_account_settled(&n->acc, ditto_stream_settled(&stream));
	orphans(n, 0, 0);
	end_stream();
}

static void promote(struct node *n)
{
	u64 before = n->stream_id;
	u32 i, equal = 1u << n->id;

	for (i = 0; i < NODES; i++)
		if (before && nodes[i].stream_id == before && nodes[i].position == n->position)
			equal |= 1u << i;
	orphans(n, 0, 0);
	primary = n->id;
	stream_id = ++streams;
	n->stream_id = stream_id;
	ditto_stream_init(&stream, n->position, 1);
	for (i = 0; i < NODES; i++)
		if (i != primary && equal & 1u << i && below(4))
			start(&nodes[i], true, equal);
}

void model_setup(void)
{
	u32 i, j;

	memset(nodes, 0, sizeof(nodes));
	memset(entries, 0, sizeof(entries));
	ditto_stream_out_init(&out);
	version = 0;
	for (i = 0; i < NODES; i++) {
		struct node *n = &nodes[i];

		n->id = i;
		n->stream_id = 1;
		n->acc.me = i;
		n->acc.intent = &n->log;
		init_log(n);
		for (j = 0; j < NODES; j++) {
			ditto_bits_init(&n->bits[j], &n->words[j], BYTES, 12);
			ditto_account_keep(&n->acc, j, i == j ? NULL : &n->bits[j]);
		}
	}
	streams = 1;
	promote(&nodes[0]);
}

/* Steps. */

static void step_write(struct node *n)
{
	if (n->id == primary)
		write_some();
}

static void step_local(struct node *n)
{
	if (n->id == primary)
		write_locally(below(ENTRIES));
}

static void step_fail(struct node *n)
{
	switch (below(30)) {
	case 0:
		crash(n);
		break;
	case 1:
		set_some();
		break;
	case 2:
	case 3:
		if (n->id == primary)
			abdicate();
		else if (n->follows)
			cut(n);
		break;
	case 4:
		/* It is back before much has happened. */
		if (n->follows) {
			cut(n);
			meet(n);
		}
	}
}

static void step_meet(struct node *n)
{
	if (primary == NONE)
		promote(n);
	else if (n->id != primary && !n->follows)
		meet(n);
}

static void step_send(struct node *n)
{
	if (n->follows)
		send(n);
}

static void step_deliver(struct node *n)
{
	if (n->follows)
		deliver(n);
}

static void step_apply(struct node *n)
{
	if (n->follows && !apply_next(n))
		write_item(n, below(ITEMS));
}

static void step_written(struct node *n)
{
	if (n->follows)
		write_item(n, below(ITEMS));
}

static void step_flush(struct node *n)
{
	if (n->follows)
		flush_applied(n);
}

static void step_ack(struct node *n)
{
	if (n->follows)
		acknowledge(n);
}

static void step_resync(struct node *n)
{
	u32 i;

	for (i = 0; i < BLOCKS && n->target && !n->joining; i++)
		resync(n);
}

static void step_resynced(struct node *n)
{
	if (!n->target)
		return;
	flush_disk(n);
	resync_acked(n);
}

static void step_join(struct node *n)
{
	if (n->target)
		join(n);
}

void (*const model_steps[])(struct node *n) = {
	step_fail, step_write, step_local, commit, cool, step_meet, step_send, step_deliver,
	step_apply, step_written, step_flush, step_ack, step_resync, step_resynced, step_join,
};

const u32 model_step_kinds = ARRAY_SIZE(model_steps);
static_assert(ARRAY_SIZE(model_steps) <= MODEL_STEPS_MOST);
