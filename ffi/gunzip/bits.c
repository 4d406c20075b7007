/* The two rings as the thread sees them: bits of input, room for output, and the waits for either. */
#include "gunzip.h"

/* What is made is given away in pieces of this: still in the cache when it is hashed, and when the caller looks at it. */
#define PIECE_BYTES (64ul << 10)

/* A member ends in 8 bytes that are no blocks: what is wrong so close to the input's end is that there is no more of it. */
#define TRAILER_BYTES 8

bool fail(struct gunzip *g, enum end end)
{
	bool in_blocks = end >= BAD_BLOCK_TYPE && end <= BAD_DISTANCE;

	if (in_blocks && g->last && g->input_at - (g->count >> 3) + TRAILER_BYTES > g->input_end)
		end = CUT_SHORT;
	store(&g->end, end);
	signal_event(&g->for_caller);
	return false;
}

static void hash(struct gunzip *g)
{
	const u8 *start = g->output + (g->hash.hashed & (OUTPUT_BYTES - 1));
	u64 blocks = (g->at - g->hash.hashed) / 64;

	add_sha256(&g->hash, start, blocks);
	g->hash.hashed += blocks * 64;
}

static void check(struct gunzip *g)
{
	const u8 *start = g->output + (g->checked & (OUTPUT_BYTES - 1));

	g->checksum = add_checksum(g, g->checksum, start, g->at - g->checked);
	g->checked = g->at;
}

/* Hashes what was made and hands it to the caller. The last bytes of a block of the hash wait in the ring. */
void publish(struct gunzip *g)
{
	if (g->made == g->at)
		return;
	check(g);
	if (g->hashes)
		hash(g);
	store(&g->read, g->input_at);
	store(&g->made, g->at);
	/* A wake-up for each piece would cost more than the hand-over of it. */
	if (g->at >= load(&g->wanted))
		signal_event(&g->for_caller);
}

/* Waits until there is more input than was seen, or until it is known that there is none. False: the caller has given up. */
bool more_input(struct gunzip *g)
{
	publish(g);
	store(&g->read, g->input_at);
	for (;;) {
		u32 seen = prepare_event(&g->for_thread);
		u32 finished = load(&g->finished); /* before `put`, which is the last one then */
		u64 put = load(&g->put);

		if (load(&g->aborted) != 0)
			return false;
		if (put != g->input_end || finished) {
			cancel_event(&g->for_thread);
			g->input_end = put;
			g->last = finished != 0;
			return true;
		}
		if (load(&g->hungry_at) != put) {
			store(&g->hungry_at, put);
			signal_event(&g->for_caller);
		}
		await_event(&g->for_thread, seen);
	}
}

/*
 * Has at least 56 bits in `bits`. Behind the end of the input come bits of no meaning: whoever uses them is found out here or at
 * the member's end, by the count.
 */
bool refill(struct gunzip *g)
{
	while (!g->last && g->input_end - g->input_at < 8)
		if (!more_input(g))
			return false;
	if (g->last && g->input_at - (g->count >> 3) > g->input_end)
		return fail(g, CUT_SHORT);
	g->bits |= load64(g->input + (g->input_at & (INPUT_BYTES - 1))) << g->count;
	g->input_at += (63 - g->count) >> 3;
	g->count |= 56;
	return true;
}

/* Waits for room for `bytes`, which are at most a quarter of the ring. False: the caller has given up. */
bool make_room(struct gunzip *g, u64 bytes)
{
	if (g->at - g->made >= PIECE_BYTES)
		publish(g);
	if (g->at + bytes - load(&g->taken) <= OUTPUT_BYTES)
		return load(&g->aborted) == 0;
	publish(g);
	for (;;) {
		u32 seen = prepare_event(&g->for_thread);

		if (load(&g->aborted) != 0)
			return false;
		/* More than was asked for: the caller works on while this thread wakes up. */
		if (g->at + OUTPUT_BYTES / 4 - load(&g->taken) <= OUTPUT_BYTES) {
			cancel_event(&g->for_thread);
			return true;
		}
		await_event(&g->for_thread, seen);
	}
}
