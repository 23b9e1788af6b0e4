/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Pages for payload: a bounded store of those that are not in use, so that
 * their number in use may go up and down without the page allocator, which
 * clears each page that it hands out (init_on_alloc, the default of many
 * distributions), and reserves for when there is no memory.
 */
#ifndef DITTO_PAGES_H
#define DITTO_PAGES_H

#include <linux/mm_types.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>

/**
 * struct ditto_reserve - pages that are there even when the machine has no memory left
 * @lock: protects the lists; taken with interrupts off
 * @free: pages, by lru, to which nobody else refers
 * @busy: pages, by lru, that came back while the network still referred to them
 * @free_count: of @free
 * @busy_count: of @busy
 * @most: what it holds when nobody uses it
 * @wait: woken when a page comes back
 */
struct ditto_reserve {
	spinlock_t lock;
	struct list_head free;
	struct list_head busy;
	u32 free_count;
	u32 busy_count;
	u32 most;
	wait_queue_head_t wait;
};

/* Fill it with @most pages. May sleep. Return: 0, -ENOMEM. */
int ditto_reserve_init(struct ditto_reserve *reserve, u32 most);
/* All its pages have come back. */
void ditto_reserve_exit(struct ditto_reserve *reserve);
/* Is nothing of it in use? Any context. */
static inline bool ditto_reserve_full(const struct ditto_reserve *reserve)
{
	return READ_ONCE(reserve->free_count) + READ_ONCE(reserve->busy_count) >= reserve->most;
}
/* A page of it, at once, or NULL; what is in it is not defined. Any context. */
struct page *ditto_reserve_take(struct ditto_reserve *reserve);

/**
 * ditto_pages_try() - a page, at once
 *
 * What is in it is not defined: bytes that another write has left there, maybe
 * another user's. See payload.c for what that asks of the caller.
 *
 * Context: any. Return: the page, or NULL where that would take waiting.
 */
struct page *ditto_pages_try(void);

/*
 * Give a page back that came from here, or from @reserve, which is filled first; others
 * may still refer to the page. Any context.
 */
void ditto_pages_put(struct page *page, struct ditto_reserve *reserve);

int ditto_pages_init(void);
/* All pages have come back. */
void ditto_pages_exit(void);

#endif /* DITTO_PAGES_H */
