// SPDX-License-Identifier: GPL-2.0
#include "node.h"

#define DEVICE_BYTES	(64u << 20)

struct node nodes[SIM_NODES];

struct alloc {
	struct list_head link;
	u64 memory[];
};

void *node_alloc(struct node *n, size_t size)
{
	struct alloc *a = calloc(1, sizeof(*a) + size);

	list_add_tail(&a->link, &n->allocs);
	return a->memory;
}

void node_free(struct node *n, void *memory)
{
	struct alloc *a = container_of(memory, struct alloc, memory);

	(void)n;
	list_del(&a->link);
	free(a);
}

static void free_all(struct node *n)
{
	struct alloc *a, *next;

	list_for_each_entry_safe(a, next, &n->allocs, link)
		free(a);
	INIT_LIST_HEAD(&n->allocs);
}

/* What the superblock says is what the copy is worth, from this moment on. */
static void landed_md(struct disk *disk, const struct ditto_md *md)
{
	struct node *n = &nodes[disk->owner];

	if (md->flags & DITTO_MDF_INCONSISTENT) {
		if (n->timeline && n->next_timeline)
			oracle_check_overwrite(n->timeline, n->id, n->next_timeline);
		n->timeline = NULL;
	} else if (n->next_timeline) {
		n->timeline = n->next_timeline;
		n->next_timeline = NULL;
	}
}

/* Everything that a node without power does not have. */
static void reset(struct node *n)
{
	u32 i;

	for (i = 0; i < SIM_NODES; i++) {
		memset(&n->peers[i], 0, sizeof(n->peers[i]));
		n->peers[i].node = n;
		n->peers[i].id = i;
		ditto_bits_init(&n->peers[i].bits, n->peers[i].words, SIM_BYTES, 12);
		n->peers[i].bits_slot = NO_SLOT;
		INIT_LIST_HEAD(&n->peers[i].plan.reading);
		INIT_LIST_HEAD(&n->peers[i].plan.sent);
	}
	n->attached = false;
	n->failed = false;
	n->primary = false;
	n->gate = false;
	n->users = 0;
	n->disk_state = DISKLESS;
	n->rosters = 0;
	n->events = 0;
	ditto_stream_init(&n->stream, 0, 1);
	memset(&n->account, 0, sizeof(n->account));
	n->account.me = n->id;
	memset(&n->regions, 0, sizeof(n->regions));
	INIT_LIST_HEAD(&n->regions.parked);
	n->pages = false;
	INIT_LIST_HEAD(&n->requests);
	INIT_LIST_HEAD(&n->repairs);
	INIT_LIST_HEAD(&n->elsewhere);
	INIT_LIST_HEAD(&n->submit);
	INIT_LIST_HEAD(&n->submit_readers);
	INIT_LIST_HEAD(&n->roster_done);
	INIT_LIST_HEAD(&n->handed);
	ditto_apply_init(&n->apply, 0, 0, false);
	n->upstream = NULL;
	n->upstream_attach_id = 0;
	n->waiting = 0;
	n->active = 0;
	n->flush_due = false;
	n->pump_due = false;
	n->given = false;
	n->roster = NULL;
	memset(&n->target, 0, sizeof(n->target));
	memset(&n->told, 0, sizeof(n->told));
	for (i = 0; i < CONTEXTS; i++) {
		n->contexts[i].io = false;
		n->contexts[i].error = false;
		n->contexts[i].wait = NULL;
	}
	n->command = COMMAND_NONE;
	n->next_timeline = NULL;
}

/* Of a cluster that has been running: an empty log, and pages with no bit set. */
static void create_blocks(struct node *n, const struct ditto_md *md)
{
	u8 block[DISK_BLOCK];
	struct ditto_bits bits;
	unsigned long word = 0;
	u32 i, copy;

	for (i = 0; i < DISK_LOG_BLOCKS; i++) {
		for (copy = 0; copy < DITTO_INTENT_COPIES; copy++) {
			ditto_intent_encode_empty(block, md->disk_uuid, i, 2 + copy);
			disk_create_block(&n->disk, node_block(md, ditto_md_log_block(md, i, copy)),
					  block);
		}
	}
	ditto_bits_init(&bits, &word, SIM_BYTES, md->block_shift);
	for (i = 0; i < SIM_NODES - 1; i++) {
		ditto_bits_encode(&bits, md->disk_uuid, i, 0, block);
		disk_create_block(&n->disk, node_block(md, ditto_md_bitmap_page(md, i, 0)), block);
	}
}

static void create_md(struct node *n, u32 shift, bool fresh)
{
	struct disk *disk = &n->disk;
	struct ditto_md md = {
		.node_id = n->id,
		.block_shift = shift,
		.max_peers = SIM_NODES - 1,
	};
	u32 slot, i;

	memset(md.resource_uuid, 7, sizeof(md.resource_uuid));
	memset(md.disk_uuid, n->id + 1, sizeof(md.disk_uuid));
	md.flags = DITTO_MDF_CLEAN | (disk->internal ? DITTO_MDF_INTERNAL : 0) |
		   (fresh ? DITTO_MDF_INCONSISTENT : 0);
	ditto_md_layout(&md, DEVICE_BYTES, DEVICE_BYTES);
	md.region_shift = SIM_REGION_SHIFT;
	/* A cluster that has been running: everyone was in the roster and equal. */
	if (!fresh) {
		md.generation = 1;
		md.roster = BIT(SIM_NODES) - 1;
		md.roster_number = 1;
		md.roster_generation = 1;
		for (i = 0; i < SIM_NODES; i++) {
			if (i != n->id)
				ditto_md_peer_get(&md, i)->flags &= ~DITTO_MDF_PEER_FULL;
		}
	}
	for (slot = 0; slot < DITTO_MD_SLOTS; slot++) {
		md.sequence = slot + 1;
		md.slot = slot;
		ditto_md_encode(&md, slot, disk->slots[slot]);
		disk->slot_md[slot] = md;
		disk->newest_slot = slot;
	}
	if (!fresh)
		create_blocks(n, &md);
}

void node_init(struct node *n, u32 id, bool internal, u32 shift, bool fresh)
{
	u32 i;

	memset(n, 0, sizeof(*n));
	n->id = id;
	INIT_LIST_HEAD(&n->allocs);
	disk_init(&n->disk, id, internal);
	n->disk.landed_md = landed_md;
	n->disk.listen = cover_listen;
	/* What a new disk holds belongs to nobody. */
	for (i = 0; i < SIM_SECTORS && fresh; i++)
		disk_set_live(&n->disk, i, (u64)(id + 1) << 56 | i);
	create_md(n, shift, fresh);
	reset(n);
}

void node_power_on(struct node *n)
{
	n->powered = true;
	n->command = COMMAND_ATTACH;
	note("node %u: power on", n->id);
}

static void stop(struct node *n, bool cut)
{
	bool was_attached = n->attached;
	u32 i;

	note("node %u: %s", n->id, cut ? "power cut" : "crash");
	n->powered = false;
	for (i = 0; i < CONTEXTS; i++)
		fiber_abandon(&n->contexts[i].fiber);
	disk_heal(&n->disk);
	if (cut)
		disk_power_cut(&n->disk);
	else
		disk_crash(&n->disk);
	net_node_gone(n->id);
	free_all(n);
	reset(n);
	n->unclean |= was_attached;
	if (n->timeline)
		oracle_check_order(n->timeline, &n->disk);
}

void node_power_cut(struct node *n)
{
	stop(n, true);
}

void node_crash(struct node *n)
{
	stop(n, false);
}

void node_exit(struct node *n)
{
	u32 i;

	free_all(n);
	for (i = 0; i < CONTEXTS; i++)
		fiber_free(&n->contexts[i].fiber);
	disk_free(&n->disk);
}

bool context_running(const struct node *n, enum context_id id)
{
	return n->contexts[id].fiber.running;
}

bool context_ready(struct node *n, enum context_id id)
{
	struct context *c = &n->contexts[id];

	return c->fiber.running && !c->io && (!c->wait || c->wait(n));
}

void context_run(struct node *n, enum context_id id, void (*run)(void *arg))
{
	struct context *outer = n->current;

	n->current = &n->contexts[id];
	if (n->current->fiber.running)
		fiber_resume(&n->current->fiber);
	else
		fiber_begin(&n->current->fiber, run, n);
	n->current = outer;
}

bool node_wait(struct node *n, bool (*ready)(struct node *n), bool timed)
{
	struct context *c = n->current;

	c->timed_out = false;
	while (!ready(n)) {
		c->wait = ready;
		c->timed = timed;
		fiber_wait(&c->fiber);
		c->wait = NULL;
		c->timed = false;
		if (c->timed_out)
			return false;
	}
	return true;
}

static void end_io(struct disk_io *io)
{
	struct context *c = io->arg;

	c->io = false;
	c->error = io->error;
}

void node_disk_error(struct node *n)
{
	if (!n->failed)
		note("node %u: its disk has failed", n->id);
	n->failed = true;
	node_event(n, RES_DISK_FAILED);
}

static void io_wait(struct node *n, struct disk_io *io)
{
	struct context *c = n->current;

	io->flags |= DISK_WAITED;
	c->io = true;
	while (c->io)
		fiber_wait(&c->fiber);
	if (c->error)
		node_disk_error(n);
	c->error = false;
}

void node_write_md(struct node *n)
{
	struct ditto_md *md = &n->md;
	u32 slot = (md->slot + 1) % DITTO_MD_SLOTS;

	if (n->failed)
		return;
	md->sequence++;
	note("node %u: writes metadata %llu, flags %x generation %llx roster %x", n->id,
	     md->sequence, md->flags, md->generation, md->roster);
	io_wait(n, disk_write_md(&n->disk, md, slot, end_io, n->current));
	if (!n->failed)
		md->slot = slot;
}

void node_flush(struct node *n, bool meta)
{
	if (!n->failed)
		io_wait(n, disk_flush(&n->disk, meta, end_io, n->current));
}

void node_write_block(struct node *n, u64 offset, const void *block, bool fua)
{
	if (!n->failed)
		io_wait(n, disk_write_block(&n->disk, node_block(&n->md, offset), block, fua, end_io,
					    n->current));
}

u32 node_block(const struct ditto_md *md, u64 offset)
{
	u32 i;

	for (i = 0; i < DISK_LOG_BLOCKS * DITTO_INTENT_COPIES; i++) {
		if (offset == ditto_md_log_block(md, i / 2, i % 2))
			return i;
	}
	for (i = 0; i < DISK_PAGES; i++) {
		if (offset == ditto_md_bitmap_page(md, i, 0))
			return DISK_LOG_BLOCKS * DITTO_INTENT_COPIES + i;
	}
	broken("G11", "no block of the metadata is at %llu", offset);
	return 0;
}
