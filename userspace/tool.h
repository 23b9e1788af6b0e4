/* SPDX-License-Identifier: GPL-2.0 */
/* What the verbs of the tool share. */
#ifndef DITTO_TOOL_H
#define DITTO_TOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "kernel.h"
#include "why.h"

/* Exit codes; they are part of the interface. */
#define EXIT_DONE	0
#define EXIT_FAILED	1
#define EXIT_USAGE	2

/**
 * struct tool - the command line
 * @node: NULL takes the host's name
 * @timeout: seconds, or negative for none
 * @max_peers: bitmaps to make room for
 * @block_shift: log2 of the bytes that a bitmap bit covers
 * @block_size: bytes of the device's logical blocks, at least; 0: the disk's
 * @size: bytes of the device, 0: all there is room for
 * @kernel: opened by tool_kernel()
 */
struct tool {
	const char *config_dir;
	const char *node;
	bool force;
	bool assume_equal;
	bool json;
	bool stop;
	bool wait;
	bool fail;
	long timeout;
	uint32_t max_peers;
	uint32_t block_shift;
	uint32_t block_size;
	uint64_t size;
	struct kernel *kernel;
};

/**
 * tool_fail() - print why something failed
 * @what: resource or verb that it is about
 *
 * Return: EXIT_FAILED.
 */
int tool_fail(const char *what, const struct why *why);

/* The handle for requests; NULL after a message. */
struct kernel *tool_kernel(struct tool *tool);

/**
 * tool_config() - a resource's file and this node's section of it
 * @own: inside the returned config
 *
 * Return: to be freed by the caller; NULL after a message.
 */
struct config *tool_config(struct tool *tool, const char *resource,
			   const struct config_node **own);

/* The verbs: argv[0] is the first argument after the verb. Exit code. */
int verb_create_md(struct tool *tool, int argc, char **argv);
int verb_dump_md(struct tool *tool, int argc, char **argv);
int verb_check_md(struct tool *tool, int argc, char **argv);
int verb_up(struct tool *tool, int argc, char **argv);
int verb_down(struct tool *tool, int argc, char **argv);
int verb_attach(struct tool *tool, int argc, char **argv);
int verb_detach(struct tool *tool, int argc, char **argv);
int verb_promote(struct tool *tool, int argc, char **argv);
int verb_demote(struct tool *tool, int argc, char **argv);
int verb_pause_sync(struct tool *tool, int argc, char **argv);
int verb_resume_sync(struct tool *tool, int argc, char **argv);
int verb_suspend_io(struct tool *tool, int argc, char **argv);
int verb_resume_io(struct tool *tool, int argc, char **argv);
int verb_connect(struct tool *tool, int argc, char **argv);
int verb_disconnect(struct tool *tool, int argc, char **argv);
int verb_invalidate(struct tool *tool, int argc, char **argv);
int verb_status(struct tool *tool, int argc, char **argv);
int verb_wait_sync(struct tool *tool, int argc, char **argv);
int verb_verify(struct tool *tool, int argc, char **argv);
int verb_events(struct tool *tool, int argc, char **argv);

#endif /* DITTO_TOOL_H */
