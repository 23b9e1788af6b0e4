// SPDX-License-Identifier: GPL-2.0
#include "pages.h"

#include <linux/local_lock.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/spinlock.h>

#include "compat.h"

/* So many are kept, of those that nobody uses and of those in use by the network. */
#define KEPT_MOST	((8u << 20) >> PAGE_SHIFT)
/* And so many for each CPU, without a lock that others take. */
#define CPU_MOST	32u
#define BATCH		(CPU_MOST / 2)

/**
 * struct cpu_pages - what one CPU keeps
 * @lock: protects the rest; nests around store.lock
 * @count: of @pages
 * @pages: to which nobody else refers
 */
struct cpu_pages {
	local_lock_t lock;
	u32 count;
	struct page *pages[CPU_MOST];
};

/**
 * struct store - what all CPUs keep
 * @lock: protects the rest; taken with interrupts off
 * @free: pages, by lru, to which nobody else refers
 * @busy: pages, by lru, in the order in which they came back, to which a socket's
 *	buffers still referred then. They may be free by now
 * @free_count: of @free
 * @busy_count: of @busy
 */
struct store {
	spinlock_t lock;
	struct list_head free;
	struct list_head busy;
	u32 free_count;
	u32 busy_count;
};

static DEFINE_PER_CPU(struct cpu_pages, cpu_pages) = {
	.lock = INIT_LOCAL_LOCK(lock),
};
static struct store store = {
	.lock = __SPIN_LOCK_UNLOCKED(store.lock),
	.free = LIST_HEAD_INIT(store.free),
	.busy = LIST_HEAD_INIT(store.busy),
};
static struct shrinker *shrinker;

/*
 * Only ours: whoever else had a reference has let go of it, and only who has one
 * can take another. (Those who look at pages by their number, as compaction does,
 * neither read nor write what is in them.) What we write to the page from here on
 * depends on what was read, and so comes after all that the other has read.
 */
static bool is_ours(const struct page *page)
{
	return page_count(page) == 1;
}

static struct page *pop(struct list_head *list, u32 *count)
{
	struct page *page = list_first_entry_or_null(list, struct page, lru);

	if (page) {
		list_del(&page->lru);
		(*count)--;
	}
	return page;
}

/* Under store.lock: of the oldest of the busy ones, those that are free by now. */
static void sort_busy(u32 most)
{
	struct page *page;

	while (most-- && (page = pop(&store.busy, &store.busy_count))) {
		if (is_ours(page)) {
			list_add(&page->lru, &store.free);
			store.free_count++;
		} else {
			/* One that a dead peer never takes must not stop those behind it. */
			list_add_tail(&page->lru, &store.busy);
			store.busy_count++;
		}
	}
}

/* Under the CPU's lock. */
static void refill(struct cpu_pages *cpu)
{
	spin_lock(&store.lock);
	if (store.free_count < BATCH)
		sort_busy(BATCH);
	while (cpu->count < BATCH && store.free_count)
		cpu->pages[cpu->count++] = pop(&store.free, &store.free_count);
	spin_unlock(&store.lock);
}

/* Under the CPU's lock. */
static void spill(struct cpu_pages *cpu)
{
	u32 left = CPU_MOST - BATCH;

	spin_lock(&store.lock);
	while (cpu->count > left && store.free_count < KEPT_MOST) {
		list_add(&cpu->pages[--cpu->count]->lru, &store.free);
		store.free_count++;
	}
	spin_unlock(&store.lock);
	while (cpu->count > left)
		__free_page(cpu->pages[--cpu->count]);
}

struct page *ditto_pages_try(void)
{
	struct page *page = NULL;
	struct cpu_pages *cpu;
	unsigned long flags;

	local_lock_irqsave(&cpu_pages.lock, flags);
	cpu = this_cpu_ptr(&cpu_pages);
	if (!cpu->count)
		refill(cpu);
	if (cpu->count)
		page = cpu->pages[--cpu->count];
	local_unlock_irqrestore(&cpu_pages.lock, flags);
	return page ?: alloc_page(GFP_NOWAIT | __GFP_NOWARN);
}

/* Under the reserve's lock: those that the network has let go of meanwhile. */
static void sort_reserve(struct ditto_reserve *reserve)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, &reserve->busy, lru) {
		if (!is_ours(page))
			continue;
		list_move_tail(&page->lru, &reserve->free);
		reserve->busy_count--;
		reserve->free_count++;
	}
}

struct page *ditto_reserve_take(struct ditto_reserve *reserve)
{
	struct page *page;
	unsigned long flags;

	spin_lock_irqsave(&reserve->lock, flags);
	if (!reserve->free_count)
		sort_reserve(reserve);
	page = pop(&reserve->free, &reserve->free_count);
	spin_unlock_irqrestore(&reserve->lock, flags);
	return page;
}

/* Return: false where it is full. */
static bool refill_reserve(struct ditto_reserve *reserve, struct page *page, bool ours)
{
	unsigned long flags;
	bool room;

	spin_lock_irqsave(&reserve->lock, flags);
	room = reserve->free_count + reserve->busy_count < reserve->most;
	if (room && ours) {
		list_add(&page->lru, &reserve->free);
		reserve->free_count++;
	} else if (room) {
		list_add_tail(&page->lru, &reserve->busy);
		reserve->busy_count++;
	}
	if (room)
		wake_up(&reserve->wait);
	spin_unlock_irqrestore(&reserve->lock, flags);
	return room;
}

static bool may_keep(const struct page *page)
{
	/* Whoever has asked for memory to be wiped once it is free gets that. */
	if (want_init_on_free())
		return false;
	/* It belongs to those who free memory. */
	if (page_is_pfmemalloc(page))
		return false;
	/*
	 * What is kept is never free for those who look for uses after the end.
	 * Under them every other page goes back, so that both are looked at.
	 */
	if (IS_ENABLED(CONFIG_KASAN) || IS_ENABLED(CONFIG_KMSAN))
		return page_to_pfn(page) & 1;
	return true;
}

static void keep(struct page *page)
{
	struct cpu_pages *cpu;
	unsigned long flags;

	local_lock_irqsave(&cpu_pages.lock, flags);
	cpu = this_cpu_ptr(&cpu_pages);
	if (cpu->count == CPU_MOST)
		spill(cpu);
	cpu->pages[cpu->count++] = page;
	local_unlock_irqrestore(&cpu_pages.lock, flags);
}

/* Return: is there room for it among those that the network uses? */
static bool keep_busy(struct page *page)
{
	unsigned long flags;
	bool room;

	spin_lock_irqsave(&store.lock, flags);
	if (store.busy_count >= KEPT_MOST)
		sort_busy(BATCH);
	room = store.busy_count < KEPT_MOST;
	if (room) {
		list_add_tail(&page->lru, &store.busy);
		store.busy_count++;
	}
	spin_unlock_irqrestore(&store.lock, flags);
	return room;
}

void ditto_pages_put(struct page *page, struct ditto_reserve *reserve)
{
	bool ours = is_ours(page);

	/* Nobody takes from a reserve but while there is no memory. */
	if (!ditto_reserve_full(reserve) && refill_reserve(reserve, page, ours))
		return;
	if (!may_keep(page))
		put_page(page);
	else if (ours)
		keep(page);
	else if (!keep_busy(page))
		put_page(page);
}

static unsigned long shrink_count(struct shrinker *s, struct shrink_control *sc)
{
	return READ_ONCE(store.free_count) + READ_ONCE(store.busy_count);
}

/* Return: how many pages have gone. What the network uses, it frees. */
static unsigned long drop(unsigned long most)
{
	unsigned long flags, count;
	struct page *page;

	for (count = 0; count < most; count++) {
		spin_lock_irqsave(&store.lock, flags);
		page = pop(&store.free, &store.free_count);
		if (!page)
			page = pop(&store.busy, &store.busy_count);
		spin_unlock_irqrestore(&store.lock, flags);
		if (!page)
			break;
		put_page(page);
	}
	return count;
}

static unsigned long shrink_scan(struct shrinker *s, struct shrink_control *sc)
{
	unsigned long count = drop(sc->nr_to_scan);

	return count ?: SHRINK_STOP;
}

int ditto_reserve_init(struct ditto_reserve *reserve, u32 most)
{
	struct page *page;

	spin_lock_init(&reserve->lock);
	INIT_LIST_HEAD(&reserve->free);
	INIT_LIST_HEAD(&reserve->busy);
	init_waitqueue_head(&reserve->wait);
	reserve->free_count = 0;
	reserve->busy_count = 0;
	for (reserve->most = 0; reserve->most < most; reserve->most++) {
		page = alloc_page(GFP_KERNEL);
		if (!page) {
			ditto_reserve_exit(reserve);
			return -ENOMEM;
		}
		list_add(&page->lru, &reserve->free);
		reserve->free_count++;
	}
	return 0;
}

void ditto_reserve_exit(struct ditto_reserve *reserve)
{
	struct page *page;

	while ((page = pop(&reserve->free, &reserve->free_count)) ||
	       (page = pop(&reserve->busy, &reserve->busy_count)))
		put_page(page);
}

int ditto_pages_init(void)
{
	shrinker = ditto_shrinker_new("ditto-pages", shrink_count, shrink_scan);
	return shrinker ? 0 : -ENOMEM;
}

void ditto_pages_exit(void)
{
	struct cpu_pages *cpu;
	int i;

	ditto_shrinker_free(shrinker);
	for_each_possible_cpu(i) {
		cpu = per_cpu_ptr(&cpu_pages, i);
		while (cpu->count)
			__free_page(cpu->pages[--cpu->count]);
	}
	drop(ULONG_MAX);
}
