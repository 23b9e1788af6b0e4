// SPDX-License-Identifier: GPL-2.0
#include "message.h"

#include <linux/slab.h>

#include "answer.h"
#include "applier.h"
#include "connection.h"
#include "device.h"
#include "limits.h"
#include "log.h"
#include "peer.h"
#include "reader.h"
#include "remote_read.h"
#include "request.h"
#include "resource.h"
#include "syncer.h"
#include "verify.h"

typedef int (*execute_fn)(struct ditto_connection *conn, const struct ditto_wire_header *header,
			  const u8 *payload);

static int protocol(struct ditto_connection *conn, const struct ditto_wire_header *header,
		    const char *what)
{
	ditto_connection_fail(conn, false, "%s at position %llu: %s",
			      ditto_wire_type_name(header->type), header->position, what);
	return -EPROTO;
}

static int complain(struct ditto_connection *conn, const struct ditto_wire_header *header,
		    const struct ditto_wire_complaint *why)
{
	ditto_connection_fail(conn, false, "%s: %s is %llu, expected %llu",
			      ditto_wire_type_name(header->type), why->field, why->found,
			      why->expected);
	return -EPROTO;
}

/* Refused for good: both ends must be looked at. */
static int check_hello(struct ditto_connection *conn, const struct ditto_wire_hello *hello)
{
	struct ditto_resource *res = conn->res;

	if (memcmp(hello->resource_uuid, res->uuid, sizeof(res->uuid)))
		ditto_connection_fail(conn, true, "peer serves another resource, %pUb",
				      hello->resource_uuid);
	else if (hello->from != conn->peer->node_id)
		ditto_connection_fail(conn, true, "peer says it is node %u, expected %u",
				      hello->from, conn->peer->node_id);
	else if (hello->to != res->node_id)
		ditto_connection_fail(conn, true, "peer takes this node for %u, it is %u",
				      hello->to, res->node_id);
	else if (hello->version_min > DITTO_WIRE_VERSION_MAX ||
		 hello->version_max < DITTO_WIRE_VERSION_MIN)
		ditto_connection_fail(conn, true, "peer speaks protocol %u to %u, this node %u to %u",
				      hello->version_min, hello->version_max,
				      DITTO_WIRE_VERSION_MIN, DITTO_WIRE_VERSION_MAX);
	else if (hello->data_bytes != res->device->bytes)
		ditto_connection_fail(conn, true, "peer has %llu bytes of data, this node %llu: both need disks of one size, or create-md --size",
				      hello->data_bytes, res->device->bytes);
	else if (hello->max_io < DITTO_WIRE_MAX_WRITE)
		ditto_connection_fail(conn, true, "peer takes writes of %u bytes, needed %u",
				      hello->max_io, DITTO_WIRE_MAX_WRITE);
	else
		return 0;
	return -EPROTO;
}

static void keep_state(struct ditto_peer *peer, const struct ditto_wire_state *state)
{
	spin_lock_irq(&peer->res->stream_lock);
	peer->state = *state;
	peer->state_valid = true;
	spin_unlock_irq(&peer->res->stream_lock);
}

static int do_hello(struct ditto_connection *conn, const struct ditto_wire_header *header,
		    const u8 *payload)
{
	struct ditto_wire_complaint why;
	int err;

	if (test_bit(DITTO_CONN_GREETED, &conn->flags))
		return protocol(conn, header, "said twice");
	if (ditto_wire_get_hello(payload, &conn->hello, &why))
		return complain(conn, header, &why);
	/* Where they do not match, the peer is to find out, too. */
	err = ditto_lane_send(&conn->lanes[DITTO_LANE_CONTROL]);
	if (err < 0)
		return err;
	err = check_hello(conn, &conn->hello);
	if (err)
		return err;
	keep_state(conn->peer, &conn->hello.state);
	if (ditto_limits_refuse(conn))
		return -EPROTO;
	set_bit(DITTO_CONN_GREETED, &conn->flags);
	ditto_peer_event(conn->peer, DITTO_PEER_HELLO);
	return 0;
}

static int do_state(struct ditto_connection *conn, const struct ditto_wire_header *header,
		    const u8 *payload)
{
	struct ditto_wire_complaint why;
	struct ditto_wire_state state;

	if (ditto_wire_get_state(payload, &state, &why))
		return complain(conn, header, &why);
	keep_state(conn->peer, &state);
	ditto_peer_event(conn->peer, DITTO_PEER_STATE);
	return 0;
}

static int do_ping(struct ditto_connection *conn, const struct ditto_wire_header *header,
		   const u8 *payload)
{
	ditto_connection_say(conn, DITTO_WIRE_PONG, header->position);
	return 0;
}

static int do_pong(struct ditto_connection *conn, const struct ditto_wire_header *header,
		   const u8 *payload)
{
	return 0;
}

static int do_bye(struct ditto_connection *conn, const struct ditto_wire_header *header,
		  const u8 *payload)
{
	switch (header->position) {
	case DITTO_BYE_DISCONNECT:
		ditto_connection_fail(conn, false, "disconnected by the peer's administrator");
		break;
	case DITTO_BYE_REFUSED:
		ditto_connection_fail(conn, true, "refused by the peer: see its status and log");
		break;
	case DITTO_BYE_DIVERGED:
		WRITE_ONCE(conn->peer->diverged, true);
		ditto_connection_fail(conn, true,
				      "histories have diverged: invalidate the copy to give up, then connect");
		break;
	case DITTO_BYE_DISK:
		ditto_connection_fail(conn, false, "the peer's disk has failed");
		break;
	case DITTO_BYE_DOWN:
		ditto_connection_fail(conn, false, "taken down at the peer");
		break;
	default:
		ditto_connection_fail(conn, false, "the peer ended the connection, reason %llu",
				      header->position);
	}
	return -ECONNRESET;
}

static int do_ack(struct ditto_connection *conn, const struct ditto_wire_header *header,
		  const u8 *payload)
{
	struct ditto_resource *res = conn->res;
	struct ditto_wire_complaint why;
	struct ditto_stream_out out;
	struct ditto_wire_ack ack;
	int err;

	if (ditto_wire_get_ack(payload, &ack, &why))
		return complain(conn, header, &why);
	if (!test_bit(DITTO_CONN_READY, &conn->flags)) {
		/* The last ones of a stream that a demotion has ended are late. */
		if (READ_ONCE(res->role) != DITTO_ROLE_PRIMARY)
			return 0;
		return protocol(conn, header, "before READY");
	}
	ditto_stream_out_init(&out);
	spin_lock_irq(&res->stream_lock);
	/* What has not left this node whole cannot have been received. */
	err = ack.received > max(conn->position,
				 res->stream.followers[conn->peer->node_id].from) ? -EPROTO :
	      ditto_stream_acked(&res->stream, conn->peer->node_id, ack.received, ack.written,
				 ack.durable, &out);
	if (unlikely(res->short_of_records))
		ditto_request_fold(res, &out);
	if (out.unfolded)
		ditto_account_unfold(&res->account, conn->peer->node_id);
	ditto_request_hold(res, &out);
	spin_unlock_irq(&res->stream_lock);
	ditto_request_dispatch(res, &out);
	if (wq_has_sleeper(&res->idle_wait))
		wake_up_all(&res->idle_wait);
	if (!err)
		err = ditto_syncer_acked(conn->peer, ack.extents_written, ack.extents_durable);
	if (err)
		return protocol(conn, header, "acknowledges what was not sent, or goes back");
	return 0;
}

static int do_ready(struct ditto_connection *conn, const struct ditto_wire_header *header,
		    const u8 *payload)
{
	if (!test_bit(DITTO_CONN_STREAMING, &conn->flags) ||
	    test_and_set_bit(DITTO_CONN_READY, &conn->flags))
		return protocol(conn, header, "without START");
	ditto_peer_event(conn->peer, DITTO_PEER_READY);
	return 0;
}

static int do_start(struct ditto_connection *conn, const struct ditto_wire_header *header,
		    const u8 *payload)
{
	struct ditto_wire_complaint why;

	if (ditto_wire_get_start(payload, &conn->start, &why))
		return complain(conn, header, &why);
	if (test_bit(DITTO_CONN_STREAMING, &conn->flags))
		return protocol(conn, header, "both ends began to send");
	/* Nothing of the stream before what START says is recorded. */
	WRITE_ONCE(conn->lanes[DITTO_LANE_WRITES].rx.parked, true);
	WRITE_ONCE(conn->lanes[DITTO_LANE_BULK].rx.parked, true);
	ditto_peer_event(conn->peer, DITTO_PEER_START);
	return 0;
}

/* The small payload of an entry. Return: 0, -EPROTO. */
static int get_word(struct ditto_connection *conn, const struct ditto_wire_header *header,
		    const u8 *payload, struct ditto_applier_word *word,
		    struct ditto_wire_complaint *why)
{
	switch (header->type) {
	case DITTO_WIRE_ROSTER:
	case DITTO_WIRE_JOIN:
		return ditto_wire_get_roster(payload, &word->roster, why);
	case DITTO_WIRE_ABSENT:
		return ditto_wire_get_absent(payload, &word->absent, why);
	case DITTO_WIRE_SET:
		return ditto_wire_get_set(payload, &word->absent, why);
	case DITTO_WIRE_BITS:
		return ditto_wire_get_bits(payload, header->length, conn->hello.data_bytes,
					   &word->bits, word->words, why);
	}
	return 0;
}

static int refuse_item(struct ditto_connection *conn, const struct ditto_wire_header *header,
		       int err)
{
	return err == -EAGAIN ? err : protocol(conn, header, "without START");
}

static int do_entry(struct ditto_connection *conn, const struct ditto_wire_header *header,
		    const u8 *payload, struct ditto_item *item)
{
	struct ditto_applier *app = &conn->res->applier;
	struct ditto_wire_complaint why;
	struct ditto_applier_word word;

	if (!item)
		item = ditto_applier_item(app, conn, header);
	if (IS_ERR(item))
		return refuse_item(conn, header, PTR_ERR(item));
	if (get_word(conn, header, payload, &word, &why)) {
		ditto_item_free(item);
		return complain(conn, header, &why);
	}
	item->roster = word.roster;
	/* The item is not ours any more once it is received. */
	if (ditto_applier_receive(app, item, header))
		return protocol(conn, header, "out of order");
	ditto_applier_account(app, header, &word);
	return 0;
}

static int do_extent_sums(struct ditto_connection *conn, const struct ditto_wire_header *header,
			  const u8 *payload)
{
	struct ditto_applier *app = &conn->res->applier;
	struct ditto_item *item = ditto_applier_item(app, conn, header);
	struct ditto_wire_complaint why;

	if (IS_ERR(item))
		return refuse_item(conn, header, PTR_ERR(item));
	if (ditto_wire_get_sums(payload, header->length, header->offset, header->size,
				item->sums, &why)) {
		ditto_item_free(item);
		return complain(conn, header, &why);
	}
	if (ditto_applier_receive(app, item, header))
		return protocol(conn, header, "out of order");
	ditto_applier_account(app, header, NULL);
	return 0;
}

static int do_extent_differs(struct ditto_connection *conn,
			     const struct ditto_wire_header *header, const u8 *payload)
{
	struct ditto_wire_complaint why;
	u32 differs;

	if (ditto_wire_get_differs(payload, &differs, &why))
		return complain(conn, header, &why);
	if (ditto_syncer_differs(conn->peer, header, differs))
		return protocol(conn, header, "of an extent that was not to be compared");
	return 0;
}

static int do_settled(struct ditto_connection *conn, const struct ditto_wire_header *header,
		      const u8 *payload)
{
	struct ditto_applier *app = &conn->res->applier;

	if (READ_ONCE(app->upstream) != conn)
		return protocol(conn, header, "without START");
	if (header->settled > app->core.received)
		return protocol(conn, header, "ahead of the stream");
	ditto_applier_account(app, header, NULL);
	return 0;
}

/* The target's own record of where it differs: the work list is the union (rule 4). */
static int do_bitmap(struct ditto_connection *conn, const struct ditto_wire_header *header,
		     const u8 *payload)
{
	struct ditto_peer *peer = conn->peer;
	u64 words[DITTO_WIRE_BITS_MOST / 64];
	struct ditto_wire_complaint why;
	struct ditto_wire_bits bits;

	if (!test_bit(DITTO_CONN_STREAMING, &conn->flags) ||
	    test_bit(DITTO_CONN_READY, &conn->flags))
		return protocol(conn, header, "not between START and READY");
	if (ditto_wire_get_bits(payload, header->length, conn->hello.data_bytes, &bits, words,
				&why))
		return complain(conn, header, &why);
	if (bits.node != peer->node_id)
		return protocol(conn, header, "of another node");
	spin_lock_irq(&peer->res->stream_lock);
	ditto_account_merge(&peer->bits, &bits, words, false, NULL, NULL);
	spin_unlock_irq(&peer->res->stream_lock);
	return 0;
}

static int do_verify_ask(struct ditto_connection *conn, const struct ditto_wire_header *header,
			 const u8 *payload)
{
	int err = ditto_verify_ask(conn, header);

	return err && err != -EAGAIN ? protocol(conn, header, "without START") : err;
}

static int do_verify_sums(struct ditto_connection *conn, const struct ditto_wire_header *header,
			  const u8 *payload)
{
	if (ditto_verify_sums(conn, header, payload))
		return protocol(conn, header, "nobody has asked");
	return 0;
}

static int do_read_ask(struct ditto_connection *conn, const struct ditto_wire_header *header,
		       const u8 *payload)
{
	ditto_reader_asked(conn, header->position);
	return 0;
}

static int do_read_at(struct ditto_connection *conn, const struct ditto_wire_header *header,
		      const u8 *payload)
{
	ditto_reader_answered(conn, header->position, header->overlap);
	return 0;
}

static int do_read(struct ditto_connection *conn, const struct ditto_wire_header *header,
		   const u8 *payload)
{
	int err = ditto_answer_begin(conn, header);

	return err && err != -EAGAIN ? protocol(conn, header, "too many at once") : err;
}

static int do_read_failed(struct ditto_connection *conn, const struct ditto_wire_header *header,
			  const u8 *payload)
{
	if (ditto_remote_read_failed(conn, header))
		return protocol(conn, header, "nobody has asked");
	return 0;
}

int ditto_message_execute(struct ditto_connection *conn, const struct ditto_wire_header *header,
			  const u8 *payload, struct ditto_item *item)
{
	static const execute_fn execute[DITTO_WIRE_TYPES] = {
		[DITTO_WIRE_HELLO]	= do_hello,
		[DITTO_WIRE_STATE]	= do_state,
		[DITTO_WIRE_PING]	= do_ping,
		[DITTO_WIRE_PONG]	= do_pong,
		[DITTO_WIRE_BYE]	= do_bye,
		[DITTO_WIRE_ACK]	= do_ack,
		[DITTO_WIRE_READY]	= do_ready,
		[DITTO_WIRE_READ_ASK]	= do_read_ask,
		[DITTO_WIRE_READ_AT]	= do_read_at,
		[DITTO_WIRE_START]	= do_start,
		[DITTO_WIRE_SETTLED]	= do_settled,
		[DITTO_WIRE_BITMAP]	= do_bitmap,
		[DITTO_WIRE_VERIFY_ASK]	= do_verify_ask,
		[DITTO_WIRE_VERIFY_SUMS] = do_verify_sums,
		[DITTO_WIRE_READ]	= do_read,
		[DITTO_WIRE_READ_FAILED] = do_read_failed,
		[DITTO_WIRE_EXTENT_SUMS] = do_extent_sums,
		[DITTO_WIRE_EXTENT_DIFFERS] = do_extent_differs,
	};

	if (header->type < DITTO_WIRE_TYPES && execute[header->type])
		return execute[header->type](conn, header, payload);
	return do_entry(conn, header, payload, item);
}
