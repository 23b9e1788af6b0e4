/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the Primary's disk could not read, and a member could, is written anew: an
 * entry of the stream like any other, that no user waits for. While it lives it counts
 * as a bio of the device, so that the role and the disk stay as they are.
 */
#ifndef DITTO_REPAIR_H
#define DITTO_REPAIR_H

#include <linux/types.h>

struct bio;
struct ditto_request;
struct ditto_resource;

/**
 * ditto_repair_begin() - the local disk cannot read a range
 *
 * To be followed by one of the next two when a member, which is asked after this,
 * has read it. The caller is in by the gate.
 *
 * Context: process. Return: NULL where the range is being written, or the disk could
 * only write it by reading what is around it.
 */
struct ditto_request *ditto_repair_begin(struct ditto_resource *res, u64 start, u32 size);
/* Write @data there, which is taken over, where nobody has meanwhile; process context. */
void ditto_repair_write(struct ditto_request *req, struct bio *data);
void ditto_repair_cancel(struct ditto_request *req);

#endif /* DITTO_REPAIR_H */
