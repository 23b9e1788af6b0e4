// SPDX-License-Identifier: GPL-2.0
/* Mirrors kmod/message.c. */
#include "node.h"

typedef int (*execute_fn)(struct conn *c, const struct ditto_wire_header *h, const u8 *payload,
			  const struct message *m);

static int protocol(struct conn *c, const struct ditto_wire_header *h, const char *what)
{
	char text[SIM_TEXT];

	snprintf(text, sizeof(text), "%s at position %llu: %s", ditto_wire_type_name(h->type),
		 h->position, what);
	conn_fail(c, false, text);
	return -EPROTO;
}

/* What a node of this simulator has encoded is sound. */
static int complain(struct conn *c, const struct ditto_wire_complaint *why)
{
	broken("G9", "node %u refuses a payload of %u: %s is %llu, expected %llu", c->node->id,
	       c->peer->id, why->field, why->found, why->expected);
	return -EPROTO;
}

static int do_hello(struct conn *c, const struct ditto_wire_header *h, const u8 *payload,
		    const struct message *m)
{
	struct ditto_wire_complaint why;

	(void)m;
	if (c->greeted)
		return protocol(c, h, "said twice");
	if (ditto_wire_get_hello(payload, &c->hello, &why))
		return complain(c, &why);
	c->peer->state = c->hello.state;
	c->peer->state_valid = true;
	c->greeted = true;
	peer_event(c->peer, PEER_HELLO);
	return 0;
}

static int do_state(struct conn *c, const struct ditto_wire_header *h, const u8 *payload,
		    const struct message *m)
{
	struct ditto_wire_complaint why;
	struct ditto_wire_state state;

	(void)h;
	(void)m;
	if (ditto_wire_get_state(payload, &state, &why))
		return complain(c, &why);
	c->peer->state = state;
	c->peer->state_valid = true;
	peer_event(c->peer, PEER_STATE);
	return 0;
}

static int do_bye(struct conn *c, const struct ditto_wire_header *h, const u8 *payload,
		  const struct message *m)
{
	(void)payload;
	(void)m;
	conn_fail(c, h->position == DITTO_BYE_REFUSED || h->position == DITTO_BYE_DIVERGED,
		  "the peer says goodbye");
	return -ECONNRESET;
}

static int do_ack(struct conn *c, const struct ditto_wire_header *h, const u8 *payload,
		  const struct message *m)
{
	struct node *n = c->node;
	struct ditto_wire_complaint why;
	struct ditto_stream_out out;
	struct ditto_wire_ack ack;
	int err;

	(void)m;
	if (ditto_wire_get_ack(payload, &ack, &why))
		return complain(c, &why);
	if (!c->ready) {
		if (!n->primary)
			return 0;
		return protocol(c, h, "before READY");
	}
	ditto_stream_out_init(&out);
	err = ack.received > max(c->position, n->stream.followers[c->peer->id].from) ? -EPROTO :
	      ditto_stream_acked(&n->stream, c->peer->id, ack.received, ack.written,
				 ack.durable, &out);
	if (out.unfolded)
		ditto_account_unfold(&n->account, c->peer->id);
	note("node %u: %u has received %llu written %llu durable %llu extents %llu %llu", n->id,
	     c->peer->id, ack.received, ack.written, ack.durable, ack.extents_written,
	     ack.extents_durable);
	request_dispatch(n, &out);
	if (!err)
		err = syncer_acked(c->peer, ack.extents_written, ack.extents_durable);
	if (err)
		return protocol(c, h, "acknowledges what was not sent, or goes back");
	return 0;
}

static int do_ready(struct conn *c, const struct ditto_wire_header *h, const u8 *payload,
		    const struct message *m)
{
	(void)payload;
	(void)m;
	if (!c->streaming || c->ready)
		return protocol(c, h, "without START");
	c->ready = true;
	peer_event(c->peer, PEER_READY);
	return 0;
}

static int do_start(struct conn *c, const struct ditto_wire_header *h, const u8 *payload,
		    const struct message *m)
{
	struct ditto_wire_complaint why;

	if (ditto_wire_get_start(payload, &c->start, &why))
		return complain(c, &why);
	c->start_timeline = m->timeline;
	if (c->streaming)
		return protocol(c, h, "both ends began to send");
	c->parked[DITTO_LANE_WRITES] = true;
	c->parked[DITTO_LANE_BULK] = true;
	peer_event(c->peer, PEER_START);
	return 0;
}

/* The small payload of an entry. Return: 0, -EPROTO. */
static int get_word(const struct ditto_wire_header *h, const u8 *payload, struct word *word,
		    struct ditto_wire_complaint *why)
{
	switch (h->type) {
	case DITTO_WIRE_ROSTER:
	case DITTO_WIRE_JOIN:
		return ditto_wire_get_roster(payload, &word->roster, why);
	case DITTO_WIRE_ABSENT:
		return ditto_wire_get_absent(payload, &word->absent, why);
	case DITTO_WIRE_SET:
		return ditto_wire_get_set(payload, &word->absent, why);
	case DITTO_WIRE_BITS:
		return ditto_wire_get_bits(payload, h->length, SIM_BYTES, &word->bits,
					   word->words, why);
	case DITTO_WIRE_EXTENT_SUMS:
		return ditto_wire_get_sums(payload, h->length, h->offset, h->size, &word->sums,
					   why);
	}
	return 0;
}

static int do_settled(struct conn *c, const struct ditto_wire_header *h, const u8 *payload,
		      const struct message *m)
{
	(void)payload;
	(void)m;
	if (c->node->upstream != c)
		return protocol(c, h, "without START");
	if (h->settled > c->node->apply.received)
		broken("G9", "node %u: SETTLED is ahead of the stream", c->node->id);
	applier_account(c->node, h, NULL);
	return 0;
}

/* The target's own record of where it differs: the work list is the union (rule 4). */
static int do_bitmap(struct conn *c, const struct ditto_wire_header *h, const u8 *payload,
		     const struct message *m)
{
	u64 words[DITTO_WIRE_BITS_MOST / 64];
	struct ditto_wire_complaint why;
	struct ditto_wire_bits bits;

	(void)m;
	if (!c->streaming || c->ready)
		return protocol(c, h, "not between START and READY");
	if (ditto_wire_get_bits(payload, h->length, SIM_BYTES, &bits, words, &why))
		return complain(c, &why);
	ditto_account_merge(&c->peer->bits, &bits, words, false, NULL, NULL);
	note("node %u: with what %u tells there are %llu bits", c->node->id, c->peer->id,
	     c->peer->bits.set);
	return 0;
}

static int do_extent_differs(struct conn *c, const struct ditto_wire_header *h, const u8 *payload,
			     const struct message *m)
{
	struct ditto_wire_complaint why;
	u32 differs;

	(void)m;
	if (ditto_wire_get_differs(payload, &differs, &why))
		return complain(c, &why);
	if (syncer_differs(c->peer, h, differs))
		broken("G9", "node %u: %u speaks of extent %llu, which was not to be compared",
		       c->node->id, c->peer->id, h->epoch);
	return 0;
}

static int do_entry(struct conn *c, const struct ditto_wire_header *h, const u8 *payload,
		    const struct message *m)
{
	struct ditto_wire_complaint why;
	struct word word;

	if (c->node->upstream != c)
		return protocol(c, h, "without START");
	memset(&word.roster, 0, sizeof(word.roster));
	if (get_word(h, payload, &word, &why))
		return complain(c, &why);
	if (applier_receive(c->node, h, m->data, &word)) {
		/* A peer that is not hostile sends nothing out of order. */
		broken("G4", "node %u: %s at %llu of %u is out of order", c->node->id,
		       ditto_wire_type_name(h->type), h->position, c->peer->id);
		return -EPROTO;
	}
	applier_account(c->node, h, &word);
	return 0;
}

int message_execute(struct conn *c, const struct ditto_wire_header *h, const u8 *payload,
		    const struct message *m)
{
	static const execute_fn execute[DITTO_WIRE_TYPES] = {
		[DITTO_WIRE_HELLO]	= do_hello,
		[DITTO_WIRE_STATE]	= do_state,
		[DITTO_WIRE_BYE]	= do_bye,
		[DITTO_WIRE_ACK]	= do_ack,
		[DITTO_WIRE_READY]	= do_ready,
		[DITTO_WIRE_START]	= do_start,
		[DITTO_WIRE_SETTLED]	= do_settled,
		[DITTO_WIRE_BITMAP]	= do_bitmap,
		[DITTO_WIRE_EXTENT_DIFFERS] = do_extent_differs,
	};

	if (execute[h->type])
		return execute[h->type](c, h, payload, m);
	return do_entry(c, h, payload, m);
}
