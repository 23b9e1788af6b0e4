// SPDX-License-Identifier: GPL-2.0
#include "suspend.h"

#include "device.h"
#include "event.h"
#include "gate.h"
#include "log.h"
#include "resource.h"
#include "role.h"

static int refuse_without_device(struct netlink_ext_ack *extack)
{
	return ditto_refuse(extack, -ENXIO,
			    "no disk is attached: there is no device whose I/O could wait");
}

int ditto_suspend_io(struct ditto_resource *res, struct netlink_ext_ack *extack)
{
	int err;

	lockdep_assert_held(&res->conf);
	if (!res->device)
		return refuse_without_device(extack);
	if (ditto_device_suspended(res->device))
		return 0;
	err = ditto_role_drain(res, DITTO_GATE_HAND);
	if (err == -EINTR)
		return ditto_refuse(extack, err, "interrupted: I/O goes on");
	if (err)
		return ditto_refuse(extack, err,
				    "I/O under way has not ended within %u s, and goes on: 'status' shows what is wrong with disk or peers",
				    DITTO_ROLE_TIMEOUT_MS / 1000);
	ditto_info(res, "I/O is suspended by hand");
	ditto_event_change(res, NULL, DITTO_EVENT_IO, DITTO_IO_RUNNING, DITTO_IO_SUSPENDED);
	return 0;
}

int ditto_resume_io(struct ditto_resource *res, bool fail, struct netlink_ext_ack *extack)
{
	u32 failed = 0;

	lockdep_assert_held(&res->conf);
	if (!res->device)
		return refuse_without_device(extack);
	if (!ditto_device_suspended(res->device))
		return 0;
	if (fail)
		failed = ditto_gate_fail(&res->device->gate, false);
	ditto_gate_open(&res->device->gate, DITTO_GATE_HAND);
	if (fail)
		ditto_warn(res, "I/O is resumed by hand; %u that have waited were failed", failed);
	else
		ditto_info(res, "I/O is resumed by hand");
	ditto_event_change(res, NULL, DITTO_EVENT_IO, DITTO_IO_SUSPENDED, DITTO_IO_RUNNING);
	return 0;
}
