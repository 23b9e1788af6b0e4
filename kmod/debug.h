/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For those who look for what is wrong with ditto, in debugfs, in
 * ditto/NAME@NAMESPACE:
 *
 * inflight	what is in flight; its form may change with every version
 * cool		a write lets those regions cool that nobody is writing to
 */
#ifndef DITTO_DEBUG_H
#define DITTO_DEBUG_H

struct ditto_resource;

void ditto_debug_add(struct ditto_resource *res);
void ditto_debug_del(struct ditto_resource *res);
int ditto_debug_init(void);
void ditto_debug_exit(void);

#endif /* DITTO_DEBUG_H */
