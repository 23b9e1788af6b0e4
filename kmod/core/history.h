/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Two copies meet: which is newer, may they follow each other, who may become
 * Primary (G1, G5, G6). Pure decisions over what both ends have said.
 *
 * Both ends run ditto_history_meet() on the same two facts, each from its own
 * side, and come to mirrored answers.
 */
#ifndef DITTO_CORE_HISTORY_H
#define DITTO_CORE_HISTORY_H

#include "port.h"
#include "wire.h"

enum ditto_relation {
	DITTO_RELATION_SAME,	/* same generation */
	DITTO_RELATION_AHEAD,	/* theirs is in my history: mine descends from it */
	DITTO_RELATION_BEHIND,	/* mine is in their history */
	DITTO_RELATION_DIVERGED,/* neither is in the other's history */
	DITTO_RELATION_NEW,	/* at least one of the two never held data */
};

/* How two histories relate; a generation of 0 is a copy that never held data. */
enum ditto_relation ditto_history_relate(const struct ditto_wire_state *mine,
					 const struct ditto_wire_state *theirs);

enum ditto_meeting {
	DITTO_MEETING_IDLE,	/* neither is Primary: stay connected, move no data */
	DITTO_MEETING_LEAD,	/* I am Primary, their copy equals mine: MODE_MEMBER */
	DITTO_MEETING_FILL,	/* I am Primary, they become the target of a resync */
	DITTO_MEETING_FOLLOW,	/* they are Primary: wait for START */
	DITTO_MEETING_DIVERGED,	/* refuse, touch nothing, say so at both ends */
	DITTO_MEETING_DISKLESS,	/* one has no disk: nothing to mirror yet */
};

/* Has it a disk, and one that is of use? */
bool ditto_history_has_disk(const struct ditto_wire_state *state);

/**
 * ditto_history_equal() - are the two copies the same, by proof?
 *
 * True only where both have the same generation and have applied exactly up to
 * the same position, and neither is Inconsistent, Outdated, unclean or
 * diskless: prefixes of one stream up to one position are equal.
 */
bool ditto_history_equal(const struct ditto_wire_state *mine,
			 const struct ditto_wire_state *theirs);

/**
 * ditto_history_meet() - what the connection of two nodes is for
 *
 * Two Primaries have diverged. A Primary whose peer's generation is not its
 * own and not in its history has diverged from it, unless that peer's copy is
 * Inconsistent (it holds nothing that counts) or new. A peer whose history is
 * that of the Primary or behind it is filled, or led where equal. A Primary
 * whose own copy is Inconsistent or new leads and fills only a peer whose copy
 * is worth no more: else both are told DIVERGED. One whose disk has failed fills,
 * too: whether there is a member that it could read from is for the caller to see.
 * Two Secondaries are never in conflict as long as none is Primary unless
 * their histories have diverged and neither copy is Inconsistent or new.
 */
enum ditto_meeting ditto_history_meet(const struct ditto_wire_state *mine,
				      const struct ditto_wire_state *theirs);

/**
 * ditto_history_outdates() - does the other's word make my copy Outdated?
 *
 * True where their generation descends from mine, their copy is not
 * Inconsistent, and their newest roster leaves me (@my_id) out. Of a Secondary
 * whose disk is lost that is not so: nothing is newer there any more.
 */
bool ditto_history_outdates(const struct ditto_wire_state *mine, u32 my_id,
			    const struct ditto_wire_state *theirs);

/**
 * ditto_history_covers() - may my copy be given up, as far as theirs goes?
 *
 * True where they have said of their copy that it counts, and that it holds all
 * that mine does: mine counts for nothing, or theirs is of the same generation
 * and as far, or descends from mine. What a Primary holds is as far by what it is.
 */
bool ditto_history_covers(const struct ditto_wire_state *mine,
			  const struct ditto_wire_state *theirs);

enum ditto_promotion {
	DITTO_PROMOTE_OK,
	DITTO_PROMOTE_DISKLESS,
	DITTO_PROMOTE_INCONSISTENT,	/* needs --force */
	DITTO_PROMOTE_OUTDATED,		/* needs --force */
	DITTO_PROMOTE_UNCLEAN,		/* needs --force: @who stayed up, or could tell */
	DITTO_PROMOTE_PRIMARY,		/* @who is Primary; --force does not help */
	DITTO_PROMOTE_NEWER,		/* @who has newer data; needs --force */
};

/**
 * ditto_history_may_promote() - may this node become Primary without --force?
 * @mine: this node's state
 * @my_id: its node id
 * @theirs: states of the connected peers, indexed by node id
 * @connected: a bit for each node id that @theirs holds
 * @who: node id that stands against it, where the answer names one
 *
 * An unclean node is promoted only when every other member of its newest
 * roster is connected and is unclean too, or holds no more than it does.
 * A peer without a disk is asked whether it is Primary, and nothing else.
 * A connected peer has newer data when its generation descends from mine, or
 * is the same and its position is higher, and its copy is not Inconsistent; or
 * when it has data and this node never had any.
 *
 * Return: DITTO_PROMOTE_OK or the first reason against, in the order of
 * the enum's PRIMARY, DISKLESS, INCONSISTENT, OUTDATED, NEWER, UNCLEAN.
 */
enum ditto_promotion ditto_history_may_promote(const struct ditto_wire_state *mine, u32 my_id,
					       const struct ditto_wire_state *theirs,
					       u32 connected, u32 *who);

#endif /* DITTO_CORE_HISTORY_H */
