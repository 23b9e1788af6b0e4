// SPDX-License-Identifier: GPL-2.0
/*
 * A peer that breaks the protocol's rules, one at a time.
 *
 *	wire_peer --role primary|secondary --device PATH --timeout MS
 *		[--resource NAME] [--own ID] [--other ID]
 *		[--lengths | --lanes | --fuzz COUNT --seed SEED | CASE]
 *
 * The role is that of the node under test, which is up, and whose peer --own
 * has no daemon. Prints "ok TEXT" or "not ok TEXT: WHY" for each case. Without
 * a choice all cases are run; CASE is a part of the name of some.
 *
 * Meanwhile the device is in use: each of its writes (a Primary's) has to
 * succeed, each of its reads (a Secondary's) to end, within the time-out.
 */
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "wire_case.h"

/* Beyond the time-out, for the machine to notice. */
#define SLACK_MS	4000u

static struct genl genl;
static struct wire_test test;
static const char *device;
static unsigned int failures;
static unsigned int headers;	/* of one type, wrong */

/* The device's user, a thread. */
static struct {
	_Atomic unsigned int ended;
	_Atomic unsigned int failed;
	_Atomic uint64_t longest;
	_Atomic uint64_t begun;	/* of the one under way, else 0 */
} user;

static void *use_device(void *unused)
{
	int fd = open(device, (test.primary ? O_RDWR : O_RDONLY) | O_DIRECT | O_CLOEXEC);
	u8 *buf = aligned_alloc(4096, 4096);
	unsigned int block = 0;
	uint64_t took;
	ssize_t n;

	(void)unused;
	if (fd < 0 || !buf) {
		perror(device);
		exit(2);
	}
	memset(buf, 0xa5, 4096);
	for (;;) {
		user.begun = now_ms();
		block = (block + 7) % 256;
		n = test.primary ? pwrite(fd, buf, 4096, block * 4096ull) :
				   pread(fd, buf, 4096, block * 4096ull);
		took = now_ms() - user.begun;
		user.begun = 0;
		if (took > user.longest)
			user.longest = took;
		if (n != 4096)
			user.failed++;
		user.ended++;
		pause_ms(5);
	}
	return NULL;
}

static unsigned int limit_ms(void)
{
	return test.timeout_ms + test.timeout_ms / 2 + SLACK_MS * time_scale();
}

/* Return: NULL or what is wrong with the device. */
static const char *device_works(void)
{
	uint64_t end = now_ms() + limit_ms();
	unsigned int ended = user.ended;
	static char why[100];

	/* Two: the one under way may have begun before. */
	while (user.ended - ended < 2) {
		if (now_ms() > end)
			return "the device hangs";
		pause_ms(2);
	}
	/* An Inconsistent Secondary may say no, but it has to say something. */
	if (test.primary && user.failed)
		return "a write has failed";
	if (user.longest > limit_ms()) {
		snprintf(why, sizeof(why), "one took %llu ms, allowed %u",
			 (unsigned long long)user.longest, limit_ms());
		return why;
	}
	return NULL;
}

static void report(const char *name, const char *why)
{
	if (!why) {
		printf("ok %s\n", name);
	} else {
		printf("not ok %s: %s\n", name, why);
		failures++;
	}
	fflush(stdout);
}

static bool ended(const struct genl_peer *peer)
{
	return peer->connection == DITTO_CONNECTION_CONNECTING ||
	       peer->connection == DITTO_CONNECTION_STANDALONE;
}

/* Return: NULL, or how the connection did not end as it should. */
static const char *wait_end(const char *reason, bool final, bool silent)
{
	static char why[400];
	uint64_t stop = now_ms() + limit_ms();
	struct genl_peer peer;
	int err;

	for (;;) {
		err = genl_peer_get(&genl, test.fake.resource, test.fake.own, &peer);
		if (err) {
			snprintf(why, sizeof(why), "status: error %d", err);
			return why;
		}
		if (ended(&peer))
			break;
		if (now_ms() > stop)
			return "the connection lives";
		if (silent || test.fake.closed || test.fake.bad)
			pause_ms(5);
		else
			fake_serve(&test.fake, NULL, 5);
	}
	if (!strstr(peer.reason, reason) || !peer.reason[0])
		snprintf(why, sizeof(why), "the reason is \"%s\", not \"%s\"", peer.reason, reason);
	else if (final != (peer.connection == DITTO_CONNECTION_STANDALONE))
		snprintf(why, sizeof(why), "the connection is %s (%s)",
			 final ? "tried again" : "given up", peer.reason);
	else
		return NULL;
	return why;
}

/* Nothing was wrong: it has to be Connected, and to stay so for a while. */
static const char *lives(void)
{
	static char why[400];
	struct genl_peer peer;
	int err = genl_peer_wait(&genl, test.fake.resource, test.fake.own,
				 DITTO_CONNECTION_CONNECTED, 5000 * time_scale(), &peer);

	if (!err) {
		fake_serve(&test.fake, NULL, 300);
		err = genl_peer_get(&genl, test.fake.resource, test.fake.own, &peer);
	}
	if (!err && peer.connection == DITTO_CONNECTION_CONNECTED && !test.fake.bad)
		return NULL;
	snprintf(why, sizeof(why), "error %d, connection %u, reason \"%s\", bad %s", err,
		 peer.connection, peer.reason, test.fake.bad ? test.fake.bad : "nothing");
	return why;
}

static void run(const struct wire_case *c)
{
	const char *why;

	user.longest = 0;
	user.failed = 0;
	why = wire_reach(&test, c->stage);
	if (!why && c->commit && !c->commit(&test, c) && !c->reason)
		why = "the messages could not be sent";
	if (!why)
		why = c->reason ? wait_end(c->reason, c->final, c->silent) : lives();
	if (!why && test.fake.bad)
		why = test.fake.bad;
	if (!why)
		why = device_works();
	fake_close(&test.fake);
	report(c->name, why);
}

static void run_cases(const char *part)
{
	u32 role = test.primary ? AS_PRIMARY : AS_SECONDARY;
	unsigned int i;

	for (i = 0; i < wire_case_count; i++)
		if (wire_cases[i].roles & role && (!part || strstr(wire_cases[i].name, part)))
			run(&wire_cases[i]);
}

static const enum wire_stage stage_for[DITTO_LANES] = {
	[DITTO_LANE_CONTROL] = STAGE_CONNECTED,
	[DITTO_LANE_WRITES] = STAGE_STREAM,
	[DITTO_LANE_BULK] = STAGE_STREAM,
};

/* A message of @type with @length where another belongs, or on @lane. */
static void run_header(u8 type, u32 length, int lane)
{
	struct ditto_wire_header h;
	char name[80];
	const char *why;
	u32 right;

	right = wire_message(&test, type, &h);
	if (lane < 0 && right == length)
		return;
	if (lane == h.lane)
		return;
	if (lane < 0)
		snprintf(name, sizeof(name), "length: %u of %s", length,
			 ditto_wire_type_name(type));
	else
		snprintf(name, sizeof(name), "lane: %s on lane %d", ditto_wire_type_name(type), lane);
	user.longest = 0;
	user.failed = 0;
	why = wire_reach(&test, type == DITTO_WIRE_HELLO && lane < 0 ? STAGE_SOCKETS :
				stage_for[lane < 0 ? h.lane : lane]);
	if (!why) {
		wire_message(&test, type, &h);
		fake_seal(&test.fake, lane < 0 ? h.lane : lane, &h, wire_payload, length);
		fake_raw(&test.fake, h.lane, &h, wire_payload,
			 lane < 0 ? min(length, PAYLOAD_ROOM) : length);
		why = wait_end("bad message header: ", false, false);
	}
	if (!why)
		why = device_works();
	fake_close(&test.fake);
	headers++;
	/* One line for each would be hundreds: a type has one. */
	if (why)
		report(name, why);
}

static void summary(const char *what, u8 type, unsigned int failed)
{
	char line[100];

	snprintf(line, sizeof(line), "%s: %u wrong ones of %s", what, headers,
		 ditto_wire_type_name(type));
	report(line, failures == failed ? NULL : "not all were refused");
	headers = 0;
}

static void run_lengths(void)
{
	static const u32 around[] = { 0, DITTO_WIRE_MAX_FIXED + 1, DITTO_WIRE_MAX_SUMS + 1,
				      DITTO_WIRE_MAX_WRITE + 1, U32_MAX };
	struct ditto_wire_header h;
	unsigned int i, failed;
	u32 right;
	u8 type;

	for (type = DITTO_WIRE_HELLO; type < DITTO_WIRE_TYPES; type++) {
		failed = failures;
		right = wire_message(&test, type, &h);
		for (i = 0; i < ARRAY_SIZE(around); i++)
			run_header(type, around[i], -1);
		if (right)
			run_header(type, right - 1, -1);
		run_header(type, right + 1, -1);
		summary("length", type, failed);
	}
}

static void run_lanes(void)
{
	unsigned int failed;
	u8 type, lane;

	for (type = DITTO_WIRE_HELLO; type < DITTO_WIRE_TYPES; type++) {
		failed = failures;
		for (lane = 0; lane < DITTO_LANES; lane++)
			run_header(type, 0, lane);
		summary("lane", type, failed);
	}
}

/* Random messages: sound ones with a few things changed. */

static u64 seed;

static u32 dice(u32 sides)
{
	/* xorshift64* */
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return (seed * 2685821657736338717ull >> 32) % sides;
}

static u64 some_value(void)
{
	static const u64 values[] = { 0, 1, 2, 511, 512, 4095, 4096, 1u << 20, 1u << 30, 1u << 31,
				      U32_MAX, 1ull << 32, 1ull << 63, U64_MAX, U64_MAX - 511 };

	return dice(3) ? values[dice(ARRAY_SIZE(values))] : (u64)dice(U32_MAX) << dice(33);
}

static void mutate(struct ditto_wire_header *h)
{
	switch (dice(12)) {
	case 0:
		h->type = dice(DITTO_WIRE_TYPES + 2);
		break;
	case 1:
		h->flags ^= 1u << dice(6);
		break;
	case 2:
		h->length = some_value();
		break;
	case 3:
		h->position = some_value();
		break;
	case 4:
		h->position += dice(3) - 1;
		break;
	case 5:
		h->epoch = dice(2) ? some_value() : h->epoch + dice(3) - 1;
		break;
	case 6:
		h->overlap = some_value();
		break;
	case 7:
		h->offset = some_value();
		break;
	case 8:
		h->size = some_value();
		break;
	case 9:
		h->sequence += dice(3) - 1;
		break;
	case 10:
		h->lane = dice(4);
		break;
	case 11:
		h->payload_crc = some_value();
		break;
	}
}

static void count_sent(const struct ditto_wire_header *h)
{
	if (h->lane == DITTO_LANE_WRITES && h->type != DITTO_WIRE_START)
		test.sent++;
	if (h->type == DITTO_WIRE_EXTENT || h->type == DITTO_WIRE_EXTENT_ZERO ||
	    h->type == DITTO_WIRE_EXTENT_SUMS)
		test.extent++;
}

static bool send_random(void)
{
	u8 type = 1 + dice(DITTO_WIRE_TYPES - 1);
	struct ditto_wire_header h;
	u8 head[DITTO_WIRE_HEADER];
	u32 length = wire_message(&test, type, &h);
	u8 lane = h.lane;
	unsigned int i, changes;

	/* HELLO and START in a stream are known to end it. */
	if ((type <= DITTO_WIRE_HELLO || type == DITTO_WIRE_START) && dice(8))
		return true;
	changes = dice(3);
	for (i = 0; length && changes && i < dice(4); i++)
		wire_payload[dice(length)] ^= 1u << dice(8);
	if (length && dice(2) && type != DITTO_WIRE_BYE)
		h.flags |= DITTO_WIREF_CRC;
	fake_seal(&test.fake, lane, &h, wire_payload, length);
	for (i = 0; i < changes; i++)
		mutate(&h);
	if (!changes)
		count_sent(&h);
	ditto_wire_encode(&h, head);
	if (!dice(20)) {
		head[dice(DITTO_WIRE_HEADER)] ^= 1u << dice(8);
		if (dice(2))
			wire_mend(head);
	}
	test.fake.lanes[lane].tx_sequence++;
	if (dice(2))
		length = min(h.length, PAYLOAD_ROOM);
	return fake_write(&test.fake, lane, head, sizeof(head)) &&
	       fake_write(&test.fake, lane, wire_payload, length);
}

static const char *fuzz_one(unsigned int *left)
{
	const char *why = wire_reach(&test, STAGE_STREAM);
	unsigned int count = 1 + dice(24);
	struct genl_peer peer;

	if (why) {
		/* An earlier one may have given the copy a history of its own. */
		fake_close(&test.fake);
		genl_command(&genl, DITTO_CMD_DISCONNECT, test.fake.resource, test.fake.own);
		genl_command(&genl, DITTO_CMD_INVALIDATE, test.fake.resource, -1);
		why = wire_reach(&test, STAGE_STREAM);
	}
	if (why)
		return why;
	while (count-- && *left) {
		--*left;
		if (!send_random())
			break;
		if (!dice(4))
			fake_serve(&test.fake, NULL, 1);
	}
	fake_serve(&test.fake, NULL, 2);
	fake_close(&test.fake);
	while (!genl_peer_get(&genl, test.fake.resource, test.fake.own, &peer) && !ended(&peer))
		pause_ms(2);
	return test.fake.bad;
}

static void run_fuzz(unsigned int count)
{
	unsigned int left = count;
	const char *why = NULL;
	char name[80];

	snprintf(name, sizeof(name), "fuzz: %u messages, seed %llu", count,
		 (unsigned long long)seed);
	while (left && !why) {
		user.longest = 0;
		user.failed = 0;
		why = fuzz_one(&left);
		if (!why && !dice(16))
			why = device_works();
	}
	if (why)
		printf("# %u messages were left, state of the dice %llu, reason of the end: %s\n",
		       left, (unsigned long long)seed, why);
	report(name, why ? why : device_works());
}

static void usage(void)
{
	fprintf(stderr, "usage: see the head of the source\n");
	exit(2);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "role", 1, NULL, 'r' }, { "device", 1, NULL, 'd' }, { "timeout", 1, NULL, 't' },
		{ "resource", 1, NULL, 'n' }, { "own", 1, NULL, 'w' }, { "other", 1, NULL, 'o' },
		{ "lengths", 0, NULL, 'l' }, { "lanes", 0, NULL, 'a' }, { "fuzz", 1, NULL, 'f' },
		{ "seed", 1, NULL, 's' }, { NULL, 0, NULL, 0 },
	};
	bool lengths = false, lanes = false;
	unsigned int fuzz = 0;
	pthread_t thread;
	int c;

	signal(SIGPIPE, SIG_IGN);
	seed = 1;
	test.fake.genl = &genl;
	test.fake.resource = "r0";
	test.fake.own = 1;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'r':
			test.primary = !strcmp(optarg, "primary");
			break;
		case 'd':
			device = optarg;
			break;
		case 't':
			test.timeout_ms = atoi(optarg);
			break;
		case 'n':
			test.fake.resource = optarg;
			break;
		case 'w':
			test.fake.own = atoi(optarg);
			break;
		case 'o':
			test.fake.other = atoi(optarg);
			break;
		case 'l':
			lengths = true;
			break;
		case 'a':
			lanes = true;
			break;
		case 'f':
			fuzz = atoi(optarg);
			break;
		case 's':
			seed = strtoull(optarg, NULL, 0);
			break;
		default:
			usage();
		}
	}
	if (!device || !test.timeout_ms || !seed)
		usage();
	c = genl_open(&genl);
	if (c) {
		fprintf(stderr, "no netlink family: error %d\n", c);
		return 2;
	}
	if (pthread_create(&thread, NULL, use_device, NULL))
		return 2;
	if (lengths)
		run_lengths();
	if (lanes)
		run_lanes();
	if (fuzz)
		run_fuzz(fuzz);
	if (!lengths && !lanes && !fuzz)
		run_cases(argv[optind]);
	fflush(stdout);
	/* The thread may be anywhere. */
	_exit(!!failures);
}
