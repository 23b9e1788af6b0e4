// SPDX-License-Identifier: GPL-2.0
#include <endian.h>
#include <string.h>

#include "fs_signature.h"

#define EXT		1024u		/* where an ext superblock starts */
#define EXT_64BIT	0x80u

static uint32_t le32_at(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return le32toh(value);
}

static uint64_t ext_bytes(const uint8_t *start)
{
	const uint8_t *sb = start + EXT;
	uint64_t blocks = le32_at(sb + 4);
	uint32_t shift = le32_at(sb + 24);

	if (le32_at(sb + 0x60) & EXT_64BIT)
		blocks |= (uint64_t)le32_at(sb + 0x150) << 32;
	return shift > 6 ? 0 : blocks << (10 + shift);
}

static uint64_t xfs_bytes(const uint8_t *start)
{
	uint32_t block;
	uint64_t blocks;

	memcpy(&block, start + 4, sizeof(block));
	memcpy(&blocks, start + 8, sizeof(blocks));
	return be32toh(block) * be64toh(blocks);
}

/* Those that nest come first: a file system may leave a partition table's mark. */
static const struct signature {
	const char *name;
	size_t offset;
	const char *magic;
	size_t len;
	uint64_t (*bytes)(const uint8_t *start);
} signatures[] = {
	{ "an ext2, ext3 or ext4 file system", EXT + 56, "\x53\xef", 2, ext_bytes },
	{ "an xfs file system", 0, "XFSB", 4, xfs_bytes },
	{ "a btrfs file system", 65536 + 64, "_BHRfS_M", 8, NULL },
	{ "an ntfs file system", 3, "NTFS    ", 8, NULL },
	{ "a vfat file system", 82, "FAT32   ", 8, NULL },
	{ "an LVM physical volume", 512, "LABELONE", 8, NULL },
	{ "a LUKS volume", 0, "LUKS\xba\xbe", 6, NULL },
	{ "a member of an md array", 4096, "\xfc\x4e\x2b\xa9", 4, NULL },
	{ "swap space", 4086, "SWAPSPACE2", 10, NULL },
	{ "a GPT partition table", 512, "EFI PART", 8, NULL },
	{ "a partition table", 510, "\x55\xaa", 2, NULL },
};

const char *fs_signature(const uint8_t *start, size_t len, uint64_t *bytes)
{
	for (size_t i = 0; i < sizeof(signatures) / sizeof(signatures[0]); i++) {
		const struct signature *s = &signatures[i];

		/* The fields that give the size lie within the first 4 KiB. */
		if (len < 4096 || s->offset + s->len > len ||
		    memcmp(start + s->offset, s->magic, s->len))
			continue;
		*bytes = s->bytes ? s->bytes(start) : 0;
		return s->name;
	}
	return NULL;
}
