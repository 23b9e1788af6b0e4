/* SPDX-License-Identifier: GPL-2.0 */
/* What a disk seems to hold already. */
#ifndef DITTO_FS_SIGNATURE_H
#define DITTO_FS_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* So much of the disk's beginning is looked at, bytes. */
#define FS_SIGNATURE_BYTES	(72u * 1024)

/**
 * fs_signature() - name what the beginning of a disk shows
 * @start: FS_SIGNATURE_BYTES bytes, or fewer where the disk is smaller
 * @len: how many
 * @bytes: how far it reaches, 0 where that is not known
 *
 * Return: a name for people, or NULL.
 */
const char *fs_signature(const uint8_t *start, size_t len, uint64_t *bytes);

#endif /* DITTO_FS_SIGNATURE_H */
