// SPDX-License-Identifier: GPL-2.0
/* The kernel's multicast events. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <linux/genetlink.h>

#include "kernel.h"
#include "netlink_family.h"
#include "netlink_parse.h"

/* Room for a burst of events while the reader is busy, bytes. */
#define EVENT_BUFFER	(4 << 20)

struct kernel_events {
	struct netlink_family family;
};

int kernel_events_open(struct kernel_events **events, struct why *why)
{
	struct kernel_events *new = calloc(1, sizeof(*new));
	int size = EVENT_BUFFER;
	int ret;

	if (!new)
		return why_set(why, -ENOMEM, "out of memory");
	ret = netlink_family_open(&new->family, why);
	if (ret) {
		free(new);
		return ret;
	}
	if (mnl_socket_setsockopt(new->family.socket, NETLINK_ADD_MEMBERSHIP,
				  &new->family.group, sizeof(new->family.group)) < 0) {
		ret = why_set(why, -errno, "cannot subscribe to ditto's events: %s",
			      strerror(errno));
		kernel_events_close(new);
		return ret;
	}
	/* A smaller buffer only means that more bursts end in a new dump. */
	setsockopt(mnl_socket_get_fd(new->family.socket), SOL_SOCKET, SO_RCVBUFFORCE,
		   &size, sizeof(size));
	*events = new;
	return 0;
}

void kernel_events_close(struct kernel_events *events)
{
	if (!events)
		return;
	netlink_family_close(&events->family);
	free(events);
}

int kernel_events_fd(struct kernel_events *events)
{
	return mnl_socket_get_fd(events->family.socket);
}

struct reader {
	void (*handle)(const struct kernel_event *event, void *data);
	void *data;
};

static int on_event(const struct nlmsghdr *nlh, void *data)
{
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload(nlh);
	struct reader *reader = data;
	struct kernel_event event;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*genl) || genl->cmd != DITTO_CMD_EVENT)
		return MNL_CB_OK;
	/* One that cannot be read is a newer kernel's. */
	if (!netlink_parse_event(nlh, &event))
		reader->handle(&event, reader->data);
	return MNL_CB_OK;
}

int kernel_events_read(struct kernel_events *events,
		       void (*handle)(const struct kernel_event *event, void *data),
		       void *data, struct why *why)
{
	struct reader reader = { handle, data };
	static char buffer[NETLINK_BUFFER];
	ssize_t len;

	for (;;) {
		len = recv(kernel_events_fd(events), buffer, sizeof(buffer), MSG_DONTWAIT);
		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0 && errno == EAGAIN)
			return 0;
		if (len < 0 && errno == ENOBUFS)
			return why_set(why, -ENOBUFS, "events were lost");
		if (len < 0)
			return why_set(why, -errno, "netlink: %s", strerror(errno));
		mnl_cb_run(buffer, len, 0, 0, on_event, &reader);
	}
}
