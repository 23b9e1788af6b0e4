/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The live session with a peer: three sockets and the work that feeds them.
 *
 * Each connection has one work item. The sockets' callbacks, the stream and
 * the applier queue it; it receives and sends on all lanes in turns, without
 * ever waiting, until nothing moves or its budget is spent.
 *
 * A connection fails once, from any process context, with a reason. The state
 * machine then takes it from its peer and closes it; nobody else frees it.
 */
#ifndef DITTO_CONNECTION_H
#define DITTO_CONNECTION_H

#include <linux/kref.h>
#include <linux/mempool.h>
#include <linux/net.h>
#include <linux/spinlock.h>
#include <linux/uio.h>
#include <linux/workqueue.h>

#include "core/wire.h"

struct bio;
struct ditto_answer;
struct ditto_extent_io;
struct ditto_item;
struct ditto_peer;
struct ditto_request;
struct ditto_resource;
struct netlink_ext_ack;

/*
 * Messages queued on the control lane at which nothing more is read from it: a
 * peer that asks and asks, but takes no answer, is not served for ever.
 */
#define DITTO_MESSAGES_MOST	256

/*
 * Messages that a connection has room for even when the machine has no memory left. One
 * that has so many that its peer does not take is of no use: it fails, and nobody waits.
 */
#define DITTO_MESSAGES_RESERVED	16

/* A message of the control lane, or a small one of another. */
struct ditto_message {
	struct list_head link;
	struct ditto_wire_header header;
	u8 payload[DITTO_WIRE_MAX_FIXED];
};

/**
 * struct ditto_lane_rx - a message on its way in
 * @head: the header as received so far
 * @have: bytes of it
 * @in_payload: the header is complete and checked: @header
 * @header: valid while @in_payload
 * @placed: there is a place for the payload
 * @left: bytes of payload to come
 * @iter: where they go
 * @vec: of @iter, for payloads that go to @small
 * @small: all payloads but those of writes and extents
 * @item: of a write or extent
 * @data: pages for the payload: @item's, or those of what was read for us
 * @sequence: of the next message
 * @parked: nothing is read for the time being
 */
struct ditto_lane_rx {
	u8 head[DITTO_WIRE_HEADER];
	u32 have;
	bool in_payload;
	struct ditto_wire_header header;
	bool placed;
	u32 left;
	struct iov_iter iter;
	struct kvec vec;
	u8 small[DITTO_WIRE_MAX_FIXED];
	struct ditto_item *item;
	struct bio *data;
	u32 sequence;
	bool parked;
};

/**
 * struct ditto_lane_tx - a message on its way out
 * @head: header and small payload
 * @length: bytes in @head, 0 when the lane is idle
 * @sent: bytes of @head gone
 * @data: payload pages, or NULL
 * @more: another message follows at once
 * @vec: page of @data
 * @vec_sent: bytes of it gone
 * @request: whose pages @data are; a reference is held
 * @extent: whose pages @data are
 * @answer: whose pages @data are
 * @settled: of the stream's position, as last told on this lane
 * @settled_at: jiffies, when a message said nothing else
 * @sequence: of the next message
 */
struct ditto_lane_tx {
	u8 head[DITTO_WIRE_HEADER + DITTO_WIRE_MAX_FIXED];
	u32 length;
	u32 sent;
	struct bio *data;
	bool more;
	u32 vec;
	u32 vec_sent;
	struct ditto_request *request;
	struct ditto_extent_io *extent;
	struct ditto_answer *answer;
	u64 settled;
	unsigned long settled_at;
	u32 sequence;
};

/**
 * struct ditto_lane - one socket of a connection
 * @queue: struct ditto_message, under the connection's queue_lock
 * @queued: how many there are
 * @rx: touched by the connection's work only
 * @tx: touched by the connection's work only
 */
struct ditto_lane {
	struct ditto_connection *conn;
	u8 id;
	struct socket *sock;
	void (*data_ready)(struct sock *sk);
	void (*write_space)(struct sock *sk);
	void (*state_change)(struct sock *sk);
	struct list_head queue;
	u32 queued;
	struct ditto_lane_rx rx;
	struct ditto_lane_tx tx;
};

/* struct ditto_connection.flags */
enum ditto_connection_flag {
	DITTO_CONN_FAILED,	/* of no use any more */
	DITTO_CONN_OPEN,	/* both HELLOs are accepted */
	DITTO_CONN_STREAMING,	/* we send the stream: START is queued */
	DITTO_CONN_READY,	/* and its READY has come */
	DITTO_CONN_ACK,		/* an ACK is due */
	DITTO_CONN_FINAL,	/* do not connect again by itself */
	DITTO_CONN_GREETED,	/* HELLO has come */
	DITTO_CONN_NO_EXTENTS,	/* @extents is empty and stays so; under queue_lock */
	DITTO_CONN_NO_ANSWERS,	/* the same of @answers */
	DITTO_CONN_NO_DISK,	/* our HELLO says that the local disk has failed */
};

/**
 * struct ditto_connection - see above
 * @ref: one for the peer, one for each context that may outlive it there
 * @cookie: of the session
 * @block: bytes of a logical block of the local disk
 * @flags: bits of enum ditto_connection_flag
 * @later: kicks @work: a lane waits for memory
 * @messages: of the lanes' queues
 * @queue_lock: protects the lanes' queues, @extents and @answers
 * @extents: struct ditto_extent_io whose data is there
 * @answers: struct ditto_answer whose data is there
 * @answering: how many answers there are, with those that are being read
 * @hello: the peer's, from when DITTO_PEER_HELLO is told
 * @start: the peer's, from when DITTO_PEER_START is told
 * @position: of the last entry sent whole; only the work's
 * @heard: jiffies of the last byte received
 */
struct ditto_connection {
	struct kref ref;
	struct ditto_peer *peer;
	struct ditto_resource *res;
	u64 cookie;
	u32 block;
	unsigned long flags;
	struct work_struct work;
	struct delayed_work timer;
	struct delayed_work later;
	struct work_struct free_work;
	mempool_t messages;
	spinlock_t queue_lock;
	struct list_head extents;
	struct list_head answers;
	u32 answering;
	struct ditto_wire_hello hello;
	struct ditto_wire_start start;
	u64 position;
	unsigned long heard;
	struct ditto_lane lanes[DITTO_LANES];
};

/**
 * ditto_connection_new() - take over the sockets that the daemon set up
 * @fds: by enum ditto_wire_lane, descriptors of the calling process
 *
 * Queues HELLO. Context: process, under conf. Return: the connection, which
 * holds a reference on the peer, or an ERR_PTR.
 */
struct ditto_connection *ditto_connection_new(struct ditto_peer *peer, u64 cookie, const int *fds,
					      struct netlink_ext_ack *extack);

/* Begin to receive: the peer points to it. */
void ditto_connection_begin(struct ditto_connection *conn);

static inline struct ditto_connection *ditto_connection_get(struct ditto_connection *conn)
{
	kref_get(&conn->ref);
	return conn;
}
void ditto_connection_put(struct ditto_connection *conn);

/* There is something to send or receive; any context. */
void ditto_connection_kick(struct ditto_connection *conn);

/* The same before long: there was no memory. Process context. */
void ditto_connection_kick_later(struct ditto_connection *conn);

/**
 * ditto_connection_fail() - it is over
 * @final: the administrator has to look at it: do not connect again
 *
 * The first reason given is the one that is kept. Context: process, no spinlock.
 */
__printf(3, 4)
void ditto_connection_fail(struct ditto_connection *conn, bool final, const char *fmt, ...);

/* Stop its work and let go of its sockets. Under conf, by the state machine. */
void ditto_connection_close(struct ditto_connection *conn);

/* Read a parked lane again. */
void ditto_connection_unpark(struct ditto_connection *conn);

/**
 * ditto_connection_send() - queue a small message
 * @header: type, flags, position, epoch, overlap, offset, size; the rest is
 *	filled in
 * @payload: @length bytes, at most DITTO_WIRE_MAX_FIXED
 *
 * Where there is no memory for it, see DITTO_MESSAGES_RESERVED, the connection fails.
 * Context: process, no spinlock.
 */
void ditto_connection_send(struct ditto_connection *conn, u8 lane,
			   const struct ditto_wire_header *header, const void *payload,
			   u32 length);

/* Take the first message queued on a lane; for the lane's sender. */
bool ditto_connection_take(struct ditto_connection *conn, u8 lane, struct ditto_wire_header *header,
			   void *payload);

/* Queue a message that is only a type and a number. */
void ditto_connection_say(struct ditto_connection *conn, u8 type, u64 position);

/* Say goodbye, as far as the socket takes it at once, then fail. */
void ditto_connection_bye(struct ditto_connection *conn, enum ditto_wire_bye why, bool final,
			  const char *reason);

/*
 * Sending and receiving; lane_send.c and lane_receive.c. Return: messages or
 * parts of them that moved, 0 where nothing could, or a negative errno.
 */
int ditto_lane_send(struct ditto_lane *lane);
int ditto_lane_receive(struct ditto_lane *lane);
/* Let go of what is half-way. */
void ditto_lane_send_abort(struct ditto_lane *lane);
void ditto_lane_receive_abort(struct ditto_lane *lane);

int ditto_connection_init(void);
void ditto_connection_exit(void);

#endif /* DITTO_CONNECTION_H */
