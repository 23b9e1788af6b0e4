/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the pure core needs from its surroundings, in the kernel and in user
 * space alike. The core includes this header and its own, nothing else.
 *
 * In user space (tools, unit tests, simulator) the includer provides
 * ditto_crc32c(); the kernel types come from <linux/types.h>.
 */
#ifndef DITTO_CORE_PORT_H
#define DITTO_CORE_PORT_H

#ifdef __KERNEL__

#include <asm/byteorder.h>
#include <linux/bitmap.h>
#include <linux/bitops.h>
#include <linux/bits.h>
#include <linux/bug.h>
#include <linux/build_bug.h>
#include <linux/crc32c.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/rbtree.h>
#include <linux/string.h>
#include <linux/types.h>

static inline u32 ditto_crc32c(u32 seed, const void *data, size_t len)
{
	return crc32c(seed, data, len);
}

#else

#include "port_user.h"

#endif

#endif /* DITTO_CORE_PORT_H */
