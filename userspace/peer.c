// SPDX-License-Identifier: GPL-2.0
/* Verbs about the peers of a resource. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_value.h"
#include "tool.h"

static const struct kernel_peer *find_peer(const struct kernel_resource *resource,
					   const char *text, struct why *why)
{
	char known[600] = "";
	uint64_t id = UINT64_MAX;
	size_t at = 0;

	value_number(text, 0, DITTO_MAX_NODES - 1, &id);
	for (unsigned int i = 0; i < resource->n_peers; i++)
		if (!strcmp(resource->peers[i].name, text))
			return &resource->peers[i];
	for (unsigned int i = 0; i < resource->n_peers; i++) {
		if (resource->peers[i].id == id)
			return &resource->peers[i];
		if (at + DITTO_NAME_LEN + 3 < sizeof(known))
			at += snprintf(known + at, sizeof(known) - at, "%s%s",
				       at ? ", " : "", resource->peers[i].name);
	}
	why_set(why, -ENOENT, "no peer '%s'; there are: %s", text, at ? known : "none");
	return NULL;
}

/* All peers, but those that are in the wanted state already. */
static int command_all(struct kernel *k, uint32_t cmd,
		       const struct kernel_resource *resource)
{
	int code = EXIT_DONE;

	for (unsigned int i = 0; i < resource->n_peers; i++) {
		const struct kernel_peer *peer = &resource->peers[i];
		bool alone = peer->connection == DITTO_CONNECTION_STANDALONE;
		struct why why;

		if (alone != (cmd == DITTO_CMD_CONNECT))
			continue;
		if (kernel_peer_command(k, cmd, resource->name, peer->id, &why)) {
			fprintf(stderr, "ditto: %s: %s: %s\n", resource->name, peer->name,
				why.text);
			code = EXIT_FAILED;
		}
	}
	return code;
}

static int command(struct tool *tool, uint32_t cmd, int argc, char **argv)
{
	struct kernel *k = tool_kernel(tool);
	struct kernel_resource *resource;
	const struct kernel_peer *peer;
	struct why why;
	int code;

	if (!k)
		return EXIT_FAILED;
	if (kernel_get(k, argv[0], &resource, &why))
		return tool_fail(argv[0], &why);
	if (argc == 1) {
		code = command_all(k, cmd, resource);
		kernel_free(resource);
		return code;
	}
	peer = find_peer(resource, argv[1], &why);
	if (!peer || kernel_peer_command(k, cmd, argv[0], peer->id, &why))
		code = tool_fail(argv[0], &why);
	else
		code = EXIT_DONE;
	kernel_free(resource);
	return code;
}

int verb_connect(struct tool *tool, int argc, char **argv)
{
	return command(tool, DITTO_CMD_CONNECT, argc, argv);
}

int verb_disconnect(struct tool *tool, int argc, char **argv)
{
	return command(tool, DITTO_CMD_DISCONNECT, argc, argv);
}

int verb_invalidate(struct tool *tool, int argc, char **argv)
{
	struct kernel *k;
	struct why why;

	if (argc == 2)
		return command(tool, DITTO_CMD_INVALIDATE, argc, argv);
	k = tool_kernel(tool);
	if (!k)
		return EXIT_FAILED;
	return kernel_invalidate(k, argv[0], &why) ? tool_fail(argv[0], &why) : EXIT_DONE;
}
