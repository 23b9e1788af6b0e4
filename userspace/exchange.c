// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "exchange.h"
#include "link.h"

static socklen_t address_len(const struct sockaddr_storage *address)
{
	return address->ss_family == AF_INET ? sizeof(struct sockaddr_in) :
					       sizeof(struct sockaddr_in6);
}

uint64_t exchange_cookie(void)
{
	uint64_t cookie = 0;

	while (!cookie)
		if (getrandom(&cookie, sizeof(cookie), 0) != sizeof(cookie))
			cookie = 0;
	return cookie;
}

struct preamble exchange_request(const struct link *link, uint8_t lane, uint64_t cookie)
{
	struct preamble preamble = {
		.version = PREAMBLE_VERSION,
		.lane = lane,
		.security = PREAMBLE_SECURITY_NONE,
		.status = PREAMBLE_REQUEST,
		.from = link->own_id,
		.to = link->peer_id,
		.cookie = cookie,
	};

	memcpy(preamble.uuid, link->uuid, sizeof(preamble.uuid));
	return preamble;
}

void exchange_end(struct exchange *exchange)
{
	if (exchange->event)
		event_free(exchange->event);
	exchange->event = NULL;
	if (exchange->fd >= 0)
		close(exchange->fd);
	exchange->fd = -1;
}

static void finish(struct exchange *exchange, const char *wrong)
{
	event_free(exchange->event);
	exchange->event = NULL;
	if (wrong) {
		close(exchange->fd);
		exchange->fd = -1;
	}
	exchange->done(exchange, wrong);
}

static void on_answer(struct exchange *exchange)
{
	ssize_t n;

	/* Not a byte more: what follows is the kernel's. */
	n = read(exchange->fd, exchange->bytes + exchange->at, PREAMBLE_SIZE - exchange->at);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		finish(exchange, n ? strerror(errno) :
			       "the peer closed the connection without an answer");
		return;
	}
	exchange->at += n;
	if (exchange->at == PREAMBLE_SIZE)
		finish(exchange, preamble_decode(exchange->bytes, &exchange->answer));
}

static void on_ready(evutil_socket_t fd, short what, void *data);

static void on_connected(struct exchange *exchange)
{
	struct timeval timeout = {
		.tv_sec = exchange->timeout_ms / 1000,
		.tv_usec = exchange->timeout_ms % 1000 * 1000,
	};
	struct event_base *base = event_get_base(exchange->event);
	socklen_t len = sizeof(int);
	int error = 0;

	getsockopt(exchange->fd, SOL_SOCKET, SO_ERROR, &error, &len);
	/* The first bytes into an empty socket buffer: all or an error. */
	if (!error && write(exchange->fd, exchange->bytes, PREAMBLE_SIZE) != PREAMBLE_SIZE)
		error = errno;
	if (error) {
		finish(exchange, strerror(error));
		return;
	}
	event_assign(exchange->event, base, exchange->fd, EV_READ | EV_PERSIST, on_ready,
		     exchange);
	event_add(exchange->event, &timeout);
}

static void on_ready(evutil_socket_t fd, short what, void *data)
{
	struct exchange *exchange = data;

	(void)fd;
	if (what & EV_TIMEOUT)
		finish(exchange, "the peer does not answer");
	else if (what & EV_WRITE)
		on_connected(exchange);
	else
		on_answer(exchange);
}

/* From this node's own address: the peer's daemon checks it. */
static int open_socket(const struct link *link)
{
	struct sockaddr_storage own = link->own_address;
	int yes = 1, error;
	int fd;

	fd = socket(own.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* The port lies at the same place in both families. */
	((struct sockaddr_in *)&own)->sin_port = 0;
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)) < 0 ||
	    bind(fd, (struct sockaddr *)&own, address_len(&own)) < 0 ||
	    (connect(fd, (const struct sockaddr *)&link->peer_address,
		     address_len(&link->peer_address)) < 0 && errno != EINPROGRESS)) {
		error = -errno;
		close(fd);
		return error;
	}
	return fd;
}

int exchange_start(struct exchange *exchange, struct link *link,
		   const struct preamble *preamble)
{
	struct timeval timeout;

	exchange->timeout_ms = link->daemon->lane_timeout_ms;
	exchange->at = 0;
	exchange->event = NULL;
	preamble_encode(preamble, exchange->bytes);
	exchange->fd = open_socket(link);
	if (exchange->fd < 0)
		return exchange->fd;
	timeout.tv_sec = exchange->timeout_ms / 1000;
	timeout.tv_usec = exchange->timeout_ms % 1000 * 1000;
	exchange->event = event_new(link->daemon->base, exchange->fd, EV_WRITE, on_ready,
				    exchange);
	if (!exchange->event) {
		exchange_end(exchange);
		return -ENOMEM;
	}
	event_add(exchange->event, &timeout);
	return 0;
}
