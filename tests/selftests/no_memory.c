// SPDX-License-Identifier: GPL-2.0
/*
 * Writes to a block device while the kernel has no memory to give away.
 *
 *	no_memory DEVICE KILOBYTES SECONDS
 *
 * Raises vm.min_free_kbytes to KILOBYTES, which is more than is free: from then on
 * only those get memory whom the kernel trusts to free some. A shell could not run
 * meanwhile; this program has all that it needs before, and so have the kernel's
 * worker threads, for the same load has run once by then. The load:
 *
 * - large and small writes past the page cache, at places of their own,
 * - what is dirty in the page cache is written back,
 * - flushes meanwhile.
 *
 * What has not ended SECONDS after memory became short hangs: memory is given back
 * then, so that this can be told. Prints lines "ok TEXT" and "not ok TEXT"; exit
 * status 2 where it could not begin.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#define MIB		(1u << 20)
#define DIRTY		(8 * MIB)
/*
 * More than a bio can have: for less the kernel allocates a table of pages that
 * nothing is kept in reserve for, and if it has none, kills somebody.
 */
#define LARGE_SIZE	(2 * MIB)
#define LARGE		8
#define SMALL		8
#define LARGE_WRITES	4
#define SMALL_WRITES	64
#define FLUSHES		8
#define ROUNDS		2	/* before, and while, memory is short */

/**
 * struct job - a thread of the load
 * @run: does it once
 * @name: for messages
 * @place: bytes on the device
 * @size: of each write
 * @count: of them
 * @buf: of one write
 * @done: rounds that have ended
 * @slowest: of a write, milliseconds, in the last round
 * @error: the first errno
 */
struct job {
	void (*run)(struct job *job);
	const char *name;
	off_t place;
	size_t size;
	int count;
	char *buf;
	int done;
	long slowest;
	int error;
};

#define JOBS		(LARGE + SMALL + 2)

static int direct_fd, cached_fd, limit_fd, drop_fd;
/* Tables of a bio's pages, by size: who may not wait gets none of these in reserve. */
static const char *const tables[] = { "biovec-16", "biovec-64", "biovec-128" };
#define TABLES		(sizeof(tables) / sizeof(tables[0]))
static int table_fds[TABLES];
static char dirty[DIRTY];
static struct job jobs[JOBS];
static int failures;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed;
static int round_now, ended;

static __attribute__((format(printf, 2, 3))) void check(bool good, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	printf("%s", good ? "ok " : "not ok ");
	vprintf(fmt, args);
	putchar('\n');
	va_end(args);
	failures += !good;
}

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void fail(struct job *job)
{
	if (!job->error)
		job->error = errno ? errno : EIO;
}

static void run_writes(struct job *job)
{
	long began, took;
	int i;

	for (i = 0; i < job->count; i++) {
		memset(job->buf, job->place / job->size + 17 * i + round_now, job->size);
		began = now_ms();
		errno = 0;
		if (pwrite(direct_fd, job->buf, job->size, job->place + i * job->size) !=
		    (ssize_t)job->size)
			fail(job);
		took = now_ms() - began;
		if (took > job->slowest)
			job->slowest = took;
	}
}

static void run_flushes(struct job *job)
{
	int i;

	for (i = 0; i < job->count; i++)
		if (fdatasync(direct_fd))
			fail(job);
}

static void run_writeback(struct job *job)
{
	if (fdatasync(cached_fd))
		fail(job);
}

static void *job_thread(void *arg)
{
	struct job *job = arg;
	int round;

	for (round = 1; round <= ROUNDS; round++) {
		pthread_mutex_lock(&lock);
		while (round_now < round)
			pthread_cond_wait(&changed, &lock);
		pthread_mutex_unlock(&lock);
		job->slowest = 0;
		job->run(job);
		pthread_mutex_lock(&lock);
		job->done = round;
		ended++;
		pthread_cond_broadcast(&changed);
		pthread_mutex_unlock(&lock);
	}
	/* The end of a thread takes memory, too. */
	for (;;)
		pause();
	return NULL;
}

static void begin_round(void)
{
	pthread_mutex_lock(&lock);
	ended = 0;
	round_now++;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

/* Return: did all jobs end in time? */
static bool await_round(int seconds)
{
	struct timespec until;
	int ret = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += seconds;
	pthread_mutex_lock(&lock);
	while (ended < JOBS && ret != ETIMEDOUT)
		ret = pthread_cond_timedwait(&changed, &lock, &until);
	ret = ended;
	pthread_mutex_unlock(&lock);
	return ret == JOBS;
}

static void setup_job(struct job *job, void (*run)(struct job *job), const char *name,
		      size_t size, int count)
{
	static off_t place = DIRTY;
	pthread_attr_t attr;
	pthread_t thread;

	job->run = run;
	job->name = name;
	job->size = size;
	job->count = count;
	job->place = place;
	place += size * count;
	if (size && posix_memalign((void **)&job->buf, 4096, size))
		errx(2, "no memory");
	if (size)
		memset(job->buf, 0, size);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 64 << 10);
	if (pthread_create(&thread, &attr, job_thread, job))
		errx(2, "no thread");
}

static void setup(const char *device)
{
	pthread_condattr_t attr;
	int i, n = 0;

	direct_fd = open(device, O_RDWR | O_DIRECT);
	cached_fd = open(device, O_RDWR);
	limit_fd = open("/proc/sys/vm/min_free_kbytes", O_RDWR);
	drop_fd = open("/proc/sys/vm/drop_caches", O_WRONLY);
	if (direct_fd < 0 || cached_fd < 0 || limit_fd < 0 || drop_fd < 0)
		err(2, "open");
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&changed, &attr);
	for (i = 0; i < LARGE; i++)
		setup_job(&jobs[n++], run_writes, "large writes", LARGE_SIZE, LARGE_WRITES);
	for (i = 0; i < SMALL; i++)
		setup_job(&jobs[n++], run_writes, "small writes", 4096, SMALL_WRITES);
	setup_job(&jobs[n++], run_flushes, "flushes", 0, FLUSHES);
	setup_job(&jobs[n++], run_writeback, "writeback", 0, 1);
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		err(2, "mlockall");
}

/* The page cache holds what the device lacks. */
static void make_dirty(int seed)
{
	memset(dirty, seed, sizeof(dirty));
	if (pwrite(cached_fd, dirty, sizeof(dirty), 0) != sizeof(dirty))
		err(2, "pwrite");
}

static void set_limit(const char *kilobytes)
{
	if (pwrite(limit_fd, kilobytes, strlen(kilobytes), 0) < 0)
		err(2, "min_free_kbytes");
}

static void open_tables(void)
{
	char path[64];
	size_t i;

	for (i = 0; i < TABLES; i++) {
		snprintf(path, sizeof(path), "/sys/kernel/slab/%s/shrink", tables[i]);
		table_fds[i] = open(path, O_WRONLY);
		if (table_fds[i] < 0)
			err(2, "%s", path);
	}
}

/* What the kernel's parts keep for themselves, to be given back when it is asked for. */
static void drop_kept(void)
{
	size_t i;

	if (write(drop_fd, "2", 1) != 1)
		err(2, "drop_caches");
	for (i = 0; i < TABLES; i++)
		if (write(table_fds[i], "1", 1) != 1)
			err(2, "%s", tables[i]);
}

static bool is_short(unsigned long kilobytes)
{
	struct sysinfo info;

	sysinfo(&info);
	return info.freeram * info.mem_unit / 1024 < kilobytes;
}

static void report(bool all)
{
	long slowest = 0;
	int i;

	for (i = 0; i < JOBS; i++) {
		if (jobs[i].done < ROUNDS)
			printf("%s (%d) have not ended\n", jobs[i].name, i);
		if (jobs[i].error)
			printf("%s (%d): %s\n", jobs[i].name, i, strerror(jobs[i].error));
		if (jobs[i].slowest > slowest)
			slowest = jobs[i].slowest;
	}
	check(all, "G7: all writes, flushes and writeback end, the slowest write in %ld ms", slowest);
}

int main(int argc, char **argv)
{
	bool all, began_short, stayed_short;
	unsigned long kilobytes;
	char before[32] = "";
	int i, seconds, errors = 0;

	if (argc != 4)
		errx(2, "usage: no_memory DEVICE KILOBYTES SECONDS");
	kilobytes = strtoul(argv[2], NULL, 10);
	seconds = atoi(argv[3]);
	setvbuf(stdout, NULL, _IOFBF, 16384);
	setup(argv[1]);
	open_tables();
	if (pread(limit_fd, before, sizeof(before) - 1, 0) <= 0)
		err(2, "min_free_kbytes");
	make_dirty(1);
	begin_round();
	if (!await_round(seconds))
		errx(2, "the load does not end with memory either");
	make_dirty(2);

	set_limit(argv[2]);
	drop_kept();
	began_short = is_short(kilobytes);
	begin_round();
	all = await_round(seconds);
	stayed_short = is_short(kilobytes);
	set_limit(before);

	check(began_short && stayed_short, "memory was short all the time");
	report(all);
	if (!all)
		check(await_round(seconds), "they end when there is memory again");
	for (i = 0; i < JOBS; i++)
		errors += jobs[i].error != 0;
	check(!errors, "G8: none of them has failed");
	fflush(stdout);
	/* Not by way of those that may hang. */
	_exit(failures != 0);
}
