/* SPDX-License-Identifier: GPL-2.0 */
/* The daemon's log: one line for each event that an administrator needs. */
#ifndef DITTO_LOG_H
#define DITTO_LOG_H

#include <stdbool.h>

/* To syslog; before that, to stderr. */
void log_to_syslog(void);

void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/**
 * log_change() - log what is wrong with something, unless it was logged last
 * @key: the thing, e.g. "r0"
 * @text: what is wrong, or NULL: nothing any more, which is not logged
 */
void log_change(const char *key, const char *text);

/* Frees what log_change() remembers. */
void log_forget(void);

#endif /* DITTO_LOG_H */
