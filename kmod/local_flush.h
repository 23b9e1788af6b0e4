/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A user's flush where all who follow the Primary have everything durably: the
 * local disk's, and no entry of the stream.
 */
#ifndef DITTO_LOCAL_FLUSH_H
#define DITTO_LOCAL_FLUSH_H

#include <linux/types.h>

struct bio;
struct ditto_resource;

/**
 * ditto_local_flush() - flush the local disk, if that is all there is to do
 * @user: an empty bio of the Primary's device; ended when it is done
 *
 * Context: process. Return: false where others have to be asked; nothing has
 * happened then.
 */
bool ditto_local_flush(struct ditto_resource *res, struct bio *user);

int ditto_local_flush_init(void);
void ditto_local_flush_exit(void);

#endif /* DITTO_LOCAL_FLUSH_H */
