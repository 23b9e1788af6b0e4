/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Checksums of extents: the source makes them, the target compares them with its
 * own copy, so that blocks that are equal need not be sent.
 */
#ifndef DITTO_COMPARE_H
#define DITTO_COMPARE_H

#include "core/wire.h"

struct bio;
struct ditto_item;

/* @sums->shift is set: the checksums of @data's blocks. May sleep. */
void ditto_compare_sum(const struct bio *data, struct ditto_wire_sums *sums);

/*
 * An extent that is to be compared may go to the disk: read it, tell the source what
 * differs, and end the item as written. Without memory for that, all of it differs.
 */
void ditto_compare_begin(struct ditto_item *item);

int ditto_compare_init(void);
void ditto_compare_exit(void);

#endif /* DITTO_COMPARE_H */
