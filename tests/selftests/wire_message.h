/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sound messages to the node under test, and connections that have come so far.
 */
#ifndef DITTO_SELFTESTS_WIRE_MESSAGE_H
#define DITTO_SELFTESTS_WIRE_MESSAGE_H

#include "fake_peer.h"

/* Where the header's fields are, on the wire. */
#define AT_MAGIC	0
#define AT_CRC		4
#define AT_TYPE		8
#define AT_LANE		9
#define AT_RESERVED	82

/* How far the connection has come when the rule is broken. */
enum wire_stage {
	STAGE_SOCKETS,		/* its HELLO has come, ours is not sent */
	STAGE_CONNECTED,	/* Connected; a Primary has sent START, unanswered */
	STAGE_STREAM,		/* START and READY have been said */
	STAGE_MEMBER,		/* resynced and a member (Primary under test) */
};

/**
 * struct wire_test - a program's run
 * @primary: the node under test is Primary
 * @timeout_ms: its option
 * @sent: position of the newest entry sent to a Secondary
 * @extent: number of the newest extent sent
 */
struct wire_test {
	struct fake fake;
	bool primary;
	unsigned int timeout_ms;
	u64 sent;
	u64 extent;
};

#define PAYLOAD_ROOM	(4u << 20)
extern u8 wire_payload[PAYLOAD_ROOM];

/**
 * wire_message() - a sound message of this type, as the state of the test asks
 * @h: filled in, lane included, but not sealed
 *
 * Return: bytes of payload, which lie in wire_payload.
 */
u32 wire_message(struct wire_test *test, u8 type, struct ditto_wire_header *h);

/* Send it. Return: false where it could not be. */
bool wire_send(struct wire_test *test, u8 type);

/* What we say of our own disk. */
void wire_state(const struct wire_test *test, struct ditto_wire_state *state);

/* Bring a connection to this stage. Return: NULL or what failed. */
const char *wire_reach(struct wire_test *test, enum wire_stage stage);

/* Compute a header's checksum anew, after its bytes were changed. */
void wire_mend(u8 *head);

#endif /* DITTO_SELFTESTS_WIRE_MESSAGE_H */
