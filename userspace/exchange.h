/* SPDX-License-Identifier: GPL-2.0 */
/* One connection to a peer's daemon: connect, send a preamble, read one back. */
#ifndef DITTO_EXCHANGE_H
#define DITTO_EXCHANGE_H

#include <stddef.h>
#include <stdint.h>

#include "preamble.h"

struct event;
struct link;

/**
 * struct exchange - embedded in whoever wants the answer
 * @done: called once: @wrong is NULL and @answer the peer's, or what went wrong
 * @fd: of the caller's once @done was called without @wrong
 * @bytes: what is sent, then what is read
 * @at: bytes of it that were read
 */
struct exchange {
	void (*done)(struct exchange *exchange, const char *wrong);
	int fd;
	struct event *event;
	unsigned int timeout_ms;
	uint8_t bytes[PREAMBLE_SIZE];
	size_t at;
	struct preamble answer;
};

/**
 * exchange_start() - connect to a link's peer and send
 * @exchange: @done is set, the rest is overwritten
 *
 * @done is not called before this has returned 0.
 *
 * Return: 0, or a negative errno where it cannot begin; nothing is left then.
 */
int exchange_start(struct exchange *exchange, struct link *link,
		   const struct preamble *preamble);

/* Forgets it, and closes what is not the caller's. Harmless when it has ended. */
void exchange_end(struct exchange *exchange);

/* A preamble to a link's peer. */
struct preamble exchange_request(const struct link *link, uint8_t lane, uint64_t cookie);

/* A random cookie, never 0. */
uint64_t exchange_cookie(void);

#endif /* DITTO_EXCHANGE_H */
