/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The netlink family "ditto" as the test programs use it: raw, so that a
 * message may be as wrong as the test wants it.
 */
#ifndef DITTO_SELFTESTS_GENL_H
#define DITTO_SELFTESTS_GENL_H

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stdint.h>
#include <linux/ditto.h>

/* Longer than any answer may take, the debug kernel's too. */
#define GENL_TIMEOUT_S	60
#define GENL_ANSWER	(256u << 10)

/**
 * struct genl - a socket and what it has learnt
 * @family: number of the family
 * @group: number of its multicast group
 * @answer: room for one
 * @text: the extended acknowledgement of the last answer, or empty
 */
struct genl {
	struct mnl_socket *socket;
	uint16_t family;
	uint32_t group;
	uint32_t sequence;
	char text[512];
	char answer[GENL_ANSWER];
};

/* What status says of one peer. */
struct genl_peer {
	bool found;
	uint32_t connection;
	uint32_t disk;
	uint32_t replication;
	uint64_t cookie;
	char reason[256];
};

/* Return: 0 or a negative errno. */
int genl_open(struct genl *g);
void genl_close(struct genl *g);

/**
 * genl_begin() - start a request
 * @buf: room for it
 * @name: DITTO_A_NAME, or NULL
 */
struct nlmsghdr *genl_begin(const struct genl *g, void *buf, uint8_t cmd, const char *name);

/**
 * genl_talk() - send a request and take the answer
 * @handle: for each message of the answer that is neither error nor end, or NULL
 *
 * Return: 0 or the negative errno that the kernel answered; -ETIMEDOUT when it
 * has not answered within GENL_TIMEOUT_S.
 */
int genl_talk(struct genl *g, struct nlmsghdr *nlh, mnl_cb_t handle, void *data);

/* The two halves of it: something else may happen in between. */
int genl_send(struct genl *g, struct nlmsghdr *nlh);
int genl_answer(struct genl *g, mnl_cb_t handle, void *data);

/* A command that takes a resource and, unless it is negative, a peer. */
int genl_command(struct genl *g, uint8_t cmd, const char *name, int peer);
int genl_lanes(struct genl *g, const char *name, uint32_t peer, uint64_t cookie, const int *fds);
int genl_peer_get(struct genl *g, const char *name, uint32_t id, struct genl_peer *peer);

/**
 * genl_peer_wait() - until the connection with a peer is in this state
 * Return: 0, -ETIMEDOUT after @ms, or what genl_peer_get() returned.
 */
int genl_peer_wait(struct genl *g, const char *name, uint32_t id, uint32_t connection,
		   unsigned int ms, struct genl_peer *peer);

/* Milliseconds of a clock that only goes forward. */
uint64_t now_ms(void);
void pause_ms(unsigned int ms);
/* TIME_SCALE of the environment, at least 1: a debug kernel is slower. */
unsigned int time_scale(void);

#endif /* DITTO_SELFTESTS_GENL_H */
