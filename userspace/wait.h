/* SPDX-License-Identifier: GPL-2.0 */
/* Waiting for a resource: by events, and by a look each second. */
#ifndef DITTO_WAIT_H
#define DITTO_WAIT_H

#include "tool.h"

/**
 * struct wait - waiting for a resource
 * @progress: write to the terminal
 * @shown: a line without its end is on the terminal
 * @deadline: CLOCK_MONOTONIC seconds, or negative
 * @done: node ids whose verify has ended
 */
struct wait {
	const char *name;
	struct kernel *k;
	struct kernel_events *events;
	bool progress;
	bool shown;
	double deadline;
	uint32_t done;
};

/* CLOCK_MONOTONIC, seconds. */
double wait_now(void);

/* Return: EXIT_DONE, or EXIT_FAILED after a message; wait_end() only after the first. */
int wait_begin(struct wait *wait, struct tool *tool, const char *name);
void wait_end(struct wait *wait);

/* Replaces the line on the terminal, if there is to be one. */
void wait_show(struct wait *wait, const char *text);

/* Ends that line, before something else is printed. */
void wait_show_end(struct wait *wait);

/* Until an event, the next look or the deadline. Return: whether that is over. */
bool wait_for_news(struct wait *wait);

#endif /* DITTO_WAIT_H */
