// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "md_log.h"

/* Takes the newest sound copy of a block. */
static int read_block(struct md_disk *disk, const struct ditto_md *md, uint32_t index,
		      struct md_log *log, struct why *why)
{
	uint64_t limit = DIV_ROUND_UP(md->data_bytes, 1ULL << md->region_shift);
	uint32_t found[DITTO_INTENT_PER_BLOCK], count = 0, named;
	uint8_t block[DITTO_INTENT_BLOCK];
	uint32_t copy, sound = 0;
	u64 newest = 0, sequence;
	int ret;

	for (copy = 0; copy < DITTO_INTENT_COPIES; copy++) {
		ret = md_disk_read(disk, ditto_md_log_block(md, index, copy), block,
				   sizeof(block), why);
		if (ret)
			return ret;
		log->errors[index][copy] = ditto_intent_decode(block, md->disk_uuid, index, limit,
							       &sequence, found, &named);
		if (log->errors[index][copy] || (sound++ && sequence < newest))
			continue;
		newest = sequence;
		count = named;
		memcpy(log->hot + log->n_hot, found, named * sizeof(*found));
	}
	log->n_hot += count;
	if (sound) {
		log->sound++;
		log->torn += DITTO_INTENT_COPIES - sound;
	}
	return 0;
}

static int compare(const void *left, const void *right)
{
	uint32_t l = *(const uint32_t *)left, r = *(const uint32_t *)right;

	return l < r ? -1 : l > r;
}

/* A region may be named by two blocks: it has cooled and become hot again. */
static void sort(struct md_log *log)
{
	uint32_t n = 0;

	qsort(log->hot, log->n_hot, sizeof(*log->hot), compare);
	for (uint32_t i = 0; i < log->n_hot; i++)
		if (!n || log->hot[i] != log->hot[n - 1])
			log->hot[n++] = log->hot[i];
	log->n_hot = n;
}

int md_log_read(struct md_disk *disk, const struct ditto_md *md, struct md_log *log,
		struct why *why)
{
	int ret = 0;

	memset(log, 0, sizeof(*log));
	for (uint32_t index = 0; !ret && index < DITTO_INTENT_BLOCKS; index++)
		ret = read_block(disk, md, index, log, why);
	sort(log);
	return ret;
}

const char *md_log_complaint(int error)
{
	switch (error) {
	case -ENODATA:
		return "no block of an intent log";
	case -EBADMSG:
		return "torn, damaged or foreign";
	default:
		return "a field is out of range";
	}
}

int md_log_write_empty(struct md_disk *disk, const struct ditto_md *md, struct why *why)
{
	uint8_t *log = calloc(1, md->log_bytes);
	int ret;

	if (!log)
		return why_set(why, -ENOMEM, "out of memory");
	/* A copy is where its sequence number is odd or even. */
	for (uint32_t index = 0; index < DITTO_INTENT_BLOCKS; index++)
		for (uint32_t copy = 0; copy < DITTO_INTENT_COPIES; copy++)
			ditto_intent_encode_empty(log + ditto_md_log_block(md, index, copy) -
						  md->log_offset, md->disk_uuid, index, copy);
	ret = md_disk_write(disk, md->log_offset, log, md->log_bytes, why);
	free(log);
	return ret;
}
