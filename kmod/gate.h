/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The gate of a device: what lets its users' bios in, and where they wait while
 * it is shut.
 *
 * It is shut for one reason or several, which do not know of each other, and
 * is open when none is left. What waits is in no other list, holds nothing and
 * has been begun nowhere: it can be let in, or failed, at any time.
 */
#ifndef DITTO_GATE_H
#define DITTO_GATE_H

#include <linux/bio.h>
#include <linux/percpu-refcount.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

enum ditto_gate_reason {
	DITTO_GATE_ROLE = BIT(0),	/* the role changes, or the disk goes */
	DITTO_GATE_HAND = BIT(1),	/* I/O is suspended by hand */
	DITTO_GATE_GONE = BIT(2),	/* the device goes: bios fail and do not wait */
};

/**
 * struct ditto_gate - see above
 * @users: one for each bio that was let in; dying while the gate is shut
 * @lock: of what follows
 * @shut: enum ditto_gate_reason; changed under the resource's conf mutex, too
 * @is_drained: no bio that was let in is left since the gate was shut
 * @waiting: bios, in the order in which they came
 * @count: of them
 * @wait: woken when the last bio that was let in has left
 * @serve: is given each bio that has waited and is let in
 * @work: does that: who opens the gate waits for no bio
 */
struct ditto_gate {
	struct percpu_ref users;
	spinlock_t lock;
	u32 shut;
	bool is_drained;
	struct bio_list waiting;
	u32 count;
	wait_queue_head_t *wait;
	void (*serve)(struct ditto_gate *gate, struct bio *bio);
	struct work_struct work;
};

/* An open gate. Return: 0 or -ENOMEM. */
int ditto_gate_setup(struct ditto_gate *gate, wait_queue_head_t *wait,
		     void (*serve)(struct ditto_gate *gate, struct bio *bio));
/* No bio is under way, and none waits. May sleep. */
void ditto_gate_release(struct ditto_gate *gate);

/**
 * ditto_gate_enter() - let a bio in
 *
 * Context: any in which bios may be submitted.
 * Return: true where it is in, until ditto_gate_leave(); false where the bio is
 * the gate's.
 */
bool ditto_gate_enter(struct ditto_gate *gate, struct bio *bio);
/* Count as one that is in, where nothing has to wait; until ditto_gate_leave(). Any context. */
static inline bool ditto_gate_try(struct ditto_gate *gate)
{
	return percpu_ref_tryget_live(&gate->users);
}

/* Count as one that is in, while another is; until ditto_gate_leave(). Any context. */
static inline void ditto_gate_hold(struct ditto_gate *gate)
{
	percpu_ref_get(&gate->users);
}

/* Any context. The gate may be gone when it returns. */
static inline void ditto_gate_leave(struct ditto_gate *gate)
{
	percpu_ref_put(&gate->users);
}

/* Let no more in. Under conf. */
void ditto_gate_shut(struct ditto_gate *gate, enum ditto_gate_reason reason);
/* The reason is gone: where it was the last one, let in what waits. Under conf; may sleep. */
void ditto_gate_open(struct ditto_gate *gate, enum ditto_gate_reason reason);

/* Has everything left that was let in before the gate was shut? */
bool ditto_gate_drained(struct ditto_gate *gate);

/* Fail what waits, or, with @writes_only, what of it is no read. Return: how many. */
u32 ditto_gate_fail(struct ditto_gate *gate, bool writes_only);

int ditto_gate_init(void);
void ditto_gate_exit(void);

#endif /* DITTO_GATE_H */
