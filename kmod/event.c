// SPDX-License-Identifier: GPL-2.0
#include "event.h"

#include <net/genetlink.h>
#include <uapi/linux/ditto.h>

#include "netlink.h"
#include "peer.h"
#include "resource.h"

/* What an event may carry beside its kind and its resource. */
struct event {
	struct ditto_peer *peer;
	u32 kind;
	bool change;
	u32 old;
	u32 new;
	bool amount;
	u64 bytes;
	const char *text;
};

static int put_event(struct sk_buff *skb, const struct ditto_resource *res, const struct event *e)
{
	if (nla_put_u32(skb, DITTO_A_EVENT, e->kind) ||
	    nla_put_string(skb, DITTO_A_NAME, res->name))
		return -EMSGSIZE;
	if (e->peer && nla_put_u32(skb, DITTO_A_PEER_ID, e->peer->node_id))
		return -EMSGSIZE;
	if (e->change && (nla_put_u32(skb, DITTO_A_OLD, e->old) ||
			  nla_put_u32(skb, DITTO_A_NEW, e->new)))
		return -EMSGSIZE;
	if (e->amount && nla_put_u64_64bit(skb, DITTO_A_BYTES, e->bytes, DITTO_A_PAD))
		return -EMSGSIZE;
	if (e->text && nla_put_string(skb, DITTO_A_TEXT, e->text))
		return -EMSGSIZE;
	return 0;
}

static void send(struct ditto_resource *res, const struct event *e)
{
	struct sk_buff *skb;
	void *header;

	if (!genl_has_listeners(&ditto_genl_family, res->net, 0))
		return;
	/* Whoever has conf does not wait for memory: those who listen hear that one is lost. */
	skb = genlmsg_new(NLMSG_DEFAULT_SIZE, DITTO_GFP_CONF);
	if (!skb) {
		genl_set_err(&ditto_genl_family, res->net, 0, 0, -ENOBUFS);
		return;
	}
	header = genlmsg_put(skb, 0, 0, &ditto_genl_family, 0, DITTO_CMD_EVENT);
	if (!header || put_event(skb, res, e)) {
		nlmsg_free(skb);
		return;
	}
	genlmsg_end(skb, header);
	genlmsg_multicast_netns(&ditto_genl_family, res->net, skb, 0, 0, DITTO_GFP_CONF);
}

void ditto_event_plain(struct ditto_resource *res, struct ditto_peer *peer, u32 event)
{
	struct event e = { .kind = event, .peer = peer };

	send(res, &e);
}

void ditto_event_change(struct ditto_resource *res, struct ditto_peer *peer, u32 event,
			u32 old, u32 new)
{
	struct event e = { .kind = event, .peer = peer, .change = true, .old = old, .new = new };
	char reason[DITTO_REASON_LEN];

	if (peer && event == DITTO_EVENT_CONNECTION) {
		spin_lock_irq(&res->stream_lock);
		strscpy(reason, peer->reason, sizeof(reason));
		spin_unlock_irq(&res->stream_lock);
		if (reason[0] && new < DITTO_CONNECTION_HANDSHAKE)
			e.text = reason;
	}
	send(res, &e);
}

void ditto_event_diverged(struct ditto_peer *peer, const char *text)
{
	struct event e = { .kind = DITTO_EVENT_DIVERGED, .peer = peer, .text = text };

	send(peer->res, &e);
}

void ditto_event_verified(struct ditto_peer *peer, u64 bytes)
{
	struct event e = {
		.kind = DITTO_EVENT_VERIFY_DONE,
		.peer = peer,
		.amount = true,
		.bytes = bytes,
	};

	send(peer->res, &e);
}
