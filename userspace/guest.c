// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <event2/event.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config_value.h"
#include "guest.h"
#include "link.h"
#include "log.h"
#include "preamble.h"

/**
 * struct guest - an accepted connection
 * @link: set once it is parked
 * @at: bytes of the preamble that were read
 */
struct guest {
	TAILQ_ENTRY(guest) list;
	struct daemon *daemon;
	int fd;
	struct event *readable;
	struct event *timer;
	struct sockaddr_storage from;
	struct link *link;
	size_t at;
	uint8_t bytes[PREAMBLE_SIZE];
	struct preamble preamble;
};

static void end(struct guest *guest)
{
	TAILQ_REMOVE(&guest->daemon->guests, guest, list);
	guest->daemon->n_guests--;
	if (guest->readable)
		event_free(guest->readable);
	if (guest->timer)
		event_free(guest->timer);
	if (guest->fd >= 0)
		close(guest->fd);
	free(guest);
}

void guest_drop(struct daemon *daemon, const struct link *link)
{
	struct guest *guest = TAILQ_FIRST(&daemon->guests), *next;

	for (; guest; guest = next) {
		next = TAILQ_NEXT(guest, list);
		if (!link || guest->link == link)
			end(guest);
	}
}

static void log_refused(const struct guest *guest, const char *text)
{
	char host[NI_MAXHOST] = "?", key[NI_MAXHOST + 16];

	getnameinfo((const struct sockaddr *)&guest->from, sizeof(guest->from), host,
		    sizeof(host), NULL, 0, NI_NUMERICHOST);
	snprintf(key, sizeof(key), "refused %s", host);
	log_change(key, text);
}

/* The first bytes into an empty socket buffer: all or an error. */
static bool answer(const struct guest *guest, uint8_t status)
{
	const struct preamble *asked = &guest->preamble;
	struct preamble preamble = *asked;
	uint8_t bytes[PREAMBLE_SIZE];

	preamble.version = PREAMBLE_VERSION;
	preamble.security = PREAMBLE_SECURITY_NONE;
	preamble.status = status;
	preamble.from = asked->to;
	preamble.to = asked->from;
	preamble_encode(&preamble, bytes);
	return write(guest->fd, bytes, sizeof(bytes)) == sizeof(bytes);
}

/* Whether it may come in: enum preamble_status. */
static uint8_t judge(struct guest *guest, struct link **link)
{
	const struct preamble *preamble = &guest->preamble;
	bool knock = preamble->lane == PREAMBLE_KNOCK;

	if (preamble->version != PREAMBLE_VERSION)
		return PREAMBLE_WRONG_VERSION;
	*link = link_find_uuid(guest->daemon, preamble->uuid, preamble->from);
	if (!*link || !(*link)->known)
		return PREAMBLE_UNKNOWN_RESOURCE;
	if (preamble->to != (*link)->own_id ||
	    knock != (preamble->from > preamble->to) ||
	    !address_same_host(&guest->from, &(*link)->peer_address))
		return PREAMBLE_WRONG_NODE;
	if (preamble->security != PREAMBLE_SECURITY_NONE)
		return PREAMBLE_WRONG_SECURITY;
	if ((*link)->connection != DITTO_CONNECTION_CONNECTING)
		return PREAMBLE_NOT_WANTED;
	return PREAMBLE_OK;
}

static struct guest *parked(struct daemon *daemon, const struct link *link,
			    uint64_t cookie, uint8_t lane)
{
	struct guest *guest;

	TAILQ_FOREACH(guest, &daemon->guests, list)
		if (guest->link == link && guest->preamble.cookie == cookie &&
		    guest->preamble.lane == lane)
			return guest;
	return NULL;
}

/* Once all lanes of a cookie are there: answers, then the kernel's. */
static void complete(struct daemon *daemon, struct link *link, uint64_t cookie)
{
	struct guest *lanes[KERNEL_LANES];
	int fds[KERNEL_LANES];

	for (int i = 0; i < KERNEL_LANES; i++) {
		lanes[i] = parked(daemon, link, cookie, i);
		if (!lanes[i])
			return;
	}
	for (int i = 0; i < KERNEL_LANES; i++) {
		/* It may have been disconnected meanwhile. */
		bool wanted = link->connection == DITTO_CONNECTION_CONNECTING;

		if (!answer(lanes[i], wanted ? PREAMBLE_OK : PREAMBLE_NOT_WANTED) || !wanted) {
			guest_drop(daemon, link);
			return;
		}
	}
	for (int i = 0; i < KERNEL_LANES; i++) {
		fds[i] = lanes[i]->fd;
		lanes[i]->fd = -1;
	}
	guest_drop(daemon, link);
	link_hand_over(link, cookie, fds);
}

static void arrived(struct guest *guest)
{
	struct daemon *daemon = guest->daemon;
	uint64_t cookie;
	struct link *link = NULL;
	const char *wrong;
	uint8_t status;

	wrong = preamble_decode(guest->bytes, &guest->preamble);
	if (!wrong && guest->preamble.status != PREAMBLE_REQUEST)
		wrong = "an answer where a request was due";
	if (wrong) {
		log_refused(guest, wrong);
		end(guest);
		return;
	}
	cookie = guest->preamble.cookie;
	status = judge(guest, &link);
	if (status == PREAMBLE_OK && parked(daemon, link, cookie, guest->preamble.lane))
		status = PREAMBLE_NOT_WANTED;
	if (status != PREAMBLE_OK || guest->preamble.lane == PREAMBLE_KNOCK) {
		/* Not up or not wanted here is daily life and not logged. */
		if (status == PREAMBLE_WRONG_NODE || status == PREAMBLE_WRONG_VERSION ||
		    status == PREAMBLE_WRONG_SECURITY)
			log_refused(guest, preamble_status_text(status));
		answer(guest, status);
		end(guest);
		if (status == PREAMBLE_OK)
			link_knocked(link);
		return;
	}
	guest->link = link;
	complete(daemon, link, cookie);
}

static void on_readable(evutil_socket_t fd, short what, void *data)
{
	struct guest *guest = data;
	ssize_t n;

	(void)what;
	/* A parked one has nothing to say: it is gone, or it is no peer. */
	if (guest->link) {
		end(guest);
		return;
	}
	/* Not a byte more: what follows is the kernel's. */
	n = read(fd, guest->bytes + guest->at, PREAMBLE_SIZE - guest->at);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		end(guest);
		return;
	}
	guest->at += n;
	if (guest->at == PREAMBLE_SIZE)
		arrived(guest);
}

static void on_timeout(evutil_socket_t fd, short what, void *data)
{
	struct guest *guest = data;

	(void)fd;
	(void)what;
	log_refused(guest, guest->link ? "the other lanes did not come in time" :
					 "no preamble in time");
	end(guest);
}

void guest_new(struct daemon *daemon, int fd, const struct sockaddr_storage *from)
{
	struct timeval timeout = {
		.tv_sec = daemon->lane_timeout_ms / 1000,
		.tv_usec = daemon->lane_timeout_ms % 1000 * 1000,
	};
	struct guest *guest = calloc(1, sizeof(*guest));

	if (!guest) {
		close(fd);
		return;
	}
	if (daemon->n_guests == DAEMON_MAX_GUESTS)
		end(TAILQ_FIRST(&daemon->guests));
	guest->daemon = daemon;
	guest->fd = fd;
	guest->from = *from;
	TAILQ_INSERT_TAIL(&daemon->guests, guest, list);
	daemon->n_guests++;
	if (!hosts_has(&daemon->hosts, from)) {
		log_refused(guest, "it is not the address of a peer in any file");
		end(guest);
		return;
	}
	guest->readable = event_new(daemon->base, fd, EV_READ | EV_PERSIST, on_readable, guest);
	guest->timer = evtimer_new(daemon->base, on_timeout, guest);
	if (!guest->readable || !guest->timer || event_add(guest->readable, NULL) ||
	    evtimer_add(guest->timer, &timeout))
		end(guest);
}
