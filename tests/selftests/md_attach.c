// SPDX-License-Identifier: GPL-2.0
/*
 * Attaches a disk, says what came of it, and detaches it again.
 *
 *	md_attach RESOURCE DISK
 *
 * Prints "attached GENERATION", or "refused
 * TEXT". Exit status 1 where the disk could not be detached.
 */
#include <stdio.h>
#include <string.h>
#include <linux/genetlink.h>

#include "genl.h"

static int on_resource(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr)) {
		if (mnl_attr_get_type(attr) == DITTO_A_GENERATION)
			*(uint64_t *)data = mnl_attr_get_u64(attr);
	}
	return MNL_CB_OK;
}

int main(int argc, char **argv)
{
	uint64_t generation = 0;
	struct nlmsghdr *nlh;
	struct genl genl;
	char buf[4096];
	int err;

	if (argc != 3 || genl_open(&genl))
		return 2;
	nlh = genl_begin(&genl, buf, DITTO_CMD_ATTACH, argv[1]);
	mnl_attr_put_strz(nlh, DITTO_A_DISK_PATH, argv[2]);
	err = genl_talk(&genl, nlh, NULL, NULL);
	if (err) {
		printf("refused %s (%s)\n", genl.text, strerror(-err));
		return 0;
	}
	err = genl_talk(&genl, genl_begin(&genl, buf, DITTO_CMD_RESOURCE_GET, argv[1]),
			on_resource, &generation);
	printf("attached %llu\n", (unsigned long long)generation);
	if (!err)
		err = genl_command(&genl, DITTO_CMD_DETACH, argv[1], -1);
	if (err)
		printf("not detached: %s\n", genl.text);
	return !!err;
}
