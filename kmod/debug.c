// SPDX-License-Identifier: GPL-2.0
#include "debug.h"

#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/seq_file.h>

#include "peer.h"
#include "request.h"
#include "resource.h"

/* Entries shown; the lock is held meanwhile. */
#define MOST_ENTRIES	256

static struct dentry *root;

static void show_followers(struct seq_file *s, struct ditto_resource *res)
{
	u32 i;

	for (i = 0; i < DITTO_MAX_NODES; i++) {
		const struct ditto_follower *f = &res->stream.followers[i];
		const struct ditto_peer *peer = res->peers[i];

		if (!f->active || !peer)
			continue;
		seq_printf(s, "follower %u %s from %llu sent %llu received %llu written %llu durable %llu folded %llu%s\n",
			   i, peer->name, f->from, f->sent, f->received, f->written, f->durable,
			   f->folded, f->counted ? " counted" : "");
		if (peer->sync.running)
			seq_printf(s, "resync %u cursor %llu inflight %llu number %llu bits %llu\n",
				   i, peer->sync.plan.cursor, peer->sync.plan.inflight,
				   peer->sync.plan.last_number, peer->bits.set);
	}
}

static void show_entries(struct seq_file *s, struct ditto_resource *res)
{
	struct ditto_entry *e;
	u32 count = 0;

	list_for_each_entry(e, &res->stream.entries, link) {
		if (++count > MOST_ENTRIES) {
			seq_puts(s, "...\n");
			return;
		}
		seq_printf(s, "entry %llu epoch %llu overlap %llu kind %u flags %#x range %llu+%llu age %u ms\n",
			   e->position, e->epoch, e->overlap, e->kind, e->flags, e->range.start,
			   e->range.last + 1 - e->range.start,
			   jiffies_to_msecs(jiffies - ditto_request_of(e)->queued));
	}
}

static int inflight_show(struct seq_file *s, void *unused)
{
	struct ditto_resource *res = s->private;
	struct ditto_applier *app = &res->applier;

	spin_lock_irq(&res->stream_lock);
	seq_printf(s, "stream position %llu epoch %llu listed %u%s\n", res->stream.position,
		   res->stream.epoch, res->stream.listed, res->stream.hold ? " hold" : "");
	seq_printf(s, "regions hot %u free %u%s settled %llu\n",
		   ditto_intent_hot(&res->regions.core), res->regions.core.free,
		   list_empty(&res->regions.parked) ? "" : " parked", res->account.settled);
	seq_printf(s, "pace inflight %llu budget %llu gap %llu us write alone %llu us%s%s\n",
		   res->pace.inflight, res->pace.budget, div_u64(res->pace.gap, NSEC_PER_USEC),
		   div_u64(res->pace.alone, NSEC_PER_USEC),
		   ditto_pace_yields(&res->pace, ktime_get_ns()) ? " yields" : "",
		   res->pace.probing ? " probing" : "");
	show_followers(s, res);
	show_entries(s, res);
	spin_unlock_irq(&res->stream_lock);
	spin_lock_irq(&app->lock);
	seq_printf(s, "applier received %llu written %llu durable %llu epoch %llu/%llu waiting %u active %u%s\n",
		   app->core.received, app->core.written, app->core.durable, app->core.epoch,
		   app->core.disk_epoch, app->waiting, app->active,
		   app->core.flushing ? " flushing" : "");
	seq_printf(s, "extents received %llu written %llu durable %llu floor %llu%s\n",
		   app->core.extent_received, app->core.extent_written, app->core.extent_durable,
		   app->core.floor, app->core.target ? " target" : "");
	spin_unlock_irq(&app->lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(inflight);

/* Whatever is written: tests need not wait for what idles to cool. */
static ssize_t cool_write(struct file *file, const char __user *buf, size_t size, loff_t *pos)
{
	ditto_regions_hurry(file_inode(file)->i_private);
	return size;
}

static const struct file_operations cool_fops = {
	.owner	= THIS_MODULE,
	.open	= simple_open,
	.write	= cool_write,
	.llseek	= noop_llseek,
};

void ditto_debug_add(struct ditto_resource *res)
{
	char name[DITTO_NAME_LEN + 16];

	snprintf(name, sizeof(name), "%s@%u", res->name, res->net->ns.inum);
	res->debug = debugfs_create_dir(name, root);
	debugfs_create_file("inflight", 0400, res->debug, res, &inflight_fops);
	debugfs_create_file("cool", 0200, res->debug, res, &cool_fops);
}

void ditto_debug_del(struct ditto_resource *res)
{
	debugfs_remove(res->debug);
	res->debug = NULL;
}

int ditto_debug_init(void)
{
	root = debugfs_create_dir("ditto", NULL);
	return 0;
}

void ditto_debug_exit(void)
{
	debugfs_remove(root);
}
