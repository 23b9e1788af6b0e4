/* SPDX-License-Identifier: GPL-2.0 */
/* A test is a function that expects; a suite is the tests of one file of the core. */
#ifndef DITTO_UNIT_TEST_H
#define DITTO_UNIT_TEST_H

#include "port.h"

struct test {
	const char *name;
	void (*run)(void);
};

/* Ends with a test without a name. */
extern const struct test bits_tests[];
extern const struct test intent_tests[];
extern const struct test intent_block_tests[];
extern const struct test intent_model_tests[];
extern const struct test md_tests[];
extern const struct test wire_tests[];
extern const struct test wire_payload_tests[];
extern const struct test wire_sums_tests[];
extern const struct test blocksize_tests[];
extern const struct test history_tests[];
extern const struct test stream_tests[];
extern const struct test stream_model_tests[];
extern const struct test apply_tests[];
extern const struct test resync_tests[];
extern const struct test resync_compare_tests[];
extern const struct test pair_tests[];
extern const struct test stream_account_tests[];
extern const struct test stream_disk_tests[];
extern const struct test fold_tests[];
extern const struct test stream_repair_tests[];
extern const struct test apply_account_tests[];
extern const struct test account_tests[];
extern const struct test account_model_tests[];
extern const struct test pace_tests[];

/* Says so, and the test has failed; the first few of a test are printed. */
void test_failed(const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#define EXPECT_TRUE(cond) do {						\
	if (!(cond))							\
		test_failed(__FILE__, __LINE__, "%s", #cond);		\
} while (0)

#define EXPECT_FALSE(cond) EXPECT_TRUE(!(cond))

#define EXPECT_EQ(left, right) do {					\
	long long expect_l = (long long)(left);				\
	long long expect_r = (long long)(right);			\
	if (expect_l != expect_r)					\
		test_failed(__FILE__, __LINE__, "%s is %lld, %s is %lld", \
			    #left, expect_l, #right, expect_r);		\
} while (0)

#define EXPECT_STREQ(left, right) do {					\
	const char *expect_l = (left), *expect_r = (right);		\
	if (!expect_l || strcmp(expect_l, expect_r))			\
		test_failed(__FILE__, __LINE__, "%s is \"%s\", not \"%s\"", \
			    #left, expect_l ?: "(null)", expect_r);	\
} while (0)

/* The same numbers at every run, from the same seed. */
struct test_random {
	u64 state;
};

u32 test_random(struct test_random *random);
/* Below @bound. */
u32 test_below(struct test_random *random, u32 bound);

#endif /* DITTO_UNIT_TEST_H */
