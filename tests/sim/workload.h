/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What users, administrators and fate do to the cluster, drawn from the seed.
 */
#ifndef DITTO_SIM_WORKLOAD_H
#define DITTO_SIM_WORKLOAD_H

#include "schedule.h"

#define WORKLOAD_STEPS	300u

/* A whole run. Return: false where a guarantee was broken; sim says which. */
bool workload_run(u64 seed, u32 steps, bool tracing, bool keeping);

/* For scenarios: a cluster, and the end of one. */
void cluster_begin(bool internal, u32 shift, bool fresh);
void cluster_end(void);
/* Give the node's state machine a command; it is done when that has run. */
bool cluster_command(u32 node, enum command command, u32 peer);

#endif /* DITTO_SIM_WORKLOAD_H */
