// SPDX-License-Identifier: GPL-2.0
/* Direct I/O of every kind on a block device, whose content is known all along.
 *
 *	dio kinds DEVICE		each kind of request once, read back
 *	dio refused DEVICE		each kind of writing request is refused
 *	dio stale DEVICE OTHER COUNT	what was written to DEVICE is read from
 *					OTHER at once
 *
 * Prints "ok TEXT" or "not ok TEXT" for each step.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#define MIB		(1 << 20)
#define PAGE		4096
#define MOST_PIECES	200
#define LARGEST		(4 * MIB)

static int fd, failed;
static uint64_t size;		/* of the device */
static unsigned int sector;	/* its logical block size */
static unsigned int aligned;	/* what memory has to be aligned to */
static char *buffer, *back;	/* LARGEST bytes and some */
static char *content;		/* what the device should hold */
static uint32_t seed = 4711;

static void result(bool good, const char *format, ...)
{
	va_list args;
	int error = errno;

	printf(good ? "ok " : "not ok ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	if (!good)
		printf(" (%s)", strerror(error));
	putchar('\n');
	fflush(stdout);
	failed |= !good;
}

static void die(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	exit(2);
}

static uint32_t any(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed;
}

static void scribble(char *to, size_t len)
{
	for (size_t i = 0; i < len; i += 4) {
		uint32_t word = any();

		memcpy(to + i, &word, 4);
	}
}

static void open_device(const char *name, int flags)
{
	char path[128], line[32];
	FILE *f;

	fd = open(name, flags | O_DIRECT);
	if (fd < 0)
		die(name);
	if (ioctl(fd, BLKGETSIZE64, &size) || ioctl(fd, BLKSSZGET, &sector))
		die("size");
	aligned = 512;
	snprintf(path, sizeof(path), "/sys/block/%s/queue/dma_alignment", strrchr(name, '/') + 1);
	f = fopen(path, "r");
	if (f && fgets(line, sizeof(line), f))
		aligned = atoi(line) + 1;
	if (f)
		fclose(f);
	if (posix_memalign((void **)&buffer, PAGE, LARGEST + 2 * MIB) ||
	    posix_memalign((void **)&back, PAGE, LARGEST + 2 * MIB))
		die("memory");
}

/* Does the device hold there what it should? */
static bool holds(uint64_t at, size_t len)
{
	for (size_t done = 0; done < len;) {
		size_t part = len - done < MIB ? len - done : MIB;

		if (pread(fd, back, part, at + done) != (ssize_t)part)
			return false;
		if (memcmp(back, content + at + done, part)) {
			printf("other bytes within %zu of %llu\n", part,
			       (unsigned long long)(at + done));
			errno = EILSEQ;
			return false;
		}
		done += part;
	}
	return true;
}

static void written(const char *what, ssize_t ret, uint64_t at, size_t len, const char *from)
{
	bool good = ret == (ssize_t)len;

	if (good) {
		memcpy(content + at, from, len);
		good = holds(at, len);
	}
	result(good, "%s: %zu bytes at %llu", what, len, (unsigned long long)at);
}

static void write_plain(const char *what, uint64_t at, size_t len, int flags)
{
	struct iovec io = { buffer, len };

	scribble(buffer, len);
	written(what, pwritev2(fd, &io, 1, at, flags), at, len, buffer);
}

/* Pieces of the buffer that begin as oddly as the device can take, have any
 * number of sectors, cross pages, and have gaps between them. What they hold
 * together is in @whole.
 */
static int pieces(struct iovec *io, size_t *total, char *whole)
{
	size_t at = aligned, sum = 0;
	int n = 0;

	while (n < MOST_PIECES) {
		size_t len = sector * (1 + any() % (3 * PAGE / sector));

		io[n].iov_base = buffer + at;
		io[n].iov_len = len;
		if (whole)
			memcpy(whole + sum, buffer + at, len);
		sum += len;
		at += len + aligned * (1 + any() % 5);
		n++;
	}
	*total = sum;
	return n;
}

static void write_pieces(uint64_t at)
{
	static struct iovec io[MOST_PIECES];
	char *whole = malloc(LARGEST);
	size_t len;
	int n;

	scribble(buffer, LARGEST);
	n = pieces(io, &len, whole);
	written("write from odd pieces", pwritev(fd, io, n, at), at, len, whole);
	free(whole);
}

static void read_pieces(uint64_t at)
{
	static struct iovec io[MOST_PIECES];
	size_t len, done = 0;
	int n = pieces(io, &len, NULL);
	bool good = preadv(fd, io, n, at) == (ssize_t)len;

	for (int i = 0; good && i < n; i++) {
		good = !memcmp(io[i].iov_base, content + at + done, io[i].iov_len);
		done += io[i].iov_len;
	}
	result(good, "read to odd pieces: %zu bytes at %llu", len, (unsigned long long)at);
}

static void zero(const char *what, int ret, uint64_t at, uint64_t len)
{
	if (!ret)
		memset(content + at, 0, len);
	result(!ret && holds(at, len), "%s: %llu bytes at %llu", what, (unsigned long long)len,
	       (unsigned long long)at);
}

/* What was discarded may be read as it was, or as zeros; but always the same. */
static void discard(uint64_t at, size_t len)
{
	uint64_t range[2] = { at, len };
	bool good = !ioctl(fd, BLKDISCARD, range) && pread(fd, back, len, at) == (ssize_t)len;

	for (size_t i = 0; good && i < len; i += sector) {
		bool zeros = !back[i] && !memcmp(back + i, back + i + 1, sector - 1);

		good = zeros || !memcmp(back + i, content + at + i, sector);
		memcpy(content + at + i, back + i, sector);
	}
	result(good && holds(at, len), "discard: %zu bytes at %llu", len, (unsigned long long)at);
}

static int kinds(void)
{
	uint64_t range[2];

	if (posix_memalign((void **)&content, PAGE, size))
		die("memory");
	for (uint64_t at = 0; at < size; at += MIB) {
		size_t len = size - at < MIB ? size - at : MIB;

		if (pread(fd, content + at, len, at) != (ssize_t)len)
			die("read");
	}
	write_plain("the first sector", 0, sector, 0);
	write_plain("the last sector", size - sector, sector, 0);
	write_plain("one page", PAGE * 5, PAGE, 0);
	write_plain("across a bit's border", 16384 - sector, 2 * sector, 0);
	write_plain("the largest", MIB, LARGEST, 0);
	write_plain("large and odd", 6 * MIB + sector, 3 * MIB / 2 - sector, 0);
	write_plain("FUA, one sector", 10 * MIB, sector, RWF_DSYNC);
	write_plain("FUA, large", 11 * MIB, MIB, RWF_DSYNC);
	write_plain("with a flush behind", 12 * MIB, 65536, RWF_SYNC);
	write_pieces(13 * MIB);
	write_pieces(15 * MIB + sector);
	read_pieces(13 * MIB);
	result(!fsync(fd), "flush, of zero length");

	range[0] = 2 * MIB + sector, range[1] = MIB;
	zero("write zeroes", ioctl(fd, BLKZEROOUT, range), range[0], range[1]);
	zero("punch a hole", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 11 * MIB,
				      65536), 11 * MIB, 65536);
	zero("zero a range", fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
				      6 * MIB, 2 * sector), 6 * MIB, 2 * sector);
	discard(13 * MIB, MIB);
	discard(10 * MIB, sector);
	discard(size - sector, sector);
	result(holds(0, size), "the whole device is as it was written");
	return failed;
}

static void refuse(const char *what, int ret)
{
	result(ret < 0 && (errno == EIO || errno == EPERM || errno == EBADF || errno == EACCES ||
			   errno == EROFS || errno == EOPNOTSUPP), "refused: %s", what);
}

static int refused(const char *name)
{
	uint64_t range[2] = { 0, MIB };

	fd = open(name, O_RDWR | O_DIRECT);
	if (fd < 0) {
		result(errno == EROFS || errno == EACCES || errno == EPERM,
		       "refused: to open for writing");
		return failed;
	}
	if (posix_memalign((void **)&buffer, PAGE, MIB))
		die("memory");
	scribble(buffer, MIB);
	refuse("a sector", pwrite(fd, buffer, PAGE, 0));
	refuse("a large write", pwrite(fd, buffer, MIB, 0));
	refuse("FUA", pwritev2(fd, &(struct iovec){ buffer, PAGE }, 1, 0, RWF_DSYNC));
	refuse("write zeroes", ioctl(fd, BLKZEROOUT, range));
	refuse("discard", ioctl(fd, BLKDISCARD, range));
	return failed;
}

static int stale(const char *other, int count)
{
	int bad = 0, to = open(other, O_RDONLY | O_DIRECT);

	if (to < 0)
		die(other);
	for (int i = 0; i < count; i++) {
		size_t len = PAGE << any() % 5;
		uint64_t at = any() % (size / len) * len;

		scribble(buffer, len);
		if (pwrite(fd, buffer, len, at) != (ssize_t)len)
			die("write");
		if (pread(to, back, len, at) != (ssize_t)len)
			die("read");
		if (memcmp(buffer, back, len) && bad++ < 5)
			printf("stale: %zu bytes at %llu\n", len, (unsigned long long)at);
	}
	errno = EILSEQ;
	result(!bad, "%d writes were read from the other node at once", count);
	return failed;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "refused"))
		return refused(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "kinds")) {
		open_device(argv[2], O_RDWR);
		return kinds();
	}
	if (argc == 5 && !strcmp(argv[1], "stale")) {
		open_device(argv[2], O_RDWR);
		return stale(argv[3], atoi(argv[4]));
	}
	fprintf(stderr, "usage: dio kinds|refused DEVICE | dio stale DEVICE OTHER COUNT\n");
	return 2;
}
