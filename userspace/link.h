/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A link: a peer of a resource that is up, and the daemon's part in connecting
 * it. Links mirror the kernel's peers; the kernel's word is the only truth.
 */
#ifndef DITTO_LINK_H
#define DITTO_LINK_H

#include <sys/socket.h>

#include "daemon.h"

#define LINK_BACKOFF_MIN_MS	200
#define LINK_BACKOFF_MAX_MS	5000
/* A connection that is lost earlier than that is not dialled again at once. */
#define LINK_LASTED_MS		2000

struct dial;
struct knock;

/**
 * struct link - one peer of one resource
 * @label: "resource/peer", for the log
 * @known: addresses were read from the resource's file
 * @connection: enum ditto_connection_state as the kernel said last
 * @lasted: it did since the latest handover, or there was none
 * @connected_ms: when it was connected, by the monotonic clock
 * @knocked: the peer asked to be dialled
 * @backoff_ms: the pause before the next attempt; 0 for none
 * @retry: timer of that pause
 * @dial: the attempt under way, or NULL; only where own id < peer's
 * @knock: likewise; only where own id > peer's
 * @seen: by the refresh under way
 */
struct link {
	TAILQ_ENTRY(link) list;
	struct daemon *daemon;
	char label[2 * DITTO_NAME_LEN + 2];
	char resource[DITTO_NAME_LEN + 1];
	uint8_t uuid[16];
	uint32_t own_id;
	uint32_t peer_id;
	bool known;
	struct sockaddr_storage own_address;
	struct sockaddr_storage peer_address;
	uint32_t connection;
	bool lasted;
	uint64_t connected_ms;
	bool knocked;
	unsigned int backoff_ms;
	struct event *retry;
	struct dial *dial;
	struct knock *knock;
	bool seen;
};

/* The link of a resource's peer, or NULL. */
struct link *link_find(struct daemon *daemon, const char *resource, uint32_t peer_id);

/* The same by UUID. */
struct link *link_find_uuid(struct daemon *daemon, const uint8_t uuid[16], uint32_t peer_id);

/* A new one, StandAlone until link_update(); NULL without memory. */
struct link *link_new(struct daemon *daemon, const char *resource,
		      const struct kernel_peer *peer);
void link_free(struct link *link);

/**
 * link_addresses() - what the resource's file says
 * @own: NULL, like @peer, where it says nothing; nothing is dialled then
 *
 * When they become known, or others, a connection that is wanted is tried at once.
 */
void link_addresses(struct link *link, const struct sockaddr_storage *own,
		    const struct sockaddr_storage *peer);

/* The kernel says that the connection's state is now @state. */
void link_update(struct link *link, uint32_t state);

/* An attempt failed; another follows after the back-off. */
void link_failed(struct link *link, const char *text);

/* The peer asked to be dialled. */
void link_knocked(struct link *link);

/**
 * link_hand_over() - give the lanes of a connection to the kernel
 * @fds: closed here whatever happens
 */
void link_hand_over(struct link *link, uint64_t cookie, int fds[KERNEL_LANES]);

#endif /* DITTO_LINK_H */
