// SPDX-License-Identifier: GPL-2.0
#include <stddef.h>
#include <linux/ditto.h>

#include "names.h"

#define NAME_OF(table, index) \
	((index) < sizeof(table) / sizeof((table)[0]) && (table)[index] ? (table)[index] : "?")

const char *role_name(uint32_t role)
{
	static const char *const names[] = {
		[DITTO_ROLE_UNKNOWN] = "Unknown",
		[DITTO_ROLE_SECONDARY] = "Secondary",
		[DITTO_ROLE_PRIMARY] = "Primary",
	};

	return NAME_OF(names, role);
}

const char *policy_name(uint32_t policy)
{
	static const char *const names[] = {
		[DITTO_POLICY_SYNC] = "sync",
		[DITTO_POLICY_SEMI_SYNC] = "semi-sync",
		[DITTO_POLICY_QUORUM] = "quorum",
		[DITTO_POLICY_ASYNC] = "async",
	};

	return NAME_OF(names, policy);
}

const char *read_error_name(uint32_t what)
{
	static const char *const names[] = {
		[DITTO_READ_ERROR_REPAIR] = "repair",
		[DITTO_READ_ERROR_DETACH] = "detach",
	};

	return NAME_OF(names, what);
}

const char *disk_name(uint32_t state)
{
	static const char *const names[] = {
		[DITTO_DISK_UNKNOWN] = "Unknown",
		[DITTO_DISK_DISKLESS] = "Diskless",
		[DITTO_DISK_FAILED] = "Failed",
		[DITTO_DISK_INCONSISTENT] = "Inconsistent",
		[DITTO_DISK_OUTDATED] = "Outdated",
		[DITTO_DISK_CONSISTENT] = "Consistent",
		[DITTO_DISK_UP_TO_DATE] = "UpToDate",
	};

	return NAME_OF(names, state);
}

const char *connection_name(uint32_t state)
{
	static const char *const names[] = {
		[DITTO_CONNECTION_STANDALONE] = "StandAlone",
		[DITTO_CONNECTION_CONNECTING] = "Connecting",
		[DITTO_CONNECTION_HANDSHAKE] = "Handshake",
		[DITTO_CONNECTION_CONNECTED] = "Connected",
	};

	return NAME_OF(names, state);
}

const char *replication_name(uint32_t state)
{
	static const char *const names[] = {
		[DITTO_REPLICATION_OFF] = "Off",
		[DITTO_REPLICATION_ESTABLISHED] = "Established",
		[DITTO_REPLICATION_SYNC_SOURCE] = "SyncSource",
		[DITTO_REPLICATION_SYNC_TARGET] = "SyncTarget",
		[DITTO_REPLICATION_VERIFY] = "Verify",
	};

	return NAME_OF(names, state);
}

const char *io_name(uint32_t state)
{
	static const char *const names[] = {
		[DITTO_IO_RUNNING] = "running",
		[DITTO_IO_SUSPENDED] = "suspended",
	};

	return NAME_OF(names, state);
}

const char *event_name(uint32_t event)
{
	static const char *const names[] = {
		[DITTO_EVENT_RESOURCE_NEW] = "resource-new",
		[DITTO_EVENT_RESOURCE_DEL] = "resource-del",
		[DITTO_EVENT_PEER_NEW] = "peer-new",
		[DITTO_EVENT_PEER_DEL] = "peer-del",
		[DITTO_EVENT_ROLE] = "role",
		[DITTO_EVENT_DISK] = "disk",
		[DITTO_EVENT_CONNECTION] = "connection",
		[DITTO_EVENT_REPLICATION] = "replication",
		[DITTO_EVENT_PEER_ROLE] = "peer-role",
		[DITTO_EVENT_PEER_DISK] = "peer-disk",
		[DITTO_EVENT_VERIFY_DONE] = "verify-done",
		[DITTO_EVENT_DIVERGED] = "diverged",
		[DITTO_EVENT_IO] = "io",
	};

	return NAME_OF(names, event);
}

const char *event_state_name(uint32_t event, uint32_t state)
{
	switch (event) {
	case DITTO_EVENT_ROLE:
	case DITTO_EVENT_PEER_ROLE:
		return role_name(state);
	case DITTO_EVENT_DISK:
	case DITTO_EVENT_PEER_DISK:
		return disk_name(state);
	case DITTO_EVENT_CONNECTION:
		return connection_name(state);
	case DITTO_EVENT_REPLICATION:
		return replication_name(state);
	case DITTO_EVENT_IO:
		return io_name(state);
	default:
		return "?";
	}
}
