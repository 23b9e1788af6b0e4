/* SPDX-License-Identifier: GPL-2.0 */
/* From netlink messages to the structs of kernel.h. */
#ifndef DITTO_NETLINK_PARSE_H
#define DITTO_NETLINK_PARSE_H

#include <linux/netlink.h>

#include "kernel.h"

/**
 * netlink_parse_resource() - a DITTO_CMD_RESOURCE_GET answer
 * @resource: zeroed by the caller; attributes that are absent leave 0
 *
 * Return: 0 or -EBADMSG where an attribute has the wrong size or type.
 */
int netlink_parse_resource(const struct nlmsghdr *nlh, struct kernel_resource *resource);

/**
 * netlink_parse_event() - a DITTO_CMD_EVENT message
 * @event: overwritten
 *
 * Return: 0 or -EBADMSG.
 */
int netlink_parse_event(const struct nlmsghdr *nlh, struct kernel_event *event);

#endif /* DITTO_NETLINK_PARSE_H */
