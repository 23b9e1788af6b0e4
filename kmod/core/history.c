// SPDX-License-Identifier: GPL-2.0
#include "history.h"

#define NODES		32u

static bool in_history(u64 generation, const struct ditto_wire_state *state)
{
	u32 i;

	for (i = 0; i < DITTO_WIRE_HISTORY && state->history[i]; i++) {
		if (state->history[i] == generation)
			return true;
	}
	return false;
}

bool ditto_history_has_disk(const struct ditto_wire_state *state)
{
	return !(state->flags & (DITTO_STATEF_DISKLESS | DITTO_STATEF_FAILED));
}

static bool primary(const struct ditto_wire_state *state)
{
	return state->flags & DITTO_STATEF_PRIMARY;
}

static bool inconsistent(const struct ditto_wire_state *state)
{
	return state->flags & DITTO_STATEF_INCONSISTENT;
}

/* A copy whose loss costs nothing: half of a resync, or never held data. */
static bool worthless(const struct ditto_wire_state *state)
{
	return inconsistent(state) || !state->generation;
}

enum ditto_relation ditto_history_relate(const struct ditto_wire_state *mine,
					 const struct ditto_wire_state *theirs)
{
	bool ahead, behind;

	if (!mine->generation || !theirs->generation)
		return DITTO_RELATION_NEW;
	if (mine->generation == theirs->generation)
		return DITTO_RELATION_SAME;
	ahead = in_history(theirs->generation, mine);
	behind = in_history(mine->generation, theirs);
	/* Each before the other: one of the two histories is not true. */
	if (ahead == behind)
		return DITTO_RELATION_DIVERGED;
	return ahead ? DITTO_RELATION_AHEAD : DITTO_RELATION_BEHIND;
}

bool ditto_history_equal(const struct ditto_wire_state *mine,
			 const struct ditto_wire_state *theirs)
{
	const u32 doubt = DITTO_STATEF_INCONSISTENT | DITTO_STATEF_OUTDATED |
			  DITTO_STATEF_UNCLEAN | DITTO_STATEF_DISKLESS | DITTO_STATEF_FAILED;

	return ditto_history_relate(mine, theirs) == DITTO_RELATION_SAME &&
	       mine->position == theirs->position && !((mine->flags | theirs->flags) & doubt);
}

/* What a Primary and its peer are to do, as the Primary sees it. */
static enum ditto_meeting lead(const struct ditto_wire_state *primary,
			       const struct ditto_wire_state *peer)
{
	if (worthless(peer))
		return DITTO_MEETING_FILL;
	/* Nothing that is worth less may be written over what the peer has. */
	if (worthless(primary))
		return DITTO_MEETING_DIVERGED;
	switch (ditto_history_relate(primary, peer)) {
	case DITTO_RELATION_SAME:
		return ditto_history_equal(primary, peer) ? DITTO_MEETING_LEAD :
							    DITTO_MEETING_FILL;
	case DITTO_RELATION_AHEAD:
		return DITTO_MEETING_FILL;
	default:
		return DITTO_MEETING_DIVERGED;
	}
}

/* A Primary whose disk has failed goes on with those of others, and leads with them. */
static bool can_meet(const struct ditto_wire_state *state)
{
	return ditto_history_has_disk(state) ||
	       (primary(state) && !(state->flags & DITTO_STATEF_DISKLESS));
}

enum ditto_meeting ditto_history_meet(const struct ditto_wire_state *mine,
				      const struct ditto_wire_state *theirs)
{
	enum ditto_meeting meeting;

	if (primary(mine) && primary(theirs))
		return DITTO_MEETING_DIVERGED;
	if (!can_meet(mine) || !can_meet(theirs))
		return DITTO_MEETING_DISKLESS;
	if (primary(mine))
		return lead(mine, theirs);
	if (primary(theirs)) {
		meeting = lead(theirs, mine);
		return meeting == DITTO_MEETING_DIVERGED ? meeting : DITTO_MEETING_FOLLOW;
	}
	if (ditto_history_relate(mine, theirs) == DITTO_RELATION_DIVERGED &&
	    !worthless(mine) && !worthless(theirs))
		return DITTO_MEETING_DIVERGED;
	return DITTO_MEETING_IDLE;
}

bool ditto_history_outdates(const struct ditto_wire_state *mine, u32 my_id,
			    const struct ditto_wire_state *theirs)
{
	/* What a Secondary remembers of a disk that is lost is no copy that could be newer. */
	if (!primary(theirs) && !ditto_history_has_disk(theirs))
		return false;
	return my_id < NODES && !inconsistent(theirs) && !(theirs->roster >> my_id & 1) &&
	       ditto_history_relate(mine, theirs) == DITTO_RELATION_BEHIND;
}

bool ditto_history_covers(const struct ditto_wire_state *mine,
			  const struct ditto_wire_state *theirs)
{
	const u32 doubt = DITTO_STATEF_OUTDATED | DITTO_STATEF_UNCLEAN;

	if (!ditto_history_has_disk(theirs) || worthless(theirs) || theirs->flags & doubt)
		return false;
	if (worthless(mine))
		return true;
	switch (ditto_history_relate(mine, theirs)) {
	case DITTO_RELATION_SAME:
		return primary(theirs) || theirs->position >= mine->position;
	case DITTO_RELATION_BEHIND:
		return true;
	default:
		return false;
	}
}

static bool newer(const struct ditto_wire_state *mine, const struct ditto_wire_state *theirs)
{
	if (worthless(theirs))
		return false;
	switch (ditto_history_relate(mine, theirs)) {
	case DITTO_RELATION_SAME:
		return theirs->position > mine->position;
	case DITTO_RELATION_BEHIND:
	case DITTO_RELATION_NEW:
		return true;
	default:
		return false;
	}
}

/* Can @theirs hold nothing that @mine lacks, as far as an unclean @mine can tell? */
static bool holds_no_more(const struct ditto_wire_state *mine,
			  const struct ditto_wire_state *theirs)
{
	if (worthless(theirs))
		return true;
	/*
	 * A member that has not heard of the newest generation is not behind for
	 * that: it may have all of the one before, and @mine may have lost of it.
	 */
	return ditto_history_relate(mine, theirs) == DITTO_RELATION_SAME &&
	       theirs->position <= mine->position;
}

static bool first_connected(const struct ditto_wire_state *mine,
			    const struct ditto_wire_state *theirs, u32 connected,
			    bool (*test)(const struct ditto_wire_state *mine,
					 const struct ditto_wire_state *theirs), u32 *who)
{
	u32 id;

	for (id = 0; id < NODES; id++) {
		if (connected >> id & 1 && test(mine, &theirs[id])) {
			*who = id;
			return true;
		}
	}
	return false;
}

static bool is_primary(const struct ditto_wire_state *mine, const struct ditto_wire_state *theirs)
{
	(void)mine;
	return primary(theirs);
}

/* Does some member of @mine's roster stand against an unclean @mine? */
static bool member_objects(const struct ditto_wire_state *mine, u32 my_id,
			   const struct ditto_wire_state *theirs, u32 connected, u32 *who)
{
	u32 id;

	for (id = 0; id < NODES; id++) {
		if (id == my_id || !(mine->roster >> id & 1))
			continue;
		if (connected >> id & 1 && (theirs[id].flags & DITTO_STATEF_UNCLEAN ||
					    holds_no_more(mine, &theirs[id])))
			continue;
		*who = id;
		return true;
	}
	return false;
}

/* Those of @connected that have a disk. */
static u32 copies(const struct ditto_wire_state *theirs, u32 connected)
{
	u32 id, have = 0;

	for (id = 0; id < NODES; id++) {
		if (connected >> id & 1 && ditto_history_has_disk(&theirs[id]))
			have |= 1u << id;
	}
	return have;
}

enum ditto_promotion ditto_history_may_promote(const struct ditto_wire_state *mine, u32 my_id,
					       const struct ditto_wire_state *theirs,
					       u32 connected, u32 *who)
{
	if (my_id < NODES)
		connected &= ~(1u << my_id);
	if (first_connected(mine, theirs, connected, is_primary, who))
		return DITTO_PROMOTE_PRIMARY;
	/* Of others it is known no more than of one that is not connected. */
	connected = copies(theirs, connected);
	if (!ditto_history_has_disk(mine))
		return DITTO_PROMOTE_DISKLESS;
	if (inconsistent(mine))
		return DITTO_PROMOTE_INCONSISTENT;
	if (mine->flags & DITTO_STATEF_OUTDATED)
		return DITTO_PROMOTE_OUTDATED;
	if (first_connected(mine, theirs, connected, newer, who))
		return DITTO_PROMOTE_NEWER;
	if (mine->flags & DITTO_STATEF_UNCLEAN &&
	    member_objects(mine, my_id, theirs, connected, who))
		return DITTO_PROMOTE_UNCLEAN;
	return DITTO_PROMOTE_OK;
}
