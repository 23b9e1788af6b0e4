#include "test.h"
const struct test pair_tests[] = { { } };
