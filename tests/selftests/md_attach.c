// SPDX-License-Identifier: GPL-2.0
/*
 * Attaches a disk to a resource without peers, says what came of it, and takes
 * both down again.
 *
 *	md_attach RESOURCE UUID DISK
 *
 * Prints "attached GENERATION", or "refused TEXT". Exit status 1 where it could
 * not be taken down.
 */
#include <stdio.h>
#include <string.h>
#include <linux/genetlink.h>

#include "genl.h"
#include "../../userspace/uuid.h"

static int on_resource(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr)) {
		if (mnl_attr_get_type(attr) == DITTO_A_GENERATION)
			*(uint64_t *)data = mnl_attr_get_u64(attr);
	}
	return MNL_CB_OK;
}

static void attach(struct genl *genl, const char *resource, const char *disk)
{
	uint64_t generation = 0;
	struct nlmsghdr *nlh;
	char buf[4096];
	int err;

	nlh = genl_begin(genl, buf, DITTO_CMD_ATTACH, resource);
	mnl_attr_put_strz(nlh, DITTO_A_DISK_PATH, disk);
	err = genl_talk(genl, nlh, NULL, NULL);
	if (err) {
		printf("refused %s (%s)\n", genl->text, strerror(-err));
		return;
	}
	err = genl_talk(genl, genl_begin(genl, buf, DITTO_CMD_RESOURCE_GET, resource),
			on_resource, &generation);
	printf("attached %llu\n", err ? 0 : (unsigned long long)generation);
}

int main(int argc, char **argv)
{
	struct nlmsghdr *nlh;
	struct genl genl;
	uint8_t uuid[16];
	char buf[4096];
	int err;

	if (argc != 4 || !uuid_parse(argv[2], uuid) || genl_open(&genl))
		return 2;
	nlh = genl_begin(&genl, buf, DITTO_CMD_RESOURCE_NEW, argv[1]);
	mnl_attr_put(nlh, DITTO_A_UUID, sizeof(uuid), uuid);
	mnl_attr_put_u32(nlh, DITTO_A_NODE_ID, 0);
	err = genl_talk(&genl, nlh, NULL, NULL);
	if (err) {
		printf("no resource: %s\n", genl.text);
		return 1;
	}
	attach(&genl, argv[1], argv[3]);
	err = genl_command(&genl, DITTO_CMD_RESOURCE_DEL, argv[1], -1);
	if (err)
		printf("not taken down: %s\n", genl.text);
	return !!err;
}
