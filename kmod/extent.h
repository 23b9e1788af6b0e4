/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How an extent of a resync comes to the target's disk: without what newer writes
 * cover, and with its zeroes as holes where the disk can have holes.
 */
#ifndef DITTO_EXTENT_H
#define DITTO_EXTENT_H

struct ditto_item;

/* The item is an extent, its regions are hot: write it. Process context. */
void ditto_extent_write(struct ditto_item *item);

#endif /* DITTO_EXTENT_H */
