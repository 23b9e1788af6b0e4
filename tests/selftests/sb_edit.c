// SPDX-License-Identifier: GPL-2.0
/*
 * Changes bytes of a superblock and makes its checksum right again.
 *
 *	sb_edit FILE OFFSET VALUE [OFFSET VALUE]...
 *
 * FILE holds one superblock; OFFSET are bytes in it, VALUE 32 bits, written
 * little endian. So the test says what it breaks, not the shell.
 */
#include <fcntl.h>
#include <unistd.h>

#include "md.h"

/* Of the checksum, see md.c. */
#define AT_CRC	12

int main(int argc, char **argv)
{
	u8 block[DITTO_MD_BLOCK];
	__le32 value;
	u32 offset;
	int fd, i;

	if (argc < 2 || argc % 2) {
		fprintf(stderr, "usage: sb_edit FILE OFFSET VALUE...\n");
		return 2;
	}
	fd = open(argv[1], O_RDWR | O_CLOEXEC);
	if (fd < 0 || pread(fd, block, sizeof(block), 0) != sizeof(block)) {
		perror(argv[1]);
		return 1;
	}
	for (i = 2; i < argc; i += 2) {
		offset = strtoul(argv[i], NULL, 0);
		value = cpu_to_le32(strtoul(argv[i + 1], NULL, 0));
		if (offset > sizeof(block) - sizeof(value))
			return 2;
		memcpy(block + offset, &value, sizeof(value));
	}
	memset(block + AT_CRC, 0, sizeof(value));
	value = cpu_to_le32(~ditto_crc32c(~0u, block, sizeof(block)));
	memcpy(block + AT_CRC, &value, sizeof(value));
	if (pwrite(fd, block, sizeof(block), 0) != sizeof(block)) {
		perror(argv[1]);
		return 1;
	}
	return 0;
}
