// SPDX-License-Identifier: GPL-2.0
/*
 * The netlink family, used as nobody should.
 *
 *	netlink_fuzz refusals RESOURCE	every command with every kind of wrong
 *					attribute: refused with an errno and text,
 *					and RESOURCE as it was
 *	netlink_fuzz sockets RESOURCE PEER
 *					descriptors that are no good as lanes of
 *					a PEER that is made for that
 *	netlink_fuzz garbage RESOURCE COUNT SEED
 *					random streams of attributes; names of
 *					other resources only, RESOURCE stays
 *	netlink_fuzz gone RESOURCE COUNT
 *					peers that go while their resync is being
 *					resumed
 *	netlink_fuzz dump RESOURCE	a dump during which something changes says so
 *	netlink_fuzz unprivileged RESOURCE
 *					every command and the multicast group are
 *					refused with EPERM
 *	netlink_fuzz commands RESOURCE	only the commands
 *	netlink_fuzz time RESOURCE	prints the milliseconds that the kernel takes
 *					to answer status and its dump
 *
 * Prints "ok TEXT" or "not ok TEXT: WHY" for each check.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netlink_request.h"

static unsigned int failures;
static unsigned int tried;

static void report(bool good, const char *what, const char *why)
{
	if (good)
		printf("ok %s\n", what);
	else
		printf("not ok %s: %s\n", what, why);
	failures += !good;
	fflush(stdout);
}

static void refused(struct nlmsghdr *nlh, int expected, const char *command, const char *what)
{
	int err = genl_talk(&genl, nlh, NULL, NULL);
	char name[200], why[700];

	snprintf(name, sizeof(name), "%s: %s", command, what);
	snprintf(why, sizeof(why), "error %d, expected %d, text \"%s\"", err, expected, genl.text);
	tried++;
	/* One line for each would be a thousand: a command has one. */
	if (err >= 0 || err == -ETIMEDOUT || (expected && err != expected) || !genl.text[0])
		report(false, name, why);
}

/* What has to stay as it is: everything of status but counters. */

struct picture {
	size_t len;
	char bytes[ROOM];
};

static void keep(struct picture *picture, const struct nlattr *attr)
{
	if (picture->len + attr->nla_len > sizeof(picture->bytes))
		return;
	memcpy(picture->bytes + picture->len, attr, attr->nla_len);
	picture->len += attr->nla_len;
}

static void keep_peer(struct picture *picture, const struct nlattr *element)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, element) {
		switch (mnl_attr_get_type(attr)) {
		case DITTO_PEER_A_ID:
		case DITTO_PEER_A_NAME:
		case DITTO_PEER_A_CONNECTION:
		case DITTO_PEER_A_COOKIE:
		case DITTO_PEER_A_ROLE:
		case DITTO_PEER_A_DISK:
		case DITTO_PEER_A_REPLICATION:
		case DITTO_PEER_A_PAUSED:
			keep(picture, attr);
		}
	}
}

static int on_resource(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attr, *element;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr)) {
		switch (mnl_attr_get_type(attr)) {
		case DITTO_A_NAME:
		case DITTO_A_UUID:
		case DITTO_A_NODE_ID:
		case DITTO_A_ROLE:
		case DITTO_A_OPTIONS:
		case DITTO_A_DISK:
		case DITTO_A_GENERATION:
		case DITTO_A_ROSTER:
			keep(data, attr);
			break;
		case DITTO_A_PEERS:
			mnl_attr_for_each_nested(element, attr)
				keep_peer(data, element);
			break;
		}
	}
	return MNL_CB_OK;
}

static void take_picture(struct picture *picture)
{
	int err;

	picture->len = 0;
	err = genl_talk(&genl, genl_begin(&genl, request, DITTO_CMD_RESOURCE_GET, resource),
			on_resource, picture);
	if (err) {
		printf("not ok status of %s: error %d\n", resource, err);
		exit(1);
	}
}

static void unchanged(const struct picture *before)
{
	static struct picture after;

	take_picture(&after);
	report(before->len == after.len && !memcmp(before->bytes, after.bytes, after.len),
	       "the resource is as it was", "its status differs");
}

/* One attribute wrong. */

static void wrong_length(const struct command *command, const struct spec *spec, uint16_t len)
{
	static char filler[16384];
	struct nlmsghdr *nlh = request_begin(command, spec);
	uint16_t nested = spec->kind >= KIND_OPTIONS ? NLA_F_NESTED : 0;
	char what[80];

	memset(filler, 'x', sizeof(filler));
	request_put(nlh, spec->type | nested, filler, len);
	snprintf(what, sizeof(what), "attribute %u of %u bytes", spec->type, len);
	/* An empty nest of options changes nothing, and may. */
	if (spec->kind != KIND_OPTIONS || len)
		refused(nlh, 0, command->name, what);
}

static void wrong_type(const struct command *command, const struct spec *spec)
{
	struct nlmsghdr *nlh = request_begin(command, spec);
	struct nlattr *attr = mnl_nlmsg_get_payload_tail(nlh);
	char what[80];

	request_sound(nlh, spec);
	attr->nla_type ^= NLA_F_NESTED;
	snprintf(what, sizeof(what), "attribute %u with%s the flag of nests", spec->type,
		 attr->nla_type & NLA_F_NESTED ? "" : "out");
	refused(nlh, -EINVAL, command->name, what);

	nlh = request_begin(command, spec);
	attr = mnl_nlmsg_get_payload_tail(nlh);
	request_sound(nlh, spec);
	attr->nla_len = nlh->nlmsg_len;
	snprintf(what, sizeof(what), "attribute %u longer than the message", spec->type);
	refused(nlh, -EINVAL, command->name, what);
}

static void one_wrong(const struct command *command, const struct spec *spec)
{
	/* A multiple of what is sound is wrong too. */
	static const uint16_t lengths[] = { 0, 1, 3, 5, 17, 300, 16000 };
	struct nlmsghdr *nlh;
	char what[80];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(lengths); i++)
		wrong_length(command, spec, lengths[i]);
	wrong_type(command, spec);
	for (i = 0; i < ARRAY_SIZE(spec->bad) && spec->bad[i]; i++) {
		nlh = request_begin(command, spec);
		mnl_attr_put_u32(nlh, spec->type, spec->bad[i]);
		snprintf(what, sizeof(what), "attribute %u is %u", spec->type, spec->bad[i]);
		refused(nlh, 0, command->name, what);
	}
	if (!spec->required)
		return;
	nlh = request_begin(command, spec);
	snprintf(what, sizeof(what), "attribute %u is missing", spec->type);
	refused(nlh, -EINVAL, command->name, what);
	if (!strstr(genl.text, "missing"))
		report(false, what, genl.text);
}

static void one_too_many(const struct command *command)
{
	static const uint8_t zeroes[64];
	struct nlmsghdr *nlh;
	uint16_t type;
	unsigned int i;
	char what[80];

	nlh = request_begin(command, NULL);
	request_put(nlh, DITTO_A_MAX + 1, zeroes, 4);
	refused(nlh, -EINVAL, command->name, "the attribute after the last");
	nlh = request_begin(command, NULL);
	request_put(nlh, 0x3fff, zeroes, 4);
	refused(nlh, -EINVAL, command->name, "the highest attribute");
	nlh = request_begin(command, NULL);
	request_put(nlh, 0, zeroes, 4);
	refused(nlh, -EINVAL, command->name, "attribute 0");
	nlh = request_begin(command, NULL);
	memset(mnl_nlmsg_get_payload_tail(nlh), 0xff, 4);
	nlh->nlmsg_len += 2;
	refused(nlh, -EINVAL, command->name, "a half attribute at the end");

	for (type = DITTO_A_PAD; type <= DITTO_A_MAX; type++) {
		for (i = 0; i < MOST_ATTRS && command->attrs[i].type != type; i++)
			;
		if (i < MOST_ATTRS)
			continue;
		nlh = request_begin(command, NULL);
		request_put(nlh, type, zeroes, 4);
		snprintf(what, sizeof(what), "attribute %u, which is not its own", type);
		refused(nlh, -EINVAL, command->name, what);
	}
}

static void wrong_options(void)
{
	static const struct { uint16_t type; uint32_t value; int error; } bad[] = {
		{ DITTO_OPTION_A_POLICY, 0, -ERANGE },
		{ DITTO_OPTION_A_POLICY, DITTO_POLICY_SEMI_SYNC, -EOPNOTSUPP },
		{ DITTO_OPTION_A_POLICY, DITTO_POLICY_QUORUM, -EOPNOTSUPP },
		{ DITTO_OPTION_A_POLICY, DITTO_POLICY_ASYNC, -EOPNOTSUPP },
		{ DITTO_OPTION_A_POLICY, DITTO_POLICY_ASYNC + 1, -ERANGE },
		{ DITTO_OPTION_A_PING_INTERVAL, 0, -ERANGE },
		{ DITTO_OPTION_A_PING_INTERVAL, 99, -ERANGE },
		{ DITTO_OPTION_A_PING_INTERVAL, 60001, -ERANGE },
		{ DITTO_OPTION_A_PING_INTERVAL, 60000, -EINVAL },
		{ DITTO_OPTION_A_TIMEOUT, 0, -ERANGE },
		{ DITTO_OPTION_A_TIMEOUT, 499, -ERANGE },
		{ DITTO_OPTION_A_TIMEOUT, 600001, -ERANGE },
		{ DITTO_OPTION_A_TIMEOUT, UINT_MAX, -ERANGE },
		{ DITTO_OPTION_A_PAYLOAD_CRC, 2, -ERANGE },
		{ DITTO_OPTION_A_ON_READ_ERROR, 0, -ERANGE },
		{ DITTO_OPTION_A_ON_READ_ERROR, DITTO_READ_ERROR_DETACH + 1, -ERANGE },
		{ DITTO_OPTION_A_RESYNC_CHECKSUM, 2, -ERANGE },
		{ DITTO_OPTION_A_MAX + 1, 1, -EINVAL },
		{ 0, 1, -EINVAL },
	};
	struct nlmsghdr *nlh;
	struct nlattr *nest;
	char what[80], found[60];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		nlh = genl_begin(&genl, request, DITTO_CMD_RESOURCE_SET, resource);
		request_option(nlh, bad[i].type, bad[i].value);
		snprintf(what, sizeof(what), "option %u is %u", bad[i].type, bad[i].value);
		refused(nlh, bad[i].error, "RESOURCE_SET", what);
		snprintf(found, sizeof(found), " is %u: allowed are ", bad[i].value);
		if (bad[i].error == -ERANGE && !strstr(genl.text, found))
			report(false, what, genl.text);
	}
	nlh = genl_begin(&genl, request, DITTO_CMD_RESOURCE_SET, resource);
	nest = mnl_attr_nest_start(nlh, DITTO_A_OPTIONS);
	request_put(nlh, DITTO_OPTION_A_TIMEOUT, "\0\0\0\0\0\0\0", 8);
	mnl_attr_nest_end(nlh, nest);
	refused(nlh, -EINVAL, "RESOURCE_SET", "an option of 8 bytes");
}

static void wrong_names(void)
{
	static const char *const names[] = { "", ".", "..", ".hidden", "a/b", "/" };
	static const uint8_t uuid[16] = { 1 };
	char longest[DITTO_NAME_LEN + 2];
	struct nlmsghdr *nlh;
	char what[80];
	unsigned int i;

	memset(longest, 'n', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	for (i = 0; i <= ARRAY_SIZE(names); i++) {
		const char *name = i < ARRAY_SIZE(names) ? names[i] : longest;

		nlh = genl_begin(&genl, request, DITTO_CMD_RESOURCE_NEW, name);
		request_put(nlh, DITTO_A_UUID, uuid, sizeof(uuid));
		mnl_attr_put_u32(nlh, DITTO_A_NODE_ID, 1);
		snprintf(what, sizeof(what), "name \"%.20s\"", name);
		refused(nlh, 0, "RESOURCE_NEW", what);
	}
	for (i = 0; i < request_command_count; i++) {
		if (request_commands[i].cmd == DITTO_CMD_RESOURCE_NEW)
			continue;
		nlh = genl_begin(&genl, request, request_commands[i].cmd, "nobody");
		refused(nlh, -ENOENT, request_commands[i].name, "a resource that is not there");
	}
}

/* Sound requests that the state forbids: the resource is Primary and open. */
static void wrong_moment(void)
{
	static const struct { uint8_t cmd; const char *name; int error; } bad[] = {
		{ DITTO_CMD_RESOURCE_DEL, "RESOURCE_DEL", -EBUSY },
		{ DITTO_CMD_DETACH, "DETACH", 0 },
		{ DITTO_CMD_INVALIDATE, "INVALIDATE", 0 },
	};
	struct nlmsghdr *nlh;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		nlh = genl_begin(&genl, request, bad[i].cmd, resource);
		refused(nlh, bad[i].error, bad[i].name, "a Primary whose device is open");
	}
	nlh = genl_begin(&genl, request, DITTO_CMD_ROLE, resource);
	mnl_attr_put_u32(nlh, DITTO_A_ROLE, DITTO_ROLE_SECONDARY);
	refused(nlh, -EBUSY, "ROLE", "a Primary whose device is open");
	nlh = genl_begin(&genl, request, DITTO_CMD_ATTACH, resource);
	mnl_attr_put_strz(nlh, DITTO_A_DISK_PATH, "/dev/null");
	refused(nlh, 0, "ATTACH", "a second disk");
	nlh = request_begin(&request_commands[1], NULL);
	refused(nlh, -EEXIST, "RESOURCE_NEW", "a name that is taken");
	nlh = genl_begin(&genl, request, DITTO_CMD_PEER_NEW, resource);
	mnl_attr_put_u32(nlh, DITTO_A_PEER_ID, 1);
	mnl_attr_put_strz(nlh, DITTO_A_PEER_NAME, "again");
	refused(nlh, 0, "PEER_NEW", "an id that is taken");
	nlh = genl_begin(&genl, request, DITTO_CMD_PEER_NEW, resource);
	mnl_attr_put_u32(nlh, DITTO_A_PEER_ID, 0);
	mnl_attr_put_strz(nlh, DITTO_A_PEER_NAME, "self");
	refused(nlh, 0, "PEER_NEW", "the node's own id");
	nlh = genl_begin(&genl, request, DITTO_CMD_LANES, resource);
	mnl_attr_put_u32(nlh, DITTO_A_PEER_ID, 1);
	mnl_attr_put_u64(nlh, DITTO_A_COOKIE, 1);
	request_lanes(nlh, 0, 0, 0);
	refused(nlh, -EBUSY, "LANES", "a peer that is connected");
}

/* What generic netlink itself answers has no text: the errno has to do. */
static void no_such_command(void)
{
	static const uint16_t bad[] = { DITTO_CMD_UNSPEC, DITTO_CMD_EVENT, DITTO_CMD_MAX + 1, 255 };
	struct nlmsghdr *nlh;
	unsigned int i;
	char what[80];
	int err;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		nlh = genl_begin(&genl, request, bad[i], resource);
		err = genl_talk(&genl, nlh, NULL, NULL);
		snprintf(what, sizeof(what), "command %u is unknown", bad[i]);
		report(err == -EOPNOTSUPP, what, strerror(-err));
	}
	nlh = genl_begin(&genl, request, DITTO_CMD_DETACH, resource);
	nlh->nlmsg_flags |= NLM_F_DUMP;
	err = genl_talk(&genl, nlh, NULL, NULL);
	report(err == -EOPNOTSUPP, "DETACH cannot be dumped", strerror(-err));
	nlh = genl_begin(&genl, request, DITTO_CMD_DETACH, NULL);
	nlh->nlmsg_len = MNL_NLMSG_HDRLEN;
	err = genl_talk(&genl, nlh, NULL, NULL);
	report(err == -EINVAL, "a message without a generic header", strerror(-err));
}

/* Say how many were refused since then, and whether all. */
static void summary(const char *what, unsigned int tried_before, unsigned int failures_before)
{
	char line[120];

	snprintf(line, sizeof(line), "%s: %u wrong messages are refused", what,
		 tried - tried_before);
	report(failures == failures_before, line, "not all");
}

static void refusals(void)
{
	static struct picture before;
	unsigned int i, j, begun, failed;

	take_picture(&before);
	for (i = 0; i < request_command_count; i++) {
		begun = tried;
		failed = failures;
		for (j = 0; j < MOST_ATTRS && request_commands[i].attrs[j].type; j++)
			one_wrong(&request_commands[i], &request_commands[i].attrs[j]);
		one_too_many(&request_commands[i]);
		summary(request_commands[i].name, begun, failed);
	}
	begun = tried;
	failed = failures;
	wrong_options();
	summary("options", begun, failed);
	begun = tried;
	wrong_names();
	summary("names", begun, failed);
	begun = tried;
	wrong_moment();
	summary("a Primary in use", begun, failed);
	no_such_command();
	unchanged(&before);
}

/* Descriptors. */

/* Connected sockets over loopback. */
static void tcp_pair(int fds[2])
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t len = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fds[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&address, len) || listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&address, &len) ||
	    connect(fds[0], (struct sockaddr *)&address, len)) {
		perror("loopback");
		exit(2);
	}
	fds[1] = accept(listener, NULL, NULL);
	close(listener);
}

/* A thread's own namespace: its sockets stay there. */
static void *elsewhere(void *fds)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd;

	if (unshare(CLONE_NEWNET)) {
		perror("unshare");
		exit(2);
	}
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (ioctl(fd, SIOCSIFFLAGS, &lo)) {
		perror("lo");
		exit(2);
	}
	close(fd);
	tcp_pair(fds);
	return NULL;
}

static void hand_over(uint32_t peer, int control, int writes, int bulk, const char *what)
{
	struct nlmsghdr *nlh = genl_begin(&genl, request, DITTO_CMD_LANES, resource);

	mnl_attr_put_u32(nlh, DITTO_A_PEER_ID, peer);
	mnl_attr_put_u64(nlh, DITTO_A_COOKIE, 77);
	request_lanes(nlh, control, writes, bulk);
	refused(nlh, 0, "LANES", what);
}

static void good_sockets(uint32_t peer, const int *fds)
{
	char why[600];
	int err;

	err = genl_lanes(&genl, resource, peer, 78, fds);
	snprintf(why, sizeof(why), "error %d, text \"%s\"", err, genl.text);
	report(!err, "LANES: sound sockets are taken", why);
	genl_command(&genl, DITTO_CMD_DISCONNECT, resource, peer);
	genl_command(&genl, DITTO_CMD_CONNECT, resource, peer);
}

static void add_peer(uint32_t peer)
{
	struct nlmsghdr *nlh = genl_begin(&genl, request, DITTO_CMD_PEER_NEW, resource);
	int err;

	mnl_attr_put_u32(nlh, DITTO_A_PEER_ID, peer);
	mnl_attr_put_strz(nlh, DITTO_A_PEER_NAME, "nobody");
	err = genl_talk(&genl, nlh, NULL, NULL);
	report(!err, "PEER_NEW", genl.text);
	err = genl_command(&genl, DITTO_CMD_CONNECT, resource, peer);
	report(!err, "CONNECT", genl.text);
}

static void sockets(uint32_t peer)
{
	int pairs[3][2], other[2], unix_pair[2], fds[3], file, udp, tcp, listener, i, err;
	struct sockaddr_in any = { .sin_family = AF_INET };
	static struct picture before;
	unsigned int begun, failed;
	pthread_t thread;

	add_peer(peer);
	take_picture(&before);
	for (i = 0; i < 3; i++)
		tcp_pair(pairs[i]);
	pthread_create(&thread, NULL, elsewhere, other);
	pthread_join(thread, NULL);
	file = open("/dev/null", O_RDWR);
	udp = socket(AF_INET, SOCK_DGRAM, 0);
	tcp = socket(AF_INET, SOCK_STREAM, 0);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	bind(listener, (struct sockaddr *)&any, sizeof(any));
	listen(listener, 1);
	socketpair(AF_UNIX, SOCK_STREAM, 0, unix_pair);

	begun = tried;
	failed = failures;
	hand_over(peer, -1, -1, -1, "no descriptors at all");
	hand_over(peer, pairs[0][0], pairs[1][0], -1, "one that is -1");
	hand_over(peer, pairs[0][0], pairs[1][0], 0x7fffffff, "one that is the highest");
	hand_over(peer, pairs[0][0], pairs[1][0], 1000, "one that is closed");
	hand_over(peer, pairs[0][0], pairs[1][0], file, "a file");
	hand_over(peer, pairs[0][0], udp, pairs[2][0], "a UDP socket");
	hand_over(peer, tcp, pairs[1][0], pairs[2][0], "a socket that is not connected");
	hand_over(peer, listener, pairs[1][0], pairs[2][0], "a socket that listens");
	hand_over(peer, unix_pair[0], pairs[1][0], pairs[2][0], "a Unix socket");
	hand_over(peer, pairs[0][0], pairs[1][0], other[0], "a socket of another namespace");
	hand_over(peer, pairs[0][0], pairs[0][0], pairs[0][0], "the same socket three times");
	fds[0] = dup(pairs[0][0]);
	hand_over(peer, pairs[0][0], pairs[1][0], fds[0], "the same socket by two descriptors");
	hand_over(peer, mnl_socket_get_fd(genl.socket), pairs[1][0], pairs[2][0],
		  "the netlink socket itself");
	summary("LANES: descriptors", begun, failed);
	unchanged(&before);

	for (i = 0; i < 3; i++)
		fds[i] = pairs[i][0];
	good_sockets(peer, fds);
	hand_over(peer, pairs[0][0], pairs[1][0], pairs[2][0], "sockets of a connection that has ended");
	/* In a connection that lives they are in use. */
	for (i = 0; i < 3; i++)
		tcp_pair(pairs[i]);
	for (i = 0; i < 3; i++)
		fds[i] = pairs[i][0];
	report(!genl_lanes(&genl, resource, peer, 79, fds), "LANES: sound sockets, again", genl.text);
	hand_over(peer, pairs[0][0], pairs[1][0], pairs[2][0], "sockets in use");
	summary("LANES: sockets twice", begun, failed);
	genl_command(&genl, DITTO_CMD_DISCONNECT, resource, peer);
	genl_command(&genl, DITTO_CMD_CONNECT, resource, peer);
	unchanged(&before);
	genl_command(&genl, DITTO_CMD_DISCONNECT, resource, peer);
	err = genl_command(&genl, DITTO_CMD_PEER_DEL, resource, peer);
	report(!err, "PEER_DEL", genl.text);
}

/* Random streams. */

static uint64_t seed;

static uint32_t dice(uint32_t sides)
{
	/* xorshift64* */
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return (seed * 2685821657736338717ull >> 32) % sides;
}

static void put_random(struct nlmsghdr *nlh, unsigned int depth)
{
	static const char *const texts[] = { "fuzz", "fuzz2", "", "nobody", "/dev/null", "/", "." };
	static const uint32_t numbers[] = { 0, 1, 2, 3, 31, 32, 100, 500, 60000, 1u << 31, UINT_MAX };
	uint16_t type = dice(3) ? dice(DITTO_A_MAX + 2) : dice(0x10000);
	struct nlattr *attr = mnl_nlmsg_get_payload_tail(nlh);
	uint8_t bytes[64];
	unsigned int i, count;

	switch (dice(6)) {
	case 0:
		mnl_attr_put_strz(nlh, type, texts[dice(ARRAY_SIZE(texts))]);
		break;
	case 1:
	case 2:
		mnl_attr_put_u32(nlh, type, numbers[dice(ARRAY_SIZE(numbers))]);
		break;
	case 3:
		mnl_attr_put_u64(nlh, type, dice(UINT_MAX));
		break;
	case 4:
		for (i = 0; i < sizeof(bytes); i++)
			bytes[i] = dice(256);
		request_put(nlh, type, bytes, dice(sizeof(bytes)));
		break;
	case 5:
		attr = mnl_attr_nest_start(nlh, type);
		count = depth < 6 ? dice(4) : 0;
		for (i = 0; i < count; i++)
			put_random(nlh, depth + 1);
		mnl_attr_nest_end(nlh, attr);
		break;
	}
	if (!dice(40))
		attr->nla_len += dice(9) - 4;
}

/* In half of all, what the command asks for is there and sound. */
static void put_mostly_sound(struct nlmsghdr *nlh, const struct command *command)
{
	const struct spec *spec;
	unsigned int i;

	for (i = 0; i < MOST_ATTRS && command->attrs[i].type; i++) {
		spec = &command->attrs[i];
		if (spec->kind == KIND_NAME)
			mnl_attr_put_strz(nlh, spec->type, dice(2) ? "fuzz" : "fuzz2");
		else if (spec->kind == KIND_U32 && dice(2))
			mnl_attr_put_u32(nlh, spec->type, dice(4));
		else if (spec->required || dice(2))
			request_sound(nlh, spec);
	}
}

static void garbage(unsigned int count)
{
	static struct picture before;
	unsigned int answers[2] = { 0, 0 };
	const struct command *command;
	struct nlmsghdr *nlh;
	unsigned int i, more;
	char what[100];
	int err = 0;

	snprintf(what, sizeof(what), "%u streams of attributes, seed %llu", count,
		 (unsigned long long)seed);
	take_picture(&before);
	for (i = 0; i < count; i++) {
		command = &request_commands[dice(request_command_count)];
		nlh = genl_begin(&genl, request, command->cmd, NULL);
		((struct genlmsghdr *)mnl_nlmsg_get_payload(nlh))->version = dice(3);
		if (dice(2))
			put_mostly_sound(nlh, command);
		more = dice(3) ? dice(3) : dice(12);
		while (more--)
			put_random(nlh, 0);
		if (!dice(30))
			nlh->nlmsg_len -= dice(nlh->nlmsg_len - MNL_NLMSG_HDRLEN + 1);
		nlh->nlmsg_flags = dice(8) ? 0 : dice(0x10000) & ~NLM_F_DUMP;
		err = genl_talk(&genl, nlh, NULL, NULL);
		if (err == -ETIMEDOUT)
			break;
		answers[!err]++;
	}
	report(err != -ETIMEDOUT && answers[0] && answers[1], what,
	       err == -ETIMEDOUT ? "one was not answered" : "all were refused, or none");
	printf("# %u were refused, %u were sound\n", answers[0], answers[1]);
	genl_command(&genl, DITTO_CMD_RESOURCE_DEL, "fuzz", -1);
	genl_command(&genl, DITTO_CMD_RESOURCE_DEL, "fuzz2", -1);
	report(genl_command(&genl, DITTO_CMD_RESOURCE_GET, "fuzz", -1) == -ENOENT,
	       "what they made can be deleted", genl.text);
	unchanged(&before);
}

/* What goes while it is being told something. */

static int new_fuzz(const char *name)
{
	struct nlmsghdr *nlh = genl_begin(&genl, request, DITTO_CMD_RESOURCE_NEW, name);
	static const uint8_t uuid[16] = { 1 };

	request_put(nlh, DITTO_A_UUID, uuid, sizeof(uuid));
	mnl_attr_put_u32(nlh, DITTO_A_NODE_ID, 1);
	return genl_talk(&genl, nlh, NULL, NULL);
}

static int new_peer(const char *name, uint32_t node_id)
{
	struct nlmsghdr *nlh = genl_begin(&genl, request, DITTO_CMD_PEER_NEW, name);

	mnl_attr_put_u32(nlh, DITTO_A_PEER_ID, node_id);
	mnl_attr_put_strz(nlh, DITTO_A_PEER_NAME, "peer");
	return genl_talk(&genl, nlh, NULL, NULL);
}

static void gone(unsigned int count)
{
	char what[100];
	unsigned int i, peer;
	int err = 0;

	snprintf(what, sizeof(what), "%u times, peers go while their resync is resumed", count);
	for (i = 0; i < count && !err; i++) {
		err = new_fuzz("fuzz");
		for (peer = 2; peer < 32 && !err; peer++)
			err = new_peer("fuzz", peer);
		if (!err)
			err = genl_command(&genl, DITTO_CMD_SYNC_RESUME, "fuzz", -1);
		if (!err)
			err = genl_command(&genl, DITTO_CMD_PEER_DEL, "fuzz", 31);
		if (!err)
			err = genl_command(&genl, DITTO_CMD_SYNC_RESUME, "fuzz", -1);
		if (!err)
			err = genl_command(&genl, DITTO_CMD_RESOURCE_DEL, "fuzz", -1);
	}
	report(!err, what, genl.text);
}

/* More than the kernel puts into one part of a dump, which is 32 KiB. */
#define DUMPED	16u

/*
 * The first part is made when the dump is asked for, the next when the first is
 * taken. What has changed in between is seen by the caller, who asks again.
 */
static void dump(void)
{
	static struct genl other;
	struct nlmsghdr *nlh;
	char name[16];
	unsigned int i, peer;
	int err = genl_open(&other);

	for (i = 0; i < DUMPED && !err; i++) {
		snprintf(name, sizeof(name), "fuzz%u", i);
		err = new_fuzz(name);
		for (peer = 2; peer < 32 && !err; peer++)
			err = new_peer(name, peer);
	}
	report(!err, "there is much to dump", genl.text);
	nlh = genl_begin(&other, request, DITTO_CMD_RESOURCE_GET, NULL);
	nlh->nlmsg_flags |= NLM_F_DUMP;
	err = genl_send(&other, nlh);
	if (!err)
		err = genl_command(&genl, DITTO_CMD_RESOURCE_DEL, name, -1);
	report(!err, "a resource goes while the dump is taken", genl.text);
	report(genl_answer(&other, NULL, NULL) == -EINTR, "the dump says that it is no picture",
	       "it does not");
	nlh = genl_begin(&genl, request, DITTO_CMD_RESOURCE_GET, NULL);
	nlh->nlmsg_flags |= NLM_F_DUMP;
	err = genl_talk(&genl, nlh, NULL, NULL);
	report(!err, "the next one is", strerror(-err));
	for (i = 0; i < DUMPED - 1; i++) {
		snprintf(name, sizeof(name), "fuzz%u", i);
		genl_command(&genl, DITTO_CMD_RESOURCE_DEL, name, -1);
	}
	genl_close(&other);
}

/* Without the capability. */

static void unprivileged(bool group)
{
	struct nlmsghdr *nlh;
	unsigned int i;
	int err;

	for (i = 0; i < request_command_count; i++) {
		nlh = request_begin(&request_commands[i], NULL);
		refused(nlh, -EPERM, request_commands[i].name, "sound");
		nlh = genl_begin(&genl, request, request_commands[i].cmd, NULL);
		refused(nlh, -EPERM, request_commands[i].name, "without attributes");
	}
	summary("all commands", 0, 0);
	nlh = genl_begin(&genl, request, DITTO_CMD_RESOURCE_GET, NULL);
	nlh->nlmsg_flags |= NLM_F_DUMP;
	err = genl_talk(&genl, nlh, NULL, NULL);
	report(err == -EPERM, "the dump is refused", strerror(-err));
	if (!group)
		return;
	err = mnl_socket_setsockopt(genl.socket, NETLINK_ADD_MEMBERSHIP, &genl.group,
				    sizeof(genl.group)) ? errno : 0;
	report(err == EPERM, "the multicast group is refused", strerror(err));
}

static int print_time(void)
{
	uint64_t begun = now_ms();
	struct nlmsghdr *nlh;
	int err;

	err = genl_command(&genl, DITTO_CMD_RESOURCE_GET, resource, -1);
	if (!err) {
		nlh = genl_begin(&genl, request, DITTO_CMD_RESOURCE_GET, NULL);
		nlh->nlmsg_flags |= NLM_F_DUMP;
		err = genl_talk(&genl, nlh, NULL, NULL);
	}
	/* An interrupted dump is an answer too, a resource that has gone another. */
	if (err && err != -EINTR && err != -ENOENT)
		return 1;
	printf("%llu\n", (unsigned long long)(now_ms() - begun));
	return 0;
}

int main(int argc, char **argv)
{
	int err;

	if (argc < 3) {
		fprintf(stderr, "usage: see the head of the source\n");
		return 2;
	}
	resource = argv[2];
	err = genl_open(&genl);
	if (err) {
		fprintf(stderr, "no netlink family: %s\n", strerror(-err));
		return 2;
	}
	if (!strcmp(argv[1], "refusals")) {
		refusals();
	} else if (!strcmp(argv[1], "sockets") && argc == 4) {
		sockets(atoi(argv[3]));
	} else if (!strcmp(argv[1], "garbage") && argc == 5) {
		seed = strtoull(argv[4], NULL, 0);
		garbage(atoi(argv[3]));
	} else if (!strcmp(argv[1], "gone") && argc == 4) {
		gone(atoi(argv[3]));
	} else if (!strcmp(argv[1], "dump")) {
		dump();
	} else if (!strcmp(argv[1], "unprivileged")) {
		unprivileged(true);
	} else if (!strcmp(argv[1], "commands")) {
		unprivileged(false);
	} else if (!strcmp(argv[1], "time")) {
		return print_time();
	} else {
		return 2;
	}
	return !!failures;
}
