/* SPDX-License-Identifier: GPL-2.0 */
/* Dialling: three connections to a peer with a higher node id. */
#ifndef DITTO_DIAL_H
#define DITTO_DIAL_H

struct link;
struct dial;

/**
 * dial_start() - begin an attempt; link->dial is it while it is under way
 *
 * Ends in link_hand_over() or link_failed().
 */
void dial_start(struct link *link);

/* Ends it without a word. */
void dial_cancel(struct dial *dial);

#endif /* DITTO_DIAL_H */
