// SPDX-License-Identifier: GPL-2.0
/* The commands of kernel.h as netlink messages. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <linux/genetlink.h>

#include "kernel.h"
#include "netlink_family.h"
#include "netlink_parse.h"

/* A dump that changes keep overtaking is taken again so many times. */
#define DUMP_TRIES	20

/* The longest request: ATTACH with two paths. */
#define REQUEST_SIZE	(2 * PATH_MAX + 1024)

struct kernel {
	struct netlink_family family;
	char request[REQUEST_SIZE];
};

int kernel_open(struct kernel **k, struct why *why)
{
	struct kernel *new = calloc(1, sizeof(*new));
	int ret;

	if (!new)
		return why_set(why, -ENOMEM, "out of memory");
	ret = netlink_family_open(&new->family, why);
	if (ret) {
		free(new);
		return ret;
	}
	*k = new;
	return 0;
}

void kernel_close(struct kernel *k)
{
	if (!k)
		return;
	netlink_family_close(&k->family);
	free(k);
}

static struct nlmsghdr *begin(struct kernel *k, uint32_t cmd, const char *name)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(k->request);
	struct genlmsghdr *genl;

	nlh->nlmsg_type = k->family.id;
	genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	genl->cmd = cmd;
	genl->version = DITTO_GENL_VERSION;
	if (name)
		mnl_attr_put_strz(nlh, DITTO_A_NAME, name);
	return nlh;
}

static int run(struct kernel *k, struct nlmsghdr *nlh, struct why *why)
{
	return netlink_family_request(&k->family, nlh, NULL, NULL, why);
}

struct dump {
	struct kernel_resource *first;
	struct kernel_resource **last;
	int error;
};

static int on_resource(const struct nlmsghdr *nlh, void *data)
{
	struct dump *dump = data;
	struct kernel_resource *resource;

	if (dump->error)
		return MNL_CB_OK;
	resource = calloc(1, sizeof(*resource));
	if (!resource) {
		dump->error = -ENOMEM;
		return MNL_CB_OK;
	}
	dump->error = netlink_parse_resource(nlh, resource);
	if (dump->error) {
		free(resource);
		return MNL_CB_OK;
	}
	*dump->last = resource;
	dump->last = &resource->next;
	return MNL_CB_OK;
}

static int get(struct kernel *k, struct nlmsghdr *nlh, struct kernel_resource **list,
	       struct why *why)
{
	struct dump dump = { 0 };
	int ret;

	dump.last = &dump.first;
	ret = netlink_family_request(&k->family, nlh, on_resource, &dump, why);
	if (!ret && dump.error)
		ret = why_set(why, dump.error, "the kernel's answer cannot be understood (%s): module and tool are of different versions",
			      strerror(-dump.error));
	if (ret) {
		kernel_free(dump.first);
		return ret;
	}
	*list = dump.first;
	return 0;
}

int kernel_dump(struct kernel *k, struct kernel_resource **list, struct why *why)
{
	int ret = -EINTR;

	for (int i = 0; i < DUMP_TRIES && ret == -EINTR; i++) {
		struct nlmsghdr *nlh = begin(k, DITTO_CMD_RESOURCE_GET, NULL);

		nlh->nlmsg_flags |= NLM_F_DUMP;
		ret = get(k, nlh, list, why);
	}
	return ret;
}

int kernel_get(struct kernel *k, const char *name, struct kernel_resource **resource,
	       struct why *why)
{
	int ret = get(k, begin(k, DITTO_CMD_RESOURCE_GET, name), resource, why);

	if (!ret && !*resource)
		ret = why_set(why, -EBADMSG, "the kernel answered nothing about %s", name);
	return ret;
}

void kernel_free(struct kernel_resource *list)
{
	while (list) {
		struct kernel_resource *next = list->next;

		free(list);
		list = next;
	}
}

int kernel_resource_new(struct kernel *k, const char *name, const uint8_t uuid[16],
			uint32_t node_id, const struct kernel_options *options,
			struct why *why)
{
	struct nlmsghdr *nlh = begin(k, DITTO_CMD_RESOURCE_NEW, name);
	struct nlattr *nest;

	mnl_attr_put(nlh, DITTO_A_UUID, 16, uuid);
	mnl_attr_put_u32(nlh, DITTO_A_NODE_ID, node_id);
	nest = mnl_attr_nest_start(nlh, DITTO_A_OPTIONS);
	mnl_attr_put_u32(nlh, DITTO_OPTION_A_POLICY, options->policy);
	mnl_attr_put_u32(nlh, DITTO_OPTION_A_PING_INTERVAL, options->ping_interval);
	mnl_attr_put_u32(nlh, DITTO_OPTION_A_TIMEOUT, options->timeout);
	mnl_attr_put_u32(nlh, DITTO_OPTION_A_PAYLOAD_CRC, options->payload_crc);
	mnl_attr_put_u32(nlh, DITTO_OPTION_A_ON_READ_ERROR, options->on_read_error);
	mnl_attr_put_u32(nlh, DITTO_OPTION_A_RESYNC_CHECKSUM, options->resync_checksum);
	mnl_attr_nest_end(nlh, nest);
	return run(k, nlh, why);
}

int kernel_resource_del(struct kernel *k, const char *name, struct why *why)
{
	return kernel_command(k, DITTO_CMD_RESOURCE_DEL, name, why);
}

int kernel_peer_new(struct kernel *k, const char *name, uint32_t peer_id,
		    const char *peer_name, struct why *why)
{
	struct nlmsghdr *nlh = begin(k, DITTO_CMD_PEER_NEW, name);

	mnl_attr_put_u32(nlh, DITTO_A_PEER_ID, peer_id);
	mnl_attr_put_strz(nlh, DITTO_A_PEER_NAME, peer_name);
	return run(k, nlh, why);
}

int kernel_attach(struct kernel *k, const char *name, const char *disk_path,
		  const char *meta_path, struct why *why)
{
	struct nlmsghdr *nlh = begin(k, DITTO_CMD_ATTACH, name);

	mnl_attr_put_strz(nlh, DITTO_A_DISK_PATH, disk_path);
	if (meta_path)
		mnl_attr_put_strz(nlh, DITTO_A_META_PATH, meta_path);
	return run(k, nlh, why);
}

/* Run @nlh with DITTO_A_FLAGS, where there are any. */
static int run_flags(struct kernel *k, struct nlmsghdr *nlh, uint32_t flags, struct why *why)
{
	if (flags)
		mnl_attr_put_u32(nlh, DITTO_A_FLAGS, flags);
	return run(k, nlh, why);
}

int kernel_detach(struct kernel *k, const char *name, bool force, struct why *why)
{
	return run_flags(k, begin(k, DITTO_CMD_DETACH, name), force ? DITTO_FLAG_FORCE : 0, why);
}

int kernel_command(struct kernel *k, uint32_t cmd, const char *name, struct why *why)
{
	return run(k, begin(k, cmd, name), why);
}

int kernel_peer_command(struct kernel *k, uint32_t cmd, const char *name,
			uint32_t peer_id, struct why *why)
{
	struct nlmsghdr *nlh = begin(k, cmd, name);

	mnl_attr_put_u32(nlh, DITTO_A_PEER_ID, peer_id);
	return run(k, nlh, why);
}

int kernel_invalidate(struct kernel *k, const char *name, struct why *why)
{
	return kernel_command(k, DITTO_CMD_INVALIDATE, name, why);
}

int kernel_role(struct kernel *k, const char *name, uint32_t role, uint32_t flags,
		struct why *why)
{
	struct nlmsghdr *nlh = begin(k, DITTO_CMD_ROLE, name);

	mnl_attr_put_u32(nlh, DITTO_A_ROLE, role);
	return run_flags(k, nlh, flags, why);
}

int kernel_verify(struct kernel *k, const char *name, bool stop, struct why *why)
{
	return run_flags(k, begin(k, DITTO_CMD_VERIFY, name), stop ? DITTO_FLAG_STOP : 0, why);
}

int kernel_resume_io(struct kernel *k, const char *name, bool fail, struct why *why)
{
	return run_flags(k, begin(k, DITTO_CMD_IO_RESUME, name), fail ? DITTO_FLAG_FAIL : 0, why);
}

int kernel_lanes(struct kernel *k, const char *name, uint32_t peer_id,
		 uint64_t cookie, const int fds[KERNEL_LANES], struct why *why)
{
	struct nlmsghdr *nlh = begin(k, DITTO_CMD_LANES, name);
	struct nlattr *nest;

	mnl_attr_put_u32(nlh, DITTO_A_PEER_ID, peer_id);
	mnl_attr_put_u64(nlh, DITTO_A_COOKIE, cookie);
	nest = mnl_attr_nest_start(nlh, DITTO_A_LANES);
	mnl_attr_put_u32(nlh, DITTO_LANE_A_CONTROL, fds[0]);
	mnl_attr_put_u32(nlh, DITTO_LANE_A_WRITES, fds[1]);
	mnl_attr_put_u32(nlh, DITTO_LANE_A_BULK, fds[2]);
	mnl_attr_nest_end(nlh, nest);
	return run(k, nlh, why);
}
