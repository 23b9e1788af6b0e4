// SPDX-License-Identifier: GPL-2.0
#include "fiber.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#else
#define ASAN_UNPOISON_MEMORY_REGION(start, size)		((void)0)
#define __sanitizer_start_switch_fiber(save, stack, size)	((void)(save))
#define __sanitizer_finish_switch_fiber(save, stack, size)	((void)(save))
#endif

/* makecontext() passes int only. */
static struct fiber *beginning;

static void entry(void)
{
	struct fiber *f = beginning;

	__sanitizer_finish_switch_fiber(NULL, &f->caller_stack, &f->caller_size);
	f->run(f->arg);
	f->running = false;
	__sanitizer_start_switch_fiber(NULL, f->caller_stack, f->caller_size);
	setcontext(&f->caller);
}

static void enter(struct fiber *f)
{
	void *fake;

	__sanitizer_start_switch_fiber(&fake, f->stack, FIBER_STACK);
	swapcontext(&f->caller, &f->self);
	__sanitizer_finish_switch_fiber(fake, NULL, NULL);
}

void fiber_begin(struct fiber *f, void (*run)(void *arg), void *arg)
{
	if (!f->stack)
		f->stack = malloc(FIBER_STACK);
	getcontext(&f->self);
	f->self.uc_stack.ss_sp = f->stack;
	f->self.uc_stack.ss_size = FIBER_STACK;
	f->self.uc_link = NULL;
	f->run = run;
	f->arg = arg;
	f->running = true;
	beginning = f;
	makecontext(&f->self, entry, 0);
	enter(f);
}

void fiber_resume(struct fiber *f)
{
	enter(f);
}

void fiber_wait(struct fiber *f)
{
	void *fake;

	__sanitizer_start_switch_fiber(&fake, f->caller_stack, f->caller_size);
	swapcontext(&f->self, &f->caller);
	__sanitizer_finish_switch_fiber(fake, &f->caller_stack, &f->caller_size);
}

void fiber_abandon(struct fiber *f)
{
	f->running = false;
	if (f->stack)
		ASAN_UNPOISON_MEMORY_REGION(f->stack, FIBER_STACK);
}

void fiber_free(struct fiber *f)
{
	fiber_abandon(f);
	free(f->stack);
	f->stack = NULL;
}
