// SPDX-License-Identifier: GPL-2.0
#include "repair.h"

#include <linux/bio.h>
#include <linux/blkdev.h>

#include "device.h"
#include "disk.h"
#include "gate.h"
#include "request.h"
#include "resource.h"

static void repair_free(struct ditto_request *req)
{
	struct ditto_device *dev = req->res->device;

	ditto_request_free_local(req);
	ditto_request_put(req);
	ditto_gate_leave(&dev->gate);
}

/* Into the stream, unless it is not what the disks hold any more. */
static void repair_add(struct ditto_request *req)
{
	struct ditto_resource *res = req->res;
	bool ready = false, valid;

	spin_lock_irq(&res->stream_lock);
	valid = ditto_stream_repair_end(&res->stream, &req->repair) &&
		!READ_ONCE(res->disk->failed);
	/* Where it waits for room in the log: in one step, so nothing has crossed it. */
	if (valid && !ditto_request_enter(req, &ready))
		ditto_stream_repair_begin(&res->stream, &req->repair);
	spin_unlock_irq(&res->stream_lock);
	if (ready)
		ditto_request_submit_local(req);
	if (!valid)
		repair_free(req);
}

static void repair_retry(struct ditto_region_user *user)
{
	repair_add(container_of(user, struct ditto_request, regions));
}

struct ditto_request *ditto_repair_begin(struct ditto_resource *res, u64 start, u32 size)
{
	struct ditto_request *req;
	bool begun;

	if (!IS_ALIGNED(start | size, bdev_physical_block_size(res->disk->backing.bdev)))
		return NULL;
	req = ditto_request_try(res, DITTO_ENTRY_WRITE, 0);
	if (!req)
		return NULL;
	req->repairs = true;
	req->own_pages = true;
	req->entry.range.start = start;
	req->entry.range.last = start + size - 1;
	req->repair.range.start = start;
	req->repair.range.last = start + size - 1;
	req->regions.retry = repair_retry;
	ditto_gate_hold(&res->device->gate);
	spin_lock_irq(&res->stream_lock);
	begun = ditto_stream_repair_begin(&res->stream, &req->repair);
	spin_unlock_irq(&res->stream_lock);
	if (begun)
		return req;
	repair_free(req);
	return NULL;
}

void ditto_repair_write(struct ditto_request *req, struct bio *data)
{
	data->bi_opf = REQ_OP_WRITE | REQ_SYNC;
	ditto_request_set_local(req, data);
	req->queued = jiffies;
	repair_add(req);
}

void ditto_repair_cancel(struct ditto_request *req)
{
	struct ditto_resource *res = req->res;

	spin_lock_irq(&res->stream_lock);
	ditto_stream_repair_end(&res->stream, &req->repair);
	spin_unlock_irq(&res->stream_lock);
	repair_free(req);
}
