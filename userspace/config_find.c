// SPDX-License-Identifier: GPL-2.0
/* Which files there are, and which section of one is ours. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "config.h"
#include "config_value.h"

static int is_config(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return entry->d_name[0] != '.' && len > 5 && len - 5 <= DITTO_NAME_LEN &&
	       !strcmp(entry->d_name + len - 5, ".conf");
}

int config_names(const char *dir, struct config_names *names, struct why *why)
{
	struct dirent **entries;
	int n = scandir(dir, &entries, is_config, alphasort);

	names->n = 0;
	names->names = NULL;
	if (n < 0)
		return why_set(why, -errno, "%s: %s", dir, strerror(errno));
	if (n)
		names->names = calloc(n, sizeof(*names->names));
	for (int i = 0; i < n; i++) {
		if (names->names)
			copy_string(names->names[names->n++], entries[i]->d_name,
				    strlen(entries[i]->d_name) - 5 + 1);
		free(entries[i]);
	}
	free(entries);
	if (n && !names->names)
		return why_set(why, -ENOMEM, "out of memory");
	return 0;
}

void config_names_free(struct config_names *names)
{
	free(names->names);
	names->names = NULL;
	names->n = 0;
}

int config_own(const struct config *config, const char *node_name,
	       const struct config_node **own, struct why *why)
{
	struct utsname host;
	char known[600] = "";
	size_t at = 0;

	if (!node_name) {
		if (uname(&host) < 0)
			return why_set(why, -errno, "uname: %s", strerror(errno));
		node_name = host.nodename;
	}
	for (unsigned int i = 0; i < config->n_nodes; i++) {
		if (!strcmp(config->nodes[i].name, node_name)) {
			*own = &config->nodes[i];
			return 0;
		}
		if (at + DITTO_NAME_LEN + 3 < sizeof(known))
			at += snprintf(known + at, sizeof(known) - at, "%s%s",
				       at ? ", " : "", config->nodes[i].name);
	}
	return why_set(why, -ENOENT, "%s has no section [node %s]; it has %s; which of them this host is can be said with --node",
		       config->path, node_name, known);
}

const struct config_node *config_node_by_id(const struct config *config, uint32_t id)
{
	for (unsigned int i = 0; i < config->n_nodes; i++)
		if (config->nodes[i].id == id)
			return &config->nodes[i];
	return NULL;
}
