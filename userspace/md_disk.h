/* SPDX-License-Identifier: GPL-2.0 */
/* The device that holds a node's metadata, or a regular file in its place. */
#ifndef DITTO_MD_DISK_H
#define DITTO_MD_DISK_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "md.h"
#include "why.h"

/**
 * struct md_disk - an open device
 * @path: of the device that holds the metadata
 * @data_fd: with external metadata the backing device, held against others; or -1
 * @in_use: somebody has it, e.g. the kernel module; only when opened to read
 * @internal: the metadata is at the end of the data's device
 * @bytes: size of the device that holds the metadata
 * @data_bytes: size of the backing device; 0 when opened to read external metadata
 */
struct md_disk {
	char path[PATH_MAX];
	int fd;
	int data_fd;
	bool in_use;
	bool internal;
	uint64_t bytes;
	uint64_t data_bytes;
};

/**
 * md_disk_open() - open what a node's section names
 * @write: exclusively, which fails where a device is in use
 *
 * Return: 0 or a negative errno.
 */
int md_disk_open(struct md_disk *disk, const struct config_node *own, bool write,
		 struct why *why);
void md_disk_close(struct md_disk *disk);

/**
 * md_disk_read() - read past any cache
 * @offset: bytes, a multiple of DITTO_MD_BLOCK
 * @len: bytes, likewise
 *
 * Return: 0 or a negative errno.
 */
int md_disk_read(struct md_disk *disk, uint64_t offset, void *to, size_t len,
		 struct why *why);
int md_disk_write(struct md_disk *disk, uint64_t offset, const void *from, size_t len,
		  struct why *why);

/* Waits until what was written is durable. */
int md_disk_sync(struct md_disk *disk, struct why *why);

/* Reads both superblocks. @blocks: DITTO_MD_SLOTS * DITTO_MD_BLOCK bytes. */
int md_disk_read_slots(struct md_disk *disk, uint8_t *blocks, struct why *why);

#endif /* DITTO_MD_DISK_H */
