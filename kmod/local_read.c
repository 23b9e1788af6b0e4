// SPDX-License-Identifier: GPL-2.0
#include "local_read.h"

#include <linux/bio.h>
#include <linux/blkdev.h>

#include "payload.h"

static void read_end_io(struct bio *bio)
{
	struct ditto_local_read *read = bio->bi_private;

	read->status = bio->bi_status;
	read->done(read);
}

void ditto_local_read_init(struct ditto_local_read *read, struct block_device *bdev,
			   u64 start, u32 size, bool guarding,
			   void (*done)(struct ditto_local_read *read))
{
	memset(read, 0, sizeof(*read));
	INIT_LIST_HEAD(&read->reader.ready);
	read->reader.range.start = start;
	read->reader.range.last = start + size - 1;
	read->reader.guarding = guarding;
	read->done = done;
	read->bio = ditto_payload_alloc(bdev, REQ_OP_READ, start, size);
	read->bio->bi_end_io = read_end_io;
	read->bio->bi_private = read;
}

void ditto_local_read_submit(struct ditto_reader *reader)
{
	struct ditto_local_read *read = container_of(reader, struct ditto_local_read, reader);

	submit_bio_noacct(read->bio);
}
