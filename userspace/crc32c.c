// SPDX-License-Identifier: GPL-2.0
/*
 * CRC32C (Castagnoli), least significant bit first, a byte at a time: user
 * space computes it over superblocks and messages of tests, not over data.
 */
#include "port.h"

#define POLYNOMIAL	0x82f63b78u

static u32 table[256];

__attribute__((constructor)) static void fill_table(void)
{
	unsigned int i, bit;
	u32 crc;

	for (i = 0; i < ARRAY_SIZE(table); i++) {
		crc = i;
		for (bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
		table[i] = crc;
	}
}

u32 ditto_crc32c(u32 seed, const void *data, size_t len)
{
	const u8 *byte = data;

	while (len--)
		seed = seed >> 8 ^ table[(seed ^ *byte++) & 0xff];
	return seed;
}
