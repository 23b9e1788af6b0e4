/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Primary and Secondary, and the other decisions of an administrator about a
 * copy. All functions are called under the resource's conf mutex.
 */
#ifndef DITTO_ROLE_H
#define DITTO_ROLE_H

#include <linux/types.h>

#include "gate.h"

struct ditto_device;
struct ditto_peer;
struct ditto_resource;
struct netlink_ext_ack;

/* How long a role change waits for what is under way. */
#define DITTO_ROLE_TIMEOUT_MS	20000
/* How long a clean stop waits to hear that everything is settled. */
#define DITTO_ROLE_SETTLE_MS	1500

/**
 * ditto_role_promote() - become Primary
 * @flags: DITTO_FLAG_FORCE: also where this copy may be old or incomplete, never
 *	beside another Primary; DITTO_FLAG_ASSUME_EQUAL: the disks of all nodes hold
 *	the same, and none has ever held data of the resource
 *
 * Return: 0; -EBUSY beside another Primary or while a lost one's writes are
 * still being applied; -ENODATA where the copy does not allow it; -EEXIST and
 * -ENOTCONN where copies cannot be assumed to be equal; -EIO.
 */
int ditto_role_promote(struct ditto_resource *res, u32 flags, struct netlink_ext_ack *extack);

/* Return: 0, -EBUSY with the name of a holder and @hint where the device is open. */
int ditto_role_check_unused(struct ditto_device *dev, const char *hint,
			    struct netlink_ext_ack *extack);

/* Does a connected peer have, by its own word, all that the local copy has? */
bool ditto_role_covered(struct ditto_resource *res);

/* Give up the local copy, or, with @peer, that of a peer of this Primary. */
int ditto_role_invalidate(struct ditto_resource *res, struct ditto_peer *peer,
			  struct netlink_ext_ack *extack);

/*
 * Wait for what may itself wait for the state machine, which cannot run while a
 * command holds conf; woken by the resource's idle_wait. Return: 0, -ETIMEDOUT,
 * -EINTR.
 */
int ditto_role_wait(struct ditto_resource *res, bool (*reached)(struct ditto_resource *res),
		    u32 timeout_ms);

/* Wait until the device's gate, which is shut, is drained. Return: as ditto_role_drain(). */
int ditto_role_await_drained(struct ditto_resource *res);

/*
 * Let no bio into the device, and wait for those under way; after an error the
 * gate is not shut for @reason. Return: 0, -ETIMEDOUT, -EINTR.
 */
int ditto_role_drain(struct ditto_resource *res, enum ditto_gate_reason reason);

/* As a Primary: the targets of resyncs are lost, for the reason given. */
void ditto_role_lose_targets(struct ditto_resource *res, const char *reason);

/* Wait until nothing uses the disk. Return: 0, -ETIMEDOUT, -EINTR. */
int ditto_role_wait_idle(struct ditto_resource *res);

/*
 * The Primary that this node followed is gone, and all it had sent is written:
 * what is not known to be settled is out of sync with everybody; see
 * ditto_account_orphans().
 */
void ditto_role_orphans(struct ditto_resource *res, u32 source, u64 logged);

/*
 * Before a clean stop: make all that was received durable, and give the Primary
 * a moment to say that it is settled, so that nothing has to be resynced for it.
 */
void ditto_role_await_settled(struct ditto_resource *res);

/*
 * An I/O error, or an administrator: the disk is of no use any more, and nobody
 * waits for it.
 */
void ditto_role_disk_failed(struct ditto_resource *res);

/* A verify has ended: whoever differs is brought up to date. */
void ditto_role_verified(struct ditto_resource *res);

#endif /* DITTO_ROLE_H */
