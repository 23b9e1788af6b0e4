// SPDX-License-Identifier: GPL-2.0
#include <inttypes.h>
#include <string.h>

#include "human.h"
#include "names.h"
#include "status.h"

#define COLUMNS		80
/* A longer name gets a line of its own. */
#define NAME_COLUMN	16
#define INDENT		"      "

#define GREEN	"\033[32m"
#define YELLOW	"\033[33m"
#define RED	"\033[31m"

static const char *disk_colour(uint32_t state)
{
	switch (state) {
	case DITTO_DISK_UP_TO_DATE:
		return GREEN;
	case DITTO_DISK_FAILED:
	case DITTO_DISK_DISKLESS:
		return RED;
	default:
		return YELLOW;
	}
}

static const char *connection_colour(uint32_t state)
{
	switch (state) {
	case DITTO_CONNECTION_CONNECTED:
		return GREEN;
	case DITTO_CONNECTION_STANDALONE:
		return RED;
	default:
		return YELLOW;
	}
}

/* A word in a column; the escapes stay outside of the padding. */
static void column(FILE *out, const char *word, int width, const char *colour)
{
	int pad = width - (int)strlen(word);

	fprintf(out, "%s%s%s%*s", colour ? colour : "", word, colour ? "\033[0m" : "",
		pad > 0 ? pad : 0, "");
}

static void print_name(FILE *out, const char *indent, const char *name)
{
	if (strlen(name) > NAME_COLUMN)
		fprintf(out, "%s%s\n%s%*s  ", indent, name, indent, NAME_COLUMN, "");
	else
		fprintf(out, "%s%-*s  ", indent, NAME_COLUMN, name);
}

/* Breaks at spaces; a word that is too long is broken anywhere. */
static void print_wrapped(FILE *out, const char *text)
{
	size_t room = COLUMNS - strlen(INDENT);

	while (*text) {
		size_t len = strlen(text), cut;

		if (len > room) {
			for (cut = room; cut && text[cut] != ' '; cut--)
				;
			len = cut ? cut : room;
		}
		fprintf(out, INDENT "%.*s\n", (int)len, text);
		text += len;
		while (*text == ' ')
			text++;
	}
}

static void print_sync(FILE *out, const struct kernel_peer *peer)
{
	char amount[HUMAN_LEN], progress[HUMAN_PROGRESS];

	if (peer->out_of_sync)
		fprintf(out, INDENT "%s out of sync%s\n", human_bytes(peer->out_of_sync, amount),
			peer->paused ? ", resync paused" : "");
	if (human_is_syncing(peer))
		fprintf(out, INDENT "%s\n", human_progress(peer, progress));
	if (peer->verify_errors)
		fprintf(out, INDENT "%s differed in the last verify\n",
			human_bytes(peer->verify_errors, amount));
}

static void print_peer(FILE *out, const struct kernel_peer *peer, bool colour)
{
	print_name(out, "  ", peer->name);
	if (peer->connection != DITTO_CONNECTION_CONNECTED) {
		column(out, connection_name(peer->connection), 0,
		       colour ? connection_colour(peer->connection) : NULL);
		fputc('\n', out);
		print_sync(out, peer);
		print_wrapped(out, peer->reason);
		return;
	}
	column(out, connection_name(peer->connection), 11,
	       colour ? connection_colour(peer->connection) : NULL);
	column(out, role_name(peer->role), 11, NULL);
	column(out, disk_name(peer->disk), 14, colour ? disk_colour(peer->disk) : NULL);
	fprintf(out, "%s\n", replication_name(peer->replication));
	print_sync(out, peer);
}

/* What keeps the device's users from working. */
static void print_io(FILE *out, const struct kernel_device *device)
{
	char text[160];

	if (device->io == DITTO_IO_SUSPENDED) {
		snprintf(text, sizeof(text), "I/O suspended by hand, %u waiting: resume-io lets it go on",
			 device->held);
		print_wrapped(out, text);
	}
	if (device->deposed) {
		snprintf(text, sizeof(text), "demoted by force while in use, and still open %u times: writes of those fail; no promotion here before all have closed it",
			 device->openers);
		print_wrapped(out, text);
	}
}

static void print_read_errors(FILE *out, const struct kernel_disk *disk)
{
	char repaired[HUMAN_LEN], text[96];

	snprintf(text, sizeof(text), "reads that this disk could not do: %" PRIu64
		 "; written anew: %s", disk->read_errors, human_bytes(disk->repaired, repaired));
	print_wrapped(out, text);
}

void status_print(FILE *out, const struct kernel_resource *resource, bool colour)
{
	char size[HUMAN_LEN];

	print_name(out, "", resource->name);
	column(out, role_name(resource->role), 11, NULL);
	column(out, disk_name(resource->disk.state), 14,
	       colour ? disk_colour(resource->disk.state) : NULL);
	if (resource->device.present)
		fprintf(out, "/dev/ditto%u  %s", resource->device.minor,
			human_bytes(resource->device.size, size));
	fputc('\n', out);
	print_io(out, &resource->device);
	if (resource->disk.unclean)
		print_wrapped(out, "this disk was not stopped cleanly");
	if (resource->disk.read_errors)
		print_read_errors(out, &resource->disk);
	for (unsigned int i = 0; i < resource->n_peers; i++)
		print_peer(out, &resource->peers[i], colour);
}
