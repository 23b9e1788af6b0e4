// SPDX-License-Identifier: GPL-2.0
#include "log.h"

#include <linux/atomic.h>
#include <linux/kernel.h>
#include <linux/netlink.h>

#define REFUSAL_LEN	256
#define REFUSALS	64

/*
 * The text of an extended acknowledgement is read after the command has
 * returned, and 6.1 has no buffer for it. Each refusal takes the next of a
 * ring of buffers: a text would be overwritten only if as many commands were
 * refused between a command's return and its answer, and is then still a text.
 */
static char refusals[REFUSALS][REFUSAL_LEN];
static atomic_t next_refusal = ATOMIC_INIT(0);

int ditto_refuse(struct netlink_ext_ack *extack, int err, const char *fmt, ...)
{
	char *text = refusals[(u32)atomic_inc_return(&next_refusal) % REFUSALS];
	va_list args;

	if (!extack)
		return err;
	va_start(args, fmt);
	vscnprintf(text, REFUSAL_LEN, fmt, args);
	va_end(args);
	extack->_msg = text;
	return err;
}
