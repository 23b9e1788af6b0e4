/* SPDX-License-Identifier: GPL-2.0 */
/* Numbers for people. */
#ifndef DITTO_HUMAN_H
#define DITTO_HUMAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel.h"

#define HUMAN_LEN	16

/* "512 B", "3.2 GiB": at most 10 characters. @text: HUMAN_LEN bytes. */
const char *human_bytes(uint64_t bytes, char *text);

/* "0:42", "1:02:03", "5 d": at most 8 characters. @text: HUMAN_LEN bytes. */
const char *human_seconds(uint64_t seconds, char *text);

/* Whether a resync or verify of this peer's copy is under way. */
bool human_is_syncing(const struct kernel_peer *peer);

/**
 * human_progress() - a bar with percentage, speed and time left
 * @peer: with human_is_syncing()
 * @text: HUMAN_PROGRESS bytes; at most 64 characters are written
 */
#define HUMAN_PROGRESS	72
const char *human_progress(const struct kernel_peer *peer, char *text);

#endif /* DITTO_HUMAN_H */
