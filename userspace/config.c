// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ini.h>

#include "config.h"
#include "config_value.h"
#include "uuid.h"

enum section { NONE, RESOURCE, OPTIONS, NODE };

/**
 * struct parser - the state while one file is read
 * @why: where the first error goes
 * @failed: there was one
 * @line: the one being read
 * @section: the one being read
 * @section_line: where each kind began (RESOURCE, OPTIONS)
 * @key_line: of each key of the present section, by its place in the table
 * @last_key: the latest key's line by its place, also in earlier sections
 * @node: the present NODE section
 */
struct parser {
	struct config *config;
	struct why *why;
	FILE *file;
	bool failed;
	int line;
	enum section section;
	int section_line[NODE];
	int key_line[16];
	int last_key[16];
	struct config_node *node;
};

__attribute__((format(printf, 3, 4)))
static int refuse(struct parser *p, int line, const char *format, ...)
{
	char text[900];
	va_list args;

	if (p->failed)
		return 0;
	p->failed = true;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	why_set(p->why, -EINVAL, "%s:%d: %s", p->config->path, line, text);
	return 0;
}

static int parse_name(struct parser *p, const char *value)
{
	if (strcmp(value, p->config->name))
		return refuse(p, p->line, "name = '%s'; it must be the file's name, '%s', or absent",
			      value, p->config->name);
	return 1;
}

static int parse_uuid(struct parser *p, const char *value)
{
	if (!uuid_parse(value, p->config->uuid))
		return refuse(p, p->line, "uuid = '%s'; a UUID has 32 hexadecimal digits in groups of 8-4-4-4-12",
			      value);
	return 1;
}

static int parse_policy(struct parser *p, const char *value)
{
	if (!strcmp(value, "semi-sync") || !strcmp(value, "quorum") || !strcmp(value, "async"))
		return refuse(p, p->line, "policy = %s: not in this version; allowed is sync",
			      value);
	if (strcmp(value, "sync"))
		return refuse(p, p->line, "policy = '%s'; allowed is sync", value);
	p->config->options.policy = DITTO_POLICY_SYNC;
	return 1;
}

static int parse_security(struct parser *p, const char *value)
{
	if (!strcmp(value, "tls"))
		return refuse(p, p->line, "security = tls: not in this version; allowed is none");
	if (strcmp(value, "none"))
		return refuse(p, p->line, "security = '%s'; allowed is none", value);
	return 1;
}

static int parse_ping(struct parser *p, const char *value)
{
	if (!value_time(value, 100, 60000, &p->config->options.ping_interval))
		return refuse(p, p->line, "ping-interval = '%s'; allowed are 100ms to 60s",
			      value);
	return 1;
}

static int parse_timeout(struct parser *p, const char *value)
{
	if (!value_time(value, 500, 600000, &p->config->options.timeout))
		return refuse(p, p->line, "timeout = '%s'; allowed are 500ms to 600s", value);
	return 1;
}

static int parse_switch(struct parser *p, const char *key, const char *value, uint32_t *to)
{
	if (strcmp(value, "yes") && strcmp(value, "no"))
		return refuse(p, p->line, "%s = '%s'; allowed are yes, no", key, value);
	*to = !strcmp(value, "yes");
	return 1;
}

static int parse_payload_checksum(struct parser *p, const char *value)
{
	return parse_switch(p, "payload-checksum", value, &p->config->options.payload_crc);
}

static int parse_read_error(struct parser *p, const char *value)
{
	if (!strcmp(value, "repair"))
		p->config->options.on_read_error = DITTO_READ_ERROR_REPAIR;
	else if (!strcmp(value, "detach"))
		p->config->options.on_read_error = DITTO_READ_ERROR_DETACH;
	else
		return refuse(p, p->line, "on-read-error = '%s'; allowed are repair, detach",
			      value);
	return 1;
}

static int parse_resync_checksum(struct parser *p, const char *value)
{
	return parse_switch(p, "resync-checksum", value, &p->config->options.resync_checksum);
}

static int parse_id(struct parser *p, const char *value)
{
	uint64_t id;

	if (!value_number(value, 0, DITTO_MAX_NODES - 1, &id))
		return refuse(p, p->line, "id = '%s'; allowed are 0 to %d", value,
			      DITTO_MAX_NODES - 1);
	for (unsigned int i = 0; i + 1 < p->config->n_nodes; i++)
		if (p->config->nodes[i].id == id)
			return refuse(p, p->line, "id = %s is node %s's already; each node has its own, 0 to %d",
				      value, p->config->nodes[i].name, DITTO_MAX_NODES - 1);
	p->node->id = id;
	return 1;
}

static int parse_address(struct parser *p, const char *value)
{
	if (!value_address(value, &p->node->address))
		return refuse(p, p->line, "address = '%s'; allowed are IPv4:port and [IPv6]:port, of one host, port 1 to 65535",
			      value);
	for (unsigned int i = 0; i + 1 < p->config->n_nodes; i++)
		if (address_same(&p->config->nodes[i].address, &p->node->address))
			return refuse(p, p->line, "address = %s is node %s's already; each node has its own",
				      value, p->config->nodes[i].name);
	copy_string(p->node->address_text, value, sizeof(p->node->address_text));
	return 1;
}

static int parse_disk(struct parser *p, const char *value)
{
	if (!strcmp(value, "none"))
		return refuse(p, p->line, "disk = none: diskless nodes are not in this version; give the path of a block device");
	if (value[0] != '/')
		return refuse(p, p->line, "disk = '%s'; it must be an absolute path", value);
	copy_string(p->node->disk, value, sizeof(p->node->disk));
	return 1;
}

static int parse_metadata(struct parser *p, const char *value)
{
	if (!strcmp(value, "internal")) {
		p->node->metadata[0] = '\0';
		return 1;
	}
	if (value[0] != '/')
		return refuse(p, p->line, "metadata = '%s'; allowed are internal and an absolute path",
			      value);
	copy_string(p->node->metadata, value, sizeof(p->node->metadata));
	return 1;
}

static const struct key {
	enum section section;
	const char *name;
	bool required;
	int (*parse)(struct parser *p, const char *value);
} keys[] = {
	{ RESOURCE, "name", false, parse_name },
	{ RESOURCE, "uuid", false, parse_uuid },	/* has a message of its own */
	{ RESOURCE, "policy", true, parse_policy },
	{ RESOURCE, "security", false, parse_security },	/* and so has this */
	{ OPTIONS, "ping-interval", false, parse_ping },
	{ OPTIONS, "timeout", false, parse_timeout },
	{ OPTIONS, "payload-checksum", false, parse_payload_checksum },
	{ OPTIONS, "on-read-error", false, parse_read_error },
	{ OPTIONS, "resync-checksum", false, parse_resync_checksum },
	{ NODE, "id", true, parse_id },
	{ NODE, "address", true, parse_address },
	{ NODE, "disk", false, parse_disk },		/* and this */
	{ NODE, "metadata", false, parse_metadata },
};

#define N_KEYS	(sizeof(keys) / sizeof(keys[0]))

static const char *section_name(enum section section)
{
	switch (section) {
	case RESOURCE:
		return "[resource]";
	case OPTIONS:
		return "[options]";
	case NODE:
		return "[node NAME]";
	default:
		return "no section";
	}
}

static int find_key(enum section section, const char *name)
{
	for (unsigned int i = 0; i < N_KEYS; i++)
		if (keys[i].section == section && !strcmp(keys[i].name, name))
			return i;
	return -1;
}

static int refuse_key(struct parser *p, const char *name)
{
	char allowed[200] = "";
	size_t at = 0;

	if (p->section == NONE)
		return refuse(p, p->line, "key '%s' before any section; sections are [resource], [options], [node NAME]",
			      name);
	for (unsigned int i = 0; i < N_KEYS; i++)
		if (keys[i].section == p->section)
			at += snprintf(allowed + at, sizeof(allowed) - at, "%s%s",
				       at ? ", " : "", keys[i].name);
	return refuse(p, p->line, "unknown key '%s'; allowed in %s are %s", name,
		      section_name(p->section), allowed);
}

/* inih's handler: 1 goes on, 0 counts as an error. */
static int on_value(void *data, const char *section, const char *name, const char *value)
{
	struct parser *p = data;
	int key;

	(void)section;
	if (p->failed)
		return 0;
	key = find_key(p->section, name);
	if (key < 0)
		return refuse_key(p, name);
	if (p->key_line[key])
		return refuse(p, p->line, "key '%s' again; line %d has it already", name,
			      p->key_line[key]);
	p->key_line[key] = p->line;
	p->last_key[key] = p->line;
	return keys[key].parse(p, value);
}

static int end_node(struct parser *p)
{
	const struct config_node *node = p->node;

	for (unsigned int i = 0; i < N_KEYS; i++)
		if (keys[i].section == NODE && keys[i].required && !p->key_line[i])
			return refuse(p, node->line, "[node %s] has no '%s'; required are id, address, disk",
				      node->name, keys[i].name);
	if (!node->disk[0])
		return refuse(p, node->line, "[node %s] has no 'disk': diskless nodes are not in this version; give the path of a block device",
			      node->name);
	if (!strcmp(node->disk, node->metadata))
		return refuse(p, p->key_line[find_key(NODE, "metadata")],
			      "metadata = %s is the disk itself; for metadata at its end write internal",
			      node->metadata);
	return 1;
}

static int begin_node(struct parser *p, const char *name)
{
	struct config *config = p->config;

	while (isspace((unsigned char)*name))
		name++;
	if (!value_name(name))
		return refuse(p, p->line, "node name '%s'; allowed are up to %d letters, digits, '_', '.', '-', not 'all'",
			      name, DITTO_NAME_LEN);
	for (unsigned int i = 0; i < config->n_nodes; i++)
		if (!strcmp(config->nodes[i].name, name))
			return refuse(p, p->line, "[node %s] again; line %d has it already",
				      name, config->nodes[i].line);
	if (config->n_nodes == DITTO_MAX_NODES)
		return refuse(p, p->line, "node %s is one too many; allowed are %d", name,
			      DITTO_MAX_NODES);
	p->node = &config->nodes[config->n_nodes++];
	copy_string(p->node->name, name, sizeof(p->node->name));
	p->node->line = p->line;
	p->section = NODE;
	return 1;
}

static int begin_section(struct parser *p, const char *name)
{
	enum section section;

	if (p->section == NODE && !end_node(p))
		return 0;
	memset(p->key_line, 0, sizeof(p->key_line));
	if (!strncmp(name, "node", 4) && isspace((unsigned char)name[4]))
		return begin_node(p, name + 5);
	if (!strcmp(name, "resource"))
		section = RESOURCE;
	else if (!strcmp(name, "options"))
		section = OPTIONS;
	else
		return refuse(p, p->line, "unknown section [%s]; allowed are [resource], [options], [node NAME]",
			      name);
	if (p->section_line[section])
		return refuse(p, p->line, "[%s] again; line %d has it already", name,
			      p->section_line[section]);
	p->section = section;
	p->section_line[section] = p->line;
	return 1;
}

/*
 * inih tells neither lines nor empty sections, and takes an indented line for
 * more of the one before. So the lines pass through here first.
 */
static char *next_line(char *buffer, int size, void *data)
{
	struct parser *p = data;
	size_t indent, len;
	char name[256], *end;

	if (p->failed || !fgets(buffer, size, p->file))
		return NULL;
	p->line++;
	len = strlen(buffer);
	if ((int)len == size - 1 && buffer[len - 1] != '\n') {
		refuse(p, p->line, "the line is too long; allowed are %d characters", size - 2);
		return NULL;
	}
	indent = strspn(buffer, " \t");
	memmove(buffer, buffer + indent, len - indent + 1);
	if (buffer[0] != '[')
		return buffer;
	end = strchr(buffer, ']');
	if (end) {
		snprintf(name, sizeof(name), "%.*s", (int)(end - buffer - 1), buffer + 1);
		begin_section(p, name);
	} else {
		refuse(p, p->line, "a section's name ends with ']'");
	}
	return p->failed ? NULL : buffer;
}

static int refuse_uuid(struct parser *p)
{
	char text[UUID_TEXT_LEN + 1];
	uint8_t uuid[16];

	if (uuid_generate(uuid))
		memset(uuid, 0, sizeof(uuid));
	uuid_format(uuid, text);
	return refuse(p, p->section_line[RESOURCE],
		      "[resource] has no 'uuid'; a fresh one to paste here, the same on all nodes:\nuuid = %s",
		      text);
}

static int check_whole(struct parser *p)
{
	static const uint8_t zero[16];
	const struct kernel_options *options = &p->config->options;
	int line = p->section_line[RESOURCE];

	if (p->section == NODE && !end_node(p))
		return 0;
	if (!line)
		return refuse(p, 1, "there is no section [resource]; required are [resource] and a [node NAME] for each node");
	if (!p->last_key[find_key(RESOURCE, "uuid")] || !memcmp(p->config->uuid, zero, 16))
		return refuse_uuid(p);
	if (!p->last_key[find_key(RESOURCE, "policy")])
		return refuse(p, line, "[resource] has no 'policy'; allowed is sync");
	if (!p->last_key[find_key(RESOURCE, "security")])
		return refuse(p, line, "[resource] has no 'security'; allowed is none: plain TCP, for networks that only you can reach");
	if (options->timeout < 2 * options->ping_interval) {
		line = p->last_key[find_key(OPTIONS, "timeout")];
		if (!line)
			line = p->last_key[find_key(OPTIONS, "ping-interval")];
		return refuse(p, line, "timeout %u ms is less than two ping-intervals of %u ms; allowed are %u ms and more",
			      options->timeout, options->ping_interval, 2 * options->ping_interval);
	}
	if (!p->config->n_nodes)
		return refuse(p, p->line, "there is no section [node NAME]; each node needs one");
	return 1;
}

static int say_missing(const char *dir, struct config *config, int error, struct why *why)
{
	struct config_names names;
	char known[400] = "";
	size_t at = 0;

	if (error != -ENOENT || config_names(dir, &names, NULL))
		return why_set(why, error, "%s: %s", config->path, strerror(-error));
	for (unsigned int i = 0; i < names.n && at + DITTO_NAME_LEN + 3 < sizeof(known); i++)
		at += snprintf(known + at, sizeof(known) - at, "%s%s", at ? ", " : "",
			       names.names[i]);
	config_names_free(&names);
	return why_set(why, error, "%s: no such file; resources configured in %s: %s",
		       config->path, dir, at ? known : "none");
}

int config_load(const char *dir, const char *name, struct config *config,
		struct why *why)
{
	struct parser p = { .config = config, .why = why };
	int ret;

	memset(config, 0, sizeof(*config));
	config->options.ping_interval = 1000;
	config->options.timeout = 6000;
	config->options.on_read_error = DITTO_READ_ERROR_REPAIR;
	if (!value_name(name))
		return why_set(why, -EINVAL, "'%s' is no resource's name; allowed are up to %d letters, digits, '_', '.', '-'",
			       name, DITTO_NAME_LEN);
	copy_string(config->name, name, sizeof(config->name));
	if (snprintf(config->path, sizeof(config->path), "%s/%s.conf", dir, name) >=
	    (int)sizeof(config->path))
		return why_set(why, -ENAMETOOLONG, "%s: the path is too long", dir);
	p.file = fopen(config->path, "re");
	if (!p.file)
		return say_missing(dir, config, -errno, why);
	ret = ini_parse_stream(next_line, &p, on_value, &p);
	if (!p.failed && ret > 0)
		refuse(&p, ret, "neither a [section] nor 'key = value'");
	if (!p.failed && (ret < 0 || ferror(p.file)))
		refuse(&p, p.line + 1, "the file cannot be read");
	fclose(p.file);
	if (!p.failed)
		check_whole(&p);
	return p.failed ? -EINVAL : 0;
}
