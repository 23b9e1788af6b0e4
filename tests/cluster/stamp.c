// SPDX-License-Identifier: GPL-2.0
/*
 * A writer whose machine may be killed at any moment, and its judge.
 *
 *	stamp write DEVICE LOG	writes numbered blocks, and notes in LOG up to
 *				which number a flush has completed
 *	stamp check DEVICE LOG	every block holds what it held when that flush
 *				completed, or something newer
 *	stamp wipe DEVICE	no block was ever written
 *
 * LOG is on another machine, or on a disk that is not lost. The number of a
 * write says where it goes, so that LOG is one number.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK	4096u
#define BLOCKS	4096u		/* 16 MiB, spread over the device */
#define MAGIC	0x706d617473ull
#define BATCH	16u		/* writes between two flushes, at most */

struct stamp {
	uint64_t magic;
	uint64_t number;
	uint64_t block;
};

static unsigned char buffer[BLOCK] __attribute__((aligned(BLOCK)));

static void die(const char *what)
{
	perror(what);
	exit(2);
}

/* Neighbours in number are far apart; each block is written again and again. */
static uint64_t block_of(uint64_t number)
{
	return number * 0x9e3779b97f4a7c15ull >> 40 & (BLOCKS - 1);
}

static off_t offset_of(int fd, uint64_t block)
{
	off_t size = lseek(fd, 0, SEEK_END);
	uint64_t stride = (uint64_t)size / BLOCK / BLOCKS;

	if (!stride) {
		fprintf(stderr, "stamp: %jd bytes are too few\n", (intmax_t)size);
		exit(2);
	}
	return (off_t)(block * stride * BLOCK);
}

static void read_block(int fd, uint64_t block, struct stamp *stamp)
{
	if (pread(fd, buffer, BLOCK, offset_of(fd, block)) != BLOCK)
		die("read");
	memcpy(stamp, buffer, sizeof(*stamp));
}

static void write_block(int fd, uint64_t block, uint64_t number)
{
	struct stamp stamp = { MAGIC, number, block };

	memset(buffer, (int)number, BLOCK);
	memcpy(buffer, &stamp, sizeof(stamp));
	/* The end says the same as the beginning: it was not torn. */
	memcpy(buffer + BLOCK - sizeof(stamp), &stamp, sizeof(stamp));
	if (pwrite(fd, buffer, BLOCK, offset_of(fd, block)) != BLOCK)
		die("write");
}

static uint64_t read_log(const char *path)
{
	uint64_t number = 0;
	FILE *log = fopen(path, "r");

	if (log && fscanf(log, "%" SCNu64, &number) != 1)
		number = 0;
	if (log)
		fclose(log);
	return number;
}

static uint64_t newest(int fd)
{
	uint64_t number = 0;
	struct stamp stamp;

	for (uint64_t block = 0; block < BLOCKS; block++) {
		read_block(fd, block, &stamp);
		if (stamp.magic == MAGIC && stamp.number > number)
			number = stamp.number;
	}
	return number;
}

static void __attribute__((noreturn)) do_write(int fd, const char *path)
{
	int log = open(path, O_WRONLY | O_CREAT, 0644);
	uint64_t number = newest(fd);
	char text[32];

	if (log < 0)
		die(path);
	if (number < read_log(path))
		number = read_log(path);
	printf("writing from %" PRIu64 "\n", number + 1);
	fflush(stdout);
	for (;;) {
		for (unsigned int i = 0; i <= number % BATCH; i++) {
			number++;
			write_block(fd, block_of(number), number);
		}
		if (fdatasync(fd))
			die("flush");
		snprintf(text, sizeof(text), "%020" PRIu64 "\n", number);
		if (pwrite(log, text, strlen(text), 0) != (ssize_t)strlen(text))
			die(path);
	}
}

static int do_check(int fd, const char *path)
{
	static uint64_t expected[BLOCKS];
	uint64_t flushed = read_log(path), number;
	unsigned int bad = 0;
	struct stamp stamp;

	for (number = 1; number <= flushed; number++)
		expected[block_of(number)] = number;
	for (uint64_t block = 0; block < BLOCKS; block++) {
		read_block(fd, block, &stamp);
		if (!expected[block] && stamp.magic != MAGIC)
			continue;
		if (stamp.magic == MAGIC && stamp.block == block && stamp.number >= expected[block] &&
		    block_of(stamp.number) == block &&
		    !memcmp(buffer, buffer + BLOCK - sizeof(stamp), sizeof(stamp)))
			continue;
		if (bad++ < 8)
			printf("block %" PRIu64 " holds %" PRIu64 ", flushed was %" PRIu64 "\n",
			       block, stamp.magic == MAGIC ? stamp.number : 0, expected[block]);
	}
	printf("%" PRIu64 " flushed, %u blocks are wrong\n", flushed, bad);
	return bad != 0;
}

static int do_wipe(int fd)
{
	memset(buffer, 0, BLOCK);
	for (uint64_t block = 0; block < BLOCKS; block++)
		if (pwrite(fd, buffer, BLOCK, offset_of(fd, block)) != BLOCK)
			die("write");
	return fdatasync(fd) != 0;
}

static int usage(void)
{
	fprintf(stderr, "usage: stamp write|check DEVICE LOG | wipe DEVICE\n");
	return 2;
}

int main(int argc, char **argv)
{
	int fd;

	if (argc < 3)
		return usage();
	fd = open(argv[2], O_RDWR | O_DIRECT);
	if (fd < 0)
		die(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "wipe"))
		return do_wipe(fd);
	if (argc == 4 && !strcmp(argv[1], "write"))
		do_write(fd, argv[3]);
	if (argc == 4 && !strcmp(argv[1], "check"))
		return do_check(fd, argv[3]);
	return usage();
}
