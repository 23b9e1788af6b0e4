// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>

#include "human.h"
#include "lacks.h"
#include "names.h"

bool lacks_peer(const struct kernel_peer *peer, char *text, size_t size)
{
	char amount[HUMAN_LEN], progress[HUMAN_PROGRESS];

	if (peer->connection != DITTO_CONNECTION_CONNECTED)
		snprintf(text, size, "%s is %s%s%s", peer->name,
			 connection_name(peer->connection), peer->reason[0] ? ": " : "",
			 peer->reason);
	else if (human_is_syncing(peer) && peer->replication != DITTO_REPLICATION_VERIFY)
		snprintf(text, size, "%s %s", peer->name, human_progress(peer, progress));
	else if (peer->disk != DITTO_DISK_UP_TO_DATE)
		snprintf(text, size, "the disk of %s is %s", peer->name, disk_name(peer->disk));
	else if (peer->out_of_sync)
		snprintf(text, size, "%s has %s out of sync", peer->name,
			 human_bytes(peer->out_of_sync, amount));
	else
		return false;
	return true;
}

unsigned int lacks_resource(const struct kernel_resource *resource, char *text, size_t size)
{
	unsigned int n = 0;
	char more[512];

	for (unsigned int i = 0; i < resource->n_peers; i++)
		if (lacks_peer(&resource->peers[i], more, sizeof(more)) && !n++)
			copy_string(text, more, size);
	if (resource->disk.state != DITTO_DISK_UP_TO_DATE && !n++)
		snprintf(text, size, "the local disk is %s", disk_name(resource->disk.state));
	return n;
}
