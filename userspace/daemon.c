// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "daemon.h"
#include "kernel_events.h"
#include "log.h"

static void on_hangup(evutil_socket_t fd, short what, void *data)
{
	(void)fd;
	(void)what;
	log_line("SIGHUP: reading the configuration again");
	kernel_events_refresh(data);
}

static void on_term(evutil_socket_t fd, short what, void *data)
{
	struct daemon *daemon = data;

	(void)fd;
	(void)what;
	event_base_loopbreak(daemon->base);
}

static int add_signal(struct daemon *daemon, int number, event_callback_fn call,
		      struct event **event)
{
	*event = evsignal_new(daemon->base, number, call, daemon);
	if (!*event || event_add(*event, NULL))
		return -ENOMEM;
	return 0;
}

static int start(struct daemon *daemon)
{
	signal(SIGPIPE, SIG_IGN);
	/* It must run when memory is short: ditto may be what memory is written to. */
	if (mlockall(MCL_CURRENT | MCL_FUTURE) < 0)
		log_line("memory is not locked: %s", strerror(errno));
	daemon->base = event_base_new();
	if (!daemon->base ||
	    add_signal(daemon, SIGHUP, on_hangup, &daemon->hangup_event) ||
	    add_signal(daemon, SIGTERM, on_term, &daemon->term_event) ||
	    add_signal(daemon, SIGINT, on_term, &daemon->int_event)) {
		log_line("cannot start the event loop");
		return -ENOMEM;
	}
	return kernel_events_start(daemon);
}

static void drop(struct event *event)
{
	if (event)
		event_free(event);
}

int daemon_run(struct daemon *daemon)
{
	int ret;

	TAILQ_INIT(&daemon->links);
	TAILQ_INIT(&daemon->listeners);
	TAILQ_INIT(&daemon->guests);
	ret = start(daemon);
	if (!ret) {
		if (daemon->on_ready)
			daemon->on_ready();
		event_base_dispatch(daemon->base);
		log_line("ending; live connections go on");
	}
	kernel_events_stop(daemon);
	drop(daemon->hangup_event);
	drop(daemon->term_event);
	drop(daemon->int_event);
	if (daemon->base)
		event_base_free(daemon->base);
	log_forget();
	return ret;
}
