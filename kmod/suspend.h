/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The I/O of a device's users, suspended and resumed by hand.
 */
#ifndef DITTO_SUSPEND_H
#define DITTO_SUSPEND_H

#include <linux/types.h>

struct ditto_resource;
struct netlink_ext_ack;

/**
 * ditto_suspend_io() - let the device's users wait
 *
 * When it returns 0, nothing of theirs is under way. It lasts until
 * ditto_resume_io(), or until the device goes; the role does not matter.
 *
 * Context: process, under conf; bounded by DITTO_ROLE_TIMEOUT_MS.
 * Return: 0; -ENXIO without a device; -ETIMEDOUT, -EINTR: I/O goes on.
 */
int ditto_suspend_io(struct ditto_resource *res, struct netlink_ext_ack *extack);

/**
 * ditto_resume_io() - let them go on
 * @fail: fail what has waited
 *
 * Context: process, under conf. Does not wait for what it lets in.
 * Return: 0; -ENXIO without a device.
 */
int ditto_resume_io(struct ditto_resource *res, bool fail, struct netlink_ext_ack *extack);

#endif /* DITTO_SUSPEND_H */
