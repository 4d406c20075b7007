/* The blocks of deflate data: RFC 1951, 3.2.3 to 3.2.7. */
#include "gunzip.h"

#define MAXIMUM_LITERALS 286
#define MAXIMUM_DISTANCES 30

static bool copy_stored(struct gunzip *g)
{
	use_bits(g, g->count & 7);
	if (g->count < 32 && !refill(g))
		return false;
	u32 length = g->bits & 0xffff, complement = g->bits >> 16 & 0xffff;

	use_bits(g, 32);
	if ((length ^ complement) != 0xffff)
		return fail(g, BAD_STORED_LENGTH);
	rewind_input(g);
	if (g->last && g->input_at > g->input_end)
		return fail(g, CUT_SHORT);
	while (length > 0) {
		u64 step = g->input_end - g->input_at;

		if (step == 0) {
			if (g->last)
				return fail(g, CUT_SHORT);
			if (!more_input(g))
				return false;
			continue;
		}
		if (step > length)
			step = length;
		if (!make_room(g, step))
			return false;
		__builtin_memcpy(g->output + (g->at & (OUTPUT_BYTES - 1)),
				 g->input + (g->input_at & (INPUT_BYTES - 1)), step);
		g->at += step;
		g->input_at += step;
		length -= step;
	}
	return true;
}

static bool make_fixed_tables(struct gunzip *g)
{
	u8 lengths[288];

	for (u32 i = 0; i < 288; i++)
		lengths[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
	make_table(LITERALS, g->literals, lengths, 288);
	for (u32 i = 0; i < 32; i++)
		lengths[i] = 5;
	make_table(DISTANCES, g->distances, lengths, 32);
	return true;
}

/* Reads the lengths of all codes: run-length codes of their own say them. */
static bool read_lengths(struct gunzip *g, const u32 *table, u8 *lengths, u32 count)
{
	for (u32 at = 0; at < count;) {
		if (!refill(g))
			return false;
		u32 entry = table[g->bits & ((1 << LENGTH_BITS) - 1)];

		if ((entry & SPECIAL) != 0)
			return fail(g, BAD_CODE_LENGTHS);
		use_bits(g, USED(entry));
		u32 symbol = VALUE(entry);

		if (symbol < 16) {
			lengths[at++] = symbol;
			continue;
		}
		u32 extra = symbol == 16 ? 2 : symbol == 17 ? 3 : 7;
		u32 repeat = (symbol == 18 ? 11 : 3) + (g->bits & ((1 << extra) - 1));

		use_bits(g, extra);
		if (repeat > count - at || (symbol == 16 && at == 0))
			return fail(g, BAD_CODE_LENGTHS);
		u8 value = symbol == 16 ? lengths[at - 1] : 0;

		while (repeat-- > 0)
			lengths[at++] = value;
	}
	return true;
}

static bool make_dynamic_tables(struct gunzip *g)
{
	static const u8 order[19] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
	u8 lengths[MAXIMUM_LITERALS + MAXIMUM_DISTANCES + 4], own[19] = {0};
	u32 table[1 << LENGTH_BITS];

	if (!refill(g))
		return false;
	u32 literals = 257 + (g->bits & 31), distances = 1 + (g->bits >> 5 & 31), codes = 4 + (g->bits >> 10 & 15);

	use_bits(g, 14);
	if (literals > MAXIMUM_LITERALS || distances > MAXIMUM_DISTANCES)
		return fail(g, BAD_CODE_LENGTHS);
	for (u32 i = 0; i < codes; i++) {
		if (g->count < 3 && !refill(g))
			return false;
		own[order[i]] = g->bits & 7;
		use_bits(g, 3);
	}
	if (!make_table(LENGTHS, table, own, 19))
		return fail(g, BAD_CODE_LENGTHS);
	if (!read_lengths(g, table, lengths, literals + distances))
		return false;
	/* A block without a code for its end could not end. */
	if (lengths[256] == 0 || !make_table(LITERALS, g->literals, lengths, literals) ||
	    !make_table(DISTANCES, g->distances, lengths + literals, distances))
		return fail(g, BAD_CODE_LENGTHS);
	return true;
}

bool inflate_blocks(struct gunzip *g)
{
	bool last;

	do {
		if (!refill(g))
			return false;
		last = g->bits & 1;
		u32 type = g->bits >> 1 & 3;

		use_bits(g, 3);
		if (type == 3)
			return fail(g, BAD_BLOCK_TYPE);
		if (type == 0) {
			if (!copy_stored(g))
				return false;
			continue;
		}
		if (!(type == 1 ? make_fixed_tables(g) : make_dynamic_tables(g)) || !inflate_symbols(g))
			return false;
	} while (!last);
	return true;
}
