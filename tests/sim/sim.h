/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The simulator of a cluster: three nodes made of the core's files, disks that
 * forget, networks that stall, all from one seed. One run is one sequence of
 * draws, so a seed replays exactly.
 */
#ifndef DITTO_SIM_H
#define DITTO_SIM_H

#include "port.h"

#define SIM_NODES	3u
#define SIM_SECTORS	256u		/* 512 bytes each: 32 blocks of 4 KiB */
#define SIM_BYTES	((u64)SIM_SECTORS * 512)
#define SIM_MASK	BITS_TO_LONGS(SIM_SECTORS)
/* 16 KiB each, and fewer than the device has fit into the intent log. */
#define SIM_REGION_SHIFT	14u
#define SIM_REGIONS	((u32)(SIM_BYTES >> SIM_REGION_SHIFT))
#define SIM_LOG_REGIONS	3u		/* of each block of the log */
#define SIM_EVENTS	30		/* shown when a run fails */
#define SIM_TEXT	400

/**
 * struct sim - what all parts share
 * @seed: of this run
 * @step: of this run
 * @clock: grows with every event; 0 is before everything
 * @tracing: print each event
 * @compare: resyncs skip what is equal
 * @keeping: remember the last events
 * @failed: a guarantee was broken; @id and @what say which and how
 */
struct sim {
	u64 seed;
	u32 step;
	u64 clock;
	bool tracing;
	bool compare;
	bool keeping;
	bool failed;
	char id[8];
	char what[SIM_TEXT];
};

extern struct sim sim;

void sim_begin(u64 seed, bool tracing, bool keeping);

u64 chance64(void);
/* Below @bound, which is not 0. */
u32 chance(u32 bound);
static inline bool one_in(u32 n)
{
	return !chance(n);
}

/* An event, for the trace. */
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A guarantee is broken, by its identifier; the first of a run counts. */
void broken(const char *id, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Print the last events and what was broken. */
void sim_report(void);

#endif /* DITTO_SIM_H */
