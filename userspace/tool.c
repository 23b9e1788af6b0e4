// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>

#include "tool.h"

int tool_fail(const char *what, const struct why *why)
{
	fflush(stdout);
	fprintf(stderr, "ditto: %s: %s\n", what, why->text);
	return EXIT_FAILED;
}

struct kernel *tool_kernel(struct tool *tool)
{
	struct why why;

	if (!tool->kernel && kernel_open(&tool->kernel, &why)) {
		fprintf(stderr, "ditto: %s\n", why.text);
		return NULL;
	}
	return tool->kernel;
}

struct config *tool_config(struct tool *tool, const char *resource,
			   const struct config_node **own)
{
	struct config *config = calloc(1, sizeof(*config));
	struct why why;

	if (!config) {
		fprintf(stderr, "ditto: out of memory\n");
		return NULL;
	}
	if (config_load(tool->config_dir, resource, config, &why) ||
	    config_own(config, tool->node, own, &why)) {
		/* The text begins with the file already. */
		fprintf(stderr, "ditto: %s\n", why.text);
		free(config);
		return NULL;
	}
	return config;
}
