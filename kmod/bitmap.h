/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The dirty bitmaps of a disk, one for each other disk node: their memory,
 * and their pages in the metadata.
 *
 * Bits that a write sets are on disk before its regions cool; until then the
 * intent log speaks for them. Bits set for other reasons are written by
 * whoever sets them. That a cleared bit comes to the disk late costs a resync
 * of what is equal, nothing else.
 */
#ifndef DITTO_BITMAP_H
#define DITTO_BITMAP_H

#include <linux/types.h>

struct ditto_peer;
struct ditto_resource;

/**
 * ditto_bitmap_new() - memory for a peer's bitmap, and what the disk knows of it
 *
 * Pages are read where the superblock says that they mean something; else all
 * bits are set. Under conf, with a disk. Return: 0, -ENOMEM, -EIO.
 */
int ditto_bitmap_new(struct ditto_peer *peer);
void ditto_bitmap_free(struct ditto_peer *peer);

/**
 * ditto_bitmap_keep() - from now on the peer's bitmap is kept on disk
 *
 * Gives it an entry in the superblock where it has none, and writes all pages
 * where they meant nothing so far. Under conf.
 * Return: 0, -ENOSPC where the metadata has no room for one more peer, -EIO.
 */
int ditto_bitmap_keep(struct ditto_peer *peer);

/* Set all bits, and let the superblock say so; the caller writes it. Under conf. */
void ditto_bitmap_distrust(struct ditto_peer *peer);

/*
 * Write all dirty pages of all peers: every bit set before the call is on disk
 * when it returns 0. May sleep, for DITTO_DISK_TIMEOUT_MS a page.
 */
int ditto_bitmap_write(struct ditto_resource *res);

#endif /* DITTO_BITMAP_H */
