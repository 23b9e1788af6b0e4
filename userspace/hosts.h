/* SPDX-License-Identifier: GPL-2.0 */
/* The hosts that may speak to this node: all peers of all its files, up or not. */
#ifndef DITTO_HOSTS_H
#define DITTO_HOSTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

/**
 * struct hosts - a set of addresses, ports left aside
 * @n: valid entries of @addresses
 * @room: allocated entries
 */
struct hosts {
	size_t n;
	size_t room;
	struct sockaddr_storage *addresses;
};

/* Empties the set; the room stays. */
void hosts_clear(struct hosts *hosts);
void hosts_free(struct hosts *hosts);

/* Without memory the host stays unknown, and what it says is refused. */
void hosts_add(struct hosts *hosts, const struct sockaddr_storage *address);
bool hosts_has(const struct hosts *hosts, const struct sockaddr_storage *address);

#endif /* DITTO_HOSTS_H */
