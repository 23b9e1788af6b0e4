/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A node: what the shell keeps around the core, without what only a kernel
 * needs. Files that have the shell's names mirror the shell's files of those
 * names, function by function where they decide anything.
 *
 * What the shell does under its locks is one event here; where it lets go of
 * them between two steps, those are two events.
 */
#ifndef DITTO_SIM_NODE_H
#define DITTO_SIM_NODE_H

#include "account.h"
#include "apply.h"
#include "bits.h"
#include "disk.h"
#include "fiber.h"
#include "history.h"
#include "intent.h"
#include "net.h"
#include "oracle.h"
#include "resync.h"
#include "sim.h"
#include "stream.h"
#include "wire.h"

#define EXTENT_BYTES	(16u * 1024)
#define WINDOW_BYTES	(48u * 1024)
#define LOG_REGIONS	(DISK_LOG_BLOCKS * SIM_LOG_REGIONS)
#define LOG_BUCKETS	8u
#define NO_SLOT		U32_MAX

enum peer_event { PEER_HELLO, PEER_STATE, PEER_START, PEER_READY, PEER_RESYNCED, PEER_LOST };

enum node_event { RES_ROSTER_DONE, RES_APPLY_ROSTER, RES_APPLIER_IDLE, RES_DISK_FAILED };

enum connection_state { STANDALONE, CONNECTING, HANDSHAKE, CONNECTED };

enum disk_state { DISKLESS, FAILED, INCONSISTENT, OUTDATED, CONSISTENT, UP_TO_DATE, UNKNOWN };

enum command {
	COMMAND_NONE,
	COMMAND_PROMOTE,
	COMMAND_PROMOTE_FORCE,
	COMMAND_DEMOTE,
	COMMAND_ATTACH,
	COMMAND_DETACH,
	COMMAND_INVALIDATE,
	COMMAND_INVALIDATE_PEER,
	COMMAND_CONNECT,
	COMMAND_DISCONNECT,
	COMMAND_LANES,
	COMMAND_FOUND_BAD,
};

struct node;

/* What sleeps: the state machine and its commands under conf, and two works. */
enum context_id { CONTEXT_CONF, CONTEXT_COMMIT, CONTEXT_COOL, CONTEXTS };

/**
 * struct context - see above
 * @io: it waits for an access to the disk
 * @error: which ended with an error
 * @wait: what it waits for besides, or NULL
 * @timed: only for so long
 */
struct context {
	struct fiber fiber;
	bool io;
	bool error;
	bool (*wait)(struct node *n);
	bool timed;
	bool timed_out;
};

/**
 * struct region_user - see kmod/regions.h
 */
struct region_user {
	struct ditto_intent_user core;
	struct node *node;
	void (*hot)(struct region_user *user);
	void (*retry)(struct region_user *user);
	bool first;
};

/**
 * struct regions - see kmod/regions.h
 * @commit: the work is queued
 * @cool: it is, and when: RARE, or soon
 */
struct regions {
	struct ditto_intent core;
	struct ditto_region memory[LOG_REGIONS];
	u8 images[DISK_LOG_BLOCKS][DITTO_INTENT_BLOCK];
	u32 buckets[LOG_BUCKETS];
	struct list_head parked;
	bool commit;
	bool cool;
	bool running;
};

/**
 * struct peer - see kmod/peer.h
 * @planned: blocks out of sync when the resync began, or since
 * @moved: blocks that have been read for it
 * @asked: blocks that have been read to be compared
 */
struct peer {
	struct node *node;
	u32 id;
	enum connection_state connection_state;
	enum disk_state disk_state;
	struct conn *conn;
	struct ditto_wire_state state;
	bool state_valid;
	struct ditto_bits bits;
	unsigned long words[1];
	unsigned long dirty[1];
	u32 bits_slot;
	u32 events;

	/* of a resync from here */
	struct ditto_resync plan;
	bool running;
	bool joining;
	bool kicked;
	u32 reads;
	struct extent_io *taken;	/* out of the plan, its read not begun */
	unsigned long planned[1];
	unsigned long moved[1];
	unsigned long asked[1];
};

/**
 * struct request - see kmod/request.h
 * @link: in node.requests
 * @io: of the local leg, while the disk has it
 * @repair: what it is the request of, until it is added
 * @repairs: it is a repair's
 * @write: the oracle's; NULL for what the state machine says, and for repairs: the
 *	oracle has heard of what they write
 */
struct request {
	struct ditto_entry entry;
	struct list_head link;
	struct node *node;
	struct region_user regions;
	u32 ref;
	u64 *data;
	bool user;
	bool preflush;
	bool heated;
	struct repair *repair;
	bool repairs;
	struct disk_io *io;
	struct write *write;
	struct ditto_wire_roster roster;
	struct ditto_wire_absent absent;
	struct ditto_wire_bits bits;
	u64 words[1];
	u32 joins;
};

/**
 * struct repair - a range that the local disk could not read is written anew
 * @link: in node.repairs, until a member's data is there
 * @reader: in the stream's ranges, until it is added
 * @data: as a member holds it, once it has been read
 */
struct repair {
	struct list_head link;
	struct node *node;
	struct ditto_reader reader;
	u64 *data;
};

/* See struct ditto_applier_word. */
struct word {
	struct ditto_wire_bits bits;
	struct ditto_wire_absent absent;
	struct ditto_wire_roster roster;
	struct ditto_wire_sums sums;
	u64 words[DITTO_WIRE_BITS_MOST / 64];
};

/**
 * struct item - see kmod/applier.h
 * @handed: in node.handed: out of the core, not yet submitted
 * @lacking: of SET: the node that lacks the range
 */
struct item {
	struct ditto_apply_item core;
	struct list_head handed;
	struct node *node;
	struct region_user regions;
	bool heated;
	u64 *data;
	struct ditto_wire_roster roster;
	struct ditto_wire_sums sums;
	u32 lacking;
};

/**
 * struct node - see kmod/resource.h, kmod/disk.h, kmod/applier.h
 * @powered: it is
 * @allocs: what it has allocated; a crash frees all of it
 * @pages: one context at a time writes pages
 * @gate: users' requests are taken
 * @users: of them under way
 * @contexts: see enum context_id; @current: the one that runs
 * @reached: what a command waits for
 * @timeline: that its copy belongs to, NULL while the metadata says Inconsistent
 * @next_timeline: once the metadata says that it is whole
 */
struct node {
	u32 id;
	bool powered;
	struct list_head allocs;
	struct disk disk;

	bool attached;
	bool failed;
	struct ditto_md md;
	u64 attach_id;
	bool unclean;
	bool pages;

	bool primary;
	bool gate;
	u32 users;
	enum disk_state disk_state;
	struct peer peers[SIM_NODES];
	u32 rosters;
	u32 events;

	struct ditto_stream stream;
	struct ditto_account account;
	struct regions regions;
	struct list_head requests;
	struct list_head repairs;
	struct list_head elsewhere;	/* extents that a member's disk is to be read for */
	struct list_head submit;
	struct list_head submit_readers;
	struct list_head roster_done;

	struct ditto_apply apply;
	struct conn *upstream;
	u32 waiting;
	u32 active;
	bool flush_due;
	bool pump_due;
	bool given;
	u32 source;
	u32 upstream_node;
	u64 upstream_attach_id;
	struct item *roster;
	struct list_head handed;
	struct ditto_wire_start target;
	struct ditto_wire_state told;

	struct context contexts[CONTEXTS];
	struct context *current;
	bool (*reached)(struct node *n);
	enum command command;
	u32 command_peer;
	struct session *command_session;
	u32 command_sector;
	int result;

	struct timeline *timeline;
	struct timeline *next_timeline;
};

extern struct node nodes[SIM_NODES];

/* Memory that goes with the node's power. */
void *node_alloc(struct node *n, size_t size);
void node_free(struct node *n, void *memory);

void node_init(struct node *n, u32 id, bool internal, u32 shift, bool fresh);
void node_power_on(struct node *n);
void node_power_cut(struct node *n);
/* As a kernel that panics: its disk keeps what it has in its cache. */
void node_crash(struct node *n);
void node_exit(struct node *n);

/* Is there a context that may go on? */
bool context_ready(struct node *n, enum context_id id);
bool context_running(const struct node *n, enum context_id id);
/* Begin it, or let it go on. */
void context_run(struct node *n, enum context_id id, void (*run)(void *arg));

/*
 * From one of the node's contexts: until @ready says so. Return: false after a
 * time-out, which only comes where @timed.
 */
bool node_wait(struct node *n, bool (*ready)(struct node *n), bool timed);
/* The disk is of no use any more. */
void node_disk_error(struct node *n);
/* Write the metadata; from a context, as all that follows. On a failed disk nothing is. */
void node_write_md(struct node *n);
/* @meta: the metadata's device. */
void node_flush(struct node *n, bool meta);
void node_write_block(struct node *n, u64 offset, const void *block, bool fua);
/* Where the simulated disk keeps the block at @offset. */
u32 node_block(const struct ditto_md *md, u64 offset);

static inline bool node_member(const struct node *n, u32 peer)
{
	return n->attached && n->md.roster >> peer & 1;
}

static inline void peer_event(struct peer *p, enum peer_event event)
{
	p->events |= 1u << event;
}

static inline void node_event(struct node *n, enum node_event event)
{
	n->events |= 1u << event;
}

/* bitmap.c */
void bitmap_new(struct peer *p);
void bitmap_keep(struct peer *p);
void bitmap_distrust(struct peer *p);
void bitmap_write(struct node *n);

/* regions.c */
void regions_attach(struct node *n);
void regions_detach(struct node *n);
enum ditto_heat regions_take(struct node *n, struct region_user *user, u64 start, u64 last,
			     u64 position);
void regions_put(struct node *n, u64 start, u64 last);
void regions_wake(struct node *n);
void regions_empty(struct node *n);
void regions_commit(struct node *n);
void regions_cool(struct node *n);
/* A bit for each region that is not cold. */
u64 regions_in_use(const struct node *n);
/* Would the cooling find anything to do, were it late enough? */
bool regions_cool_useful(const struct node *n);

/* request.c */
void request_submit(struct node *n, u8 kind, u32 first, u32 count, u32 flags);
void request_roster(struct node *n, u8 kind, const struct ditto_wire_roster *roster, u32 joins);
void request_bits(struct node *n, struct peer *p, u32 joins);
void request_set(struct node *n, u32 node, u64 start, u64 size);
/* Memory is short. */
void request_fold(struct node *n, u32 most);
void request_absent(struct node *n, u32 node, u64 durable, struct ditto_stream_out *out);
/* A member's data is there. */
void request_repair(struct repair *repair);
void request_put(struct request *r);
/* Do not wait for what a failed disk was given. */
void request_give_up(struct node *n);
void request_dispatch(struct node *n, struct ditto_stream_out *out);
bool request_submit_due(const struct node *n);
void request_submit_work(struct node *n);

/* repair.c */
/* The local disk cannot read [@first, @first + @count). */
void repair_begin(struct node *n, u32 first, u32 count);
bool repair_due(const struct node *n);
/* A member's disk is read, or what it held arrives. */
void repair_step(struct node *n);
void repair_end(struct repair *r);

/* applier.c */
void applier_begin(struct node *n, struct conn *c, const struct ditto_wire_start *start);
void applier_lost(struct node *n, struct conn *c);
bool applier_idle(const struct node *n);
u64 applier_position(const struct node *n);
void applier_set_position(struct node *n, u64 position);
int applier_receive(struct node *n, const struct ditto_wire_header *h, const u64 *data,
		    const struct word *word);
void applier_account(struct node *n, const struct ditto_wire_header *h, const struct word *word);
void item_written(struct item *item);
void applier_pump(struct node *n);
void applier_submit_handed(struct node *n);
bool applier_idle_due(const struct node *n);
void applier_idle_flush(struct node *n);
bool applier_ack(struct node *n, struct conn *c, struct ditto_wire_ack *ack);
void applier_roster_done(struct node *n, bool joined);

/* compare.c */
void compare_sum(const u64 *values, u32 count, struct ditto_wire_sums *sums);
void compare_begin(struct item *item);

/* syncer.c */
struct extent_io;
void syncer_begin(struct peer *p);
void syncer_end(struct peer *p, struct conn *c);
/* A range is out of sync that was not, or will be sent again. */
void syncer_mark(struct peer *p, u64 start, u64 size);
bool syncer_due(const struct peer *p);
void syncer_work(struct peer *p);
struct extent_io *syncer_next(struct conn *c, struct ditto_wire_header *h, void *small);
int syncer_differs(struct peer *p, const struct ditto_wire_header *h, u32 differs);
const u64 *syncer_data(const struct extent_io *io);
void syncer_sent(struct extent_io *io);
int syncer_acked(struct peer *p, u64 written, u64 durable);
void syncer_read_submit(struct ditto_reader *reader);
/* Do not wait for what a failed disk reads (ditto_disk_give_up() of the shell). */
void syncer_give_up(struct node *n);
bool syncer_elsewhere_due(const struct node *n);
/* A member's disk is read, or what it held arrives. */
void syncer_elsewhere(struct node *n);

/* session.c */
void session_connect(struct peer *p);
void session_disconnect(struct peer *p, enum ditto_wire_bye why);
void session_lanes(struct peer *p, struct session *s);
void session_lead(struct peer *p, bool member);
void session_leave(struct peer *p, bool hold, bool tell);
void session_hello(struct peer *p);
void session_state(struct peer *p);
void session_start(struct peer *p);
void session_ready(struct peer *p);
void session_lost(struct peer *p);

/* roster.c */
u64 roster_new_generation(void);
void roster_know(struct peer *p);
void roster_without(struct peer *p);
void roster_without_disk(struct node *n);
void roster_join(struct peer *p);
void roster_done(struct node *n);
void roster_start(struct node *n, const struct ditto_wire_start *start);
void roster_apply(struct node *n);

/* role.c */
void role_disk_failed(struct node *n);
void role_lose_targets(struct node *n, const char *reason);
int role_promote(struct node *n, bool force);
int role_demote(struct node *n);
int role_invalidate(struct node *n);
void role_invalidate_peer(struct node *n, struct peer *p);
/* A comparison has found that a sector of a target differs. */
void role_found_bad(struct node *n, struct peer *p, u32 sector);
int role_wait_idle(struct node *n);
void role_orphans(struct node *n, u32 source, u64 logged);
int role_attach(struct node *n);
int role_detach(struct node *n);

/* state.c */
void state_mine(const struct node *n, struct ditto_wire_state *state);
enum disk_state state_disk(const struct node *n, const struct ditto_wire_state *mine);
void state_refresh(struct node *n);
/* Is there something for the state machine to do? */
bool state_due(const struct node *n);
void state_run(struct node *n);

/* check.c: G2 and G3; @quiet: nothing is on its way anywhere. */
void check_copies(bool quiet);
/* Would @n, a Primary, have @peer serve a read? */
bool check_serves(const struct node *n, u32 peer);
/* Any peer? */
bool check_served(const struct node *n);
void check_order(void);

/* cover.c: G2 for each pair of disks, whoever loses power now. */
void cover_init(void);
struct disk_said cover_listen(const struct disk *disk, u32 number, const void *block);
void cover_check(void);
/*
 * Blocks in which two copies may have come to differ since they were last known
 * to be equal, in whole regions: no resync may move any other.
 */
void cover_touch(u64 start, u64 size);
/* All that @node holds may differ from the others': its metadata was torn. */
void cover_touch_all(u32 node);
void cover_resync(const struct peer *p);
/* Everything is quiet. */
void cover_quiet(void);

#endif /* DITTO_SIM_NODE_H */
