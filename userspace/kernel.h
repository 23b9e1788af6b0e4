/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel as the tool and the daemon see it: plain structs and calls, no
 * netlink types. netlink.c is the real one; the tests link another.
 *
 * Every call returns 0 or a negative errno with text in @why, and none waits
 * longer than KERNEL_TIMEOUT_S (G7).
 */
#ifndef DITTO_KERNEL_H
#define DITTO_KERNEL_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <linux/ditto.h>

#include "why.h"

#define KERNEL_TIMEOUT_S	30

/* Lanes of a connection, in the order of enum ditto_lane_attr. */
#define KERNEL_LANES		3

/* Values as in the comments of enum ditto_option_attr. */
struct kernel_options {
	uint32_t policy;
	uint32_t ping_interval;
	uint32_t timeout;
	uint32_t payload_crc;
	uint32_t on_read_error;
	uint32_t resync_checksum;
};

/* Values as in the comments of enum ditto_disk_attr. */
struct kernel_disk {
	uint32_t state;
	uint32_t block_shift;
	uint32_t unclean;
	uint64_t read_errors;
	uint64_t repaired;
	char path[PATH_MAX];
	char meta_path[PATH_MAX];
};

/* Values as in the comments of enum ditto_device_attr. */
struct kernel_device {
	bool present;
	uint32_t minor;
	uint64_t size;
	uint32_t openers;
	uint64_t reads;
	uint64_t read_bytes;
	uint64_t writes;
	uint64_t write_bytes;
	uint64_t flushes;
	uint32_t inflight;
	uint64_t epoch;
	uint32_t block;
	uint32_t io;
	uint32_t held;
	uint32_t deposed;
};

/* Bytes. */
struct kernel_range {
	uint64_t offset;
	uint64_t length;
};

/* Values as in the comments of enum ditto_peer_attr. */
struct kernel_peer {
	uint32_t id;
	char name[DITTO_NAME_LEN + 1];
	uint32_t connection;
	uint64_t cookie;
	uint32_t role;
	uint32_t disk;
	uint32_t replication;
	uint32_t paused;
	uint64_t out_of_sync;
	uint64_t sync_total;
	uint64_t sync_done;
	uint64_t sync_rate;
	uint64_t sent;
	uint64_t received;
	uint64_t resync_sent;
	uint64_t resync_skipped;
	uint32_t inflight;
	uint64_t verify_errors;
	uint64_t verify_skipped;
	unsigned int n_ranges;
	struct kernel_range ranges[DITTO_VERIFY_RANGES];
	char reason[256];
};

/**
 * struct kernel_resource - one resource as the kernel reports it
 * @next: in the list that kernel_dump() returns
 * @n_peers: valid entries of @peers
 */
struct kernel_resource {
	struct kernel_resource *next;
	char name[DITTO_NAME_LEN + 1];
	uint8_t uuid[16];
	uint32_t node_id;
	uint32_t role;
	struct kernel_options options;
	struct kernel_disk disk;
	struct kernel_device device;
	uint64_t generation;
	uint64_t position;
	uint32_t roster;
	unsigned int n_peers;
	struct kernel_peer peers[DITTO_MAX_NODES];
};

/**
 * struct kernel_event - one multicast event
 * @event: enum ditto_event
 * @has_peer: @peer_id is valid
 * @has_states: @old_state and @new_state are valid
 * @has_bytes: @bytes is valid
 * @text: why, or empty
 */
struct kernel_event {
	uint32_t event;
	char name[DITTO_NAME_LEN + 1];
	bool has_peer;
	uint32_t peer_id;
	bool has_states;
	uint32_t old_state;
	uint32_t new_state;
	bool has_bytes;
	uint64_t bytes;
	char text[256];
};

struct kernel;
struct kernel_events;

/**
 * kernel_open() - a handle for requests
 *
 * Return: 0; -ENOENT where the module is not loaded.
 */
int kernel_open(struct kernel **k, struct why *why);
void kernel_close(struct kernel *k);

/**
 * kernel_dump() - all resources of this network namespace
 * @list: to be freed with kernel_free(); NULL where there are none
 */
int kernel_dump(struct kernel *k, struct kernel_resource **list, struct why *why);
int kernel_get(struct kernel *k, const char *name, struct kernel_resource **resource,
	       struct why *why);
void kernel_free(struct kernel_resource *list);

int kernel_resource_new(struct kernel *k, const char *name, const uint8_t uuid[16],
			uint32_t node_id, const struct kernel_options *options,
			struct why *why);
int kernel_resource_del(struct kernel *k, const char *name, struct why *why);
int kernel_peer_new(struct kernel *k, const char *name, uint32_t peer_id,
		    const char *peer_name, struct why *why);

/**
 * kernel_attach() - give a resource its disk
 * @meta_path: of the metadata device, or NULL where the metadata is internal
 */
int kernel_attach(struct kernel *k, const char *name, const char *disk_path,
		  const char *meta_path, struct why *why);

/**
 * kernel_detach() - take the disk away
 * @force: without waiting for it
 */
int kernel_detach(struct kernel *k, const char *name, bool force, struct why *why);

/**
 * kernel_command() - a command that takes a resource and nothing else
 * @cmd: DITTO_CMD_RESOURCE_DEL, _SYNC_PAUSE, _SYNC_RESUME, _IO_SUSPEND
 */
int kernel_command(struct kernel *k, uint32_t cmd, const char *name, struct why *why);

/**
 * kernel_peer_command() - a command about one peer
 * @cmd: DITTO_CMD_PEER_DEL, _CONNECT, _DISCONNECT, _INVALIDATE
 */
int kernel_peer_command(struct kernel *k, uint32_t cmd, const char *name,
			uint32_t peer_id, struct why *why);

/* Gives up the local copy. */
int kernel_invalidate(struct kernel *k, const char *name, struct why *why);

/**
 * kernel_role() - become Primary or Secondary
 * @role: enum ditto_role
 * @flags: DITTO_FLAG_*
 */
int kernel_role(struct kernel *k, const char *name, uint32_t role, uint32_t flags,
		struct why *why);
int kernel_verify(struct kernel *k, const char *name, bool stop, struct why *why);

/* Lets users' I/O go on; with @fail, what has waited fails. */
int kernel_resume_io(struct kernel *k, const char *name, bool fail, struct why *why);

/**
 * kernel_lanes() - hand over the sockets of a connection
 * @cookie: not 0, the same at both ends
 * @fds: control, writes, bulk; still the caller's to close
 */
int kernel_lanes(struct kernel *k, const char *name, uint32_t peer_id,
		 uint64_t cookie, const int fds[KERNEL_LANES], struct why *why);

/**
 * kernel_events_open() - subscribe to the events of this network namespace
 */
int kernel_events_open(struct kernel_events **events, struct why *why);
void kernel_events_close(struct kernel_events *events);

/* The descriptor to poll for reading. */
int kernel_events_fd(struct kernel_events *events);

/**
 * kernel_events_read() - read what has arrived, without waiting
 * @handle: called for each event
 *
 * Return: 0, also when nothing was there; -ENOBUFS when events were lost and
 * the caller should look at everything anew.
 */
int kernel_events_read(struct kernel_events *events,
		       void (*handle)(const struct kernel_event *event, void *data),
		       void *data, struct why *why);

#endif /* DITTO_KERNEL_H */
