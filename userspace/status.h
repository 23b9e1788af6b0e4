/* SPDX-License-Identifier: GPL-2.0 */
/* How resources are shown: to people in 80 columns, to programs as JSON. */
#ifndef DITTO_STATUS_H
#define DITTO_STATUS_H

#include <stdbool.h>
#include <stdio.h>

#include "kernel.h"

struct json_object;

/**
 * status_print() - one resource with its peers
 * @colour: use terminal escapes; they take no columns
 *
 * No line is longer than 80 columns, whatever the names are.
 */
void status_print(FILE *out, const struct kernel_resource *resource, bool colour);

/* The same as an object, numbers plain and states by name; NULL without memory. */
struct json_object *status_json(const struct kernel_resource *resource);

#endif /* DITTO_STATUS_H */
