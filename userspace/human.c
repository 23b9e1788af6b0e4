// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <string.h>

#include "human.h"

#define BAR	24

const char *human_bytes(uint64_t bytes, char *text)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double value = bytes;
	unsigned int unit = 0;

	/* 1023.95 would be rounded to 1024.0 */
	while (value >= 1023.95 && unit < 6) {
		value /= 1024;
		unit++;
	}
	snprintf(text, HUMAN_LEN, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
	return text;
}

const char *human_seconds(uint64_t seconds, char *text)
{
	unsigned int s = seconds % 60, m = seconds / 60 % 60, h = seconds / 3600 % 24;
	uint64_t days = seconds / 86400;

	if (days > 99999)
		snprintf(text, HUMAN_LEN, "for ever");
	else if (days)
		snprintf(text, HUMAN_LEN, "%u d", (unsigned int)days);
	else if (h)
		snprintf(text, HUMAN_LEN, "%u:%02u:%02u", h, m, s);
	else
		snprintf(text, HUMAN_LEN, "%u:%02u", m, s);
	return text;
}

bool human_is_syncing(const struct kernel_peer *peer)
{
	return peer->replication == DITTO_REPLICATION_SYNC_SOURCE ||
	       peer->replication == DITTO_REPLICATION_SYNC_TARGET ||
	       peer->replication == DITTO_REPLICATION_VERIFY;
}

const char *human_progress(const struct kernel_peer *peer, char *text)
{
	uint64_t total = peer->sync_total, done = peer->sync_done;
	char rate[HUMAN_LEN], left[HUMAN_LEN], bar[BAR + 1];
	double part;
	unsigned int full;

	if (done > total)
		done = total;
	part = total ? (double)done / total : 0;
	full = part * BAR;
	memset(bar, '.', BAR);
	memset(bar, '=', full);
	if (full < BAR)
		bar[full] = '>';
	bar[BAR] = '\0';
	human_bytes(peer->sync_rate, rate);
	if (peer->paused)
		snprintf(text, HUMAN_PROGRESS, "[%s] %3u%%  paused", bar, (unsigned int)(part * 100));
	else if (peer->sync_rate)
		snprintf(text, HUMAN_PROGRESS, "[%s] %3u%%  %s/s  %s left", bar,
			 (unsigned int)(part * 100), rate,
			 human_seconds((total - done + peer->sync_rate - 1) / peer->sync_rate,
				       left));
	else
		snprintf(text, HUMAN_PROGRESS, "[%s] %3u%%", bar, (unsigned int)(part * 100));
	return text;
}
