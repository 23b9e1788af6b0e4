// SPDX-License-Identifier: GPL-2.0
#include "genl.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

struct answer {
	struct genl *g;
	mnl_cb_t handle;
	void *data;
	int error;
};

uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ull + ts.tv_nsec / 1000000;
}

void pause_ms(unsigned int ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	nanosleep(&ts, NULL);
}

unsigned int time_scale(void)
{
	const char *text = getenv("TIME_SCALE");
	int scale = text ? atoi(text) : 1;

	return scale > 0 ? scale : 1;
}

static void take_text(struct genl *g, const struct nlmsghdr *nlh, size_t offset)
{
	const struct nlattr *attr;

	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	mnl_attr_for_each(attr, nlh, offset) {
		if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG)
			snprintf(g->text, sizeof(g->text), "%s", mnl_attr_get_str(attr));
	}
}

static int on_error(const struct nlmsghdr *nlh, void *data)
{
	const struct nlmsgerr *err = mnl_nlmsg_get_payload(nlh);
	struct answer *answer = data;
	size_t offset = sizeof(*err);

	if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
		offset += err->msg.nlmsg_len - sizeof(err->msg);
	answer->error = err->error;
	take_text(answer->g, nlh, offset);
	return MNL_CB_STOP;
}

static int on_done(const struct nlmsghdr *nlh, void *data)
{
	struct answer *answer = data;

	if (mnl_nlmsg_get_payload_len(nlh) >= sizeof(int))
		memcpy(&answer->error, mnl_nlmsg_get_payload(nlh), sizeof(int));
	take_text(answer->g, nlh, sizeof(int));
	return MNL_CB_STOP;
}

static int on_data(const struct nlmsghdr *nlh, void *data)
{
	struct answer *answer = data;

	return answer->handle ? answer->handle(nlh, answer->data) : MNL_CB_OK;
}

int genl_send(struct genl *g, struct nlmsghdr *nlh)
{
	nlh->nlmsg_seq = ++g->sequence;
	nlh->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	return mnl_socket_sendto(g->socket, nlh, nlh->nlmsg_len) < 0 ? -errno : 0;
}

int genl_answer(struct genl *g, mnl_cb_t handle, void *data)
{
	static mnl_cb_t control[NLMSG_MIN_TYPE] = {
		[NLMSG_ERROR] = on_error,
		[NLMSG_DONE] = on_done,
	};
	struct answer answer = { .g = g, .handle = handle, .data = data };
	int ret = MNL_CB_OK;
	ssize_t len;

	g->text[0] = '\0';
	while (ret > MNL_CB_STOP) {
		len = mnl_socket_recvfrom(g->socket, g->answer, sizeof(g->answer));
		if (len < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		ret = mnl_cb_run2(g->answer, len, g->sequence, mnl_socket_get_portid(g->socket), on_data,
				  &answer, control, NLMSG_MIN_TYPE);
		if (ret < 0 && errno == EPROTO)
			ret = MNL_CB_OK;
	}
	return ret < 0 ? -errno : answer.error;
}

int genl_talk(struct genl *g, struct nlmsghdr *nlh, mnl_cb_t handle, void *data)
{
	int err = genl_send(g, nlh);

	return err ? err : genl_answer(g, handle, data);
}

static int on_family(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attr, *group, *field;
	struct genl *g = data;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr)) {
		if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID)
			g->family = mnl_attr_get_u16(attr);
		if (mnl_attr_get_type(attr) != CTRL_ATTR_MCAST_GROUPS)
			continue;
		/* It has one. */
		mnl_attr_for_each_nested(group, attr) {
			mnl_attr_for_each_nested(field, group) {
				if (mnl_attr_get_type(field) == CTRL_ATTR_MCAST_GRP_ID)
					g->group = mnl_attr_get_u32(field);
			}
		}
	}
	return MNL_CB_OK;
}

static int look_up(struct genl *g)
{
	char buf[MNL_NLMSG_HDRLEN + 128];
	struct nlmsghdr *nlh;

	g->family = GENL_ID_CTRL;
	nlh = genl_begin(g, buf, CTRL_CMD_GETFAMILY, NULL);
	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, DITTO_GENL_NAME);
	return genl_talk(g, nlh, on_family, g);
}

int genl_open(struct genl *g)
{
	struct timeval timeout = { .tv_sec = GENL_TIMEOUT_S };
	int yes = 1;
	int err;

	memset(g, 0, sizeof(*g));
	g->socket = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	if (!g->socket)
		return -errno;
	if (mnl_socket_bind(g->socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_setsockopt(g->socket, NETLINK_EXT_ACK, &yes, sizeof(yes)) < 0 ||
	    mnl_socket_setsockopt(g->socket, NETLINK_CAP_ACK, &yes, sizeof(yes)) < 0 ||
	    setsockopt(mnl_socket_get_fd(g->socket), SOL_SOCKET, SO_RCVTIMEO, &timeout,
		       sizeof(timeout)) < 0)
		err = -errno;
	else
		err = look_up(g);
	if (err)
		genl_close(g);
	return err;
}

void genl_close(struct genl *g)
{
	mnl_socket_close(g->socket);
	g->socket = NULL;
}

struct nlmsghdr *genl_begin(const struct genl *g, void *buf, uint8_t cmd, const char *name)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct genlmsghdr *genl;

	nlh->nlmsg_type = g->family;
	genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	genl->cmd = cmd;
	genl->version = DITTO_GENL_VERSION;
	if (name)
		mnl_attr_put_strz(nlh, DITTO_A_NAME, name);
	return nlh;
}

int genl_command(struct genl *g, uint8_t cmd, const char *name, int peer)
{
	char buf[512];
	struct nlmsghdr *nlh = genl_begin(g, buf, cmd, name);

	if (peer >= 0)
		mnl_attr_put_u32(nlh, DITTO_A_PEER_ID, peer);
	return genl_talk(g, nlh, NULL, NULL);
}

int genl_lanes(struct genl *g, const char *name, uint32_t peer, uint64_t cookie, const int *fds)
{
	char buf[512];
	struct nlmsghdr *nlh = genl_begin(g, buf, DITTO_CMD_LANES, name);
	struct nlattr *nest;

	mnl_attr_put_u32(nlh, DITTO_A_PEER_ID, peer);
	mnl_attr_put_u64(nlh, DITTO_A_COOKIE, cookie);
	nest = mnl_attr_nest_start(nlh, DITTO_A_LANES);
	mnl_attr_put_u32(nlh, DITTO_LANE_A_CONTROL, fds[0]);
	mnl_attr_put_u32(nlh, DITTO_LANE_A_WRITES, fds[1]);
	mnl_attr_put_u32(nlh, DITTO_LANE_A_BULK, fds[2]);
	mnl_attr_nest_end(nlh, nest);
	return genl_talk(g, nlh, NULL, NULL);
}

struct peer_wanted {
	uint32_t id;
	struct genl_peer *peer;
};

static void take_peer(const struct nlattr *element, const struct peer_wanted *wanted)
{
	struct genl_peer peer = { .found = true };
	const struct nlattr *attr;
	uint32_t id = ~0u;

	mnl_attr_for_each_nested(attr, element) {
		switch (mnl_attr_get_type(attr)) {
		case DITTO_PEER_A_ID:
			id = mnl_attr_get_u32(attr);
			break;
		case DITTO_PEER_A_CONNECTION:
			peer.connection = mnl_attr_get_u32(attr);
			break;
		case DITTO_PEER_A_DISK:
			peer.disk = mnl_attr_get_u32(attr);
			break;
		case DITTO_PEER_A_REPLICATION:
			peer.replication = mnl_attr_get_u32(attr);
			break;
		case DITTO_PEER_A_COOKIE:
			peer.cookie = mnl_attr_get_u64(attr);
			break;
		case DITTO_PEER_A_REASON:
			snprintf(peer.reason, sizeof(peer.reason), "%s", mnl_attr_get_str(attr));
			break;
		}
	}
	if (id == wanted->id)
		*wanted->peer = peer;
}

static int on_resource(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attr, *element;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr)) {
		if (mnl_attr_get_type(attr) != DITTO_A_PEERS)
			continue;
		mnl_attr_for_each_nested(element, attr)
			take_peer(element, data);
	}
	return MNL_CB_OK;
}

int genl_peer_get(struct genl *g, const char *name, uint32_t id, struct genl_peer *peer)
{
	struct peer_wanted wanted = { .id = id, .peer = peer };
	char buf[512];
	int err;

	memset(peer, 0, sizeof(*peer));
	err = genl_talk(g, genl_begin(g, buf, DITTO_CMD_RESOURCE_GET, name), on_resource, &wanted);
	return err ? err : peer->found ? 0 : -ENOENT;
}

int genl_peer_wait(struct genl *g, const char *name, uint32_t id, uint32_t connection,
		   unsigned int ms, struct genl_peer *peer)
{
	uint64_t end = now_ms() + ms;
	int err;

	for (;;) {
		err = genl_peer_get(g, name, id, peer);
		if (err || peer->connection == connection)
			return err;
		if (now_ms() > end)
			return -ETIMEDOUT;
		pause_ms(2);
	}
}
