// SPDX-License-Identifier: GPL-2.0
/*
 * A disk with a volatile cache, for a virtual machine that is killed.
 *
 *	volatile FILE SOCKET SEED	serves FILE (NBD) to whoever connects first
 *
 * FILE always has what was written. When the connection ends, some of what was
 * not flushed is taken back, sector by sector: all of it, about half, or nothing, as
 * SEED says. Then it says what was lost, and ends. SOCKET is there when it can be
 * connected to.
 */
#define _GNU_SOURCE
#include <endian.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SECTOR		512u
#define LONGEST		(64u << 20)

/* The NBD protocol: github.com/NetworkBlockDevice/nbd, doc/proto.md */
#define OPTION_MAGIC	0x49484156454F5054ull
#define REPLY_MAGIC	0x3e889045565a9ull
#define FIXED_NEWSTYLE	1u
#define NO_ZEROES	2u
#define REP_ACK		1u
#define REP_INFO	3u
#define REP_ERR_UNSUP	0x80000001u
#define HAS_FLAGS	1u
#define SEND_FLUSH	4u
#define SEND_TRIM	32u
#define SEND_ZEROES	64u

enum option { OPT_EXPORT_NAME = 1, OPT_ABORT = 2, OPT_GO = 7 };
enum command { CMD_READ, CMD_WRITE, CMD_DISC, CMD_FLUSH, CMD_TRIM, CMD_WRITE_ZEROES = 6 };

struct request {
	uint32_t magic;
	uint16_t flags;
	uint16_t type;
	uint64_t cookie;
	uint64_t offset;
	uint32_t length;
} __attribute__((packed));

struct reply {
	uint32_t magic;
	uint32_t error;
	uint64_t cookie;
} __attribute__((packed));

/* What a write that was not flushed has overwritten; the newest is first. */
struct undo {
	struct undo *next;
	uint64_t offset;
	uint32_t length;
	unsigned char data[];
};

static struct undo *undos;
static unsigned char buffer[LONGEST];
static uint64_t size;
static int disk, peer;

static void __attribute__((noreturn)) die(const char *what)
{
	perror(what);
	exit(2);
}

/* false: the other end has gone, in the midst of it or before */
static bool get(void *to, size_t length)
{
	ssize_t got;

	for (; length; to = (char *)to + got, length -= (size_t)got) {
		got = recv(peer, to, length, 0);
		if (got <= 0)
			return false;
	}
	return true;
}

static bool put(const void *from, size_t length)
{
	ssize_t sent;

	for (; length; from = (const char *)from + sent, length -= (size_t)sent) {
		sent = send(peer, from, length, MSG_NOSIGNAL);
		if (sent <= 0)
			return false;
	}
	return true;
}

static bool put16(uint16_t value) { value = htobe16(value); return put(&value, sizeof(value)); }
static bool put32(uint32_t value) { value = htobe32(value); return put(&value, sizeof(value)); }
static bool put64(uint64_t value) { value = htobe64(value); return put(&value, sizeof(value)); }

static bool put_export(void)
{
	return put64(size) && put16(HAS_FLAGS | SEND_FLUSH | SEND_TRIM | SEND_ZEROES);
}

static bool put_option_reply(uint32_t option, uint32_t type, uint32_t length)
{
	return put64(REPLY_MAGIC) && put32(option) && put32(type) && put32(length);
}

/* Until the client has chosen the export, of which there is one */
static bool handshake(void)
{
	uint32_t flags, option, length;
	uint64_t magic;

	if (!put("NBDMAGIC", 8) || !put64(OPTION_MAGIC) || !put16(FIXED_NEWSTYLE | NO_ZEROES) ||
	    !get(&flags, sizeof(flags)))
		return false;
	while (get(&magic, sizeof(magic)) && get(&option, sizeof(option)) && get(&length, sizeof(length))) {
		option = be32toh(option);
		length = be32toh(length);
		if (be64toh(magic) != OPTION_MAGIC || length > sizeof(buffer) || !get(buffer, length))
			return false;
		switch (option) {
		case OPT_EXPORT_NAME:
			return put_export();
		case OPT_GO:
			return put_option_reply(option, REP_INFO, 12) && put16(0) && put_export() &&
			       put_option_reply(option, REP_ACK, 0);
		case OPT_ABORT:
			return false;
		default:
			if (!put_option_reply(option, REP_ERR_UNSUP, 0))
				return false;
		}
	}
	return false;
}

static void remember(uint64_t offset, uint32_t length)
{
	struct undo *undo = malloc(sizeof(*undo) + length);

	if (!undo)
		die("malloc");
	undo->next = undos;
	undo->offset = offset;
	undo->length = length;
	if (pread(disk, undo->data, length, (off_t)offset) != (ssize_t)length)
		die("read");
	undos = undo;
}

static void forget(void)
{
	struct undo *undo;

	while ((undo = undos)) {
		undos = undo->next;
		free(undo);
	}
}

/* As a disk may: of each sector, the one of its versions that happened to be stored */
static void lose(unsigned int seed)
{
	uint64_t sectors = 0, lost = 0, first;
	bool *stored = calloc(size / SECTOR, 1);
	unsigned int chance, writes = 0;

	if (!stored)
		die("calloc");
	srandom(seed);
	chance = (unsigned int)random() % 3;
	for (struct undo *undo = undos; undo; undo = undo->next) {
		writes++;
		first = undo->offset / SECTOR;
		for (uint64_t i = 0; i < undo->length / SECTOR; i++) {
			sectors++;
			if (stored[first + i])
				continue;
			if (chance == 0 || (chance == 1 && random() & 1)) {
				stored[first + i] = true;
				continue;
			}
			lost++;
			if (pwrite(disk, undo->data + i * SECTOR, SECTOR,
				   (off_t)((first + i) * SECTOR)) != SECTOR)
				die("write");
		}
	}
	printf("%u writes were not flushed: lost %" PRIu64 " of %" PRIu64 " sectors\n",
	       writes, lost, sectors);
	free(stored);
}

static void write_zeroes(uint64_t offset, uint32_t length)
{
	if (fallocate(disk, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, length))
		die("fallocate");
}

/* false: it was the last one */
static bool serve(void)
{
	struct reply reply = { .magic = htobe32(0x67446698) };
	struct request request;
	uint32_t length, type;
	uint64_t offset;

	if (!get(&request, sizeof(request)))
		return false;
	offset = be64toh(request.offset);
	length = be32toh(request.length);
	reply.cookie = request.cookie;
	type = be16toh(request.type);
	if (be32toh(request.magic) != 0x25609513 || offset + length > size || offset % SECTOR ||
	    length % SECTOR || (type <= CMD_WRITE && length > sizeof(buffer))) {
		fprintf(stderr, "volatile: request %u of %u bytes at %" PRIu64 "\n", type, length,
			offset);
		exit(2);
	}
	switch (type) {
	case CMD_READ:
		if (pread(disk, buffer, length, (off_t)offset) != (ssize_t)length)
			die("read");
		return put(&reply, sizeof(reply)) && put(buffer, length);
	case CMD_WRITE:
		if (!get(buffer, length))
			return false;
		remember(offset, length);
		if (pwrite(disk, buffer, length, (off_t)offset) != (ssize_t)length)
			die("write");
		break;
	case CMD_FLUSH:
		forget();
		break;
	case CMD_TRIM:
	case CMD_WRITE_ZEROES:
		remember(offset, length);
		write_zeroes(offset, length);
		break;
	case CMD_DISC:
		return false;
	default:
		reply.error = htobe32(22);
	}
	return put(&reply, sizeof(reply));
}

/* Whoever sees it can connect. */
static int listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (snprintf(address.sun_path, sizeof(address.sun_path), "%s.new", path) >=
	    (int)sizeof(address.sun_path)) {
		fprintf(stderr, "volatile: %s: too long\n", path);
		exit(2);
	}
	unlink(address.sun_path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 1) ||
	    rename(address.sun_path, path))
		die(path);
	return fd;
}

int main(int argc, char **argv)
{
	struct stat stat;

	if (argc != 4) {
		fprintf(stderr, "usage: volatile FILE SOCKET SEED\n");
		return 2;
	}
	disk = open(argv[1], O_RDWR);
	if (disk < 0 || fstat(disk, &stat))
		die(argv[1]);
	size = (uint64_t)stat.st_size / SECTOR * SECTOR;
	peer = accept(listen_at(argv[2]), NULL, NULL);
	if (peer < 0)
		die("accept");
	if (handshake())
		while (serve())
			;
	lose((unsigned int)strtoul(argv[3], NULL, 10));
	return 0;
}
