// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config_value.h"
#include "guest.h"
#include "listen.h"
#include "log.h"

#define BACKLOG	64

struct listener {
	TAILQ_ENTRY(listener) list;
	struct daemon *daemon;
	struct sockaddr_storage address;
	struct event *event;
	int fd;
	bool wanted;
};

static void on_connection(evutil_socket_t fd, short what, void *data)
{
	struct listener *listener = data;
	struct sockaddr_storage from = { 0 };
	socklen_t len = sizeof(from);
	int yes = 1;
	int new;

	(void)what;
	new = accept4(fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (new < 0)
		return;
	setsockopt(new, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	guest_new(listener->daemon, new, &from);
}

/*
 * Where the address is not there yet (a network that comes up later) binding
 * succeeds all the same: IP_FREEBIND serves both families.
 */
static int open_socket(const struct sockaddr_storage *address)
{
	bool v4 = address->ss_family == AF_INET;
	int yes = 1, error;
	int fd;

	fd = socket(address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &yes, sizeof(yes));
	if (!v4)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes));
	if (bind(fd, (const struct sockaddr *)address,
		 v4 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6)) < 0 ||
	    listen(fd, BACKLOG) < 0) {
		error = -errno;
		close(fd);
		return error;
	}
	return fd;
}

static void drop(struct listener *listener)
{
	TAILQ_REMOVE(&listener->daemon->listeners, listener, list);
	if (listener->event)
		event_free(listener->event);
	if (listener->fd >= 0)
		close(listener->fd);
	free(listener);
}

static struct listener *add(struct daemon *daemon, const struct sockaddr_storage *address,
			    struct why *why)
{
	struct listener *listener = calloc(1, sizeof(*listener));

	if (!listener) {
		why_set(why, -ENOMEM, "out of memory");
		return NULL;
	}
	listener->daemon = daemon;
	listener->address = *address;
	TAILQ_INSERT_TAIL(&daemon->listeners, listener, list);
	listener->fd = open_socket(address);
	if (listener->fd < 0) {
		why_set(why, listener->fd, "cannot listen: %s", strerror(-listener->fd));
		drop(listener);
		return NULL;
	}
	listener->event = event_new(daemon->base, listener->fd, EV_READ | EV_PERSIST,
				    on_connection, listener);
	if (!listener->event || event_add(listener->event, NULL)) {
		why_set(why, -ENOMEM, "out of memory");
		drop(listener);
		return NULL;
	}
	return listener;
}

void listen_mark(struct daemon *daemon)
{
	struct listener *listener;

	TAILQ_FOREACH(listener, &daemon->listeners, list)
		listener->wanted = false;
}

bool listen_want(struct daemon *daemon, const struct sockaddr_storage *address,
		 const char *text)
{
	struct listener *listener;
	struct why why;

	TAILQ_FOREACH(listener, &daemon->listeners, list)
		if (address_same(&listener->address, address))
			break;
	if (!listener) {
		listener = add(daemon, address, &why);
		log_change(text, listener ? NULL : why.text);
		if (listener)
			log_line("%s: listening", text);
	}
	if (listener)
		listener->wanted = true;
	return listener;
}

void listen_sweep(struct daemon *daemon)
{
	struct listener *listener = TAILQ_FIRST(&daemon->listeners), *next;

	for (; listener; listener = next) {
		next = TAILQ_NEXT(listener, list);
		if (!listener->wanted)
			drop(listener);
	}
}
