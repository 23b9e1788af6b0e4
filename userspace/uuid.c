// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "uuid.h"

static bool hyphen_at(unsigned int i)
{
	return i == 8 || i == 13 || i == 18 || i == 23;
}

bool uuid_parse(const char *text, uint8_t uuid[16])
{
	unsigned int n = 0;

	if (strlen(text) != UUID_TEXT_LEN)
		return false;
	for (unsigned int i = 0; i < UUID_TEXT_LEN; i++) {
		char pair[3] = { text[i], text[i + 1], '\0' };

		if (hyphen_at(i)) {
			if (text[i] != '-')
				return false;
			continue;
		}
		if (!isxdigit((unsigned char)pair[0]) || !isxdigit((unsigned char)pair[1]))
			return false;
		uuid[n++] = strtoul(pair, NULL, 16);
		i++;
	}
	return true;
}

void uuid_format(const uint8_t uuid[16], char *text)
{
	unsigned int at = 0;

	for (unsigned int i = 0; i < 16; i++) {
		if (hyphen_at(at))
			text[at++] = '-';
		snprintf(text + at, 3, "%02x", uuid[i]);
		at += 2;
	}
}

int uuid_generate(uint8_t uuid[16])
{
	if (getrandom(uuid, 16, 0) != 16)
		return -errno;
	uuid[6] = (uuid[6] & 0x0f) | 0x40;
	uuid[8] = (uuid[8] & 0x3f) | 0x80;
	return 0;
}
