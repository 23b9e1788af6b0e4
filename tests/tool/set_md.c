// SPDX-License-Identifier: GPL-2.0
/*
 * Writes parts of the metadata, as the kernel module would.
 *
 *	set_md WHERE FILE peer SLOT NODE full|partial	an entry of the peer table
 *	set_md WHERE FILE bits SLOT START SIZE		a whole bitmap with that range set
 *	set_md WHERE FILE log INDEX SEQUENCE [NUMBER...] a copy of a block of the log
 *
 * WHERE is internal or external. The log's names are put into an empty block.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bits.h"
#include "intent.h"
#include "md.h"

#define COUNT_AT	12
#define NUMBERS_AT	32

static struct ditto_md md;
static bool internal;
static u64 bytes;
static int fd;

static u64 number(const char *text)
{
	return strtoull(text, NULL, 0);
}

static int put(const void *block, u64 at)
{
	return pwrite(fd, block, DITTO_MD_BLOCK, at) == DITTO_MD_BLOCK ? 0 : -1;
}

static int load(void)
{
	u8 blocks[DITTO_MD_SLOTS][DITTO_MD_BLOCK];
	struct ditto_md_complaint why[DITTO_MD_SLOTS];
	struct stat st;
	u32 slot;

	if (fstat(fd, &st))
		return -1;
	bytes = st.st_size;
	for (slot = 0; slot < DITTO_MD_SLOTS; slot++) {
		if (pread(fd, blocks[slot], DITTO_MD_BLOCK,
			  ditto_md_slot_offset(internal, bytes, slot)) != DITTO_MD_BLOCK)
			return -1;
	}
	return ditto_md_choose(blocks, internal, bytes, &md, why);
}

static int set_peer(u32 entry, u32 node, bool full)
{
	u8 block[DITTO_MD_BLOCK];
	u32 slot;

	md.peers[entry].flags = DITTO_MDF_PEER_USED | (full ? DITTO_MDF_PEER_FULL : 0);
	md.peers[entry].node_id = node;
	for (slot = 0; slot < DITTO_MD_SLOTS; slot++) {
		md.sequence++;
		ditto_md_encode(&md, slot, block);
		if (put(block, ditto_md_slot_offset(internal, bytes, slot)))
			return -1;
	}
	return 0;
}

static int set_bits(u32 slot, u64 start, u64 size)
{
	u8 block[DITTO_BITS_PAGE];
	struct ditto_bits bits;
	unsigned long *words;
	int err = 0;
	u64 page;

	words = calloc(ditto_bits_words(md.data_bytes, md.block_shift), sizeof(*words));
	if (!words)
		return -1;
	ditto_bits_init(&bits, words, md.data_bytes, md.block_shift);
	ditto_bits_set(&bits, start, size);
	for (page = 0; !err && page < ditto_bits_pages(bits.count); page++) {
		ditto_bits_encode(&bits, md.disk_uuid, slot, page, block);
		err = put(block, ditto_md_bitmap_page(&md, slot, page));
	}
	free(words);
	return err;
}

static int set_log(u32 index, u64 sequence, char **names, u32 count)
{
	u8 block[DITTO_INTENT_BLOCK];
	__le32 value = cpu_to_le32(count);
	u32 i, crc;

	ditto_intent_encode_empty(block, md.disk_uuid, index, sequence);
	memcpy(block + COUNT_AT, &value, sizeof(value));
	for (i = 0; i < count; i++) {
		value = cpu_to_le32(number(names[i]));
		memcpy(block + NUMBERS_AT + i * sizeof(value), &value, sizeof(value));
	}
	memset(block, 0, sizeof(value));
	crc = ditto_crc32c(~0u, md.disk_uuid, sizeof(md.disk_uuid));
	value = cpu_to_le32(~ditto_crc32c(crc, block, sizeof(block)));
	memcpy(block, &value, sizeof(value));
	return put(block, ditto_md_log_block(&md, index, sequence & 1));
}

static int run(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[0], "peer"))
		return set_peer(number(argv[1]), number(argv[2]), !strcmp(argv[3], "full"));
	if (argc == 4 && !strcmp(argv[0], "bits"))
		return set_bits(number(argv[1]), number(argv[2]), number(argv[3]));
	if (argc >= 3 && !strcmp(argv[0], "log"))
		return set_log(number(argv[1]), number(argv[2]), argv + 3, argc - 3);
	return -1;
}

int main(int argc, char **argv)
{
	fd = argc > 3 ? open(argv[2], O_RDWR) : -1;
	internal = argc > 3 && !strcmp(argv[1], "internal");
	if (fd < 0 || load() || run(argc - 3, argv + 3)) {
		fprintf(stderr, "set_md: failed\n");
		return 1;
	}
	return 0;
}
