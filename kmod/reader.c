// SPDX-License-Identifier: GPL-2.0
#include "reader.h"

#include <linux/bio.h>

#include "connection.h"
#include "device.h"
#include "disk.h"
#include "peer.h"
#include "resource.h"
#include "state.h"

static void refuse(struct ditto_resource *res, struct bio_list *bios)
{
	struct bio *bio;

	while ((bio = bio_list_pop(bios)))
		ditto_device_refuse(res->device, bio, BLK_STS_IOERR);
}

/* Under the readers' lock: put a question for what has none, if none is open. */
static bool open_question(struct ditto_readers *r)
{
	if (r->open || bio_list_empty(&r->fresh))
		return false;
	bio_list_merge(&r->asked, &r->fresh);
	bio_list_init(&r->fresh);
	r->open = true;
	r->asked_at = jiffies;
	r->number++;
	return true;
}

static struct ditto_connection *upstream(struct ditto_resource *res)
{
	struct ditto_connection *conn;

	spin_lock_irq(&res->applier.lock);
	conn = res->applier.upstream;
	if (conn)
		ditto_connection_get(conn);
	spin_unlock_irq(&res->applier.lock);
	return conn;
}

static void ask(struct ditto_resource *res, struct ditto_connection *conn)
{
	struct ditto_readers *r = &res->readers;
	u64 number;
	bool opened;

	spin_lock_irq(&r->lock);
	opened = open_question(r);
	number = r->number;
	spin_unlock_irq(&r->lock);
	if (opened)
		ditto_connection_say(conn, DITTO_WIRE_READ_ASK, number);
}

void ditto_reader_submit(struct ditto_device *dev, struct bio *bio)
{
	struct ditto_resource *res = dev->res;
	bool current_copy = READ_ONCE(res->disk_state) == DITTO_DISK_UP_TO_DATE;
	struct ditto_connection *conn = upstream(res);
	/* Last: a disk that fails loses its connection, and is no current copy. */
	bool failed = READ_ONCE(res->disk->failed);

	if (failed || (!conn && current_copy)) {
		/*
		 * From the Primary's disk, which is what the question would be about. Or all
		 * of the roster is connected, and none of it is Primary.
		 */
		ditto_device_read(dev, bio);
		if (conn)
			ditto_connection_put(conn);
		return;
	}
	if (!conn || !current_copy) {
		ditto_device_refuse(dev, bio, BLK_STS_IOERR);
		if (conn)
			ditto_connection_put(conn);
		return;
	}
	spin_lock_irq(&res->readers.lock);
	bio_list_add(&res->readers.fresh, bio);
	spin_unlock_irq(&res->readers.lock);
	ask(res, conn);
	/* It may have been lost before the bio was in the list. */
	if (test_bit(DITTO_CONN_FAILED, &conn->flags))
		ditto_reader_lost(res);
	ditto_connection_put(conn);
}

bool ditto_reader_waiting(struct ditto_resource *res)
{
	return !bio_list_empty(&res->readers.ready);
}

void ditto_reader_pump(struct ditto_resource *res)
{
	struct ditto_readers *r = &res->readers;
	struct bio_list ready = BIO_EMPTY_LIST;
	struct bio *bio;

	if (bio_list_empty(&r->ready))
		return;
	spin_lock_irq(&r->lock);
	if (ditto_applier_written(&res->applier) >= r->position) {
		bio_list_merge(&ready, &r->ready);
		bio_list_init(&r->ready);
	}
	spin_unlock_irq(&r->lock);
	while ((bio = bio_list_pop(&ready))) {
		if (ditto_device_try_read(res->device, bio))
			continue;
		/* This may be what serves a connection: the applier looks again before long. */
		bio_list_add_head(&ready, bio);
		spin_lock_irq(&r->lock);
		bio_list_merge_head(&r->ready, &ready);
		spin_unlock_irq(&r->lock);
		return;
	}
}

static void take_all(struct ditto_readers *r, struct bio_list *all)
{
	spin_lock_irq(&r->lock);
	bio_list_merge(all, &r->fresh);
	bio_list_merge(all, &r->asked);
	bio_list_merge(all, &r->ready);
	bio_list_init(&r->fresh);
	bio_list_init(&r->asked);
	bio_list_init(&r->ready);
	r->open = false;
	spin_unlock_irq(&r->lock);
}

void ditto_reader_lost(struct ditto_resource *res)
{
	struct bio_list all = BIO_EMPTY_LIST, none = BIO_EMPTY_LIST;
	struct bio *bio;

	take_all(&res->readers, &all);
	while (res->disk && READ_ONCE(res->disk->failed) && (bio = bio_list_pop(&all)))
		if (!ditto_device_try_read(res->device, bio))
			bio_list_add(&none, bio);
	refuse(res, &all);
	refuse(res, &none);
}

void ditto_reader_fail(struct ditto_resource *res)
{
	struct bio_list all = BIO_EMPTY_LIST;

	take_all(&res->readers, &all);
	refuse(res, &all);
}

bool ditto_reader_late(struct ditto_resource *res, unsigned long timeout)
{
	struct ditto_readers *r = &res->readers;
	bool late;

	spin_lock_irq(&r->lock);
	late = r->open && time_after(jiffies, r->asked_at + timeout);
	spin_unlock_irq(&r->lock);
	return late;
}

void ditto_reader_asked(struct ditto_connection *conn, u64 number)
{
	struct ditto_wire_header header = { .type = DITTO_WIRE_READ_AT, .position = number };
	struct ditto_resource *res = conn->res;

	/* All that any user has been told is below the last position assigned. */
	spin_lock_irq(&res->stream_lock);
	header.overlap = res->stream.position;
	spin_unlock_irq(&res->stream_lock);
	ditto_connection_send(conn, DITTO_LANE_CONTROL, &header, NULL, 0);
}

void ditto_reader_answered(struct ditto_connection *conn, u64 number, u64 position)
{
	struct ditto_resource *res = conn->res;
	struct ditto_readers *r = &res->readers;

	spin_lock_irq(&r->lock);
	if (r->open && r->number == number) {
		bio_list_merge(&r->ready, &r->asked);
		bio_list_init(&r->asked);
		r->position = max(r->position, position);
		r->open = false;
	}
	spin_unlock_irq(&r->lock);
	ask(res, conn);
	ditto_reader_pump(res);
}
