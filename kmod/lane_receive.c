// SPDX-License-Identifier: GPL-2.0
/*
 * A lane's way in: collect a header, check it, give its payload a place,
 * collect that, and have the message executed.
 */
#include <linux/sched/mm.h>
#include <net/sock.h>
#include <uapi/linux/tls.h>

#include "applier.h"
#include "compat.h"
#include "connection.h"
#include "device.h"
#include "message.h"
#include "payload.h"
#include "peer.h"
#include "remote_read.h"
#include "resource.h"
#include "trace.h"

/*
 * Messages of one lane before the others have their turn: few of those that
 * nobody waits for.
 */
static const int budgets[DITTO_LANES] = {
	[DITTO_LANE_CONTROL]	= 32,
	[DITTO_LANE_WRITES]	= 32,
	[DITTO_LANE_BULK]	= 1,
};

/* Bytes received, 0 at the end of the connection, or a negative errno. */
static int receive(struct ditto_lane *lane, struct iov_iter *iter)
{
	union {
		struct cmsghdr header;
		u8 room[CMSG_SPACE(sizeof(u8))];
	} control = {};
	struct msghdr msg = {
		.msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
		.msg_iter = *iter,
	};
	unsigned int noreclaim = memalloc_noreclaim_save();
	int ret = sock_recvmsg(lane->sock, &msg, msg.msg_flags);

	memalloc_noreclaim_restore(noreclaim);
	/* TLS says here what kind of record it was: only data is ours. */
	if (ret > 0 && msg.msg_controllen != sizeof(control) &&
	    control.header.cmsg_level == SOL_TLS &&
	    control.header.cmsg_type == TLS_GET_RECORD_TYPE &&
	    *(u8 *)CMSG_DATA(&control.header) != TLS_RECORD_TYPE_DATA)
		return -EBADMSG;
	if (ret > 0) {
		*iter = msg.msg_iter;
		WRITE_ONCE(lane->conn->heard, jiffies);
		WRITE_ONCE(lane->conn->peer->bytes_received,
			   lane->conn->peer->bytes_received + ret);
	}
	return ret;
}

static int refuse(struct ditto_lane *lane, const char *what,
		  const struct ditto_wire_complaint *why)
{
	ditto_connection_fail(lane->conn, false, "%s: %s is %llu, expected %llu", what,
			      why->field, why->found, why->expected);
	return -EPROTO;
}

static int accept_header(struct ditto_lane *lane)
{
	struct ditto_connection *conn = lane->conn;
	struct ditto_lane_rx *rx = &lane->rx;
	struct ditto_wire_context ctx = {
		.lane = lane->id,
		.cookie = conn->cookie,
		.sequence = rx->sequence,
		.block = conn->block,
		.data_bytes = test_bit(DITTO_CONN_GREETED, &conn->flags) ?
			conn->hello.data_bytes : 0,
	};
	struct ditto_wire_complaint why;

	if (ditto_wire_decode(rx->head, &ctx, &rx->header, &why))
		return refuse(lane, "bad message header", &why);
	rx->sequence++;
	rx->have = 0;
	rx->in_payload = true;
	rx->placed = false;
	rx->left = rx->header.length;
	trace_ditto_receive(conn, &rx->header);
	return 0;
}

/* Where does the payload go? Return: 0, -EAGAIN where there is no memory now, -EPROTO. */
static int place_payload(struct ditto_lane *lane)
{
	struct ditto_connection *conn = lane->conn;
	struct ditto_lane_rx *rx = &lane->rx;

	if (rx->header.type == DITTO_WIRE_WRITE || rx->header.type == DITTO_WIRE_EXTENT) {
		struct ditto_item *item = ditto_applier_item(&conn->res->applier, conn,
							     &rx->header);

		if (IS_ERR(item))
			return PTR_ERR(item);
		rx->item = item;
		rx->data = item->bio;
	} else if (rx->header.type == DITTO_WIRE_READ_DATA) {
		struct bio *data = ditto_remote_read_room(conn, &rx->header);

		if (IS_ERR(data))
			return PTR_ERR(data);
		rx->data = data;
	}
	rx->placed = true;
	if (rx->data) {
		iov_iter_bvec(&rx->iter, ITER_DEST, rx->data->bi_io_vec, rx->data->bi_vcnt,
			      rx->left);
	} else {
		rx->vec.iov_base = rx->small;
		rx->vec.iov_len = rx->left;
		iov_iter_kvec(&rx->iter, ITER_DEST, &rx->vec, 1, rx->left);
	}
	return 0;
}

static int check_payload(struct ditto_lane *lane)
{
	struct ditto_lane_rx *rx = &lane->rx;
	u32 crc;

	if (!(rx->header.flags & DITTO_WIREF_CRC))
		return 0;
	crc = rx->data ? ditto_payload_crc(rx->data) :
	      ~ditto_crc32c(~0u, rx->small, rx->header.length);
	if (crc == rx->header.payload_crc)
		return 0;
	ditto_connection_fail(lane->conn, false, "%s at %llu: payload checksum %08x, expected %08x",
			      ditto_wire_type_name(rx->header.type), rx->header.offset, crc,
			      rx->header.payload_crc);
	return -EPROTO;
}

static int refuse_payload(struct ditto_lane *lane)
{
	const struct ditto_wire_header *header = &lane->rx.header;

	if (header->type == DITTO_WIRE_READ_DATA)
		ditto_connection_fail(lane->conn, false, "READ_DATA: nobody has asked");
	else
		ditto_connection_fail(lane->conn, false, "%s without START",
				      ditto_wire_type_name(header->type));
	return -EPROTO;
}

/*
 * There is no memory now. The lane looks again before long; nothing waits meanwhile:
 * what is received on the others may be what gives memory back.
 */
static int try_later(struct ditto_lane *lane)
{
	ditto_connection_kick_later(lane->conn);
	return -EAGAIN;
}

/* Return: 1 when it is complete, 0 when a part has come, or an errno. */
static int receive_header(struct ditto_lane *lane)
{
	struct ditto_lane_rx *rx = &lane->rx;
	struct kvec vec = { rx->head + rx->have, sizeof(rx->head) - rx->have };
	struct iov_iter iter;
	int ret;

	iov_iter_kvec(&iter, ITER_DEST, &vec, 1, vec.iov_len);
	ret = receive(lane, &iter);
	if (ret <= 0)
		return ret ? ret : -ECONNRESET;
	rx->have += ret;
	if (rx->have < sizeof(rx->head))
		return 0;
	ret = accept_header(lane);
	return ret ? ret : 1;
}

/* All of a message is there. Return: 0 or an errno; -EAGAIN: it is still to be done. */
static int execute(struct ditto_lane *lane)
{
	struct ditto_lane_rx *rx = &lane->rx;
	struct ditto_item *item = rx->item;
	struct bio *data = rx->data;
	int ret;

	rx->item = NULL;
	rx->data = NULL;
	if (rx->header.type == DITTO_WIRE_READ_DATA)
		ret = ditto_remote_read_data(lane->conn, &rx->header, data);
	else
		ret = ditto_message_execute(lane->conn, &rx->header, rx->small, item);
	if (ret != -EAGAIN)
		rx->in_payload = false;
	return ret;
}

/* Return: 1 when a message is complete, 0 when a part has come, or an errno. */
static int receive_part(struct ditto_lane *lane)
{
	struct ditto_lane_rx *rx = &lane->rx;
	int ret;

	if (!rx->in_payload) {
		ret = receive_header(lane);
		if (ret <= 0)
			return ret;
	}
	if (!rx->placed) {
		ret = place_payload(lane);
		if (ret == -EAGAIN)
			return try_later(lane);
		if (ret)
			return refuse_payload(lane);
	}
	while (rx->left) {
		ret = receive(lane, &rx->iter);
		if (ret <= 0)
			return ret ? ret : -ECONNRESET;
		rx->left -= ret;
	}
	ret = check_payload(lane);
	if (ret)
		return ret;
	ret = execute(lane);
	if (ret == -EAGAIN)
		return try_later(lane);
	return ret ? ret : 1;
}

int ditto_lane_receive(struct ditto_lane *lane)
{
	int moved = 0;
	int ret = 0;

	while (moved < budgets[lane->id] && !READ_ONCE(lane->rx.parked) &&
	       READ_ONCE(lane->queued) < DITTO_MESSAGES_MOST &&
	       !test_bit(DITTO_CONN_FAILED, &lane->conn->flags)) {
		ret = receive_part(lane);
		if (ret < 0)
			break;
		moved += ret;
	}
	if (moved && lane->id != DITTO_LANE_CONTROL)
		ditto_applier_pump(&lane->conn->res->applier);
	return ret < 0 && ret != -EAGAIN ? ret : moved;
}

void ditto_lane_receive_abort(struct ditto_lane *lane)
{
	if (lane->rx.item)
		ditto_item_free(lane->rx.item);
	else if (lane->rx.data)
		ditto_payload_free(lane->rx.data);
	lane->rx.item = NULL;
	lane->rx.data = NULL;
}
