// SPDX-License-Identifier: GPL-2.0
#include "netlink.h"

#include <linux/capability.h>
#include <linux/module.h>
#include <net/genetlink.h>
#include <uapi/linux/ditto.h>

#include "compat.h"
#include "core/wire.h"
#include "demote.h"
#include "disk.h"
#include "log.h"
#include "peer.h"
#include "resource.h"
#include "role.h"
#include "session.h"
#include "state.h"
#include "status.h"
#include "suspend.h"
#include "syncer.h"
#include "verify.h"

/* A resource with 31 peers that all have a list of differences. */
#define STATUS_ROOM	(32u << 10)
#define PATH_LEN	4095

#define DEFAULT_PING_MS		1000
#define DEFAULT_TIMEOUT_MS	6000

/* Values are checked by take_option(), whose words are better. */
static const struct nla_policy option_policy[DITTO_OPTION_A_MAX + 1] = {
	[DITTO_OPTION_A_POLICY]		= { .type = NLA_U32 },
	[DITTO_OPTION_A_PING_INTERVAL]	= { .type = NLA_U32 },
	[DITTO_OPTION_A_TIMEOUT]	= { .type = NLA_U32 },
	[DITTO_OPTION_A_PAYLOAD_CRC]	= { .type = NLA_U32 },
	[DITTO_OPTION_A_ON_READ_ERROR]	= { .type = NLA_U32 },
	[DITTO_OPTION_A_RESYNC_CHECKSUM] = { .type = NLA_U32 },
};

static const struct nla_policy lane_policy[DITTO_LANE_A_MAX + 1] = {
	[DITTO_LANE_A_CONTROL]	= { .type = NLA_U32 },
	[DITTO_LANE_A_WRITES]	= { .type = NLA_U32 },
	[DITTO_LANE_A_BULK]	= { .type = NLA_U32 },
};

#define NAME_POLICY	{ .type = NLA_NUL_STRING, .len = DITTO_NAME_LEN }
#define NODE_POLICY	NLA_POLICY_MAX(NLA_U32, DITTO_MAX_NODES - 1)

static const struct nla_policy name_policy[DITTO_A_MAX + 1] = {
	[DITTO_A_NAME]		= NAME_POLICY,
};

static const struct nla_policy new_policy[DITTO_A_MAX + 1] = {
	[DITTO_A_NAME]		= NAME_POLICY,
	[DITTO_A_UUID]		= NLA_POLICY_EXACT_LEN(16),
	[DITTO_A_NODE_ID]	= NODE_POLICY,
	[DITTO_A_OPTIONS]	= NLA_POLICY_NESTED(option_policy),
};

static const struct nla_policy set_policy[DITTO_A_MAX + 1] = {
	[DITTO_A_NAME]		= NAME_POLICY,
	[DITTO_A_OPTIONS]	= NLA_POLICY_NESTED(option_policy),
};

static const struct nla_policy peer_policy[DITTO_A_MAX + 1] = {
	[DITTO_A_NAME]		= NAME_POLICY,
	[DITTO_A_PEER_ID]	= NODE_POLICY,
};

static const struct nla_policy peer_new_policy[DITTO_A_MAX + 1] = {
	[DITTO_A_NAME]		= NAME_POLICY,
	[DITTO_A_PEER_ID]	= NODE_POLICY,
	[DITTO_A_PEER_NAME]	= NAME_POLICY,
};

static const struct nla_policy attach_policy[DITTO_A_MAX + 1] = {
	[DITTO_A_NAME]		= NAME_POLICY,
	[DITTO_A_DISK_PATH]	= { .type = NLA_NUL_STRING, .len = PATH_LEN },
	[DITTO_A_META_PATH]	= { .type = NLA_NUL_STRING, .len = PATH_LEN },
};

static const struct nla_policy lanes_policy[DITTO_A_MAX + 1] = {
	[DITTO_A_NAME]		= NAME_POLICY,
	[DITTO_A_PEER_ID]	= NODE_POLICY,
	[DITTO_A_COOKIE]	= { .type = NLA_U64 },
	[DITTO_A_LANES]		= NLA_POLICY_NESTED(lane_policy),
};

static const struct nla_policy role_policy[DITTO_A_MAX + 1] = {
	[DITTO_A_NAME]		= NAME_POLICY,
	[DITTO_A_ROLE]		= NLA_POLICY_RANGE(NLA_U32, DITTO_ROLE_SECONDARY,
						   DITTO_ROLE_PRIMARY),
	[DITTO_A_FLAGS]		= NLA_POLICY_MASK(NLA_U32, DITTO_FLAG_FORCE |
						  DITTO_FLAG_ASSUME_EQUAL),
};

static const struct nla_policy detach_policy[DITTO_A_MAX + 1] = {
	[DITTO_A_NAME]		= NAME_POLICY,
	[DITTO_A_FLAGS]		= NLA_POLICY_MASK(NLA_U32, DITTO_FLAG_FORCE),
};

static const struct nla_policy verify_policy[DITTO_A_MAX + 1] = {
	[DITTO_A_NAME]		= NAME_POLICY,
	[DITTO_A_FLAGS]		= NLA_POLICY_MASK(NLA_U32, DITTO_FLAG_STOP),
};

static const struct nla_policy resume_policy[DITTO_A_MAX + 1] = {
	[DITTO_A_NAME]		= NAME_POLICY,
	[DITTO_A_FLAGS]		= NLA_POLICY_MASK(NLA_U32, DITTO_FLAG_FAIL),
};

static int check_caller(struct sk_buff *skb, struct netlink_ext_ack *extack)
{
	if (netlink_capable(skb, CAP_SYS_ADMIN))
		return 0;
	return ditto_refuse(extack, -EPERM,
			    "needs CAP_SYS_ADMIN in the initial user namespace");
}

static int missing_attr(struct genl_info *info, const char *name)
{
	return ditto_refuse(info->extack, -EINVAL, "attribute %s is missing", name);
}

static u32 get_flags(struct genl_info *info)
{
	return info->attrs[DITTO_A_FLAGS] ? nla_get_u32(info->attrs[DITTO_A_FLAGS]) : 0;
}

static bool forces_detach(struct genl_info *info)
{
	return info->genlhdr->cmd == DITTO_CMD_DETACH && get_flags(info) & DITTO_FLAG_FORCE;
}

/* What ends the wait of whoever holds conf has to come before it is taken. */
static int lock_conf(struct ditto_resource *res, struct genl_info *info)
{
	int err = forces_detach(info) ? ditto_resource_give_up_disk(res, info->extack) : 0;

	if (err)
		return err;
	if (ditto_resource_lock_killable(res))
		return -EINTR;
	if (!res->dead)
		return 0;
	ditto_resource_unlock(res);
	return ditto_refuse(info->extack, -ENOENT, "the resource is going down");
}

/*
 * Each command but RESOURCE_NEW finds its resource here: user_ptr[0], with a
 * reference, and its conf mutex held where the command changes something.
 */
static int pre_doit(DITTO_GENL_OPS *ops, struct sk_buff *skb, struct genl_info *info)
{
	struct ditto_resource *res;
	int err = check_caller(skb, info->extack);

	if (err)
		return err;
	if (!info->attrs[DITTO_A_NAME])
		return missing_attr(info, "NAME");
	if (info->genlhdr->cmd == DITTO_CMD_RESOURCE_NEW)
		return 0;
	res = ditto_resource_find(genl_info_net(info), nla_data(info->attrs[DITTO_A_NAME]));
	if (!res)
		return ditto_refuse(info->extack, -ENOENT, "no resource %s is up here: up does that",
				    (char *)nla_data(info->attrs[DITTO_A_NAME]));
	info->user_ptr[0] = res;
	if (info->genlhdr->cmd == DITTO_CMD_RESOURCE_GET)
		return 0;
	err = lock_conf(res, info);
	if (err)
		ditto_resource_put(res);
	return err;
}

static void post_doit(DITTO_GENL_OPS *ops, struct sk_buff *skb,
		      struct genl_info *info)
{
	struct ditto_resource *res = info->user_ptr[0];

	if (!res)
		return;
	if (info->genlhdr->cmd != DITTO_CMD_RESOURCE_GET)
		ditto_resource_unlock(res);
	ditto_resource_put(res);
}

static struct ditto_peer *find_peer(struct genl_info *info)
{
	struct ditto_resource *res = info->user_ptr[0];
	struct ditto_peer *peer;
	u32 node;

	if (!info->attrs[DITTO_A_PEER_ID])
		return ERR_PTR(missing_attr(info, "PEER_ID"));
	node = nla_get_u32(info->attrs[DITTO_A_PEER_ID]);
	peer = res->peers[node];
	if (!peer)
		return ERR_PTR(ditto_refuse(info->extack, -ENOENT, "node id %u is no peer", node));
	return peer;
}

/* @dump: of which this message is a part, or NULL */
static int put_resource(struct sk_buff *skb, struct ditto_resource *res, u32 portid, u32 seq,
			struct netlink_callback *dump)
{
	void *header = genlmsg_put(skb, portid, seq, &ditto_genl_family, dump ? NLM_F_MULTI : 0,
				   DITTO_CMD_RESOURCE_GET);
	int err = -EMSGSIZE;

	if (header && dump)
		genl_dump_check_consistent(dump, header);
	if (header)
		err = ditto_status_put(skb, res);
	if (err) {
		if (header)
			genlmsg_cancel(skb, header);
		return err;
	}
	genlmsg_end(skb, header);
	return 0;
}

static int do_get(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *answer = genlmsg_new(STATUS_ROOM, GFP_KERNEL);
	int err;

	if (!answer)
		return -ENOMEM;
	err = put_resource(answer, info->user_ptr[0], info->snd_portid, info->snd_seq,
			   NULL);
	if (err) {
		nlmsg_free(answer);
		return err;
	}
	return genlmsg_reply(answer, info);
}

static int start_dump(struct netlink_callback *cb)
{
	return check_caller(cb->skb, cb->extack);
}

static int do_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct ditto_net *dn = ditto_net(sock_net(skb->sk));
	struct ditto_resource *res;
	long skip = cb->args[0];
	long at = 0;
	int err = 0;

	mutex_lock(&dn->lock);
	cb->seq = dn->generation;
	list_for_each_entry(res, &dn->resources, link) {
		if (at++ < skip)
			continue;
		err = put_resource(skb, res, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, cb);
		if (err)
			break;
		cb->args[0] = at;
	}
	mutex_unlock(&dn->lock);
	/* Nothing fitted: the caller's buffer is too small. */
	if (err && !skb->len)
		return err;
	return skb->len;
}

/* What an option may be, and what it is called. */
struct option {
	const char *name;
	u32 min;
	u32 max;
};

static const struct option option_range[DITTO_OPTION_A_MAX + 1] = {
	[DITTO_OPTION_A_POLICY]		= { "policy", DITTO_POLICY_SYNC, DITTO_POLICY_ASYNC },
	[DITTO_OPTION_A_PING_INTERVAL]	= { "ping-interval", 100, 60000 },
	[DITTO_OPTION_A_TIMEOUT]	= { "timeout", 500, 600000 },
	[DITTO_OPTION_A_PAYLOAD_CRC]	= { "payload-checksum", 0, 1 },
	[DITTO_OPTION_A_ON_READ_ERROR]	= { "on-read-error", DITTO_READ_ERROR_REPAIR,
					    DITTO_READ_ERROR_DETACH },
	[DITTO_OPTION_A_RESYNC_CHECKSUM] = { "resync-checksum", 0, 1 },
};

/* Into @value, where it is there. */
static int take_option(struct nlattr **attrs, int type, u32 *value,
		       struct netlink_ext_ack *extack)
{
	const struct option *range = &option_range[type];
	u32 found;

	if (!attrs[type])
		return 0;
	found = nla_get_u32(attrs[type]);
	if (found < range->min || found > range->max)
		return ditto_refuse(extack, -ERANGE, "%s is %u: allowed are %u to %u",
				    range->name, found, range->min, range->max);
	*value = found;
	return 0;
}

static int parse_options(struct genl_info *info, struct ditto_options *options)
{
	struct nlattr *attrs[DITTO_OPTION_A_MAX + 1];
	u32 payload_crc = options->payload_crc;
	u32 resync_checksum = options->resync_checksum;
	int err;

	if (!info->attrs[DITTO_A_OPTIONS])
		return 0;
	err = nla_parse_nested(attrs, DITTO_OPTION_A_MAX, info->attrs[DITTO_A_OPTIONS],
			       option_policy, info->extack);
	if (!err)
		err = take_option(attrs, DITTO_OPTION_A_POLICY, &options->policy, info->extack);
	if (!err)
		err = take_option(attrs, DITTO_OPTION_A_PING_INTERVAL, &options->ping_interval_ms,
				  info->extack);
	if (!err)
		err = take_option(attrs, DITTO_OPTION_A_TIMEOUT, &options->timeout_ms,
				  info->extack);
	if (!err)
		err = take_option(attrs, DITTO_OPTION_A_PAYLOAD_CRC, &payload_crc, info->extack);
	if (!err)
		err = take_option(attrs, DITTO_OPTION_A_ON_READ_ERROR, &options->on_read_error,
				  info->extack);
	if (!err)
		err = take_option(attrs, DITTO_OPTION_A_RESYNC_CHECKSUM, &resync_checksum,
				  info->extack);
	if (err)
		return err;
	options->payload_crc = payload_crc;
	options->resync_checksum = resync_checksum;
	if (options->policy != DITTO_POLICY_SYNC)
		return ditto_refuse(info->extack, -EOPNOTSUPP,
				    "policy %u: this version has sync only, %u", options->policy,
				    DITTO_POLICY_SYNC);
	if (options->timeout_ms < 2 * options->ping_interval_ms)
		return ditto_refuse(info->extack, -EINVAL,
				    "timeout %u ms is less than two ping intervals of %u ms",
				    options->timeout_ms, options->ping_interval_ms);
	return 0;
}

static int do_new(struct sk_buff *skb, struct genl_info *info)
{
	struct ditto_options options = {
		.policy = DITTO_POLICY_SYNC,
		.ping_interval_ms = DEFAULT_PING_MS,
		.timeout_ms = DEFAULT_TIMEOUT_MS,
		.on_read_error = DITTO_READ_ERROR_REPAIR,
	};
	const char *name = nla_data(info->attrs[DITTO_A_NAME]);
	int err;

	if (!info->attrs[DITTO_A_UUID])
		return missing_attr(info, "UUID");
	if (!info->attrs[DITTO_A_NODE_ID])
		return missing_attr(info, "NODE_ID");
	if (!name[0] || strchr(name, '/') || name[0] == '.')
		return ditto_refuse(info->extack, -EINVAL,
				    "a resource's name is not empty, has no '/' and no leading '.'");
	err = parse_options(info, &options);
	if (err)
		return err;
	return ditto_resource_new(genl_info_net(info), name, nla_data(info->attrs[DITTO_A_UUID]),
				  nla_get_u32(info->attrs[DITTO_A_NODE_ID]), &options,
				  info->extack);
}

static int do_del(struct sk_buff *skb, struct genl_info *info)
{
	return ditto_resource_del(info->user_ptr[0], info->extack);
}

static int do_set(struct sk_buff *skb, struct genl_info *info)
{
	struct ditto_resource *res = info->user_ptr[0];
	struct ditto_options options = res->options;
	int err;

	if (!info->attrs[DITTO_A_OPTIONS])
		return missing_attr(info, "OPTIONS");
	err = parse_options(info, &options);
	if (!err)
		res->options = options;
	return err;
}

static int do_peer_new(struct sk_buff *skb, struct genl_info *info)
{
	struct ditto_resource *res = info->user_ptr[0];

	if (!info->attrs[DITTO_A_PEER_ID])
		return missing_attr(info, "PEER_ID");
	if (!info->attrs[DITTO_A_PEER_NAME])
		return missing_attr(info, "PEER_NAME");
	return ditto_peer_new(res, nla_get_u32(info->attrs[DITTO_A_PEER_ID]),
			      nla_data(info->attrs[DITTO_A_PEER_NAME]), info->extack);
}

static int do_peer_del(struct sk_buff *skb, struct genl_info *info)
{
	struct ditto_resource *res = info->user_ptr[0];
	int err;

	if (!info->attrs[DITTO_A_PEER_ID])
		return missing_attr(info, "PEER_ID");
	err = ditto_peer_del(res, nla_get_u32(info->attrs[DITTO_A_PEER_ID]), info->extack);
	if (!err)
		ditto_state_refresh(res);
	return err;
}

static int do_attach(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *meta = info->attrs[DITTO_A_META_PATH];

	if (!info->attrs[DITTO_A_DISK_PATH])
		return missing_attr(info, "DISK_PATH");
	return ditto_resource_attach(info->user_ptr[0], nla_data(info->attrs[DITTO_A_DISK_PATH]),
				     meta ? nla_data(meta) : NULL, info->extack);
}

static int do_detach(struct sk_buff *skb, struct genl_info *info)
{
	return ditto_resource_detach(info->user_ptr[0], forces_detach(info), info->extack);
}

static int do_connect(struct sk_buff *skb, struct genl_info *info)
{
	struct ditto_peer *peer = find_peer(info);

	if (IS_ERR(peer))
		return PTR_ERR(peer);
	return ditto_session_connect(peer, info->extack);
}

static int do_disconnect(struct sk_buff *skb, struct genl_info *info)
{
	struct ditto_peer *peer = find_peer(info);

	if (IS_ERR(peer))
		return PTR_ERR(peer);
	ditto_session_disconnect(peer, DITTO_BYE_DISCONNECT);
	ditto_state_refresh(peer->res);
	return 0;
}

static int do_lanes(struct sk_buff *skb, struct genl_info *info)
{
	static const int attr_of[DITTO_LANES] = {
		[DITTO_LANE_CONTROL]	= DITTO_LANE_A_CONTROL,
		[DITTO_LANE_WRITES]	= DITTO_LANE_A_WRITES,
		[DITTO_LANE_BULK]	= DITTO_LANE_A_BULK,
	};
	struct nlattr *attrs[DITTO_LANE_A_MAX + 1];
	struct ditto_peer *peer = find_peer(info);
	int fds[DITTO_LANES];
	int i, err;

	if (IS_ERR(peer))
		return PTR_ERR(peer);
	if (!info->attrs[DITTO_A_COOKIE] || !nla_get_u64(info->attrs[DITTO_A_COOKIE]))
		return missing_attr(info, "COOKIE");
	if (!info->attrs[DITTO_A_LANES])
		return missing_attr(info, "LANES");
	err = nla_parse_nested(attrs, DITTO_LANE_A_MAX, info->attrs[DITTO_A_LANES], lane_policy,
			       info->extack);
	if (err)
		return err;
	for (i = 0; i < DITTO_LANES; i++) {
		if (!attrs[attr_of[i]])
			return ditto_refuse(info->extack, -EINVAL, "lane %d is missing", i);
		fds[i] = nla_get_u32(attrs[attr_of[i]]);
	}
	err = ditto_session_lanes(peer, nla_get_u64(info->attrs[DITTO_A_COOKIE]), fds,
				  info->extack);
	if (!err)
		ditto_state_refresh(peer->res);
	return err;
}

static int do_role(struct sk_buff *skb, struct genl_info *info)
{
	struct ditto_resource *res = info->user_ptr[0];
	u32 flags = get_flags(info);

	if (!info->attrs[DITTO_A_ROLE])
		return missing_attr(info, "ROLE");
	if (nla_get_u32(info->attrs[DITTO_A_ROLE]) == DITTO_ROLE_PRIMARY)
		return ditto_role_promote(res, flags, info->extack);
	if (flags & DITTO_FLAG_ASSUME_EQUAL)
		return ditto_refuse(info->extack, -EINVAL,
				    "only a promotion takes ASSUME_EQUAL");
	return ditto_demote(res, flags & DITTO_FLAG_FORCE, info->extack);
}

static int do_invalidate(struct sk_buff *skb, struct genl_info *info)
{
	struct ditto_peer *peer = NULL;

	if (info->attrs[DITTO_A_PEER_ID]) {
		peer = find_peer(info);
		if (IS_ERR(peer))
			return PTR_ERR(peer);
	}
	return ditto_role_invalidate(info->user_ptr[0], peer, info->extack);
}

static int do_verify(struct sk_buff *skb, struct genl_info *info)
{
	struct ditto_resource *res = info->user_ptr[0];
	int err = 0;

	if (get_flags(info) & DITTO_FLAG_STOP)
		ditto_verify_stop(res);
	else
		err = ditto_verify_begin(res, info->extack);
	if (!err)
		ditto_state_refresh(res);
	return err;
}

static int do_pause(struct sk_buff *skb, struct genl_info *info)
{
	struct ditto_resource *res = info->user_ptr[0];

	WRITE_ONCE(res->resync_paused, true);
	return 0;
}

static int do_resume(struct sk_buff *skb, struct genl_info *info)
{
	struct ditto_resource *res = info->user_ptr[0];
	u32 i;

	WRITE_ONCE(res->resync_paused, false);
	for (i = 0; i < DITTO_MAX_NODES; i++)
		if (res->peers[i])
			ditto_syncer_kick(res->peers[i]);
	return 0;
}

static int do_suspend(struct sk_buff *skb, struct genl_info *info)
{
	return ditto_suspend_io(info->user_ptr[0], info->extack);
}

static int do_resume_io(struct sk_buff *skb, struct genl_info *info)
{
	return ditto_resume_io(info->user_ptr[0], get_flags(info) & DITTO_FLAG_FAIL,
			       info->extack);
}

#define DO(_cmd, _doit, _policy) {			\
		.cmd		= (_cmd),		\
		.doit		= (_doit),		\
		.policy		= (_policy),		\
		.maxattr	= DITTO_A_MAX,		\
	}

static const struct genl_ops ops[] = {
	{
		.cmd		= DITTO_CMD_RESOURCE_GET,
		.doit		= do_get,
		.start		= start_dump,
		.dumpit		= do_dump,
		.policy		= name_policy,
		.maxattr	= DITTO_A_MAX,
	},
	DO(DITTO_CMD_RESOURCE_NEW, do_new, new_policy),
	DO(DITTO_CMD_RESOURCE_DEL, do_del, name_policy),
	DO(DITTO_CMD_RESOURCE_SET, do_set, set_policy),
	DO(DITTO_CMD_PEER_NEW, do_peer_new, peer_new_policy),
	DO(DITTO_CMD_PEER_DEL, do_peer_del, peer_policy),
	DO(DITTO_CMD_ATTACH, do_attach, attach_policy),
	DO(DITTO_CMD_DETACH, do_detach, detach_policy),
	DO(DITTO_CMD_CONNECT, do_connect, peer_policy),
	DO(DITTO_CMD_DISCONNECT, do_disconnect, peer_policy),
	DO(DITTO_CMD_LANES, do_lanes, lanes_policy),
	DO(DITTO_CMD_ROLE, do_role, role_policy),
	DO(DITTO_CMD_INVALIDATE, do_invalidate, peer_policy),
	DO(DITTO_CMD_VERIFY, do_verify, verify_policy),
	DO(DITTO_CMD_SYNC_PAUSE, do_pause, name_policy),
	DO(DITTO_CMD_SYNC_RESUME, do_resume, name_policy),
	DO(DITTO_CMD_IO_SUSPEND, do_suspend, name_policy),
	DO(DITTO_CMD_IO_RESUME, do_resume_io, resume_policy),
};

static const struct genl_multicast_group groups[] = {
	{ .name = DITTO_GENL_GROUP, .flags = GENL_MCAST_CAP_SYS_ADMIN },
};

struct genl_family ditto_genl_family __ro_after_init = {
	.name		= DITTO_GENL_NAME,
	.version	= DITTO_GENL_VERSION,
	.maxattr	= DITTO_A_MAX,
	.netnsok	= true,
	/* One resource's slow disk is no reason for another command to wait. */
	.parallel_ops	= true,
	.module		= THIS_MODULE,
	.pre_doit	= pre_doit,
	.post_doit	= post_doit,
	.ops		= ops,
	.n_ops		= ARRAY_SIZE(ops),
	.resv_start_op	= DITTO_CMD_MAX + 1,
	.mcgrps		= groups,
	.n_mcgrps	= ARRAY_SIZE(groups),
};

int ditto_netlink_init(void)
{
	return genl_register_family(&ditto_genl_family);
}

void ditto_netlink_exit(void)
{
	genl_unregister_family(&ditto_genl_family);
}
