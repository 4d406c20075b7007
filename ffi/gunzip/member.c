/* gzip members, one after the other: RFC 1952. */
#include "gunzip.h"

#define FLAG_CHECK 2
#define FLAG_EXTRA 4
#define FLAG_NAME 8
#define FLAG_COMMENT 16
#define FLAGS_UNKNOWN 0xe0

static bool take_byte(struct gunzip *g, u8 *byte)
{
	if (g->count < 8 && !refill(g))
		return false;
	*byte = g->bits;
	use_bits(g, 8);
	/* Behind the end of the input come bits of no meaning. */
	return !g->last || g->input_at - (g->count >> 3) <= g->input_end || fail(g, CUT_SHORT);
}

static bool take_number(struct gunzip *g, u32 bytes, u32 *number)
{
	u8 byte;

	*number = 0;
	for (u32 i = 0; i < bytes; i++) {
		if (!take_byte(g, &byte))
			return false;
		*number |= (u32)byte << (8 * i);
	}
	return true;
}

/* A byte of the header, which has a checksum of its own. */
static bool header_byte(struct gunzip *g, u8 *byte)
{
	if (!take_byte(g, byte))
		return false;
	g->checksum = add_checksum(g, g->checksum, byte, 1);
	return true;
}

static bool skip_header_bytes(struct gunzip *g, u32 count)
{
	u8 byte;

	while (count-- > 0)
		if (!header_byte(g, &byte))
			return false;
	return true;
}

static bool skip_header_text(struct gunzip *g)
{
	u8 byte;

	do
		if (!header_byte(g, &byte))
			return false;
	while (byte != 0);
	return true;
}

static bool read_header(struct gunzip *g)
{
	u8 first, second, method, flags, low, high;

	g->checksum = 0;
	if (!header_byte(g, &first) || !header_byte(g, &second))
		return false;
	if (first != 0x1f || second != 0x8b)
		return fail(g, BAD_MAGIC);
	if (!header_byte(g, &method) || !header_byte(g, &flags))
		return false;
	if (method != 8)
		return fail(g, BAD_METHOD);
	if ((flags & FLAGS_UNKNOWN) != 0)
		return fail(g, BAD_FLAGS);
	/* Time, extra flags, system. */
	if (!skip_header_bytes(g, 6))
		return false;
	if ((flags & FLAG_EXTRA) != 0) {
		if (!header_byte(g, &low) || !header_byte(g, &high) || !skip_header_bytes(g, low | high << 8))
			return false;
	}
	if ((flags & FLAG_NAME) != 0 && !skip_header_text(g))
		return false;
	if ((flags & FLAG_COMMENT) != 0 && !skip_header_text(g))
		return false;
	if ((flags & FLAG_CHECK) != 0) {
		u32 expected, actual = g->checksum & 0xffff;

		if (!take_number(g, 2, &expected))
			return false;
		if (expected != actual)
			return fail(g, BAD_HEADER_CHECK);
	}
	g->checksum = 0;
	return true;
}

/* What the member says of itself at its end: the rest of the last byte of its data is skipped. */
static bool read_trailer(struct gunzip *g)
{
	u32 checksum, length;

	use_bits(g, g->count & 7);
	if (!take_number(g, 4, &checksum) || !take_number(g, 4, &length))
		return false;
	publish(g);
	if (checksum != g->checksum)
		return fail(g, BAD_CHECKSUM);
	if (length != (u32)(g->at - g->member_start))
		return fail(g, BAD_LENGTH);
	return true;
}

/* Looks at the next byte: 0 or more is its value, -1 the end of the input, -2 that the caller has given up. */
static int peek_byte(struct gunzip *g)
{
	while (g->input_at == g->input_end) {
		if (g->last)
			return -1;
		if (!more_input(g))
			return -2;
	}
	return g->input[g->input_at & (INPUT_BYTES - 1)];
}

/* What pads a file may follow the last member (gzip(1), "trailing garbage"), nothing else. */
static bool skip_padding(struct gunzip *g)
{
	int byte;

	while ((byte = peek_byte(g)) >= 0) {
		if (byte != 0)
			return fail(g, GARBAGE);
		g->input_at++;
	}
	return byte == -1;
}

static bool inflate_all(struct gunzip *g)
{
	int next;

	do {
		g->member_start = g->at;
		g->checked = g->at;
		if (!read_header(g) || !inflate_blocks(g) || !read_trailer(g))
			return false;
		rewind_input(g);
		next = peek_byte(g);
	} while (next == 0x1f);
	return next != -2 && skip_padding(g);
}

/* The thread. */
void inflate_members(struct gunzip *g)
{
	if (!inflate_all(g))
		return;
	publish(g);
	fail(g, ENDED);
}
