/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A resource: one replicated device, its disk, its peers and its stream.
 *
 * A resource belongs to a network namespace and is found there by name. Two
 * locks protect it:
 *
 * conf (mutex)		what the administrator and the state machine change:
 *			role, disk, metadata, peers, connections coming and
 *			going. Held across metadata writes, never across
 *			anything that only a peer can end. Taken by
 *			ditto_resource_lock(); commands take it killable.
 * stream_lock (spinlock, interrupts off)
 *			what requests and acknowledgements change: the stream,
 *			the followers, bitmaps, resync plans, ready lists; and
 *			the pointers and states that the paths of I/O read,
 *			which are written under both locks.
 */
#ifndef DITTO_RESOURCE_H
#define DITTO_RESOURCE_H

#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <net/net_namespace.h>
#include <uapi/linux/ditto.h>

#include "applier.h"
#include "core/account.h"
#include "core/pace.h"
#include "core/stream.h"
#include "core/wire.h"
#include "reader.h"
#include "regions.h"
#include "remote_read.h"
#include "verify.h"

struct ditto_device;
struct ditto_disk;
struct ditto_peer;
struct netlink_ext_ack;

/* What the administrator may set; read without a lock. */
struct ditto_options {
	u32 policy;
	u32 ping_interval_ms;
	u32 timeout_ms;
	u32 on_read_error;
	bool payload_crc;
	bool resync_checksum;
};

/**
 * struct ditto_resource - see above
 * @ref: one for the namespace's list, one for each peer, connection, request
 *	and command that uses it
 * @link: in the namespace's list, under the namespace's mutex
 * @net: its namespace; valid until @dead
 * @dead: taken out of the list: no command finds it any more
 * @name: unique within the namespace
 * @role: written under both locks
 * @memory: how whoever has conf asked for memory before
 * @disk_state: as last told to everyone; under conf
 * @disk: written under both locks
 * @device: made by attach; written under both locks
 * @peers: by node id; written under both locks
 * @peer_mask: a bit for each of @peers
 * @stream: under stream_lock; it has followers only on a Primary
 * @account: what this node knows of the others' copies; under stream_lock
 * @regions: which regions of the local disk are hot
 * @short_of_records: how many wait for one, under stream_lock
 * @submit: entries (by ready) that may go to the local disk now, under stream_lock
 * @submit_readers: readers (by ready) that may read the local disk now
 * @submit_work: does it
 * @rosters: roster entries that must be done before completions go on; under conf
 * @roster_done: roster entries that are done, under stream_lock
 * @pace: how much of all resyncs may be on its way, under stream_lock
 * @applier: the secondary's side
 * @target: what the START of the running resync said, and rosters since; under conf
 * @told: the state that peers were told last; under conf
 * @idle_wait: woken when the applier becomes idle, a follower becomes durable,
 *	a peer's last extent has come back, or the device's last bio has ended
 * @readers: reads on a Secondary that wait
 * @remote: reads that a peer's disk serves
 * @verify: the comparison of all copies
 * @resync_paused: by hand
 * @events: bits of enum ditto_resource_event
 * @state_work: the state machine, on @wq, one at a time
 * @wq: ordered
 * @debug: its folder in debugfs
 * @free_work: frees it
 */
struct ditto_resource {
	struct kref ref;
	struct list_head link;
	struct net *net;
	bool dead;
	char name[DITTO_NAME_LEN + 1];
	u8 uuid[16];
	u32 node_id;
	struct ditto_options options;

	struct mutex conf;
	unsigned int memory;
	enum ditto_role role;
	enum ditto_disk_state disk_state;
	struct ditto_disk *disk;
	struct ditto_device *device;
	struct ditto_peer *peers[DITTO_MAX_NODES];
	u32 peer_mask;
	bool resync_paused;
	u32 rosters;

	spinlock_t stream_lock;
	struct ditto_stream stream;
	struct ditto_account account;
	struct ditto_regions regions;
	u32 short_of_records;
	struct list_head submit;
	struct list_head submit_readers;
	struct list_head roster_done;
	struct ditto_pace pace;
	struct work_struct submit_work;
	struct ditto_applier applier;
	struct ditto_wire_start target;
	struct ditto_wire_state told;
	struct ditto_readers readers;
	struct ditto_remote_reads remote;
	struct ditto_verify verify;

	wait_queue_head_t idle_wait;
	unsigned long events;
	struct work_struct state_work;
	struct workqueue_struct *wq;
	struct dentry *debug;
	struct work_struct free_work;
};

/* What the state machine is told about the resource itself. */
enum ditto_resource_event {
	DITTO_RES_ROSTER_DONE,		/* entries are on roster_done */
	DITTO_RES_APPLY_ROSTER,		/* the applier holds a ROSTER or JOIN */
	DITTO_RES_APPLIER_IDLE,		/* what a lost primary had sent is written */
	DITTO_RES_DISK_FAILED,
	DITTO_RES_VERIFY_DONE,
	DITTO_RES_DISK_REPORTED,	/* not an event: the log has it */
};

/* All resources of one network namespace. */
struct ditto_net {
	struct mutex lock;
	struct list_head resources;
	u32 generation;
};

struct ditto_net *ditto_net(struct net *net);

struct ditto_resource *ditto_resource_find(struct net *net, const char *name);
static inline struct ditto_resource *ditto_resource_get(struct ditto_resource *res)
{
	kref_get(&res->ref);
	return res;
}
void ditto_resource_put(struct ditto_resource *res);

/*
 * For memory that is asked for under conf while writes may be under way, and for what
 * can be said later: it fails where others would wait. A peer whose loss would give
 * memory back is only lost by one who has conf.
 */
#define DITTO_GFP_CONF	(GFP_NOIO | __GFP_NORETRY | __GFP_NOWARN)

/*
 * Take conf. Memory asked for under it is never found by writing to a device: a
 * write to this one may wait for whoever has conf.
 */
void ditto_resource_lock(struct ditto_resource *res);
/* Return: 0, -EINTR where the caller is killed. */
int ditto_resource_lock_killable(struct ditto_resource *res);
void ditto_resource_unlock(struct ditto_resource *res);

/* Make a resource and enter it in @net. Return: 0, -EEXIST, -ENOMEM. */
int ditto_resource_new(struct net *net, const char *name, const u8 *uuid, u32 node_id,
		       const struct ditto_options *options, struct netlink_ext_ack *extack);

/**
 * ditto_resource_del() - the opposite, connections and disk included
 *
 * A disk that does not return what it has been given is given up when that time
 * has passed. Context: process. Bounded by DITTO_DISK_TIMEOUT_MS and twice
 * DITTO_ROLE_TIMEOUT_MS.
 * Return: 0, -EBUSY where the device is in use, -EINTR where killed.
 */
int ditto_resource_del(struct ditto_resource *res, struct netlink_ext_ack *extack);

int ditto_resource_attach(struct ditto_resource *res, const char *path, const char *meta_path,
			  struct netlink_ext_ack *extack);

/**
 * ditto_resource_detach() - let go of the disk
 * @force: it has been given up
 *
 * With @force, the disk of a Primary, or of a device that is open, stays as Failed:
 * the device goes on without it.
 *
 * Context: process, under conf. Bounded as ditto_resource_del() is.
 * Return: 0; -ENXIO without a disk; -EBUSY while the device is in use; -ETIMEDOUT, -EINTR.
 */
int ditto_resource_detach(struct ditto_resource *res, bool force, struct netlink_ext_ack *extack);

/**
 * ditto_resource_give_up_disk() - nobody waits for the disk any more
 *
 * It counts as failed, and whoever waits for it, with or without conf, is told so.
 *
 * Context: process, without conf: that may be held by one who waits for the disk.
 * Return: 0; -ENXIO without a disk; -ENODATA where it holds the last good copy.
 */
int ditto_resource_give_up_disk(struct ditto_resource *res, struct netlink_ext_ack *extack);

/* Tell the state machine; from any context. */
void ditto_resource_event(struct ditto_resource *res, enum ditto_resource_event event);

/* The disk has returned an error: it is of no use any more. From any context. */
void ditto_resource_disk_error(struct ditto_resource *res);

int ditto_resource_init(void);
void ditto_resource_exit(void);

#endif /* DITTO_RESOURCE_H */
