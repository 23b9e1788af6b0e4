/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Words for the administrator: kernel log lines that carry the resource and
 * the peer, and refusals of netlink commands.
 */
#ifndef DITTO_LOG_H
#define DITTO_LOG_H

#include <linux/printk.h>

struct netlink_ext_ack;

#define ditto_info(res, fmt, ...)  pr_info("ditto %s: " fmt "\n", (res)->name, ##__VA_ARGS__)
#define ditto_warn(res, fmt, ...)  pr_warn("ditto %s: " fmt "\n", (res)->name, ##__VA_ARGS__)
/* For what may come many times in a row. */
#define ditto_warn_ratelimited(res, fmt, ...) \
	pr_warn_ratelimited("ditto %s: " fmt "\n", (res)->name, ##__VA_ARGS__)
#define ditto_peer_info(peer, fmt, ...) \
	pr_info("ditto %s %s: " fmt "\n", (peer)->res->name, (peer)->name, ##__VA_ARGS__)
#define ditto_peer_warn(peer, fmt, ...) \
	pr_warn("ditto %s %s: " fmt "\n", (peer)->res->name, (peer)->name, ##__VA_ARGS__)

/**
 * ditto_refuse() - refuse a command with a reason
 * @extack: of the command, may be NULL
 * @err: negative errno
 * @fmt: at most 255 characters when printed
 *
 * Return: @err.
 */
__printf(3, 4)
int ditto_refuse(struct netlink_ext_ack *extack, int err, const char *fmt, ...);

#endif /* DITTO_LOG_H */
