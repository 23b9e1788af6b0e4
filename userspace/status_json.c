// SPDX-License-Identifier: GPL-2.0
#include <json-c/json.h>

#include "names.h"
#include "status.h"
#include "uuid.h"

static void add_string(struct json_object *to, const char *key, const char *value)
{
	json_object_object_add(to, key, json_object_new_string(value));
}

static void add_number(struct json_object *to, const char *key, uint64_t value)
{
	json_object_object_add(to, key, json_object_new_uint64(value));
}

static void add_bool(struct json_object *to, const char *key, bool value)
{
	json_object_object_add(to, key, json_object_new_boolean(value));
}

static struct json_object *options_json(const struct kernel_options *options)
{
	struct json_object *to = json_object_new_object();

	add_string(to, "policy", policy_name(options->policy));
	add_number(to, "ping-interval", options->ping_interval);
	add_number(to, "timeout", options->timeout);
	add_bool(to, "payload-checksum", options->payload_crc);
	add_string(to, "on-read-error", read_error_name(options->on_read_error));
	add_bool(to, "resync-checksum", options->resync_checksum);
	return to;
}

static struct json_object *disk_json(const struct kernel_disk *disk)
{
	struct json_object *to = json_object_new_object();

	add_string(to, "state", disk_name(disk->state));
	if (disk->path[0]) {
		add_string(to, "path", disk->path);
		add_string(to, "metadata", disk->meta_path[0] ? disk->meta_path : "internal");
		add_number(to, "granularity", 1ULL << (disk->block_shift & 63));
		add_bool(to, "unclean", disk->unclean);
		add_number(to, "read-errors", disk->read_errors);
		add_number(to, "repaired", disk->repaired);
	}
	return to;
}

static struct json_object *device_json(const struct kernel_device *device)
{
	struct json_object *to = json_object_new_object();
	char path[32];

	snprintf(path, sizeof(path), "/dev/ditto%u", device->minor);
	add_string(to, "path", path);
	add_number(to, "minor", device->minor);
	add_number(to, "size", device->size);
	add_number(to, "openers", device->openers);
	add_number(to, "reads", device->reads);
	add_number(to, "read-bytes", device->read_bytes);
	add_number(to, "writes", device->writes);
	add_number(to, "write-bytes", device->write_bytes);
	add_number(to, "flushes", device->flushes);
	add_number(to, "in-flight", device->inflight);
	add_number(to, "epoch", device->epoch);
	add_number(to, "block-size", device->block);
	add_string(to, "io", io_name(device->io));
	add_number(to, "held", device->held);
	add_bool(to, "deposed", device->deposed);
	return to;
}

static struct json_object *ranges_json(const struct kernel_peer *peer)
{
	struct json_object *list = json_object_new_array();

	for (unsigned int i = 0; i < peer->n_ranges; i++) {
		struct json_object *range = json_object_new_object();

		add_number(range, "offset", peer->ranges[i].offset);
		add_number(range, "length", peer->ranges[i].length);
		json_object_array_add(list, range);
	}
	return list;
}

static struct json_object *peer_json(const struct kernel_peer *peer)
{
	struct json_object *to = json_object_new_object();

	add_string(to, "name", peer->name);
	add_number(to, "node-id", peer->id);
	add_string(to, "connection", connection_name(peer->connection));
	add_string(to, "reason", peer->reason);
	add_number(to, "cookie", peer->cookie);
	add_string(to, "role", role_name(peer->role));
	add_string(to, "disk", disk_name(peer->disk));
	add_string(to, "replication", replication_name(peer->replication));
	add_bool(to, "paused", peer->paused);
	add_number(to, "out-of-sync", peer->out_of_sync);
	add_number(to, "sync-total", peer->sync_total);
	add_number(to, "sync-done", peer->sync_done);
	add_number(to, "sync-rate", peer->sync_rate);
	add_number(to, "sent", peer->sent);
	add_number(to, "received", peer->received);
	add_number(to, "resync-sent", peer->resync_sent);
	add_number(to, "resync-skipped", peer->resync_skipped);
	add_number(to, "in-flight", peer->inflight);
	add_number(to, "verify-errors", peer->verify_errors);
	add_number(to, "verify-skipped", peer->verify_skipped);
	json_object_object_add(to, "verify-ranges", ranges_json(peer));
	return to;
}

struct json_object *status_json(const struct kernel_resource *resource)
{
	struct json_object *to = json_object_new_object();
	struct json_object *peers = json_object_new_array();
	char text[UUID_TEXT_LEN + 1];

	uuid_format(resource->uuid, text);
	add_string(to, "name", resource->name);
	add_string(to, "uuid", text);
	add_number(to, "node-id", resource->node_id);
	add_string(to, "role", role_name(resource->role));
	json_object_object_add(to, "options", options_json(&resource->options));
	json_object_object_add(to, "disk", disk_json(&resource->disk));
	if (resource->device.present)
		json_object_object_add(to, "device", device_json(&resource->device));
	add_number(to, "generation", resource->generation);
	add_number(to, "position", resource->position);
	add_number(to, "roster", resource->roster);
	for (unsigned int i = 0; i < resource->n_peers; i++)
		json_object_array_add(peers, peer_json(&resource->peers[i]));
	json_object_object_add(to, "peers", peers);
	return to;
}
