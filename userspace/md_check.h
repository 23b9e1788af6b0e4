/* SPDX-License-Identifier: GPL-2.0 */
/* Is the metadata on a disk sound, and this node's? */
#ifndef DITTO_MD_CHECK_H
#define DITTO_MD_CHECK_H

#include "md_disk.h"

/**
 * md_check() - print what was found, part by part
 * @blocks: of md_disk_read_slots()
 *
 * What a crash leaves is told and is no fault.
 *
 * Return: 0, or a negative errno where it is not sound, with the reason in @why.
 */
int md_check(const struct config *config, const struct config_node *own, struct md_disk *disk,
	     const uint8_t *blocks, struct why *why);

#endif /* DITTO_MD_CHECK_H */
