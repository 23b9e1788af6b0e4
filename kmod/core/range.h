/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A set of ranges of the device that may overlap, and the question which of
 * them cross a given one. In the kernel it is the kernel's interval tree
 * (range.c); in user space a plain list does (range_user.c).
 *
 * The caller serialises all calls on one set.
 */
#ifndef DITTO_CORE_RANGE_H
#define DITTO_CORE_RANGE_H

#include "port.h"

/**
 * struct ditto_range - a member of a set, inside the object it belongs to
 * @rb: the set's
 * @start: first byte
 * @last: last byte, not below @start
 * @subtree_last: the set's
 * @kind: the owner's own mark, by which it tells the objects apart
 */
struct ditto_range {
	struct rb_node rb;
	u64 start;
	u64 last;
	u64 subtree_last;
	u8 kind;
};

struct ditto_ranges {
	struct rb_root_cached root;
};

void ditto_ranges_init(struct ditto_ranges *set);
bool ditto_ranges_empty(const struct ditto_ranges *set);
void ditto_ranges_insert(struct ditto_ranges *set, struct ditto_range *range);
void ditto_ranges_remove(struct ditto_ranges *set, struct ditto_range *range);

/* Some member that crosses [@start, @last], then each other one; NULL ends. */
struct ditto_range *ditto_ranges_first(struct ditto_ranges *set, u64 start, u64 last);
struct ditto_range *ditto_ranges_next(struct ditto_range *range, u64 start, u64 last);

#endif /* DITTO_CORE_RANGE_H */
