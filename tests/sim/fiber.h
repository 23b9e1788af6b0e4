/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A stack of its own for each node's state machine, so that it can wait for a
 * metadata write in the middle of a function, as the shell does under conf,
 * while the rest of the node goes on.
 */
#ifndef DITTO_SIM_FIBER_H
#define DITTO_SIM_FIBER_H

#include <ucontext.h>

#include "port.h"

#define FIBER_STACK	(64u * 1024)

struct fiber {
	ucontext_t self;
	ucontext_t caller;
	bool running;		/* begun and not ended */
	void *stack;
	const void *caller_stack;
	size_t caller_size;
	void (*run)(void *arg);
	void *arg;
};

/* Begin @run; returns when it waits or ends. */
void fiber_begin(struct fiber *f, void (*run)(void *arg), void *arg);
/* Let it go on behind its fiber_wait(). */
void fiber_resume(struct fiber *f);
/* From within: back to the caller. */
void fiber_wait(struct fiber *f);
/* It will never go on: its stack may be used anew. */
void fiber_abandon(struct fiber *f);
void fiber_free(struct fiber *f);

#endif /* DITTO_SIM_FIBER_H */
