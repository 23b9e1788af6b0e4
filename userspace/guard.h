/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Work on a disk that may not answer: whoever reads a frozen disk can neither be
 * killed nor end before it answers. So the work has a process of its own, which
 * can be left behind (G7), with nothing of ours: not even what it writes to.
 */
#ifndef DITTO_GUARD_H
#define DITTO_GUARD_H

#include "tool.h"

/* How long a disk may say nothing before it is left alone. */
#define GUARD_TIMEOUT_S	30

/**
 * guard_run() - have a verb's work done by a child
 * @work: returns the exit code
 *
 * When the disk does not answer in time, or this process is killed, so is the
 * child: what it has not begun to write by then it never writes.
 *
 * Return: the child's exit code, or EXIT_FAILED after a message.
 */
int guard_run(int (*work)(struct tool *tool, char **argv), struct tool *tool, char **argv);

/* In the child: the disk has answered. */
void guard_answered(void);

#endif /* DITTO_GUARD_H */
