// SPDX-License-Identifier: GPL-2.0
#include "payload.h"

#include <linux/crc32c.h>
#include <linux/highmem.h>
#include <linux/mutex.h>
#include <linux/string.h>

#include "core/wire.h"
#include "disk_io.h"
#include "pages.h"

/*
 * A page comes with whatever was in it, maybe another user's data. None of that
 * is ever written, sent or shown, because each byte of a bio is overwritten
 * before anything reads it, and one that was not is freed:
 *
 * - What a user writes is copied whole: the bios are of the same length.
 * - What arrives is executed once its last byte is there (receive_part()). Its
 *   length is the bio's: ditto_wire_decode() refuses anything else. What a lost
 *   connection leaves half-way is freed.
 * - What is read from the local disk counts only where the disk says that the
 *   read succeeded, which is for all of it.
 *
 * The rest of a page behind the end of the bio is in no bio_vec.
 */

/**
 * struct payload_pool - what there is of a kind even when the machine has no memory left
 * @pages: enough for the largest bio, so that one at a time always gets on
 * @bios: whose front padding is a struct ditto_disk_io
 * @turn: two that each wait for the pages that the other one holds would wait for
 *	ever: whoever has to wait takes this first
 */
struct payload_pool {
	struct ditto_reserve pages;
	struct bio_set bios;
	struct mutex turn;
};

/**
 * struct pool_size - how much that is
 * @pages: twice the largest where users wait for it
 * @bios: how many may be under way at a time then
 */
struct pool_size {
	u32 pages;
	u32 bios;
};

#define LARGEST		(DITTO_WIRE_MAX_WRITE >> PAGE_SHIFT)

static_assert(LARGEST <= BIO_MAX_VECS);

static const struct pool_size sizes[DITTO_PAYLOAD_KINDS] = {
	[DITTO_PAYLOAD_LEG]	= { 2 * LARGEST, 32 },
	[DITTO_PAYLOAD_APPLY]	= { 2 * LARGEST, 32 },
	[DITTO_PAYLOAD_SOURCE]	= { LARGEST, 8 },
	[DITTO_PAYLOAD_TARGET]	= { LARGEST, 8 },
};

/* Parts of extents: only a local disk has them. */
#define POOL_PARTS	16
/* How often one that waits for pages looks whether the network still has them. */
#define LOOK_MS		10

static struct payload_pool pools[DITTO_PAYLOAD_KINDS];
static struct bio_set part_set;

static struct payload_pool *pool_of(const struct bio *bio)
{
	return container_of(bio->bi_pool, struct payload_pool, bios);
}

static bool take_pages(struct bio *bio, u32 bytes, u32 *done, struct ditto_reserve *reserve)
{
	while (*done < bytes) {
		struct page *page = reserve ? ditto_reserve_take(reserve) : ditto_pages_try();
		u32 len = min_t(u32, bytes - *done, PAGE_SIZE);

		if (!page)
			return false;
		__bio_add_page(bio, page, len, 0);
		*done += len;
	}
	return true;
}

static struct bio *bio_new(struct payload_pool *pool, struct block_device *bdev, blk_opf_t opf,
			   u64 offset, u32 bytes, gfp_t gfp)
{
	struct bio *bio = bio_alloc_bioset(bdev, DIV_ROUND_UP(bytes, PAGE_SIZE), opf, gfp,
					   &pool->bios);

	/* Of what a bio_set keeps, who does not wait gets only the largest: see bvec_alloc(). */
	if (!bio && !gfpflags_allow_blocking(gfp))
		bio = bio_alloc_bioset(bdev, BIO_MAX_VECS, opf, gfp, &pool->bios);
	if (bio)
		bio->bi_iter.bi_sector = offset >> SECTOR_SHIFT;
	return bio;
}

/* One at a time takes from the reserve, so that what it waits for has all its pages. */
static void wait_for_pages(struct payload_pool *pool, struct bio *bio, u32 bytes, u32 *done)
{
	struct ditto_reserve *reserve = &pool->pages;

	mutex_lock(&pool->turn);
	while (!take_pages(bio, bytes, done, NULL) && !take_pages(bio, bytes, done, reserve))
		wait_event_timeout(reserve->wait, READ_ONCE(reserve->free_count),
				   msecs_to_jiffies(LOOK_MS));
	mutex_unlock(&pool->turn);
}

struct bio *ditto_payload_alloc(enum ditto_payload_kind kind, struct block_device *bdev,
				blk_opf_t opf, u64 offset, u32 bytes)
{
	struct payload_pool *pool = &pools[kind];
	struct bio *bio = bio_new(pool, bdev, opf, offset, bytes, GFP_NOIO);
	u32 done = 0;

	if (!take_pages(bio, bytes, &done, NULL))
		wait_for_pages(pool, bio, bytes, &done);
	return bio;
}

struct bio *ditto_payload_try(enum ditto_payload_kind kind, struct block_device *bdev,
			      blk_opf_t opf, u64 offset, u32 bytes)
{
	struct payload_pool *pool = &pools[kind];
	struct bio *bio = bio_new(pool, bdev, opf, offset, bytes, GFP_NOWAIT | __GFP_NOWARN);
	u32 done = 0;

	if (!bio || take_pages(bio, bytes, &done, NULL) ||
	    take_pages(bio, bytes, &done, &pool->pages))
		return bio;
	ditto_payload_free(bio);
	return NULL;
}

bool ditto_payload_short(enum ditto_payload_kind kind)
{
	return !ditto_reserve_full(&pools[kind].pages);
}

struct bio *ditto_payload_part(const struct bio *bio, u32 from, u32 bytes)
{
	u32 pages = DIV_ROUND_UP(from % PAGE_SIZE + bytes, PAGE_SIZE);
	struct bio *part = bio_alloc_bioset(bio->bi_bdev, pages, bio->bi_opf, GFP_NOIO,
					    &part_set);

	part->bi_iter.bi_sector = bio->bi_iter.bi_sector + (from >> SECTOR_SHIFT);
	while (bytes) {
		struct page *page = bio->bi_io_vec[from / PAGE_SIZE].bv_page;
		u32 len = min_t(u32, bytes, PAGE_SIZE - from % PAGE_SIZE);

		get_page(page);
		__bio_add_page(part, page, len, from % PAGE_SIZE);
		from += len;
		bytes -= len;
	}
	return part;
}

void ditto_payload_free(struct bio *bio)
{
	struct ditto_reserve *reserve = &pool_of(bio)->pages;
	unsigned int i;

	for (i = 0; i < bio->bi_vcnt; i++)
		ditto_pages_put(bio->bi_io_vec[i].bv_page, reserve);
	bio_put(bio);
}

void ditto_payload_free_part(struct bio *part)
{
	unsigned int i;

	for (i = 0; i < part->bi_vcnt; i++)
		put_page(part->bi_io_vec[i].bv_page);
	bio_put(part);
}

void ditto_payload_copy(struct bio *bio, struct bio *src)
{
	struct bvec_iter to = bio->bi_iter;
	struct bvec_iter from = src->bi_iter;

	while (to.bi_size && from.bi_size) {
		struct bio_vec t = bio_iter_iovec(bio, to);
		struct bio_vec f = bio_iter_iovec(src, from);
		unsigned int len = min(t.bv_len, f.bv_len);
		void *data = bvec_kmap_local(&f);

		memcpy(page_address(t.bv_page) + t.bv_offset, data, len);
		kunmap_local(data);
		bio_advance_iter_single(bio, &to, len);
		bio_advance_iter_single(src, &from, len);
	}
}

u32 ditto_payload_bytes(const struct bio *bio)
{
	u32 bytes = 0;
	unsigned int i;

	for (i = 0; i < bio->bi_vcnt; i++)
		bytes += bio->bi_io_vec[i].bv_len;
	return bytes;
}

u32 ditto_payload_crc(const struct bio *bio)
{
	u32 crc = ~0u;
	unsigned int i;

	for (i = 0; i < bio->bi_vcnt; i++)
		crc = crc32c(crc, page_address(bio->bi_io_vec[i].bv_page),
			     bio->bi_io_vec[i].bv_len);
	return ~crc;
}

bool ditto_payload_zero(const struct bio *bio)
{
	unsigned int i;

	for (i = 0; i < bio->bi_vcnt; i++)
		if (memchr_inv(page_address(bio->bi_io_vec[i].bv_page), 0,
			       bio->bi_io_vec[i].bv_len))
			return false;
	return true;
}

static int pool_init(struct payload_pool *pool, const struct pool_size *size)
{
	int err = ditto_reserve_init(&pool->pages, size->pages);

	if (err)
		return err;
	err = bioset_init(&pool->bios, size->bios, DITTO_DISK_IO_PAD, BIOSET_NEED_BVECS);
	if (err)
		ditto_reserve_exit(&pool->pages);
	mutex_init(&pool->turn);
	return err;
}

/* Those of the first @count kinds. */
static void pools_exit(int count)
{
	while (count--) {
		mutex_destroy(&pools[count].turn);
		bioset_exit(&pools[count].bios);
		ditto_reserve_exit(&pools[count].pages);
	}
}

int ditto_payload_init(void)
{
	int err = ditto_pages_init();
	int kind;

	if (err)
		return err;
	for (kind = 0; kind < DITTO_PAYLOAD_KINDS; kind++) {
		err = pool_init(&pools[kind], &sizes[kind]);
		if (err)
			goto no_pools;
	}
	err = bioset_init(&part_set, POOL_PARTS, DITTO_DISK_IO_PAD, BIOSET_NEED_BVECS);
	if (!err)
		return 0;
no_pools:
	pools_exit(kind);
	ditto_pages_exit();
	return err;
}

void ditto_payload_exit(void)
{
	bioset_exit(&part_set);
	pools_exit(DITTO_PAYLOAD_KINDS);
	ditto_pages_exit();
}
