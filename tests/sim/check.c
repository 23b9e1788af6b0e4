// SPDX-License-Identifier: GPL-2.0
/*
 * G2: where a peer's bit is clear and nothing that covers the sector is on its
 * way, the two disks hold the same. G3: who counts as UpToDate does so too.
 */
#include "node.h"

/* A bit for each sector in which the two may differ, as far as @n knows. */
static void in_flight(const struct node *n, u32 peer, unsigned long *sectors)
{
	const struct ditto_follower *f = &n->stream.followers[peer];
	const struct request *r;
	u64 sector;

	list_for_each_entry(r, &n->requests, link) {
		if (r->entry.kind > DITTO_ENTRY_ZEROES ||
		    (r->entry.flags & DITTO_ENTRYF_LOCAL && r->entry.position <= f->written))
			continue;
		for (sector = r->entry.range.start / 512; sector <= r->entry.range.last / 512;
		     sector++)
			__set_bit(sector, sectors);
	}
}

/* Both have recorded the stream, and neither has lost the other. */
static bool follows(const struct node *n, u32 peer)
{
	const struct conn *c = n->peers[peer].conn;

	return c && c->ready && n->stream.followers[peer].active &&
	       nodes[peer].upstream && nodes[peer].upstream->session == c->session;
}

static void check_follower(const struct node *n, u32 peer)
{
	const struct peer *p = &n->peers[peer];
	unsigned long sectors[SIM_MASK] = {};
	u32 i, block = 1u << (p->bits.shift - 9);

	in_flight(n, peer, sectors);
	for (i = 0; i < SIM_SECTORS; i++) {
		if (test_bit(i / block, p->words) || test_bit(i, sectors) ||
		    test_bit(i, nodes[peer].disk.rotten) ||
		    disk_live(&n->disk, i) == disk_live(&nodes[peer].disk, i))
			continue;
		broken("G2", "node %u holds %llx in sector %u, %u holds %llx, and no bit says so",
		       n->id, disk_live(&n->disk, i), i, peer,
		       disk_live(&nodes[peer].disk, i));
		return;
	}
}

static void check_member(const struct node *n, u32 peer)
{
	if (n->peers[peer].disk_state == UP_TO_DATE && n->peers[peer].bits.set &&
	    !n->stream.followers[peer].folded)
		broken("G3", "node %u calls %u UpToDate with %llu bits set", n->id, peer,
		       n->peers[peer].bits.set);
}

/* A Secondary that says UpToDate by itself: all of its roster is as it is. */
static void check_claim(const struct node *n)
{
	struct ditto_wire_state mine;
	u32 i, sector;

	state_mine(n, &mine);
	if (n->primary || state_disk(n, &mine) != UP_TO_DATE)
		return;
	if (!n->timeline) {
		broken("G3", "node %u is UpToDate and Inconsistent", n->id);
		return;
	}
	oracle_check_reads(n->timeline, &n->disk);
	for (i = 0; i < SIM_NODES; i++) {
		/* One whose disk fails lacks something, and leaves the roster for that. */
		if (i == n->id || !(n->md.roster & BIT(i)) || !nodes[i].attached ||
		    nodes[i].failed || nodes[i].disk.health != DISK_SOUND)
			continue;
		for (sector = 0; sector < SIM_SECTORS; sector++) {
			if (disk_live(&n->disk, sector) == disk_live(&nodes[i].disk, sector))
				continue;
			broken("G3", "node %u is UpToDate and differs from %u in sector %u",
			       n->id, i, sector);
			return;
		}
	}
}

bool check_serves(const struct node *n, u32 peer)
{
	return follows(n, peer) && node_member(n, peer) && !n->peers[peer].joining &&
	       !nodes[peer].failed;
}

bool check_served(const struct node *n)
{
	u32 i;

	for (i = 0; i < SIM_NODES; i++)
		if (i != n->id && check_serves(n, i))
			return true;
	return false;
}

void check_copies(bool quiet)
{
	const struct node *n;
	u32 i, peer;

	for (i = 0; i < SIM_NODES; i++) {
		n = &nodes[i];
		if (!n->powered || !n->attached)
			continue;
		if (n->primary && n->timeline && !n->failed)
			oracle_check_reads(n->timeline, &n->disk);
		for (peer = 0; peer < SIM_NODES && n->primary; peer++) {
			if (peer == i)
				continue;
			if (n->failed && check_serves(n, peer))
				oracle_check_reads(n->timeline, &nodes[peer].disk);
			if (follows(n, peer) && !n->failed)
				check_follower(n, peer);
			if (quiet)
				check_member(n, peer);
		}
		if (quiet)
			check_claim(n);
	}
}

void check_order(void)
{
	struct node *n;
	u32 i;

	for (i = 0; i < SIM_NODES; i++) {
		n = &nodes[i];
		if (!n->disk.changed)
			continue;
		n->disk.changed = false;
		if (n->timeline)
			oracle_check_order(n->timeline, &n->disk);
	}
}
