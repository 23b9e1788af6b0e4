/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What wire_peer does to the node under test: the cases, as tables.
 */
#ifndef DITTO_SELFTESTS_WIRE_CASE_H
#define DITTO_SELFTESTS_WIRE_CASE_H

#include "wire_message.h"

/* The node under test. */
#define AS_PRIMARY	(1u << 0)
#define AS_SECONDARY	(1u << 1)
#define AS_BOTH		(AS_PRIMARY | AS_SECONDARY)

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

#endif /* DITTO_SELFTESTS_WIRE_CASE_H */
