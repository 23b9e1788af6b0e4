/* SPDX-License-Identifier: GPL-2.0 */
/* Requests over generic netlink, below the commands of kernel.h. */
#ifndef DITTO_NETLINK_FAMILY_H
#define DITTO_NETLINK_FAMILY_H

#include <stdint.h>
#include <libmnl/libmnl.h>

#include "why.h"

/* Large enough for one resource with all its peers, and for a dump's messages. */
#define NETLINK_BUFFER	65536

/**
 * struct netlink_family - an open socket and where the family was found
 * @id: number of the family "ditto"
 * @group: of its multicast group "events"
 */
struct netlink_family {
	struct mnl_socket *socket;
	uint16_t id;
	uint32_t group;
	uint32_t sequence;
};

/**
 * netlink_family_open() - open a socket and look the family up
 *
 * Return: 0, -ENOENT where the module is not loaded, another negative errno;
 * nothing is left open then.
 */
int netlink_family_open(struct netlink_family *family, struct why *why);
void netlink_family_close(struct netlink_family *family);

/**
 * netlink_family_request() - send a request and take all that is answered
 * @nlh: complete but for sequence number and NLM_F_ACK
 * @handle: called for each answer, or NULL
 *
 * Return: 0 or a negative errno, with the kernel's text in @why where it gave
 * one; -ETIMEDOUT after KERNEL_TIMEOUT_S without a word; -EINTR where a dump
 * was overtaken by a change and should be taken again.
 */
int netlink_family_request(struct netlink_family *family, struct nlmsghdr *nlh,
			   mnl_cb_t handle, void *data, struct why *why);

#endif /* DITTO_NETLINK_FAMILY_H */
