// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>

#include "config_value.h"
#include "hosts.h"

void hosts_clear(struct hosts *hosts)
{
	hosts->n = 0;
}

void hosts_free(struct hosts *hosts)
{
	free(hosts->addresses);
	*hosts = (struct hosts){ 0 };
}

bool hosts_has(const struct hosts *hosts, const struct sockaddr_storage *address)
{
	for (size_t i = 0; i < hosts->n; i++)
		if (address_same_host(&hosts->addresses[i], address))
			return true;
	return false;
}

void hosts_add(struct hosts *hosts, const struct sockaddr_storage *address)
{
	if (hosts_has(hosts, address))
		return;
	if (hosts->n == hosts->room) {
		size_t room = hosts->room ? 2 * hosts->room : 16;
		struct sockaddr_storage *more;

		more = reallocarray(hosts->addresses, room, sizeof(*more));
		if (!more)
			return;
		hosts->addresses = more;
		hosts->room = room;
	}
	hosts->addresses[hosts->n++] = *address;
}
