// SPDX-License-Identifier: GPL-2.0
/*
 *	sim --seed N [--steps N] [--trace]	one run, again and again the same
 *	sim --runs N [--seed BASE] [--steps N]	many seeds
 *	sim --check [--runs N] [--steps N]	scenarios and many seeds, as TAP
 *		[--first]			and no more after the first that fails
 */
#include <getopt.h>
#include <signal.h>
#include <unistd.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif

#include "scenario.h"
#include "workload.h"

/* Many short ones, since most of what happens needs no more, and some long ones. */
#define SHORT_RUNS	20000u
#define SHORT_STEPS	70u
#define LONG_RUNS	1000u
#define LONG_STEPS	500u
#define BUNCH		1000u	/* runs that are one line of TAP */

static struct {
	bool seeded;
	u64 seed;
	u32 runs;
	u32 steps;
	bool trace;
	bool check;
	bool first;
} options = { .seed = 1 };

/* An assertion of the core or a sanitizer ends the process: say where it was. */
static void say_where(void)
{
	char text[80];
	int len = snprintf(text, sizeof(text), "# seed %llu step %u\n", sim.seed, sim.step);

	if (write(STDOUT_FILENO, text, len) < 0)
		return;
}

static void aborted(int signal)
{
	say_where();
	_exit(128 + signal);
}

/* Once more, with what has happened kept in mind. */
static void show_failure(u64 seed)
{
	workload_run(seed, options.steps, false, true);
	sim_report();
	printf("# to see all of it: sim --seed %llu --steps %u --trace\n", seed, options.steps);
}

/* Return: how many failed. */
static u32 run_seeds(u64 first, u32 count)
{
	u32 i, failed = 0;

	for (i = 0; i < count; i++) {
		if (workload_run(first + i, options.steps, false, false))
			continue;
		failed++;
		show_failure(first + i);
		if (failed == 3 || options.first) {
			printf("# no more seeds are tried\n");
			break;
		}
	}
	return failed;
}

static u32 number, totals[3];

/* Bunches behind one that fails would tell the same. */
static void check_seeds(u64 first, u32 runs, u32 steps)
{
	u32 done, count, failed = 0;

	options.steps = steps;
	for (done = 0; done < runs && !failed; done += count) {
		count = min(BUNCH, runs - done);
		failed = run_seeds(first + done, count);
		totals[failed ? SCENARIO_FAILED : SCENARIO_PASSED]++;
		printf("%s %u - random: seeds %llu to %llu, %u steps each\n",
		       failed ? "not ok" : "ok", ++number, first + done, first + done + count - 1,
		       steps);
	}
}

static int check(void)
{
	u32 i, bunches = DIV_ROUND_UP(SHORT_RUNS, BUNCH) + DIV_ROUND_UP(LONG_RUNS, BUNCH);

	if (options.runs)
		bunches = DIV_ROUND_UP(options.runs, BUNCH);
	printf("TAP version 13\n1..%u\n", scenario_count() + bunches);
	for (i = 0; i < scenario_count(); i++)
		totals[scenario_run(i, ++number)]++;
	if (totals[SCENARIO_FAILED] && options.first)
		return 1;
	if (options.runs) {
		check_seeds(options.seed, options.runs, options.steps);
	} else {
		check_seeds(options.seed, SHORT_RUNS, SHORT_STEPS);
		if (totals[SCENARIO_FAILED] && options.first)
			return 1;
		check_seeds(options.seed + SHORT_RUNS, LONG_RUNS, LONG_STEPS);
	}
	printf("%u passed, %u failed, %u skipped\n", totals[SCENARIO_PASSED],
	       totals[SCENARIO_FAILED], totals[SCENARIO_SKIPPED]);
	return totals[SCENARIO_FAILED] ? 1 : 0;
}

static int usage(void)
{
	fprintf(stderr, "usage: sim [--seed N] [--steps N] [--trace] [--runs N] [--check]\n");
	return 2;
}

static bool parse(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "seed", required_argument, NULL, 's' },
		{ "steps", required_argument, NULL, 'n' },
		{ "runs", required_argument, NULL, 'r' },
		{ "trace", no_argument, NULL, 't' },
		{ "check", no_argument, NULL, 'c' },
		{ "first", no_argument, NULL, 'f' },
		{}
	};
	int option;

	while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (option) {
		case 's':
			options.seed = strtoull(optarg, NULL, 0);
			break;
		case 'n':
			options.steps = strtoul(optarg, NULL, 0);
			break;
		case 'r':
			options.runs = strtoul(optarg, NULL, 0);
			break;
		case 't':
			options.trace = true;
			break;
		case 'c':
			options.check = true;
			break;
		case 'f':
			options.first = true;
			break;
		default:
			return false;
		}
	}
	return optind == argc;
}

int main(int argc, char **argv)
{
	u32 failed;

	if (!parse(argc, argv))
		return usage();
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!options.steps)
		options.steps = WORKLOAD_STEPS;
	signal(SIGABRT, aborted);
#ifdef __SANITIZE_ADDRESS__
	__sanitizer_set_death_callback(say_where);
#endif
	if (options.check)
		return check();
	if (options.runs) {
		failed = run_seeds(options.seed, options.runs);
		printf("%u runs, %u failed\n", options.runs, failed);
		return failed ? 1 : 0;
	}
	if (workload_run(options.seed, options.steps, options.trace, true)) {
		printf("seed %llu: nothing was broken\n", options.seed);
		return 0;
	}
	sim_report();
	return 1;
}
