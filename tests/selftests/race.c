// SPDX-License-Identifier: GPL-2.0
/* Writers that do what a careful program would not.
 *
 *	race buffers DEVICE COUNT	threads write with O_DIRECT while another
 *					one changes their buffers
 *	race ranges DEVICE COUNT	threads write overlapping ranges at once
 *
 * Each of four threads makes COUNT writes within the first MiB.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define THREADS		4
#define AREA		(1 << 20)
#define LEN		65536

static char *buffers[THREADS];
static int fd, count;
static bool changing;
static volatile bool stop;

static void *writer(void *data)
{
	int number = (intptr_t)data;
	unsigned int seed = 77 + number;

	for (int i = 0; i < count; i++) {
		size_t len = 4096 * (1 + rand_r(&seed) % (LEN / 4096));
		off_t at = rand_r(&seed) % ((AREA - len) / 4096 + 1) * 4096;

		/* Own areas: here it is the buffer that matters. */
		if (changing)
			at = at / THREADS / 4096 * 4096 + number * (off_t)AREA;
		else
			memset(buffers[number], i * THREADS + number, len);
		if (pwrite(fd, buffers[number], len, at) != (ssize_t)len)
			return (void *)(intptr_t)errno;
	}
	return NULL;
}

static void *changer(void *unused)
{
	unsigned int seed = 1;

	while (!stop)
		for (int i = 0; i < THREADS; i++)
			for (int j = 0; j < 200; j++)
				buffers[i][rand_r(&seed) % LEN] = rand_r(&seed);
	return unused;
}

int main(int argc, char **argv)
{
	pthread_t writers[THREADS], other;
	intptr_t error = 0;

	if (argc != 4 || (strcmp(argv[1], "buffers") && strcmp(argv[1], "ranges"))) {
		fprintf(stderr, "usage: race buffers|ranges DEVICE COUNT\n");
		return 2;
	}
	changing = !strcmp(argv[1], "buffers");
	count = atoi(argv[3]);
	fd = open(argv[2], O_WRONLY | O_DIRECT);
	for (int i = 0; i < THREADS; i++)
		if (fd < 0 || posix_memalign((void **)&buffers[i], 4096, LEN)) {
			perror(argv[2]);
			return 2;
		}
	for (int i = 0; i < THREADS; i++)
		pthread_create(&writers[i], NULL, writer, (void *)(intptr_t)i);
	if (changing)
		pthread_create(&other, NULL, changer, NULL);
	for (int i = 0; i < THREADS; i++) {
		void *ret;

		pthread_join(writers[i], &ret);
		error = ret ? (intptr_t)ret : error;
	}
	stop = true;
	if (changing)
		pthread_join(other, NULL);
	if (error)
		fprintf(stderr, "race: %s\n", strerror(error));
	return error != 0;
}
