// SPDX-License-Identifier: GPL-2.0
#include "sim.h"

#include <stdarg.h>

struct sim sim;

static u64 state;
static char events[SIM_EVENTS][SIM_TEXT];
static u32 event_count;

void sim_begin(u64 seed, bool tracing, bool keeping)
{
	memset(&sim, 0, sizeof(sim));
	sim.seed = seed;
	sim.clock = 1;
	sim.tracing = tracing;
	sim.keeping = keeping;
	state = seed;
	event_count = 0;
}

/* splitmix64 */
u64 chance64(void)
{
	u64 z = state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

u32 chance(u32 bound)
{
	return (chance64() >> 32) * bound >> 32;
}

void note(const char *format, ...)
{
	char *text = events[event_count % SIM_EVENTS];
	va_list args;
	int len;

	if (!sim.tracing && !sim.keeping)
		return;
	len = snprintf(text, SIM_TEXT, "%5u %6llu  ", sim.step, sim.clock);
	va_start(args, format);
	vsnprintf(text + len, SIM_TEXT - len, format, args);
	va_end(args);
	event_count++;
	if (sim.tracing)
		printf("%s\n", text);
}

void broken(const char *id, const char *format, ...)
{
	va_list args;

	if (sim.failed)
		return;
	sim.failed = true;
	snprintf(sim.id, sizeof(sim.id), "%s", id);
	va_start(args, format);
	vsnprintf(sim.what, sizeof(sim.what), format, args);
	va_end(args);
}

void sim_report(void)
{
	u32 i = event_count > SIM_EVENTS ? event_count - SIM_EVENTS : 0;

	for (; i < event_count; i++)
		printf("# %s\n", events[i % SIM_EVENTS]);
	printf("# seed %llu step %u: %s broken: %s\n", sim.seed, sim.step, sim.id, sim.what);
}
