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

static int __init ditto_init(void)
{
	int err;

	err = ditto_payload_init();
	if (err)
		return err;
	err = ditto_disk_io_init();
	if (err)
		goto no_disk_io;
	err = ditto_disk_init();
	if (err)
		goto no_disk;
	err = ditto_regions_init();
	if (err)
		goto no_regions;
	err = ditto_local_flush_init();
	if (err)
		goto no_local_flush;
	err = ditto_request_init();
	if (err)
		goto no_request;
	err = ditto_applier_init();
	if (err)
		goto no_applier;
	err = ditto_compare_init();
	if (err)
		goto no_compare;
	err = ditto_syncer_init();
	if (err)
		goto no_syncer;
	err = ditto_verify_init();
	if (err)
		goto no_verify;
	err = ditto_remote_read_init();
	if (err)
		goto no_remote_read;
	err = ditto_answer_init();
	if (err)
		goto no_answer;
	err = ditto_connection_init();
	if (err)
		goto no_connection;
	err = ditto_device_init();
	if (err)
		goto no_device;
	ditto_debug_init();
	err = ditto_resource_init();
	if (err)
		goto no_resource;
	err = ditto_netlink_init();
	if (err)
		goto no_netlink;
	return 0;
no_netlink:
	ditto_resource_exit();
no_resource:
	ditto_debug_exit();
	ditto_device_exit();
no_device:
	ditto_connection_exit();
no_connection:
	ditto_answer_exit();
no_answer:
	ditto_remote_read_exit();
no_remote_read:
	ditto_verify_exit();
no_verify:
	ditto_syncer_exit();
no_syncer:
	ditto_compare_exit();
no_compare:
	ditto_applier_exit();
no_applier:
	ditto_request_exit();
no_request:
	ditto_local_flush_exit();
no_local_flush:
	ditto_regions_exit();
no_regions:
	ditto_disk_exit();
no_disk:
	ditto_disk_io_exit();
no_disk_io:
	ditto_payload_exit();
	return err;
}

static void __exit ditto_exit(void)
{
	ditto_netlink_exit();
	ditto_resource_exit();
	ditto_debug_exit();
	ditto_device_exit();
	ditto_connection_exit();
	ditto_answer_exit();
	ditto_remote_read_exit();
	ditto_verify_exit();
	ditto_syncer_exit();
	ditto_compare_exit();
	ditto_applier_exit();
	ditto_request_exit();
	ditto_local_flush_exit();
	ditto_regions_exit();
	ditto_disk_exit();
	ditto_disk_io_exit();
	ditto_payload_exit();
}

module_init(ditto_init);
module_exit(ditto_exit);
MODULE_DESCRIPTION("ditto, a block device replicator");
MODULE_LICENSE("GPL");
MODULE_ALIAS_GENL_FAMILY("ditto");
