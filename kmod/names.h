/* SPDX-License-Identifier: GPL-2.0 */
/* States in words, for the log. */
#ifndef DITTO_NAMES_H
#define DITTO_NAMES_H

#include <linux/types.h>

const char *ditto_disk_name(u32 state);
const char *ditto_connection_name(u32 state);
const char *ditto_replication_name(u32 state);

#endif /* DITTO_NAMES_H */
