/* SPDX-License-Identifier: GPL-2.0 */
/* Keeping the daemon's links and listeners as the kernel and the files are. */
#ifndef DITTO_KERNEL_EVENTS_H
#define DITTO_KERNEL_EVENTS_H

#include "daemon.h"

/* Subscribes and looks at everything once. Return: 0 or a negative errno, logged. */
int kernel_events_start(struct daemon *daemon);
void kernel_events_stop(struct daemon *daemon);

/* Looks at the kernel's resources and at all files soon. */
void kernel_events_refresh(struct daemon *daemon);

#endif /* DITTO_KERNEL_EVENTS_H */
