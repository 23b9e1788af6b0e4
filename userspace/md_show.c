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

void md_show_text(FILE *out, const char *name, const char *path, const struct ditto_md *md)
{
	fprintf(out, "%s: metadata on %s\n", name, path);
	line_u64(out, "sequence", md->sequence);
	line_u64(out, "slot", md->slot);
	line_uuid(out, "resource uuid", md->resource_uuid);
	line_uuid(out, "disk uuid", md->disk_uuid);
	line_u64(out, "node id", md->node_id);
	line_flags(out, md->flags);
	text_layout(out, md);
	text_history(out, md);
	for (size_t i = 0; i < DITTO_MD_PEERS; i++) {
		const struct ditto_md_peer *peer = &md->peers[i];

		if (!(peer->flags & DITTO_MDF_PEER_USED))
			continue;
		fprintf(out, "  peer %-15zu node id %u, generation %016" PRIx64 ", position %" PRIu64 "%s\n",
			i, peer->node_id, (uint64_t)peer->generation, (uint64_t)peer->position,
			peer->flags & DITTO_MDF_PEER_FULL ? ", every block missing" : "");
	}
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

static struct json_object *json_peers(const struct ditto_md *md)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < DITTO_MD_PEERS; i++) {
		const struct ditto_md_peer *peer = &md->peers[i];
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
		json_object_array_add(list, to);
	}
	return list;
}

static void json_layout(struct json_object *to, const struct ditto_md *md)
{
	add_number(to, "data-bytes", md->data_bytes);
	add_number(to, "device-bytes", md->device_bytes);
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

void md_show_json(FILE *out, const char *name, const char *path, const struct ditto_md *md)
{
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
	json_object_object_add(to, "peers", json_peers(md));
	fprintf(out, "%s\n", json_object_to_json_string_ext(to, JSON_C_TO_STRING_PRETTY |
							    JSON_C_TO_STRING_SPACED |
							    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(to);
}
