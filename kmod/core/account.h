/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What one disk node knows of the others' copies: the rules of accounting (G2)
 * beyond a single bitmap or log.
 *
 * For each pair of disks X and Y, at every instant and after every crash, all
 * in which their copies may differ is covered by
 *
 *	X's bits for Y, Y's bits for X, the hot regions of X, those of Y.
 *
 * That is why everyone can speak for everyone (rule 2), and why the work list
 * of a resync is a union (rule 4), whoever is its source. What keeps it true:
 *
 * - the Primary: a write sets bits for all that are not sent it; what a lost
 *   follower has not made durable becomes its bits, and ABSENT tells the others;
 * - a follower: a write sets bits for all that the Primary does not name as
 *   its followers, when it is received; its regions stay hot until the Primary
 *   says that they are settled; ABSENT becomes bits for what is unsettled;
 * - whoever has lost its Primary: what is hot and not settled becomes bits for
 *   all others; so does what was hot before a crash;
 * - a target: an extent sets bits for all but its source, before it is written;
 * - JOIN: the one that joins equals the Primary at that position, as every
 *   other member does: they clear all bits for each other.
 *
 * Three traces that are easily missed:
 *
 * - X has write w durably, and Y has not yet got it. X is cut off and comes back
 *   as a member at a position behind w. Y is lost, and its ABSENT names a
 *   position before w. Of w X has no entry any more and its region may be cold:
 *   only the bits that X set for Y when it was cut off tell. So equality clears
 *   bits only once everything before START is settled (@equal, @start).
 * - X lacks a block, and is the target of a resync. The extent leaves the block
 *   out, as a newer write e covers it, which waits for its epoch at X and at Y.
 *   The extent is durable; before e is on any disk all lose power. X holds what
 *   was there before it was away, its source and Y the write before e. So an
 *   extent counts as written only once e is, and X joins after that; and equality
 *   clears bits only once everything up to JOIN is settled, for Y lacks e still.
 * - The Primary's bits for an absent Y speak for the pair of these two, and no
 *   more: what Y knows of the Primary alone (it had been resynced from X, say,
 *   while the Primary was away) is in Y's bits for the Primary, and not in those
 *   for X. When X becomes equal to the Primary it may not forget its own bits
 *   for Y: those of the Primary may be added to them, and may replace them only
 *   where the histories of the two had not diverged (nobody was promoted by force).
 *
 * Functions are called under one lock of the caller's and neither sleep nor
 * allocate. Bits that are set for a write are on disk before its region cools
 * and need no care; bits set for other reasons (SET) are written by the caller
 * before it says that it is done.
 */
#ifndef DITTO_CORE_ACCOUNT_H
#define DITTO_CORE_ACCOUNT_H

#include "apply.h"
#include "bits.h"
#include "intent.h"
#include "port.h"
#include "wire.h"

#define DITTO_ACCOUNT_NODES	32u

/**
 * struct ditto_account - see above
 * @me: this node's id
 * @bits: by node id, of every other disk node; NULL where there is none. Set by
 *	ditto_account_keep()
 * @kept: a bit for each node that has @bits
 * @intent: the log of the local disk
 * @settled: what the Primary has told, while this node follows one; else 0
 * @start: position of START, or of the newest equality; 0 while this node does not
 *	follow
 * @equal: a bit for each node whose bits will be cleared when @settled has
 *	reached @start, unless something is known to be missing there before
 * @folded: on a Primary, a bit for each follower whose bits stand for nothing but
 *	folded entries of the stream, which are on their way there
 */
struct ditto_account {
	u32 me;
	struct ditto_bits *bits[DITTO_ACCOUNT_NODES];
	u32 kept;
	struct ditto_intent *intent;
	u64 settled;
	u64 start;
	u32 equal;
	u32 folded;
};

/* @bits are those for @node from now on; NULL: nobody keeps account of it. */
void ditto_account_keep(struct ditto_account *acc, u32 node, struct ditto_bits *bits);

/**
 * ditto_account_write() - a write has been added to the stream, or received
 * @followers: a bit for each node whose disk gets it, the Primary's included; of
 *	an extent at its target: the source's
 *
 * All others lack it.
 */
void ditto_account_write(struct ditto_account *acc, u32 followers, u64 start, u64 size);

/* @node lacks a range, for whatever reason: found by a verify, given up with it. */
void ditto_account_lacks(struct ditto_account *acc, u32 node, u64 start, u64 size);

/**
 * ditto_account_fold() - an entry of the stream is folded, see ditto_stream_fold()
 *
 * A bit stands for it at @node. Where @node has other bits it is one of them: its
 * resync clears it.
 */
void ditto_account_fold(struct ditto_account *acc, u32 node, u64 start, u64 size);
/* All that was folded is durable at @node. */
void ditto_account_unfold(struct ditto_account *acc, u32 node);
/* @node is no follower any more, or is about to be resynced: its bits mean what they say. */
void ditto_account_unfollowed(struct ditto_account *acc, u32 node);
/*
 * The copy at @node is proven equal, but for what is on its way there. @folded: some of
 * that is folded, and its bits cannot be told from others: all stay until it is durable.
 */
void ditto_account_proven(struct ditto_account *acc, u32 node, bool folded);
/* Is @node known or suspected to lack anything that is not on its way there? */
bool ditto_account_out_of_sync(const struct ditto_account *acc, u32 node);

/*
 * A follower begins at @position. Of what is before it nothing is known to be
 * settled, so it has to be told, be it by a SETTLED of just @position.
 */
void ditto_account_start(struct ditto_account *acc, u64 position);
/* A follower has been told that everything up to @position is settled. */
void ditto_account_settled(struct ditto_account *acc, u64 position);

/**
 * ditto_account_absent() - a follower has received ABSENT
 * @apply: holds what has been received and is not durable yet
 */
void ditto_account_absent(struct ditto_account *acc, const struct ditto_wire_absent *absent,
			  const struct ditto_apply *apply);

/* SET, when it is received: @node lacks a range; where that is this node, all others differ from it there. */
void ditto_account_set(struct ditto_account *acc, u32 node, u64 start, u64 size);

/**
 * ditto_account_equal() - these copies equal the Primary's at @position
 * @roster: a bit for each node id of them: of nodes that are sent the stream, and
 *	the Primary; one that is lost is out of the roster, or its ABSENT follows
 *
 * For a copy that equals it too: a member that receives JOIN or a START that
 * makes it one, or the one that joins. Called when it is received, not when it
 * is applied: what comes behind it sets bits at once. The bits are cleared as
 * soon as everything up to this node's START and up to @position is settled.
 */
void ditto_account_equal(struct ditto_account *acc, u32 roster, u64 position);

/* The source has taken over what this target had for it, and keeps it on disk. */
void ditto_account_given(struct ditto_account *acc, u32 source);

/**
 * ditto_account_orphans() - the Primary is lost, or was demoted
 * @source: a bit for the node that is about to lead this one, if it is that very
 *	Primary, its disk attached ever since; else 0
 * @logged: that one's ditto_stream_logged()
 *
 * Called when all that the Primary had sent is written, or given up: what is hot
 * and not known to be settled becomes bits for all. Not so for @source, up to
 * @logged: it has bits of its own for all that it had not heard to be durable here,
 * and keeps in its log all that it has not got durable itself. A resync that
 * follows a cut link does not copy whole regions, therefore. One that was Primary
 * itself calls ditto_account_settled() first, with its stream's.
 */
void ditto_account_orphans(struct ditto_account *acc, u32 source, u64 logged);

/**
 * ditto_account_press() - the log is full of what is not settled
 * @received: last stream position that this follower has received
 *
 * A write that waits for room may be the very one before which nothing more is
 * settled (it overlaps an earlier one, or is of a later epoch). So bits speak
 * for what is unsettled, and its regions may cool. No equality that was heard
 * of may clear these bits before all of it is settled, for an ABSENT would find
 * no region any more.
 */
void ditto_account_press(struct ditto_account *acc, u64 received);

/* After a crash: @number was hot; bits for all others. */
void ditto_account_recover(struct ditto_account *acc, u32 number);

/**
 * ditto_account_pack() - the next piece of a bitmap to send
 * @from: bytes, a multiple of 64 blocks; moved on behind the piece
 * @piece: written, but for node
 * @words: written where fill is DITTO_FILL_WORDS; room for DITTO_WIRE_BITS_MOST bits
 *
 * Long runs of one kind are one piece. Return: false behind the end.
 */
bool ditto_account_pack(const struct ditto_bits *bits, u64 *from, struct ditto_wire_bits *piece,
			u64 *words);

/**
 * ditto_account_merge() - add a piece to a bitmap
 * @exact: clear what the piece says is clear, as far as it covers whole blocks;
 *	see above when that may be done
 * @set: called for each range that is set (so that a resync hears), or NULL
 */
void ditto_account_merge(struct ditto_bits *bits, const struct ditto_wire_bits *piece,
			 const u64 *words, bool exact,
			 void (*set)(void *arg, u64 start, u64 size), void *arg);

#endif /* DITTO_CORE_ACCOUNT_H */
