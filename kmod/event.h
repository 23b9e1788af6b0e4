/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Events to user space, by multicast to the resource's namespace. An event
 * that finds no memory is lost: listeners ask again after an overrun anyway.
 * Process context.
 */
#ifndef DITTO_EVENT_H
#define DITTO_EVENT_H

#include <linux/types.h>

#include "names.h"

struct ditto_peer;
struct ditto_resource;

/* Something came or went; @peer may be NULL. */
void ditto_event_plain(struct ditto_resource *res, struct ditto_peer *peer, u32 event);
/* A state has changed; @peer may be NULL. */
void ditto_event_change(struct ditto_resource *res, struct ditto_peer *peer, u32 event,
			u32 old, u32 new);
void ditto_event_diverged(struct ditto_peer *peer, const char *text);
void ditto_event_verified(struct ditto_peer *peer, u64 bytes);

#endif /* DITTO_EVENT_H */
