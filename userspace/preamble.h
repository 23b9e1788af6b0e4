/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What two daemons say to each other on a new TCP connection before they hand
 * it to their kernels: the dialler sends one struct preamble on each lane, the
 * acceptor answers with the same struct and a status once all lanes of a
 * cookie are there. Nothing follows from user space; the next byte is the
 * kernel's. Little endian, PREAMBLE_SIZE bytes:
 *
 *	 0  magic, "DITTOD\0\1"
 *	 8  u16 version, PREAMBLE_VERSION
 *	10  u8 lane: 0 control, 1 writes, 2 bulk, 3 none: a knock
 *	11  u8 security: 0 none
 *	12  u8 status, enum preamble_status; 0 from the dialler
 *	13  3 bytes 0
 *	16  resource UUID, 16 bytes
 *	32  u32 node id of the sender
 *	36  u32 node id of the receiver
 *	40  u64 session cookie, not 0
 *	48  12 bytes 0
 *	60  u32 CRC32C of all before
 *
 * A knock comes from the node that accepts (the higher id): it asks the other
 * to dial now rather than when its back-off has run out. It is answered at once.
 */
#ifndef DITTO_PREAMBLE_H
#define DITTO_PREAMBLE_H

#include <stdint.h>

#define PREAMBLE_SIZE		64
#define PREAMBLE_VERSION	1
#define PREAMBLE_KNOCK		3

#define PREAMBLE_SECURITY_NONE	0

enum preamble_status {
	PREAMBLE_REQUEST,		/* from the dialler */
	PREAMBLE_OK,
	PREAMBLE_UNKNOWN_RESOURCE,	/* not up there, or not with this node */
	PREAMBLE_NOT_WANTED,		/* disconnected there, or still connected */
	PREAMBLE_WRONG_NODE,		/* node ids or addresses do not fit */
	PREAMBLE_WRONG_VERSION,
	PREAMBLE_WRONG_SECURITY,
	__PREAMBLE_LAST
};

/**
 * struct preamble - in host order
 * @status: enum preamble_status
 */
struct preamble {
	uint16_t version;
	uint8_t lane;
	uint8_t security;
	uint8_t status;
	uint8_t uuid[16];
	uint32_t from;
	uint32_t to;
	uint64_t cookie;
};

/* @bytes: PREAMBLE_SIZE bytes. */
void preamble_encode(const struct preamble *preamble, uint8_t *bytes);

/**
 * preamble_decode() - check what a peer sent
 * @bytes: PREAMBLE_SIZE bytes, hostile
 *
 * Only the frame is checked: magic, checksum, zeroes, lane, cookie. @preamble
 * is written where the magic and the checksum are right.
 *
 * Return: NULL, or what is wrong.
 */
const char *preamble_decode(const uint8_t *bytes, struct preamble *preamble);

/* For people: why the other side refused. */
const char *preamble_status_text(uint8_t status);

#endif /* DITTO_PREAMBLE_H */
