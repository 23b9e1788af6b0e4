// SPDX-License-Identifier: GPL-2.0
/* Verbs that wait: wait-sync, verify. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "human.h"
#include "names.h"
#include "tool.h"
#include "wait.h"

/* How often is looked without an event, milliseconds: progress has none. */
#define REFRESH_MS	1000

/* A verify that no peer has begun after so many seconds will not begin. */
#define VERIFY_START_S	10

/**
 * struct wait - waiting for a resource
 * @progress: write to the terminal
 * @shown: a line without its end is on the terminal
 * @deadline: CLOCK_MONOTONIC seconds, or negative
 * @done: node ids whose verify has ended
 */
struct wait {
	const char *name;
	struct kernel *k;
	struct kernel_events *events;
	bool progress;
	bool shown;
	double deadline;
	uint32_t done;
};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static int begin(struct wait *wait, struct tool *tool, const char *name)
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
	wait->deadline = tool->timeout < 0 ? -1 : now() + tool->timeout;
	return EXIT_DONE;
}

static void end(struct wait *wait)
{
	if (wait->shown)
		fputc('\n', stderr);
	kernel_events_close(wait->events);
}

static void show(struct wait *wait, const char *text)
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

/* Until an event, the next refresh or the deadline; 1 when that is over. */
static int pause_until_news(struct wait *wait)
{
	struct pollfd pollfd = { .fd = kernel_events_fd(wait->events), .events = POLLIN };
	double left = wait->deadline < 0 ? REFRESH_MS : (wait->deadline - now()) * 1000;

	if (left <= 0)
		return 1;
	poll(&pollfd, 1, left < REFRESH_MS ? (int)left + 1 : REFRESH_MS);
	/* Lost events do no harm: everything is looked at again anyway. */
	kernel_events_read(wait->events, on_event, wait, NULL);
	return 0;
}

bool wait_peer_lacks(const struct kernel_peer *peer, char *text, size_t size)
{
	char amount[HUMAN_LEN], progress[HUMAN_PROGRESS];

	if (peer->connection != DITTO_CONNECTION_CONNECTED)
		snprintf(text, size, "%s is %s%s%s", peer->name,
			 connection_name(peer->connection), peer->reason[0] ? ": " : "",
			 peer->reason);
	else if (human_is_syncing(peer) && peer->replication != DITTO_REPLICATION_VERIFY)
		snprintf(text, size, "%s %s", peer->name, human_progress(peer, progress));
	else if (peer->disk != DITTO_DISK_UP_TO_DATE)
		snprintf(text, size, "the disk of %s is %s", peer->name, disk_name(peer->disk));
	else if (peer->out_of_sync)
		snprintf(text, size, "%s has %s out of sync", peer->name,
			 human_bytes(peer->out_of_sync, amount));
	else
		return false;
	return true;
}

unsigned int wait_lacks(const struct kernel_resource *resource, char *text, size_t size)
{
	unsigned int n = 0;
	char more[512];

	for (unsigned int i = 0; i < resource->n_peers; i++)
		if (wait_peer_lacks(&resource->peers[i], more, sizeof(more)) && !n++)
			copy_string(text, more, size);
	if (resource->disk.state != DITTO_DISK_UP_TO_DATE && !n++)
		snprintf(text, size, "the local disk is %s", disk_name(resource->disk.state));
	return n;
}

/* Everything that is missing, a line each. */
static void print_lacks(const struct kernel_resource *resource)
{
	char text[512];

	if (resource->disk.state != DITTO_DISK_UP_TO_DATE)
		fprintf(stderr, "ditto: %s: the local disk is %s\n", resource->name,
			disk_name(resource->disk.state));
	for (unsigned int i = 0; i < resource->n_peers; i++)
		if (wait_peer_lacks(&resource->peers[i], text, sizeof(text)))
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
		lacks = wait_lacks(resource, text, sizeof(text));
		if (!lacks) {
			show(wait, "every disk is UpToDate");
			kernel_free(resource);
			return EXIT_DONE;
		}
		snprintf(line, sizeof(line), lacks > 1 ? "%s (and %u more)" : "%s", text,
			 lacks - 1);
		show(wait, line);
		if (pause_until_news(wait))
			break;
		kernel_free(resource);
	}
	if (wait->shown)
		fputc('\n', stderr);
	wait->shown = false;
	fprintf(stderr, "ditto: %s: not in sync when the time was up\n", wait->name);
	print_lacks(resource);
	kernel_free(resource);
	return EXIT_FAILED;
}

static int wait_sync_one(struct tool *tool, const char *name)
{
	struct wait wait;
	int code = begin(&wait, tool, name);

	if (code)
		return code;
	code = wait_sync(&wait);
	end(&wait);
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

/* The peers that a verify compares: node ids. */
static uint32_t comparable(const struct kernel_resource *resource)
{
	uint32_t ids = 0;

	for (unsigned int i = 0; i < resource->n_peers; i++)
		if (resource->peers[i].connection == DITTO_CONNECTION_CONNECTED &&
		    (resource->peers[i].replication == DITTO_REPLICATION_ESTABLISHED ||
		     resource->peers[i].replication == DITTO_REPLICATION_VERIFY))
			ids |= 1U << resource->peers[i].id;
	return ids;
}

/* Looks once; the ids that are still being compared. @begun gathers. */
static uint32_t look(struct wait *wait, const struct kernel_resource *resource,
		     uint32_t ids, uint32_t *begun)
{
	uint32_t running = 0;
	char line[160], progress[HUMAN_PROGRESS];

	for (unsigned int i = 0; i < resource->n_peers; i++) {
		const struct kernel_peer *peer = &resource->peers[i];
		uint32_t bit = 1U << peer->id;

		if (!(ids & bit) || wait->done & bit)
			continue;
		if (peer->connection == DITTO_CONNECTION_CONNECTED &&
		    peer->replication == DITTO_REPLICATION_VERIFY) {
			*begun |= bit;
			if (!running) {
				snprintf(line, sizeof(line), "%s %s", peer->name,
					 human_progress(peer, progress));
				show(wait, line);
			}
			running |= bit;
		} else if (peer->connection == DITTO_CONNECTION_CONNECTED && !(*begun & bit)) {
			running |= bit;
		}
	}
	return running;
}

static int report_peer(const struct kernel_resource *resource,
		       const struct kernel_peer *peer, bool done)
{
	char amount[HUMAN_LEN];

	if (!done) {
		fprintf(stderr, "ditto: %s: %s was not compared to the end: %s %s\n",
			resource->name, peer->name, connection_name(peer->connection),
			peer->reason);
		return EXIT_FAILED;
	}
	if (peer->verify_skipped)
		printf("%s: %s: %s were being written all the time and were not compared\n",
		       resource->name, peer->name, human_bytes(peer->verify_skipped, amount));
	if (!peer->verify_errors) {
		printf("%s: %s: no differences\n", resource->name, peer->name);
		return EXIT_DONE;
	}
	printf("%s: %s: %s differ and were marked out of sync\n", resource->name, peer->name,
	       human_bytes(peer->verify_errors, amount));
	for (unsigned int i = 0; i < peer->n_ranges; i++)
		printf("  at byte %llu: %llu bytes\n",
		       (unsigned long long)peer->ranges[i].offset,
		       (unsigned long long)peer->ranges[i].length);
	return EXIT_FAILED;
}

static int report(const struct kernel_resource *resource, uint32_t ids, uint32_t done)
{
	int code = EXIT_DONE;

	for (unsigned int i = 0; i < resource->n_peers; i++) {
		const struct kernel_peer *peer = &resource->peers[i];

		if (!(ids & 1U << peer->id))
			fprintf(stderr, "ditto: %s: %s is %s/%s and was not compared\n",
				resource->name, peer->name, connection_name(peer->connection),
				disk_name(peer->disk));
		if (!(ids & 1U << peer->id) ||
		    report_peer(resource, peer, done & 1U << peer->id))
			code = EXIT_FAILED;
	}
	return code;
}

/* A peer has ended when its event said so, or when it was seen in Verify, is
 * no longer, and its connection is the same: the event may have been lost.
 */
static uint32_t ended(const struct wait *wait, const struct kernel_resource *resource,
		      uint32_t begun)
{
	uint32_t done = wait->done;

	for (unsigned int i = 0; i < resource->n_peers; i++)
		if (resource->peers[i].connection == DITTO_CONNECTION_CONNECTED)
			done |= begun & 1U << resource->peers[i].id;
	return done;
}

static int wait_verify(struct wait *wait, uint32_t ids)
{
	struct kernel_resource *resource;
	double latest_start = now() + VERIFY_START_S;
	uint32_t begun = 0, running;
	struct why why;
	int code;

	for (;;) {
		if (kernel_get(wait->k, wait->name, &resource, &why))
			return tool_fail(wait->name, &why);
		running = look(wait, resource, ids, &begun);
		if (!running || (!begun && now() > latest_start))
			break;
		kernel_free(resource);
		pause_until_news(wait);
	}
	if (wait->shown)
		fputc('\n', stderr);
	wait->shown = false;
	code = report(resource, ids, ended(wait, resource, begun));
	kernel_free(resource);
	return code;
}

static int verify_and_wait(struct tool *tool, const char *name)
{
	struct kernel_resource *resource;
	struct wait wait;
	uint32_t ids;
	struct why why;
	int code = begin(&wait, tool, name);

	if (code)
		return code;
	if (kernel_get(wait.k, name, &resource, &why)) {
		code = tool_fail(name, &why);
		goto end;
	}
	ids = comparable(resource);
	kernel_free(resource);
	if (kernel_verify(wait.k, name, false, &why))
		code = tool_fail(name, &why);
	else
		code = wait_verify(&wait, ids);
end:
	end(&wait);
	return code;
}

int verb_verify(struct tool *tool, int argc, char **argv)
{
	struct kernel *k;
	struct why why;

	(void)argc;
	if (tool->stop && tool->wait) {
		fprintf(stderr, "ditto: verify takes --stop or --wait, not both\n");
		return EXIT_USAGE;
	}
	if (tool->wait)
		return verify_and_wait(tool, argv[0]);
	k = tool_kernel(tool);
	if (!k)
		return EXIT_FAILED;
	if (kernel_verify(k, argv[0], tool->stop, &why))
		return tool_fail(argv[0], &why);
	return EXIT_DONE;
}
