// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <json-c/json.h>

#include "human.h"
#include "md_show.h"
#include "uuid.h"

static const struct {
	uint32_t flag;
	const char *name;
} flags[] = {
	{ DITTO_MDF_INTERNAL, "internal" },
	{ DITTO_MDF_INCONSISTENT, "inconsistent" },
	{ DITTO_MDF_OUTDATED, "outdated" },
	{ DITTO_MDF_CLEAN, "clean" },
	{ DITTO_MDF_PRIMARY, "primary" },
	{ DITTO_MDF_USED, "used" },
};

#define N_FLAGS	(sizeof(flags) / sizeof(flags[0]))

const char *md_show_complaint(const struct ditto_md_complaint *complaint, char *text)
{
	const char *what;

	switch (complaint->error) {
	case -ENODATA:
		what = "no ditto superblock";
		break;
	case -EBADMSG:
		what = "torn or damaged";
		break;
	case -EPROTONOSUPPORT:
		what = "of a version that this tool does not know";
		break;
	default:
		what = "refused";
	}
	snprintf(text, MD_SHOW_COMPLAINT, "%s: %s: found %#" PRIx64 ", expected %#" PRIx64,
		 what, complaint->field, (uint64_t)complaint->found,
		 (uint64_t)complaint->expected);
	return text;
}

static void line_u64(FILE *out, const char *key, uint64_t value)
{
	fprintf(out, "  %-20s %" PRIu64 "\n", key, value);
}

static void line_hex(FILE *out, const char *key, uint64_t value)
{
	fprintf(out, "  %-20s %016" PRIx64 "\n", key, value);
}

static void line_bytes(FILE *out, const char *key, uint64_t value)
{
	char text[HUMAN_LEN];

	fprintf(out, "  %-20s %" PRIu64 " (%s)\n", key, value, human_bytes(value, text));
}

static void line_uuid(FILE *out, const char *key, const uint8_t uuid[16])
{
	char text[UUID_TEXT_LEN + 1];

	uuid_format(uuid, text);
	fprintf(out, "  %-20s %s\n", key, text);
}

static void line_flags(FILE *out, uint32_t value)
{
	fprintf(out, "  %-20s", "flags");
	for (size_t i = 0; i < N_FLAGS; i++)
		if (value & flags[i].flag)
			fprintf(out, " %s", flags[i].name);
	fputc('\n', out);
}

static void line_nodes(FILE *out, const char *key, uint32_t nodes)
{
	fprintf(out, "  %-20s", key);
	for (uint32_t id = 0; id < 32; id++)
		if (nodes & 1U << id)
			fprintf(out, " %u", id);
	fprintf(out, "%s\n", nodes ? "" : " none");
}

static void text_layout(FILE *out, const struct ditto_md *md)
{
	line_bytes(out, "data size", md->data_bytes);
	line_bytes(out, "device size", md->device_bytes);
	line_u64(out, "block size", md->logical_block);
	line_u64(out, "area offset", md->area_offset);
	line_bytes(out, "area size", md->area_bytes);
	line_u64(out, "log offset", md->log_offset);
	line_bytes(out, "log size", md->log_bytes);
	line_u64(out, "bitmap offset", md->bitmap_offset);
	line_bytes(out, "bitmap stride", md->bitmap_stride);
	line_bytes(out, "granularity", 1ULL << md->block_shift);
	line_bytes(out, "region size", 1ULL << md->region_shift);
	line_u64(out, "max peers", md->max_peers);
}

static void text_history(FILE *out, const struct ditto_md *md)
{
	line_hex(out, "generation", md->generation);
	for (size_t i = 0; i < DITTO_MD_HISTORY && md->history[i]; i++)
		line_hex(out, "earlier generation", md->history[i]);
	line_hex(out, "durable generation", md->durable_generation);
	line_u64(out, "durable position", md->durable_position);
	line_u64(out, "epoch", md->epoch);
	line_nodes(out, "roster", md->roster);
	line_u64(out, "roster number", md->roster_number);
	line_hex(out, "roster generation", md->roster_generation);
	line_nodes(out, "voters", md->voters);
	line_u64(out, "voters number", md->voters_number);
	line_hex(out, "promised", md->promised);
	line_u64(out, "lease ms", md->lease_ms);
}

/* Bytes of region @number; the device's end cuts the last. */
static uint64_t region_bytes(const struct ditto_md *md, uint32_t number)
{
	uint64_t start = (uint64_t)number << md->region_shift;

	return min(md->data_bytes - start, 1ULL << md->region_shift);
}

static void text_log(FILE *out, const struct md_parts *parts)
{
	const struct md_log *log = &parts->log;
	uint64_t bytes = 0;
	char text[HUMAN_LEN];

	fprintf(out, "  %-20s %u of %u sound", "log blocks", log->sound, DITTO_INTENT_BLOCKS);
	if (log->torn)
		fprintf(out, ", %u of them by one copy alone", log->torn);
	for (uint32_t i = 0; i < log->n_hot; i++)
		bytes += region_bytes(&parts->md, log->hot[i]);
	fprintf(out, "\n  %-20s %u, %" PRIu64 " bytes (%s)\n", "hot regions", log->n_hot, bytes,
		human_bytes(bytes, text));
}

static void text_peer(FILE *out, const struct md_parts *parts, uint32_t slot)
{
	const struct md_bitmap *bitmap = &parts->bitmaps[slot];
	const struct ditto_md_peer *peer = &parts->md.peers[slot];
	char text[HUMAN_LEN];

	fprintf(out, "  peer %-15u node id %u%s\n", slot, peer->node_id,
		peer->flags & DITTO_MDF_PEER_FULL ? ", every block missing" : "");
	line_hex(out, "  generation", peer->generation);
	line_u64(out, "  position", peer->position);
	fprintf(out, "  %-20s %" PRIu64 " bits, %" PRIu64 " bytes (%s)\n", "  out of sync",
		bitmap->bits, bitmap->bytes, human_bytes(bitmap->bytes, text));
	if (!(peer->flags & DITTO_MDF_PEER_FULL))
		fprintf(out, "  %-20s %" PRIu64 " of %" PRIu64 "\n", "  unsound pages",
			bitmap->unsound, bitmap->pages);
}

void md_show_text(FILE *out, const char *name, const char *path, const struct md_parts *parts)
{
	const struct ditto_md *md = &parts->md;

	fprintf(out, "%s: metadata on %s\n", name, path);
	line_u64(out, "sequence", md->sequence);
	line_u64(out, "slot", md->slot);
	line_uuid(out, "resource uuid", md->resource_uuid);
	line_uuid(out, "disk uuid", md->disk_uuid);
	line_u64(out, "node id", md->node_id);
	line_flags(out, md->flags);
	text_layout(out, md);
	text_history(out, md);
	text_log(out, parts);
	for (uint32_t slot = 0; slot < DITTO_MD_PEERS; slot++)
		if (md->peers[slot].flags & DITTO_MDF_PEER_USED)
			text_peer(out, parts, slot);
}

static void add_number(struct json_object *to, const char *key, uint64_t value)
{
	json_object_object_add(to, key, json_object_new_uint64(value));
}

static void add_uuid(struct json_object *to, const char *key, const uint8_t uuid[16])
{
	char text[UUID_TEXT_LEN + 1];

	uuid_format(uuid, text);
	json_object_object_add(to, key, json_object_new_string(text));
}

static struct json_object *json_flags(uint32_t value)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < N_FLAGS; i++)
		if (value & flags[i].flag)
			json_object_array_add(list, json_object_new_string(flags[i].name));
	return list;
}

static struct json_object *json_history(const struct ditto_md *md)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < DITTO_MD_HISTORY && md->history[i]; i++)
		json_object_array_add(list, json_object_new_uint64(md->history[i]));
	return list;
}

/* What is hot as ranges of bytes, neighbours in one. */
static struct json_object *json_hot(const struct md_parts *parts)
{
	struct json_object *list = json_object_new_array();
	const struct md_log *log = &parts->log;
	uint64_t bytes;

	for (uint32_t i = 0; i < log->n_hot;) {
		struct json_object *range = json_object_new_object();

		add_number(range, "start", (uint64_t)log->hot[i] << parts->md.region_shift);
		bytes = region_bytes(&parts->md, log->hot[i++]);
		for (; i < log->n_hot && log->hot[i] == log->hot[i - 1] + 1; i++)
			bytes += region_bytes(&parts->md, log->hot[i]);
		add_number(range, "bytes", bytes);
		json_object_array_add(list, range);
	}
	return list;
}

static void json_log(struct json_object *to, const struct md_parts *parts)
{
	add_number(to, "log-blocks", DITTO_INTENT_BLOCKS);
	add_number(to, "log-blocks-sound", parts->log.sound);
	add_number(to, "log-copies-torn", parts->log.torn);
	add_number(to, "hot-regions", parts->log.n_hot);
	json_object_object_add(to, "hot", json_hot(parts));
}

static void json_bitmap(struct json_object *to, const struct md_bitmap *bitmap)
{
	add_number(to, "out-of-sync-bits", bitmap->bits);
	add_number(to, "out-of-sync-bytes", bitmap->bytes);
	add_number(to, "bitmap-pages", bitmap->pages);
	add_number(to, "unsound-pages", bitmap->unsound);
}

static struct json_object *json_peers(const struct md_parts *parts)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < DITTO_MD_PEERS; i++) {
		const struct ditto_md_peer *peer = &parts->md.peers[i];
		struct json_object *to;

		if (!(peer->flags & DITTO_MDF_PEER_USED))
			continue;
		to = json_object_new_object();
		add_number(to, "bitmap", i);
		add_number(to, "node-id", peer->node_id);
		add_number(to, "generation", peer->generation);
		add_number(to, "position", peer->position);
		json_object_object_add(to, "full",
				       json_object_new_boolean(peer->flags & DITTO_MDF_PEER_FULL));
		json_bitmap(to, &parts->bitmaps[i]);
		json_object_array_add(list, to);
	}
	return list;
}

static void json_layout(struct json_object *to, const struct ditto_md *md)
{
	add_number(to, "data-bytes", md->data_bytes);
	add_number(to, "device-bytes", md->device_bytes);
	add_number(to, "block-size", md->logical_block);
	add_number(to, "area-offset", md->area_offset);
	add_number(to, "area-bytes", md->area_bytes);
	add_number(to, "log-offset", md->log_offset);
	add_number(to, "log-bytes", md->log_bytes);
	add_number(to, "bitmap-offset", md->bitmap_offset);
	add_number(to, "bitmap-stride", md->bitmap_stride);
	add_number(to, "granularity", 1ULL << md->block_shift);
	add_number(to, "region-bytes", 1ULL << md->region_shift);
	add_number(to, "max-peers", md->max_peers);
}

void md_show_json(FILE *out, const char *name, const char *path, const struct md_parts *parts)
{
	const struct ditto_md *md = &parts->md;
	struct json_object *to = json_object_new_object();

	json_object_object_add(to, "name", json_object_new_string(name));
	json_object_object_add(to, "path", json_object_new_string(path));
	add_number(to, "sequence", md->sequence);
	add_number(to, "slot", md->slot);
	add_uuid(to, "resource-uuid", md->resource_uuid);
	add_uuid(to, "disk-uuid", md->disk_uuid);
	add_number(to, "node-id", md->node_id);
	json_object_object_add(to, "flags", json_flags(md->flags));
	json_layout(to, md);
	add_number(to, "generation", md->generation);
	json_object_object_add(to, "history", json_history(md));
	add_number(to, "durable-generation", md->durable_generation);
	add_number(to, "durable-position", md->durable_position);
	add_number(to, "epoch", md->epoch);
	add_number(to, "roster", md->roster);
	add_number(to, "roster-number", md->roster_number);
	add_number(to, "roster-generation", md->roster_generation);
	add_number(to, "voters", md->voters);
	add_number(to, "voters-number", md->voters_number);
	add_number(to, "promised", md->promised);
	add_number(to, "lease-ms", md->lease_ms);
	json_log(to, parts);
	json_object_object_add(to, "peers", json_peers(parts));
	fprintf(out, "%s\n", json_object_to_json_string_ext(to, JSON_C_TO_STRING_PRETTY |
							    JSON_C_TO_STRING_SPACED |
							    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(to);
}
