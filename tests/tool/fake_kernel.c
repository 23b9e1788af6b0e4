// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fake_kernel.h"

struct fake_kernel *fake_kernel;

struct kernel {
	int unused;
};

struct kernel_events {
	int unused;
};

static struct kernel the_kernel;
static struct kernel_events the_events;

struct fake_kernel *fake_kernel_new(void)
{
	struct fake_kernel *fake = mmap(NULL, sizeof(*fake), PROT_READ | PROT_WRITE,
					MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (fake == MAP_FAILED ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fake->event_fds) < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fake->report_fds) < 0) {
		perror("fake kernel");
		exit(99);
	}
	return fake;
}

void fake_kernel_free(struct fake_kernel *fake)
{
	for (int i = 0; i < 2; i++) {
		close(fake->event_fds[i]);
		close(fake->report_fds[i]);
	}
	munmap(fake, sizeof(*fake));
}

void fake_kernel_event(struct fake_kernel *fake, const struct kernel_event *event)
{
	if (send(fake->event_fds[0], event, sizeof(*event), 0) != sizeof(*event)) {
		perror("fake event");
		exit(99);
	}
}

void fake_kernel_connection(struct fake_kernel *fake, uint32_t state)
{
	struct kernel_peer *peer = &fake->resource.peers[0];
	struct kernel_event event = {
		.event = DITTO_EVENT_CONNECTION,
		.has_peer = true,
		.peer_id = peer->id,
		.has_states = true,
		.old_state = peer->connection,
		.new_state = state,
	};

	copy_string(event.name, fake->resource.name, sizeof(event.name));
	peer->connection = state;
	fake_kernel_event(fake, &event);
}

void fake_kernel_hello(uint32_t node_id, int lane, char *text)
{
	char all[FAKE_HELLO_LEN + 1];

	snprintf(all, sizeof(all), "n%u-lane%d", node_id % 10u, lane & 7);
	memcpy(text, all, FAKE_HELLO_LEN);
}

bool fake_kernel_report(struct fake_kernel *fake, struct fake_report *report, int ms)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(report->fds))];
	} control;
	struct iovec iov = { report, sizeof(*report) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct pollfd pollfd = { .fd = fake->report_fds[0], .events = POLLIN };

	if (poll(&pollfd, 1, ms) != 1)
		return false;
	if (recvmsg(fake->report_fds[0], &msg, 0) != sizeof(*report) || !CMSG_FIRSTHDR(&msg)) {
		perror("fake report");
		exit(99);
	}
	memcpy(report->fds, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(report->fds));
	return true;
}

int kernel_open(struct kernel **k, struct why *why)
{
	(void)why;
	*k = &the_kernel;
	return 0;
}

void kernel_close(struct kernel *k)
{
	(void)k;
}

int kernel_dump(struct kernel *k, struct kernel_resource **list, struct why *why)
{
	(void)k;
	(void)why;
	fake_kernel->dumps++;
	*list = NULL;
	if (!fake_kernel->up)
		return 0;
	*list = malloc(sizeof(**list));
	if (!*list)
		return -ENOMEM;
	**list = fake_kernel->resource;
	return 0;
}

void kernel_free(struct kernel_resource *list)
{
	free(list);
}

static int send_report(struct fake_report *report)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(report->fds))];
	} control = { 0 };
	struct iovec iov = { report, sizeof(*report) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&msg);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(report->fds));
	memcpy(CMSG_DATA(header), report->fds, sizeof(report->fds));
	return sendmsg(fake_kernel->report_fds[1], &msg, 0) == sizeof(*report) ? 0 : -errno;
}

/* The real one may begin to talk before the call has returned; so does this. */
int kernel_lanes(struct kernel *k, const char *name, uint32_t peer_id, uint64_t cookie,
		 const int fds[KERNEL_LANES], struct why *why)
{
	struct kernel_peer *peer = &fake_kernel->resource.peers[0];
	struct fake_report report = { .cookie = cookie, .peer_id = peer_id };
	char hello[FAKE_HELLO_LEN];

	(void)k;
	if (strcmp(name, fake_kernel->resource.name) || peer_id != peer->id)
		return why_set(why, -ENODEV, "no such peer");
	if (fake_kernel->refuse_lanes || peer->connection != DITTO_CONNECTION_CONNECTING)
		return why_set(why, -EINVAL, "not connecting");
	peer->connection = DITTO_CONNECTION_HANDSHAKE;
	for (int i = 0; i < KERNEL_LANES; i++) {
		fake_kernel_hello(fake_kernel->resource.node_id, i, hello);
		if (write(fds[i], hello, sizeof(hello)) != sizeof(hello))
			return why_set(why, -errno, "lane %d: %s", i, strerror(errno));
		report.fds[i] = fds[i];
	}
	return send_report(&report);
}

int kernel_events_open(struct kernel_events **events, struct why *why)
{
	(void)why;
	*events = &the_events;
	return 0;
}

void kernel_events_close(struct kernel_events *events)
{
	(void)events;
}

int kernel_events_fd(struct kernel_events *events)
{
	(void)events;
	return fake_kernel->event_fds[1];
}

int kernel_events_read(struct kernel_events *events,
		       void (*handle)(const struct kernel_event *event, void *data),
		       void *data, struct why *why)
{
	struct kernel_event event;

	(void)events;
	while (recv(fake_kernel->event_fds[1], &event, sizeof(event), MSG_DONTWAIT) ==
	       sizeof(event)) {
		if (event.event == FAKE_EVENTS_LOST)
			return why_set(why, -ENOBUFS, "events were lost");
		handle(&event, data);
	}
	return 0;
}
