/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Guests: accepted connections that are not yet the kernel's. Each is read
 * exactly one preamble, judged, and parked until the other lanes of its cookie
 * are there. At most DAEMON_MAX_GUESTS at a time, none for longer than
 * lane_timeout_ms, and only from the addresses of peers.
 */
#ifndef DITTO_GUEST_H
#define DITTO_GUEST_H

#include <sys/socket.h>

#include "daemon.h"

/* Takes over @fd. */
void guest_new(struct daemon *daemon, int fd, const struct sockaddr_storage *from);

/* Closes the guests that are parked for @link, or all where it is NULL. */
void guest_drop(struct daemon *daemon, const struct link *link);

#endif /* DITTO_GUEST_H */
