/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Connections: three lanes in each direction, in order each and in no order
 * among each other. A session is what the daemons set up; each end of it is a
 * conn once its node has taken the sockets over.
 */
#ifndef DITTO_SIM_NET_H
#define DITTO_SIM_NET_H

#include "oracle.h"
#include "sim.h"
#include "wire.h"

struct node;
struct peer;
struct extent_io;
struct request;

/* A message on its way: its bytes, and values for a payload of data. */
struct message {
	struct list_head link;
	u64 *data;
	struct timeline *timeline;	/* of a START */
	u8 bytes[];
};

/**
 * struct pipe - one direction of one lane
 * @messages: struct message
 * @count: of them
 */
struct pipe {
	struct list_head messages;
	u32 count;
};

/**
 * struct session - see above
 * @ends: node ids, lower first
 * @conns: by end; NULL before it is taken over
 * @broken: one end has failed: the other hears of it, sooner or later
 * @pipes: by the sending end
 */
struct session {
	struct list_head link;
	u64 cookie;
	u32 ends[2];
	struct conn *conns[2];
	bool refused[2];
	bool broken;
	struct pipe pipes[2][DITTO_LANES];
};

/**
 * struct conn - see kmod/connection.h
 */
struct conn {
	struct node *node;
	struct peer *peer;
	struct session *session;
	u32 end;
	u64 cookie;
	bool failed, final, open, streaming, ready, ack, greeted, no_extents, no_disk;
	struct ditto_wire_hello hello;
	struct ditto_wire_start start;
	struct timeline *start_timeline;
	struct request *cursor;
	u64 position;
	u64 settled;		/* as last told */
	struct list_head extents;
	struct list_head queue[DITTO_LANES];
	u32 sent[DITTO_LANES];
	u32 received[DITTO_LANES];
	bool parked[DITTO_LANES];
};

/* link_up[a][b]: what a sends arrives at b. */
extern bool link_up[SIM_NODES][SIM_NODES];
/* Scenarios: nothing of this lane arrives. */
extern bool lane_held[SIM_NODES][SIM_NODES][DITTO_LANES];
extern struct list_head sessions;

void net_init(void);
void net_free(void);
/* Can the daemons of the two connect them? */
bool net_can_connect(u32 a, u32 b);
void net_connect(u32 a, u32 b);
/* The session that @node could take over for @peer, or NULL. */
struct session *net_offered(u32 node, u32 peer);
/* Its power is gone: nothing more leaves it or reaches it. */
void net_node_gone(u32 node);

struct conn *conn_new(struct peer *p, struct session *s);
void conn_begin(struct conn *c);
void conn_fail(struct conn *c, bool final, const char *why);
void conn_close(struct conn *c);
void conn_unpark(struct conn *c);
void conn_send(struct conn *c, u8 lane, const struct ditto_wire_header *h, const void *payload,
	       u32 length);
void conn_say(struct conn *c, u8 type, u64 position);
void conn_bye(struct conn *c, enum ditto_wire_bye why, bool final, const char *reason);

/* Is there something to send, and room? */
bool conn_can_send(const struct conn *c, u8 lane);
void conn_lane_send(struct conn *c, u8 lane);
bool conn_can_receive(const struct conn *c, u8 lane);
void conn_lane_receive(struct conn *c, u8 lane);
/* Has it reason to find out that it is of no use? */
bool conn_can_fail(const struct conn *c);

/* message.c */
int message_execute(struct conn *c, const struct ditto_wire_header *h, const u8 *payload,
		    const struct message *m);

#endif /* DITTO_SIM_NET_H */
