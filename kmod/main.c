// SPDX-License-Identifier: GPL-2.0
#include <linux/module.h>
#include <net/genetlink.h>

#include "answer.h"
#include "applier.h"
#include "compare.h"
#include "connection.h"
#include "debug.h"
#include "device.h"
#include "disk.h"
#include "disk_io.h"
#include "local_flush.h"
#include "netlink.h"
#include "payload.h"
#include "regions.h"
#include "remote_read.h"
#include "request.h"
#include "resource.h"
#include "syncer.h"
#include "verify.h"

/* In this order, and taken down in the opposite one. */
static const struct {
	int (*init)(void);
	void (*exit)(void);
} parts[] = {
	{ ditto_payload_init, ditto_payload_exit },
	{ ditto_disk_io_init, ditto_disk_io_exit },
	{ ditto_disk_init, ditto_disk_exit },
	{ ditto_regions_init, ditto_regions_exit },
	{ ditto_local_flush_init, ditto_local_flush_exit },
	{ ditto_request_init, ditto_request_exit },
	{ ditto_applier_init, ditto_applier_exit },
	{ ditto_compare_init, ditto_compare_exit },
	{ ditto_syncer_init, ditto_syncer_exit },
	{ ditto_verify_init, ditto_verify_exit },
	{ ditto_remote_read_init, ditto_remote_read_exit },
	{ ditto_answer_init, ditto_answer_exit },
	{ ditto_connection_init, ditto_connection_exit },
	{ ditto_device_init, ditto_device_exit },
	{ ditto_debug_init, ditto_debug_exit },
	{ ditto_resource_init, ditto_resource_exit },
	{ ditto_netlink_init, ditto_netlink_exit },
};

static void take_down(size_t count)
{
	while (count--)
		parts[count].exit();
}

static int __init ditto_init(void)
{
	size_t i;
	int err;

	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		err = parts[i].init();
		if (err) {
			take_down(i);
			return err;
		}
	}
	return 0;
}

static void __exit ditto_exit(void)
{
	take_down(ARRAY_SIZE(parts));
}

module_init(ditto_init);
module_exit(ditto_exit);
MODULE_DESCRIPTION("ditto, a block device replicator");
MODULE_LICENSE("GPL");
MODULE_ALIAS_GENL_FAMILY("ditto");
