// SPDX-License-Identifier: GPL-2.0
#include "peer.h"

#include <linux/slab.h>

#include "bitmap.h"
#include "disk.h"
#include "event.h"
#include "log.h"
#include "resource.h"
#include "role.h"
#include "session.h"
#include "syncer.h"

static void peer_free(struct kref *ref)
{
	struct ditto_peer *peer = container_of(ref, struct ditto_peer, ref);

	/* Who held a reference may have kicked it without a connection. */
	ditto_syncer_shutdown(peer);
	ditto_bitmap_free(peer);
	ditto_resource_put(peer->res);
	kfree(peer);
}

void ditto_peer_put(struct ditto_peer *peer)
{
	kref_put(&peer->ref, peer_free);
}

int ditto_peer_new(struct ditto_resource *res, u32 node_id, const char *name,
		   struct netlink_ext_ack *extack)
{
	struct ditto_peer *peer;
	int err;

	lockdep_assert_held(&res->conf);
	if (node_id == res->node_id)
		return ditto_refuse(extack, -EINVAL, "node id %u is this node's own", node_id);
	if (res->peers[node_id])
		return ditto_refuse(extack, -EEXIST, "node id %u is peer %s already", node_id,
				    res->peers[node_id]->name);
	peer = kzalloc(sizeof(*peer), DITTO_GFP_CONF);
	if (!peer)
		return -ENOMEM;
	kref_init(&peer->ref);
	peer->res = ditto_resource_get(res);
	peer->node_id = node_id;
	peer->bits_slot = DITTO_PEER_NO_SLOT;
	strscpy(peer->name, name, sizeof(peer->name));
	ditto_syncer_setup(peer);
	if (res->disk) {
		err = ditto_bitmap_new(peer);
		if (err) {
			ditto_peer_put(peer);
			return err;
		}
	}
	spin_lock_irq(&res->stream_lock);
	res->peers[node_id] = peer;
	res->peer_mask |= BIT(node_id);
	spin_unlock_irq(&res->stream_lock);
	ditto_event_plain(res, peer, DITTO_EVENT_PEER_NEW);
	return 0;
}

int ditto_peer_del(struct ditto_resource *res, u32 node_id, struct netlink_ext_ack *extack)
{
	struct ditto_peer *peer = res->peers[node_id];
	int err;

	lockdep_assert_held(&res->conf);
	if (!peer)
		return ditto_refuse(extack, -ENOENT, "node id %u is no peer", node_id);
	ditto_session_disconnect(peer, DITTO_BYE_DOWN);
	err = ditto_role_wait_idle(res);
	if (err)
		return ditto_refuse(extack, err, "the disk does not return what was read for %s",
				    peer->name);
	if (res->disk) {
		/* Nobody keeps account of it from now on. */
		ditto_bitmap_distrust(peer);
		ditto_disk_write_md(res->disk);
	}
	spin_lock_irq(&res->stream_lock);
	res->peers[node_id] = NULL;
	ditto_account_keep(&res->account, node_id, NULL);
	res->peer_mask &= ~BIT(node_id);
	spin_unlock_irq(&res->stream_lock);
	ditto_event_plain(res, peer, DITTO_EVENT_PEER_DEL);
	ditto_peer_put(peer);
	return 0;
}

void ditto_peer_event(struct ditto_peer *peer, enum ditto_peer_event event)
{
	set_bit(event, &peer->events);
	queue_work(peer->res->wq, &peer->res->state_work);
}
