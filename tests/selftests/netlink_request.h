/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the commands of the netlink family take, and requests made of that.
 */
#ifndef DITTO_SELFTESTS_NETLINK_REQUEST_H
#define DITTO_SELFTESTS_NETLINK_REQUEST_H

#include "genl.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define ROOM		(64u << 10)
#define NO_PEER		31u

enum kind { KIND_NAME, KIND_TEXT, KIND_UUID, KIND_U32, KIND_U64, KIND_OPTIONS, KIND_LANES };

struct spec {
	uint16_t type;
	uint8_t kind;
	bool required;
	uint32_t value;		/* a sound one */
	uint32_t bad[3];	/* out of range; 0 ends */
};

#define MOST_ATTRS	5

/**
 * struct command - a command and what belongs into it
 * @name: for the reports
 * @cmd: enum ditto_cmd
 * @attrs: the first is its resource's name, a type of 0 ends
 */
struct command {
	const char *name;
	uint8_t cmd;
	struct spec attrs[MOST_ATTRS];
};

extern const struct command request_commands[];
extern const unsigned int request_command_count;

/* The family, the resource that it is about, and room for a request. */
extern struct genl genl;
extern const char *resource;
extern char request[2 * ROOM];

/* An attribute by hand, so that nothing corrects it. */
struct nlattr *request_put(struct nlmsghdr *nlh, uint16_t type, const void *data, uint16_t len);
void request_option(struct nlmsghdr *nlh, uint16_t type, uint32_t value);
void request_lanes(struct nlmsghdr *nlh, int control, int writes, int bulk);
void request_sound(struct nlmsghdr *nlh, const struct spec *spec);
/* A request with all its attributes, but for one, which the caller adds. */
struct nlmsghdr *request_begin(const struct command *command, const struct spec *without);

#endif /* DITTO_SELFTESTS_NETLINK_REQUEST_H */
