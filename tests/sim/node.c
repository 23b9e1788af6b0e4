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
		INIT_LIST_HEAD(&n->peers[i].plan.reading);
		INIT_LIST_HEAD(&n->peers[i].plan.sent);
	}
	n->attached = false;
	n->primary = false;
	n->gate = false;
	n->users = 0;
	n->disk_state = DISKLESS;
	n->rosters = 0;
	n->events = 0;
	ditto_stream_init(&n->stream, 0, 1);
	INIT_LIST_HEAD(&n->requests);
	INIT_LIST_HEAD(&n->submit);
	INIT_LIST_HEAD(&n->submit_readers);
	INIT_LIST_HEAD(&n->roster_done);
	INIT_LIST_HEAD(&n->handed);
	ditto_apply_init(&n->apply, 0, 0, false);
	n->upstream = NULL;
	n->waiting = 0;
	n->active = 0;
	n->flush_due = false;
	n->pump_due = false;
	n->roster = NULL;
	memset(&n->target, 0, sizeof(n->target));
	memset(&n->told, 0, sizeof(n->told));
	n->wait = NULL;
	n->md_pending = false;
	n->command = COMMAND_NONE;
	n->next_timeline = NULL;
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
}

void node_init(struct node *n, u32 id, bool internal, u32 shift, bool fresh)
{
	u32 i;

	memset(n, 0, sizeof(*n));
	n->id = id;
	INIT_LIST_HEAD(&n->allocs);
	disk_init(&n->disk, id, internal);
	n->disk.landed_md = landed_md;
	/* What a new disk holds belongs to nobody. */
	for (i = 0; i < SIM_SECTORS && fresh; i++)
		n->disk.sectors[i].value[0] = (u64)(id + 1) << 56 | i;
	create_md(n, shift, fresh);
	reset(n);
}

void node_power_on(struct node *n)
{
	n->powered = true;
	n->command = COMMAND_ATTACH;
	note("node %u: power on", n->id);
}

void node_power_cut(struct node *n)
{
	bool was_attached = n->attached;

	note("node %u: power cut", n->id);
	n->powered = false;
	fiber_abandon(&n->fiber);
	disk_power_cut(&n->disk);
	net_node_gone(n->id);
	free_all(n);
	reset(n);
	n->unclean |= was_attached;
	if (n->timeline)
		oracle_check_order(n->timeline, &n->disk);
}

void node_exit(struct node *n)
{
	free_all(n);
	fiber_free(&n->fiber);
	disk_free(&n->disk);
}

bool node_wait(struct node *n, bool (*ready)(struct node *n), bool timed)
{
	n->timed_out = false;
	while (!ready(n)) {
		n->wait = ready;
		n->wait_timed = timed;
		fiber_wait(&n->fiber);
		n->wait = NULL;
		if (n->timed_out)
			return false;
	}
	return true;
}

static bool md_written(struct node *n)
{
	return !n->md_pending;
}

static void md_end_io(struct disk_io *io)
{
	struct node *n = io->arg;

	n->md_pending = false;
}

void node_write_md(struct node *n)
{
	struct ditto_md *md = &n->md;
	u32 slot = (md->slot + 1) % DITTO_MD_SLOTS;

	md->sequence++;
	n->md_pending = true;
	note("node %u: writes metadata %llu, flags %x generation %llx roster %x", n->id,
	     md->sequence, md->flags, md->generation, md->roster);
	disk_write_md(&n->disk, md, slot, md_end_io, n);
	node_wait(n, md_written, false);
	md->slot = slot;
}

void node_flush(struct node *n)
{
	n->md_pending = true;
	disk_flush(&n->disk, md_end_io, n);
	node_wait(n, md_written, false);
}
