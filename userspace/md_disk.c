// SPDX-License-Identifier: GPL-2.0
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "guard.h"
#include "md_disk.h"

/* Bounce buffer: O_DIRECT wants it aligned. */
#define CHUNK	(64u * 1024)

/* "mounted on /mnt", or false. */
static bool find_mount(dev_t dev, char *text, size_t size)
{
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	char *line = NULL, where[256];
	unsigned int major, minor;
	size_t room = 0;
	bool found = false;

	if (!mounts)
		return false;
	while (!found && getline(&line, &room, mounts) > 0)
		if (sscanf(line, "%*d %*d %u:%u %*s %255s", &major, &minor, where) == 3 &&
		    makedev(major, minor) == dev) {
			snprintf(text, size, "mounted on %s", where);
			found = true;
		}
	free(line);
	fclose(mounts);
	return found;
}

/* "held by dm-0", or false. */
static bool find_holder(dev_t dev, char *text, size_t size)
{
	struct dirent *entry;
	bool found = false;
	char path[80];
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/holders", major(dev), minor(dev));
	dir = opendir(path);
	if (!dir)
		return false;
	while (!found && (entry = readdir(dir)))
		if (entry->d_name[0] != '.') {
			snprintf(text, size, "held by %s", entry->d_name);
			found = true;
		}
	closedir(dir);
	return found;
}

static int say_in_use(const char *path, dev_t dev, struct why *why)
{
	char text[300] = "held by another program, or by ditto itself: see 'ditto status'";

	if (!find_mount(dev, text, sizeof(text)))
		find_holder(dev, text, sizeof(text));
	return why_set(why, -EBUSY, "%s is in use: %s", path, text);
}

/* O_DIRECT where the file system has it: the kernel's own writes go past the cache. */
static int open_direct(const char *path, int flags)
{
	int fd = open(path, flags | O_DIRECT | O_CLOEXEC);

	if (fd < 0 && errno == EINVAL)
		fd = open(path, flags | O_CLOEXEC);
	return fd;
}

static int device_bytes(int fd, const char *path, uint64_t *bytes, struct why *why)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return why_set(why, -errno, "%s: %s", path, strerror(errno));
	*bytes = st.st_size;
	if (S_ISBLK(st.st_mode) && ioctl(fd, BLKGETSIZE64, bytes) < 0)
		return why_set(why, -errno, "%s: %s", path, strerror(errno));
	return 0;
}

/*
 * @in_use: NULL refuses a device that is in use; else it is opened all the
 * same, and told. Return: the descriptor or a negative errno.
 */
static int open_device(const char *path, int flags, bool *in_use, uint64_t *bytes,
		       struct why *why)
{
	struct stat st;
	int fd, ret;

	if (stat(path, &st) < 0)
		return why_set(why, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISBLK(st.st_mode) && !S_ISREG(st.st_mode))
		return why_set(why, -ENOTBLK, "%s is neither a block device nor a regular file",
			       path);
	fd = open_direct(path, S_ISBLK(st.st_mode) ? flags | O_EXCL : flags);
	if (fd < 0 && errno == EBUSY) {
		if (!in_use)
			return say_in_use(path, st.st_rdev, why);
		*in_use = true;
		fd = open_direct(path, flags);
	}
	if (fd < 0)
		return why_set(why, -errno, "%s: %s", path, strerror(errno));
	ret = device_bytes(fd, path, bytes, why);
	if (ret) {
		close(fd);
		return ret;
	}
	return fd;
}

int md_disk_open(struct md_disk *disk, const struct config_node *own, bool write,
		 struct why *why)
{
	memset(disk, 0, sizeof(*disk));
	disk->data_fd = -1;
	disk->internal = !own->metadata[0];
	copy_string(disk->path, disk->internal ? own->disk : own->metadata,
		    sizeof(disk->path));
	disk->fd = open_device(disk->path, write ? O_RDWR : O_RDONLY,
			       write ? NULL : &disk->in_use, &disk->bytes, why);
	if (disk->fd < 0)
		return disk->fd;
	if (disk->internal) {
		disk->data_bytes = disk->bytes;
		return 0;
	}
	if (!write)
		return 0;
	disk->data_fd = open_device(own->disk, O_RDONLY, NULL, &disk->data_bytes, why);
	if (disk->data_fd < 0) {
		int ret = disk->data_fd;

		md_disk_close(disk);
		return ret;
	}
	return 0;
}

void md_disk_close(struct md_disk *disk)
{
	if (disk->fd >= 0)
		close(disk->fd);
	if (disk->data_fd >= 0)
		close(disk->data_fd);
	disk->fd = -1;
	disk->data_fd = -1;
}

static int transfer(struct md_disk *disk, uint64_t offset, uint8_t *data, size_t len,
		    bool write, struct why *why)
{
	uint8_t *bounce = aligned_alloc(DITTO_MD_BLOCK, CHUNK);
	int ret = 0;

	if (!bounce)
		return why_set(why, -ENOMEM, "out of memory");
	while (len && !ret) {
		size_t part = len < CHUNK ? len : CHUNK;
		ssize_t n;

		if (write) {
			memcpy(bounce, data, part);
			n = pwrite(disk->fd, bounce, part, offset);
		} else {
			n = pread(disk->fd, bounce, part, offset);
		}
		guard_answered();
		if (n != (ssize_t)part)
			ret = why_set(why, n < 0 ? -errno : -EIO, "%s: %s at byte %" PRIu64 ": %s",
				      disk->path, write ? "write" : "read", offset,
				      n < 0 ? strerror(errno) : "cut short");
		else if (!write)
			memcpy(data, bounce, part);
		data += part;
		offset += part;
		len -= part;
	}
	free(bounce);
	return ret;
}

int md_disk_read(struct md_disk *disk, uint64_t offset, void *to, size_t len,
		 struct why *why)
{
	return transfer(disk, offset, to, len, false, why);
}

int md_disk_write(struct md_disk *disk, uint64_t offset, const void *from, size_t len,
		  struct why *why)
{
	return transfer(disk, offset, (uint8_t *)from, len, true, why);
}

int md_disk_sync(struct md_disk *disk, struct why *why)
{
	if (fsync(disk->fd) < 0)
		return why_set(why, -errno, "%s: %s", disk->path, strerror(errno));
	return 0;
}

int md_disk_read_slots(struct md_disk *disk, uint8_t *blocks, struct why *why)
{
	int ret;

	if (disk->bytes < (DITTO_MD_SLOTS + 1) * DITTO_MD_BLOCK)
		return why_set(why, -ENOSPC, "%s: %" PRIu64 " bytes are too few for metadata",
			       disk->path, disk->bytes);
	for (uint32_t slot = 0; slot < DITTO_MD_SLOTS; slot++) {
		uint64_t at = ditto_md_slot_offset(disk->internal, disk->bytes, slot);

		ret = md_disk_read(disk, at, blocks + slot * DITTO_MD_BLOCK, DITTO_MD_BLOCK,
				   why);
		if (ret)
			return ret;
	}
	return 0;
}
