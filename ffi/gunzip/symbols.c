/* The inner loop: literals, and matches with what came before. */
#include "gunzip.h"

/* Between looks at the rings. */
#define SEGMENT_BYTES (32ul << 10)

typedef long long pair __attribute__((vector_size(16), aligned(1), may_alias));

/* Copies a match of `length` bytes, and up to 16 bytes more, from `distance` bytes before. */
static inline void copy_match(u8 *to, u64 distance, u64 length)
{
	const u8 *from = to - distance;
	u8 *end = to + length;

	if (distance >= 16) {
		do {
			*(pair *)to = *(const pair *)from;
			to += 16;
			from += 16;
		} while (to < end);
	} else if (distance >= 8) {
		do {
			store64(to, load64(from));
			to += 8;
			from += 8;
		} while (to < end);
	} else if (distance == 1) {
		u64 word = *from * 0x0101010101010101ul;

		do {
			store64(to, word);
			to += 8;
		} while (to < end);
	} else {
		/* Each step makes `distance` bytes of the eight right. */
		do {
			store64(to, load64(from));
			to += distance;
			from += distance;
		} while (to < end);
	}
}

/* The value of `entry`, whose extra bits are in `bits` behind its code. */
static inline u32 whole_value(u32 entry, u64 bits)
{
	return VALUE(entry) + ((bits & ((1ul << USED(entry)) - 1)) >> OWN_LENGTH(entry));
}

/* One segment; true at the end of the block, and when it fails, which is noted. */
static inline __attribute__((always_inline)) bool inflate_segment(struct gunzip *g, u64 input_bytes)
{
	const u8 *input = g->input + (g->input_at & (INPUT_BYTES - 1)), *begin = input;
	const u8 *input_stop = input + input_bytes;
	u8 *start = g->output + (g->at & (OUTPUT_BYTES - 1)), *output = start;
	u8 *output_stop = start + SEGMENT_BYTES;
	/* How far back a match may reach from `start`, in bytes. */
	u64 history = g->at - g->member_start;
	const u32 *literals = g->literals, *distances = g->distances;
	u64 bits = g->bits;
	u32 count = g->count, entry;
	bool done = false;
	enum end failure = RUNNING;

#define REFILL()                                                                                                       \
	do {                                                                                                           \
		bits |= load64(input) << (count & 63);                                                                 \
		input += 7 - (count >> 3 & 7);                                                                         \
		count |= 56;                                                                                           \
	} while (0)
/* Takes more than the lowest six bits of `entry` from `count`, whose others nobody looks at: that saves a step. */
#define USE(entry)                                                                                                     \
	do {                                                                                                           \
		bits >>= (entry)&63;                                                                                   \
		count -= (entry);                                                                                      \
	} while (0)
#define NEXT() literals[bits & ((1 << LITERAL_BITS) - 1)]

	REFILL();
	entry = NEXT();
	while (input < input_stop && output < output_stop) {
		if ((entry & LITERAL) != 0) {
			USE(entry);
			*output++ = entry >> 16;
			entry = NEXT();
			if ((entry & LITERAL) != 0) {
				USE(entry);
				*output++ = entry >> 16;
				entry = NEXT();
				if ((entry & LITERAL) != 0) {
					USE(entry);
					*output++ = entry >> 16;
					REFILL();
					entry = NEXT();
					continue;
				}
			}
		}
		/* 34 bits are left at least: a length with its extra bits has 20 at most. */
		if ((entry & SPECIAL) != 0) {
			if ((entry & SECOND_PART) != 0) {
				USE(LITERAL_BITS);
				entry = literals[VALUE(entry) + (bits & ((1u << OWN_LENGTH(entry)) - 1))];
				if ((entry & LITERAL) != 0) {
					USE(entry);
					*output++ = entry >> 16;
					REFILL();
					entry = NEXT();
					continue;
				}
			}
			if ((entry & END_OF_BLOCK) != 0) {
				USE(entry);
				done = true;
				break;
			}
			if ((entry & SPECIAL) != 0) {
				failure = BAD_SYMBOL;
				break;
			}
		}
		u64 length = whole_value(entry, bits);

		USE(entry);
		REFILL();
		entry = distances[bits & ((1 << DISTANCE_BITS) - 1)];
		if ((entry & SECOND_PART) != 0) {
			USE(DISTANCE_BITS);
			entry = distances[VALUE(entry) + (bits & ((1u << OWN_LENGTH(entry)) - 1))];
		}
		if ((entry & SPECIAL) != 0) {
			failure = BAD_SYMBOL;
			break;
		}
		u64 distance = whole_value(entry, bits);

		USE(entry);
		if (distance > history + (u64)(output - start)) {
			failure = BAD_DISTANCE;
			break;
		}
		/* The next look into the table goes on while the match is copied. */
		REFILL();
		entry = NEXT();
		copy_match(output, distance, length);
		output += length;
	}
	g->input_at += input - begin;
	g->at += output - start;
	g->bits = bits;
	g->count = count & 63;
	if (failure != RUNNING)
		fail(g, failure);
	return done || failure != RUNNING;
}

static bool inflate_plain(struct gunzip *g, u64 input_bytes)
{
	return inflate_segment(g, input_bytes);
}

#ifdef __x86_64__
/* The same, with shifts that take their count from any register. */
__attribute__((target("bmi,bmi2"))) static bool inflate_bmi2(struct gunzip *g, u64 input_bytes)
{
	return inflate_segment(g, input_bytes);
}
#else
#define inflate_bmi2 inflate_plain
#endif

/* How many bytes of input the loop may begin with; 0 when the stream is cut short or given up. */
static u64 usable_input(struct gunzip *g)
{
	while (!g->last && g->input_end - g->input_at <= INPUT_SLACK)
		if (!more_input(g))
			return 0;
	/* At the end of the input the loop reads on behind it, and is stopped here. */
	if (!g->last)
		return g->input_end - g->input_at - INPUT_SLACK;
	if (g->input_at >= g->input_end + INPUT_SLACK) {
		fail(g, CUT_SHORT);
		return 0;
	}
	return g->input_end + INPUT_SLACK - g->input_at;
}

/* Up to the end of a block. */
bool inflate_symbols(struct gunzip *g)
{
	for (;;) {
		u64 input_bytes = usable_input(g);

		if (input_bytes == 0 || !make_room(g, SEGMENT_BYTES + OUTPUT_SLACK))
			return false;
		if (g->fast_shifts ? inflate_bmi2(g, input_bytes) : inflate_plain(g, input_bytes))
			return g->end == RUNNING;
	}
}
