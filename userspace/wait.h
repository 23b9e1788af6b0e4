/* SPDX-License-Identifier: GPL-2.0 */
/* What is missing until a resource is in sync. */
#ifndef DITTO_WAIT_H
#define DITTO_WAIT_H

#include <stdbool.h>
#include <stddef.h>

#include "kernel.h"

/**
 * wait_peer_lacks() - whether a peer is not yet connected and UpToDate
 * @text: what is missing; written only where something is
 */
bool wait_peer_lacks(const struct kernel_peer *peer, char *text, size_t size);

/**
 * wait_lacks() - how many disks of a resource are not yet in sync
 * @text: what the first of them misses; written only where one does
 *
 * Return: the number; 0 is what wait-sync waits for.
 */
unsigned int wait_lacks(const struct kernel_resource *resource, char *text, size_t size);

#endif /* DITTO_WAIT_H */
