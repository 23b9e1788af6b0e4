/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How a resource stands, as netlink attributes.
 */
#ifndef DITTO_STATUS_H
#define DITTO_STATUS_H

struct ditto_resource;
struct sk_buff;

/*
 * Takes no lock that is held across I/O, so it answers whatever the disks and
 * peers do; states that change together may be seen half changed.
 * Return: 0, -EMSGSIZE where @skb is full.
 */
int ditto_status_put(struct sk_buff *skb, struct ditto_resource *res);

#endif /* DITTO_STATUS_H */
