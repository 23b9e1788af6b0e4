/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The way from Primary to Secondary.
 */
#ifndef DITTO_DEMOTE_H
#define DITTO_DEMOTE_H

#include <linux/types.h>

struct ditto_resource;
struct netlink_ext_ack;

/**
 * ditto_demote() - become Secondary
 * @force: also while the device is open, and without whatever does not answer
 *
 * Everything that was acknowledged is durable on all members when it returns 0,
 * and nothing is acknowledged to a writer any more.
 *
 * With @force, peers and a local disk that are not done in time are given up,
 * and those who have the device open see their writes fail; while they have it
 * open, this node is not promoted again. What the local disk has and no peer
 * follows cannot be given up: it refuses then.
 *
 * Context: process, under conf. Each step takes DITTO_ROLE_TIMEOUT_MS,
 * DITTO_DISK_TIMEOUT_MS or the time-out for peers at most.
 * Return: 0; -EBUSY while the device is open; -ETIMEDOUT, -EINTR: still Primary.
 */
int ditto_demote(struct ditto_resource *res, bool force, struct netlink_ext_ack *extack);

#endif /* DITTO_DEMOTE_H */
