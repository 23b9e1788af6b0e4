// SPDX-License-Identifier: GPL-2.0
/*
 * A lane's way out: take what is to be sent next, make its header, send header
 * and small payload in one call and pages without copying them.
 */
#include <linux/bio.h>
#include <linux/sched/mm.h>
#include <net/sock.h>

#include "answer.h"
#include "compat.h"
#include "connection.h"
#include "payload.h"
#include "peer.h"
#include "request.h"
#include "resource.h"
#include "syncer.h"
#include "trace.h"

/*
 * Messages of one lane before the others have their turn: few of those that
 * nobody waits for.
 */
static const int budgets[DITTO_LANES] = {
	[DITTO_LANE_CONTROL]	= 32,
	[DITTO_LANE_WRITES]	= 16,
	[DITTO_LANE_BULK]	= 1,
};

/* Pages of one call of the socket, which others wait for meanwhile. */
#define SEND_PAGES	64u

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

/* @header's payload is @small bytes behind the header, then @data. */
static void load(struct ditto_lane *lane, struct ditto_wire_header *header, u32 small,
		 struct bio *data)
{
	struct ditto_lane_tx *tx = &lane->tx;

	header->lane = lane->id;
	header->cookie = lane->conn->cookie;
	header->sequence = tx->sequence++;
	header->length = small;
	if (data) {
		header->length = ditto_payload_bytes(data);
		if (READ_ONCE(lane->conn->res->options.payload_crc)) {
			header->flags |= DITTO_WIREF_CRC;
			header->payload_crc = ditto_payload_crc(data);
		}
	}
	ditto_wire_encode(header, tx->head);
	tx->length = DITTO_WIRE_HEADER + small;
	tx->sent = 0;
	tx->data = data;
	tx->vec = 0;
	tx->vec_sent = 0;
	tx->more = false;
	trace_ditto_send(lane->conn, header);
}

static bool load_message(struct ditto_lane *lane)
{
	struct ditto_wire_header header;

	if (list_empty_careful(&lane->queue) ||
	    !ditto_connection_take(lane->conn, lane->id, &header,
				   lane->tx.head + DITTO_WIRE_HEADER))
		return false;
	load(lane, &header, header.length, NULL);
	return true;
}

static bool load_ack(struct ditto_lane *lane)
{
	struct ditto_wire_header header = { .type = DITTO_WIRE_ACK };
	struct ditto_wire_ack ack;

	if (!test_and_clear_bit(DITTO_CONN_ACK, &lane->conn->flags) ||
	    !ditto_applier_ack(&lane->conn->res->applier, lane->conn, &ack))
		return false;
	ditto_wire_put_ack(&ack, lane->tx.head + DITTO_WIRE_HEADER);
	load(lane, &header, DITTO_WIRE_ACK_BYTES, NULL);
	return true;
}

/* The next request for this follower, with a reference. */
static struct ditto_request *next_request(struct ditto_connection *conn)
{
	struct ditto_resource *res = conn->res;
	struct ditto_request *req = NULL;
	struct ditto_entry *e;

	if (!test_bit(DITTO_CONN_STREAMING, &conn->flags))
		return NULL;
	spin_lock_irq(&res->stream_lock);
	e = ditto_stream_next(&res->stream, conn->peer->node_id, NULL);
	if (e) {
		req = ditto_request_of(e);
		refcount_inc(&req->ref);
	}
	spin_unlock_irq(&res->stream_lock);
	return req;
}

/* What an entry is for this peer: what concerns only the one that joins is less for others. */
static u8 entry_type(const struct ditto_request *req, const struct ditto_peer *peer)
{
	if (req->joins != peer->node_id && req->entry.kind == DITTO_ENTRY_JOIN)
		return DITTO_WIRE_ROSTER;
	if (req->joins != peer->node_id && req->entry.kind == DITTO_ENTRY_BITS)
		return DITTO_WIRE_FLUSH;
	return entry_types[req->entry.kind];
}

/* The small payload of an entry. Return: its bytes. */
static u32 put_payload(const struct ditto_request *req, u8 type, void *buf)
{
	switch (type) {
	case DITTO_WIRE_ROSTER:
	case DITTO_WIRE_JOIN:
		ditto_wire_put_roster(&req->roster, buf);
		return DITTO_WIRE_ROSTER_BYTES;
	case DITTO_WIRE_ABSENT:
	case DITTO_WIRE_SET:
		ditto_wire_put_absent(&req->absent, buf);
		return DITTO_WIRE_ABSENT_BYTES;
	case DITTO_WIRE_BITS:
		memcpy(buf, req->bits, req->bits_length);
		return req->bits_length;
	}
	return 0;
}

static bool load_entry(struct ditto_lane *lane)
{
	struct ditto_request *req = next_request(lane->conn);
	struct ditto_wire_header header = {};
	struct ditto_entry *e;
	u32 small;

	if (!req)
		return false;
	e = &req->entry;
	header.type = entry_type(req, lane->conn->peer);
	header.flags = (e->flags & DITTO_ENTRYF_DURABLE ? DITTO_WIREF_DURABLE : 0) |
		       (e->flags & DITTO_ENTRYF_GUARD ? DITTO_WIREF_GUARD : 0);
	header.position = e->position;
	header.epoch = e->epoch;
	header.overlap = e->overlap;
	header.settled = e->settled;
	switch (e->kind) {
	case DITTO_ENTRY_WRITE:
	case DITTO_ENTRY_DISCARD:
	case DITTO_ENTRY_ZEROES:
		header.followers = e->followers;
		if (!(e->flags & DITTO_ENTRYF_NOT_HERE))
			header.followers |= BIT(lane->conn->res->node_id);
		fallthrough;
	case DITTO_ENTRY_SET:
		header.offset = e->range.start;
		header.size = e->range.last - e->range.start + 1;
	}
	small = put_payload(req, header.type, lane->tx.head + DITTO_WIRE_HEADER);
	load(lane, &header, small, e->kind == DITTO_ENTRY_WRITE ? req->local : NULL);
	lane->tx.settled = max(lane->tx.settled, e->settled);
	lane->tx.request = req;
	/* The next one follows in this run: let them share packets. */
	lane->tx.more = READ_ONCE(lane->conn->res->stream.position) > e->position;
	return true;
}

/*
 * Nothing is left to send: tell what has been settled meanwhile, now and then.
 * The next entry says it anyway; the timer of the connection sees to it that
 * there is a next time.
 */
static bool load_settled(struct ditto_lane *lane)
{
	struct ditto_resource *res = lane->conn->res;
	struct ditto_wire_header header = { .type = DITTO_WIRE_SETTLED };
	struct ditto_lane_tx *tx = &lane->tx;
	const struct ditto_follower *f;
	bool due;

	if (!test_bit(DITTO_CONN_READY, &lane->conn->flags) ||
	    READ_ONCE(res->stream.position) == tx->settled ||
	    time_before(jiffies, tx->settled_at + HZ / 2))
		return false;
	spin_lock_irq(&res->stream_lock);
	f = &res->stream.followers[lane->conn->peer->node_id];
	header.settled = ditto_stream_settled(&res->stream);
	due = f->active && f->sent == res->stream.position && header.settled > tx->settled;
	spin_unlock_irq(&res->stream_lock);
	if (!due)
		return false;
	load(lane, &header, 0, NULL);
	tx->settled = header.settled;
	tx->settled_at = jiffies;
	return true;
}

static bool load_extent(struct ditto_lane *lane)
{
	struct ditto_wire_header header = {};
	struct ditto_extent_io *io;
	u32 small;

	io = ditto_syncer_next(lane->conn, &header, lane->tx.head + DITTO_WIRE_HEADER, &small);
	if (!io)
		return false;
	load(lane, &header, small, header.type == DITTO_WIRE_EXTENT ? ditto_syncer_data(io) : NULL);
	lane->tx.extent = io;
	return true;
}

static bool load_answer(struct ditto_lane *lane)
{
	struct ditto_wire_header header = {};
	struct ditto_answer *answer = ditto_answer_next(lane->conn, &header);

	if (!answer)
		return false;
	load(lane, &header, 0,
	     header.type == DITTO_WIRE_READ_DATA ? ditto_answer_data(answer) : NULL);
	lane->tx.answer = answer;
	return true;
}

static bool fill(struct ditto_lane *lane)
{
	if (load_message(lane))
		return true;
	switch (lane->id) {
	case DITTO_LANE_CONTROL:
		return load_ack(lane);
	case DITTO_LANE_WRITES:
		return load_entry(lane) || load_settled(lane);
	default:
		return load_answer(lane) || load_extent(lane);
	}
}

static int send_head(struct ditto_lane *lane)
{
	struct ditto_lane_tx *tx = &lane->tx;
	struct msghdr msg = { .msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL };
	struct kvec vec;
	int ret;

	if (tx->data || tx->more)
		msg.msg_flags |= MSG_MORE;
	while (tx->sent < tx->length) {
		vec.iov_base = tx->head + tx->sent;
		vec.iov_len = tx->length - tx->sent;
		ret = kernel_sendmsg(lane->sock, &msg, &vec, 1, vec.iov_len);
		if (ret <= 0)
			return ret ? ret : -EAGAIN;
		tx->sent += ret;
	}
	return 0;
}

static int send_data(struct ditto_lane *lane)
{
	struct ditto_lane_tx *tx = &lane->tx;
	const struct bio_vec *bv;
	u32 left, count;
	int flags, ret;

	while (tx->data && tx->vec < tx->data->bi_vcnt) {
		bv = &tx->data->bi_io_vec[tx->vec];
		left = tx->data->bi_vcnt - tx->vec;
		count = min(left, SEND_PAGES);
		flags = MSG_DONTWAIT | MSG_NOSIGNAL;
		if (tx->more || count < left)
			flags |= MSG_MORE;
		ret = ditto_sock_send_pages(lane->sock, bv, count, tx->vec_sent, flags);
		if (ret <= 0)
			return ret ? ret : -EAGAIN;
		tx->vec_sent += ret;
		while (left && tx->vec_sent >= bv->bv_len) {
			tx->vec_sent -= bv->bv_len;
			tx->vec++;
			bv++;
			left--;
		}
	}
	return 0;
}

static void finish(struct ditto_lane *lane)
{
	struct ditto_lane_tx *tx = &lane->tx;
	u64 bytes = tx->length + (tx->data ? ditto_payload_bytes(tx->data) : 0);

	WRITE_ONCE(lane->conn->peer->bytes_sent, lane->conn->peer->bytes_sent + bytes);
	if (tx->request) {
		lane->conn->position = tx->request->entry.position;
		ditto_request_put(tx->request);
	}
	if (tx->extent)
		ditto_syncer_sent(tx->extent);
	if (tx->answer)
		ditto_answer_sent(lane->conn, tx->answer);
	tx->length = 0;
	tx->data = NULL;
	tx->request = NULL;
	tx->extent = NULL;
	tx->answer = NULL;
}

int ditto_lane_send(struct ditto_lane *lane)
{
	unsigned int noreclaim;
	int moved, err;

	for (moved = 0; moved < budgets[lane->id]; moved++) {
		if (!lane->tx.length && !fill(lane))
			break;
		noreclaim = memalloc_noreclaim_save();
		err = send_head(lane);
		if (!err)
			err = send_data(lane);
		memalloc_noreclaim_restore(noreclaim);
		if (err == -EAGAIN)
			break;
		if (err)
			return err;
		finish(lane);
	}
	return moved;
}

void ditto_lane_send_abort(struct ditto_lane *lane)
{
	if (lane->tx.extent)
		ditto_syncer_sent(lane->tx.extent);
	if (lane->tx.answer)
		ditto_answer_sent(lane->conn, lane->tx.answer);
	if (lane->tx.request)
		ditto_request_put(lane->tx.request);
	memset(&lane->tx, 0, sizeof(lane->tx));
}
