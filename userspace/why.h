/* SPDX-License-Identifier: GPL-2.0 */
/* The text that goes with a failure: what was found, what to do next. */
#ifndef DITTO_WHY_H
#define DITTO_WHY_H

#include <stddef.h>

/**
 * struct why - why something failed
 * @text: one line or several, without a final newline, always terminated
 */
struct why {
	char text[1024];
};

/**
 * why_set() - say why
 * @why: where to; may be NULL
 * @error: negative errno
 *
 * Return: @error, so that a caller can return it.
 */
int why_set(struct why *why, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * copy_string() - strlcpy() for a libc without it
 * @size: of @to, in bytes, at least 1
 */
void copy_string(char *to, const char *from, size_t size);

#endif /* DITTO_WHY_H */
