// SPDX-License-Identifier: GPL-2.0
#include "net.h"

#include "node.h"

#define PIPE_ROOM	12u

struct small {
	struct list_head link;
	struct ditto_wire_header header;
	u8 payload[];
};

bool link_up[SIM_NODES][SIM_NODES];
bool lane_held[SIM_NODES][SIM_NODES][DITTO_LANES];
struct list_head sessions;

static const u8 entry_types[] = {
	[DITTO_ENTRY_WRITE]	= DITTO_WIRE_WRITE,
	[DITTO_ENTRY_DISCARD]	= DITTO_WIRE_DISCARD,
	[DITTO_ENTRY_ZEROES]	= DITTO_WIRE_ZEROES,
	[DITTO_ENTRY_FLUSH]	= DITTO_WIRE_FLUSH,
	[DITTO_ENTRY_ROSTER]	= DITTO_WIRE_ROSTER,
	[DITTO_ENTRY_JOIN]	= DITTO_WIRE_JOIN,
	[DITTO_ENTRY_ABSENT]	= DITTO_WIRE_ABSENT,
	[DITTO_ENTRY_SET]	= DITTO_WIRE_SET,
	[DITTO_ENTRY_BITS]	= DITTO_WIRE_BITS,
};

void net_init(void)
{
	u32 a, b;

	INIT_LIST_HEAD(&sessions);
	memset(lane_held, 0, sizeof(lane_held));
	for (a = 0; a < SIM_NODES; a++) {
		for (b = 0; b < SIM_NODES; b++)
			link_up[a][b] = true;
	}
}

static void message_free(struct message *m)
{
	free(m->data);
	free(m);
}

static void pipe_clear(struct pipe *pipe)
{
	struct message *m, *next;

	list_for_each_entry_safe(m, next, &pipe->messages, link)
		message_free(m);
	INIT_LIST_HEAD(&pipe->messages);
	pipe->count = 0;
}

void net_free(void)
{
	struct session *s, *next;
	u32 end, lane;

	list_for_each_entry_safe(s, next, &sessions, link) {
		for (end = 0; end < 2; end++) {
			for (lane = 0; lane < DITTO_LANES; lane++)
				pipe_clear(&s->pipes[end][lane]);
		}
		free(s);
	}
	INIT_LIST_HEAD(&sessions);
}

static bool wants(u32 node, u32 peer)
{
	return nodes[node].powered && nodes[node].attached &&
	       nodes[node].peers[peer].connection_state == CONNECTING;
}

static struct session *live_session(u32 a, u32 b)
{
	struct session *s;

	list_for_each_entry(s, &sessions, link) {
		if (!s->broken && s->ends[0] == min(a, b) && s->ends[1] == max(a, b))
			return s;
	}
	return NULL;
}

bool net_can_connect(u32 a, u32 b)
{
	return link_up[a][b] && link_up[b][a] && wants(a, b) && wants(b, a) && !live_session(a, b);
}

void net_connect(u32 a, u32 b)
{
	struct session *s = calloc(1, sizeof(*s));
	u32 end, lane;

	s->cookie = chance64();
	s->ends[0] = min(a, b);
	s->ends[1] = max(a, b);
	for (end = 0; end < 2; end++) {
		for (lane = 0; lane < DITTO_LANES; lane++)
			INIT_LIST_HEAD(&s->pipes[end][lane].messages);
	}
	list_add_tail(&s->link, &sessions);
	note("link %u-%u: set up", s->ends[0], s->ends[1]);
}

struct session *net_offered(u32 node, u32 peer)
{
	struct session *s = live_session(node, peer);

	return s && !s->conns[node > peer] && wants(node, peer) ? s : NULL;
}

void net_node_gone(u32 node)
{
	struct session *s;
	u32 end;

	list_for_each_entry(s, &sessions, link) {
		for (end = 0; end < 2; end++) {
			if (s->ends[end] != node)
				continue;
			s->broken = true;
			if (s->conns[end])
				s->conns[end] = NULL;
		}
	}
}

static u32 other_id(const struct conn *c)
{
	return c->session->ends[!c->end];
}

struct conn *conn_new(struct peer *p, struct session *s)
{
	struct conn *c = node_alloc(p->node, sizeof(*c));
	u32 lane;

	c->node = p->node;
	c->peer = p;
	c->session = s;
	c->end = p->node->id > p->id;
	c->cookie = s->cookie;
	INIT_LIST_HEAD(&c->extents);
	for (lane = 0; lane < DITTO_LANES; lane++) {
		INIT_LIST_HEAD(&c->queue[lane]);
		c->parked[lane] = lane != DITTO_LANE_CONTROL;
	}
	s->conns[c->end] = c;
	return c;
}

void conn_begin(struct conn *c)
{
	struct ditto_wire_header header = { .type = DITTO_WIRE_HELLO };
	struct ditto_wire_hello hello = {
		.version_min = DITTO_WIRE_VERSION_MIN,
		.version_max = DITTO_WIRE_VERSION_MAX,
		.from = c->node->id,
		.to = c->peer->id,
		.data_bytes = SIM_BYTES,
		.logical_block = 512,
		.physical_block = 4096,
		.max_io = DITTO_WIRE_MAX_WRITE,
		.discard_zeroes = 1,
		.timeout_ms = 1000,
	};
	u8 buf[DITTO_WIRE_HELLO_BYTES];

	memcpy(hello.resource_uuid, c->node->md.resource_uuid, sizeof(hello.resource_uuid));
	state_mine(c->node, &hello.state);
	ditto_wire_put_hello(&hello, buf);
	conn_send(c, DITTO_LANE_CONTROL, &header, buf, sizeof(buf));
}

void conn_fail(struct conn *c, bool final, const char *why)
{
	if (c->failed)
		return;
	note("node %u: connection to %u fails%s: %s", c->node->id, c->peer->id,
	     final ? " for good" : "", why);
	c->failed = true;
	c->final |= final;
	c->session->broken = true;
	peer_event(c->peer, PEER_LOST);
}

void conn_close(struct conn *c)
{
	struct small *m, *next;
	u32 lane;

	for (lane = 0; lane < DITTO_LANES; lane++) {
		list_for_each_entry_safe(m, next, &c->queue[lane], link) {
			list_del(&m->link);
			node_free(c->node, m);
		}
	}
	if (c->cursor)
		request_put(c->cursor);
	c->cursor = NULL;
	c->session->conns[c->end] = NULL;
}

void conn_unpark(struct conn *c)
{
	memset(c->parked, 0, sizeof(c->parked));
}

void conn_send(struct conn *c, u8 lane, const struct ditto_wire_header *h, const void *payload,
	       u32 length)
{
	struct small *m = node_alloc(c->node, sizeof(*m) + length);

	m->header = *h;
	m->header.length = length;
	if (length)
		memcpy(m->payload, payload, length);
	list_add_tail(&m->link, &c->queue[lane]);
}

void conn_say(struct conn *c, u8 type, u64 position)
{
	struct ditto_wire_header header = { .type = type, .position = position };

	conn_send(c, DITTO_LANE_CONTROL, &header, NULL, 0);
}

static struct pipe *out_pipe(const struct conn *c, u8 lane)
{
	return &c->session->pipes[c->end][lane];
}

static struct pipe *in_pipe(const struct conn *c, u8 lane)
{
	return &c->session->pipes[!c->end][lane];
}

static void transmit(struct conn *c, u8 lane, struct ditto_wire_header *h, const void *payload,
		     const u64 *data)
{
	struct pipe *pipe = out_pipe(c, lane);
	struct message *m = calloc(1, sizeof(*m) + DITTO_WIRE_HEADER + (data ? 0 : h->length));

	h->lane = lane;
	h->cookie = c->cookie;
	h->sequence = c->sent[lane]++;
	if (data) {
		h->length = h->size;
		m->data = malloc(h->size / 512 * sizeof(u64));
		memcpy(m->data, data, h->size / 512 * sizeof(u64));
	} else if (h->length) {
		memcpy(m->bytes + DITTO_WIRE_HEADER, payload, h->length);
	}
	if (h->type == DITTO_WIRE_START)
		m->timeline = c->node->timeline;
	ditto_wire_encode(h, m->bytes);
	list_add_tail(&m->link, &pipe->messages);
	pipe->count++;
	note("node %u -> %u: %s position %llu epoch %llu overlap %llu range %llu+%u",
	     c->node->id, c->peer->id, ditto_wire_type_name(h->type), h->position, h->epoch,
	     h->overlap, h->offset / 512, h->size / 512);
}

static void send_small(struct conn *c, u8 lane)
{
	struct small *m = list_first_entry(&c->queue[lane], struct small, link);

	list_del(&m->link);
	transmit(c, lane, &m->header, m->payload, NULL);
	node_free(c->node, m);
}

static void send_ack(struct conn *c)
{
	struct ditto_wire_header h = { .type = DITTO_WIRE_ACK, .length = DITTO_WIRE_ACK_BYTES };
	u8 buf[DITTO_WIRE_ACK_BYTES];
	struct ditto_wire_ack ack;

	c->ack = false;
	if (!applier_ack(c->node, c, &ack))
		return;
	ditto_wire_put_ack(&ack, buf);
	transmit(c, DITTO_LANE_CONTROL, &h, buf, NULL);
}

/* What concerns only the one that joins is less for others. */
static u8 entry_type(const struct request *r, u32 peer)
{
	if (r->entry.kind == DITTO_ENTRY_JOIN && r->joins != peer)
		return DITTO_WIRE_ROSTER;
	if (r->entry.kind == DITTO_ENTRY_BITS && r->joins != peer)
		return DITTO_WIRE_FLUSH;
	return entry_types[r->entry.kind];
}

/* The small payload of an entry. Return: its bytes. */
static u32 put_payload(const struct request *r, u8 type, void *buf)
{
	switch (type) {
	case DITTO_WIRE_ROSTER:
	case DITTO_WIRE_JOIN:
		ditto_wire_put_roster(&r->roster, buf);
		return DITTO_WIRE_ROSTER_BYTES;
	case DITTO_WIRE_ABSENT:
	case DITTO_WIRE_SET:
		ditto_wire_put_absent(&r->absent, buf);
		return DITTO_WIRE_ABSENT_BYTES;
	case DITTO_WIRE_BITS:
		return ditto_wire_put_bits(&r->bits, r->words, buf);
	}
	return 0;
}

static void send_entry(struct conn *c)
{
	struct request *old = c->cursor, *r;
	struct ditto_wire_header h = {};
	u8 buf[DITTO_WIRE_MAX_FIXED];
	struct ditto_entry *e;

	e = ditto_stream_next(&c->node->stream, c->peer->id, old ? &old->entry : NULL);
	if (!e)
		return;
	r = container_of(e, struct request, entry);
	r->ref++;
	c->cursor = r;
	if (old)
		request_put(old);
	h.type = entry_type(r, c->peer->id);
	h.flags = (e->flags & DITTO_ENTRYF_DURABLE ? DITTO_WIREF_DURABLE : 0) |
		  (e->flags & DITTO_ENTRYF_GUARD ? DITTO_WIREF_GUARD : 0);
	h.position = e->position;
	h.epoch = e->epoch;
	h.overlap = e->overlap;
	h.settled = e->settled;
	switch (e->kind) {
	case DITTO_ENTRY_WRITE:
	case DITTO_ENTRY_DISCARD:
	case DITTO_ENTRY_ZEROES:
		h.followers = e->followers;
		if (!(e->flags & DITTO_ENTRYF_NOT_HERE))
			h.followers |= BIT(c->node->id);
		fallthrough;
	case DITTO_ENTRY_SET:
		h.offset = e->range.start;
		h.size = e->range.last - e->range.start + 1;
	}
	h.length = put_payload(r, h.type, buf);
	transmit(c, DITTO_LANE_WRITES, &h, buf, e->kind == DITTO_ENTRY_WRITE ? r->data : NULL);
	c->position = e->position;
	c->settled = max(c->settled, e->settled);
}

/* All has been sent: what has been settled meanwhile? */
static bool settled_waits(const struct conn *c)
{
	const struct ditto_stream *s = &c->node->stream;
	const struct ditto_follower *f = &s->followers[c->peer->id];

	return c->ready && f->active && f->sent == s->position &&
	       ditto_stream_settled(s) > c->settled;
}

static void send_settled(struct conn *c)
{
	struct ditto_wire_header h = { .type = DITTO_WIRE_SETTLED };

	h.settled = ditto_stream_settled(&c->node->stream);
	c->settled = h.settled;
	note("node %u: tells %u that %llu is settled", c->node->id, c->peer->id, h.settled);
	transmit(c, DITTO_LANE_WRITES, &h, NULL, NULL);
}

static void send_extent(struct conn *c)
{
	struct ditto_wire_header h = {};
	u8 buf[DITTO_WIRE_MAX_FIXED];
	struct extent_io *io = syncer_next(c, &h, buf);

	if (!io)
		return;
	transmit(c, DITTO_LANE_BULK, &h, buf,
		 h.type == DITTO_WIRE_EXTENT ? syncer_data(io) : NULL);
	syncer_sent(io);
}

static bool stream_waits(const struct conn *c)
{
	const struct ditto_stream *s = &c->node->stream;
	const struct ditto_follower *f = &s->followers[c->peer->id];

	return c->streaming && f->active && f->sent < s->position;
}

bool conn_can_send(const struct conn *c, u8 lane)
{
	if (c->failed || out_pipe(c, lane)->count >= PIPE_ROOM)
		return false;
	if (!list_empty(&c->queue[lane]))
		return true;
	switch (lane) {
	case DITTO_LANE_CONTROL:
		return c->ack;
	case DITTO_LANE_WRITES:
		return stream_waits(c) || settled_waits(c);
	default:
		return !list_empty(&c->extents);
	}
}

void conn_lane_send(struct conn *c, u8 lane)
{
	if (!list_empty(&c->queue[lane]))
		send_small(c, lane);
	else if (lane == DITTO_LANE_CONTROL)
		send_ack(c);
	else if (lane == DITTO_LANE_WRITES && stream_waits(c))
		send_entry(c);
	else if (lane == DITTO_LANE_WRITES)
		send_settled(c);
	else
		send_extent(c);
}

void conn_bye(struct conn *c, enum ditto_wire_bye why, bool final, const char *reason)
{
	if (c->failed)
		return;
	conn_say(c, DITTO_WIRE_BYE, why);
	while (!list_empty(&c->queue[DITTO_LANE_CONTROL]) &&
	       conn_can_send(c, DITTO_LANE_CONTROL))
		send_small(c, DITTO_LANE_CONTROL);
	conn_fail(c, final, reason);
}

bool conn_can_receive(const struct conn *c, u8 lane)
{
	return !c->failed && !c->parked[lane] && in_pipe(c, lane)->count &&
	       link_up[other_id(c)][c->node->id] && !lane_held[other_id(c)][c->node->id][lane];
}

void conn_lane_receive(struct conn *c, u8 lane)
{
	struct pipe *pipe = in_pipe(c, lane);
	struct message *m = list_first_entry(&pipe->messages, struct message, link);
	struct ditto_wire_context ctx = {
		.lane = lane,
		.cookie = c->cookie,
		.sequence = c->received[lane]++,
		.block = 512,
		.data_bytes = c->greeted ? c->hello.data_bytes : 0,
	};
	struct ditto_wire_complaint why;
	struct ditto_wire_header h;

	list_del(&m->link);
	pipe->count--;
	if (ditto_wire_decode(m->bytes, &ctx, &h, &why)) {
		broken("G9", "node %u refuses a message of %u: %s is %llu, expected %llu",
		       c->node->id, c->peer->id, why.field, why.found, why.expected);
	} else {
		note("node %u <- %u: %s position %llu", c->node->id, c->peer->id,
		     ditto_wire_type_name(h.type), h.position);
		if (message_execute(c, &h, m->bytes + DITTO_WIRE_HEADER, m))
			conn_fail(c, false, "receiving failed");
		if (lane != DITTO_LANE_CONTROL && !c->failed)
			applier_pump(c->node);
	}
	message_free(m);
}

bool conn_can_fail(const struct conn *c)
{
	return !c->failed && (c->session->broken || !link_up[c->node->id][other_id(c)] ||
			      !link_up[other_id(c)][c->node->id]);
}
