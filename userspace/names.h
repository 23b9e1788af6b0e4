/* SPDX-License-Identifier: GPL-2.0 */
/* The words for the numbers of linux/ditto.h; "?" where there is none. */
#ifndef DITTO_NAMES_H
#define DITTO_NAMES_H

#include <stdint.h>

const char *role_name(uint32_t role);
const char *policy_name(uint32_t policy);
const char *read_error_name(uint32_t what);
const char *disk_name(uint32_t state);
const char *connection_name(uint32_t state);
const char *replication_name(uint32_t state);
const char *io_name(uint32_t state);
const char *event_name(uint32_t event);

/* The name of a state in an event of this kind. */
const char *event_state_name(uint32_t event, uint32_t state);

#endif /* DITTO_NAMES_H */
