// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "human.h"
#include "md_bitmap.h"
#include "md_check.h"
#include "md_log.h"
#include "md_show.h"
#include "uuid.h"

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

static void print_copies(const char *name, const struct md_disk *disk, const struct ditto_md *md,
			 const struct md_log *log, uint32_t index)
{
	for (uint32_t copy = 0; copy < DITTO_INTENT_COPIES; copy++)
		if (log->errors[index][copy])
			printf("%s: intent log: block %u, copy %u at byte %llu of %s: %s\n", name,
			       index, copy, ditto_md_log_block(md, index, copy), disk->path,
			       md_log_complaint(log->errors[index][copy]));
}

/* A torn copy beside a sound one is what a crash leaves. */
static int check_log(const struct config *config, struct md_disk *disk,
		     const struct ditto_md *md, struct why *why)
{
	struct md_log log;
	int ret = md_log_read(disk, md, &log, why);

	if (ret)
		return ret;
	for (uint32_t index = 0; index < DITTO_INTENT_BLOCKS; index++)
		print_copies(config->name, disk, md, &log, index);
	if (log.sound < DITTO_INTENT_BLOCKS)
		return why_set(why, -EBADMSG, "not sound: %u of the intent log's %u blocks have no sound copy, so that it is not known what was being written: once attached, all of this disk counts as out of sync with its peers",
			       DITTO_INTENT_BLOCKS - log.sound, DITTO_INTENT_BLOCKS);
	if (log.torn)
		printf("%s: intent log: sound by the other %s, which is what a crash while writing leaves\n",
		       config->name, log.torn == 1 ? "copy" : "copies");
	return 0;
}

static int check_bitmaps(const struct config *config, struct md_disk *disk,
			 const struct ditto_md *md, struct why *why)
{
	struct md_bitmap bitmap;
	char text[HUMAN_LEN];
	int ret;

	for (uint32_t slot = 0; slot < DITTO_MD_PEERS; slot++) {
		if (!(md->peers[slot].flags & DITTO_MDF_PEER_USED))
			continue;
		ret = md_bitmap_read(disk, md, slot, &bitmap, why);
		if (ret)
			return ret;
		if (bitmap.unsound)
			printf("%s: bitmap of node id %u: %" PRIu64 " of %" PRIu64 " pages are not sound: what they cover, %s, counts as out of sync\n",
			       config->name, md->peers[slot].node_id, bitmap.unsound, bitmap.pages,
			       human_bytes(bitmap.unsound_bytes, text));
	}
	return 0;
}

static void print_sound(const struct config *config, const struct ditto_md *md,
			const struct ditto_md_complaint *complaints)
{
	if (complaints[0].error || complaints[1].error)
		printf("%s: sound by slot %u alone, which is what a crash while writing leaves; the next write renews the other\n",
		       config->name, md->slot);
	else
		printf("%s: sound\n", config->name);
}

int md_check(const struct config *config, const struct config_node *own, struct md_disk *disk,
	     const uint8_t *blocks, struct why *why)
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
	/* A bitmap is looked at even where the log is at fault. */
	ret = check_bitmaps(config, disk, &md, why);
	if (!ret)
		ret = check_log(config, disk, &md, why);
	if (!ret)
		print_sound(config, &md, complaints);
	return ret;
}
