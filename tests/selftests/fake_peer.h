/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One end of a connection in user space: three sockets over loopback, whose
 * other ends a resource of this network namespace has been given, and the
 * protocol of kmod/core/wire.h spoken over them by its own encoder.
 */
#ifndef DITTO_SELFTESTS_FAKE_PEER_H
#define DITTO_SELFTESTS_FAKE_PEER_H

#include <stdbool.h>

#include "genl.h"
#include "wire.h"

#define FAKE_BUFFER	(2u * DITTO_WIRE_MAX_EXTENT)
#define FAKE_GENERATION	0x1234567812345678ull

/* What is read from one socket and not yet understood. */
struct fake_lane {
	int fd;
	u32 tx_sequence;
	u32 rx_sequence;
	u32 have;
	u8 *buf;
};

/**
 * struct fake - a peer that does not exist
 * @resource: name of the one under test
 * @own: node id that the peer plays
 * @other: node id under test
 * @hello: what the node under test has said
 * @greeted: it has said it
 * @start: what it has started with, as a Primary
 * @started: it has
 * @ready: its READY has come
 * @position: of the newest entry received
 * @extent: number of the newest extent received
 * @ack: what it has acknowledged
 * @mute: acknowledge nothing
 * @joined: a JOIN with this node in it has come
 * @bye: reason of its BYE, or 0
 * @closed: it has closed a socket
 * @digesting: its messages are being taken: not again from within
 * @bad: it has said something that the decoder refuses
 */
struct fake {
	struct genl *genl;
	const char *resource;
	u32 own;
	u32 other;
	u64 cookie;
	struct fake_lane lanes[DITTO_LANES];
	struct ditto_wire_hello hello;
	bool greeted;
	struct ditto_wire_start start;
	bool started;
	bool ready;
	u64 position;
	u64 extent;
	struct ditto_wire_ack ack;
	bool mute;
	bool joined;
	u32 bye;
	bool closed;
	bool digesting;
	const char *bad;
};

/* Take the place of @fake->own: from StandAlone to Handshake. Return: 0 or a negative errno. */
int fake_open(struct fake *fake);
void fake_close(struct fake *fake);

/* A HELLO that the node under test accepts, as of a copy that never held data. */
void fake_hello(const struct fake *fake, struct ditto_wire_hello *hello);

/* Bytes as they are. Return: all of them went out. */
bool fake_write(struct fake *fake, u8 lane, const void *data, size_t len);

/**
 * fake_seal() - fill in what every message has
 * @h: type and what belongs to it; lane, cookie, sequence, length and the
 *	payload's checksum, where DITTO_WIREF_CRC asks for it, are filled in
 */
void fake_seal(struct fake *fake, u8 lane, struct ditto_wire_header *h, const void *payload,
	       u32 length);
/* Encode @h as it stands and send it with its payload. */
bool fake_raw(struct fake *fake, u8 lane, const struct ditto_wire_header *h, const void *payload,
	      u32 length);
/* Both. */
bool fake_send(struct fake *fake, u8 lane, struct ditto_wire_header *h, const void *payload,
	       u32 length);
bool fake_say(struct fake *fake, u8 type, u64 position);
bool fake_greet(struct fake *fake, const struct ditto_wire_hello *hello);
bool fake_ack(struct fake *fake, const struct ditto_wire_ack *ack);

/**
 * fake_serve() - answer as a sound peer does
 * @until: ended by it; NULL: never
 * @ms: at most so long
 *
 * Return: @until has come true.
 */
bool fake_serve(struct fake *fake, bool (*until)(const struct fake *fake), unsigned int ms);

#endif /* DITTO_SELFTESTS_FAKE_PEER_H */
