// SPDX-License-Identifier: GPL-2.0
#include "account.h"

/*
 * Pieces begin at a multiple of so many blocks, which are whole blocks of any
 * other bitmap too: none is cut in two, and so never cleared.
 */
#define PIECE_ALIGN	(1u << (DITTO_WIRE_BITS_SHIFT_MAX - DITTO_WIRE_BITS_SHIFT_MIN))

static_assert(DITTO_WIRE_BITS_MOST % PIECE_ALIGN == 0);
static_assert(PIECE_ALIGN % 64 == 0);

/* For mark(): at which nodes' bitmaps. */
struct marker {
	struct ditto_account *acc;
	u32 nodes;
};

static void mark(void *arg, u64 start, u64 size)
{
	const struct marker *marker = arg;
	struct ditto_account *acc = marker->acc;
	u32 nodes;

	acc->folded &= ~marker->nodes;
	for (nodes = marker->nodes & acc->kept; nodes; nodes &= nodes - 1)
		ditto_bits_set(acc->bits[__ffs(nodes)], start, size);
}

/* A bit for each other node of @nodes. */
static struct marker marker_of(struct ditto_account *acc, u32 nodes)
{
	return (struct marker) { acc, nodes & ~(1u << acc->me) };
}

void ditto_account_keep(struct ditto_account *acc, u32 node, struct ditto_bits *bits)
{
	acc->bits[node] = bits;
	if (bits)
		acc->kept |= 1u << node;
	else
		acc->kept &= ~(1u << node);
}

void ditto_account_write(struct ditto_account *acc, u32 followers, u64 start, u64 size)
{
	struct marker lacking = marker_of(acc, ~followers);

	acc->equal &= followers;
	mark(&lacking, start, size);
}

void ditto_account_lacks(struct ditto_account *acc, u32 node, u64 start, u64 size)
{
	struct marker lacking = marker_of(acc, 1u << node);

	mark(&lacking, start, size);
}

void ditto_account_fold(struct ditto_account *acc, u32 node, u64 start, u64 size)
{
	if (!acc->bits[node])
		return;
	if (!acc->bits[node]->set)
		acc->folded |= 1u << node;
	ditto_bits_set(acc->bits[node], start, size);
}

void ditto_account_unfold(struct ditto_account *acc, u32 node)
{
	if (acc->bits[node] && acc->folded & 1u << node)
		ditto_bits_clear_all(acc->bits[node]);
	acc->folded &= ~(1u << node);
}

void ditto_account_unfollowed(struct ditto_account *acc, u32 node)
{
	acc->folded &= ~(1u << node);
}

void ditto_account_proven(struct ditto_account *acc, u32 node, bool folded)
{
	acc->folded |= 1u << node;
	if (!folded)
		ditto_account_unfold(acc, node);
}

bool ditto_account_out_of_sync(const struct ditto_account *acc, u32 node)
{
	return acc->bits[node] && acc->bits[node]->set && !(acc->folded & 1u << node);
}

/*
 * What was in the stream before this node followed it never had an entry here
 * that an ABSENT could be about: until all of that is settled, the bits from
 * before have to speak for it.
 */
static void clear_equal(struct ditto_account *acc)
{
	u32 nodes;

	if (acc->settled < acc->start)
		return;
	for (nodes = acc->equal; nodes; nodes &= nodes - 1) {
		if (acc->bits[__ffs(nodes)])
			ditto_bits_clear_all(acc->bits[__ffs(nodes)]);
	}
	acc->equal = 0;
}

void ditto_account_start(struct ditto_account *acc, u64 position)
{
	acc->start = position;
	acc->settled = 0;
	acc->equal = 0;
}

void ditto_account_settled(struct ditto_account *acc, u64 position)
{
	acc->settled = max(acc->settled, position);
	clear_equal(acc);
}

void ditto_account_absent(struct ditto_account *acc, const struct ditto_wire_absent *absent,
			  const struct ditto_apply *apply)
{
	struct marker lost = marker_of(acc, 1u << absent->node);

	acc->equal &= ~lost.nodes;
	ditto_intent_each(acc->intent, absent->durable, mark, &lost);
	ditto_apply_each(apply, absent->durable, mark, &lost);
}

void ditto_account_set(struct ditto_account *acc, u32 node, u64 start, u64 size)
{
	struct marker lacking = marker_of(acc, node == acc->me ? ~0u : 1u << node);

	acc->equal &= ~lacking.nodes;
	mark(&lacking, start, size);
}

void ditto_account_equal(struct ditto_account *acc, u32 roster, u64 position)
{
	acc->start = max(acc->start, position);
	acc->equal |= roster & ~(1u << acc->me);
	clear_equal(acc);
}

void ditto_account_given(struct ditto_account *acc, u32 source)
{
	if (acc->bits[source])
		ditto_bits_clear_all(acc->bits[source]);
}

void ditto_account_orphans(struct ditto_account *acc, u32 source, u64 logged)
{
	struct marker others = marker_of(acc, ~source);
	struct marker itself = marker_of(acc, source);

	ditto_intent_each(acc->intent, acc->settled, mark, &others);
	ditto_intent_each(acc->intent, max(acc->settled, logged), mark, &itself);
	ditto_intent_forget_positions(acc->intent);
	ditto_account_start(acc, 0);
}

void ditto_account_press(struct ditto_account *acc, u64 received)
{
	struct marker all = marker_of(acc, ~0u);

	ditto_intent_each(acc->intent, acc->settled, mark, &all);
	ditto_intent_forget_positions(acc->intent);
	acc->equal = 0;
	acc->start = max(acc->start, received);
}

void ditto_account_recover(struct ditto_account *acc, u32 number)
{
	struct marker all = marker_of(acc, ~0u);

	mark(&all, (u64)number << acc->intent->shift, 1ull << acc->intent->shift);
}

/* The 64 bits from bit @from on, a multiple of 64. */
static u64 word_of(const struct ditto_bits *bits, u64 from)
{
	u64 word = bits->words[from / BITS_PER_LONG];

	if (BITS_PER_LONG == 32 && from / 32 + 1 < BITS_TO_LONGS(bits->count))
		word |= (u64)bits->words[from / 32 + 1] << 32;
	return word;
}

/* How many bits from @from on are @set, up to the end or to where a piece may begin. */
static u64 run_of(const struct ditto_bits *bits, u64 from, bool set)
{
	u64 end = set ? find_next_zero_bit(bits->words, bits->count, from) :
			find_next_bit(bits->words, bits->count, from);

	if (end < bits->count)
		end = round_down(end, (u64)PIECE_ALIGN);
	return end > from ? end - from : 0;
}

bool ditto_account_pack(const struct ditto_bits *bits, u64 *from, struct ditto_wire_bits *piece,
			u64 *words)
{
	u64 i, first = *from >> bits->shift;
	bool set;

	if (first >= bits->count)
		return false;
	set = test_bit(first, bits->words);
	piece->shift = bits->shift;
	piece->start = first << bits->shift;
	piece->count = run_of(bits, first, set);
	piece->fill = set ? DITTO_FILL_SET : DITTO_FILL_CLEAR;
	if (piece->count < DITTO_WIRE_BITS_MOST && first + piece->count < bits->count) {
		piece->count = min_t(u64, bits->count - first, DITTO_WIRE_BITS_MOST);
		piece->fill = DITTO_FILL_WORDS;
		for (i = 0; i < piece->count; i += 64)
			words[i / 64] = word_of(bits, first + i);
	}
	*from = (first + piece->count) << bits->shift;
	return true;
}

static bool piece_bit(const struct ditto_wire_bits *piece, const u64 *words, u64 i)
{
	if (piece->fill == DITTO_FILL_WORDS)
		return words[i / 64] >> (i % 64) & 1;
	return piece->fill == DITTO_FILL_SET;
}

/* The first bit behind @i that is not like it, or the piece's end. */
static u64 piece_run(const struct ditto_wire_bits *piece, const u64 *words, u64 i)
{
	bool set = piece_bit(piece, words, i);

	if (piece->fill != DITTO_FILL_WORDS)
		return piece->count;
	do {
		i++;
	} while (i < piece->count && piece_bit(piece, words, i) == set);
	return i;
}

void ditto_account_merge(struct ditto_bits *bits, const struct ditto_wire_bits *piece,
			 const u64 *words, bool exact,
			 void (*set)(void *arg, u64 start, u64 size), void *arg)
{
	u64 i, end, start, size;

	for (i = 0; i < piece->count; i = end) {
		end = piece_run(piece, words, i);
		start = piece->start + (i << piece->shift);
		if (start >= bits->bytes)
			return;
		size = min((end - i) << piece->shift, bits->bytes - start);
		if (piece_bit(piece, words, i)) {
			ditto_bits_set(bits, start, size);
			if (set)
				set(arg, start, size);
		} else if (exact) {
			ditto_bits_clear(bits, start, size);
		}
	}
}
