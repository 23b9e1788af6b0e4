// SPDX-License-Identifier: GPL-2.0
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "config_value.h"
#include "dial.h"
#include "knock.h"
#include "link.h"
#include "log.h"

struct link *link_find(struct daemon *daemon, const char *resource, uint32_t peer_id)
{
	struct link *link;

	TAILQ_FOREACH(link, &daemon->links, list)
		if (link->peer_id == peer_id && !strcmp(link->resource, resource))
			return link;
	return NULL;
}

struct link *link_find_uuid(struct daemon *daemon, const uint8_t uuid[16], uint32_t peer_id)
{
	struct link *link;

	TAILQ_FOREACH(link, &daemon->links, list)
		if (link->peer_id == peer_id && !memcmp(link->uuid, uuid, 16))
			return link;
	return NULL;
}

static void attempt(struct link *link)
{
	if (link->dial || !link->known || link->connection != DITTO_CONNECTION_CONNECTING)
		return;
	link->knocked = false;
	dial_start(link);
}

static void on_retry(evutil_socket_t fd, short what, void *data)
{
	(void)fd;
	(void)what;
	attempt(data);
}

struct link *link_new(struct daemon *daemon, const char *resource,
		      const struct kernel_peer *peer)
{
	struct link *link = calloc(1, sizeof(*link));

	if (!link)
		return NULL;
	link->daemon = daemon;
	link->peer_id = peer->id;
	link->connection = DITTO_CONNECTION_STANDALONE;
	link->lasted = true;
	copy_string(link->resource, resource, sizeof(link->resource));
	snprintf(link->label, sizeof(link->label), "%s/%s", resource, peer->name);
	link->retry = evtimer_new(daemon->base, on_retry, link);
	if (!link->retry) {
		free(link);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&daemon->links, link, list);
	return link;
}

/* Ends what is under way. */
static void quiet(struct link *link)
{
	evtimer_del(link->retry);
	if (link->dial)
		dial_cancel(link->dial);
	if (link->knock)
		knock_cancel(link->knock);
}

void link_free(struct link *link)
{
	quiet(link);
	log_change(link->label, NULL);
	TAILQ_REMOVE(&link->daemon->links, link, list);
	event_free(link->retry);
	free(link);
}

/* Half to one and a half of it: two ends, or many links, do not march in step. */
static unsigned int jitter(unsigned int ms)
{
	uint16_t random = 0;

	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
		random = ms;
	return ms / 2 + random % (ms + 1);
}

static void schedule(struct link *link)
{
	unsigned int ms = link->backoff_ms ? jitter(link->backoff_ms) : 0;
	struct timeval pause = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	if (link->own_id < link->peer_id)
		evtimer_add(link->retry, &pause);
}

static void longer(struct link *link)
{
	link->backoff_ms = link->backoff_ms ? link->backoff_ms * 2 : LINK_BACKOFF_MIN_MS;
	if (link->backoff_ms > LINK_BACKOFF_MAX_MS)
		link->backoff_ms = LINK_BACKOFF_MAX_MS;
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ull + now.tv_nsec / 1000000;
}

/*
 * A connection that had been up for a while, or that the administrator has just
 * asked for, is dialled at once; one that the kernels ended before it was up (they
 * do not fit each other), or soon after (they find out then), only after the
 * back-off, or the two would spin.
 */
static void wanted(struct link *link)
{
	if (link->lasted)
		link->backoff_ms = 0;
	else
		longer(link);
	if (link->own_id < link->peer_id)
		schedule(link);
	else if (link->lasted && link->known)
		knock_start(link);
}

void link_addresses(struct link *link, const struct sockaddr_storage *own,
		    const struct sockaddr_storage *peer)
{
	if (!own || !peer) {
		link->known = false;
		return;
	}
	if (link->known && address_same(&link->own_address, own) &&
	    address_same(&link->peer_address, peer))
		return;
	link->known = true;
	link->own_address = *own;
	link->peer_address = *peer;
	if (link->connection != DITTO_CONNECTION_CONNECTING)
		return;
	quiet(link);
	link->lasted = true;
	wanted(link);
}

void link_update(struct link *link, uint32_t state)
{
	bool was_up = link->connection == DITTO_CONNECTION_CONNECTED;

	if (state == link->connection)
		return;
	link->connection = state;
	switch (state) {
	case DITTO_CONNECTION_CONNECTING:
		if (was_up)
			link->lasted = now_ms() - link->connected_ms >= LINK_LASTED_MS;
		wanted(link);
		return;
	case DITTO_CONNECTION_CONNECTED:
		link->connected_ms = now_ms();
		log_change(link->label, NULL);
		log_line("%s: connected", link->label);
		break;
	case DITTO_CONNECTION_STANDALONE:
		link->lasted = true;
		break;
	}
	quiet(link);
}

void link_failed(struct link *link, const char *text)
{
	log_change(link->label, text);
	if (link->knocked)
		link->backoff_ms = 0;
	else
		longer(link);
	schedule(link);
}

void link_knocked(struct link *link)
{
	link->backoff_ms = 0;
	/* Should the attempt under way fail, the next one follows at once. */
	link->knocked = true;
	attempt(link);
}

void link_hand_over(struct link *link, uint64_t cookie, int fds[KERNEL_LANES])
{
	struct why why;
	int ret;

	ret = kernel_lanes(link->daemon->kernel, link->resource, link->peer_id, cookie, fds,
			   &why);
	for (int i = 0; i < KERNEL_LANES; i++)
		close(fds[i]);
	if (ret) {
		link_failed(link, why.text);
		return;
	}
	/* The kernel's events say how it goes on. */
	link->connection = DITTO_CONNECTION_HANDSHAKE;
	link->lasted = false;
	quiet(link);
}
