// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "verbs.h"

const struct verb verbs[] = {
	{
		"create-md", verb_create_md, 1, 1,
		OPTION_FORCE | OPTION_MAX_PEERS | OPTION_GRANULARITY | OPTION_BLOCK_SIZE |
		OPTION_SIZE, ALL_FILES,
		"RESOURCE|all [--force] [--max-peers N]\n"
		"                       [--granularity SIZE] [--block-size SIZE] [--size SIZE]",
		"write fresh metadata for this node's disk",
		"Writes ditto's metadata where the configuration says: at the end of the disk\n"
		"or on a device of its own. The disk's data stays; what the metadata takes from\n"
		"its end is printed. The copy counts as Inconsistent until it is resynced, or\n"
		"until it is declared the good one by 'ditto promote --force'.\n\n"
		"  --force             overwrite ditto metadata, or the end of a file system\n"
		"  --max-peers N       room for N peers' bitmaps, 1 to 31 (default 7)\n"
		"  --granularity SIZE  bytes for each bitmap bit, a power of two, 4K to 1M\n"
		"                      (default 16K)\n"
		"  --block-size SIZE   logical blocks of the device, 512 to 4K, where a node that\n"
		"                      joins later has a disk with larger ones (default: the\n"
		"                      largest of the disks that are connected)\n"
		"  --size SIZE         of the device, where another node's disk is smaller\n"
		"                      (default: what the metadata leaves of the disk)\n",
		"ditto create-md r0 --max-peers 3\n",
	}, {
		"up", verb_up, 1, 1, 0, ALL_FILES,
		"RESOURCE|all",
		"create the resource, attach its disk, connect its peers",
		"Does what the resource's file says. When a step fails, those before it are\n"
		"undone and the message names the step. Connections are set up by dittod.\n",
		"ditto up r0\n",
	}, {
		"down", verb_down, 1, 1, 0, ALL_UP,
		"RESOURCE|all",
		"disconnect, detach and remove the resource from the kernel",
		"Needs neither dittod nor the configuration. Refused while the device is in use;\n"
		"the message names the holder.\n",
		"ditto down all\n",
	}, {
		"promote", verb_promote, 1, 1, OPTION_FORCE | OPTION_ASSUME_EQUAL, ALL_FILES,
		"RESOURCE|all [--force] [--assume-equal]",
		"become Primary: the device may be written here",
		"  --force         also where the local copy is not known to be the newest; what\n"
		"                  only others hold is lost when they are resynced from here\n"
		"  --assume-equal  of a new resource: all disks hold the same, and are not copied\n"
		"                  (all blank, say); all nodes must be connected\n",
		"ditto promote r0 && mount /dev/ditto0 /mnt\n",
	}, {
		"demote", verb_demote, 1, 1, OPTION_FORCE, ALL_FILES,
		"RESOURCE|all [--force]",
		"become Secondary",
		"Refused while the device is open; the message names the holder.\n\n"
		"  --force  all the same: what was acknowledged is kept, and later writes of\n"
		"           those that have the device open fail. A mounted file system turns\n"
		"           read-only or shuts down, and loses what it had not written yet:\n"
		"           unmount it then. No promotion here before all have closed the\n"
		"           device. Peers, or a disk, that do not answer are given up\n",
		"umount /mnt && ditto demote r0\n",
	}, {
		"status", verb_status, 0, 1, OPTION_JSON, ALL_NONE,
		"[RESOURCE|all] [--json]",
		"show resources, peers, and how far a resync is",
		"  --json  for programs: an array with an object for each resource\n",
		"ditto status r0\n",
	}, {
		"wait-sync", verb_wait_sync, 1, 1, OPTION_TIMEOUT, ALL_NONE,
		"RESOURCE|all [--timeout SECONDS]",
		"wait until every disk of the resource is UpToDate",
		"Waits until this node's disk and every peer's are UpToDate, all are connected\n"
		"and nothing is out of sync. Shows progress on a terminal, or anywhere when the\n"
		"environment has DITTO_PROGRESS=1. It can be interrupted at any time.\n\n"
		"  --timeout SECONDS  give up then, with exit code 1, and say what is missing\n",
		"ditto wait-sync r0 --timeout 600\n",
	}, {
		"verify", verb_verify, 1, 1, OPTION_STOP | OPTION_WAIT, ALL_FILES,
		"RESOURCE|all [--wait] [--stop]",
		"compare all copies while the device is in use",
		"Differences are counted, listed and marked as out of sync.\n\n"
		"  --wait  until it has ended; exit code 1 where copies differ\n"
		"  --stop  end a running one\n",
		"ditto verify r0 --wait\n",
	}, {
		"connect", verb_connect, 1, 2, 0, ALL_FILES,
		"RESOURCE|all [PEER]",
		"want a connection with a peer, or with all",
		"The peer is named by its name or its node id. dittod sets the connection up.\n",
		"ditto connect r0 beta\n",
	}, {
		"disconnect", verb_disconnect, 1, 2, 0, ALL_FILES,
		"RESOURCE|all [PEER]",
		"end the connection with a peer, or with all, and stay apart",
		"The peer is named by its name or its node id. What is written meanwhile is\n"
		"brought to the peer after 'ditto connect'.\n",
		"ditto disconnect r0 beta\n",
	}, {
		"invalidate", verb_invalidate, 1, 2, 0, ALL_NONE,
		"RESOURCE [PEER]",
		"declare a copy bad: it is resynced in full",
		"Without a peer the local copy is given up, with one that peer's. Refused on a\n"
		"Primary without a peer, and where no connected peer has all that this copy has,\n"
		"unless their histories have diverged.\n",
		"ditto invalidate r0 beta\n",
	}, {
		"pause-sync", verb_pause_sync, 1, 1, 0, ALL_FILES,
		"RESOURCE|all",
		"hold resyncs until resume-sync",
		"New writes are still mirrored to connected peers.\n",
		"ditto pause-sync r0\n",
	}, {
		"resume-sync", verb_resume_sync, 1, 1, 0, ALL_FILES,
		"RESOURCE|all",
		"let resyncs go on after pause-sync",
		"",
		"ditto resume-sync r0\n",
	}, {
		"suspend-io", verb_suspend_io, 1, 1, 0, ALL_FILES,
		"RESOURCE|all",
		"let the users of the device wait",
		"Reads and writes of this node's device wait from now on, those under way have\n"
		"ended when it returns. What waits cannot be killed. Resyncs go on.\n",
		"ditto suspend-io r0\n",
	}, {
		"resume-io", verb_resume_io, 1, 1, OPTION_FAIL, ALL_FILES,
		"RESOURCE|all [--fail]",
		"let the users of the device go on after suspend-io",
		"  --fail  what has waited fails with an I/O error; what comes later is served\n",
		"ditto resume-io r0\n",
	}, {
		"attach", verb_attach, 1, 1, 0, ALL_FILES,
		"RESOURCE|all",
		"attach the disk that the configuration names",
		"'ditto up' does it too.\n",
		"ditto attach r0\n",
	}, {
		"detach", verb_detach, 1, 1, OPTION_FORCE, ALL_FILES,
		"RESOURCE|all [--force]",
		"let go of the disk",
		"Refused while the device is open; the message names the holder. Refused, too,\n"
		"where no connected peer has all that this disk has: it may be the last good\n"
		"copy.\n\n"
		"  --force  give up a disk that returns errors, or nothing, without waiting\n"
		"           for it. A Primary's device goes on with the disks of the peers;\n"
		"           refused where no peer has a good copy. Reads that the disk has\n"
		"           already been given end when it returns them\n",
		"ditto detach r0 --force\n"
	}, {
		"events", verb_events, 0, 0, OPTION_JSON, ALL_NONE,
		"[--json]",
		"print what happens, as it happens, until interrupted",
		"  --json  for programs: an object on each line\n",
		"ditto events\n",
	}, {
		"dump-md", verb_dump_md, 1, 1, OPTION_JSON, ALL_FILES,
		"RESOURCE|all [--json]",
		"show the metadata on this node's disk",
		"The superblock; the intent log, with the regions that a crash would find hot;\n"
		"and how much is out of sync with each peer, by its bitmap. Reads only, and\n"
		"needs no kernel module.\n\n"
		"  --json  for programs; it lists the hot regions as ranges of bytes\n",
		"ditto dump-md r0\n",
	}, {
		"check-md", verb_check_md, 1, 1, 0, ALL_FILES,
		"RESOURCE|all",
		"say whether the metadata on this node's disk is sound",
		"Looks at superblocks, intent log and bitmaps. Names what a crash leaves, which\n"
		"is no failure, and the pages of bitmaps that count as out of sync because they\n"
		"are not sound. Reads only, and needs no kernel module. Exit code 1 where the\n"
		"metadata is not sound.\n",
		"ditto check-md r0\n",
	},
	{ 0 },
};

const struct verb *verb_find(const char *name)
{
	for (const struct verb *verb = verbs; verb->name; verb++)
		if (!strcmp(verb->name, name))
			return verb;
	return NULL;
}

bool verb_planned(const char *name)
{
	static const char *const planned[] = {
		"handover", "resize", "adjust", "set", "explain", "hold", "release",
	};

	for (size_t i = 0; i < sizeof(planned) / sizeof(planned[0]); i++)
		if (!strcmp(planned[i], name))
			return true;
	return false;
}
