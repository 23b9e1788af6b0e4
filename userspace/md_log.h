/* SPDX-License-Identifier: GPL-2.0 */
/* The intent log on a disk: which regions a crash would find hot. */
#ifndef DITTO_MD_LOG_H
#define DITTO_MD_LOG_H

#include "intent.h"
#include "md_disk.h"

/**
 * struct md_log - what the log says
 * @errors: by block and copy: 0 where it is sound, or ditto_intent_decode()'s
 * @sound: blocks with a sound copy
 * @torn: copies that are not sound in these
 * @n_hot: regions that the newest sound copies name
 * @hot: their numbers, ascending, each once
 */
struct md_log {
	int errors[DITTO_INTENT_BLOCKS][DITTO_INTENT_COPIES];
	uint32_t sound;
	uint32_t torn;
	uint32_t n_hot;
	uint32_t hot[DITTO_INTENT_REGIONS];
};

/* Return: 0, whether sound or not, or a negative errno where it could not be read. */
int md_log_read(struct md_disk *disk, const struct ditto_md *md, struct md_log *log,
		struct why *why);

/* Why a copy is not sound, in words. */
const char *md_log_complaint(int error);

/* No region is hot. Not durable before md_disk_sync(). */
int md_log_write_empty(struct md_disk *disk, const struct ditto_md *md, struct why *why);

#endif /* DITTO_MD_LOG_H */
