/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * The generic netlink interface of ditto, a block device replicator.
 *
 * The family is "ditto". Every command, dumps too, needs CAP_SYS_ADMIN in the
 * initial user namespace. A resource belongs to the network namespace of the
 * socket that created it; commands see the resources of their own namespace.
 * Attributes and flags that this header does not name are refused, with text
 * in the extended acknowledgement; so is every refusal that has a reason.
 *
 * DITTO_CMD_RESOURCE_GET (do, dump)
 *	do:   DITTO_A_NAME: NLA_NUL_STRING, at most DITTO_NAME_LEN characters
 *	dump: no attributes
 *	answers one DITTO_CMD_RESOURCE_GET message per resource:
 *	    DITTO_A_NAME: NLA_NUL_STRING
 *	    DITTO_A_UUID: NLA_BINARY, 16 bytes
 *	    DITTO_A_NODE_ID: NLA_U32
 *	    DITTO_A_ROLE: NLA_U32, enum ditto_role
 *	    DITTO_A_OPTIONS: NLA_NESTED, see enum ditto_option_attr
 *	    DITTO_A_DISK: NLA_NESTED, see enum ditto_disk_attr
 *	    DITTO_A_DEVICE: NLA_NESTED, see enum ditto_device_attr
 *	    DITTO_A_PEERS: NLA_NESTED
 *	        0: NLA_NESTED, see enum ditto_peer_attr
 *	        0: NLA_NESTED
 *	        ...
 *	    DITTO_A_GENERATION: NLA_U64, the current one
 *	    DITTO_A_POSITION: NLA_U64, the last one assigned or applied
 *	    DITTO_A_ROSTER: NLA_U32, a bit for each node id
 *
 * DITTO_CMD_RESOURCE_NEW
 *	DITTO_A_NAME, DITTO_A_UUID, DITTO_A_NODE_ID; DITTO_A_OPTIONS is optional
 *	Creates a resource without disk, device and peers, role Secondary.
 *
 * DITTO_CMD_RESOURCE_DEL
 *	DITTO_A_NAME
 *	-EBUSY while the device is open; the text names a holder.
 *
 * DITTO_CMD_RESOURCE_SET
 *	DITTO_A_NAME, DITTO_A_OPTIONS
 *
 * DITTO_CMD_PEER_NEW, DITTO_CMD_PEER_DEL
 *	DITTO_A_NAME, DITTO_A_PEER_ID: NLA_U32
 *	DITTO_A_PEER_NAME: NLA_NUL_STRING (new only)
 *	A new peer's connection is StandAlone.
 *
 * DITTO_CMD_ATTACH
 *	DITTO_A_NAME
 *	DITTO_A_DISK_PATH: NLA_NUL_STRING, the backing device
 *	DITTO_A_META_PATH: NLA_NUL_STRING, only with external metadata
 *	Reads and checks the metadata, then makes the device: its minor number
 *	is in the answer of DITTO_CMD_RESOURCE_GET.
 *
 * DITTO_CMD_DETACH
 *	DITTO_A_NAME
 *	DITTO_A_FLAGS: DITTO_FLAG_FORCE gives the disk up: it is waited for no
 *	longer, whatever it has been given. -ENODATA where no other good copy is
 *	known. On a Primary, and while the device is open, the disk stays as
 *	Failed and the device goes on with the peers' disks; else it is detached.
 *	What it has not returned by then keeps it open, and the module loaded;
 *	the kernel log names it.
 *
 * DITTO_CMD_CONNECT
 *	DITTO_A_NAME, DITTO_A_PEER_ID
 *	The administrator wants this connection: StandAlone becomes Connecting,
 *	and the daemon, told by the event, sets one up.
 *
 * DITTO_CMD_DISCONNECT
 *	DITTO_A_NAME, DITTO_A_PEER_ID
 *
 * DITTO_CMD_LANES
 *	DITTO_A_NAME, DITTO_A_PEER_ID
 *	DITTO_A_COOKIE: NLA_U64, not zero, the same at both ends
 *	DITTO_A_LANES: NLA_NESTED
 *	    DITTO_LANE_A_CONTROL, _WRITES, _BULK: NLA_U32, descriptors of
 *	    established TCP sockets of this namespace, not otherwise in use
 *	Hands over the sockets of a connection; the state must be Connecting.
 *	The caller may close its descriptors as soon as this returns.
 *
 * DITTO_CMD_ROLE
 *	DITTO_A_NAME, DITTO_A_ROLE
 *	DITTO_A_FLAGS: NLA_U32, DITTO_FLAG_FORCE; of a promotion also
 *	DITTO_FLAG_ASSUME_EQUAL
 *	Primary: with FORCE also where the local copy is not known to be the
 *	newest. With ASSUME_EQUAL nothing is resynced: no disk of the resource has
 *	ever held data, all peers are connected, and all disks hold the same.
 *	-EBUSY beside another Primary, and while the device has not been
 *	closed since it was demoted with FORCE; the text names who or what.
 *	Secondary: -EBUSY while the device is open. With FORCE it is demoted all
 *	the same: writes that have been acknowledged are kept, those that come
 *	later fail. What does not answer meanwhile, a peer or the local disk, is
 *	given up.
 *
 * DITTO_CMD_INVALIDATE
 *	DITTO_A_NAME
 *	DITTO_A_PEER_ID: optional; without it the local copy is given up
 *	-ENODATA where no other copy is known to be as good: nothing is given up.
 *
 * DITTO_CMD_VERIFY
 *	DITTO_A_NAME
 *	DITTO_A_FLAGS: DITTO_FLAG_STOP ends a running verify
 *
 * DITTO_CMD_SYNC_PAUSE, DITTO_CMD_SYNC_RESUME
 *	DITTO_A_NAME
 *
 * DITTO_CMD_IO_SUSPEND
 *	DITTO_A_NAME
 *	Users of the device wait from here on; what they had under way has ended
 *	when this returns 0. Lasts until the next command, or until the device
 *	goes, whatever the role. -ENXIO without a device.
 *
 * DITTO_CMD_IO_RESUME
 *	DITTO_A_NAME
 *	DITTO_A_FLAGS: NLA_U32, DITTO_FLAG_FAIL: what has waited fails
 *
 * DITTO_CMD_EVENT (multicast only, group "events")
 *	DITTO_A_EVENT: NLA_U32, enum ditto_event
 *	DITTO_A_NAME
 *	DITTO_A_PEER_ID: where the event is about a peer
 *	DITTO_A_OLD, DITTO_A_NEW: NLA_U32, where a state changed
 *	DITTO_A_BYTES: NLA_U64, where an amount belongs to the event
 *	DITTO_A_TEXT: NLA_NUL_STRING, why, where there is a reason
 */
#ifndef _UAPI_LINUX_DITTO_H
#define _UAPI_LINUX_DITTO_H

#define DITTO_GENL_NAME		"ditto"
#define DITTO_GENL_VERSION	1
#define DITTO_GENL_GROUP	"events"

/* Longest name of a resource or node, without the final NUL. */
#define DITTO_NAME_LEN		63
/* Node ids are 0 to DITTO_MAX_NODES - 1: one primary and 31 secondaries. */
#define DITTO_MAX_NODES		32

#define DITTO_FLAG_FORCE	(1U << 0)
#define DITTO_FLAG_STOP		(1U << 1)
#define DITTO_FLAG_ASSUME_EQUAL	(1U << 2)
#define DITTO_FLAG_FAIL		(1U << 3)

enum ditto_cmd {
	DITTO_CMD_UNSPEC,
	DITTO_CMD_RESOURCE_GET,
	DITTO_CMD_RESOURCE_NEW,
	DITTO_CMD_RESOURCE_DEL,
	DITTO_CMD_RESOURCE_SET,
	DITTO_CMD_PEER_NEW,
	DITTO_CMD_PEER_DEL,
	DITTO_CMD_ATTACH,
	DITTO_CMD_DETACH,
	DITTO_CMD_CONNECT,
	DITTO_CMD_DISCONNECT,
	DITTO_CMD_LANES,
	DITTO_CMD_ROLE,
	DITTO_CMD_INVALIDATE,
	DITTO_CMD_VERIFY,
	DITTO_CMD_SYNC_PAUSE,
	DITTO_CMD_SYNC_RESUME,
	DITTO_CMD_IO_SUSPEND,
	DITTO_CMD_IO_RESUME,
	DITTO_CMD_EVENT,
	__DITTO_CMD_LAST
};

#define DITTO_CMD_MAX (__DITTO_CMD_LAST - 1)

enum ditto_attr {
	DITTO_A_UNSPEC,
	DITTO_A_PAD,
	DITTO_A_NAME,
	DITTO_A_UUID,
	DITTO_A_NODE_ID,
	DITTO_A_FLAGS,
	DITTO_A_ROLE,
	DITTO_A_OPTIONS,
	DITTO_A_DISK,
	DITTO_A_DEVICE,
	DITTO_A_PEERS,
	DITTO_A_PEER_ID,
	DITTO_A_PEER_NAME,
	DITTO_A_DISK_PATH,
	DITTO_A_META_PATH,
	DITTO_A_COOKIE,
	DITTO_A_LANES,
	DITTO_A_GENERATION,
	DITTO_A_POSITION,
	DITTO_A_ROSTER,
	DITTO_A_EVENT,
	DITTO_A_OLD,
	DITTO_A_NEW,
	DITTO_A_BYTES,
	DITTO_A_TEXT,
	__DITTO_A_LAST
};

#define DITTO_A_MAX (__DITTO_A_LAST - 1)

/* Inside DITTO_A_LANES. */
enum ditto_lane_attr {
	DITTO_LANE_A_UNSPEC,
	DITTO_LANE_A_CONTROL,
	DITTO_LANE_A_WRITES,
	DITTO_LANE_A_BULK,
	__DITTO_LANE_A_LAST
};

#define DITTO_LANE_A_MAX (__DITTO_LANE_A_LAST - 1)

/* Inside DITTO_A_OPTIONS; all NLA_U32. */
enum ditto_option_attr {
	DITTO_OPTION_A_UNSPEC,
	DITTO_OPTION_A_POLICY,		/* enum ditto_policy */
	DITTO_OPTION_A_PING_INTERVAL,	/* ms, 100 to 60000 */
	/*
	 * ms, 500 to 600000: a peer that has said nothing, or has not
	 * acknowledged a write, for so long is dropped
	 */
	DITTO_OPTION_A_TIMEOUT,
	DITTO_OPTION_A_PAYLOAD_CRC,	/* 0, 1: CRC32C over payloads */
	DITTO_OPTION_A_ON_READ_ERROR,	/* enum ditto_read_error */
	DITTO_OPTION_A_RESYNC_CHECKSUM,	/* 0, 1: a resync skips blocks that are equal */
	__DITTO_OPTION_A_LAST
};

#define DITTO_OPTION_A_MAX (__DITTO_OPTION_A_LAST - 1)

/* Inside DITTO_A_DISK. */
enum ditto_disk_attr {
	DITTO_DISK_A_UNSPEC,
	DITTO_DISK_A_PAD,
	DITTO_DISK_A_STATE,		/* NLA_U32, enum ditto_disk_state */
	DITTO_DISK_A_PATH,		/* NLA_NUL_STRING */
	DITTO_DISK_A_META_PATH,		/* NLA_NUL_STRING, external only */
	DITTO_DISK_A_BLOCK_SHIFT,	/* NLA_U32, bytes a bitmap bit covers, log2 */
	DITTO_DISK_A_UNCLEAN,		/* NLA_U32, 1: it was not stopped cleanly */
	DITTO_DISK_A_READ_ERRORS,	/* NLA_U64, reads that failed since it was attached */
	DITTO_DISK_A_REPAIRED,		/* NLA_U64, bytes written anew after such a one */
	__DITTO_DISK_A_LAST
};

#define DITTO_DISK_A_MAX (__DITTO_DISK_A_LAST - 1)

/* Inside DITTO_A_DEVICE. */
enum ditto_device_attr {
	DITTO_DEVICE_A_UNSPEC,
	DITTO_DEVICE_A_PAD,
	DITTO_DEVICE_A_MINOR,		/* NLA_U32 */
	DITTO_DEVICE_A_SIZE,		/* NLA_U64, bytes */
	DITTO_DEVICE_A_OPENERS,		/* NLA_U32 */
	DITTO_DEVICE_A_READS,		/* NLA_U64, bios */
	DITTO_DEVICE_A_READ_BYTES,	/* NLA_U64 */
	DITTO_DEVICE_A_WRITES,		/* NLA_U64, bios */
	DITTO_DEVICE_A_WRITE_BYTES,	/* NLA_U64 */
	DITTO_DEVICE_A_FLUSHES,		/* NLA_U64, bios */
	DITTO_DEVICE_A_INFLIGHT,	/* NLA_U32, writes not yet completed */
	DITTO_DEVICE_A_EPOCH,		/* NLA_U64 */
	DITTO_DEVICE_A_BLOCK,		/* NLA_U32, bytes of a logical block */
	DITTO_DEVICE_A_IO,		/* NLA_U32, enum ditto_io_state */
	DITTO_DEVICE_A_HELD,		/* NLA_U32, bios that wait to be let in */
	/*
	 * NLA_U32, 1: it was demoted while it was open, and has been open since:
	 * no promotion before it is closed
	 */
	DITTO_DEVICE_A_DEPOSED,
	__DITTO_DEVICE_A_LAST
};

#define DITTO_DEVICE_A_MAX (__DITTO_DEVICE_A_LAST - 1)

/* One element of DITTO_A_PEERS. */
enum ditto_peer_attr {
	DITTO_PEER_A_UNSPEC,
	DITTO_PEER_A_PAD,
	DITTO_PEER_A_ID,		/* NLA_U32 */
	DITTO_PEER_A_NAME,		/* NLA_NUL_STRING */
	DITTO_PEER_A_CONNECTION,	/* NLA_U32, enum ditto_connection_state */
	DITTO_PEER_A_COOKIE,		/* NLA_U64, of the live connection, or 0 */
	DITTO_PEER_A_ROLE,		/* NLA_U32, enum ditto_role */
	DITTO_PEER_A_DISK,		/* NLA_U32, enum ditto_disk_state */
	DITTO_PEER_A_REPLICATION,	/* NLA_U32, enum ditto_replication_state */
	DITTO_PEER_A_PAUSED,		/* NLA_U32, 1: resync paused by hand */
	DITTO_PEER_A_OUT_OF_SYNC,	/* NLA_U64, bytes */
	DITTO_PEER_A_SYNC_TOTAL,	/* NLA_U64, bytes, of this resync or verify */
	DITTO_PEER_A_SYNC_DONE,		/* NLA_U64, bytes */
	DITTO_PEER_A_SYNC_RATE,		/* NLA_U64, bytes a second, lately */
	DITTO_PEER_A_SENT,		/* NLA_U64, bytes on all lanes */
	DITTO_PEER_A_RECEIVED,		/* NLA_U64, bytes on all lanes */
	DITTO_PEER_A_RESYNC_SENT,	/* NLA_U64, bytes of resync data */
	DITTO_PEER_A_RESYNC_SKIPPED,	/* NLA_U64, bytes found equal by checksum */
	DITTO_PEER_A_INFLIGHT,		/* NLA_U32, stream entries not yet durable */
	DITTO_PEER_A_VERIFY_ERRORS,	/* NLA_U64, bytes that differed, last verify */
	DITTO_PEER_A_VERIFY_SKIPPED,	/* NLA_U64, bytes in flight throughout */
	/*
	 * NLA_NESTED, the first that differed: NLA_BINARY of two __u64 each,
	 * byte offset and length, host order
	 */
	DITTO_PEER_A_VERIFY_RANGES,
	DITTO_PEER_A_REASON,		/* NLA_NUL_STRING, why not connected */
	__DITTO_PEER_A_LAST
};

#define DITTO_PEER_A_MAX (__DITTO_PEER_A_LAST - 1)

/* How many differing ranges of a verify are kept for each peer. */
#define DITTO_VERIFY_RANGES	16

enum ditto_role {
	DITTO_ROLE_UNKNOWN,
	DITTO_ROLE_SECONDARY,
	DITTO_ROLE_PRIMARY,
};

enum ditto_policy {
	DITTO_POLICY_SYNC = 1,
	DITTO_POLICY_SEMI_SYNC,		/* refused: not in this version */
	DITTO_POLICY_QUORUM,		/* refused: not in this version */
	DITTO_POLICY_ASYNC,		/* refused: not in this version */
};

/* What becomes of a disk that cannot read something which another node's can. */
enum ditto_read_error {
	DITTO_READ_ERROR_REPAIR = 1,	/* that is written to it anew */
	DITTO_READ_ERROR_DETACH,	/* it has failed */
};

enum ditto_disk_state {
	DITTO_DISK_UNKNOWN,
	DITTO_DISK_DISKLESS,
	DITTO_DISK_FAILED,
	DITTO_DISK_INCONSISTENT,
	DITTO_DISK_OUTDATED,
	DITTO_DISK_CONSISTENT,
	DITTO_DISK_UP_TO_DATE,
};

enum ditto_connection_state {
	DITTO_CONNECTION_STANDALONE,	/* not wanted, or refused: see REASON */
	DITTO_CONNECTION_CONNECTING,	/* wanted; the daemon is at work */
	DITTO_CONNECTION_HANDSHAKE,	/* sockets handed over */
	DITTO_CONNECTION_CONNECTED,
};

enum ditto_replication_state {
	DITTO_REPLICATION_OFF,		/* not connected, or nobody to copy from */
	DITTO_REPLICATION_ESTABLISHED,	/* in sync, writes are mirrored */
	DITTO_REPLICATION_SYNC_SOURCE,
	DITTO_REPLICATION_SYNC_TARGET,
	DITTO_REPLICATION_VERIFY,	/* in sync, copies are being compared */
};

enum ditto_io_state {
	DITTO_IO_RUNNING = 1,
	DITTO_IO_SUSPENDED,		/* by hand: the device's users wait */
};

enum ditto_event {
	DITTO_EVENT_RESOURCE_NEW = 1,
	DITTO_EVENT_RESOURCE_DEL,
	DITTO_EVENT_PEER_NEW,
	DITTO_EVENT_PEER_DEL,
	DITTO_EVENT_ROLE,		/* OLD, NEW: enum ditto_role */
	DITTO_EVENT_DISK,		/* OLD, NEW: enum ditto_disk_state */
	DITTO_EVENT_CONNECTION,		/* OLD, NEW: enum ditto_connection_state */
	DITTO_EVENT_REPLICATION,	/* OLD, NEW: enum ditto_replication_state */
	DITTO_EVENT_PEER_ROLE,		/* OLD, NEW: enum ditto_role */
	DITTO_EVENT_PEER_DISK,		/* OLD, NEW: enum ditto_disk_state */
	DITTO_EVENT_VERIFY_DONE,	/* BYTES: what differed */
	DITTO_EVENT_DIVERGED,		/* two histories met: nothing was touched */
	DITTO_EVENT_IO,			/* OLD, NEW: enum ditto_io_state */
};

#endif /* _UAPI_LINUX_DITTO_H */
