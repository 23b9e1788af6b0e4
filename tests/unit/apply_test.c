#include "test.h"
const struct test apply_tests[] = { { } };
