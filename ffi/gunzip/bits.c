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

#define sys_sched_yield() SYSCALL(NR(24, 124), 0, 0, 0, 0, 0, 0)

/* So much may wait to be taken before this thread hashes: until then it is the slower one, and who takes it does. */
#define BACKLOG_BYTES (1ul << 20)

/*
 * Hashes up to `end`, whole blocks only: the last bytes wait in the ring. One of the two threads at a time, as what is hashed
 * comes in order; pieces are small, and who finds the other at it looks again.
 */
void hash_until(struct gunzip *g, u64 end)
{
	while (__atomic_exchange_n(&g->hashing, 1, __ATOMIC_ACQUIRE) != 0)
		for (u32 looks = 0; load(&g->hashing) != 0; looks++)
			if (looks > 1000)
				sys_sched_yield();
	if (end > g->hash.hashed) {
		u64 blocks = (end - g->hash.hashed) / 64;

		add_sha256(&g->hash, g->output + (g->hash.hashed & (OUTPUT_BYTES - 1)), blocks);
		g->hash.hashed += blocks * 64;
	}
	__atomic_store_n(&g->hashing, 0, __ATOMIC_RELEASE);
}

static void check(struct gunzip *g)
{
	const u8 *start = g->output + (g->checked & (OUTPUT_BYTES - 1));

	g->checksum = add_checksum(g, g->checksum, start, g->at - g->checked);
	g->checked = g->at;
}

/* Hands what was made to the caller. */
void publish(struct gunzip *g)
{
	u64 backlog = g->at - load(&g->taken);

	if (g->made == g->at)
		return;
	check(g);
	if (g->hashes && backlog > BACKLOG_BYTES)
		hash_until(g, g->at);
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

/* Gives whole bytes that were read and not used back to the input. */
void rewind_input(struct gunzip *g)
{
	g->input_at -= g->count >> 3;
	g->bits = 0;
	g->count = 0;
}

/* Where the ring ends now: what was taken makes room, but for the end of it that may wait to be hashed. */
static u64 room_end(struct gunzip *g)
{
	return (load(&g->taken) & ~63ul) + OUTPUT_BYTES;
}

/* Waits for room for `bytes`, which are at most a quarter of the ring. False: the caller has given up. */
bool make_room(struct gunzip *g, u64 bytes)
{
	if (g->at - g->made >= PIECE_BYTES)
		publish(g);
	if (g->at + bytes <= room_end(g))
		return load(&g->aborted) == 0;
	publish(g);
	for (;;) {
		u32 seen = prepare_event(&g->for_thread);

		if (load(&g->aborted) != 0)
			return false;
		/* More than was asked for: the caller works on while this thread wakes up. */
		if (g->at + OUTPUT_BYTES / 4 <= room_end(g)) {
			cancel_event(&g->for_thread);
			return true;
		}
		await_event(&g->for_thread, seen);
	}
}
