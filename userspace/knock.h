/* SPDX-License-Identifier: GPL-2.0 */
/* Asking a peer with a lower node id to dial now. */
#ifndef DITTO_KNOCK_H
#define DITTO_KNOCK_H

struct link;
struct knock;

/* Best effort: the peer dials sooner or later anyway. link->knock while it lasts. */
void knock_start(struct link *link);
void knock_cancel(struct knock *knock);

#endif /* DITTO_KNOCK_H */
