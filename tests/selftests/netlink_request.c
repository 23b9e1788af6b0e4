// SPDX-License-Identifier: GPL-2.0
#include "netlink_request.h"

#include <limits.h>
#include <linux/genetlink.h>
#include <string.h>

struct genl genl;
const char *resource;
char request[2 * ROOM];

#define NAME		{ DITTO_A_NAME, KIND_NAME, true, 0, { 0 } }
#define PEER_ID		{ DITTO_A_PEER_ID, KIND_U32, true, NO_PEER, { 32, UINT_MAX } }
#define OPTIONS(req)	{ DITTO_A_OPTIONS, KIND_OPTIONS, req, 0, { 0 } }

const struct command request_commands[] = {
	{ "RESOURCE_GET", DITTO_CMD_RESOURCE_GET, { NAME } },
	{ "RESOURCE_NEW", DITTO_CMD_RESOURCE_NEW, {
		NAME, { DITTO_A_UUID, KIND_UUID, true, 0, { 0 } },
		{ DITTO_A_NODE_ID, KIND_U32, true, 3, { 32, UINT_MAX } }, OPTIONS(false) } },
	{ "RESOURCE_DEL", DITTO_CMD_RESOURCE_DEL, { NAME } },
	{ "RESOURCE_SET", DITTO_CMD_RESOURCE_SET, { NAME, OPTIONS(true) } },
	{ "PEER_NEW", DITTO_CMD_PEER_NEW, {
		NAME, PEER_ID, { DITTO_A_PEER_NAME, KIND_TEXT, true, 0, { 0 } } } },
	{ "PEER_DEL", DITTO_CMD_PEER_DEL, { NAME, PEER_ID } },
	{ "ATTACH", DITTO_CMD_ATTACH, {
		NAME, { DITTO_A_DISK_PATH, KIND_TEXT, true, 0, { 0 } },
		{ DITTO_A_META_PATH, KIND_TEXT, false, 0, { 0 } } } },
	{ "DETACH", DITTO_CMD_DETACH, {
		NAME, { DITTO_A_FLAGS, KIND_U32, false, DITTO_FLAG_FORCE,
			{ DITTO_FLAG_STOP, 1u << 31 } } } },
	{ "CONNECT", DITTO_CMD_CONNECT, { NAME, PEER_ID } },
	{ "DISCONNECT", DITTO_CMD_DISCONNECT, { NAME, PEER_ID } },
	{ "LANES", DITTO_CMD_LANES, {
		NAME, { DITTO_A_PEER_ID, KIND_U32, true, 1, { 32, UINT_MAX } },
		{ DITTO_A_COOKIE, KIND_U64, true, 1, { 0 } },
		{ DITTO_A_LANES, KIND_LANES, true, 0, { 0 } } } },
	{ "ROLE", DITTO_CMD_ROLE, {
		NAME, { DITTO_A_ROLE, KIND_U32, true, DITTO_ROLE_SECONDARY, { 3, UINT_MAX } },
		{ DITTO_A_FLAGS, KIND_U32, false, DITTO_FLAG_FORCE,
			{ DITTO_FLAG_STOP, DITTO_FLAG_FAIL, 1u << 31 } } } },
	{ "INVALIDATE", DITTO_CMD_INVALIDATE, {
		NAME, { DITTO_A_PEER_ID, KIND_U32, false, NO_PEER, { 32, UINT_MAX } } } },
	{ "VERIFY", DITTO_CMD_VERIFY, {
		NAME, { DITTO_A_FLAGS, KIND_U32, false, DITTO_FLAG_STOP,
			{ DITTO_FLAG_FORCE, DITTO_FLAG_FAIL, 1u << 31 } } } },
	{ "SYNC_PAUSE", DITTO_CMD_SYNC_PAUSE, { NAME } },
	{ "SYNC_RESUME", DITTO_CMD_SYNC_RESUME, { NAME } },
	{ "IO_SUSPEND", DITTO_CMD_IO_SUSPEND, { NAME } },
	{ "IO_RESUME", DITTO_CMD_IO_RESUME, {
		NAME, { DITTO_A_FLAGS, KIND_U32, false, DITTO_FLAG_FAIL,
			{ DITTO_FLAG_FORCE, DITTO_FLAG_STOP, 1u << 31 } } } },
};

const unsigned int request_command_count = ARRAY_SIZE(request_commands);

struct nlattr *request_put(struct nlmsghdr *nlh, uint16_t type, const void *data, uint16_t len)
{
	struct nlattr *attr = mnl_nlmsg_get_payload_tail(nlh);

	attr->nla_type = type;
	attr->nla_len = MNL_ATTR_HDRLEN + len;
	memset((char *)(attr + 1), 0, MNL_ALIGN(len));
	if (len)
		memcpy(attr + 1, data, len);
	nlh->nlmsg_len += MNL_ALIGN(attr->nla_len);
	return attr;
}

void request_option(struct nlmsghdr *nlh, uint16_t type, uint32_t value)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, DITTO_A_OPTIONS);

	mnl_attr_put_u32(nlh, type, value);
	mnl_attr_nest_end(nlh, nest);
}

void request_lanes(struct nlmsghdr *nlh, int control, int writes, int bulk)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, DITTO_A_LANES);

	mnl_attr_put_u32(nlh, DITTO_LANE_A_CONTROL, control);
	mnl_attr_put_u32(nlh, DITTO_LANE_A_WRITES, writes);
	mnl_attr_put_u32(nlh, DITTO_LANE_A_BULK, bulk);
	mnl_attr_nest_end(nlh, nest);
}

void request_sound(struct nlmsghdr *nlh, const struct spec *spec)
{
	static const uint8_t uuid[16] = { 1, 2, 3 };

	switch (spec->kind) {
	case KIND_NAME:
		mnl_attr_put_strz(nlh, spec->type, resource);
		break;
	case KIND_TEXT:
		mnl_attr_put_strz(nlh, spec->type, "/dev/null");
		break;
	case KIND_UUID:
		request_put(nlh, spec->type, uuid, sizeof(uuid));
		break;
	case KIND_U32:
		mnl_attr_put_u32(nlh, spec->type, spec->value);
		break;
	case KIND_U64:
		mnl_attr_put_u64(nlh, spec->type, spec->value);
		break;
	case KIND_OPTIONS:
		request_option(nlh, DITTO_OPTION_A_PAYLOAD_CRC, 0);
		break;
	case KIND_LANES:
		request_lanes(nlh, 0, 0, 0);
		break;
	}
}

struct nlmsghdr *request_begin(const struct command *command, const struct spec *without)
{
	struct nlmsghdr *nlh = genl_begin(&genl, request, command->cmd, NULL);
	unsigned int i;

	for (i = 0; i < MOST_ATTRS && command->attrs[i].type; i++)
		if (&command->attrs[i] != without && (command->attrs[i].required || without))
			request_sound(nlh, &command->attrs[i]);
	return nlh;
}
