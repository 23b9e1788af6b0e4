// SPDX-License-Identifier: GPL-2.0
#include "gate.h"

#include <linux/sched.h>

static struct workqueue_struct *gate_wq;

/* The last touch of a bio: the gate may go once the lock is dropped. */
static void users_released(struct percpu_ref *ref)
{
	struct ditto_gate *gate = container_of(ref, struct ditto_gate, users);
	unsigned long flags;

	spin_lock_irqsave(&gate->lock, flags);
	/* It is not, where the gate has been opened again meanwhile. */
	gate->is_drained = percpu_ref_is_zero(ref);
	wake_up_all(gate->wait);
	spin_unlock_irqrestore(&gate->lock, flags);
}

bool ditto_gate_enter(struct ditto_gate *gate, struct bio *bio)
{
	unsigned long flags;
	bool in, fails;

	if (likely(percpu_ref_tryget_live(&gate->users)))
		return true;
	spin_lock_irqsave(&gate->lock, flags);
	/* Opened meanwhile: nobody would look for it among those that wait. */
	in = percpu_ref_tryget_live(&gate->users);
	fails = !in && gate->shut & DITTO_GATE_GONE;
	if (!in && !fails) {
		bio_list_add(&gate->waiting, bio);
		gate->count++;
	}
	spin_unlock_irqrestore(&gate->lock, flags);
	if (fails)
		bio_io_error(bio);
	return in;
}

/* The next that waits is in from now on; NULL where none waits, or the gate is shut. */
static struct bio *let_in(struct ditto_gate *gate)
{
	struct bio *bio = NULL;

	spin_lock_irq(&gate->lock);
	if (gate->count && percpu_ref_tryget_live(&gate->users)) {
		bio = bio_list_pop(&gate->waiting);
		gate->count--;
	}
	spin_unlock_irq(&gate->lock);
	return bio;
}

static void gate_work(struct work_struct *work)
{
	struct ditto_gate *gate = container_of(work, struct ditto_gate, work);
	struct bio *bio;

	while ((bio = let_in(gate))) {
		gate->serve(gate, bio);
		cond_resched();
	}
}

void ditto_gate_shut(struct ditto_gate *gate, enum ditto_gate_reason reason)
{
	bool open;

	spin_lock_irq(&gate->lock);
	open = !gate->shut;
	gate->shut |= reason;
	if (open)
		gate->is_drained = false;
	spin_unlock_irq(&gate->lock);
	if (open)
		percpu_ref_kill(&gate->users);
}

void ditto_gate_open(struct ditto_gate *gate, enum ditto_gate_reason reason)
{
	bool opens;

	spin_lock_irq(&gate->lock);
	opens = gate->shut && !(gate->shut & ~reason);
	gate->shut &= ~reason;
	spin_unlock_irq(&gate->lock);
	if (!opens)
		return;
	percpu_ref_resurrect(&gate->users);
	/* What comes from here on does not wait; see ditto_gate_enter(). */
	queue_work(gate_wq, &gate->work);
}

bool ditto_gate_drained(struct ditto_gate *gate)
{
	bool drained;

	spin_lock_irq(&gate->lock);
	drained = gate->is_drained;
	spin_unlock_irq(&gate->lock);
	return drained;
}

u32 ditto_gate_fail(struct ditto_gate *gate, bool writes_only)
{
	struct bio_list all = BIO_EMPTY_LIST, failed = BIO_EMPTY_LIST;
	struct bio *bio;
	u32 count = 0;

	spin_lock_irq(&gate->lock);
	bio_list_merge(&all, &gate->waiting);
	bio_list_init(&gate->waiting);
	while ((bio = bio_list_pop(&all))) {
		if (writes_only && !op_is_write(bio_op(bio))) {
			bio_list_add(&gate->waiting, bio);
			continue;
		}
		bio_list_add(&failed, bio);
		count++;
	}
	gate->count -= count;
	spin_unlock_irq(&gate->lock);
	while ((bio = bio_list_pop(&failed)))
		bio_io_error(bio);
	return count;
}

int ditto_gate_setup(struct ditto_gate *gate, wait_queue_head_t *wait,
		     void (*serve)(struct ditto_gate *gate, struct bio *bio))
{
	spin_lock_init(&gate->lock);
	gate->shut = 0;
	gate->is_drained = false;
	bio_list_init(&gate->waiting);
	gate->count = 0;
	gate->wait = wait;
	gate->serve = serve;
	INIT_WORK(&gate->work, gate_work);
	return percpu_ref_init(&gate->users, users_released, PERCPU_REF_ALLOW_REINIT, GFP_KERNEL);
}

void ditto_gate_release(struct ditto_gate *gate)
{
	cancel_work_sync(&gate->work);
	percpu_ref_exit(&gate->users);
}

int ditto_gate_init(void)
{
	gate_wq = alloc_workqueue("ditto_gate", WQ_MEM_RECLAIM, 0);
	return gate_wq ? 0 : -ENOMEM;
}

void ditto_gate_exit(void)
{
	destroy_workqueue(gate_wq);
}
