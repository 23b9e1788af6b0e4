// SPDX-License-Identifier: GPL-2.0
/*
 * dittod against a fake kernel: alpha (node 0, 127.0.0.1, dials) and beta
 * (node 1, 127.0.0.2, accepts), each the daemon's own code in a process of its
 * own. Where only beta runs, the test itself plays alpha's daemon on the wire.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "daemon.h"
#include "fake_kernel.h"
#include "preamble.h"
#include "tap.h"
#include "uuid.h"

#define UUID		"0f5ea3a4-4a4c-4d3c-9f4b-0123456789ab"
#define OTHER_UUID	"0f5ea3a4-4a4c-4d3c-9f4b-0123456789ac"
#define DIR_TEMPLATE	"/tmp/ditto-test-XXXXXX"
#define LANE_TIMEOUT_MS	700
/* Long enough for anything that is to happen, on a busy machine. */
#define SOON_MS		5000
/* Long enough to believe that something does not happen. */
#define NOTHING_MS	700

static int port;
static bool ipv6;
/* Filled in by mkdtemp(). */
static char dir[sizeof(DIR_TEMPLATE)];

/**
 * struct node - a daemon under test and its kernel
 * @dir: its configuration directory
 */
struct node {
	const char *name;
	uint32_t id;
	char dir[64];
	pid_t pid;
	struct fake_kernel *kernel;
};

static double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000.0 + ts.tv_nsec / 1e6;
}

static void pause_ms(int ms)
{
	poll(NULL, 0, ms);
}

static void write_config(const struct node *node, const char *uuid)
{
	char path[128], alpha[64], beta[64];
	FILE *file;

	/* There is one IPv6 address of this host's own. */
	snprintf(alpha, sizeof(alpha), ipv6 ? "[::1]:%d" : "127.0.0.1:%d", port);
	snprintf(beta, sizeof(beta), ipv6 ? "[::1]:%d" : "127.0.0.2:%d", port + ipv6);

	snprintf(path, sizeof(path), "%s/r0.conf", node->dir);
	file = fopen(path, "w");
	if (!file) {
		perror(path);
		exit(99);
	}
	fprintf(file,
		"[resource]\nuuid = %s\npolicy = sync\nsecurity = none\n"
		"[node alpha]\nid = 0\naddress = %s\ndisk = /dev/a\n"
		"[node beta]\nid = 1\naddress = %s\ndisk = /dev/b\n"
		"[node gamma]\nid = 2\naddress = 127.0.0.3:%d\ndisk = /dev/c\n",
		uuid, alpha, beta, port);
	fclose(file);
}

static void set_uuid(struct node *node, const char *uuid)
{
	write_config(node, uuid);
	uuid_parse(uuid, node->kernel->resource.uuid);
}

static struct node *node_new(const char *name, uint32_t id, uint32_t connection)
{
	struct node *node = calloc(1, sizeof(*node));
	struct kernel_resource *resource;

	node->name = name;
	node->id = id;
	snprintf(node->dir, sizeof(node->dir), "%s/%s", dir, name);
	mkdir(node->dir, 0700);
	node->kernel = fake_kernel_new();
	resource = &node->kernel->resource;
	copy_string(resource->name, "r0", sizeof(resource->name));
	resource->node_id = id;
	resource->n_peers = 1;
	resource->peers[0].id = !id;
	copy_string(resource->peers[0].name, id ? "alpha" : "beta",
		    sizeof(resource->peers[0].name));
	resource->peers[0].connection = connection;
	set_uuid(node, UUID);
	node->kernel->up = true;
	return node;
}

static void node_start(struct node *node)
{
	struct daemon daemon = {
		.config_dir = node->dir,
		.node = node->name,
		.lane_timeout_ms = LANE_TIMEOUT_MS,
	};

	fflush(NULL);
	node->pid = fork();
	if (node->pid)
		return;
	dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
	if (getenv("DITTO_TEST_LOG"))
		dup2(STDOUT_FILENO, STDERR_FILENO);
	fake_kernel = node->kernel;
	exit(daemon_run(&daemon) ? 1 : 0);
}

/* Return: the exit status. */
static int node_stop(struct node *node)
{
	int status = -1;

	if (!node->pid)
		return 0;
	kill(node->pid, SIGTERM);
	waitpid(node->pid, &status, 0);
	node->pid = 0;
	return status;
}

static void node_free(struct node *node)
{
	node_stop(node);
	fake_kernel_free(node->kernel);
	free(node);
}

static void close_lanes(struct fake_report *report)
{
	for (int i = 0; i < KERNEL_LANES; i++)
		close(report->fds[i]);
}

/* Reads exactly @len bytes, or what comes until the end or the time is up. */
static size_t read_some(int fd, void *to, size_t len, int ms)
{
	double end = now_ms() + ms;
	size_t at = 0;

	while (at < len) {
		struct pollfd pollfd = { .fd = fd, .events = POLLIN };
		ssize_t n;

		if (poll(&pollfd, 1, end > now_ms() ? (int)(end - now_ms()) + 1 : 0) != 1)
			break;
		n = read(fd, (char *)to + at, len - at);
		if (n <= 0)
			break;
		at += n;
	}
	return at;
}

/* The lane carries, from its first byte, the other kernel's greeting. */
static bool lane_greets(int fd, uint32_t from, int lane)
{
	char expected[FAKE_HELLO_LEN], found[FAKE_HELLO_LEN];

	fake_kernel_hello(from, lane, expected);
	return read_some(fd, found, sizeof(found), SOON_MS) == sizeof(found) &&
	       !memcmp(found, expected, sizeof(found));
}

static bool closed(int fd, int ms)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };
	char byte;

	return poll(&pollfd, 1, ms) == 1 && read(fd, &byte, 1) <= 0;
}

static bool pair(struct node *a, struct node *b, struct fake_report *ra,
		 struct fake_report *rb, int ms)
{
	if (!fake_kernel_report(a->kernel, ra, ms))
		return false;
	if (fake_kernel_report(b->kernel, rb, ms))
		return true;
	close_lanes(ra);
	return false;
}

/* Both daemons up and paired; the lanes are in the reports. */
static void test_pairing(void)
{
	struct node *a = node_new("alpha", 0, DITTO_CONNECTION_CONNECTING);
	struct node *b = node_new("beta", 1, DITTO_CONNECTION_CONNECTING);
	struct fake_report ra, rb;
	bool greets = true, nodelay = true;
	int value = 0;
	socklen_t len = sizeof(value);

	node_start(b);
	node_start(a);
	if (!ok(pair(a, b, &ra, &rb, SOON_MS), "two daemons hand over their lanes"))
		goto stop;
	ok(ra.cookie && ra.cookie == rb.cookie, "both kernels get the same cookie, not 0");
	ok(ra.peer_id == 1 && rb.peer_id == 0, "each for its peer");
	for (int i = 0; i < KERNEL_LANES; i++) {
		greets &= lane_greets(rb.fds[i], 0, i) && lane_greets(ra.fds[i], 1, i);
		getsockopt(ra.fds[i], IPPROTO_TCP, TCP_NODELAY, &value, &len);
		nodelay &= value;
		getsockopt(rb.fds[i], IPPROTO_TCP, TCP_NODELAY, &value, &len);
		nodelay &= value;
	}
	ok(greets, "each lane reaches its like, and no byte of the kernels' is lost or added");
	ok(nodelay, "TCP_NODELAY is set on all");

	fake_kernel_connection(a->kernel, DITTO_CONNECTION_CONNECTED);
	fake_kernel_connection(b->kernel, DITTO_CONNECTION_CONNECTED);
	ok(!node_stop(a) && !node_stop(b), "SIGTERM ends both with status 0");
	ok(write(ra.fds[1], "x", 1) == 1 && read_some(rb.fds[1], &value, 1, SOON_MS) == 1,
	   "live lanes outlive the daemons");
	node_start(a);
	node_start(b);
	ok(!fake_kernel_report(a->kernel, &ra, NOTHING_MS) &&
	   write(ra.fds[0], "x", 1) == 1 && read_some(rb.fds[0], &value, 1, SOON_MS) == 1,
	   "restarted daemons leave a live connection alone");
	close_lanes(&ra);
	close_lanes(&rb);
	fake_kernel_connection(b->kernel, DITTO_CONNECTION_CONNECTING);
	fake_kernel_connection(a->kernel, DITTO_CONNECTION_CONNECTING);
	if (ok(pair(a, b, &ra, &rb, 1000), "a dropped connection is made anew within a second")) {
		close_lanes(&ra);
		close_lanes(&rb);
	}
stop:
	node_free(a);
	node_free(b);
}

static void test_ipv6(void)
{
	struct sockaddr_in6 own = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool there = fd >= 0 && !bind(fd, (struct sockaddr *)&own, sizeof(own));
	struct fake_report ra, rb;
	struct node *a, *b;

	if (fd >= 0)
		close(fd);
	if (!there) {
		ok(true, "two daemons pair over IPv6 # SKIP no IPv6 here");
		return;
	}
	ipv6 = true;
	a = node_new("alpha", 0, DITTO_CONNECTION_CONNECTING);
	b = node_new("beta", 1, DITTO_CONNECTION_CONNECTING);
	ipv6 = false;
	node_start(a);
	node_start(b);
	if (ok(pair(a, b, &ra, &rb, SOON_MS), "two daemons pair over IPv6")) {
		close_lanes(&ra);
		close_lanes(&rb);
	}
	node_free(a);
	node_free(b);
}

static void lose(struct node *node, bool connected)
{
	fake_kernel_connection(node->kernel, DITTO_CONNECTION_HANDSHAKE);
	if (connected)
		fake_kernel_connection(node->kernel, DITTO_CONNECTION_CONNECTED);
	fake_kernel_connection(node->kernel, DITTO_CONNECTION_CONNECTING);
}

/* One that the kernels end again and again, before it is up or at once then: no spinning. */
static void test_backoff(bool connected)
{
	struct node *a = node_new("alpha", 0, DITTO_CONNECTION_CONNECTING);
	struct node *b = node_new("beta", 1, DITTO_CONNECTION_CONNECTING);
	struct fake_report ra, rb;
	double end = now_ms() + 3000;
	int attempts = 0;

	node_start(a);
	node_start(b);
	while (now_ms() < end && pair(a, b, &ra, &rb, 2000)) {
		attempts++;
		close_lanes(&ra);
		close_lanes(&rb);
		lose(b, connected);
		lose(a, connected);
	}
	ok(attempts >= 2 && attempts <= 8, "%s are tried again, with back-off: %d in 3 s",
	   connected ? "connections that do not last" : "handshakes that fail", attempts);
	ok(!node_stop(a) && !node_stop(b), "both end with status 0");
	node_free(a);
	node_free(b);
}

static void test_not_wanted(void)
{
	struct node *a = node_new("alpha", 0, DITTO_CONNECTION_CONNECTING);
	struct node *b = node_new("beta", 1, DITTO_CONNECTION_STANDALONE);
	struct fake_report ra, rb;

	node_start(a);
	node_start(b);
	/* Long enough for the back-off to have grown past what follows. */
	ok(!fake_kernel_report(a->kernel, &ra, 4000), "a peer that is StandAlone is not connected");
	fake_kernel_connection(b->kernel, DITTO_CONNECTION_CONNECTING);
	if (ok(pair(a, b, &ra, &rb, 1000), "once it is wanted, a knock cuts the back-off short")) {
		close_lanes(&ra);
		close_lanes(&rb);
	}
	fake_kernel_connection(a->kernel, DITTO_CONNECTION_STANDALONE);
	fake_kernel_connection(b->kernel, DITTO_CONNECTION_STANDALONE);
	ok(!fake_kernel_report(a->kernel, &ra, NOTHING_MS), "disconnected, it stays so");
	a->kernel->resource.peers[0].connection = DITTO_CONNECTION_CONNECTING;
	b->kernel->resource.peers[0].connection = DITTO_CONNECTION_CONNECTING;
	fake_kernel_event(a->kernel, &(struct kernel_event){ .event = FAKE_EVENTS_LOST });
	fake_kernel_event(b->kernel, &(struct kernel_event){ .event = FAKE_EVENTS_LOST });
	if (ok(pair(a, b, &ra, &rb, SOON_MS), "after lost events a dump tells what is wanted")) {
		close_lanes(&ra);
		close_lanes(&rb);
	}
	node_free(a);
	node_free(b);
}

static void test_wrong_uuid(void)
{
	struct node *a = node_new("alpha", 0, DITTO_CONNECTION_CONNECTING);
	struct node *b = node_new("beta", 1, DITTO_CONNECTION_CONNECTING);
	struct fake_report ra, rb;

	set_uuid(b, OTHER_UUID);
	node_start(a);
	node_start(b);
	ok(!fake_kernel_report(a->kernel, &ra, NOTHING_MS) &&
	   !fake_kernel_report(b->kernel, &rb, 0), "resources with other UUIDs are not connected");
	set_uuid(b, UUID);
	kill(b->pid, SIGHUP);
	if (ok(pair(a, b, &ra, &rb, 2 * SOON_MS), "SIGHUP reads the corrected file")) {
		close_lanes(&ra);
		close_lanes(&rb);
	}
	node_stop(a);
	a->kernel->resource.peers[0].connection = DITTO_CONNECTION_CONNECTING;
	fake_kernel_connection(b->kernel, DITTO_CONNECTION_CONNECTING);
	write_config(a, OTHER_UUID);
	node_start(a);
	ok(!fake_kernel_report(a->kernel, &ra, NOTHING_MS), "nor is one whose own file has another");
	write_config(a, UUID);
	kill(a->pid, SIGHUP);
	if (ok(pair(a, b, &ra, &rb, 1000), "until SIGHUP, and then at once")) {
		close_lanes(&ra);
		close_lanes(&rb);
	}
	node_free(a);
	node_free(b);
}

/* The other side's kernel refuses: the sockets are closed, and tried again. */
static void test_lanes_refused(void)
{
	struct node *a = node_new("alpha", 0, DITTO_CONNECTION_CONNECTING);
	struct node *b = node_new("beta", 1, DITTO_CONNECTION_CONNECTING);
	struct fake_report ra, rb;

	b->kernel->refuse_lanes = true;
	node_start(a);
	node_start(b);
	if (ok(fake_kernel_report(a->kernel, &ra, SOON_MS), "the dialler hands over first")) {
		char rest[64];

		read_some(ra.fds[0], rest, sizeof(rest), 100);
		ok(closed(ra.fds[0], SOON_MS), "lanes that the acceptor's kernel refuses are closed");
		close_lanes(&ra);
	}
	b->kernel->refuse_lanes = false;
	fake_kernel_connection(a->kernel, DITTO_CONNECTION_HANDSHAKE);
	fake_kernel_connection(a->kernel, DITTO_CONNECTION_CONNECTING);
	if (ok(pair(a, b, &ra, &rb, SOON_MS), "and the next attempt succeeds")) {
		close_lanes(&ra);
		close_lanes(&rb);
	}
	node_free(a);
	node_free(b);
}

/* A connection to beta from @host. */
static int call(const char *host)
{
	struct sockaddr_in from = { .sin_family = AF_INET };
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, host, &from.sin_addr);
	inet_pton(AF_INET, "127.0.0.2", &to.sin_addr);
	if (bind(fd, (struct sockaddr *)&from, sizeof(from)) < 0)
		perror("bind");
	for (int i = 0; i < 200; i++) {
		if (!connect(fd, (struct sockaddr *)&to, sizeof(to)))
			return fd;
		pause_ms(20);
	}
	perror("connect");
	exit(99);
}

static struct preamble request(uint8_t lane, uint64_t cookie)
{
	struct preamble preamble = {
		.version = PREAMBLE_VERSION,
		.lane = lane,
		.from = 0,
		.to = 1,
		.cookie = cookie,
	};

	uuid_parse(UUID, preamble.uuid);
	return preamble;
}

static int say_from(const char *host, const struct preamble *preamble)
{
	uint8_t bytes[PREAMBLE_SIZE];
	int fd = call(host);

	preamble_encode(preamble, bytes);
	if (write(fd, bytes, sizeof(bytes)) != sizeof(bytes))
		perror("write");
	return fd;
}

static int say(const struct preamble *preamble)
{
	return say_from("127.0.0.1", preamble);
}

/* The status of the answer, or -1 where there is none. Closes. */
static int answer(int fd)
{
	uint8_t bytes[PREAMBLE_SIZE];
	struct preamble preamble;
	int status = -1;

	if (read_some(fd, bytes, sizeof(bytes), SOON_MS) == sizeof(bytes) &&
	    !preamble_decode(bytes, &preamble))
		status = preamble.status;
	close(fd);
	return status;
}

static void refused_preambles(void)
{
	struct preamble p;

	p = request(0, 7);
	p.version = 2;
	ok(answer(say(&p)) == PREAMBLE_WRONG_VERSION, "another version is refused by name");
	p = request(0, 7);
	p.uuid[3] ^= 1;
	ok(answer(say(&p)) == PREAMBLE_UNKNOWN_RESOURCE, "an unknown UUID is refused by name");
	p = request(0, 7);
	p.from = 5;
	ok(answer(say(&p)) == PREAMBLE_UNKNOWN_RESOURCE, "an unknown node id is refused by name");
	p = request(0, 7);
	p.to = 2;
	ok(answer(say(&p)) == PREAMBLE_WRONG_NODE, "a preamble for another node is refused by name");
	p = request(0, 7);
	p.security = 1;
	ok(answer(say(&p)) == PREAMBLE_WRONG_SECURITY, "another security is refused by name");
	p = request(0, 7);
	ok(answer(say_from("127.0.0.3", &p)) == PREAMBLE_WRONG_NODE,
	   "a peer that gives itself out for another is refused");
	p = request(PREAMBLE_KNOCK, 7);
	ok(answer(say(&p)) == PREAMBLE_WRONG_NODE, "a knock from the node that dials is refused");
	p = request(0, 0);
	ok(answer(say(&p)) == -1, "a preamble without a cookie is not answered");
	p = request(4, 7);
	ok(answer(say(&p)) == -1, "nor one for a lane that does not exist");
	p = request(0, 7);
	p.status = PREAMBLE_OK;
	ok(answer(say(&p)) == -1, "nor an answer where a request is due");
}

static void refused_garbage(void)
{
	uint8_t bytes[PREAMBLE_SIZE];
	struct preamble p = request(0, 7);
	bool all = true;
	int fd;

	memset(bytes, 'x', sizeof(bytes));
	fd = call("127.0.0.1");
	ok(write(fd, bytes, sizeof(bytes)) == sizeof(bytes) && closed(fd, LANE_TIMEOUT_MS / 2),
	   "garbage is not answered");
	close(fd);
	for (size_t at = 0; at < PREAMBLE_SIZE; at++) {
		preamble_encode(&p, bytes);
		bytes[at] ^= 0x10;
		fd = call("127.0.0.1");
		all &= write(fd, bytes, sizeof(bytes)) == sizeof(bytes) && closed(fd, SOON_MS);
		close(fd);
	}
	ok(all, "a flipped bit anywhere in a preamble is found");
	fd = call("127.0.0.4");
	ok(closed(fd, LANE_TIMEOUT_MS / 2), "an address that is no peer's is not even read");
	close(fd);
}

static void half_open(void)
{
	struct preamble p0 = request(0, 11), p1 = request(1, 11);
	double begin = now_ms();
	int silent = call("127.0.0.1"), half = call("127.0.0.1");
	int fd0, fd1;

	ok(write(half, "DITTOD", 6) == 6 && closed(half, SOON_MS) && closed(silent, SOON_MS) &&
	   now_ms() - begin > LANE_TIMEOUT_MS / 2,
	   "no preamble, or half of one, is closed after the time-out");
	close(silent);
	close(half);
	fd0 = say(&p0);
	fd1 = say(&p1);
	ok(closed(fd0, SOON_MS) && closed(fd1, SOON_MS), "two lanes of three time out unanswered");
	close(fd0);
	close(fd1);
	fd0 = say(&p0);
	ok(answer(say(&p0)) == PREAMBLE_NOT_WANTED, "the same lane twice is refused");
	ok(write(fd0, "early", 5) == 5 && closed(fd0, SOON_MS),
	   "a lane that talks before it was answered is closed");
	close(fd0);
}

static void too_many(void)
{
	int fds[DAEMON_MAX_GUESTS + 1];

	for (int i = 0; i <= DAEMON_MAX_GUESTS; i++)
		fds[i] = call("127.0.0.1");
	/* Well before any of them times out. */
	ok(closed(fds[0], LANE_TIMEOUT_MS / 3), "one connection too many drops the oldest");
	ok(!closed(fds[DAEMON_MAX_GUESTS], 0), "and the newest stays");
	for (int i = 0; i <= DAEMON_MAX_GUESTS; i++)
		close(fds[i]);
}

/* The answers come when all lanes are there, and the next bytes are the kernel's. */
static void whole_dial(struct node *b)
{
	uint8_t bytes[PREAMBLE_SIZE];
	struct fake_report report;
	struct preamble p, reply;
	bool good = true, greets = true, reaches = true;
	char byte = 0;
	int fds[KERNEL_LANES];

	for (int i = KERNEL_LANES - 1; i >= 0; i--) {
		p = request(i, 99);
		fds[i] = say(&p);
	}
	for (int i = 0; i < KERNEL_LANES; i++) {
		good &= read_some(fds[i], bytes, sizeof(bytes), SOON_MS) == sizeof(bytes) &&
			!preamble_decode(bytes, &reply) && reply.status == PREAMBLE_OK &&
			reply.lane == i && reply.cookie == 99 && reply.from == 1 &&
			reply.to == 0;
		good &= write(fds[i], "k", 1) == 1;
	}
	ok(good, "three lanes in any order are each answered with OK");
	if (ok(fake_kernel_report(b->kernel, &report, SOON_MS), "and handed over")) {
		for (int i = 0; i < KERNEL_LANES; i++) {
			greets &= lane_greets(fds[i], 1, i);
			reaches &= read_some(report.fds[i], &byte, 1, SOON_MS) == 1 &&
				   byte == 'k';
		}
		ok(greets && reaches, "with every byte after the preambles");
		ok(report.cookie == 99, "and with the dialler's cookie");
		close_lanes(&report);
	}
	for (int i = 0; i < KERNEL_LANES; i++)
		close(fds[i]);
	p = request(0, 100);
	ok(answer(say(&p)) == PREAMBLE_NOT_WANTED, "while connected, another is not wanted");
}

static void test_acceptor(void)
{
	struct node *b = node_new("beta", 1, DITTO_CONNECTION_CONNECTING);
	struct kernel_peer *gamma = &b->kernel->resource.peers[1];

	gamma->id = 2;
	copy_string(gamma->name, "gamma", sizeof(gamma->name));
	b->kernel->resource.n_peers = 2;
	node_start(b);
	refused_preambles();
	refused_garbage();
	half_open();
	too_many();
	pause_ms(100);
	whole_dial(b);
	ok(!node_stop(b), "the daemon survived all that, and leaked nothing");
	node_free(b);
}

/* The test in beta's place: accepts alpha's lanes, in their order. */
static bool accept_lanes(int listener, int fds[KERNEL_LANES],
			 struct preamble preambles[KERNEL_LANES])
{
	struct pollfd pollfd = { .fd = listener, .events = POLLIN };
	uint8_t bytes[PREAMBLE_SIZE];
	unsigned int seen = 0;
	struct preamble p;
	int fd;

	while (seen != 7) {
		if (poll(&pollfd, 1, 2 * SOON_MS) != 1)
			return false;
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (read_some(fd, bytes, sizeof(bytes), SOON_MS) != sizeof(bytes) ||
		    preamble_decode(bytes, &p) || p.lane >= KERNEL_LANES || seen & 1 << p.lane) {
			close(fd);
			return false;
		}
		seen |= 1 << p.lane;
		fds[p.lane] = fd;
		preambles[p.lane] = p;
	}
	return true;
}

static void reply(int fd, const struct preamble *asked, uint64_t cookie, uint8_t status)
{
	struct preamble p = *asked;
	uint8_t bytes[PREAMBLE_SIZE];

	p.from = asked->to;
	p.to = asked->from;
	p.cookie = cookie;
	p.status = status;
	preamble_encode(&p, bytes);
	if (write(fd, bytes, sizeof(bytes)) != sizeof(bytes))
		perror("reply");
}

static bool all_closed(int fds[KERNEL_LANES])
{
	bool all = true;

	for (int i = 0; i < KERNEL_LANES; i++) {
		all &= closed(fds[i], SOON_MS);
		close(fds[i]);
	}
	return all;
}

static int listen_as_beta(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int yes = 1;

	inet_pton(AF_INET, "127.0.0.2", &to.sin_addr);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(fd, (struct sockaddr *)&to, sizeof(to)) < 0 || listen(fd, 16) < 0) {
		perror("listen");
		exit(99);
	}
	return fd;
}

/* Answers that must not end in a hand-over. */
static void bad_answers(struct node *a, int listener)
{
	struct preamble p[KERNEL_LANES];
	struct fake_report report;
	int fds[KERNEL_LANES];

	if (!ok(accept_lanes(listener, fds, p), "the dialler sends a preamble on three lanes"))
		return;
	ok(p[0].cookie && p[0].cookie == p[1].cookie && p[1].cookie == p[2].cookie &&
	   p[0].from == 0 && p[0].to == 1 && p[0].status == PREAMBLE_REQUEST &&
	   p[0].version == PREAMBLE_VERSION, "with one cookie");
	for (int i = 0; i < KERNEL_LANES; i++)
		reply(fds[i], &p[i], p[i].cookie + (i == 2), PREAMBLE_OK);
	ok(all_closed(fds), "an answer with another cookie ends the attempt");

	accept_lanes(listener, fds, p);
	for (int i = 0; i < KERNEL_LANES; i++)
		reply(fds[i], &p[0], p[0].cookie, PREAMBLE_OK);
	ok(all_closed(fds), "so do answers for another lane");

	accept_lanes(listener, fds, p);
	for (int i = 0; i < KERNEL_LANES; i++)
		reply(fds[i], &p[i], p[i].cookie, i ? PREAMBLE_OK : PREAMBLE_NOT_WANTED);
	ok(all_closed(fds), "so does one refusal");

	accept_lanes(listener, fds, p);
	if (write(fds[0], UUID UUID, PREAMBLE_SIZE) != PREAMBLE_SIZE)
		perror("write");
	ok(all_closed(fds), "so does garbage");

	accept_lanes(listener, fds, p);
	reply(fds[0], &p[0], p[0].cookie, PREAMBLE_OK);
	reply(fds[1], &p[1], p[1].cookie, PREAMBLE_OK);
	ok(all_closed(fds), "and two answers of three, after the time-out");
	ok(!fake_kernel_report(a->kernel, &report, 0), "nothing of that was handed over");
}

static void test_dialler(void)
{
	struct node *a = node_new("alpha", 0, DITTO_CONNECTION_CONNECTING);
	int listener = listen_as_beta();
	struct preamble p[KERNEL_LANES], answered;
	uint8_t bytes[PREAMBLE_SIZE + 1];
	struct fake_report report;
	int fds[KERNEL_LANES];
	bool reaches = true;

	node_start(a);
	bad_answers(a, listener);
	accept_lanes(listener, fds, p);
	/* In two pieces, the second with the first byte of the kernel's. */
	for (int i = 0; i < KERNEL_LANES; i++) {
		answered = p[i];
		answered.from = 1;
		answered.to = 0;
		answered.status = PREAMBLE_OK;
		preamble_encode(&answered, bytes);
		bytes[PREAMBLE_SIZE] = 'k';
		reaches &= write(fds[i], bytes, 10) == 10;
		pause_ms(20);
		reaches &= write(fds[i], bytes + 10, sizeof(bytes) - 10) == sizeof(bytes) - 10;
	}
	if (ok(fake_kernel_report(a->kernel, &report, SOON_MS), "good answers are handed over")) {
		for (int i = 0; i < KERNEL_LANES; i++)
			reaches &= read_some(report.fds[i], bytes, 1, SOON_MS) == 1 &&
				   bytes[0] == 'k' && lane_greets(fds[i], 0, i);
		ok(reaches, "with the byte that came along with the answer");
		close_lanes(&report);
	}
	for (int i = 0; i < KERNEL_LANES; i++)
		close(fds[i]);
	close(listener);
	ok(!node_stop(a), "the daemon survived all that, and leaked nothing");
	node_free(a);
}

int main(void)
{
	char command[64];

	signal(SIGPIPE, SIG_IGN);
	port = 20000 + getpid() % 20000;
	copy_string(dir, DIR_TEMPLATE, sizeof(dir));
	if (!mkdtemp(dir)) {
		perror(dir);
		return 99;
	}
	test_pairing();
	test_ipv6();
	test_backoff(false);
	test_backoff(true);
	test_not_wanted();
	test_wrong_uuid();
	test_lanes_refused();
	test_acceptor();
	test_dialler();
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	if (system(command))
		perror(command);
	return tap_done();
}
