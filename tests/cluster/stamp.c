// SPDX-License-Identifier: GPL-2.0
/*
 * A writer whose machine may be killed at any moment, and its judge.
 *
 *	stamp write DEVICE LOG [MIB]	writes numbered blocks, and notes in LOG up
 *					to which number a flush has completed
 *	stamp check DEVICE LOG [MIB]	every sector holds what it held when that
 *					flush completed, or something newer
 *	stamp wipe DEVICE [MIB]		no block was ever written
 *
 * LOG is on another machine, or on a disk that is not lost. The number of a
 * write says where it goes, so that LOG is one number. The writes between two
 * flushes are under way at the same time; one that was not flushed may be torn
 * between two sectors, as disks do. With MIB, the blocks lie in the first
 * so many megabytes (at least 16), else they are spread over the device.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <linux/aio_abi.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BLOCK	4096u
#define SECTOR	512u
#define BLOCKS	4096u		/* 16 MiB, spread over the device */
#define MAGIC	0x706d617473ull
#define BATCH	16u		/* writes between two flushes, at most */

struct stamp {
	uint64_t magic;
	uint64_t number;
	uint64_t block;
};

static unsigned char buffers[BATCH][BLOCK] __attribute__((aligned(BLOCK)));
static unsigned char chunk[1 << 20] __attribute__((aligned(BLOCK)));
static uint64_t stride;		/* from one block to the next, in bytes */

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static void set_stride(int fd, const char *mib)
{
	uint64_t size = mib ? strtoull(mib, NULL, 10) << 20 : (uint64_t)lseek(fd, 0, SEEK_END);

	stride = size / BLOCK / BLOCKS * BLOCK;
	/* A chunk is read at once, and no block lies across its end. */
	while (stride & (stride - 1))
		stride &= stride - 1;
	if (!stride) {
		fprintf(stderr, "stamp: %" PRIu64 " bytes are too few\n", size);
		exit(2);
	}
}

static uint64_t scatter(uint64_t number)
{
	return number * 0x9e3779b97f4a7c15ull >> 40;
}

/* Neighbours in number are far apart; each block is written again and again. */
static uint64_t block_of(uint64_t number)
{
	return scatter(number) & (BLOCKS - 1);
}

/* In order of @block; what is returned is valid until the next call. */
static const unsigned char *read_block(int fd, uint64_t block)
{
	uint64_t offset = block * stride, start = offset % sizeof(chunk);
	const unsigned char *data = chunk + start;

	if (stride >= sizeof(chunk)) {
		data = chunk;
		if (pread(fd, chunk, BLOCK, (off_t)offset) != BLOCK)
			die("read");
	} else if (!start && pread(fd, chunk, sizeof(chunk), (off_t)offset) != sizeof(chunk)) {
		die("read");
	}
	return data;
}

static void fill_block(unsigned char *buffer, uint64_t block, uint64_t number)
{
	struct stamp stamp = { MAGIC, number, block };
	unsigned char *end;

	memset(buffer, (int)number, BLOCK);
	for (unsigned char *sector = buffer; sector < buffer + BLOCK; sector = end) {
		end = sector + SECTOR;
		memcpy(sector, &stamp, sizeof(stamp));
		/* The end says the same as the beginning: no sector is torn. */
		memcpy(end - sizeof(stamp), &stamp, sizeof(stamp));
	}
}

/* The @count writes that begin with @number, all at once */
static void write_batch(aio_context_t context, int fd, uint64_t number, unsigned int count)
{
	struct iocb writes[BATCH] = { 0 }, *list[BATCH];
	struct io_event ended[BATCH];

	for (unsigned int i = 0; i < count; i++) {
		uint64_t block = block_of(number + i);

		fill_block(buffers[i], block, number + i);
		writes[i].aio_lio_opcode = IOCB_CMD_PWRITE;
		writes[i].aio_fildes = (uint32_t)fd;
		writes[i].aio_buf = (uintptr_t)buffers[i];
		writes[i].aio_nbytes = BLOCK;
		writes[i].aio_offset = (int64_t)(block * stride);
		list[i] = &writes[i];
	}
	if (syscall(SYS_io_submit, context, (long)count, list) != (long)count)
		die("io_submit");
	if (syscall(SYS_io_getevents, context, (long)count, (long)count, ended, NULL) != (long)count)
		die("io_getevents");
	for (unsigned int i = 0; i < count; i++) {
		if (ended[i].res == BLOCK)
			continue;
		fprintf(stderr, "write: %s\n", strerror((int)-ended[i].res));
		exit(2);
	}
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

/*
 * So that a kill finds writes that have ended and were not flushed, or a flush that
 * nothing has followed: each every fourth time.
 */
static void linger(unsigned int roll)
{
	if (roll < 256)
		usleep(roll * 2000);
}

/*
 * From what was flushed last on: what a kill has torn behind that is written again, or
 * the next flush would cover it in name only.
 */
static void __attribute__((noreturn)) do_write(int fd, const char *path)
{
	int log = open(path, O_WRONLY | O_CREAT, 0644);
	uint64_t number = read_log(path);
	aio_context_t context = 0;
	unsigned int count, roll;
	char text[32];

	if (log < 0)
		die(path);
	if (syscall(SYS_io_setup, BATCH, &context))
		die("io_setup");
	printf("writing from %" PRIu64 "\n", number + 1);
	fflush(stdout);
	for (;;) {
		count = (unsigned int)(scatter(number) % BATCH) + 1;
		write_batch(context, fd, number + 1, count);
		number += count;
		roll = (unsigned int)(scatter(number) >> 4) & 1023;
		linger(roll);
		if (fdatasync(fd))
			die("flush");
		snprintf(text, sizeof(text), "%020" PRIu64 "\n", number);
		if (pwrite(log, text, strlen(text), 0) != (ssize_t)strlen(text))
			die(path);
		linger(1023 - roll);
	}
}

/* Does the sector hold a write to @block, and none before @expected? */
static bool sector_right(const unsigned char *sector, uint64_t block, uint64_t expected,
			 struct stamp *stamp)
{
	memcpy(stamp, sector, sizeof(*stamp));
	if (stamp->magic != MAGIC) {
		stamp->number = 0;
		return !expected;
	}
	return stamp->block == block && stamp->number >= expected &&
	       block_of(stamp->number) == block &&
	       !memcmp(sector, sector + SECTOR - sizeof(*stamp), sizeof(*stamp));
}

static int do_check(int fd, const char *path)
{
	static uint64_t expected[BLOCKS];
	uint64_t flushed = read_log(path), number;
	const unsigned char *data;
	unsigned int bad = 0;
	struct stamp stamp;

	for (number = 1; number <= flushed; number++)
		expected[block_of(number)] = number;
	for (uint64_t block = 0; block < BLOCKS; block++) {
		unsigned int at = 0;

		data = read_block(fd, block);
		while (at < BLOCK && sector_right(data + at, block, expected[block], &stamp))
			at += SECTOR;
		if (at < BLOCK && bad++ < 8)
			printf("block %" PRIu64 " holds %" PRIu64 " at %u, flushed was %" PRIu64 "\n",
			       block, stamp.number, at, expected[block]);
	}
	printf("%" PRIu64 " flushed, %u blocks are wrong\n", flushed, bad);
	return bad != 0;
}

static int do_wipe(int fd)
{
	for (uint64_t block = 0; block < BLOCKS; block++)
		if (pwrite(fd, buffers[0], BLOCK, (off_t)(block * stride)) != BLOCK)
			die("write");
	return fdatasync(fd) != 0;
}

static int usage(void)
{
	fprintf(stderr, "usage: stamp write|check DEVICE LOG [MIB] | wipe DEVICE [MIB]\n");
	return 2;
}

int main(int argc, char **argv)
{
	bool wipe = argc > 1 && !strcmp(argv[1], "wipe");
	int fd, given = wipe ? 3 : 4;

	if (argc < given || argc > given + 1)
		return usage();
	fd = open(argv[2], O_RDWR | O_DIRECT);
	if (fd < 0)
		die(argv[2]);
	set_stride(fd, argv[given]);
	if (wipe)
		return do_wipe(fd);
	if (!strcmp(argv[1], "write"))
		do_write(fd, argv[3]);
	if (!strcmp(argv[1], "check"))
		return do_check(fd, argv[3]);
	return usage();
}
