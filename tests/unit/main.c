// SPDX-License-Identifier: GPL-2.0
#include <stdarg.h>

#include "test.h"

#define MOST_SAID	10

static unsigned int failures;

void test_failed(const char *file, int line, const char *format, ...)
{
	va_list args;

	if (failures++ >= MOST_SAID)
		return;
	printf("# %s:%d: ", file, line);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
}

/* splitmix64 */
u32 test_random(struct test_random *random)
{
	u64 z = random->state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return (z ^ z >> 31) >> 32;
}

u32 test_below(struct test_random *random, u32 bound)
{
	return (u64)test_random(random) * bound >> 32;
}

static const struct {
	const char *name;
	const struct test *tests;
} suites[] = {
	{ "bits", bits_tests },
	{ "intent", intent_tests },
	{ "intent_block", intent_block_tests },
	{ "intent_model", intent_model_tests },
	{ "md", md_tests },
	{ "wire", wire_tests },
	{ "wire_payload", wire_payload_tests },
	{ "wire_sums", wire_sums_tests },
	{ "blocksize", blocksize_tests },
	{ "history", history_tests },
	{ "stream", stream_tests },
	{ "apply", apply_tests },
	{ "resync", resync_tests },
	{ "resync_compare", resync_compare_tests },
	{ "pair", pair_tests },
	{ "stream_model", stream_model_tests },
	{ "stream_account", stream_account_tests },
	{ "stream_disk", stream_disk_tests },
	{ "fold", fold_tests },
	{ "stream_repair", stream_repair_tests },
	{ "apply_account", apply_account_tests },
	{ "account", account_tests },
	{ "account_model", account_model_tests },
	{ "pace", pace_tests },
};

int main(int argc, char **argv)
{
	const struct test *test;
	unsigned int i, count = 0, passed = 0, failed = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (i = 0; i < ARRAY_SIZE(suites); i++) {
		for (test = suites[i].tests; test->name; test++)
			count += argc < 2 || !strcmp(argv[1], suites[i].name);
	}
	printf("TAP version 13\n1..%u\n", count);
	for (i = 0; i < ARRAY_SIZE(suites); i++) {
		if (argc > 1 && strcmp(argv[1], suites[i].name))
			continue;
		for (test = suites[i].tests; test->name; test++) {
			failures = 0;
			test->run();
			*(failures ? &failed : &passed) += 1;
			printf("%s %u - %s: %s\n", failures ? "not ok" : "ok", passed + failed,
			       suites[i].name, test->name);
		}
	}
	printf("%u passed, %u failed, 0 skipped\n", passed, failed);
	return failed || !count;
}
