/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A kernel for the daemon under test. The daemon runs in a process of its own;
 * the test holds the other ends: the state that a dump tells, the events, and
 * the sockets that were handed over.
 */
#ifndef TESTS_TOOL_FAKE_KERNEL_H
#define TESTS_TOOL_FAKE_KERNEL_H

#include "kernel.h"

/* As an event: the daemon's next read tells that events were lost. */
#define FAKE_EVENTS_LOST	0xffff

/* What the fake kernel writes into each lane as soon as it has it. */
#define FAKE_HELLO_LEN		8

/**
 * struct fake_kernel - shared between test and daemon
 * @up: a dump tells @resource
 * @resource: as told
 * @refuse_lanes: hand-overs fail
 * @dumps: counts them
 */
struct fake_kernel {
	volatile bool up;
	volatile bool refuse_lanes;
	volatile unsigned int dumps;
	struct kernel_resource resource;
	int event_fds[2];		/* 0: the test's, 1: the daemon's */
	int report_fds[2];
};

/* A hand-over; the descriptors come with it. */
struct fake_report {
	uint64_t cookie;
	uint32_t peer_id;
	int fds[KERNEL_LANES];
};

/* Set before the daemon runs. */
extern struct fake_kernel *fake_kernel;

/* For the test: in shared memory. */
struct fake_kernel *fake_kernel_new(void);
void fake_kernel_free(struct fake_kernel *fake);

/* Changes the state of the first peer's connection, and tells. */
void fake_kernel_connection(struct fake_kernel *fake, uint32_t state);
void fake_kernel_event(struct fake_kernel *fake, const struct kernel_event *event);

/* Waits for a hand-over; false where none comes within @ms. */
bool fake_kernel_report(struct fake_kernel *fake, struct fake_report *report, int ms);

/* The bytes of one side's greeting on a lane. @text: FAKE_HELLO_LEN bytes. */
void fake_kernel_hello(uint32_t node_id, int lane, char *text);

#endif /* TESTS_TOOL_FAKE_KERNEL_H */
