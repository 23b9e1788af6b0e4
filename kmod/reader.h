/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reads on a Secondary: never older than what the Primary's users were told
 * (G10). A read asks the Primary how far it has come, waits until the local
 * copy is there, and only then goes to the local disk. Many reads share one
 * question. Where nobody can answer, a read fails; it is never stale. Where the
 * local disk has failed, the Primary is asked for the data itself.
 */
#ifndef DITTO_READER_H
#define DITTO_READER_H

#include <linux/bio.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct bio;
struct ditto_connection;
struct ditto_device;
struct ditto_resource;

/**
 * struct ditto_readers - the reads that wait, of one resource
 * @lock: protects all of it; the applier's lock is inner to it
 * @fresh: bios that no question stands for yet
 * @asked: bios that wait for the answer to question @number
 * @ready: bios that wait until @position is applied
 * @number: of the last question
 * @open: it has not been answered yet
 * @asked_at: when it was put, in jiffies
 * @position: see @ready
 */
struct ditto_readers {
	spinlock_t lock;
	struct bio_list fresh;
	struct bio_list asked;
	struct bio_list ready;
	u64 number;
	bool open;
	unsigned long asked_at;
	u64 position;
};

/* Serve a read of a Secondary's device. */
void ditto_reader_submit(struct ditto_device *dev, struct bio *bio);

/* Does any read wait for the applier? Any context. */
bool ditto_reader_waiting(struct ditto_resource *res);

/* Serve what may be read now; process context. */
void ditto_reader_pump(struct ditto_resource *res);

/*
 * There is nobody left to ask: fail what waits. Where the local disk has failed, too,
 * the Primary is to serve it, once it is found (remote_read.h). Under conf, or while
 * the disk is in use.
 */
void ditto_reader_lost(struct ditto_resource *res);
/* The resource goes down: fail what waits. */
void ditto_reader_fail(struct ditto_resource *res);

/* Has a question been open for longer than @timeout, in jiffies? Process context. */
bool ditto_reader_late(struct ditto_resource *res, unsigned long timeout);

/* The Primary's side: a Secondary asks. */
void ditto_reader_asked(struct ditto_connection *conn, u64 number);
/* The Secondary's side: the answer. */
void ditto_reader_answered(struct ditto_connection *conn, u64 number, u64 position);

#endif /* DITTO_READER_H */
