// SPDX-License-Identifier: GPL-2.0
/* The verb status. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <json-c/json.h>

#include "status.h"
#include "tool.h"

static void show_json(const struct kernel_resource *list)
{
	struct json_object *all = json_object_new_array();

	for (const struct kernel_resource *r = list; r; r = r->next)
		json_object_array_add(all, status_json(r));
	printf("%s\n", json_object_to_json_string_ext(all, JSON_C_TO_STRING_PRETTY |
						      JSON_C_TO_STRING_SPACED |
						      JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(all);
}

static void show_text(const struct kernel_resource *list)
{
	bool colour = isatty(STDOUT_FILENO);

	if (!list)
		fprintf(stderr, "ditto: no resource is up here\n");
	for (const struct kernel_resource *r = list; r; r = r->next) {
		status_print(stdout, r, colour);
		if (r->next)
			putchar('\n');
	}
}

int verb_status(struct tool *tool, int argc, char **argv)
{
	bool one = argc == 1 && strcmp(argv[0], "all");
	struct kernel *k = tool_kernel(tool);
	struct kernel_resource *list;
	struct why why;

	if (!k)
		return EXIT_FAILED;
	if (one ? kernel_get(k, argv[0], &list, &why) : kernel_dump(k, &list, &why))
		return tool_fail(one ? argv[0] : "status", &why);
	if (tool->json)
		show_json(list);
	else
		show_text(list);
	kernel_free(list);
	return EXIT_DONE;
}
