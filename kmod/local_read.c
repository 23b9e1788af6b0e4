// SPDX-License-Identifier: GPL-2.0
#include "local_read.h"

#include "disk.h"
#include "disk_io.h"
#include "payload.h"

static void read_done(void *owner, struct bio *bio, blk_status_t status)
{
	struct ditto_local_read *read = owner;

	read->bio = bio;
	read->status = status;
	read->done(read);
}

int ditto_local_read_init(struct ditto_local_read *read, struct ditto_disk *disk,
			  u64 start, u32 size, bool guarding,
			  void (*done)(struct ditto_local_read *read))
{
	memset(read, 0, sizeof(*read));
	INIT_LIST_HEAD(&read->reader.ready);
	read->reader.range.start = start;
	read->reader.range.last = start + size - 1;
	read->reader.guarding = guarding;
	read->disk = disk;
	read->done = done;
	read->bio = ditto_payload_try(DITTO_PAYLOAD_SOURCE, disk->backing.bdev, REQ_OP_READ,
				      start, size);
	return read->bio ? 0 : -ENOMEM;
}

static void remote_done(struct ditto_remote_read *remote, blk_status_t status)
{
	struct ditto_local_read *read = container_of(remote, struct ditto_local_read, remote);

	read->status = status;
	read->done(read);
}

void ditto_local_read_submit(struct ditto_reader *reader)
{
	struct ditto_local_read *read = container_of(reader, struct ditto_local_read, reader);

	if (reader->elsewhere) {
		read->remote.end = remote_done;
		read->remote.user = read->bio;
		ditto_remote_read_submit(&read->remote);
		return;
	}
	ditto_disk_submit(read->disk, read->bio, ditto_payload_free, read_done, read);
}
