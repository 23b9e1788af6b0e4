// SPDX-License-Identifier: GPL-2.0
#include "blocksize.h"
#include "test.h"

static const struct ditto_blocksize secondary = { .disk_block = 512, .device_block = 512 };
static const struct ditto_blocksize primary = {
	.disk_block = 512, .device_block = 512, .primary = true
};

static void valid(void)
{
	EXPECT_TRUE(ditto_blocksize_valid(512));
	EXPECT_TRUE(ditto_blocksize_valid(1024));
	EXPECT_TRUE(ditto_blocksize_valid(4096));
	EXPECT_FALSE(ditto_blocksize_valid(0));
	EXPECT_FALSE(ditto_blocksize_valid(256));
	EXPECT_FALSE(ditto_blocksize_valid(520));
	EXPECT_FALSE(ditto_blocksize_valid(8192));
	EXPECT_FALSE(ditto_blocksize_valid(1u << 31));
}

static void secondaries_wait_for_a_primary(void)
{
	struct ditto_blocksize coarse = { .disk_block = 4096, .device_block = 4096 };
	u32 block = 1;

	EXPECT_EQ(ditto_blocksize_judge(&secondary, &coarse, &block), DITTO_BLOCKSIZE_FIT);
	EXPECT_EQ(ditto_blocksize_judge(&coarse, &secondary, &block), DITTO_BLOCKSIZE_FIT);
	EXPECT_EQ(block, 1);
}

static void unused_primary_takes_the_largest(void)
{
	struct ditto_blocksize coarse = { .disk_block = 4096, .device_block = 4096 };
	u32 block = 0;

	EXPECT_EQ(ditto_blocksize_judge(&primary, &coarse, &block), DITTO_BLOCKSIZE_TAKE);
	EXPECT_EQ(block, 4096);
	/* Its own disk is no concern of the one that leads it. */
	EXPECT_EQ(ditto_blocksize_judge(&coarse, &primary, &block), DITTO_BLOCKSIZE_FIT);
}

/* What one end refuses the other refuses, too. */
static void device_in_use_is_left_alone(void)
{
	struct ditto_blocksize coarse = { .disk_block = 4096, .device_block = 4096 };
	struct ditto_blocksize used = primary;
	u32 block = 1;

	used.in_use = true;
	EXPECT_EQ(ditto_blocksize_judge(&used, &coarse, &block), DITTO_BLOCKSIZE_PEER_REFUSED);
	EXPECT_EQ(ditto_blocksize_judge(&coarse, &used, &block), DITTO_BLOCKSIZE_REFUSED);
	EXPECT_EQ(block, 1);
	/* Readers of a Secondary's device are in nobody's way. */
	coarse.disk_block = 512;
	coarse.in_use = true;
	EXPECT_EQ(ditto_blocksize_judge(&used, &coarse, &block), DITTO_BLOCKSIZE_FIT);
}

static void others_take_over_the_primarys(void)
{
	struct ditto_blocksize mine = secondary, theirs = primary;
	u32 block = 0;

	theirs.device_block = 4096;
	theirs.in_use = true;
	EXPECT_EQ(ditto_blocksize_judge(&mine, &theirs, &block), DITTO_BLOCKSIZE_TAKE);
	EXPECT_EQ(block, 4096);
	/* Smaller ones as well: the data is that of its device. */
	mine.device_block = 4096;
	theirs.device_block = 1024;
	EXPECT_EQ(ditto_blocksize_judge(&mine, &theirs, &block), DITTO_BLOCKSIZE_TAKE);
	EXPECT_EQ(block, 1024);
	mine.device_block = 1024;
	EXPECT_EQ(ditto_blocksize_judge(&mine, &theirs, &block), DITTO_BLOCKSIZE_FIT);
}

static void no_disk_has_no_limits(void)
{
	struct ditto_blocksize none = { .device_block = 0 };
	struct ditto_blocksize used = primary;
	u32 block = 1;

	used.in_use = true;
	EXPECT_EQ(ditto_blocksize_judge(&used, &none, &block), DITTO_BLOCKSIZE_FIT);
	none.primary = true;
	none.in_use = true;
	EXPECT_EQ(ditto_blocksize_judge(&secondary, &none, &block), DITTO_BLOCKSIZE_FIT);
	EXPECT_EQ(block, 1);
}

/* Whatever the two are, they agree on whether they can be connected. */
static void both_ends_agree(void)
{
	static const u32 blocks[] = { 512, 1024, 4096 };
	struct ditto_blocksize a, b;
	u32 i, block;

	for (i = 0; i < 3 * 3 * 3 * 3 * 16; i++) {
		u32 flags = i / 81;

		a.disk_block = blocks[i % 3];
		a.device_block = max(a.disk_block, blocks[i / 3 % 3]);
		b.disk_block = blocks[i / 9 % 3];
		b.device_block = max(b.disk_block, blocks[i / 27 % 3]);
		a.primary = flags & 1;
		b.primary = !a.primary && flags & 2;
		a.in_use = flags & 4;
		b.in_use = flags & 8;
		EXPECT_EQ(ditto_blocksize_judge(&a, &b, &block) == DITTO_BLOCKSIZE_PEER_REFUSED,
			  ditto_blocksize_judge(&b, &a, &block) == DITTO_BLOCKSIZE_REFUSED);
		EXPECT_EQ(ditto_blocksize_judge(&a, &b, &block) == DITTO_BLOCKSIZE_REFUSED,
			  ditto_blocksize_judge(&b, &a, &block) == DITTO_BLOCKSIZE_PEER_REFUSED);
	}
}

const struct test blocksize_tests[] = {
	{ "what a block may be", valid },
	{ "Secondaries wait for a Primary to decide", secondaries_wait_for_a_primary },
	{ "an unused Primary takes the largest", unused_primary_takes_the_largest },
	{ "a device in use is left alone, at both ends", device_in_use_is_left_alone },
	{ "the others take over the Primary's", others_take_over_the_primarys },
	{ "who has no disk has no limits", no_disk_has_no_limits },
	{ "both ends agree", both_ends_agree },
	{}
};
