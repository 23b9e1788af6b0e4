// SPDX-License-Identifier: GPL-2.0
/* Verbs about a resource of this node. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "tool.h"

static int attach(struct kernel *k, const struct config *config,
		  const struct config_node *own, struct why *why)
{
	struct why kernel_says;
	int ret;

	ret = kernel_attach(k, config->name, own->disk,
			    own->metadata[0] ? own->metadata : NULL, &kernel_says);
	if (!ret)
		return 0;
	return why_set(why, ret, "attach %s: %s%s", own->disk, kernel_says.text,
		       ret == -ENODATA ? "; 'ditto create-md' writes metadata" : "");
}

static int add_peers(struct kernel *k, const struct config *config,
		     const struct config_node *own, struct why *why)
{
	for (unsigned int i = 0; i < config->n_nodes; i++) {
		const struct config_node *node = &config->nodes[i];
		struct why kernel_says;
		int ret;

		if (node == own)
			continue;
		ret = kernel_peer_new(k, config->name, node->id, node->name, &kernel_says);
		if (ret)
			return why_set(why, ret, "add peer %s: %s", node->name,
				       kernel_says.text);
	}
	return 0;
}

static int connect_peers(struct kernel *k, const struct config *config,
			 const struct config_node *own, struct why *why)
{
	for (unsigned int i = 0; i < config->n_nodes; i++) {
		const struct config_node *node = &config->nodes[i];
		struct why kernel_says;
		int ret;

		if (node == own)
			continue;
		ret = kernel_peer_command(k, DITTO_CMD_CONNECT, config->name, node->id,
					  &kernel_says);
		if (ret)
			return why_set(why, ret, "connect %s: %s", node->name,
				       kernel_says.text);
	}
	return 0;
}

static int bring_up(struct kernel *k, const struct config *config,
		    const struct config_node *own, struct why *why)
{
	struct why kernel_says, undo;
	int ret;

	ret = kernel_resource_new(k, config->name, config->uuid, own->id,
				  &config->options, &kernel_says);
	if (ret)
		return why_set(why, ret, "create the resource: %s", kernel_says.text);
	ret = add_peers(k, config, own, why);
	if (!ret)
		ret = attach(k, config, own, why);
	if (!ret)
		ret = connect_peers(k, config, own, why);
	if (ret && kernel_resource_del(k, config->name, &undo))
		fprintf(stderr, "ditto: %s: what was done could not be undone: %s\n",
			config->name, undo.text);
	return ret;
}

int verb_up(struct tool *tool, int argc, char **argv)
{
	const struct config_node *own;
	struct config *config = tool_config(tool, argv[0], &own);
	struct kernel *k;
	struct why why;
	int code = EXIT_FAILED;

	(void)argc;
	if (!config)
		return EXIT_FAILED;
	k = tool_kernel(tool);
	if (k)
		code = bring_up(k, config, own, &why) ? tool_fail(argv[0], &why) : EXIT_DONE;
	free(config);
	return code;
}

int verb_attach(struct tool *tool, int argc, char **argv)
{
	const struct config_node *own;
	struct config *config = tool_config(tool, argv[0], &own);
	struct kernel *k;
	struct why why;
	int code = EXIT_FAILED;

	(void)argc;
	if (!config)
		return EXIT_FAILED;
	k = tool_kernel(tool);
	if (k)
		code = attach(k, config, own, &why) ? tool_fail(argv[0], &why) : EXIT_DONE;
	free(config);
	return code;
}

static int run_command(struct tool *tool, uint32_t cmd, const char *resource)
{
	struct kernel *k = tool_kernel(tool);
	struct why why;

	if (!k)
		return EXIT_FAILED;
	return kernel_command(k, cmd, resource, &why) ? tool_fail(resource, &why) : EXIT_DONE;
}

int verb_down(struct tool *tool, int argc, char **argv)
{
	(void)argc;
	return run_command(tool, DITTO_CMD_RESOURCE_DEL, argv[0]);
}

int verb_detach(struct tool *tool, int argc, char **argv)
{
	struct kernel *k = tool_kernel(tool);
	struct why why;

	(void)argc;
	if (!k)
		return EXIT_FAILED;
	return kernel_detach(k, argv[0], tool->force, &why) ? tool_fail(argv[0], &why) : EXIT_DONE;
}

int verb_pause_sync(struct tool *tool, int argc, char **argv)
{
	(void)argc;
	return run_command(tool, DITTO_CMD_SYNC_PAUSE, argv[0]);
}

int verb_resume_sync(struct tool *tool, int argc, char **argv)
{
	(void)argc;
	return run_command(tool, DITTO_CMD_SYNC_RESUME, argv[0]);
}

int verb_suspend_io(struct tool *tool, int argc, char **argv)
{
	(void)argc;
	return run_command(tool, DITTO_CMD_IO_SUSPEND, argv[0]);
}

int verb_resume_io(struct tool *tool, int argc, char **argv)
{
	struct kernel *k = tool_kernel(tool);
	struct why why;

	(void)argc;
	if (!k)
		return EXIT_FAILED;
	return kernel_resume_io(k, argv[0], tool->fail, &why) ? tool_fail(argv[0], &why) :
								EXIT_DONE;
}

static int set_role(struct tool *tool, const char *resource, uint32_t role, uint32_t flags)
{
	struct kernel *k = tool_kernel(tool);
	struct why why;

	if (!k)
		return EXIT_FAILED;
	if (kernel_role(k, resource, role, flags, &why))
		return tool_fail(resource, &why);
	return EXIT_DONE;
}

int verb_promote(struct tool *tool, int argc, char **argv)
{
	(void)argc;
	return set_role(tool, argv[0], DITTO_ROLE_PRIMARY,
			(tool->force ? DITTO_FLAG_FORCE : 0) |
			(tool->assume_equal ? DITTO_FLAG_ASSUME_EQUAL : 0));
}

int verb_demote(struct tool *tool, int argc, char **argv)
{
	(void)argc;
	return set_role(tool, argv[0], DITTO_ROLE_SECONDARY, tool->force ? DITTO_FLAG_FORCE : 0);
}
