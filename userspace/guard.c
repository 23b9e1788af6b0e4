// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guard.h"

/* Shared by parent and child: how often the disk has answered. */
static unsigned int *answers;

void guard_answered(void)
{
	if (answers)
		__atomic_fetch_add(answers, 1, __ATOMIC_RELAXED);
}

/*
 * The child, and what it says. It is handed on from pipes: a child that cannot
 * be killed must not keep open what somebody reads to its end.
 */
struct child {
	pid_t pid;
	int pidfd;
	int out;
	int err;
};

/* Keeps nothing of the parent's open. Return: false with errno set. */
static bool take_pipes(int out, int err)
{
	int null = open("/dev/null", O_RDONLY);

	return null >= 0 && dup2(null, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0 &&
	       dup2(err, STDERR_FILENO) >= 0 && !close_range(STDERR_FILENO + 1, ~0U, 0);
}

/* Does not return. */
static void run_child(int (*work)(struct tool *tool, char **argv), struct tool *tool,
		      char **argv, pid_t parent)
{
	int code;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_FAILED);
	code = work(tool, argv);
	if (fflush(stdout) || ferror(stdout))
		code = EXIT_FAILED;
	exit(code);
}

/* From *@fd, which is closed and set to -1 at its end. */
static void hand_on(int *fd, FILE *to)
{
	char data[4096];
	ssize_t n = read(*fd, data, sizeof(data));

	if (n > 0) {
		fwrite(data, 1, n, to);
		fflush(to);
	} else if (!n || errno != EINTR) {
		close(*fd);
		*fd = -1;
	}
}

/* Return: false when the disk has not answered for so long. */
static bool wait_for_child(struct child *child)
{
	struct pollfd fds[] = {
		{ .fd = child->err, .events = POLLIN },
		{ .fd = child->out, .events = POLLIN },
		{ .fd = child->pidfd, .events = POLLIN },
	};
	unsigned int before, silent_s = 0;

	while (silent_s < GUARD_TIMEOUT_S) {
		before = __atomic_load_n(answers, __ATOMIC_RELAXED);
		if (poll(fds, 3, 1000) > 0) {
			if (fds[0].revents)
				hand_on(&child->err, stderr);
			if (fds[1].revents)
				hand_on(&child->out, stdout);
			fds[0].fd = child->err;
			fds[1].fd = child->out;
			if (fds[2].revents)
				fds[2].fd = -1;
			if (child->err < 0 && child->out < 0 && fds[2].fd < 0)
				return true;
			silent_s = 0;
		} else if (before == __atomic_load_n(answers, __ATOMIC_RELAXED)) {
			silent_s++;
		} else {
			silent_s = 0;
		}
	}
	return false;
}

static int outcome(const char *what, struct child *child)
{
	int status;

	if (!wait_for_child(child)) {
		kill(child->pid, SIGKILL);
		fprintf(stderr, "ditto: %s: the disk has not answered for %d s: given up\n", what,
			GUARD_TIMEOUT_S);
		return EXIT_FAILED;
	}
	if (waitpid(child->pid, &status, 0) == child->pid && WIFEXITED(status))
		return WEXITSTATUS(status);
	fprintf(stderr, "ditto: %s: ended in the middle\n", what);
	return EXIT_FAILED;
}

static int fail(const char *what)
{
	fprintf(stderr, "ditto: %s: cannot begin: %s\n", what, strerror(errno));
	return EXIT_FAILED;
}

static void close_child(struct child *child)
{
	const int fds[] = { child->pidfd, child->out, child->err };

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

/* Return: 0, or -1 with errno set. */
static int begin(struct child *child, int (*work)(struct tool *tool, char **argv),
		 struct tool *tool, char **argv)
{
	pid_t parent = getpid();
	int out[2], err[2];

	if (pipe2(out, O_CLOEXEC))
		return -1;
	if (pipe2(err, O_CLOEXEC)) {
		close(out[0]);
		close(out[1]);
		return -1;
	}
	child->out = out[0];
	child->err = err[0];
	fflush(NULL);
	child->pid = fork();
	if (!child->pid) {
		if (!take_pipes(out[1], err[1]))
			_exit(fail(argv[0]));
		run_child(work, tool, argv, parent);
	}
	close(out[1]);
	close(err[1]);
	if (child->pid < 0)
		return -1;
	child->pidfd = syscall(SYS_pidfd_open, child->pid, 0);
	if (child->pidfd < 0)
		kill(child->pid, SIGKILL);
	return child->pidfd < 0 ? -1 : 0;
}

int guard_run(int (*work)(struct tool *tool, char **argv), struct tool *tool, char **argv)
{
	struct child child = { .pid = -1, .pidfd = -1, .out = -1, .err = -1 };
	int code;

	answers = mmap(NULL, sizeof(*answers), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (answers == MAP_FAILED) {
		answers = NULL;
		return fail(argv[0]);
	}
	code = begin(&child, work, tool, argv) ? fail(argv[0]) : outcome(argv[0], &child);
	close_child(&child);
	munmap(answers, sizeof(*answers));
	answers = NULL;
	return code;
}
