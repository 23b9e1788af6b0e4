// SPDX-License-Identifier: GPL-2.0
/* The verb events. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <json-c/json.h>

#include "names.h"
#include "tool.h"

static void print_text(const struct kernel_event *event)
{
	printf("%s %s", event_name(event->event), event->name);
	if (event->has_peer)
		printf(" peer=%u", event->peer_id);
	if (event->has_states)
		printf(" %s->%s", event_state_name(event->event, event->old_state),
		       event_state_name(event->event, event->new_state));
	if (event->has_bytes)
		printf(" bytes=%llu", (unsigned long long)event->bytes);
	if (event->text[0])
		printf(" (%s)", event->text);
	putchar('\n');
}

static void add_string(struct json_object *to, const char *key, const char *value)
{
	json_object_object_add(to, key, json_object_new_string(value));
}

static void print_json(const struct kernel_event *event)
{
	struct json_object *to = json_object_new_object();

	add_string(to, "event", event_name(event->event));
	add_string(to, "name", event->name);
	if (event->has_peer)
		json_object_object_add(to, "peer-id", json_object_new_uint64(event->peer_id));
	if (event->has_states) {
		add_string(to, "old", event_state_name(event->event, event->old_state));
		add_string(to, "new", event_state_name(event->event, event->new_state));
	}
	if (event->has_bytes)
		json_object_object_add(to, "bytes", json_object_new_uint64(event->bytes));
	if (event->text[0])
		add_string(to, "text", event->text);
	printf("%s\n", json_object_to_json_string_ext(to, JSON_C_TO_STRING_PLAIN |
						      JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(to);
}

static void on_event(const struct kernel_event *event, void *data)
{
	const struct tool *tool = data;

	if (tool->json)
		print_json(event);
	else
		print_text(event);
}

int verb_events(struct tool *tool, int argc, char **argv)
{
	struct kernel_events *events;
	struct pollfd pollfd;
	struct why why;
	int ret = 0;

	(void)argc;
	(void)argv;
	if (kernel_events_open(&events, &why))
		return tool_fail("events", &why);
	pollfd.fd = kernel_events_fd(events);
	pollfd.events = POLLIN;
	for (;;) {
		if (poll(&pollfd, 1, -1) < 0 && errno != EINTR)
			break;
		ret = kernel_events_read(events, on_event, tool, &why);
		if (ret == -ENOBUFS)
			fprintf(stderr, "ditto: events: %s; 'ditto status' tells how things are\n",
				why.text);
		else if (ret)
			break;
		if (fflush(stdout))
			break;
	}
	kernel_events_close(events);
	return ret ? tool_fail("events", &why) : EXIT_FAILED;
}
