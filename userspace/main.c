// SPDX-License-Identifier: GPL-2.0
/* ditto: finds the verb, reads the options, calls. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_value.h"
#include "verbs.h"

#ifndef DITTO_VERSION
#define DITTO_VERSION	"0.1"
#endif

/* Values as in kmod/core/md.h, which only the metadata verbs include. */
#define MAX_PEERS_DEFAULT	7
#define MAX_PEERS_MOST		31
#define BLOCK_SHIFT_DEFAULT	14

static void print_verbs(FILE *out)
{
	fprintf(out, "usage: ditto VERB [RESOURCE|all] [OPTIONS]\n\n");
	for (const struct verb *verb = verbs; verb->name; verb++)
		fprintf(out, "  %-12s %s\n", verb->name, verb->summary);
	fprintf(out,
		"\noptions of every verb:\n"
		"  --node NAME       which section of the files is this node's (default: the\n"
		"                    host's name; environment: DITTO_NODE)\n"
		"  --config-dir DIR  where the files are (default: " CONFIG_DIR ";\n"
		"                    environment: DITTO_CONFIG_DIR)\n"
		"  --help            of a verb: what it does, and an example\n"
		"\nexample: ditto status --help\n");
}

static void print_help(const struct verb *verb)
{
	printf("usage: ditto %s %s\n\n%s.\n", verb->name, verb->arguments, verb->summary);
	if (verb->help[0])
		printf("\n%s", verb->help);
	printf("\nexample:\n  %s", verb->example);
}

static int usage(const struct verb *verb, const char *format, const char *what)
{
	fprintf(stderr, "ditto: ");
	fprintf(stderr, format, what);
	if (verb)
		fprintf(stderr, "\nusage: ditto %s %s\n", verb->name, verb->arguments);
	else
		fprintf(stderr, "; 'ditto --help' lists the verbs\n");
	return EXIT_USAGE;
}

/* Behind all of OPTION_*. */
enum { OPT_NODE = 1 << 16, OPT_CONFIG_DIR, OPT_HELP, OPT_VERSION };

static const struct option options[] = {
	{ "node", required_argument, NULL, OPT_NODE },
	{ "config-dir", required_argument, NULL, OPT_CONFIG_DIR },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ "force", no_argument, NULL, OPTION_FORCE },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "stop", no_argument, NULL, OPTION_STOP },
	{ "wait", no_argument, NULL, OPTION_WAIT },
	{ "fail", no_argument, NULL, OPTION_FAIL },
	{ "timeout", required_argument, NULL, OPTION_TIMEOUT },
	{ "max-peers", required_argument, NULL, OPTION_MAX_PEERS },
	{ "granularity", required_argument, NULL, OPTION_GRANULARITY },
	{ "block-size", required_argument, NULL, OPTION_BLOCK_SIZE },
	{ "size", required_argument, NULL, OPTION_SIZE },
	{ "assume-equal", no_argument, NULL, OPTION_ASSUME_EQUAL },
	{ 0 },
};

/* NULL, or what is wrong with the value. */
static const char *take_value(struct tool *tool, unsigned int option, const char *text)
{
	uint64_t value;

	switch (option) {
	case OPTION_TIMEOUT:
		if (!value_number(text, 0, 1000000000, &value))
			return "--timeout '%s': allowed are seconds, 0 to 1000000000";
		tool->timeout = value;
		return NULL;
	case OPTION_MAX_PEERS:
		if (!value_number(text, 1, MAX_PEERS_MOST, &value))
			return "--max-peers '%s': allowed are 1 to 31";
		tool->max_peers = value;
		return NULL;
	case OPTION_BLOCK_SIZE:
		if (!value_size(text, &value) || value < 512 || value > 4096 || value & (value - 1))
			return "--block-size '%s': allowed are powers of two, 512 to 4K";
		tool->block_size = value;
		return NULL;
	case OPTION_SIZE:
		if (!value_size(text, &value) || !value || value % 4096)
			return "--size '%s': allowed are multiples of 4K";
		tool->size = value;
		return NULL;
	default:
		if (!value_size(text, &value) || value < 4096 || value > 1 << 20 ||
		    value & (value - 1))
			return "--granularity '%s': allowed are powers of two, 4K to 1M";
		tool->block_shift = __builtin_ctzll(value);
		return NULL;
	}
}

static void take_flag(struct tool *tool, unsigned int option)
{
	if (option == OPTION_FORCE)
		tool->force = true;
	else if (option == OPTION_JSON)
		tool->json = true;
	else if (option == OPTION_STOP)
		tool->stop = true;
	else if (option == OPTION_WAIT)
		tool->wait = true;
	else if (option == OPTION_ASSUME_EQUAL)
		tool->assume_equal = true;
	else if (option == OPTION_FAIL)
		tool->fail = true;
}

static int run_all(struct tool *tool, const struct verb *verb, int argc, char **argv)
{
	struct config_names names;
	struct why why;
	int worst = EXIT_DONE;

	if (config_names(tool->config_dir, &names, &why))
		return tool_fail(verb->name, &why);
	if (!names.n)
		fprintf(stderr, "ditto: %s all: no NAME.conf in %s\n", verb->name,
			tool->config_dir);
	for (unsigned int i = 0; i < names.n; i++) {
		int code;

		argv[0] = names.names[i];
		code = verb->run(tool, argc, argv);
		if (code > worst)
			worst = code;
	}
	config_names_free(&names);
	return worst;
}

static int run_all_up(struct tool *tool, const struct verb *verb, int argc, char **argv)
{
	struct kernel *k = tool_kernel(tool);
	struct kernel_resource *list;
	struct why why;
	int worst = EXIT_DONE;

	if (!k)
		return EXIT_FAILED;
	if (kernel_dump(k, &list, &why))
		return tool_fail(verb->name, &why);
	for (struct kernel_resource *r = list; r; r = r->next) {
		int code;

		argv[0] = r->name;
		code = verb->run(tool, argc, argv);
		if (code > worst)
			worst = code;
	}
	kernel_free(list);
	return worst;
}

static int run(struct tool *tool, const struct verb *verb, int argc, char **argv)
{
	int code;

	if (argc < verb->min)
		return usage(verb, "%s: an argument is missing", verb->name);
	if (argc > verb->max)
		return usage(verb, "one argument too many: '%s'", argv[verb->max]);
	if (verb->all == ALL_FILES && !strcmp(argv[0], "all"))
		code = run_all(tool, verb, argc, argv);
	else if (verb->all == ALL_UP && !strcmp(argv[0], "all"))
		code = run_all_up(tool, verb, argc, argv);
	else
		code = verb->run(tool, argc, argv);
	kernel_close(tool->kernel);
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "ditto: the output could not be written: %s\n",
			strerror(errno));
		return EXIT_FAILED;
	}
	return code;
}

static int no_such_verb(const char *name)
{
	if (!verb_planned(name))
		return usage(NULL, "no verb '%s'", name);
	fprintf(stderr, "ditto: %s: not in this version\n", name);
	return EXIT_FAILED;
}

/**
 * struct line - what the command line said, before it is judged
 * @seen: OPTION_*
 * @bad: a format for what is wrong with an option's value, or NULL
 * @bad_value: that value
 */
struct line {
	unsigned int seen;
	bool help;
	bool version;
	const char *bad;
	const char *bad_value;
};

/* Options may stand anywhere. Return: false after getopt's own message. */
static bool read_options(struct tool *tool, struct line *line, int argc, char **argv)
{
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c == '?')
			return false;
		if (c == OPT_VERSION) {
			line->version = true;
		} else if (c == OPT_HELP || c == 'h') {
			line->help = true;
		} else if (c == OPT_NODE) {
			tool->node = optarg;
		} else if (c == OPT_CONFIG_DIR) {
			tool->config_dir = optarg;
		} else {
			line->seen |= c;
			if (!optarg)
				take_flag(tool, c);
			else if (!line->bad)
				line->bad = take_value(tool, c, line->bad_value = optarg);
		}
	}
	return true;
}

/* The first word that is no option is the verb. */
static int dispatch(struct tool *tool, const struct line *line, int argc, char **argv)
{
	const struct verb *verb;

	if (!argc || !strcmp(argv[0], "help")) {
		bool asked = line->help || argc;

		print_verbs(asked ? stdout : stderr);
		return asked ? EXIT_DONE : EXIT_USAGE;
	}
	verb = verb_find(argv[0]);
	if (!verb)
		return no_such_verb(argv[0]);
	if (line->help) {
		print_help(verb);
		return EXIT_DONE;
	}
	if (line->bad)
		return usage(verb, line->bad, line->bad_value);
	for (const struct option *option = options; option->name; option++)
		if (option->val < OPT_NODE && line->seen & option->val & ~verb->options)
			return usage(verb, "this verb takes no --%s", option->name);
	return run(tool, verb, argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
	const char *dir = getenv("DITTO_CONFIG_DIR");
	struct tool tool = {
		.config_dir = dir ? dir : CONFIG_DIR,
		.node = getenv("DITTO_NODE"),
		.timeout = -1,
		.max_peers = MAX_PEERS_DEFAULT,
		.block_shift = BLOCK_SHIFT_DEFAULT,
	};
	struct line line = { 0 };

	if (!read_options(&tool, &line, argc, argv)) {
		fprintf(stderr, "'ditto --help' lists verbs and options\n");
		return EXIT_USAGE;
	}
	if (line.version) {
		printf("ditto " DITTO_VERSION "\n");
		return EXIT_DONE;
	}
	return dispatch(&tool, &line, argc - optind, argv + optind);
}
