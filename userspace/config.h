/* SPDX-License-Identifier: GPL-2.0 */
/* One resource's configuration file, the same on all its nodes. */
#ifndef DITTO_CONFIG_H
#define DITTO_CONFIG_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "kernel.h"
#include "why.h"

#define CONFIG_DIR	"/etc/ditto"

/**
 * struct config_node - a [node NAME] section
 * @line: where the section begins
 * @address: IPv4 or IPv6, with port
 * @address_text: as written in the file
 * @metadata: path, or empty where it is internal
 */
struct config_node {
	char name[DITTO_NAME_LEN + 1];
	int line;
	uint32_t id;
	struct sockaddr_storage address;
	char address_text[80];
	char disk[PATH_MAX];
	char metadata[PATH_MAX];
};

/**
 * struct config - a file
 * @path: of the file, for messages
 * @n_nodes: valid entries of @nodes, in the file's order
 */
struct config {
	char name[DITTO_NAME_LEN + 1];
	char path[PATH_MAX];
	uint8_t uuid[16];
	struct kernel_options options;
	unsigned int n_nodes;
	struct config_node nodes[DITTO_MAX_NODES];
};

/**
 * struct config_names - the resources that have a file
 * @names: sorted; to be freed with config_names_free()
 */
struct config_names {
	unsigned int n;
	char (*names)[DITTO_NAME_LEN + 1];
};

/**
 * config_load() - read and check DIR/NAME.conf
 *
 * Return: 0; -EINVAL with "file:line: what was found; what is allowed" in
 * @why; another negative errno where the file cannot be read.
 */
int config_load(const char *dir, const char *name, struct config *config,
		struct why *why);

/**
 * config_names() - list the resources that have a file in @dir
 *
 * Return: 0 or a negative errno.
 */
int config_names(const char *dir, struct config_names *names, struct why *why);
void config_names_free(struct config_names *names);

/**
 * config_own() - find a node's own section
 * @node_name: NULL takes the host's name
 *
 * Return: 0 or -ENOENT with the names that there are in @why.
 */
int config_own(const struct config *config, const char *node_name,
	       const struct config_node **own, struct why *why);

/* The section of a node id, or NULL. */
const struct config_node *config_node_by_id(const struct config *config, uint32_t id);

#endif /* DITTO_CONFIG_H */
