// SPDX-License-Identifier: GPL-2.0
#include "resource.h"

#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <net/netns/generic.h>

#include "bitmap.h"
#include "connection.h"
#include "debug.h"
#include "demote.h"
#include "device.h"
#include "disk.h"
#include "disk_io.h"
#include "event.h"
#include "gate.h"
#include "log.h"
#include "peer.h"
#include "request.h"
#include "role.h"
#include "session.h"
#include "state.h"

static unsigned int net_id;
/* Frees resources; the last reference may go in any context. */
static struct workqueue_struct *resource_wq;

struct ditto_net *ditto_net(struct net *net)
{
	return net_generic(net, net_id);
}

static void resource_free_work(struct work_struct *work)
{
	struct ditto_resource *res = container_of(work, struct ditto_resource, free_work);

	/* State work that is still queued finds it dead. */
	destroy_workqueue(res->wq);
	mutex_destroy(&res->conf);
	kfree(res);
	module_put(THIS_MODULE);
}

static void resource_free(struct kref *ref)
{
	struct ditto_resource *res = container_of(ref, struct ditto_resource, ref);

	INIT_WORK(&res->free_work, resource_free_work);
	queue_work(resource_wq, &res->free_work);
}

void ditto_resource_put(struct ditto_resource *res)
{
	kref_put(&res->ref, resource_free);
}

void ditto_resource_lock(struct ditto_resource *res)
{
	mutex_lock(&res->conf);
	res->memory = memalloc_noio_save();
}

int ditto_resource_lock_killable(struct ditto_resource *res)
{
	int err = mutex_lock_killable(&res->conf);

	if (!err)
		res->memory = memalloc_noio_save();
	return err;
}

void ditto_resource_unlock(struct ditto_resource *res)
{
	unsigned int memory = res->memory;

	mutex_unlock(&res->conf);
	memalloc_noio_restore(memory);
}

void ditto_resource_event(struct ditto_resource *res, enum ditto_resource_event event)
{
	set_bit(event, &res->events);
	queue_work(res->wq, &res->state_work);
}

void ditto_resource_disk_error(struct ditto_resource *res)
{
	WRITE_ONCE(res->disk->failed, true);
	if (!test_bit(DITTO_RES_DISK_REPORTED, &res->events))
		ditto_resource_event(res, DITTO_RES_DISK_FAILED);
}

static struct ditto_resource *find(struct ditto_net *dn, const char *name)
{
	struct ditto_resource *res;

	list_for_each_entry(res, &dn->resources, link)
		if (!strcmp(res->name, name))
			return res;
	return NULL;
}

struct ditto_resource *ditto_resource_find(struct net *net, const char *name)
{
	struct ditto_net *dn = ditto_net(net);
	struct ditto_resource *res;

	mutex_lock(&dn->lock);
	res = find(dn, name);
	if (res)
		ditto_resource_get(res);
	mutex_unlock(&dn->lock);
	return res;
}

static void resource_setup(struct ditto_resource *res)
{
	kref_init(&res->ref);
	mutex_init(&res->conf);
	spin_lock_init(&res->stream_lock);
	ditto_pace_init(&res->pace, ktime_get_ns());
	spin_lock_init(&res->readers.lock);
	INIT_LIST_HEAD(&res->submit);
	INIT_LIST_HEAD(&res->submit_readers);
	INIT_LIST_HEAD(&res->roster_done);
	init_waitqueue_head(&res->idle_wait);
	INIT_WORK(&res->submit_work, ditto_request_submit_work);
	INIT_WORK(&res->state_work, ditto_state_work);
	ditto_stream_init(&res->stream, 0, 1);
	ditto_applier_setup(&res->applier);
	ditto_verify_setup(&res->verify);
	ditto_regions_setup(&res->regions);
	ditto_remote_read_setup(&res->remote);
	res->role = DITTO_ROLE_SECONDARY;
	res->disk_state = DITTO_DISK_DISKLESS;
}

int ditto_resource_new(struct net *net, const char *name, const u8 *uuid, u32 node_id,
		       const struct ditto_options *options, struct netlink_ext_ack *extack)
{
	struct ditto_net *dn = ditto_net(net);
	struct ditto_resource *res;
	int err = 0;

	/* Before anything: from here on the module stays until the last is freed. */
	if (!try_module_get(THIS_MODULE))
		return -ENODEV;
	res = kzalloc(sizeof(*res), GFP_KERNEL);
	if (res)
		res->wq = alloc_ordered_workqueue("ditto_%s", WQ_MEM_RECLAIM, name);
	if (!res || !res->wq) {
		kfree(res);
		module_put(THIS_MODULE);
		return -ENOMEM;
	}
	resource_setup(res);
	res->net = net;
	strscpy(res->name, name, sizeof(res->name));
	memcpy(res->uuid, uuid, sizeof(res->uuid));
	res->node_id = node_id;
	res->account.me = node_id;
	res->options = *options;

	mutex_lock(&dn->lock);
	if (find(dn, name))
		err = ditto_refuse(extack, -EEXIST, "resource %s is up already", name);
	else
		list_add_tail(&res->link, &dn->resources);
	dn->generation++;
	mutex_unlock(&dn->lock);
	if (err) {
		res->dead = true;
		ditto_resource_put(res);
		return err;
	}
	ditto_debug_add(res);
	ditto_event_plain(res, NULL, DITTO_EVENT_RESOURCE_NEW);
	return 0;
}

/* What the disk knows of others; of those that nobody keeps account of it knows nothing. */
static int load_account(struct ditto_resource *res, struct ditto_md *md)
{
	u32 i;
	int err = 0;

	for (i = 0; i < DITTO_MD_PEERS; i++)
		if (md->peers[i].flags & DITTO_MDF_PEER_USED && !res->peers[md->peers[i].node_id])
			md->peers[i].flags |= DITTO_MDF_PEER_FULL;
	for (i = 0; i < DITTO_MAX_NODES && !err; i++)
		if (res->peers[i])
			err = ditto_bitmap_new(res->peers[i]);
	return err ? err : ditto_regions_attach(res);
}

static void drop_disk(struct ditto_resource *res)
{
	struct ditto_disk *disk = res->disk;
	u32 i;

	ditto_regions_detach(res);
	spin_lock_irq(&res->stream_lock);
	res->disk = NULL;
	spin_unlock_irq(&res->stream_lock);
	for (i = 0; i < DITTO_MAX_NODES; i++)
		if (res->peers[i])
			ditto_bitmap_free(res->peers[i]);
	/* What was said of this one is not to be taken for the next. */
	clear_bit(DITTO_RES_DISK_FAILED, &res->events);
	clear_bit(DITTO_RES_DISK_REPORTED, &res->events);
	ditto_disk_close(disk);
}

int ditto_resource_attach(struct ditto_resource *res, const char *path, const char *meta_path,
			  struct netlink_ext_ack *extack)
{
	struct ditto_disk *disk;
	int err;

	lockdep_assert_held(&res->conf);
	if (res->disk && READ_ONCE(res->disk->failed) && res->role == DITTO_ROLE_PRIMARY)
		return ditto_refuse(extack, -EBUSY,
				    "%s has failed, and a Primary takes no other disk: demote this node, then detach",
				    res->disk->path);
	if (res->disk && READ_ONCE(res->disk->failed))
		return ditto_refuse(extack, -EBUSY, "%s has failed: detach it first",
				    res->disk->path);
	if (res->disk)
		return ditto_refuse(extack, -EBUSY, "%s is attached already", res->disk->path);
	disk = ditto_disk_open(path, meta_path, res->uuid, res->node_id, extack);
	if (IS_ERR(disk))
		return PTR_ERR(disk);
	spin_lock_irq(&res->stream_lock);
	res->disk = disk;
	spin_unlock_irq(&res->stream_lock);
	ditto_applier_set_position(&res->applier, disk->md.durable_position);
	err = load_account(res, &disk->md);
	/* From here on it counts as stopped uncleanly until it is detached. */
	disk->md.flags &= ~(DITTO_MDF_CLEAN | DITTO_MDF_PRIMARY);
	if (!err)
		err = ditto_disk_write_md(disk);
	if (err)
		ditto_refuse(extack, err, "%s: cannot write metadata: error %d", path, err);
	if (!err)
		err = ditto_device_new(res);
	if (err) {
		drop_disk(res);
		return err;
	}
	ditto_info(res, "attached %s, %llu bytes%s", path, disk->md.data_bytes,
		   disk->unclean ? ", which was not stopped cleanly" : "");
	ditto_state_refresh(res);
	return 0;
}

/* Where only the disk is to blame, the connection stays wanted. */
static void end_session(struct ditto_peer *peer, bool failed)
{
	if (!failed) {
		ditto_session_disconnect(peer, DITTO_BYE_DOWN);
	} else if (peer->connection) {
		ditto_connection_bye(peer->connection, DITTO_BYE_DISK, false,
				     "the local disk has failed");
		ditto_session_lost(peer);
	}
}

static void end_sessions(struct ditto_resource *res)
{
	bool failed = READ_ONCE(res->disk->failed);
	u32 i;

	for (i = 0; i < DITTO_MAX_NODES; i++)
		if (res->peers[i])
			end_session(res->peers[i], failed);
}

/* Wait for the disk, and then no longer. */
static int await_idle(struct ditto_resource *res)
{
	int err = ditto_role_wait_idle(res);

	if (err != -ETIMEDOUT)
		return err;
	ditto_warn(res, "%s does not return what it was given", res->disk->path);
	ditto_role_disk_failed(res);
	return ditto_role_wait_idle(res);
}

/* Connections end, all writes come back, the metadata says that all is well. */
static int quiesce(struct ditto_resource *res, struct netlink_ext_ack *extack)
{
	struct ditto_md *md = &res->disk->md;
	int err;

	ditto_role_await_settled(res);
	end_sessions(res);
	ditto_reader_fail(res);
	ditto_remote_read_hold(res, 0);
	err = await_idle(res);
	if (err)
		return ditto_refuse(extack, err, "%s does not return what it was given",
				    res->disk->path);
	ditto_role_orphans(res, 0, 0);
	if (READ_ONCE(res->disk->failed) || ditto_regions_empty(res))
		return 0;
	md->durable_generation = md->generation;
	md->durable_position = ditto_applier_position(&res->applier);
	if (!res->disk->unclean)
		md->flags |= DITTO_MDF_CLEAN;
	ditto_disk_write_md(res->disk);
	return 0;
}

static int take_down_disk(struct ditto_resource *res, struct netlink_ext_ack *extack)
{
	int err;

	if (!res->disk)
		return 0;
	err = ditto_role_check_unused(res->device, "stop that first", extack);
	if (!err)
		err = ditto_demote(res, false, extack);
	if (!err)
		err = quiesce(res, extack);
	if (!err) {
		err = ditto_role_drain(res, DITTO_GATE_ROLE);
		if (err)
			ditto_refuse(extack, err, "reads of the device do not end");
	}
	if (err)
		return err;
	ditto_device_del(res);
	ditto_applier_shutdown(&res->applier);
	ditto_verify_shutdown(res);
	ditto_remote_read_shutdown(res);
	drop_disk(res);
	return 0;
}

/* Does it hold what counts, and nobody else, as far as this node can tell? */
static bool is_needed(struct ditto_resource *res)
{
	const struct ditto_md *md = &res->disk->md;

	return !READ_ONCE(res->disk->failed) && md->generation &&
	       !(md->flags & (DITTO_MDF_INCONSISTENT | DITTO_MDF_OUTDATED)) &&
	       !ditto_role_covered(res);
}

/*
 * Under stream_lock. What a lost peer holds does not count, and neither does a peer
 * whose loss the state machine has not come to yet.
 */
static bool is_last_copy(struct ditto_resource *res)
{
	u32 i;

	if (READ_ONCE(res->disk->failed) || READ_ONCE(res->disk_state) < DITTO_DISK_CONSISTENT)
		return false;
	if (res->role == DITTO_ROLE_PRIMARY)
		return !ditto_remote_read_possible(res);
	for (i = 0; i < DITTO_MAX_NODES; i++) {
		const struct ditto_peer *peer = res->peers[i];

		if (peer && peer->connection &&
		    READ_ONCE(peer->disk_state) == DITTO_DISK_UP_TO_DATE &&
		    !test_bit(DITTO_CONN_FAILED, &peer->connection->flags))
			return false;
	}
	return true;
}

int ditto_resource_give_up_disk(struct ditto_resource *res, struct netlink_ext_ack *extack)
{
	struct ditto_disk *disk;
	bool last = false;

	spin_lock_irq(&res->stream_lock);
	disk = res->disk;
	if (disk) {
		ditto_disk_get(disk);
		last = is_last_copy(res);
	}
	if (disk && !last) {
		WRITE_ONCE(disk->failed, true);
		/* While it is this disk that the state machine finds. */
		ditto_resource_event(res, DITTO_RES_DISK_FAILED);
	}
	spin_unlock_irq(&res->stream_lock);
	if (!disk)
		return ditto_refuse(extack, -ENXIO, "no disk is attached");
	if (!last)
		ditto_disk_give_up(disk);
	ditto_disk_put(disk);
	if (!last)
		return 0;
	if (READ_ONCE(res->role) == DITTO_ROLE_PRIMARY)
		return ditto_refuse(extack, -ENODATA,
				    "no peer has all the data: this is the last good copy; connect a peer and wait for its resync first");
	return ditto_refuse(extack, -ENODATA,
			    "no connected peer is UpToDate: this may be the last good copy; connect one first, or take the resource down");
}

static int detach_given_up(struct ditto_resource *res, struct netlink_ext_ack *extack)
{
	if (!READ_ONCE(res->disk->failed))
		return ditto_refuse(extack, -EBUSY, "%s was attached meanwhile", res->disk->path);
	ditto_role_disk_failed(res);
	/* It is of no use, but the device's users are not done yet. */
	if (res->role == DITTO_ROLE_PRIMARY || READ_ONCE(res->device->openers))
		return 0;
	return take_down_disk(res, extack);
}

int ditto_resource_detach(struct ditto_resource *res, bool force, struct netlink_ext_ack *extack)
{
	int err;

	lockdep_assert_held(&res->conf);
	if (!res->disk)
		return ditto_refuse(extack, -ENXIO, "no disk is attached");
	if (!force && is_needed(res))
		return ditto_refuse(extack, -ENODATA,
				    "no connected peer is known to have all that %s has, and it may be the last good copy: connect such a peer first, or take the resource down",
				    res->disk->path);
	err = force ? detach_given_up(res, extack) : take_down_disk(res, extack);
	if (!err)
		ditto_state_refresh(res);
	return err;
}

/* Nobody finds it any more; whoever still holds a reference sees it dead. */
static void unlink(struct ditto_resource *res)
{
	struct ditto_net *dn = ditto_net(res->net);

	ditto_event_plain(res, NULL, DITTO_EVENT_RESOURCE_DEL);
	mutex_lock(&dn->lock);
	list_del(&res->link);
	dn->generation++;
	mutex_unlock(&dn->lock);
	ditto_debug_del(res);
	res->dead = true;
}

static void put_peers(struct ditto_resource *res)
{
	u32 i;

	for (i = 0; i < DITTO_MAX_NODES; i++) {
		struct ditto_peer *peer = res->peers[i];

		if (!peer)
			continue;
		spin_lock_irq(&res->stream_lock);
		res->peers[i] = NULL;
		res->peer_mask &= ~BIT(i);
		spin_unlock_irq(&res->stream_lock);
		ditto_peer_put(peer);
	}
}

int ditto_resource_del(struct ditto_resource *res, struct netlink_ext_ack *extack)
{
	u32 i;
	int err;

	lockdep_assert_held(&res->conf);
	err = take_down_disk(res, extack);
	if (err)
		return err;
	for (i = 0; i < DITTO_MAX_NODES; i++)
		if (res->peers[i])
			ditto_session_disconnect(res->peers[i], DITTO_BYE_DOWN);
	unlink(res);
	put_peers(res);
	ditto_resource_put(res);
	return 0;
}

/*
 * The namespace goes. It could not while a socket of a connection held it, so
 * there is no connection; but the device may be open. Its bios fail first.
 */
static void resource_abandon(struct ditto_resource *res)
{
	u32 i;

	ditto_resource_lock(res);
	unlink(res);
	for (i = 0; i < DITTO_MAX_NODES; i++)
		if (res->peers[i])
			ditto_session_disconnect(res->peers[i], DITTO_BYE_DOWN);
	if (res->device) {
		ditto_reader_fail(res);
		ditto_remote_read_hold(res, 0);
		ditto_device_end(res->device);
		blk_mark_disk_dead(res->device->disk);
		if (ditto_role_drain(res, DITTO_GATE_ROLE) || await_idle(res)) {
			/* The disk keeps what it has: it, and we, stay for good. */
			ditto_warn(res, "%s does not return its I/O: left behind", res->disk->path);
			ditto_resource_unlock(res);
			return;
		}
		ditto_device_del(res);
		ditto_applier_shutdown(&res->applier);
		ditto_verify_shutdown(res);
		ditto_remote_read_shutdown(res);
		drop_disk(res);
	}
	put_peers(res);
	ditto_resource_unlock(res);
	ditto_resource_put(res);
}

static int __net_init net_setup(struct net *net)
{
	struct ditto_net *dn = ditto_net(net);

	mutex_init(&dn->lock);
	INIT_LIST_HEAD(&dn->resources);
	return 0;
}

static void __net_exit net_teardown(struct net *net)
{
	struct ditto_net *dn = ditto_net(net);
	struct ditto_resource *res;

	while ((res = list_first_entry_or_null(&dn->resources, struct ditto_resource, link))) {
		ditto_resource_get(res);
		resource_abandon(res);
		ditto_resource_put(res);
	}
	mutex_destroy(&dn->lock);
}

static struct pernet_operations net_ops = {
	.init	= net_setup,
	.exit	= net_teardown,
	.id	= &net_id,
	.size	= sizeof(struct ditto_net),
};

int ditto_resource_init(void)
{
	int err;

	resource_wq = alloc_workqueue("ditto_resource", 0, 0);
	if (!resource_wq)
		return -ENOMEM;
	err = register_pernet_subsys(&net_ops);
	if (err)
		destroy_workqueue(resource_wq);
	return err;
}

void ditto_resource_exit(void)
{
	unregister_pernet_subsys(&net_ops);
	destroy_workqueue(resource_wq);
}
