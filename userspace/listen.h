/* SPDX-License-Identifier: GPL-2.0 */
/* The addresses that this node listens on. */
#ifndef DITTO_LISTEN_H
#define DITTO_LISTEN_H

#include <sys/socket.h>

#include "daemon.h"

/* Marks all as unwanted; listen_want() takes that back; listen_sweep() closes. */
void listen_mark(struct daemon *daemon);

/* Listens there. Return: false, after a message, where that fails. */
bool listen_want(struct daemon *daemon, const struct sockaddr_storage *address,
		 const char *text);
void listen_sweep(struct daemon *daemon);

#endif /* DITTO_LISTEN_H */
