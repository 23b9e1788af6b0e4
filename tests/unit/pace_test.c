// SPDX-License-Identifier: GPL-2.0
/*
 * The controller of a resync against a model: a link that serves what it is given
 * in order, with a rate and a delay, and behind it a disk that does the same.
 * Users write 4 KiB at a time, each the next when the last one is complete.
 */
#include "pace.h"
#include "test.h"

#define KIB		1024ull
#define MIB		(1024 * KIB)
#define MS		DITTO_PACE_MS
#define SECOND		DITTO_PACE_SECOND
#define BLOCK		(16u * KIB)
#define NEVER		(~0ull)
#define EXTENTS		8192u
#define TARGETS		2u
#define USERS		4u

/* One after the other: a link or a disk. */
struct server {
	u64 rate;	/* bytes a second */
	u64 each;	/* ns, whatever the size */
	u64 free;
};

struct target {
	struct ditto_path path;
	struct server disk;
	struct {
		struct ditto_parcel parcel;
		u64 done;
	} extents[EXTENTS];
	u32 first, next;	/* of extents, a ring */
	u64 inflight;
	u64 moved;
	u32 largest;
};

static struct model {
	u64 now;
	u64 delay;
	struct server link;
	u32 targets;
	struct target target[TARGETS];
	struct ditto_pace pace;
	bool resync;
	u64 look;		/* when the controller wants to be asked again */
	u32 write_bytes;	/* 0: nobody writes */
	u32 users;
	struct {
		u64 begun;
		u64 ends;
	} user[USERS];
	u64 writes;
	u64 sum;
	u64 spread;		/* ns, a write takes up to so much longer, by chance */
	u64 stall;		/* ns, and one in 30 so much */
	u64 jitter;		/* ns: half of them take that longer, a quarter thrice that, ... */
	struct test_random random;
} m;

static u64 serve(struct server *s, u64 at, u64 bytes)
{
	s->free = max(s->free, at) + s->each + bytes * SECOND / s->rate;
	return s->free;
}

/* Over the link to the disk of target @i, and back again. */
static u64 trip(u32 i, u64 bytes)
{
	return serve(&m.target[i].disk, serve(&m.link, m.now, bytes) + m.delay, bytes) + m.delay;
}

static void setup(u64 rate, u64 delay, u64 disk)
{
	u32 i;

	memset(&m, 0, sizeof(m));
	m.now = 1000 * SECOND;
	m.delay = delay;
	m.link.rate = rate;
	m.targets = 1;
	for (i = 0; i < TARGETS; i++) {
		m.target[i].disk.rate = disk;
		m.target[i].disk.each = 50000;
		ditto_path_init(&m.target[i].path, m.now);
	}
	m.users = 1;
	for (i = 0; i < USERS; i++)
		m.user[i].ends = NEVER;
	m.look = NEVER;
	ditto_pace_init(&m.pace, m.now);
}

static void take_extents(u32 i)
{
	struct target *t = &m.target[i];
	u64 wait;
	u32 size;

	while (m.resync) {
		size = ditto_pace_extent(&m.pace, &t->path, t->inflight, m.targets, BLOCK, m.now,
					 &wait);
		if (!size) {
			if (wait)
				m.look = min(m.look, m.now + wait);
			return;
		}
		EXPECT_EQ(size % BLOCK, 0);
		EXPECT_TRUE(t->next - t->first < EXTENTS);
		ditto_pace_taken(&m.pace, &t->path, &t->extents[t->next % EXTENTS].parcel, size,
				 m.now);
		t->extents[t->next++ % EXTENTS].done = trip(i, size);
		t->inflight += size;
		t->largest = max(t->largest, size);
	}
}

static void begin_write(u32 user)
{
	u64 *ends = &m.user[user].ends;

	m.user[user].begun = m.now;
	*ends = trip(0, m.write_bytes);
	if (m.spread)
		*ends += test_below(&m.random, m.spread);
	if (m.stall && !test_below(&m.random, 30))
		*ends += m.stall;
	if (m.jitter)
		*ends += m.jitter * ((1u << __builtin_ctz(test_random(&m.random) | 64)) - 1);
	ditto_pace_write_begins(&m.pace, m.now);
}

static void end_write(u32 user)
{
	ditto_pace_write_ends(&m.pace, m.user[user].begun, true, m.now);
	m.writes++;
	m.sum += m.now - m.user[user].begun;
	m.user[user].ends = NEVER;
	if (m.write_bytes)
		begin_write(user);
}

static void end_extent(struct target *t)
{
	struct ditto_parcel *parcel = &t->extents[t->first++ % EXTENTS].parcel;

	ditto_pace_written(&m.pace, &t->path, parcel, m.now);
	t->inflight -= parcel->size;
	t->moved += parcel->size;
}

static u64 extent_done(const struct target *t)
{
	return t->first == t->next ? NEVER : t->extents[t->first % EXTENTS].done;
}

static void run(u64 time)
{
	u64 end = m.now + time, next;
	u32 i;

	for (i = 0; i < m.users && m.write_bytes; i++)
		if (m.user[i].ends == NEVER)
			begin_write(i);
	for (;;) {
		for (i = 0; i < m.targets; i++)
			take_extents(i);
		next = m.look;
		for (i = 0; i < m.users; i++)
			next = min(next, m.user[i].ends);
		for (i = 0; i < m.targets; i++)
			next = min(next, extent_done(&m.target[i]));
		if (next > end)
			break;
		m.now = next;
		if (m.look <= m.now)
			m.look = NEVER;
		for (i = 0; i < m.targets; i++)
			if (extent_done(&m.target[i]) <= m.now)
				end_extent(&m.target[i]);
		for (i = 0; i < m.users; i++)
			if (m.user[i].ends <= m.now)
				end_write(i);
	}
	m.now = end;
}

/* The mean of the writes in @time from now on. */
static u64 latency(u64 time)
{
	m.writes = 0;
	m.sum = 0;
	run(time);
	EXPECT_TRUE(m.writes > 0);
	return m.writes ? m.sum / m.writes : 0;
}

/* Bytes a second that the resync moves in @time from now on. */
static u64 speed(u64 time)
{
	u64 before = m.target[0].moved;

	run(time);
	return (m.target[0].moved - before) * MS / (time / 1000);
}

static const struct {
	u64 rate, delay, disk;
} sites[] = {
	{ 128 * KIB, 20 * MS, 100 * MIB },
	{ 2500 * KIB, 5 * MS, 100 * MIB },
	{ 12 * MIB, MS / 2, 100 * MIB },
	{ 12 * MIB, 50 * MS, 100 * MIB },
	{ 117 * MIB, MS / 10, 200 * MIB },
	{ 117 * MIB, MS / 10, 20 * MIB },
	{ 1170 * MIB, MS / 20, 2000 * MIB },
	{ 1170 * MIB, 10 * MS, 2000 * MIB },
	{ 2900 * MIB, MS / 50, 5000 * MIB },
};

static u64 slower(u32 i)
{
	return min(sites[i].rate, sites[i].disk);
}

static void idle_is_fast(void)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(sites); i++) {
		setup(sites[i].rate, sites[i].delay, sites[i].disk);
		m.resync = true;
		run(5 * SECOND);
		/* An access takes its time, however large it is. */
		EXPECT_TRUE(speed(20 * SECOND) * 10 >= slower(i) * 9);
	}
}

static void idle_has_large_extents(void)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(sites); i++) {
		setup(sites[i].rate, sites[i].delay, sites[i].disk);
		m.resync = true;
		run(5 * SECOND);
		m.target[0].largest = 0;
		run(5 * SECOND);
		if (slower(i) >= 16 * MIB)
			EXPECT_EQ(m.target[0].largest, 512 * KIB);
		/* No more than a second of a slow link. */
		EXPECT_TRUE(m.target[0].largest <= max(slower(i), 64 * KIB));
	}
}

static void users_come_first(void)
{
	u64 alone, with;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(sites); i++) {
		setup(sites[i].rate, sites[i].delay, sites[i].disk);
		m.write_bytes = 4 * KIB;
		alone = latency(10 * SECOND);
		m.resync = true;
		run(5 * SECOND);
		with = latency(30 * SECOND);
		EXPECT_TRUE(with <= 2 * alone);
		/* And what they leave is not wasted. */
		EXPECT_TRUE(speed(30 * SECOND) * 20 >= slower(i));
	}
}

/* The resync was there first, and nobody knows how long a write takes without. */
static void users_come_later(void)
{
	u64 alone, with;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(sites); i++) {
		setup(sites[i].rate, sites[i].delay, sites[i].disk);
		m.resync = true;
		run(10 * SECOND);
		m.write_bytes = 4 * KIB;
		run(5 * SECOND);
		with = latency(30 * SECOND);
		m.resync = false;
		run(5 * SECOND);
		alone = latency(10 * SECOND);
		EXPECT_TRUE(with <= 2 * alone);
	}
}

static void users_go(void)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(sites); i++) {
		setup(sites[i].rate, sites[i].delay, sites[i].disk);
		m.write_bytes = 4 * KIB;
		m.resync = true;
		run(20 * SECOND);
		m.write_bytes = 0;
		run(6 * SECOND);
		EXPECT_TRUE(speed(20 * SECOND) * 10 >= slower(i) * 9);
	}
}

static void writes_grow(void)
{
	u64 alone, with;

	setup(12 * MIB, MS, 100 * MIB);
	m.write_bytes = 4 * KIB;
	m.resync = true;
	run(20 * SECOND);
	m.write_bytes = MIB;
	run(10 * SECOND);
	with = latency(20 * SECOND);
	/* It has seen that it is not the resync that makes them slow. */
	EXPECT_TRUE(speed(20 * SECOND) > MIB);
	m.resync = false;
	run(5 * SECOND);
	alone = latency(20 * SECOND);
	EXPECT_TRUE(with <= 2 * alone);
}

static void noise(void)
{
	u64 alone, with;

	setup(12 * MIB, MS, 100 * MIB);
	m.spread = 20 * MS;
	m.write_bytes = 4 * KIB;
	alone = latency(10 * SECOND);
	m.resync = true;
	run(5 * SECOND);
	with = latency(30 * SECOND);
	EXPECT_TRUE(with <= 2 * alone);
	EXPECT_TRUE(speed(30 * SECOND) * 10 >= 12 * MIB);
}

static void stalls(void)
{
	u64 alone, with;

	setup(12 * MIB, MS, 100 * MIB);
	m.stall = 200 * MS;
	m.write_bytes = 4 * KIB;
	alone = latency(20 * SECOND);
	m.resync = true;
	run(5 * SECOND);
	with = latency(30 * SECOND);
	EXPECT_TRUE(with <= 2 * alone);
	EXPECT_TRUE(speed(30 * SECOND) * 10 >= 12 * MIB);
}

/* As in an emulated machine on a busy host: no two writes take the same time. */
static void jitter(void)
{
	u64 alone, with;

	setup(12 * MIB, MS, 100 * MIB);
	m.jitter = 8 * MS;
	m.write_bytes = 4 * KIB;
	alone = latency(20 * SECOND);
	m.resync = true;
	run(5 * SECOND);
	with = latency(30 * SECOND);
	EXPECT_TRUE(with <= 2 * alone);
	EXPECT_TRUE(speed(60 * SECOND) * 5 >= 12 * MIB);
}

/* Where each piece takes its time, and bytes nearly none, as on a slow processor. */
static void slow_processor(void)
{
	static const u64 least[] = { 2 * MIB, 6 * MIB };
	u64 alone, with;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(least); i++) {
		setup(50 * MIB, MS, 100 * MIB);
		m.link.each = 5 * MS;
		m.users = i ? USERS : 1;
		m.write_bytes = 4 * KIB;
		alone = latency(10 * SECOND);
		m.resync = true;
		run(5 * SECOND);
		with = latency(30 * SECOND);
		EXPECT_TRUE(with <= 2 * alone);
		EXPECT_TRUE(speed(30 * SECOND) >= least[i]);
	}
}

/* Users whose writes take longer and longer, whatever the resync does. */
static void never_starves(void)
{
	u64 moved;
	u32 i;

	setup(2500 * KIB, 5 * MS, 100 * MIB);
	m.write_bytes = 4 * KIB;
	run(5 * SECOND);
	m.resync = true;
	for (i = 0; i < 60; i++) {
		moved = m.target[0].moved;
		m.delay += MS;
		run(SECOND);
		/* A probe may take as long. */
		run(SECOND);
		EXPECT_TRUE(m.target[0].moved > moved);
	}
}

/* A write that does not end is no reason to stand still, nor to take it all. */
static void stuck_write(void)
{
	setup(2500 * KIB, 5 * MS, 100 * MIB);
	m.write_bytes = 4 * KIB;
	run(SECOND);
	m.resync = true;
	m.user[0].ends = NEVER - 1;
	run(10 * SECOND);
	EXPECT_TRUE(m.target[0].moved > 0);
	EXPECT_TRUE(ditto_pace_yields(&m.pace, m.now));
}

static void two_targets(void)
{
	u64 alone, with;

	setup(12 * MIB, MS / 2, 100 * MIB);
	m.targets = 2;
	m.write_bytes = 4 * KIB;
	alone = latency(10 * SECOND);
	m.resync = true;
	run(5 * SECOND);
	with = latency(30 * SECOND);
	EXPECT_TRUE(with <= 2 * alone);
	EXPECT_TRUE(m.target[0].moved > MIB && m.target[1].moved > MIB);
	m.write_bytes = 0;
	run(5 * SECOND);
	EXPECT_TRUE(speed(20 * SECOND) + m.target[1].moved / 60 > 5 * MIB);
}

static void lost_target(void)
{
	struct ditto_parcel a, b;
	u64 now = 1000 * SECOND, wait;

	setup(12 * MIB, MS, 100 * MIB);
	ditto_pace_taken(&m.pace, &m.target[0].path, &a, 64 * KIB, now);
	ditto_pace_taken(&m.pace, &m.target[0].path, &b, 64 * KIB, now);
	EXPECT_EQ(m.pace.inflight, 128 * KIB);
	ditto_pace_dropped(&m.pace, &a, now + MS);
	ditto_pace_dropped(&m.pace, &b, now + 2 * MS);
	EXPECT_EQ(m.pace.inflight, 0);
	/* What begins from then on meets nothing of it. */
	ditto_pace_write_begins(&m.pace, now + 2 * MS);
	ditto_pace_write_ends(&m.pace, now + 2 * MS, true, now + 5 * MS);
	EXPECT_EQ(m.pace.alone, 3 * MS);
	EXPECT_TRUE(ditto_pace_extent(&m.pace, &m.target[0].path, 0, 1, BLOCK, now + 6 * MS,
				      &wait) > 0);
}

static void large_blocks(void)
{
	struct ditto_path path;
	u64 now = 1000 * SECOND, wait;

	setup(12 * MIB, MS, 100 * MIB);
	ditto_path_init(&path, now);
	EXPECT_EQ(ditto_pace_extent(&m.pace, &path, 0, 1, MIB, now, &wait), MIB);
	EXPECT_EQ(ditto_pace_extent(&m.pace, &path, 2 * MIB, 1, MIB, now, &wait), 0);
	EXPECT_EQ(wait, 0);
}

const struct test pace_tests[] = {
	{ "nobody writes: as fast as the slower of link and disk", idle_is_fast },
	{ "nobody writes: large extents where the path is fast", idle_has_large_extents },
	{ "users' writes take at most twice as long", users_come_first },
	{ "users who come during a resync, too", users_come_later },
	{ "as fast as before when they are gone", users_go },
	{ "larger writes are no reason to stand back", writes_grow },
	{ "writes that take long by chance", noise },
	{ "writes that stall now and then", stalls },
	{ "writes that take very different times", jitter },
	{ "a slow processor", slow_processor },
	{ "never starves", never_starves },
	{ "a write that does not end", stuck_write },
	{ "two targets share", two_targets },
	{ "what is lost is not on its way", lost_target },
	{ "blocks larger than extents", large_blocks },
	{ }
};
