/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The limits of the device, which are the strictest of all nodes' (see
 * core/blocksize.h). What is not here needs no agreement: a bio is split for each
 * disk by itself, and a discard zeroes on every node, whatever its disk makes of
 * discards.
 */
#ifndef DITTO_LIMITS_H
#define DITTO_LIMITS_H

#include <linux/types.h>

struct ditto_connection;
struct ditto_peer;
struct ditto_resource;
struct netlink_ext_ack;

/* Bytes of a logical block that the device begins with, when the disk is attached. */
u32 ditto_limits_block(struct ditto_resource *res);

/**
 * ditto_limits_refuse() - HELLO has come: can both have one device?
 *
 * Context: the connection's work. Return: true where the connection has failed
 * for good, with the reason.
 */
bool ditto_limits_refuse(struct ditto_connection *conn);

/**
 * ditto_limits_meet() - the peer has connected, or has told a new state
 *
 * Gives the device other blocks where it is this node's turn, and lets the
 * metadata remember that. Under conf.
 * Return: false where the connection has failed.
 */
bool ditto_limits_meet(struct ditto_peer *peer);

/**
 * ditto_limits_promote() - blocks for the disks of all that are connected
 *
 * The metadata says so once it is next written. Under conf, while no bio is
 * under way. Return: 0, -EBUSY where the device is open with smaller blocks.
 */
int ditto_limits_promote(struct ditto_resource *res, struct netlink_ext_ack *extack);

#endif /* DITTO_LIMITS_H */
