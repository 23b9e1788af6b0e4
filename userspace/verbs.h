/* SPDX-License-Identifier: GPL-2.0 */
/* The table of the tool's verbs. */
#ifndef DITTO_VERBS_H
#define DITTO_VERBS_H

#include "tool.h"

/* Options that a verb takes; --node, --config-dir and --help go everywhere. */
#define OPTION_FORCE		(1U << 0)
#define OPTION_JSON		(1U << 1)
#define OPTION_STOP		(1U << 2)
#define OPTION_WAIT		(1U << 3)
#define OPTION_TIMEOUT		(1U << 4)
#define OPTION_MAX_PEERS	(1U << 5)
#define OPTION_GRANULARITY	(1U << 6)
#define OPTION_BLOCK_SIZE	(1U << 7)
#define OPTION_SIZE		(1U << 8)
#define OPTION_ASSUME_EQUAL	(1U << 9)
#define OPTION_FAIL		(1U << 10)

/* What "all" stands for; without either the verb sees to it by itself. */
enum verb_all {
	ALL_NONE,
	ALL_FILES,		/* each resource that has a file */
	ALL_UP,			/* each resource that is up here */
};

/**
 * struct verb - one verb
 * @min: fewest arguments
 * @max: most
 * @options: OPTION_*
 * @arguments: for the usage line
 * @summary: one line
 * @help: paragraphs, with the options
 * @example: at least one command, with what it does
 */
struct verb {
	const char *name;
	int (*run)(struct tool *tool, int argc, char **argv);
	int min;
	int max;
	unsigned int options;
	enum verb_all all;
	const char *arguments;
	const char *summary;
	const char *help;
	const char *example;
};

/* Ends with an entry without a name. */
extern const struct verb verbs[];

/* The entry, or NULL. */
const struct verb *verb_find(const char *name);

/* Whether the design names it and this version does not have it. */
bool verb_planned(const char *name);

#endif /* DITTO_VERBS_H */
