// SPDX-License-Identifier: GPL-2.0
#include "fake_peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

/* Connected sockets over loopback. Return: 0 or a negative errno. */
static int pair(int *one, int *other)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t len = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int yes = 1;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	*one = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 || *one < 0 ||
	    bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(listener, 1) < 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &len) < 0 ||
	    connect(*one, (struct sockaddr *)&address, len) < 0)
		return -errno;
	*other = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (*other < 0)
		return -errno;
	close(listener);
	setsockopt(*one, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	return 0;
}

static int open_lanes(struct fake *fake)
{
	int theirs[DITTO_LANES];
	int i, err = 0;

	for (i = 0; i < DITTO_LANES && !err; i++)
		err = pair(&fake->lanes[i].fd, &theirs[i]);
	if (err)
		return err;
	err = genl_lanes(fake->genl, fake->resource, fake->own, fake->cookie, theirs);
	for (i = 0; i < DITTO_LANES; i++)
		close(theirs[i]);
	return err;
}

int fake_open(struct fake *fake)
{
	u8 *bufs[DITTO_LANES];
	struct genl_peer peer;
	int i, err;

	for (i = 0; i < DITTO_LANES; i++) {
		bufs[i] = fake->lanes[i].buf;
		memset(&fake->lanes[i], 0, sizeof(fake->lanes[i]));
		fake->lanes[i].buf = bufs[i] ? bufs[i] : malloc(FAKE_BUFFER);
		fake->lanes[i].fd = -1;
	}
	fake->greeted = fake->started = fake->ready = fake->joined = false;
	fake->closed = fake->mute = false;
	fake->bad = NULL;
	fake->bye = 0;
	fake->position = fake->extent = 0;
	memset(&fake->ack, 0, sizeof(fake->ack));
	do {
		if (getrandom(&fake->cookie, sizeof(fake->cookie), 0) < 0)
			return -errno;
	} while (!fake->cookie);
	/* StandAlone first: Connecting anew forgets the last reason. */
	err = genl_command(fake->genl, DITTO_CMD_DISCONNECT, fake->resource, fake->own);
	if (!err)
		err = genl_peer_wait(fake->genl, fake->resource, fake->own,
				     DITTO_CONNECTION_STANDALONE, 10000 * time_scale(), &peer);
	if (!err)
		err = genl_command(fake->genl, DITTO_CMD_CONNECT, fake->resource, fake->own);
	return err ? err : open_lanes(fake);
}

void fake_close(struct fake *fake)
{
	int i;

	for (i = 0; i < DITTO_LANES; i++) {
		if (fake->lanes[i].fd >= 0)
			close(fake->lanes[i].fd);
		fake->lanes[i].fd = -1;
	}
}

void fake_hello(const struct fake *fake, struct ditto_wire_hello *hello)
{
	*hello = fake->hello;
	hello->version_min = DITTO_WIRE_VERSION_MIN;
	hello->version_max = DITTO_WIRE_VERSION_MAX;
	hello->from = fake->own;
	hello->to = fake->other;
	memset(&hello->state, 0, sizeof(hello->state));
	hello->state.attach_id = fake->cookie;
}

bool fake_write(struct fake *fake, u8 lane, const void *data, size_t len)
{
	uint64_t end = now_ms() + 5000 * time_scale();
	const u8 *at = data;
	ssize_t n;

	while (len) {
		n = send(fake->lanes[lane].fd, at, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN && now_ms() < end) {
			/* The other end may itself wait for us to read. */
			if (fake->digesting)
				pause_ms(1);
			else
				fake_serve(fake, NULL, 1);
			continue;
		}
		if (n <= 0)
			return false;
		at += n;
		len -= n;
	}
	return true;
}

void fake_seal(struct fake *fake, u8 lane, struct ditto_wire_header *h, const void *payload,
	       u32 length)
{
	h->lane = lane;
	h->cookie = fake->cookie;
	h->sequence = fake->lanes[lane].tx_sequence;
	h->length = length;
	if (h->flags & DITTO_WIREF_CRC)
		h->payload_crc = ~ditto_crc32c(~0u, payload, length);
}

bool fake_raw(struct fake *fake, u8 lane, const struct ditto_wire_header *h, const void *payload,
	      u32 length)
{
	u8 buf[DITTO_WIRE_HEADER];

	ditto_wire_encode(h, buf);
	fake->lanes[lane].tx_sequence++;
	return fake_write(fake, lane, buf, sizeof(buf)) &&
	       (!length || fake_write(fake, lane, payload, length));
}

bool fake_send(struct fake *fake, u8 lane, struct ditto_wire_header *h, const void *payload,
	       u32 length)
{
	fake_seal(fake, lane, h, payload, length);
	return fake_raw(fake, lane, h, payload, length);
}

bool fake_say(struct fake *fake, u8 type, u64 position)
{
	struct ditto_wire_header h = { .type = type, .position = position };

	return fake_send(fake, DITTO_LANE_CONTROL, &h, NULL, 0);
}

bool fake_greet(struct fake *fake, const struct ditto_wire_hello *hello)
{
	struct ditto_wire_header h = { .type = DITTO_WIRE_HELLO };
	u8 buf[DITTO_WIRE_HELLO_BYTES];

	ditto_wire_put_hello(hello, buf);
	return fake_send(fake, DITTO_LANE_CONTROL, &h, buf, sizeof(buf));
}

bool fake_ack(struct fake *fake, const struct ditto_wire_ack *ack)
{
	struct ditto_wire_header h = { .type = DITTO_WIRE_ACK };
	u8 buf[DITTO_WIRE_ACK_BYTES];

	ditto_wire_put_ack(ack, buf);
	return fake_send(fake, DITTO_LANE_CONTROL, &h, buf, sizeof(buf));
}

static void acknowledge(struct fake *fake)
{
	struct ditto_wire_ack ack = {
		.received = fake->position,
		.written = fake->position,
		.durable = fake->position,
		.extents_written = fake->extent,
		.extents_durable = fake->extent,
	};

	if (!fake->mute && fake->started)
		fake_ack(fake, &ack);
}

static void take(struct fake *fake, const struct ditto_wire_header *h, const u8 *payload)
{
	struct ditto_wire_complaint why;
	struct ditto_wire_roster roster;

	switch (h->type) {
	case DITTO_WIRE_HELLO:
		if (ditto_wire_get_hello(payload, &fake->hello, &why))
			fake->bad = why.field;
		fake->greeted = true;
		break;
	case DITTO_WIRE_PING:
		fake_say(fake, DITTO_WIRE_PONG, h->position);
		break;
	case DITTO_WIRE_BYE:
		fake->bye = h->position;
		break;
	case DITTO_WIRE_ACK:
		if (ditto_wire_get_ack(payload, &fake->ack, &why))
			fake->bad = why.field;
		break;
	case DITTO_WIRE_READY:
		fake->ready = true;
		break;
	case DITTO_WIRE_START:
		if (ditto_wire_get_start(payload, &fake->start, &why))
			fake->bad = why.field;
		fake->started = true;
		fake->position = fake->start.position;
		if (!fake->mute)
			fake_say(fake, DITTO_WIRE_READY, fake->start.position);
		break;
	case DITTO_WIRE_JOIN:
		if (ditto_wire_get_roster(payload, &roster, &why))
			fake->bad = why.field;
		else
			fake->joined |= roster.roster >> fake->own & 1;
		fallthrough;
	case DITTO_WIRE_WRITE:
	case DITTO_WIRE_DISCARD:
	case DITTO_WIRE_ZEROES:
	case DITTO_WIRE_FLUSH:
	case DITTO_WIRE_ROSTER:
	case DITTO_WIRE_ABSENT:
	case DITTO_WIRE_SET:
	case DITTO_WIRE_BITS:
		if (h->position != fake->position + 1)
			fake->bad = "position";
		fake->position = h->position;
		break;
	case DITTO_WIRE_EXTENT:
	case DITTO_WIRE_EXTENT_ZERO:
		if (h->epoch != fake->extent + 1)
			fake->bad = "extent";
		fake->extent = h->epoch;
		break;
	}
}

/* Take every whole message of the buffer. */
static void digest(struct fake *fake, u8 id)
{
	struct fake_lane *lane = &fake->lanes[id];
	struct ditto_wire_context ctx = {
		.lane = id,
		.cookie = fake->cookie,
		.block = 512,
		.data_bytes = fake->greeted ? fake->hello.data_bytes : 0,
	};
	struct ditto_wire_complaint why;
	struct ditto_wire_header h;
	u32 at = 0;

	fake->digesting = true;
	while (!fake->bad && lane->have - at >= DITTO_WIRE_HEADER) {
		ctx.sequence = lane->rx_sequence;
		ctx.data_bytes = fake->greeted ? fake->hello.data_bytes : 0;
		if (ditto_wire_decode(lane->buf + at, &ctx, &h, &why)) {
			fake->bad = why.field;
			break;
		}
		if (lane->have - at - DITTO_WIRE_HEADER < h.length)
			break;
		lane->rx_sequence++;
		take(fake, &h, lane->buf + at + DITTO_WIRE_HEADER);
		at += DITTO_WIRE_HEADER + h.length;
	}
	memmove(lane->buf, lane->buf + at, lane->have - at);
	lane->have -= at;
	fake->digesting = false;
}

static void receive(struct fake *fake, u8 id)
{
	struct fake_lane *lane = &fake->lanes[id];
	ssize_t n = recv(lane->fd, lane->buf + lane->have, FAKE_BUFFER - lane->have, MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		fake->closed = true;
		return;
	}
	lane->have += n;
	digest(fake, id);
}

bool fake_serve(struct fake *fake, bool (*until)(const struct fake *fake), unsigned int ms)
{
	uint64_t end = now_ms() + ms;
	struct pollfd fds[DITTO_LANES];
	u64 position, extent;
	int i;

	for (;;) {
		if (until && until(fake))
			return true;
		if (fake->closed || fake->bad || now_ms() >= end)
			return false;
		for (i = 0; i < DITTO_LANES; i++) {
			fds[i].fd = fake->lanes[i].fd;
			fds[i].events = POLLIN;
		}
		if (poll(fds, DITTO_LANES, end - now_ms() < 50 ? 1 : 20) <= 0)
			continue;
		position = fake->position;
		extent = fake->extent;
		/* The control lane first: nothing is understood before HELLO. */
		for (i = 0; i < DITTO_LANES; i++)
			if (fds[i].revents && (fake->greeted || !i))
				receive(fake, i);
		if (position != fake->position || extent != fake->extent)
			acknowledge(fake);
	}
}
