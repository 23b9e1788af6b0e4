// SPDX-License-Identifier: GPL-2.0
/* Prints values out of the JSON on standard input, one a line: json PATH...
 * A path is KEY.KEY..., where the elements of an array are found by number or
 * by their "name", and * stands for each.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <json-c/json.h>

static bool has_key(struct json_object *at, size_t number, const char *key, size_t len)
{
	struct json_object *name;
	char text[32];

	if (len == 1 && *key == '*')
		return true;
	snprintf(text, sizeof(text), "%zu", number);
	if (strlen(text) == len && !strncmp(text, key, len))
		return true;
	if (!json_object_object_get_ex(at, "name", &name))
		return false;
	return (size_t)json_object_get_string_len(name) == len &&
	       !strncmp(json_object_get_string(name), key, len);
}

/* How many values there were */
static unsigned int print(struct json_object *at, const char *path)
{
	size_t len = strcspn(path, ".");
	const char *rest = path + len + (path[len] == '.');
	unsigned int found = 0;

	if (!*path) {
		puts(json_object_get_string(at));
		return 1;
	}
	if (json_object_is_type(at, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(at); i++) {
			struct json_object *element = json_object_array_get_idx(at, i);

			if (has_key(element, i, path, len))
				found += print(element, rest);
		}
	} else if (json_object_is_type(at, json_type_object)) {
		json_object_object_foreach(at, key, value) {
			if (strlen(key) == len && !strncmp(key, path, len))
				found += print(value, rest);
		}
	}
	return found;
}

int main(int argc, char **argv)
{
	struct json_object *at = json_object_from_fd(0);
	int status = 0;

	if (!at) {
		fprintf(stderr, "json: no JSON\n");
		return 2;
	}
	for (int i = 1; i < argc; i++) {
		if (!print(at, argv[i]) && !strchr(argv[i], '*')) {
			fprintf(stderr, "json: there is no %s\n", argv[i]);
			status = 1;
		}
	}
	return status;
}
