// SPDX-License-Identifier: GPL-2.0
#include "names.h"

#include <linux/kernel.h>
#include <uapi/linux/ditto.h>

static const char *name(const char *const *names, u32 count, u32 state)
{
	return state < count && names[state] ? names[state] : "?";
}

const char *ditto_disk_name(u32 state)
{
	static const char *const names[] = {
		[DITTO_DISK_UNKNOWN]		= "Unknown",
		[DITTO_DISK_DISKLESS]		= "Diskless",
		[DITTO_DISK_FAILED]		= "Failed",
		[DITTO_DISK_INCONSISTENT]	= "Inconsistent",
		[DITTO_DISK_OUTDATED]		= "Outdated",
		[DITTO_DISK_CONSISTENT]		= "Consistent",
		[DITTO_DISK_UP_TO_DATE]		= "UpToDate",
	};

	return name(names, ARRAY_SIZE(names), state);
}

const char *ditto_connection_name(u32 state)
{
	static const char *const names[] = {
		[DITTO_CONNECTION_STANDALONE]	= "StandAlone",
		[DITTO_CONNECTION_CONNECTING]	= "Connecting",
		[DITTO_CONNECTION_HANDSHAKE]	= "Handshake",
		[DITTO_CONNECTION_CONNECTED]	= "Connected",
	};

	return name(names, ARRAY_SIZE(names), state);
}

const char *ditto_replication_name(u32 state)
{
	static const char *const names[] = {
		[DITTO_REPLICATION_OFF]		= "Off",
		[DITTO_REPLICATION_ESTABLISHED]	= "Established",
		[DITTO_REPLICATION_SYNC_SOURCE]	= "SyncSource",
		[DITTO_REPLICATION_SYNC_TARGET]	= "SyncTarget",
		[DITTO_REPLICATION_VERIFY]	= "Verify",
	};

	return name(names, ARRAY_SIZE(names), state);
}
