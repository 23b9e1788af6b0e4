/* SPDX-License-Identifier: GPL-2.0 */
/* Metadata for people and for programs. */
#ifndef DITTO_MD_SHOW_H
#define DITTO_MD_SHOW_H

#include <stdio.h>

#include "md_bitmap.h"
#include "md_log.h"

#define MD_SHOW_COMPLAINT	200

/* Why a slot was refused. @text: MD_SHOW_COMPLAINT bytes. */
const char *md_show_complaint(const struct ditto_md_complaint *complaint, char *text);

/**
 * struct md_parts - all metadata of a disk
 * @bitmaps: by slot, for the entries of the peer table that are in use
 */
struct md_parts {
	struct ditto_md md;
	struct md_log log;
	struct md_bitmap bitmaps[DITTO_MD_PEERS];
};

void md_show_text(FILE *out, const char *name, const char *path, const struct md_parts *parts);
void md_show_json(FILE *out, const char *name, const char *path, const struct md_parts *parts);

#endif /* DITTO_MD_SHOW_H */
