// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>

#include "kernel.h"
#include "netlink_family.h"

static const char *plain_reason(int error)
{
	switch (error) {
	case -EPERM:
		return "this needs root (CAP_SYS_ADMIN in the initial user namespace)";
	case -ENODEV:
		return "no such resource is up here: see 'ditto status', 'ditto up'";
	case -EOPNOTSUPP:
		return "the loaded ditto module does not know this command: is it of the tool's version?";
	default:
		return strerror(-error);
	}
}

/* Attributes after an error or the end of a dump; the text is one of them. */
static void take_text(const struct nlmsghdr *nlh, size_t offset, int error, struct why *why)
{
	const struct nlattr *attr;

	why_set(why, error, "%s", plain_reason(error));
	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	mnl_attr_for_each(attr, nlh, offset) {
		if (mnl_attr_get_type(attr) != NLMSGERR_ATTR_MSG ||
		    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) < 0)
			continue;
		why_set(why, error, "%s", mnl_attr_get_str(attr));
	}
}

/* What the control callbacks hand back through mnl_cb_run2(). */
struct answer {
	mnl_cb_t handle;
	void *data;
	int error;
	struct why *why;
};

static int on_error(const struct nlmsghdr *nlh, void *data)
{
	struct answer *answer = data;
	const struct nlmsgerr *err = mnl_nlmsg_get_payload(nlh);
	size_t offset = sizeof(*err);

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*err)) {
		answer->error = why_set(answer->why, -EBADMSG, "a netlink answer was cut short");
		return MNL_CB_STOP;
	}
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
		offset += err->msg.nlmsg_len - sizeof(err->msg);
	answer->error = err->error;
	if (err->error)
		take_text(nlh, offset, err->error, answer->why);
	return MNL_CB_STOP;
}

static int on_done(const struct nlmsghdr *nlh, void *data)
{
	struct answer *answer = data;
	int error = 0;

	if (mnl_nlmsg_get_payload_len(nlh) >= sizeof(error))
		memcpy(&error, mnl_nlmsg_get_payload(nlh), sizeof(error));
	answer->error = error;
	if (error)
		take_text(nlh, sizeof(error), error, answer->why);
	return MNL_CB_STOP;
}

static int on_data(const struct nlmsghdr *nlh, void *data)
{
	struct answer *answer = data;

	if (answer->error)
		return MNL_CB_OK;
	return answer->handle ? answer->handle(nlh, answer->data) : MNL_CB_OK;
}

static int receive(struct netlink_family *family, struct answer *answer)
{
	static mnl_cb_t control[NLMSG_MIN_TYPE] = {
		[NLMSG_ERROR] = on_error,
		[NLMSG_DONE] = on_done,
	};
	unsigned int port = mnl_socket_get_portid(family->socket);
	static char buffer[NETLINK_BUFFER];
	int ret = MNL_CB_OK;
	ssize_t len;

	while (ret > MNL_CB_STOP) {
		do {
			len = mnl_socket_recvfrom(family->socket, buffer, sizeof(buffer));
		} while (len < 0 && errno == EINTR);
		if (len < 0 && errno == EAGAIN)
			return why_set(answer->why, -ETIMEDOUT,
				       "the kernel has not answered for %d s; it may still do what was asked: see 'ditto status'",
				       KERNEL_TIMEOUT_S);
		if (len < 0)
			return why_set(answer->why, -errno, "netlink: %s", strerror(errno));
		ret = mnl_cb_run2(buffer, len, family->sequence, port, on_data, answer,
				  control, NLMSG_MIN_TYPE);
		/* An answer to an earlier request that had timed out. */
		if (ret < 0 && (errno == ESRCH || errno == EPROTO))
			ret = MNL_CB_OK;
	}
	if (ret < 0)
		return why_set(answer->why, -errno, "netlink: %s", strerror(errno));
	return answer->error;
}

int netlink_family_request(struct netlink_family *family, struct nlmsghdr *nlh,
			   mnl_cb_t handle, void *data, struct why *why)
{
	struct answer answer = { .handle = handle, .data = data, .why = why };

	nlh->nlmsg_seq = ++family->sequence;
	nlh->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	if (mnl_socket_sendto(family->socket, nlh, nlh->nlmsg_len) < 0)
		return why_set(why, -errno, "netlink: %s", strerror(errno));
	return receive(family, &answer);
}

static void take_group(const struct nlattr *groups, struct netlink_family *family)
{
	const struct nlattr *group, *attr;

	mnl_attr_for_each_nested(group, groups) {
		const char *name = "";
		uint32_t id = 0;

		mnl_attr_for_each_nested(attr, group) {
			if (mnl_attr_get_type(attr) == CTRL_ATTR_MCAST_GRP_NAME)
				name = mnl_attr_get_str(attr);
			else if (mnl_attr_get_type(attr) == CTRL_ATTR_MCAST_GRP_ID)
				id = mnl_attr_get_u32(attr);
		}
		if (!strcmp(name, DITTO_GENL_GROUP))
			family->group = id;
	}
}

static int on_family(const struct nlmsghdr *nlh, void *data)
{
	struct netlink_family *family = data;
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr)) {
		if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID)
			family->id = mnl_attr_get_u16(attr);
		else if (mnl_attr_get_type(attr) == CTRL_ATTR_MCAST_GROUPS)
			take_group(attr, family);
	}
	return MNL_CB_OK;
}

static int look_up(struct netlink_family *family, struct why *why)
{
	char buffer[MNL_NLMSG_HDRLEN + 128];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct genlmsghdr *genl;
	int ret;

	nlh->nlmsg_type = GENL_ID_CTRL;
	genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	genl->cmd = CTRL_CMD_GETFAMILY;
	genl->version = 1;
	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, DITTO_GENL_NAME);
	ret = netlink_family_request(family, nlh, on_family, family, why);
	if (ret == -ENOENT)
		return why_set(why, ret, "the ditto module is not loaded: modprobe ditto");
	if (!ret && (!family->id || !family->group))
		return why_set(why, -EBADMSG, "the kernel's family 'ditto' has no group 'events'");
	return ret;
}

int netlink_family_open(struct netlink_family *family, struct why *why)
{
	struct timeval timeout = { .tv_sec = KERNEL_TIMEOUT_S };
	int yes = 1;
	int ret;

	memset(family, 0, sizeof(*family));
	family->sequence = time(NULL);
	family->socket = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	if (!family->socket)
		return why_set(why, -errno, "cannot open a netlink socket: %s",
			       strerror(errno));
	if (mnl_socket_bind(family->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		ret = why_set(why, -errno, "cannot bind a netlink socket: %s",
			      strerror(errno));
		goto close;
	}
	/* Without these the answers are only terser. */
	mnl_socket_setsockopt(family->socket, NETLINK_EXT_ACK, &yes, sizeof(yes));
	mnl_socket_setsockopt(family->socket, NETLINK_CAP_ACK, &yes, sizeof(yes));
	if (setsockopt(mnl_socket_get_fd(family->socket), SOL_SOCKET, SO_RCVTIMEO,
		       &timeout, sizeof(timeout)) < 0) {
		ret = why_set(why, -errno, "netlink: %s", strerror(errno));
		goto close;
	}
	ret = look_up(family, why);
	if (ret)
		goto close;
	return 0;
close:
	netlink_family_close(family);
	return ret;
}

void netlink_family_close(struct netlink_family *family)
{
	if (family->socket)
		mnl_socket_close(family->socket);
	family->socket = NULL;
}
