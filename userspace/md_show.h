/* SPDX-License-Identifier: GPL-2.0 */
/* Metadata for people and for programs. */
#ifndef DITTO_MD_SHOW_H
#define DITTO_MD_SHOW_H

#include <stdio.h>

#include "md.h"

#define MD_SHOW_COMPLAINT	200

/* Why a slot was refused. @text: MD_SHOW_COMPLAINT bytes. */
const char *md_show_complaint(const struct ditto_md_complaint *complaint, char *text);

void md_show_text(FILE *out, const char *name, const char *path, const struct ditto_md *md);
void md_show_json(FILE *out, const char *name, const char *path, const struct ditto_md *md);

#endif /* DITTO_MD_SHOW_H */
