// SPDX-License-Identifier: GPL-2.0
/* Verbs about the metadata on this node's disk; none needs the kernel module. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs_signature.h"
#include "human.h"
#include "md_disk.h"
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
	ret = ditto_md_layout(md, disk->bytes, disk->data_bytes);
	if (ret == -ENOSPC)
		return why_set(why, ret, "%s is too small: %llu bytes; fewer --max-peers or a larger --granularity need less",
			       disk->path, (unsigned long long)disk->bytes);
	if (ret)
		return why_set(why, ret, "%s: %s", disk->path, strerror(-ret));
	return 0;
}

/*
 * What was there is retired first: a crash half-way leaves no metadata at all
 * rather than a new slot beside an old one that is newer by its number.
 */
static int write_md(struct md_disk *disk, struct ditto_md *md, struct why *why)
{
	uint8_t block[DITTO_MD_BLOCK] = { 0 };
	int ret = 0;

	for (uint32_t slot = 0; !ret && slot < DITTO_MD_SLOTS; slot++)
		ret = md_disk_write(disk, ditto_md_slot_offset(disk->internal, disk->bytes, slot),
				    block, sizeof(block), why);
	for (u64 at = 0; !ret && at < md->log_bytes; at += sizeof(block))
		ret = md_disk_write(disk, md->log_offset + at, block, sizeof(block), why);
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

int verb_create_md(struct tool *tool, int argc, char **argv)
{
	const struct config_node *own;
	struct config *config = tool_config(tool, argv[0], &own);
	struct md_disk disk;
	struct why why;
	int ret;

	(void)argc;
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

/* Both slots, with a word where what is read may be on the move. */
static int read_slots(const struct config *config, const struct config_node *own,
		      struct md_disk *disk, uint8_t *blocks, struct why *why)
{
	int ret = md_disk_open(disk, own, false, why);

	if (ret)
		return ret;
	if (disk->in_use)
		fprintf(stderr, "ditto: %s: %s is in use; this is what is on it at the moment\n",
			config->name, disk->path);
	ret = md_disk_read_slots(disk, blocks, why);
	md_disk_close(disk);
	return ret;
}

static int dump(struct tool *tool, const struct config *config, struct md_disk *disk,
		const uint8_t *blocks, struct why *why)
{
	struct ditto_md_complaint complaints[DITTO_MD_SLOTS];
	char text[MD_SHOW_COMPLAINT];
	struct ditto_md md;
	int ret;

	ret = ditto_md_choose(blocks, disk->internal, disk->bytes, &md, complaints);
	if (ret) {
		/* The graver of the two; 'check-md' shows both. */
		uint32_t slot = complaints[0].error == ret ? 0 : 1;

		return why_set(why, ret, "%s: slot %u: %s; 'ditto check-md %s' tells more",
			       disk->path, slot, md_show_complaint(&complaints[slot], text),
			       config->name);
	}
	if (tool->json)
		md_show_json(stdout, config->name, disk->path, &md);
	else
		md_show_text(stdout, config->name, disk->path, &md);
	return 0;
}

int verb_dump_md(struct tool *tool, int argc, char **argv)
{
	uint8_t blocks[DITTO_MD_SLOTS * DITTO_MD_BLOCK];
	const struct config_node *own;
	struct config *config = tool_config(tool, argv[0], &own);
	struct md_disk disk;
	struct why why;
	int ret;

	(void)argc;
	if (!config)
		return EXIT_FAILED;
	ret = read_slots(config, own, &disk, blocks, &why);
	if (!ret)
		ret = dump(tool, config, &disk, blocks, &why);
	free(config);
	return ret ? tool_fail(argv[0], &why) : EXIT_DONE;
}

static void print_slot(const char *name, const struct md_disk *disk, uint32_t slot,
		       const uint8_t *blocks, const struct ditto_md_complaint *complaint)
{
	struct ditto_md_complaint why;
	char text[MD_SHOW_COMPLAINT];
	struct ditto_md md;

	printf("%s: slot %u at byte %llu of %s: ", name, slot,
	       ditto_md_slot_offset(disk->internal, disk->bytes, slot), disk->path);
	if (complaint->error)
		printf("%s\n", md_show_complaint(complaint, text));
	else if (!ditto_md_decode(blocks + slot * DITTO_MD_BLOCK, slot, disk->internal,
				  disk->bytes, &md, &why))
		printf("sound, sequence %llu\n", md.sequence);
}

/* Whether the metadata is this resource's and this node's. */
static int check_owner(const struct config *config, const struct config_node *own,
		       const struct ditto_md *md, struct why *why)
{
	char found[UUID_TEXT_LEN + 1], expected[UUID_TEXT_LEN + 1];

	if (memcmp(md->resource_uuid, config->uuid, sizeof(config->uuid))) {
		uuid_format(md->resource_uuid, found);
		uuid_format(config->uuid, expected);
		return why_set(why, -EXDEV, "foreign: resource uuid found %s, expected %s: check the disk's path in %s",
			       found, expected, config->path);
	}
	if (md->node_id != own->id)
		return why_set(why, -EXDEV, "foreign: node id found %u, expected %u: the disk belongs to another node",
			       md->node_id, own->id);
	return 0;
}

static int check(const struct config *config, const struct config_node *own,
		 const struct md_disk *disk, const uint8_t *blocks, struct why *why)
{
	struct ditto_md_complaint complaints[DITTO_MD_SLOTS];
	struct ditto_md md;
	int ret;

	ret = ditto_md_choose(blocks, disk->internal, disk->bytes, &md, complaints);
	for (uint32_t slot = 0; slot < DITTO_MD_SLOTS; slot++)
		print_slot(config->name, disk, slot, blocks, &complaints[slot]);
	if (ret == -ENODATA)
		return why_set(why, ret, "no metadata; 'ditto create-md %s' writes it",
			       config->name);
	if (ret)
		return why_set(why, ret, "not sound; the kernel will refuse to attach this disk. 'ditto create-md --force' writes it anew, and the disk is then resynced in full");
	ret = check_owner(config, own, &md, why);
	if (ret)
		return ret;
	if (complaints[0].error || complaints[1].error)
		printf("%s: sound by slot %u alone, which is what a crash while writing leaves; the next write renews the other\n",
		       config->name, md.slot);
	else
		printf("%s: sound\n", config->name);
	return 0;
}

int verb_check_md(struct tool *tool, int argc, char **argv)
{
	uint8_t blocks[DITTO_MD_SLOTS * DITTO_MD_BLOCK];
	const struct config_node *own;
	struct config *config = tool_config(tool, argv[0], &own);
	struct md_disk disk;
	struct why why;
	int ret;

	(void)argc;
	if (!config)
		return EXIT_FAILED;
	ret = read_slots(config, own, &disk, blocks, &why);
	if (!ret)
		ret = check(config, own, &disk, blocks, &why);
	free(config);
	return ret ? tool_fail(argv[0], &why) : EXIT_DONE;
}
