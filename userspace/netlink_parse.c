// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>

#include "netlink_parse.h"

/* How one attribute becomes one field. */
struct field {
	enum mnl_attr_data_type type;
	size_t offset;
	size_t size;			/* of a string's array */
};

#define U32_FIELD(s, f)	{ MNL_TYPE_U32, offsetof(struct s, f), 0 }
#define U64_FIELD(s, f)	{ MNL_TYPE_U64, offsetof(struct s, f), 0 }
#define STR_FIELD(s, f)	{ MNL_TYPE_NUL_STRING, offsetof(struct s, f), \
			  sizeof(((struct s *)0)->f) }

static const struct field resource_fields[DITTO_A_MAX + 1] = {
	[DITTO_A_NAME] = STR_FIELD(kernel_resource, name),
	[DITTO_A_NODE_ID] = U32_FIELD(kernel_resource, node_id),
	[DITTO_A_ROLE] = U32_FIELD(kernel_resource, role),
	[DITTO_A_GENERATION] = U64_FIELD(kernel_resource, generation),
	[DITTO_A_POSITION] = U64_FIELD(kernel_resource, position),
	[DITTO_A_ROSTER] = U32_FIELD(kernel_resource, roster),
};

static const struct field option_fields[DITTO_OPTION_A_MAX + 1] = {
	[DITTO_OPTION_A_POLICY] = U32_FIELD(kernel_options, policy),
	[DITTO_OPTION_A_PING_INTERVAL] = U32_FIELD(kernel_options, ping_interval),
	[DITTO_OPTION_A_TIMEOUT] = U32_FIELD(kernel_options, timeout),
	[DITTO_OPTION_A_PAYLOAD_CRC] = U32_FIELD(kernel_options, payload_crc),
	[DITTO_OPTION_A_ON_READ_ERROR] = U32_FIELD(kernel_options, on_read_error),
	[DITTO_OPTION_A_RESYNC_CHECKSUM] = U32_FIELD(kernel_options, resync_checksum),
};

static const struct field disk_fields[DITTO_DISK_A_MAX + 1] = {
	[DITTO_DISK_A_STATE] = U32_FIELD(kernel_disk, state),
	[DITTO_DISK_A_PATH] = STR_FIELD(kernel_disk, path),
	[DITTO_DISK_A_META_PATH] = STR_FIELD(kernel_disk, meta_path),
	[DITTO_DISK_A_BLOCK_SHIFT] = U32_FIELD(kernel_disk, block_shift),
	[DITTO_DISK_A_UNCLEAN] = U32_FIELD(kernel_disk, unclean),
	[DITTO_DISK_A_READ_ERRORS] = U64_FIELD(kernel_disk, read_errors),
	[DITTO_DISK_A_REPAIRED] = U64_FIELD(kernel_disk, repaired),
};

static const struct field device_fields[DITTO_DEVICE_A_MAX + 1] = {
	[DITTO_DEVICE_A_MINOR] = U32_FIELD(kernel_device, minor),
	[DITTO_DEVICE_A_SIZE] = U64_FIELD(kernel_device, size),
	[DITTO_DEVICE_A_OPENERS] = U32_FIELD(kernel_device, openers),
	[DITTO_DEVICE_A_READS] = U64_FIELD(kernel_device, reads),
	[DITTO_DEVICE_A_READ_BYTES] = U64_FIELD(kernel_device, read_bytes),
	[DITTO_DEVICE_A_WRITES] = U64_FIELD(kernel_device, writes),
	[DITTO_DEVICE_A_WRITE_BYTES] = U64_FIELD(kernel_device, write_bytes),
	[DITTO_DEVICE_A_FLUSHES] = U64_FIELD(kernel_device, flushes),
	[DITTO_DEVICE_A_INFLIGHT] = U32_FIELD(kernel_device, inflight),
	[DITTO_DEVICE_A_EPOCH] = U64_FIELD(kernel_device, epoch),
	[DITTO_DEVICE_A_BLOCK] = U32_FIELD(kernel_device, block),
	[DITTO_DEVICE_A_IO] = U32_FIELD(kernel_device, io),
	[DITTO_DEVICE_A_HELD] = U32_FIELD(kernel_device, held),
	[DITTO_DEVICE_A_DEPOSED] = U32_FIELD(kernel_device, deposed),
};

static const struct field peer_fields[DITTO_PEER_A_MAX + 1] = {
	[DITTO_PEER_A_ID] = U32_FIELD(kernel_peer, id),
	[DITTO_PEER_A_NAME] = STR_FIELD(kernel_peer, name),
	[DITTO_PEER_A_CONNECTION] = U32_FIELD(kernel_peer, connection),
	[DITTO_PEER_A_COOKIE] = U64_FIELD(kernel_peer, cookie),
	[DITTO_PEER_A_ROLE] = U32_FIELD(kernel_peer, role),
	[DITTO_PEER_A_DISK] = U32_FIELD(kernel_peer, disk),
	[DITTO_PEER_A_REPLICATION] = U32_FIELD(kernel_peer, replication),
	[DITTO_PEER_A_PAUSED] = U32_FIELD(kernel_peer, paused),
	[DITTO_PEER_A_OUT_OF_SYNC] = U64_FIELD(kernel_peer, out_of_sync),
	[DITTO_PEER_A_SYNC_TOTAL] = U64_FIELD(kernel_peer, sync_total),
	[DITTO_PEER_A_SYNC_DONE] = U64_FIELD(kernel_peer, sync_done),
	[DITTO_PEER_A_SYNC_RATE] = U64_FIELD(kernel_peer, sync_rate),
	[DITTO_PEER_A_SENT] = U64_FIELD(kernel_peer, sent),
	[DITTO_PEER_A_RECEIVED] = U64_FIELD(kernel_peer, received),
	[DITTO_PEER_A_RESYNC_SENT] = U64_FIELD(kernel_peer, resync_sent),
	[DITTO_PEER_A_RESYNC_SKIPPED] = U64_FIELD(kernel_peer, resync_skipped),
	[DITTO_PEER_A_INFLIGHT] = U32_FIELD(kernel_peer, inflight),
	[DITTO_PEER_A_VERIFY_ERRORS] = U64_FIELD(kernel_peer, verify_errors),
	[DITTO_PEER_A_VERIFY_SKIPPED] = U64_FIELD(kernel_peer, verify_skipped),
	[DITTO_PEER_A_REASON] = STR_FIELD(kernel_peer, reason),
};

static const struct field event_fields[DITTO_A_MAX + 1] = {
	[DITTO_A_EVENT] = U32_FIELD(kernel_event, event),
	[DITTO_A_NAME] = STR_FIELD(kernel_event, name),
	[DITTO_A_PEER_ID] = U32_FIELD(kernel_event, peer_id),
	[DITTO_A_OLD] = U32_FIELD(kernel_event, old_state),
	[DITTO_A_NEW] = U32_FIELD(kernel_event, new_state),
	[DITTO_A_BYTES] = U64_FIELD(kernel_event, bytes),
	[DITTO_A_TEXT] = STR_FIELD(kernel_event, text),
};

/* Attributes that @fields does not name are a newer kernel's and are skipped. */
static int take(const struct nlattr *attr, const struct field *fields,
		unsigned int max, void *out)
{
	unsigned int type = mnl_attr_get_type(attr);
	const struct field *field;
	char *to;

	if (type > max || fields[type].type == MNL_TYPE_UNSPEC)
		return 0;
	field = &fields[type];
	if (mnl_attr_validate(attr, field->type) < 0)
		return -EBADMSG;
	to = (char *)out + field->offset;
	if (field->type == MNL_TYPE_U32) {
		uint32_t value = mnl_attr_get_u32(attr);

		memcpy(to, &value, sizeof(value));
	} else if (field->type == MNL_TYPE_U64) {
		uint64_t value = mnl_attr_get_u64(attr);

		memcpy(to, &value, sizeof(value));
	} else {
		copy_string(to, mnl_attr_get_str(attr), field->size);
	}
	return 0;
}

static int take_nested(const struct nlattr *nest, const struct field *fields,
		       unsigned int max, void *out)
{
	const struct nlattr *attr;
	int ret;

	mnl_attr_for_each_nested(attr, nest) {
		ret = take(attr, fields, max, out);
		if (ret)
			return ret;
	}
	return 0;
}

static int parse_ranges(const struct nlattr *nest, struct kernel_peer *peer)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, nest) {
		struct kernel_range *range = &peer->ranges[peer->n_ranges];

		if (peer->n_ranges == DITTO_VERIFY_RANGES)
			return 0;
		if (mnl_attr_get_payload_len(attr) != sizeof(*range))
			return -EBADMSG;
		memcpy(range, mnl_attr_get_payload(attr), sizeof(*range));
		peer->n_ranges++;
	}
	return 0;
}

static int parse_peer(const struct nlattr *nest, struct kernel_peer *peer)
{
	const struct nlattr *attr;
	int ret;

	mnl_attr_for_each_nested(attr, nest) {
		if (mnl_attr_get_type(attr) == DITTO_PEER_A_VERIFY_RANGES)
			ret = parse_ranges(attr, peer);
		else
			ret = take(attr, peer_fields, DITTO_PEER_A_MAX, peer);
		if (ret)
			return ret;
	}
	return 0;
}

static int parse_peers(const struct nlattr *nest, struct kernel_resource *resource)
{
	const struct nlattr *attr;
	int ret;

	mnl_attr_for_each_nested(attr, nest) {
		if (resource->n_peers == DITTO_MAX_NODES)
			return -EBADMSG;
		ret = parse_peer(attr, &resource->peers[resource->n_peers]);
		if (ret)
			return ret;
		resource->n_peers++;
	}
	return 0;
}

static int parse_resource_attr(const struct nlattr *attr, struct kernel_resource *resource)
{
	switch (mnl_attr_get_type(attr)) {
	case DITTO_A_UUID:
		if (mnl_attr_get_payload_len(attr) != sizeof(resource->uuid))
			return -EBADMSG;
		memcpy(resource->uuid, mnl_attr_get_payload(attr), sizeof(resource->uuid));
		return 0;
	case DITTO_A_OPTIONS:
		return take_nested(attr, option_fields, DITTO_OPTION_A_MAX,
				   &resource->options);
	case DITTO_A_DISK:
		return take_nested(attr, disk_fields, DITTO_DISK_A_MAX, &resource->disk);
	case DITTO_A_DEVICE:
		resource->device.present = true;
		return take_nested(attr, device_fields, DITTO_DEVICE_A_MAX,
				   &resource->device);
	case DITTO_A_PEERS:
		return parse_peers(attr, resource);
	default:
		return take(attr, resource_fields, DITTO_A_MAX, resource);
	}
}

int netlink_parse_resource(const struct nlmsghdr *nlh, struct kernel_resource *resource)
{
	const struct nlattr *attr;
	int ret;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr)) {
		ret = parse_resource_attr(attr, resource);
		if (ret)
			return ret;
	}
	return resource->name[0] ? 0 : -EBADMSG;
}

int netlink_parse_event(const struct nlmsghdr *nlh, struct kernel_event *event)
{
	const struct nlattr *attr;
	int ret;

	memset(event, 0, sizeof(*event));
	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr)) {
		ret = take(attr, event_fields, DITTO_A_MAX, event);
		if (ret)
			return ret;
		switch (mnl_attr_get_type(attr)) {
		case DITTO_A_PEER_ID:
			event->has_peer = true;
			break;
		case DITTO_A_NEW:
			event->has_states = true;
			break;
		case DITTO_A_BYTES:
			event->has_bytes = true;
			break;
		}
	}
	return event->event ? 0 : -EBADMSG;
}
