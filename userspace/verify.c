// SPDX-License-Identifier: GPL-2.0
/* The verb verify. */
#include <stdio.h>

#include "human.h"
#include "names.h"
#include "wait.h"

/* A verify that no peer has begun after so many seconds will not begin. */
#define VERIFY_START_S	10

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
				wait_show(wait, line);
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
	double latest_start = wait_now() + VERIFY_START_S;
	uint32_t begun = 0, running;
	struct why why;
	int code;

	for (;;) {
		if (kernel_get(wait->k, wait->name, &resource, &why))
			return tool_fail(wait->name, &why);
		running = look(wait, resource, ids, &begun);
		if (!running || (!begun && wait_now() > latest_start))
			break;
		kernel_free(resource);
		wait_for_news(wait);
	}
	wait_show_end(wait);
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
	int code = wait_begin(&wait, tool, name);

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
	wait_end(&wait);
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
