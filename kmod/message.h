/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What each message of a peer does here.
 */
#ifndef DITTO_MESSAGE_H
#define DITTO_MESSAGE_H

#include <linux/types.h>

struct ditto_connection;
struct ditto_item;
struct ditto_wire_header;

/**
 * ditto_message_execute() - do what a complete, checked message says
 * @payload: of messages without @item
 * @item: of a WRITE or EXTENT; taken over in any case
 *
 * Context: the connection's work.
 * Return: 0, or a negative errno when the connection must end; its reason has
 * been given then.
 */
int ditto_message_execute(struct ditto_connection *conn, const struct ditto_wire_header *header,
			  const u8 *payload, struct ditto_item *item);

#endif /* DITTO_MESSAGE_H */
