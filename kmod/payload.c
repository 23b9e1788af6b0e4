// SPDX-License-Identifier: GPL-2.0
#include "payload.h"

#include <linux/crc32c.h>
#include <linux/highmem.h>
#include <linux/mutex.h>
#include <linux/string.h>

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

/* Bios that are there even when the machine has no memory left. */
#define POOL_BIOS	64

static struct bio_set payload_set;

/*
 * Two writers that each wait for the pages that the other one holds would wait
 * for ever: whoever has to wait takes this first.
 */
static DEFINE_MUTEX(pool_wait);

static bool try_add_pages(struct bio *bio, u32 bytes, u32 *done, struct page *(*get)(void))
{
	while (*done < bytes) {
		struct page *page = get();
		u32 len = min_t(u32, bytes - *done, PAGE_SIZE);

		if (!page)
			return false;
		__bio_add_page(bio, page, len, 0);
		*done += len;
	}
	return true;
}

struct bio *ditto_payload_alloc(struct block_device *bdev, blk_opf_t opf, u64 offset, u32 bytes)
{
	struct bio *bio = bio_alloc_bioset(bdev, DIV_ROUND_UP(bytes, PAGE_SIZE), opf, GFP_NOIO,
					   &payload_set);
	u32 done = 0;

	bio->bi_iter.bi_sector = offset >> SECTOR_SHIFT;
	if (try_add_pages(bio, bytes, &done, ditto_pages_try))
		return bio;
	mutex_lock(&pool_wait);
	try_add_pages(bio, bytes, &done, ditto_pages_wait);
	mutex_unlock(&pool_wait);
	return bio;
}

struct bio *ditto_payload_part(const struct bio *bio, u32 from, u32 bytes)
{
	u32 pages = DIV_ROUND_UP(from % PAGE_SIZE + bytes, PAGE_SIZE);
	struct bio *part = bio_alloc_bioset(bio->bi_bdev, pages, bio->bi_opf, GFP_NOIO,
					    &payload_set);

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
	unsigned int i;

	for (i = 0; i < bio->bi_vcnt; i++)
		ditto_pages_put(bio->bi_io_vec[i].bv_page);
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

int ditto_payload_init(void)
{
	int err = ditto_pages_init();

	if (err)
		return err;
	err = bioset_init(&payload_set, POOL_BIOS, 0, BIOSET_NEED_BVECS);
	if (err)
		ditto_pages_exit();
	return err;
}

void ditto_payload_exit(void)
{
	bioset_exit(&payload_set);
	ditto_pages_exit();
}
