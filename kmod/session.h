/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What happens between two nodes from the handshake to the loss of the
 * connection. All functions are called under the resource's conf mutex.
 */
#ifndef DITTO_SESSION_H
#define DITTO_SESSION_H

#include <linux/types.h>

#include "core/wire.h"

struct ditto_peer;
struct netlink_ext_ack;

/* The administrator wants a connection, or no longer does. */
int ditto_session_connect(struct ditto_peer *peer, struct netlink_ext_ack *extack);
void ditto_session_disconnect(struct ditto_peer *peer, enum ditto_wire_bye why);

/* The daemon hands over the sockets. */
int ditto_session_lanes(struct ditto_peer *peer, u64 cookie, const int *fds,
			struct netlink_ext_ack *extack);

/* Send this peer the stream, as Primary; @mode says how its copy stands. */
void ditto_session_lead(struct ditto_peer *peer, enum ditto_wire_mode mode);

/*
 * The stream goes on without it; what was in flight is out of sync from now on.
 * @hold: nothing completes until ditto_roster_without() has done its part.
 * @tell: the other followers hear of it.
 */
void ditto_session_leave(struct ditto_peer *peer, bool hold, bool tell);

/* Events of the connection; see enum ditto_peer_event. */
void ditto_session_hello(struct ditto_peer *peer);
void ditto_session_state(struct ditto_peer *peer);
void ditto_session_start(struct ditto_peer *peer);
void ditto_session_ready(struct ditto_peer *peer);
void ditto_session_lost(struct ditto_peer *peer);

#endif /* DITTO_SESSION_H */
