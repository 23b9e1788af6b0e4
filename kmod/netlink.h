/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The generic netlink family; <uapi/linux/ditto.h> is its manual.
 */
#ifndef DITTO_NETLINK_H
#define DITTO_NETLINK_H

struct genl_family;

extern struct genl_family ditto_genl_family;

int ditto_netlink_init(void);
void ditto_netlink_exit(void);

#endif /* DITTO_NETLINK_H */
