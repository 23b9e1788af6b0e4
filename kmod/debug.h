/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is in flight, in debugfs: ditto/NAME@NAMESPACE/inflight. Its form may
 * change with every version.
 */
#ifndef DITTO_DEBUG_H
#define DITTO_DEBUG_H

struct ditto_resource;

void ditto_debug_add(struct ditto_resource *res);
void ditto_debug_del(struct ditto_resource *res);
void ditto_debug_init(void);
void ditto_debug_exit(void);

#endif /* DITTO_DEBUG_H */
