// SPDX-License-Identifier: GPL-2.0
/*
 * A writer that remembers what was acknowledged, whatever happens to it.
 *
 *	acked write DEVICE LOG BLOCKS	writes random blocks until it is told to
 *					end (SIGINT, SIGTERM)
 *	acked check DEVICE LOG		every block holds what was acknowledged
 *					for it, or what was begun after that
 *	acked count LOG			prints how many writes were acknowledged
 *	acked longest LOG		prints the milliseconds of the slowest one,
 *					that under way included; and begins anew
 *	acked errors LOG		prints how many have failed
 *
 * LOG is a file in memory: it is right also when the writer is killed.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BLOCK	4096u
#define THREADS	4u
#define MAGIC	0x64656b6361ull

/* A thread's own blocks are those with its number modulo THREADS. */
struct log {
	uint64_t blocks;
	atomic_ullong longest;
	atomic_ullong errors;
	atomic_ullong done;
	atomic_ullong since[THREADS];	/* when the one under way began, or 0 */
	struct {
		atomic_ullong begun;
		atomic_ullong acked;
	} block[];
};

static struct log *log_file;
static const char *device;
static volatile sig_atomic_t ending;

static void on_signal(int number)
{
	(void)number;
	ending = 1;
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ull + ts.tv_nsec / 1000000;
}

static void fill(uint64_t *words, uint64_t block, uint64_t sequence)
{
	unsigned int i;

	for (i = 0; i < BLOCK / sizeof(*words); i += 4) {
		words[i] = MAGIC + i;
		words[i + 1] = block;
		words[i + 2] = sequence;
		words[i + 3] = sequence * 2654435761u;
	}
}

static void *writer(void *arg)
{
	uint64_t thread = (uintptr_t)arg, sequence = 0, block, took;
	int fd = open(device, O_WRONLY | O_DIRECT | O_CLOEXEC);
	unsigned int state = thread + 1;
	uint64_t *words = aligned_alloc(BLOCK, BLOCK);
	ssize_t n;

	if (fd < 0 || !words) {
		perror(device);
		exit(1);
	}
	while (!ending) {
		block = rand_r(&state) % (log_file->blocks / THREADS) * THREADS + thread;
		fill(words, block, ++sequence);
		log_file->block[block].begun = sequence;
		log_file->since[thread] = now_ms();
		n = pwrite(fd, words, BLOCK, block * BLOCK);
		took = now_ms() - log_file->since[thread];
		log_file->since[thread] = 0;
		if (took > log_file->longest)
			log_file->longest = took;
		if (n != BLOCK) {
			log_file->errors++;
			continue;
		}
		log_file->block[block].acked = sequence;
		log_file->done++;
	}
	close(fd);
	return NULL;
}

static struct log *map(const char *path, uint64_t blocks)
{
	size_t size = sizeof(struct log) + blocks * sizeof(((struct log *)0)->block[0]);
	int fd = open(path, O_RDWR | (blocks ? O_CREAT | O_TRUNC : 0) | O_CLOEXEC, 0600);
	struct stat st;
	struct log *log;

	if (fd < 0 || (blocks && ftruncate(fd, size)) || fstat(fd, &st)) {
		perror(path);
		exit(1);
	}
	log = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (log == MAP_FAILED) {
		perror(path);
		exit(1);
	}
	if (blocks)
		log->blocks = blocks;
	close(fd);
	return log;
}

static int do_write(void)
{
	pthread_t threads[THREADS];
	unsigned int i;

	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	for (i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, writer, (void *)(uintptr_t)i))
			return 1;
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	return 0;
}

static int do_check(void)
{
	int fd = open(device, O_RDONLY | O_DIRECT | O_CLOEXEC);
	uint64_t *words = aligned_alloc(BLOCK, BLOCK), *expected = malloc(BLOCK);
	uint64_t block, bad = 0, checked = 0;

	if (fd < 0 || !words || !expected) {
		perror(device);
		return 1;
	}
	for (block = 0; block < log_file->blocks; block++) {
		if (!log_file->block[block].acked)
			continue;
		checked++;
		if (pread(fd, words, BLOCK, block * BLOCK) != BLOCK) {
			perror(device);
			return 1;
		}
		fill(expected, block, words[2]);
		if (!memcmp(words, expected, BLOCK) && words[2] >= log_file->block[block].acked &&
		    words[2] <= log_file->block[block].begun)
			continue;
		if (bad++ < 10)
			printf("block %llu: has %llu, acknowledged %llu, begun %llu\n",
			       (unsigned long long)block, (unsigned long long)words[2],
			       (unsigned long long)log_file->block[block].acked,
			       (unsigned long long)log_file->block[block].begun);
	}
	printf("%llu blocks checked, %llu are wrong\n", (unsigned long long)checked,
	       (unsigned long long)bad);
	return bad || !checked;
}

static uint64_t longest(void)
{
	uint64_t most = log_file->longest, since;
	unsigned int i;

	log_file->longest = 0;
	for (i = 0; i < THREADS; i++) {
		since = log_file->since[i];
		if (since && now_ms() - since > most)
			most = now_ms() - since;
	}
	return most;
}

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "write")) {
		device = argv[2];
		log_file = map(argv[3], strtoull(argv[4], NULL, 0) / THREADS * THREADS);
		return do_write();
	}
	if (argc == 4 && !strcmp(argv[1], "check")) {
		device = argv[2];
		log_file = map(argv[3], 0);
		return do_check();
	}
	if (argc != 3) {
		fprintf(stderr, "usage: see the head of the source\n");
		return 2;
	}
	log_file = map(argv[2], 0);
	if (!strcmp(argv[1], "count"))
		printf("%llu\n", (unsigned long long)log_file->done);
	else if (!strcmp(argv[1], "longest"))
		printf("%llu\n", (unsigned long long)longest());
	else if (!strcmp(argv[1], "errors"))
		printf("%llu\n", (unsigned long long)log_file->errors);
	else
		return 2;
	return 0;
}
