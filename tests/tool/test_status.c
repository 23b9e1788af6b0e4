// SPDX-License-Identifier: GPL-2.0
/* How resources are shown: 80 columns whatever the values, JSON, what wait-sync lacks. */
#include <stdlib.h>
#include <string.h>
#include <json-c/json.h>

#include "human.h"
#include "lacks.h"
#include "status.h"
#include "tap.h"

/* A resource with @n peers, connected and in sync. */
static struct kernel_resource *sample(unsigned int n)
{
	struct kernel_resource *r = calloc(1, sizeof(*r));

	copy_string(r->name, "r0", sizeof(r->name));
	r->role = DITTO_ROLE_PRIMARY;
	r->disk.state = DITTO_DISK_UP_TO_DATE;
	copy_string(r->disk.path, "/dev/vg/r0", sizeof(r->disk.path));
	r->disk.block_shift = 14;
	r->options.policy = DITTO_POLICY_SYNC;
	r->device.present = true;
	r->device.minor = 7;
	r->device.size = 10ULL << 30;
	r->n_peers = n;
	for (unsigned int i = 0; i < n; i++) {
		struct kernel_peer *peer = &r->peers[i];

		peer->id = i + 1;
		snprintf(peer->name, sizeof(peer->name), "node%u", i + 1);
		peer->connection = DITTO_CONNECTION_CONNECTED;
		peer->role = DITTO_ROLE_SECONDARY;
		peer->disk = DITTO_DISK_UP_TO_DATE;
		peer->replication = DITTO_REPLICATION_ESTABLISHED;
	}
	return r;
}

/* What is printed; to be freed. */
static char *print(const struct kernel_resource *r, bool colour)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	status_print(out, r, colour);
	fclose(out);
	return text;
}

/* The longest line, escapes not counted. */
static unsigned int columns(const char *text)
{
	unsigned int longest = 0, now = 0;

	for (; *text; text++) {
		if (*text == '\033') {
			while (*text != 'm')
				text++;
			continue;
		}
		now = *text == '\n' ? 0 : now + 1;
		if (now > longest)
			longest = now;
	}
	return longest;
}

/* The longest of everything at once. */
static void fill(struct kernel_resource *r)
{
	memset(r->name, 'n', DITTO_NAME_LEN);
	r->role = DITTO_ROLE_SECONDARY;
	r->disk.state = DITTO_DISK_INCONSISTENT;
	r->disk.unclean = 1;
	r->device.io = DITTO_IO_SUSPENDED;
	r->device.held = UINT32_MAX;
	r->device.deposed = 1;
	r->device.openers = UINT32_MAX;
	r->disk.read_errors = UINT64_MAX;
	r->disk.repaired = (1023ULL << 30) + (1000ULL << 20);
	r->device.minor = 1048575;
	r->device.size = (1023ULL << 30) + (1000ULL << 20);
	for (unsigned int i = 0; i < r->n_peers; i++) {
		struct kernel_peer *peer = &r->peers[i];

		memset(peer->name, 'p', DITTO_NAME_LEN);
		peer->role = DITTO_ROLE_SECONDARY;
		peer->disk = DITTO_DISK_INCONSISTENT;
		peer->replication = DITTO_REPLICATION_SYNC_SOURCE + i % 3;
		peer->out_of_sync = (1023ULL << 20) + (900ULL << 10);
		peer->sync_total = UINT64_MAX;
		peer->sync_done = i % 2 ? UINT64_MAX - 1 : 1;
		peer->sync_rate = i % 3 ? (1023ULL << 20) + (900ULL << 10) : 1;
		peer->verify_errors = UINT64_MAX;
	}
	for (unsigned int i = 0; i < r->n_peers; i += 4) {
		r->peers[i].connection = DITTO_CONNECTION_CONNECTING;
		memset(r->peers[i].reason, 'x', sizeof(r->peers[i].reason) - 1);
		if (i % 8)
			for (size_t at = 9; at < sizeof(r->peers[i].reason) - 1; at += 10)
				r->peers[i].reason[at] = ' ';
	}
}

static void test_width(void)
{
	struct kernel_resource *r = sample(31);
	char *text = print(r, false);

	ok(columns(text) <= 80, "31 peers fit 80 columns: %u", columns(text));
	free(text);
	fill(r);
	text = print(r, false);
	ok(columns(text) <= 80, "so do the longest values: %u", columns(text));
	ok(strstr(text, r->name) && strstr(text, r->peers[5].name), "names are shown in full");
	free(text);
	text = print(r, true);
	ok(columns(text) <= 80, "and colours take no columns: %u", columns(text));
	ok(strchr(text, '\033'), "there are colours");
	free(text);
	free(r);
}

static void test_text(void)
{
	struct kernel_resource *r = sample(2);
	struct kernel_peer *peer = &r->peers[1];
	char *text = print(r, false);

	ok(!strcmp(text,
		   "r0                Primary    UpToDate      /dev/ditto7  10.0 GiB\n"
		   "  node1             Connected  Secondary  UpToDate      Established\n"
		   "  node2             Connected  Secondary  UpToDate      Established\n"),
	   "a healthy resource");
	ok(!strchr(text, '\033'), "no escapes without colours");
	free(text);
	peer->disk = DITTO_DISK_INCONSISTENT;
	peer->replication = DITTO_REPLICATION_SYNC_SOURCE;
	peer->out_of_sync = 3ULL << 30;
	peer->sync_total = 4ULL << 30;
	peer->sync_done = 1ULL << 30;
	peer->sync_rate = 100ULL << 20;
	text = print(r, false);
	ok(strstr(text, "      3.0 GiB out of sync\n"), "the amount out of sync");
	ok(strstr(text, "      [======>.................]  25%  100.0 MiB/s  0:31 left\n"),
	   "a bar with percentage, speed and time left");
	free(text);
	peer->sync_done = 5ULL << 30;
	text = print(r, false);
	ok(strstr(text, "[========================] 100%  100.0 MiB/s  0:00 left\n"),
	   "no more than all is done");
	free(text);
	peer->sync_done = 1ULL << 30;
	peer->paused = 1;
	text = print(r, false);
	ok(strstr(text, "25%  paused"), "a paused resync says so");
	free(text);
	peer->connection = DITTO_CONNECTION_STANDALONE;
	copy_string(peer->reason, "the peer has another size", sizeof(peer->reason));
	text = print(r, false);
	ok(strstr(text, "StandAlone\n") && strstr(text, "      the peer has another size\n"),
	   "why a peer is not connected");
	free(text);
	r->device.io = DITTO_IO_SUSPENDED;
	r->device.held = 3;
	text = print(r, false);
	ok(strstr(text, "      I/O suspended by hand, 3 waiting: resume-io lets it go on\n"),
	   "suspended I/O, and how much waits");
	free(text);
	r->device.io = DITTO_IO_RUNNING;
	r->device.deposed = 1;
	r->device.openers = 2;
	text = print(r, false);
	ok(strstr(text, "demoted by force while in use, and still open 2 times") &&
	   !strstr(text, "suspended"), "who has not heard of a demotion by force");
	free(text);
	r->device.present = false;
	r->device.deposed = 0;
	r->disk.state = DITTO_DISK_DISKLESS;
	text = print(r, false);
	ok(!strstr(text, "/dev/"), "no device before a disk is attached");
	free(text);
	free(r);
}

static bool field_is(struct json_object *from, const char *key, const char *value)
{
	struct json_object *found;

	return json_object_object_get_ex(from, key, &found) &&
	       !strcmp(json_object_get_string(found), value);
}

static void test_json(void)
{
	struct kernel_resource *r = sample(2);
	struct json_object *json, *peers, *peer, *disk, *device;

	r->device.io = DITTO_IO_SUSPENDED;
	r->device.held = 5;
	r->peers[0].out_of_sync = UINT64_MAX;
	r->peers[0].n_ranges = 1;
	r->peers[0].ranges[0] = (struct kernel_range){ 4096, 512 };
	json = status_json(r);
	ok(field_is(json, "name", "r0") && field_is(json, "role", "Primary"),
	   "json: name and role");
	ok(json_object_object_get_ex(json, "disk", &disk) &&
	   field_is(disk, "state", "UpToDate") && field_is(disk, "metadata", "internal") &&
	   field_is(disk, "granularity", "16384"), "json: disk");
	ok(json_object_object_get_ex(json, "device", &device) &&
	   field_is(device, "path", "/dev/ditto7") && field_is(device, "size", "10737418240") &&
	   field_is(device, "io", "suspended") && field_is(device, "held", "5") &&
	   field_is(device, "deposed", "false"),
	   "json: device");
	json_object_object_get_ex(json, "peers", &peers);
	ok(json_object_array_length(peers) == 2, "json: all peers");
	peer = json_object_array_get_idx(peers, 0);
	ok(field_is(peer, "connection", "Connected") &&
	   field_is(peer, "replication", "Established") && field_is(peer, "node-id", "1"),
	   "json: a peer's states by name");
	ok(field_is(peer, "out-of-sync", "18446744073709551615"), "json: 64 bits");
	ok(field_is(peer, "verify-ranges", "[ { \"offset\": 4096, \"length\": 512 } ]"),
	   "json: ranges that differ");
	json_object_put(json);
	free(r);
}

static bool lacks(const struct kernel_resource *r, unsigned int n, const char *what)
{
	char text[512] = "";
	unsigned int found = lacks_resource(r, text, sizeof(text));

	if (found == n && strstr(text, what))
		return true;
	printf("# %u: %s\n", found, text);
	return false;
}

static void test_wait(void)
{
	struct kernel_resource *r = sample(2);
	struct kernel_peer *peer = &r->peers[1];

	ok(lacks(r, 0, ""), "wait-sync: a healthy resource lacks nothing");
	r->disk.state = DITTO_DISK_CONSISTENT;
	ok(lacks(r, 1, "the local disk is Consistent"), "wait-sync: the local disk");
	r->disk.state = DITTO_DISK_UP_TO_DATE;
	peer->disk = DITTO_DISK_OUTDATED;
	ok(lacks(r, 1, "the disk of node2 is Outdated"), "wait-sync: a peer's disk");
	peer->disk = DITTO_DISK_UP_TO_DATE;
	peer->out_of_sync = 4096;
	ok(lacks(r, 1, "node2 has 4.0 KiB out of sync"), "wait-sync: blocks out of sync");
	peer->replication = DITTO_REPLICATION_SYNC_SOURCE;
	ok(lacks(r, 1, "node2 ["), "wait-sync: a resync");
	peer->connection = DITTO_CONNECTION_CONNECTING;
	r->peers[0].connection = DITTO_CONNECTION_STANDALONE;
	copy_string(r->peers[0].reason, "refused", sizeof(r->peers[0].reason));
	ok(lacks(r, 2, "node1 is StandAlone: refused"), "wait-sync: peers that are not connected");
	r->peers[0].connection = DITTO_CONNECTION_CONNECTED;
	peer->connection = DITTO_CONNECTION_CONNECTED;
	peer->out_of_sync = 0;
	peer->replication = DITTO_REPLICATION_VERIFY;
	ok(lacks(r, 0, ""), "wait-sync: a verify is no resync");
	free(r);
}

static void test_human(void)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} bytes[] = {
		{ 0, "0 B" }, { 1023, "1023 B" }, { 1024, "1.0 KiB" },
		{ 1048575, "1.0 MiB" }, { 1536, "1.5 KiB" }, { UINT64_MAX, "16.0 EiB" },
	};
	static const struct {
		uint64_t seconds;
		const char *text;
	} seconds[] = {
		{ 0, "0:00" }, { 61, "1:01" }, { 3600, "1:00:00" }, { 86399, "23:59:59" },
		{ 86400, "1 d" }, { UINT64_MAX, "for ever" },
	};
	char text[HUMAN_LEN];

	for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++)
		ok(!strcmp(human_bytes(bytes[i].bytes, text), bytes[i].text), "%s",
		   bytes[i].text);
	for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++)
		ok(!strcmp(human_seconds(seconds[i].seconds, text), seconds[i].text), "%s",
		   seconds[i].text);
}

int main(void)
{
	test_width();
	test_text();
	test_json();
	test_wait();
	test_human();
	return tap_done();
}
