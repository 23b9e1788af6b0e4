// SPDX-License-Identifier: GPL-2.0
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <syslog.h>

#include "log.h"

/* So many are remembered: some keys are the addresses of strangers. */
#define MAX_COMPLAINTS	256

struct complaint {
	TAILQ_ENTRY(complaint) list;
	char *key;
	char *text;
};

/* Oldest first. */
static TAILQ_HEAD(, complaint) complaints = TAILQ_HEAD_INITIALIZER(complaints);
static unsigned int n_complaints;
static bool to_syslog;

void log_to_syslog(void)
{
	openlog("dittod", LOG_PID, LOG_DAEMON);
	to_syslog = true;
}

void log_line(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (to_syslog) {
		vsyslog(LOG_NOTICE, format, args);
	} else {
		char text[2048];

		/* One write: lines of several daemons do not mix. */
		vsnprintf(text, sizeof(text), format, args);
		fprintf(stderr, "dittod: %s\n", text);
	}
	va_end(args);
}

static void drop(struct complaint *complaint)
{
	TAILQ_REMOVE(&complaints, complaint, list);
	n_complaints--;
	free(complaint->key);
	free(complaint->text);
	free(complaint);
}

static void remember(const char *key, const char *text)
{
	struct complaint *new = calloc(1, sizeof(*new));

	/* Without memory it is logged again next time. */
	if (!new)
		return;
	if (n_complaints == MAX_COMPLAINTS)
		drop(TAILQ_FIRST(&complaints));
	TAILQ_INSERT_TAIL(&complaints, new, list);
	n_complaints++;
	new->key = strdup(key);
	new->text = strdup(text);
	if (!new->key || !new->text)
		drop(new);
}

void log_change(const char *key, const char *text)
{
	struct complaint *complaint;

	TAILQ_FOREACH(complaint, &complaints, list)
		if (!strcmp(complaint->key, key))
			break;
	if (complaint && text && !strcmp(complaint->text, text))
		return;
	if (complaint)
		drop(complaint);
	if (!text)
		return;
	log_line("%s: %s", key, text);
	remember(key, text);
}

void log_forget(void)
{
	while (!TAILQ_EMPTY(&complaints))
		drop(TAILQ_FIRST(&complaints));
}
