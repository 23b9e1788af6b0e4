/* SPDX-License-Identifier: GPL-2.0 */
/* UUIDs as text and as 16 bytes. */
#ifndef DITTO_UUID_H
#define DITTO_UUID_H

#include <stdbool.h>
#include <stdint.h>

#define UUID_TEXT_LEN	36

/* Takes the usual form with hyphens; false where @text is anything else. */
bool uuid_parse(const char *text, uint8_t uuid[16]);

/* @text: UUID_TEXT_LEN + 1 bytes. */
void uuid_format(const uint8_t uuid[16], char *text);

/* A random one (version 4). Return: 0 or a negative errno. */
int uuid_generate(uint8_t uuid[16]);

#endif /* DITTO_UUID_H */
