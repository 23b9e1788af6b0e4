// SPDX-License-Identifier: GPL-2.0
#include "limits.h"

#include <linux/blkdev.h>

#include "connection.h"
#include "core/blocksize.h"
#include "device.h"
#include "disk.h"
#include "log.h"
#include "peer.h"
#include "resource.h"
#include "state.h"

static u32 disk_block(struct ditto_resource *res)
{
	return bdev_logical_block_size(res->disk->backing.bdev);
}

u32 ditto_limits_block(struct ditto_resource *res)
{
	return max(disk_block(res), res->disk->md.logical_block);
}

static enum ditto_blocksize_verdict judge(struct ditto_peer *peer, struct ditto_connection *conn,
				       struct ditto_blocksize *theirs, u32 *block)
{
	struct ditto_resource *res = peer->res;
	struct ditto_blocksize mine = {
		.disk_block = disk_block(res),
		.device_block = READ_ONCE(res->device->block),
		.primary = READ_ONCE(res->role) == DITTO_ROLE_PRIMARY,
		.in_use = READ_ONCE(res->device->openers),
	};

	theirs->disk_block = conn->hello.logical_block;
	theirs->in_use = conn->hello.in_use;
	spin_lock_irq(&res->stream_lock);
	theirs->device_block = peer->state.device_block;
	theirs->primary = peer->state.flags & DITTO_STATEF_PRIMARY;
	spin_unlock_irq(&res->stream_lock);
	return ditto_blocksize_judge(&mine, theirs, block);
}

bool ditto_limits_refuse(struct ditto_connection *conn)
{
	struct ditto_resource *res = conn->res;
	struct ditto_blocksize theirs;
	u32 block;

	switch (judge(conn->peer, conn, &theirs, &block)) {
	case DITTO_BLOCKSIZE_PEER_REFUSED:
		ditto_connection_fail(conn, true, "peer's disk has blocks of %u bytes, this device is in use with %u: stop its users, then connect",
				      theirs.disk_block, READ_ONCE(res->device->block));
		return true;
	case DITTO_BLOCKSIZE_REFUSED:
		ditto_connection_fail(conn, true, "this disk has blocks of %u bytes, the Primary's device is in use with %u: stop its users, then connect",
				      disk_block(res), theirs.device_block);
		return true;
	default:
		return false;
	}
}

/* Of the disks of all that are connected; ours is in @physical alone. */
static u32 largest(struct ditto_resource *res, u32 *physical)
{
	u32 logical = 0, i;

	*physical = 0;
	for (i = 0; i < DITTO_MAX_NODES; i++) {
		struct ditto_connection *conn = res->peers[i] ? res->peers[i]->connection : NULL;

		if (!conn || !test_bit(DITTO_CONN_GREETED, &conn->flags))
			continue;
		logical = max(logical, conn->hello.logical_block);
		*physical = max(*physical, conn->hello.physical_block);
	}
	return logical;
}

/* Return: 0, -EBUSY where somebody has opened the device. */
static int take(struct ditto_resource *res, u32 block)
{
	u32 old = res->device->block, physical;
	int err;

	largest(res, &physical);
	err = ditto_device_set_block(res->device, block, physical);
	if (err)
		return err;
	res->disk->md.logical_block = block;
	if (block != old)
		ditto_info(res, "the device has blocks of %u bytes now, %u before", block, old);
	return 0;
}

bool ditto_limits_meet(struct ditto_peer *peer)
{
	struct ditto_resource *res = peer->res;
	struct ditto_blocksize theirs;
	u32 block;

	if (judge(peer, peer->connection, &theirs, &block) != DITTO_BLOCKSIZE_TAKE)
		return true;
	if (take(res, block)) {
		/* A Secondary's readers can go on as they are. */
		if (res->role != DITTO_ROLE_PRIMARY)
			return true;
		ditto_connection_bye(peer->connection, DITTO_BYE_REFUSED, true,
				     "peer's disk has larger blocks than this device, which is in use: stop its users, then connect");
		return false;
	}
	if (ditto_disk_write_md(res->disk))
		ditto_resource_event(res, DITTO_RES_DISK_FAILED);
	return true;
}

int ditto_limits_promote(struct ditto_resource *res, struct netlink_ext_ack *extack)
{
	u32 physical, theirs = largest(res, &physical);
	u32 block = max(ditto_limits_block(res), theirs);

	if (!take(res, block))
		return 0;
	/* Smaller blocks than it has are no harm, and neither are larger ones that nobody needs. */
	if (theirs <= res->device->block)
		return 0;
	return ditto_refuse(extack, -EBUSY,
			    "a peer's disk has blocks of %u bytes, and /dev/%s is open with %u: close it first",
			    theirs, res->device->disk->disk_name, res->device->block);
}
