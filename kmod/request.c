// SPDX-License-Identifier: GPL-2.0
#include "request.h"

#include <linux/blkdev.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>

#include "connection.h"
#include "device.h"
#include "disk.h"
#include "gate.h"
#include "local_flush.h"
#include "local_read.h"
#include "payload.h"
#include "peer.h"
#include "resource.h"
#include "syncer.h"
#include "trace.h"

/*
 * Records of users' writes. One that waits for another waits for what is on its way,
 * and that for peers and disks, which are given up in time. What is only to become
 * durable is folded meanwhile.
 */
#define POOL_REQUESTS	256
/*
 * And of what the state machine has to say, which holds conf: those above may wait
 * for just that. To lose a disk takes two, each gone when those that are left have
 * it or are lost themselves: enough to lose all of them at once.
 */
#define POOL_WORDS	(2 * DITTO_MAX_NODES)
/* How many records one more write folds, at most, where there are too many. */
#define FOLD_BATCH	64

/* Flags of a user's bio that its local leg keeps. */
#define LOCAL_FLAGS	(REQ_SYNC | REQ_META | REQ_PRIO | REQ_IDLE | REQ_BACKGROUND | \
			 REQ_FUA | REQ_PREFLUSH)

static unsigned int max_records = 16384;
module_param(max_records, uint, 0644);
MODULE_PARM_DESC(max_records,
		 "Records of writes in flight, for each resource: where there are more, bits stand in for those that peers only have to make durable");

static struct bio_set request_set;
static struct bio_set word_set;
/* Local legs that wait for another write, and those that may sleep. */
static struct workqueue_struct *submit_wq;

static u8 entry_kind(const struct bio *bio)
{
	switch (bio_op(bio)) {
	case REQ_OP_DISCARD:
		return DITTO_ENTRY_DISCARD;
	case REQ_OP_WRITE_ZEROES:
		return DITTO_ENTRY_ZEROES;
	default:
		return bio->bi_iter.bi_size ? DITTO_ENTRY_WRITE : DITTO_ENTRY_FLUSH;
	}
}

static u32 entry_flags(const struct bio *bio)
{
	if (!bio->bi_iter.bi_size)
		return DITTO_ENTRYF_DURABLE;
	return (bio->bi_opf & REQ_FUA ? DITTO_ENTRYF_DURABLE : 0) |
	       (bio->bi_opf & REQ_PREFLUSH ? DITTO_ENTRYF_BARRIER : 0);
}

/* Under stream_lock: a bit stands for what is on its way to @node. */
static void folded(void *arg, u32 node, u64 start, u64 size)
{
	struct ditto_resource *res = arg;
	struct ditto_peer *peer = res->peers[node];

	if (peer->sync.running) {
		/* Work like any other, that an extent on its way has not done. */
		ditto_resync_mark(&peer->sync.plan, start, size);
		ditto_syncer_kick(peer);
	} else {
		ditto_account_fold(&res->account, node, start, size);
	}
}

void ditto_request_fold(struct ditto_resource *res, struct ditto_stream_out *out)
{
	lockdep_assert_held(&res->stream_lock);
	ditto_stream_fold(&res->stream, U32_MAX, folded, res, out);
}

/* What a record is made of: a clone of @user, or an empty one for NULL. */
static struct bio *request_alloc(struct ditto_resource *res, struct bio *user, gfp_t gfp)
{
	if (user)
		return ditto_disk_clone(res->disk, user, gfp, &request_set);
	return bio_alloc_bioset(NULL, 0, 0, gfp, &request_set);
}

/* Memory is short: do not wait for what only a peer can free. */
static struct bio *request_wait(struct ditto_resource *res, struct bio *user)
{
	struct ditto_stream_out out;
	struct bio *clone;

	ditto_stream_out_init(&out);
	spin_lock_irq(&res->stream_lock);
	/* From here on acknowledgements fold, too. */
	res->short_of_records++;
	ditto_request_fold(res, &out);
	spin_unlock_irq(&res->stream_lock);
	ditto_request_dispatch(res, &out);
	clone = request_alloc(res, user, GFP_NOIO);
	spin_lock_irq(&res->stream_lock);
	res->short_of_records--;
	spin_unlock_irq(&res->stream_lock);
	return clone;
}

/* Those that the state machine puts there, and cannot do without. */
static bool is_word(u8 kind)
{
	return kind == DITTO_ENTRY_ROSTER || kind == DITTO_ENTRY_JOIN || kind == DITTO_ENTRY_ABSENT;
}

void ditto_request_free_local(struct ditto_request *req)
{
	struct bio *local = req->local;

	req->local = NULL;
	if (local && req->own_pages)
		ditto_payload_free(local);
}

void ditto_request_put(struct ditto_request *req)
{
	struct ditto_disk *remnant;

	if (!refcount_dec_and_test(&req->ref))
		return;
	remnant = req->remnant;
	if (remnant)
		ditto_request_free_local(req);
	if (req->entry.kind == DITTO_ENTRY_BITS)
		kfree(req->bits);
	bio_put(&req->clone);
	/* Last: it may be what keeps the module. */
	if (remnant)
		ditto_disk_put(remnant);
}

static bool has_range(const struct ditto_request *req)
{
	return req->entry.kind == DITTO_ENTRY_WRITE || req->entry.kind == DITTO_ENTRY_DISCARD ||
	       req->entry.kind == DITTO_ENTRY_ZEROES;
}

static void end_user(struct ditto_request *req)
{
	struct bio *user = req->user;

	req->user = NULL;
	trace_ditto_done(req);
	/* What the local disk has failed to write is at others by now (G8). */
	if (req->entry.flags & DITTO_ENTRYF_FAILED)
		user->bi_status = req->status ? req->status : BLK_STS_IOERR;
	ditto_device_end_bio(req->res->device, user, req->start);
}

/* Under stream_lock: is it the user's write and nobody else's matter? */
static bool is_alone(struct ditto_request *req)
{
	return req->user && !req->begun && !req->status &&
	       ditto_stream_local_alone(&req->res->stream, &req->entry);
}

static void local_done(struct ditto_request *req)
{
	struct ditto_resource *res = req->res;
	struct ditto_stream_out out;
	unsigned long flags;
	bool alone;

	if (req->status)
		ditto_resource_disk_error(res);
	else if (req->repairs)
		ditto_disk_repaired(res, req->entry.range.start,
				    req->entry.range.last - req->entry.range.start + 1);
	spin_lock_irqsave(&res->stream_lock, flags);
	if (req->heated)
		ditto_regions_put(res, req->entry.range.start, req->entry.range.last);
	alone = is_alone(req);
	if (!alone) {
		ditto_stream_out_init(&out);
		if (req->status)
			ditto_stream_disk_failed(&res->stream);
		ditto_stream_local_done(&res->stream, &req->entry, &out);
		ditto_request_hold(res, &out);
	}
	spin_unlock_irqrestore(&res->stream_lock, flags);
	if (alone) {
		end_user(req);
		ditto_request_free_local(req);
		ditto_request_put(req);
	} else {
		ditto_request_dispatch(res, &out);
	}
}

/* The disk is done with it, in time or long after it was given up. */
static void leg_ends(struct ditto_request *req, blk_status_t status)
{
	if (atomic_cmpxchg(&req->leg, DITTO_LEG_SUBMITTED, DITTO_LEG_ENDED) ==
	    DITTO_LEG_SUBMITTED) {
		req->status = status;
		local_done(req);
	}
	ditto_request_put(req);
}

static void local_end_io(struct bio *bio)
{
	leg_ends(bio->bi_private, bio->bi_status);
}

void ditto_request_set_local(struct ditto_request *req, struct bio *local)
{
	local->bi_end_io = local_end_io;
	local->bi_private = req;
	req->local = local;
}

static void zero_work(struct work_struct *work)
{
	struct ditto_request *req = container_of(work, struct ditto_request, work);
	struct ditto_range *range = &req->entry.range;

	leg_ends(req, errno_to_blk_status(
		blkdev_issue_zeroout(req->zero_bdev, range->start >> SECTOR_SHIFT,
				     (range->last - range->start + 1) >> SECTOR_SHIFT, GFP_NOIO,
				     req->zero_flags)));
}

void ditto_request_submit_local(struct ditto_request *req)
{
	trace_ditto_local(req);
	refcount_inc(&req->ref);
	/* A full barrier: whoever gives the disk up sees this, or we see that. */
	atomic_xchg(&req->leg, DITTO_LEG_SUBMITTED);
	if (READ_ONCE(req->res->disk->failed)) {
		leg_ends(req, BLK_STS_IOERR);
	} else if (req->local) {
		submit_bio_noacct(req->local);
	} else {
		/* By then it may be given up, and the resource gone. */
		req->zero_bdev = req->res->disk->backing.bdev;
		INIT_WORK(&req->work, zero_work);
		queue_work(submit_wq, &req->work);
	}
}

void ditto_request_submit_work(struct work_struct *work)
{
	struct ditto_resource *res = container_of(work, struct ditto_resource, submit_work);
	struct ditto_entry *e, *next;
	struct ditto_reader *r, *next_r;
	LIST_HEAD(entries);
	LIST_HEAD(readers);

	spin_lock_irq(&res->stream_lock);
	list_splice_init(&res->submit, &entries);
	list_splice_init(&res->submit_readers, &readers);
	spin_unlock_irq(&res->stream_lock);

	list_for_each_entry_safe(e, next, &entries, ready) {
		list_del_init(&e->ready);
		ditto_request_submit_local(ditto_request_of(e));
	}
	list_for_each_entry_safe(r, next_r, &readers, ready) {
		list_del_init(&r->ready);
		ditto_local_read_submit(r);
	}
}

/* Instead of a clone: what is written is what is there now, whoever changes it. */
static void make_copy(struct ditto_request *req)
{
	struct bio *user = req->user;
	struct bio *local;

	local = ditto_payload_alloc(DITTO_PAYLOAD_LEG, req->res->disk->backing.bdev,
				    REQ_OP_WRITE | (user->bi_opf & LOCAL_FLAGS),
				    req->entry.range.start, user->bi_iter.bi_size);
	ditto_payload_copy(local, user);
	local->bi_ioprio = user->bi_ioprio;
	bio_clone_blkg_association(local, user);
	req->own_pages = true;
	ditto_request_set_local(req, local);
}

/* The regions of a request that was added cold are hot now. */
static void request_hot(struct ditto_region_user *user)
{
	struct ditto_request *req = container_of(user, struct ditto_request, regions);
	struct ditto_resource *res = req->res;
	struct ditto_stream_out out;
	struct ditto_entry *e, *next;

	ditto_stream_out_init(&out);
	spin_lock_irq(&res->stream_lock);
	ditto_stream_heated(&res->stream, &req->entry, &out);
	spin_unlock_irq(&res->stream_lock);
	list_for_each_entry_safe(e, next, &out.ready, ready) {
		list_del_init(&e->ready);
		ditto_request_submit_local(ditto_request_of(e));
	}
}

static struct ditto_request *request_setup(struct bio *clone, struct ditto_resource *res,
					   u8 kind, u32 flags)
{
	struct ditto_request *req = container_of(clone, struct ditto_request, clone);

	memset(req, 0, offsetof(struct ditto_request, clone));
	refcount_set(&req->ref, 1);
	req->res = res;
	req->entry.kind = kind;
	req->entry.flags = flags;
	req->queued = jiffies;
	req->regions.hot = request_hot;
	return req;
}

static struct ditto_request *request_new(struct ditto_resource *res, u8 kind, u32 flags,
					 struct bio *user)
{
	struct bio *clone = request_alloc(res, user, GFP_NOWAIT | __GFP_NOWARN);

	return request_setup(clone ?: request_wait(res, user), res, kind, flags);
}

struct ditto_request *ditto_request_new(struct ditto_resource *res, u8 kind, u32 flags)
{
	if (!is_word(kind))
		return request_new(res, kind, flags, NULL);
	return request_setup(bio_alloc_bioset(NULL, 0, 0, GFP_NOIO, &word_set), res, kind, flags);
}

struct ditto_request *ditto_request_try(struct ditto_resource *res, u8 kind, u32 flags)
{
	struct bio *clone = request_alloc(res, NULL, GFP_NOWAIT | __GFP_NOWARN);

	return clone ? request_setup(clone, res, kind, flags) : NULL;
}

/*
 * Whoever is not sent it misses it from now on; a node that begins to follow later
 * has its bits set by then, and its resync reads what this has left on the local disk.
 */
bool ditto_request_enter(struct ditto_request *req, bool *ready)
{
	struct ditto_resource *res = req->res;
	struct ditto_range *range = &req->entry.range;
	enum ditto_heat heat = DITTO_HEAT_HOT;

	if (has_range(req) && !READ_ONCE(res->disk->failed)) {
		heat = ditto_regions_take(res, &req->regions, range->start, range->last,
					  res->stream.position + 1);
		if (heat == DITTO_HEAT_FULL)
			return false;
		req->heated = true;
	}
	if (has_range(req)) {
		ditto_account_write(&res->account, res->stream.nodes | BIT(res->node_id),
				    range->start, range->last - range->start + 1);
	}
	if (heat == DITTO_HEAT_COLD)
		req->entry.flags |= DITTO_ENTRYF_COLD;
	*ready = ditto_stream_add(&res->stream, &req->entry);
	trace_ditto_add(req);
	ditto_request_kick(res);
	return true;
}

/* There are too many records. */
static void fold_some(struct ditto_resource *res)
{
	struct ditto_stream_out out;
	unsigned long flags;

	ditto_stream_out_init(&out);
	spin_lock_irqsave(&res->stream_lock, flags);
	ditto_stream_fold(&res->stream, FOLD_BATCH, folded, res, &out);
	spin_unlock_irqrestore(&res->stream_lock, flags);
	ditto_request_dispatch(res, &out);
}

/*
 * Only a write that has followers is copied. Whether it has is known for sure
 * under the lock, where nothing can be copied: look, copy, look again.
 *
 * One that has to wait for room in the log gives its copy back where memory is short:
 * those before it may wait for that, and it for them.
 *
 * Return: may it be submitted to the local disk now?
 */
static bool request_add(struct ditto_request *req)
{
	struct ditto_resource *res = req->res;
	bool data = req->entry.kind == DITTO_ENTRY_WRITE;
	bool ready = false;
	unsigned long flags;
	bool cold, many;

	for (;;) {
		spin_lock_irqsave(&res->stream_lock, flags);
		if (!data || req->own_pages || (!res->stream.active && req->local))
			break;
		spin_unlock_irqrestore(&res->stream_lock, flags);
		make_copy(req);
	}
	if (ditto_request_enter(req, &ready)) {
		if (req->begun)
			ditto_pace_write_begins(&res->pace, req->begun);
	} else if (req->own_pages && ditto_payload_short(DITTO_PAYLOAD_LEG)) {
		ditto_request_free_local(req);
		req->own_pages = false;
	}
	cold = req->entry.flags & DITTO_ENTRYF_COLD;
	many = res->stream.listed > READ_ONCE(max_records);
	spin_unlock_irqrestore(&res->stream_lock, flags);
	if (many)
		fold_some(res);
	if (cold)
		ditto_regions_commit(res);
	return ready;
}

/* There may be room in the log now. */
static void request_retry(struct ditto_region_user *user)
{
	struct ditto_request *req = container_of(user, struct ditto_request, regions);

	if (request_add(req))
		ditto_request_submit_local(req);
}

/* A discard zeroes, too: copies that differ in what they lost would differ. */
static unsigned int zero_flags(const struct bio *user)
{
	if (bio_op(user) == REQ_OP_WRITE_ZEROES && user->bi_opf & REQ_NOUNMAP)
		return BLKDEV_ZERO_NOUNMAP;
	return 0;
}

void ditto_request_submit(struct ditto_resource *res, struct bio *user)
{
	u8 kind = entry_kind(user);
	struct ditto_request *req;
	bool followed, data, copied;

	if (kind == DITTO_ENTRY_FLUSH && ditto_local_flush(res, user))
		return;
	followed = READ_ONCE(res->stream.active);
	data = kind == DITTO_ENTRY_WRITE || kind == DITTO_ENTRY_FLUSH;
	copied = kind == DITTO_ENTRY_WRITE && followed;
	req = request_new(res, kind, entry_flags(user), data && !copied ? user : NULL);
	req->user = user;
	req->zero_flags = zero_flags(user);
	req->start = bio_start_io_acct(user);
	req->begun = followed ? ktime_get_ns() : 0;
	req->entry.range.start = (u64)user->bi_iter.bi_sector << SECTOR_SHIFT;
	req->entry.range.last = req->entry.range.start + user->bi_iter.bi_size - 1;
	req->regions.retry = request_retry;
	req->regions.quick = true;
	if (copied)
		make_copy(req);
	else if (data)
		ditto_request_set_local(req, &req->clone);
	if (request_add(req))
		ditto_request_submit_local(req);
}

/* Under stream_lock: what is none of a user's is local at once. */
static void add_own(struct ditto_request *req, struct ditto_stream_out *out)
{
	struct ditto_resource *res = req->res;

	ditto_stream_add(&res->stream, &req->entry);
	trace_ditto_add(req);
	ditto_stream_local_done(&res->stream, &req->entry, out);
	ditto_request_kick(res);
}

static void add_own_now(struct ditto_request *req)
{
	struct ditto_resource *res = req->res;
	struct ditto_stream_out out;

	ditto_stream_out_init(&out);
	spin_lock_irq(&res->stream_lock);
	add_own(req, &out);
	ditto_request_hold(res, &out);
	spin_unlock_irq(&res->stream_lock);
	ditto_request_dispatch(res, &out);
}

void ditto_request_roster(struct ditto_resource *res, u8 kind,
			  const struct ditto_wire_roster *roster, u32 joins)
{
	struct ditto_request *req = ditto_request_new(res, kind, DITTO_ENTRYF_DURABLE |
						      DITTO_ENTRYF_URGENT);

	req->roster = *roster;
	req->joins = joins;
	add_own_now(req);
}

/* Return: 1, 0 behind the end of the bitmap, -ENOMEM. */
static int add_bits(struct ditto_resource *res, struct ditto_peer *peer, u32 joins, u64 *from)
{
	struct ditto_request *req = ditto_request_try(res, DITTO_ENTRY_BITS, DITTO_ENTRYF_URGENT);
	struct ditto_wire_bits piece = { .node = peer->node_id };
	u64 words[DITTO_WIRE_BITS_MOST / 64];
	struct ditto_stream_out out;
	bool more;

	if (!req)
		return -ENOMEM;
	req->joins = joins;
	req->bits = kmalloc(DITTO_WIRE_BITS_BYTES + sizeof(words), DITTO_GFP_CONF);
	if (!req->bits) {
		ditto_request_put(req);
		return -ENOMEM;
	}
	ditto_stream_out_init(&out);
	spin_lock_irq(&res->stream_lock);
	/* As it is at this position: writes that come later say themselves what they set. */
	more = ditto_account_pack(&peer->bits, from, &piece, words);
	if (more) {
		req->bits_length = ditto_wire_put_bits(&piece, words, req->bits);
		add_own(req, &out);
	}
	ditto_request_hold(res, &out);
	spin_unlock_irq(&res->stream_lock);
	if (more)
		ditto_request_dispatch(res, &out);
	else
		ditto_request_put(req);
	return more;
}

int ditto_request_bits(struct ditto_resource *res, struct ditto_peer *peer, u32 joins)
{
	u64 from = 0;
	int more;

	do {
		more = add_bits(res, peer, joins, &from);
		cond_resched();
	} while (more > 0);
	return more;
}

/* They are told when they come back. */
static void drop_followers(struct ditto_resource *res)
{
	u32 i;

	for (i = 0; i < DITTO_MAX_NODES; i++)
		if (res->peers[i] && res->peers[i]->connection &&
		    test_bit(DITTO_CONN_STREAMING, &res->peers[i]->connection->flags))
			ditto_connection_fail(res->peers[i]->connection, false,
					      "no memory to tell it what others lack");
}

void ditto_request_set(struct ditto_resource *res, u32 node, u64 start, u64 size)
{
	struct ditto_request *req;
	u64 part;

	for (; size; start += part, size -= part) {
		part = min_t(u64, size, DITTO_WIRE_MAX_RANGE);
		req = ditto_request_try(res, DITTO_ENTRY_SET, DITTO_ENTRYF_URGENT);
		if (!req) {
			drop_followers(res);
			return;
		}
		req->absent.node = node;
		req->absent.durable = 0;
		req->entry.range.start = start;
		req->entry.range.last = start + part - 1;
		add_own_now(req);
	}
}

struct ditto_request *ditto_request_absent(struct ditto_resource *res, u32 node)
{
	struct ditto_request *req = ditto_request_new(res, DITTO_ENTRY_ABSENT, DITTO_ENTRYF_URGENT);

	req->absent.node = node;
	return req;
}

void ditto_request_add_absent(struct ditto_request *req, u64 durable, struct ditto_stream_out *out)
{
	req->absent.durable = durable;
	add_own(req, out);
}

void ditto_request_kick(struct ditto_resource *res)
{
	u32 i;

	lockdep_assert_held(&res->stream_lock);
	if (!res->stream.active)
		return;
	for (i = 0; i < DITTO_MAX_NODES; i++)
		if (res->stream.followers[i].active && res->peers[i] && res->peers[i]->connection)
			ditto_connection_kick(res->peers[i]->connection);
}

static void dispatch_done(struct ditto_resource *res, struct list_head *done)
{
	struct ditto_entry *e, *next;
	unsigned long flags;
	bool durable = false;
	bool roster = false;

	/* The epoch ends before anyone who asked for its end can write again. */
	list_for_each_entry(e, done, note)
		durable |= e->flags & DITTO_ENTRYF_DURABLE;
	if (durable) {
		spin_lock_irqsave(&res->stream_lock, flags);
		ditto_stream_end_epoch(&res->stream);
		list_for_each_entry_safe(e, next, done, note) {
			if (e->kind != DITTO_ENTRY_ROSTER && e->kind != DITTO_ENTRY_JOIN)
				continue;
			/* With the reference. */
			list_move_tail(&e->note, &res->roster_done);
			roster = true;
		}
		spin_unlock_irqrestore(&res->stream_lock, flags);
	}
	if (roster)
		ditto_resource_event(res, DITTO_RES_ROSTER_DONE);
	list_for_each_entry_safe(e, next, done, note) {
		list_del_init(&e->note);
		if (ditto_request_of(e)->user)
			end_user(ditto_request_of(e));
		else if (ditto_request_of(e)->repairs)
			ditto_gate_leave(&res->device->gate);
		ditto_request_put(ditto_request_of(e));
	}
}

/* Under stream_lock: users' writes that are done say how long they took. */
static void pace_writes(struct ditto_resource *res, struct list_head *done)
{
	struct ditto_entry *e;
	bool look = false;
	u64 now = 0;

	list_for_each_entry(e, done, note) {
		if (!ditto_request_of(e)->begun)
			continue;
		now = now ?: ktime_get_ns();
		look |= ditto_pace_write_ends(&res->pace, ditto_request_of(e)->begun,
					      e->kind == DITTO_ENTRY_WRITE, now);
	}
	if (look)
		ditto_syncer_kick_all(res);
}

void ditto_request_hold(struct ditto_resource *res, struct ditto_stream_out *out)
{
	struct ditto_entry *e;

	lockdep_assert_held(&res->stream_lock);
	if (!list_empty(&out->done))
		pace_writes(res, &out->done);
	list_for_each_entry(e, &out->done, note)
		refcount_inc(&ditto_request_of(e)->ref);
	list_for_each_entry(e, &out->released, ready)
		refcount_inc(&ditto_request_of(e)->ref);
}

void ditto_request_dispatch(struct ditto_resource *res, struct ditto_stream_out *out)
{
	struct ditto_entry *e, *next;
	unsigned long flags;

	if (!list_empty(&out->ready) || !list_empty(&out->readers)) {
		spin_lock_irqsave(&res->stream_lock, flags);
		list_splice_tail_init(&out->ready, &res->submit);
		list_splice_tail_init(&out->readers, &res->submit_readers);
		/* Once the lock is dropped, all of it may end, and the resource go. */
		queue_work(submit_wq, &res->submit_work);
		spin_unlock_irqrestore(&res->stream_lock, flags);
	}
	dispatch_done(res, &out->done);
	list_for_each_entry_safe(e, next, &out->released, ready) {
		list_del_init(&e->ready);
		/* The disk may read what it was given up with for a long time yet. */
		if (!ditto_request_of(e)->remnant)
			ditto_request_free_local(ditto_request_of(e));
		ditto_request_put(ditto_request_of(e));
	}
	list_for_each_entry_safe(e, next, &out->reaped, link) {
		list_del_init(&e->link);
		ditto_request_put(ditto_request_of(e));
	}
}

/* Under stream_lock: the disk has it, and nobody waits for that any more. */
static bool give_up(struct ditto_request *req, struct ditto_stream_out *out)
{
	struct ditto_resource *res = req->res;

	if (atomic_cmpxchg(&req->leg, DITTO_LEG_SUBMITTED, DITTO_LEG_GIVEN_UP) !=
	    DITTO_LEG_SUBMITTED)
		return false;
	req->remnant = ditto_disk_get(res->disk);
	req->status = BLK_STS_IOERR;
	if (req->heated)
		ditto_regions_put(res, req->entry.range.start, req->entry.range.last);
	ditto_stream_disk_failed(&res->stream);
	ditto_stream_local_done(&res->stream, &req->entry, out);
	return true;
}

/*
 * What nobody follows is in no list: there is no other copy that it could be
 * kept by, so it waits for the disk.
 */
u32 ditto_request_give_up(struct ditto_resource *res)
{
	struct ditto_stream_out out;
	struct ditto_entry *e, *next;
	u32 count = 0;

	ditto_stream_out_init(&out);
	/* See ditto_request_submit_local(): what is not found here finds the disk failed. */
	smp_mb();
	spin_lock_irq(&res->stream_lock);
	list_for_each_entry_safe(e, next, &res->stream.entries, link)
		count += give_up(ditto_request_of(e), &out);
	ditto_request_hold(res, &out);
	spin_unlock_irq(&res->stream_lock);
	ditto_request_dispatch(res, &out);
	return count;
}

int ditto_request_init(void)
{
	int err = bioset_init(&request_set, POOL_REQUESTS, offsetof(struct ditto_request, clone), 0);

	if (err)
		return err;
	err = bioset_init(&word_set, POOL_WORDS, offsetof(struct ditto_request, clone), 0);
	if (err)
		goto no_words;
	submit_wq = alloc_workqueue("ditto_submit", WQ_MEM_RECLAIM, 0);
	if (submit_wq)
		return 0;
	err = -ENOMEM;
	bioset_exit(&word_set);
no_words:
	bioset_exit(&request_set);
	return err;
}

void ditto_request_exit(void)
{
	destroy_workqueue(submit_wq);
	bioset_exit(&word_set);
	bioset_exit(&request_set);
}
