// SPDX-License-Identifier: GPL-2.0
/*
 * set_version VERSION FILE OFFSET...: gives superblocks another version and the
 * checksum that goes with it, as a later version of ditto would write them.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "md.h"

#define VERSION_AT	8
#define CRC_AT		12

static int set_version(int fd, off_t offset, u32 version)
{
	__le32 value = cpu_to_le32(version);
	u8 block[DITTO_MD_BLOCK];

	if (pread(fd, block, sizeof(block), offset) != sizeof(block))
		return -1;
	memcpy(block + VERSION_AT, &value, sizeof(value));
	memset(block + CRC_AT, 0, sizeof(value));
	value = cpu_to_le32(~ditto_crc32c(~0u, block, sizeof(block)));
	memcpy(block + CRC_AT, &value, sizeof(value));
	return pwrite(fd, block, sizeof(block), offset) == sizeof(block) ? 0 : -1;
}

int main(int argc, char **argv)
{
	int fd = argc > 3 ? open(argv[2], O_RDWR) : -1;

	for (int i = 3; i < argc; i++) {
		if (fd < 0 || set_version(fd, strtoull(argv[i], NULL, 0), atoi(argv[1]))) {
			perror("set_version");
			return 1;
		}
	}
	return fd < 0;
}
