// SPDX-License-Identifier: GPL-2.0
/* Waiting, and the verb wait-sync. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lacks.h"
#include "names.h"
#include "wait.h"

/* How often is looked without an event, milliseconds: progress has none. */
#define REFRESH_MS	1000

double wait_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

int wait_begin(struct wait *wait, struct tool *tool, const char *name)
{
	const char *asked = getenv("DITTO_PROGRESS");
	struct why why;

	memset(wait, 0, sizeof(*wait));
	wait->name = name;
	wait->k = tool_kernel(tool);
	if (!wait->k)
		return EXIT_FAILED;
	if (kernel_events_open(&wait->events, &why))
		return tool_fail(name, &why);
	wait->progress = isatty(STDERR_FILENO) || (asked && !strcmp(asked, "1"));
	wait->deadline = tool->timeout < 0 ? -1 : wait_now() + tool->timeout;
	return EXIT_DONE;
}

void wait_end(struct wait *wait)
{
	wait_show_end(wait);
	kernel_events_close(wait->events);
}

void wait_show_end(struct wait *wait)
{
	if (wait->shown)
		fputc('\n', stderr);
	wait->shown = false;
}

void wait_show(struct wait *wait, const char *text)
{
	if (!wait->progress)
		return;
	/* \033[K: the rest of a longer line before */
	fprintf(stderr, "\r%.79s\033[K", text);
	fflush(stderr);
	wait->shown = true;
}

static void on_event(const struct kernel_event *event, void *data)
{
	struct wait *wait = data;

	if (event->event == DITTO_EVENT_VERIFY_DONE && event->has_peer &&
	    event->peer_id < DITTO_MAX_NODES && !strcmp(event->name, wait->name))
		wait->done |= 1U << event->peer_id;
}

bool wait_for_news(struct wait *wait)
{
	struct pollfd pollfd = { .fd = kernel_events_fd(wait->events), .events = POLLIN };
	double left = wait->deadline < 0 ? REFRESH_MS : (wait->deadline - wait_now()) * 1000;

	if (left <= 0)
		return true;
	poll(&pollfd, 1, left < REFRESH_MS ? (int)left + 1 : REFRESH_MS);
	/* Lost events do no harm: everything is looked at again anyway. */
	kernel_events_read(wait->events, on_event, wait, NULL);
	return false;
}

/* Everything that is missing, a line each. */
static void print_lacks(const struct kernel_resource *resource)
{
	char text[512];

	if (resource->disk.state != DITTO_DISK_UP_TO_DATE)
		fprintf(stderr, "ditto: %s: the local disk is %s\n", resource->name,
			disk_name(resource->disk.state));
	for (unsigned int i = 0; i < resource->n_peers; i++)
		if (lacks_peer(&resource->peers[i], text, sizeof(text)))
			fprintf(stderr, "ditto: %s: %s\n", resource->name, text);
}

static int wait_sync(struct wait *wait)
{
	struct kernel_resource *resource;
	char text[512], line[640];
	struct why why;
	unsigned int lacks;

	for (;;) {
		if (kernel_get(wait->k, wait->name, &resource, &why))
			return tool_fail(wait->name, &why);
		lacks = lacks_resource(resource, text, sizeof(text));
		if (!lacks) {
			wait_show(wait, "every disk is UpToDate");
			kernel_free(resource);
			return EXIT_DONE;
		}
		snprintf(line, sizeof(line), lacks > 1 ? "%s (and %u more)" : "%s", text,
			 lacks - 1);
		wait_show(wait, line);
		if (wait_for_news(wait))
			break;
		kernel_free(resource);
	}
	wait_show_end(wait);
	fprintf(stderr, "ditto: %s: not in sync when the time was up\n", wait->name);
	print_lacks(resource);
	kernel_free(resource);
	return EXIT_FAILED;
}

static int wait_sync_one(struct tool *tool, const char *name)
{
	struct wait wait;
	int code = wait_begin(&wait, tool, name);

	if (code)
		return code;
	code = wait_sync(&wait);
	wait_end(&wait);
	return code;
}

int verb_wait_sync(struct tool *tool, int argc, char **argv)
{
	struct kernel *k = tool_kernel(tool);
	struct kernel_resource *list;
	struct why why;
	int code = EXIT_DONE;

	(void)argc;
	if (!k)
		return EXIT_FAILED;
	if (strcmp(argv[0], "all"))
		return wait_sync_one(tool, argv[0]);
	if (kernel_dump(k, &list, &why))
		return tool_fail("wait-sync", &why);
	for (struct kernel_resource *r = list; r; r = r->next)
		if (wait_sync_one(tool, r->name))
			code = EXIT_FAILED;
	kernel_free(list);
	return code;
}
