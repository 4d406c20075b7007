/* Tables that decode canonical prefix codes (RFC 1951, 3.2.2) some bits at a time. */
#include "gunzip.h"

#define LONGEST 15

/* RFC 1951, 3.2.5: base and extra bits of the symbols from 257 on, and of the distances. 286 and 287, 30 and 31 mean nothing. */
static const u16 length_base[29] = {3,	4,  5,	6,  7,	8,  9,	10, 11,	 13,  15,  17,	19,  23, 27,
				    31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
static const u8 length_extra[29] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};

/* The entry of a symbol, without the length of its code. */
static u32 value_of(enum table_kind kind, u32 symbol)
{
	if (kind == LENGTHS)
		return symbol << 16;
	if (kind == LITERALS) {
		if (symbol < 256)
			return LITERAL | symbol << 16;
		if (symbol == 256)
			return SPECIAL | END_OF_BLOCK;
		return symbol > 285 ? SPECIAL : (u32)length_base[symbol - 257] << 16 | length_extra[symbol - 257];
	}
	if (symbol > 29)
		return SPECIAL;
	u32 extra = symbol < 2 ? 0 : symbol / 2 - 1;

	return (symbol < 2 ? symbol + 1 : ((2 + (symbol & 1)) << extra) + 1) << 16 | extra;
}

/* `length` more bits are used up: extra ones are in the value already. */
static u32 entry_of(u32 value, u32 length)
{
	return (value & SPECIAL) != 0 && (value & END_OF_BLOCK) == 0 ? SPECIAL : (value + length) | length << 8;
}

static u32 reversed(u32 code, u32 length)
{
	u32 out = 0;

	for (; length > 0; length--, code >>= 1)
		out = out << 1 | (code & 1);
	return out;
}

static u32 bits_of(enum table_kind kind)
{
	return kind == LENGTHS ? LENGTH_BITS : kind == LITERALS ? LITERAL_BITS : DISTANCE_BITS;
}

/*
 * Makes `table` of codes by their lengths, 0 for symbols without one. False when there are more codes than fit, or fewer, but for
 * one code of one bit (what zlib writes for one distance) or, for distances, none.
 */
bool make_table(enum table_kind kind, u32 *table, const u8 *lengths, u32 symbols)
{
	u32 bits = bits_of(kind), size = 1u << bits;
	u16 counts[LONGEST + 1] = {0}, starts[LONGEST + 2], sorted[288];
	u8 longest[1 << LITERAL_BITS];
	u32 codes = 0;

	for (u32 i = 0; i < symbols; i++)
		counts[lengths[i]]++;
	counts[0] = 0;
	starts[1] = 0;
	for (u32 length = 1; length <= LONGEST; length++) {
		codes += (u32)counts[length] << (LONGEST - length);
		starts[length + 1] = starts[length] + counts[length];
	}
	u32 total = starts[LONGEST + 1];
	bool complete = codes == 1u << LONGEST;

	if (!complete && !(total == 1 && counts[1] == 1 && kind != LENGTHS) && !(total == 0 && kind == DISTANCES))
		return false;
	for (u32 i = 0; i < symbols; i++)
		if (lengths[i] != 0)
			sorted[starts[lengths[i]]++] = i;
	if (!complete)
		for (u32 i = 0; i < size; i++)
			table[i] = SPECIAL;

	/* Second parts: how many bits choose in each, as its last and longest code says. */
	u32 code = 0, at = 0, end = size;

	for (u32 length = 1; length <= LONGEST; length++, code <<= 1) {
		for (u32 i = 0; i < counts[length]; i++, code++)
			if (length > bits)
				longest[reversed(code >> (length - bits), bits)] = length;
	}
	u32 prefix = ~0u, part = 0;

	code = 0;
	for (u32 length = 1; length <= LONGEST; length++, code <<= 1) {
		for (u32 i = 0; i < counts[length]; i++, code++) {
			u32 value = value_of(kind, sorted[at++]);

			if (length <= bits) {
				u32 entry = entry_of(value, length);

				for (u32 place = reversed(code, length); place < size; place += 1u << length)
					table[place] = entry;
				continue;
			}
			u32 first = reversed(code >> (length - bits), bits);
			u32 more = longest[first] - bits;

			if (first != prefix) {
				prefix = first;
				part = end;
				end += 1u << more;
				table[first] = SPECIAL | SECOND_PART | part << 16 | more << 8 | bits;
			}
			u32 entry = entry_of(value, length - bits);

			for (u32 place = reversed(code & ((1u << (length - bits)) - 1), length - bits);
			     place < 1u << more; place += 1u << (length - bits))
				table[part + place] = entry;
		}
	}
	return true;
}
