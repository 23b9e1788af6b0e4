/* SPDX-License-Identifier: GPL-2.0 */
/* What is missing until a resource is in sync. */
#ifndef DITTO_LACKS_H
#define DITTO_LACKS_H

#include <stdbool.h>
#include <stddef.h>

#include "kernel.h"

/**
 * lacks_peer() - whether a peer is not yet connected and UpToDate
 * @text: what is missing; written only where something is
 */
bool lacks_peer(const struct kernel_peer *peer, char *text, size_t size);

/**
 * lacks_resource() - how many disks of a resource are not yet in sync
 * @text: what the first of them misses; written only where one does
 *
 * Return: the number; 0 is what wait-sync waits for.
 */
unsigned int lacks_resource(const struct kernel_resource *resource, char *text, size_t size);

#endif /* DITTO_LACKS_H */
