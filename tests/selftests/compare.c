// SPDX-License-Identifier: GPL-2.0
/* Compares the first SIZE bytes of several disks, as they are on the disks:
 * compare SIZE DISK DISK... Prints which blocks of 4 KiB differ, and ends with
 * status 1 then.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK	(1 << 20)
#define BLOCK	4096
#define MAX	32
#define SHOWN	20

static int fds[MAX];
static char *buffers[MAX];

static void die(const char *what)
{
	fprintf(stderr, "compare: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void fill(int disk, const char *name, off_t at, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t got = pread(fds[disk], buffers[disk] + done, len - done, at + done);

		if (got <= 0)
			die(name);
		done += got;
	}
}

int main(int argc, char **argv)
{
	uint64_t differing = 0, size = argc > 1 ? strtoull(argv[1], NULL, 0) : 0;
	int n = argc - 2;

	if (n < 1 || n > MAX || !size) {
		fprintf(stderr, "usage: compare SIZE DISK...\n");
		return 2;
	}
	for (int i = 0; i < n; i++) {
		fds[i] = open(argv[i + 2], O_RDONLY | O_DIRECT);
		if (fds[i] < 0 || posix_memalign((void **)&buffers[i], BLOCK, CHUNK))
			die(argv[i + 2]);
	}
	for (uint64_t at = 0; at < size; at += CHUNK) {
		size_t len = size - at < CHUNK ? size - at : CHUNK;

		for (int i = 0; i < n; i++)
			fill(i, argv[i + 2], at, len);
		for (int i = 1; i < n; i++) {
			if (!memcmp(buffers[0], buffers[i], len))
				continue;
			for (size_t b = 0; b < len; b += BLOCK) {
				size_t part = len - b < BLOCK ? len - b : BLOCK;

				if (!memcmp(buffers[0] + b, buffers[i] + b, part))
					continue;
				if (differing++ < SHOWN)
					printf("%s and %s differ at byte %llu\n", argv[2],
					       argv[i + 2], (unsigned long long)(at + b));
			}
		}
	}
	if (differing)
		printf("%llu blocks differ\n", (unsigned long long)differing);
	return differing != 0;
}
