// SPDX-License-Identifier: GPL-2.0
/* dittod: the command line, and going into the background. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "daemon.h"
#include "log.h"

#ifndef DITTO_VERSION
#define DITTO_VERSION	"0.1"
#endif

static const char usage[] =
	"usage: dittod [--node NAME] [--config-dir DIR] [--foreground] [--pid-file FILE]\n\n"
	"Connects the resources that are up in this network namespace with their peers.\n\n"
	"  --node NAME       which section of the files is this node's (default: the\n"
	"                    host's name; environment: DITTO_NODE)\n"
	"  --config-dir DIR  where the files are (default: " CONFIG_DIR ";\n"
	"                    environment: DITTO_CONFIG_DIR)\n"
	"  --foreground      stay there, and log to standard error instead of syslog\n"
	"  --pid-file FILE   write the process id there\n\n"
	"example:\n"
	"  dittod --foreground --node alpha\n";

static const char *pid_file;
/* Where the parent waits for a byte, or -1 in the foreground. */
static int ready_fd = -1;

static void ready(void)
{
	FILE *file = pid_file ? fopen(pid_file, "we") : NULL;

	if (file)
		fprintf(file, "%d\n", (int)getpid());
	if (pid_file && (!file || fclose(file)))
		log_line("%s: %s", pid_file, strerror(errno));
	if (ready_fd < 0)
		return;
	log_to_syslog();
	if (write(ready_fd, "", 1) < 0)
		log_line("the starting process is gone");
	close(ready_fd);
}

/* In the parent: 0 once the child is ready. */
static int wait_ready(int fd)
{
	char byte;

	return read(fd, &byte, 1) == 1 ? 0 : 1;
}

/* The child returns; its errors go to stderr until it is ready. */
static void into_background(void)
{
	int fds[2], null;
	pid_t pid;

	pid = pipe2(fds, O_CLOEXEC) ? -1 : fork();
	if (pid < 0) {
		fprintf(stderr, "dittod: %s\n", strerror(errno));
		exit(1);
	}
	if (pid) {
		close(fds[1]);
		exit(wait_ready(fds[0]));
	}
	close(fds[0]);
	ready_fd = fds[1];
	setsid();
	if (chdir("/") < 0)
		log_line("chdir /: %s", strerror(errno));
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		close(null);
	}
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "node", required_argument, NULL, 'n' },
		{ "config-dir", required_argument, NULL, 'c' },
		{ "foreground", no_argument, NULL, 'f' },
		{ "pid-file", required_argument, NULL, 'p' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ 0 },
	};
	const char *dir = getenv("DITTO_CONFIG_DIR");
	struct daemon daemon = {
		.config_dir = dir ? dir : CONFIG_DIR,
		.node = getenv("DITTO_NODE"),
		.lane_timeout_ms = DAEMON_LANE_TIMEOUT_MS,
		.on_ready = ready,
	};
	bool foreground = false;
	int c, ret;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (c) {
		case 'n':
			daemon.node = optarg;
			break;
		case 'c':
			daemon.config_dir = optarg;
			break;
		case 'f':
			foreground = true;
			break;
		case 'p':
			pid_file = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		case 'v':
			printf("dittod " DITTO_VERSION "\n");
			return 0;
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	if (optind < argc) {
		fputs(usage, stderr);
		return 2;
	}
	if (!foreground)
		into_background();
	ret = daemon_run(&daemon);
	if (pid_file && !ret)
		unlink(pid_file);
	return ret ? 1 : 0;
}
