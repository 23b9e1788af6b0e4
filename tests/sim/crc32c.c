// SPDX-License-Identifier: GPL-2.0
/*
 * CRC32C for many blocks: by the processor where it can, else a byte at a time.
 */
#include "port.h"

#define POLYNOMIAL	0x82f63b78u

static u32 table[256];

__attribute__((constructor)) static void fill_table(void)
{
	u32 i, bit, crc;

	for (i = 0; i < ARRAY_SIZE(table); i++) {
		crc = i;
		for (bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
		table[i] = crc;
	}
}

static u32 by_table(u32 seed, const u8 *byte, size_t len)
{
	while (len--)
		seed = seed >> 8 ^ table[(seed ^ *byte++) & 0xff];
	return seed;
}

#ifdef __x86_64__

__attribute__((target("sse4.2"))) static u32 by_processor(u32 seed, const u8 *byte, size_t len)
{
	u64 crc = seed, word;

	for (; len >= sizeof(word); len -= sizeof(word), byte += sizeof(word)) {
		memcpy(&word, byte, sizeof(word));
		crc = __builtin_ia32_crc32di(crc, word);
	}
	return by_table(crc, byte, len);
}

u32 ditto_crc32c(u32 seed, const void *data, size_t len)
{
	return __builtin_cpu_supports("sse4.2") ? by_processor(seed, data, len) :
						  by_table(seed, data, len);
}

#else

u32 ditto_crc32c(u32 seed, const void *data, size_t len)
{
	return by_table(seed, data, len);
}

#endif
