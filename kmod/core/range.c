// SPDX-License-Identifier: GPL-2.0
/* range.h on the kernel's interval tree. */
#include <linux/interval_tree_generic.h>

#include "range.h"

#define START(range)	((range)->start)
#define LAST(range)	((range)->last)

INTERVAL_TREE_DEFINE(struct ditto_range, rb, u64, subtree_last, START, LAST, static, tree)

void ditto_ranges_init(struct ditto_ranges *set)
{
	set->root = RB_ROOT_CACHED;
}

bool ditto_ranges_empty(const struct ditto_ranges *set)
{
	return RB_EMPTY_ROOT(&set->root.rb_root);
}

void ditto_ranges_insert(struct ditto_ranges *set, struct ditto_range *range)
{
	tree_insert(range, &set->root);
}

void ditto_ranges_remove(struct ditto_ranges *set, struct ditto_range *range)
{
	tree_remove(range, &set->root);
}

struct ditto_range *ditto_ranges_first(struct ditto_ranges *set, u64 start, u64 last)
{
	return tree_iter_first(&set->root, start, last);
}

struct ditto_range *ditto_ranges_next(struct ditto_range *range, u64 start, u64 last)
{
	return tree_iter_next(range, start, last);
}
