// SPDX-License-Identifier: GPL-2.0
/*
 * range.h for user space: a list, newest first, through rb_left (towards the
 * newer) and rb_right (towards the older).
 */
#include "range.h"

void ditto_ranges_init(struct ditto_ranges *set)
{
	memset(set, 0, sizeof(*set));
}

bool ditto_ranges_empty(const struct ditto_ranges *set)
{
	return !set->root.rb_leftmost;
}

void ditto_ranges_insert(struct ditto_ranges *set, struct ditto_range *range)
{
	struct rb_node *old = set->root.rb_leftmost;

	WARN_ON_ONCE(range->last < range->start);
	range->rb.rb_left = NULL;
	range->rb.rb_right = old;
	if (old)
		old->rb_left = &range->rb;
	set->root.rb_leftmost = &range->rb;
}

void ditto_ranges_remove(struct ditto_ranges *set, struct ditto_range *range)
{
	struct rb_node *newer = range->rb.rb_left;
	struct rb_node *older = range->rb.rb_right;

	WARN_ON_ONCE(!newer && set->root.rb_leftmost != &range->rb);
	if (newer)
		newer->rb_right = older;
	else
		set->root.rb_leftmost = older;
	if (older)
		older->rb_left = newer;
	memset(&range->rb, 0, sizeof(range->rb));
}

static struct ditto_range *crossing(struct rb_node *node, u64 start, u64 last)
{
	struct ditto_range *range;

	for (; node; node = node->rb_right) {
		range = container_of(node, struct ditto_range, rb);
		if (range->start <= last && range->last >= start)
			return range;
	}
	return NULL;
}

struct ditto_range *ditto_ranges_first(struct ditto_ranges *set, u64 start, u64 last)
{
	return crossing(set->root.rb_leftmost, start, last);
}

struct ditto_range *ditto_ranges_next(struct ditto_range *range, u64 start, u64 last)
{
	return crossing(range->rb.rb_right, start, last);
}
