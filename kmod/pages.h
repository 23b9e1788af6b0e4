/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Pages for payload: a bounded store of those that are not in use, so that
 * their number in use may go up and down without the page allocator, which
 * clears each page that it hands out (init_on_alloc, the default of many
 * distributions), and a reserve for when there is no memory.
 */
#ifndef DITTO_PAGES_H
#define DITTO_PAGES_H

#include <linux/mm_types.h>
#include <linux/types.h>

/**
 * ditto_pages_try() - a page, at once
 *
 * What is in it is not defined: bytes that another write has left there, maybe
 * another user's. See payload.c for what that asks of the caller.
 *
 * Context: any. Return: the page, or NULL where that would take waiting.
 */
struct page *ditto_pages_try(void);

/* The same, waiting for it (GFP_NOIO): it is never NULL. One waiter at a time. */
struct page *ditto_pages_wait(void);

/* Give a page back that came from here; others may still refer to it. Any context. */
void ditto_pages_put(struct page *page);

int ditto_pages_init(void);
/* All pages have come back. */
void ditto_pages_exit(void);

#endif /* DITTO_PAGES_H */
