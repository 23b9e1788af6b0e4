/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What happens next. Everything that can happen is a candidate with a weight;
 * the weights change now and then, so that some parts of the cluster nearly
 * stand still while others run.
 */
#ifndef DITTO_SIM_SCHEDULE_H
#define DITTO_SIM_SCHEDULE_H

#include "node.h"

/* Scenarios: this disk does nothing with data, or with the blocks of the intent log. */
extern bool disk_held[SIM_NODES];
extern bool log_held[SIM_NODES];
/* It does not flush its cache. */
extern bool flush_held[SIM_NODES];
/* And nothing cools. */
extern bool cool_held[SIM_NODES];

void schedule_init(void);
/* Draw new weights. */
void schedule_shake(void);
/* Let one thing happen. Return: false where nothing can. */
bool schedule_one(void);
/* Until nothing can happen any more. Return: false where it does not end. */
bool schedule_settle(void);

#endif /* DITTO_SIM_SCHEDULE_H */
