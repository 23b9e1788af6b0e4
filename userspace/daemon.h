/* SPDX-License-Identifier: GPL-2.0 */
/* The daemon as a whole: settings, state, main loop. */
#ifndef DITTO_DAEMON_H
#define DITTO_DAEMON_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "hosts.h"
#include "kernel.h"

struct event_base;
struct event;
struct link;
struct listener;
struct guest;

TAILQ_HEAD(link_list, link);
TAILQ_HEAD(listener_list, listener);
TAILQ_HEAD(guest_list, guest);

/* Connections whose preamble or whose other lanes have not come yet. */
#define DAEMON_MAX_GUESTS	64

/**
 * struct daemon - one in each network namespace
 * @config_dir: where the files are
 * @node: NULL takes the host's name
 * @lane_timeout_ms: for a connection to be set up, and for a lane to find the others
 * @on_ready: called once everything listens; may be NULL
 * @kernel: for requests
 * @kernel_events: the subscription
 * @hosts: whom guests may come from
 * @n_guests: in @guests, oldest first
 */
struct daemon {
	const char *config_dir;
	const char *node;
	unsigned int lane_timeout_ms;
	void (*on_ready)(void);

	struct event_base *base;
	struct kernel *kernel;
	struct kernel_events *kernel_events;
	struct event *kernel_event;
	struct event *refresh_event;
	struct event *hangup_event;
	struct event *term_event;
	struct event *int_event;
	struct link_list links;
	struct listener_list listeners;
	struct hosts hosts;
	struct guest_list guests;
	unsigned int n_guests;
};

#define DAEMON_LANE_TIMEOUT_MS	10000

/**
 * daemon_run() - serve until SIGTERM
 * @daemon: the first four fields are the caller's, the others zero
 *
 * Return: 0 or a negative errno after a message.
 */
int daemon_run(struct daemon *daemon);

#endif /* DITTO_DAEMON_H */
