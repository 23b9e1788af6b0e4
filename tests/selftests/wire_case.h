/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What wire_peer does to the node under test: the cases, as tables.
 */
#ifndef DITTO_SELFTESTS_WIRE_CASE_H
#define DITTO_SELFTESTS_WIRE_CASE_H

#include "fake_peer.h"

/* The node under test. */
#define AS_PRIMARY	(1u << 0)
#define AS_SECONDARY	(1u << 1)
#define AS_BOTH		(AS_PRIMARY | AS_SECONDARY)

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

/**
 * struct wire_case - one rule broken
 * @commit: does it; false where it could not be done
 * @value: for @commit
 * @reason: part of the reason in status afterwards; NULL where nothing is
 *	wrong and the connection has to live
 * @final: the connection is StandAlone afterwards, else Connecting
 * @silent: no messages are answered afterwards: only time ends the connection
 */
struct wire_case {
	const char *name;
	u32 roles;
	enum wire_stage stage;
	bool (*commit)(struct wire_test *test, const struct wire_case *c);
	u64 value;
	const char *reason;
	bool final;
	bool silent;
};

extern const struct wire_case wire_cases[];
extern const unsigned int wire_case_count;

#define PAYLOAD_ROOM	(4u << 20)
extern u8 wire_payload[PAYLOAD_ROOM];

/**
 * wire_message() - a sound message of this type, as the state of the test asks
 * @h: filled in, lane included, but not sealed
 *
 * Return: bytes of payload, which lie in wire_payload.
 */
u32 wire_message(struct wire_test *test, u8 type, struct ditto_wire_header *h);

/* Bring a connection to this stage. Return: NULL or what failed. */
const char *wire_reach(struct wire_test *test, enum wire_stage stage);

/* Compute a header's checksum anew, after its bytes were changed. */
void wire_mend(u8 *head);

#endif /* DITTO_SELFTESTS_WIRE_CASE_H */
