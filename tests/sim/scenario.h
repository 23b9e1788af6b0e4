/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Traces that lose data when a rule is missing, played step by step.
 */
#ifndef DITTO_SIM_SCENARIO_H
#define DITTO_SIM_SCENARIO_H

#include "sim.h"

enum scenario_result { SCENARIO_PASSED, SCENARIO_FAILED, SCENARIO_SKIPPED };

u32 scenario_count(void);
/* Run one and print its line of TAP. */
enum scenario_result scenario_run(u32 index, u32 number);

#endif /* DITTO_SIM_SCENARIO_H */
