// SPDX-License-Identifier: GPL-2.0
/* Verbs about the metadata on this node's disk; none needs the kernel module. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs_signature.h"
#include "guard.h"
#include "human.h"
#include "md_bitmap.h"
#include "md_check.h"
#include "md_disk.h"
#include "md_log.h"
#include "md_show.h"
#include "tool.h"
#include "uuid.h"

/* Whether a slot holds anything of ditto's, sound or not. */
static int refuse_existing(struct md_disk *disk, struct why *why)
{
	uint8_t blocks[DITTO_MD_SLOTS * DITTO_MD_BLOCK];
	struct ditto_md_complaint complaint;
	char uuid[UUID_TEXT_LEN + 1];
	struct ditto_md md;
	int ret = md_disk_read_slots(disk, blocks, why);

	for (uint32_t slot = 0; !ret && slot < DITTO_MD_SLOTS; slot++) {
		int found = ditto_md_decode(blocks + slot * DITTO_MD_BLOCK, slot,
					    disk->internal, disk->bytes, &md, &complaint);

		if (found == -ENODATA)
			continue;
		if (found)
			return why_set(why, -EEXIST, "%s holds ditto metadata that is damaged or of another version ('ditto check-md' tells); --force overwrites it",
				       disk->path);
		uuid_format(md.resource_uuid, uuid);
		return why_set(why, -EEXIST, "%s holds ditto metadata of resource %s, node id %u; --force overwrites it",
			       disk->path, uuid, md.node_id);
	}
	return ret;
}

/* Whether something else is there that the metadata would damage. */
static int refuse_signature(struct md_disk *disk, const struct ditto_md *md, struct why *why)
{
	size_t len = FS_SIGNATURE_BYTES;
	uint8_t *start;
	uint64_t reach = 0;
	const char *name;
	int ret;

	if (disk->bytes < len)
		len = disk->bytes / DITTO_MD_BLOCK * DITTO_MD_BLOCK;
	start = malloc(len);
	if (!start)
		return why_set(why, -ENOMEM, "out of memory");
	ret = md_disk_read(disk, 0, start, len, why);
	name = ret ? NULL : fs_signature(start, len, &reach);
	if (name && !disk->internal)
		ret = why_set(why, -EEXIST, "%s holds %s; --force overwrites it", disk->path, name);
	else if (name && (!reach || reach > md->data_bytes))
		ret = why_set(why, -EEXIST, "%s holds %s that reaches%s into the last %llu bytes, which the metadata needs; the device will have %llu bytes: shrink it to that first, use external metadata, or take --force if it may be lost",
			      disk->path, name, reach ? "" : ", for all that is known,",
			      disk->bytes - md->data_bytes, md->data_bytes);
	free(start);
	return ret;
}

static int plan(struct tool *tool, const struct config *config,
		const struct config_node *own, const struct md_disk *disk,
		struct ditto_md *md, struct why *why)
{
	int ret;

	memset(md, 0, sizeof(*md));
	md->flags = DITTO_MDF_INCONSISTENT | DITTO_MDF_CLEAN;
	if (disk->internal)
		md->flags |= DITTO_MDF_INTERNAL;
	md->node_id = own->id;
	md->block_shift = tool->block_shift;
	md->region_shift = DITTO_MD_REGION_SHIFT;
	md->max_peers = tool->max_peers;
	memcpy(md->resource_uuid, config->uuid, sizeof(md->resource_uuid));
	ret = uuid_generate(md->disk_uuid);
	if (ret)
		return why_set(why, ret, "no random numbers: %s", strerror(-ret));
	if (config->n_nodes > md->max_peers + 1)
		return why_set(why, -ENOSPC, "the configuration has %u peers and there would be room for %u: --max-peers %u",
			       config->n_nodes - 1, md->max_peers, config->n_nodes - 1);
	md->logical_block = tool->block_size;
	ret = ditto_md_layout(md, disk->bytes, disk->data_bytes);
	if (ret == -ENOSPC)
		return why_set(why, ret, "%s is too small: %llu bytes; fewer --max-peers or a larger --granularity need less",
			       disk->path, (unsigned long long)disk->bytes);
	if (ret)
		return why_set(why, ret, "%s: %s", disk->path, strerror(-ret));
	if (tool->size > md->data_bytes)
		return why_set(why, -ENOSPC, "%s has room for %llu bytes of data, --size wants %llu",
			       own->disk, (unsigned long long)md->data_bytes,
			       (unsigned long long)tool->size);
	if (tool->size)
		md->data_bytes = tool->size;
	return 0;
}

/*
 * What was there is retired first: a crash half-way leaves no metadata at all
 * rather than a new slot beside an old one that is newer by its number. The
 * bitmaps need nothing: no peer is known, and of one that becomes known every
 * block counts as missing until its bitmap has been written.
 */
static int write_md(struct md_disk *disk, struct ditto_md *md, struct why *why)
{
	uint8_t block[DITTO_MD_BLOCK] = { 0 };
	int ret = 0;

	for (uint32_t slot = 0; !ret && slot < DITTO_MD_SLOTS; slot++)
		ret = md_disk_write(disk, ditto_md_slot_offset(disk->internal, disk->bytes, slot),
				    block, sizeof(block), why);
	if (!ret)
		ret = md_log_write_empty(disk, md, why);
	if (!ret)
		ret = md_disk_sync(disk, why);
	for (uint32_t slot = 0; !ret && slot < DITTO_MD_SLOTS; slot++) {
		md->sequence = slot + 1;
		ditto_md_encode(md, slot, block);
		ret = md_disk_write(disk, ditto_md_slot_offset(disk->internal, disk->bytes, slot),
				    block, sizeof(block), why);
	}
	return ret ? ret : md_disk_sync(disk, why);
}

static int create(struct tool *tool, const struct config *config,
		  const struct config_node *own, struct md_disk *disk, struct why *why)
{
	char area[HUMAN_LEN], data[HUMAN_LEN];
	struct ditto_md md;
	int ret;

	ret = plan(tool, config, own, disk, &md, why);
	if (!ret && !tool->force)
		ret = refuse_existing(disk, why);
	if (!ret && !tool->force)
		ret = refuse_signature(disk, &md, why);
	if (!ret)
		ret = write_md(disk, &md, why);
	if (ret)
		return ret;
	printf("%s: %s of metadata written to %s (%s); the device will have %s (%llu bytes)\n",
	       config->name, human_bytes(md.area_bytes, area), disk->path,
	       disk->internal ? "internal" : "external", human_bytes(md.data_bytes, data),
	       md.data_bytes);
	return 0;
}

static int create_one(struct tool *tool, char **argv)
{
	const struct config_node *own;
	struct config *config = tool_config(tool, argv[0], &own);
	struct md_disk disk;
	struct why why;
	int ret;

	if (!config)
		return EXIT_FAILED;
	ret = md_disk_open(&disk, own, true, &why);
	if (!ret) {
		ret = create(tool, config, own, &disk, &why);
		md_disk_close(&disk);
	}
	free(config);
	return ret ? tool_fail(argv[0], &why) : EXIT_DONE;
}

int verb_create_md(struct tool *tool, int argc, char **argv)
{
	(void)argc;
	return guard_run(create_one, tool, argv);
}

/* Opens the disk and reads both slots, with a word where what is read may be on the move. */
static int open_slots(const struct config *config, const struct config_node *own,
		      struct md_disk *disk, uint8_t *blocks, struct why *why)
{
	int ret = md_disk_open(disk, own, false, why);

	if (ret)
		return ret;
	if (disk->in_use)
		fprintf(stderr, "ditto: %s: %s is in use; this is what is on it at the moment\n",
			config->name, disk->path);
	ret = md_disk_read_slots(disk, blocks, why);
	if (ret)
		md_disk_close(disk);
	return ret;
}

/* What the superblock leads to. */
static int read_parts(struct md_disk *disk, struct md_parts *parts, struct why *why)
{
	int ret = md_log_read(disk, &parts->md, &parts->log, why);

	for (uint32_t slot = 0; !ret && slot < DITTO_MD_PEERS; slot++)
		if (parts->md.peers[slot].flags & DITTO_MDF_PEER_USED)
			ret = md_bitmap_read(disk, &parts->md, slot, &parts->bitmaps[slot], why);
	return ret;
}

static int dump(struct tool *tool, const struct config *config, struct md_disk *disk,
		const uint8_t *blocks, struct why *why)
{
	struct ditto_md_complaint complaints[DITTO_MD_SLOTS];
	char text[MD_SHOW_COMPLAINT];
	struct md_parts parts;
	int ret;

	ret = ditto_md_choose(blocks, disk->internal, disk->bytes, &parts.md, complaints);
	if (ret) {
		/* The graver of the two; 'check-md' shows both. */
		uint32_t slot = complaints[0].error == ret ? 0 : 1;

		return why_set(why, ret, "%s: slot %u: %s; 'ditto check-md %s' tells more",
			       disk->path, slot, md_show_complaint(&complaints[slot], text),
			       config->name);
	}
	ret = read_parts(disk, &parts, why);
	if (ret)
		return ret;
	if (tool->json)
		md_show_json(stdout, config->name, disk->path, &parts);
	else
		md_show_text(stdout, config->name, disk->path, &parts);
	return 0;
}

static int dump_one(struct tool *tool, char **argv)
{
	uint8_t blocks[DITTO_MD_SLOTS * DITTO_MD_BLOCK];
	const struct config_node *own;
	struct config *config = tool_config(tool, argv[0], &own);
	struct md_disk disk;
	struct why why;
	int ret;

	if (!config)
		return EXIT_FAILED;
	ret = open_slots(config, own, &disk, blocks, &why);
	if (!ret) {
		ret = dump(tool, config, &disk, blocks, &why);
		md_disk_close(&disk);
	}
	free(config);
	return ret ? tool_fail(argv[0], &why) : EXIT_DONE;
}

int verb_dump_md(struct tool *tool, int argc, char **argv)
{
	(void)argc;
	return guard_run(dump_one, tool, argv);
}

static int check_one(struct tool *tool, char **argv)
{
	uint8_t blocks[DITTO_MD_SLOTS * DITTO_MD_BLOCK];
	const struct config_node *own;
	struct config *config = tool_config(tool, argv[0], &own);
	struct md_disk disk;
	struct why why;
	int ret;

	if (!config)
		return EXIT_FAILED;
	ret = open_slots(config, own, &disk, blocks, &why);
	if (!ret) {
		ret = md_check(config, own, &disk, blocks, &why);
		md_disk_close(&disk);
	}
	free(config);
	return ret ? tool_fail(argv[0], &why) : EXIT_DONE;
}

int verb_check_md(struct tool *tool, int argc, char **argv)
{
	(void)argc;
	return guard_run(check_one, tool, argv);
}
