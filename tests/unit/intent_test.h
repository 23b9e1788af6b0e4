/* SPDX-License-Identifier: GPL-2.0 */
/* What the tests of the intent log share. */
#ifndef DITTO_UNIT_INTENT_TEST_H
#define DITTO_UNIT_INTENT_TEST_H

#include "intent.h"

/* Number of the first region that does not exist. */
u64 intent_limit(const struct ditto_intent *log);

/*
 * The newest sound copy of a block, as whoever attaches the disk finds it.
 * @copies: both; @numbers: DITTO_INTENT_PER_BLOCK. Return: 0, -EBADMSG for none.
 */
int intent_newest(const struct ditto_intent *log, const u8 *copies, u32 index, u64 *sequence,
		  u32 *numbers, u32 *count);

/* The region of that number, found without the hash; NULL where it is cold. */
const struct ditto_region *intent_region(const struct ditto_intent *log, u64 number);

/* Members of a list. */
u32 intent_count(const struct list_head *head);

#endif /* DITTO_UNIT_INTENT_TEST_H */
