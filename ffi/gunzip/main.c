/* What ffi/gunzip.ts calls: memory and a thread for one stream, input and output. One function, as the code has no symbols. */
#include "gunzip.h"

#define MAP_FIXED 0x10
#define MFD_NOEXEC_SEAL 8
#define MADV_POPULATE_WRITE 23
#define CONTROL_BYTES ((sizeof(struct gunzip) + 0xffff) & ~0xfffful)
/* Pages that nobody may touch lie between the parts. */
#define GUARD_BYTES 0x10000ul
#define STACK_BYTES 0x10000ul
#define STACK_AT (CONTROL_BYTES + GUARD_BYTES)
#define INPUT_AT (STACK_AT + STACK_BYTES + GUARD_BYTES)
#define OUTPUT_AT (INPUT_AT + 2 * INPUT_BYTES + GUARD_BYTES)
#define TOTAL_BYTES (OUTPUT_AT + 3 * OUTPUT_BYTES + GUARD_BYTES)

#define map(address, length, protection, flags, fd, offset)                                                            \
	SYSCALL(NR(9, 222), address, length, protection, flags, fd, offset)

enum operation {
	OPEN,
	PUT,
	FINISH,
	TAKE,
	READY,
	CLOSE,
	OUTPUT,
	HASHES,
	DIGEST,
	HASH_START,
	HASH_ADD,
	HASH_END,
	HAS_ROOM,
};

/* What `TAKE` says instead of a number of bytes. */
#define WANTS_INPUT 0
#define HAS_ENDED (-1)
#define HAS_FAILED(end) (-(long)(end))

static bool is_error(long result)
{
	return result < 0 && result > -4096;
}

/* Both rings as views that follow each other, so that no place needs to be looked at for where it ends. */
static long map_rings(u8 *base)
{
	static const char name[] = "currunt-gunzip";
	long file = sys_memfd_create(name, MFD_CLOEXEC | MFD_NOEXEC_SEAL), result;

	/* Before 6.3 the kernel does not know the flag; some later ones insist on it (vm.memfd_noexec). */
	if (file == -EINVAL)
		file = sys_memfd_create(name, MFD_CLOEXEC);
	if (is_error(file))
		return file;
	result = SYSCALL(NR(77, 46), file, INPUT_BYTES + OUTPUT_BYTES, 0, 0, 0, 0);
	for (u64 view = 0; view < 5 && !is_error(result); view++) {
		u8 *at = view < 2 ? base + INPUT_AT + view * INPUT_BYTES : base + OUTPUT_AT + (view - 2) * OUTPUT_BYTES;

		result = map(at, view < 2 ? INPUT_BYTES : OUTPUT_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			     file, view < 2 ? 0 : INPUT_BYTES);
	}
	sys_close(file);
	/*
	 * All of it is used soon, by threads that would each wait for its pages one by one; of the views before and behind little
	 * is. Older kernels do not know the advice.
	 */
	sys_madvise(base + INPUT_AT, INPUT_BYTES, MADV_POPULATE_WRITE);
	sys_madvise(base + OUTPUT_AT + OUTPUT_BYTES, OUTPUT_BYTES, MADV_POPULATE_WRITE);
	return is_error(result) ? result : 0;
}

static long map_all(u8 *base)
{
	long result = map(base, CONTROL_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	if (!is_error(result))
		result = map(base + STACK_AT, STACK_BYTES, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	return is_error(result) ? result : map_rings(base);
}

static bool has_fast_shifts(void)
{
#ifdef __x86_64__
	u32 a = 7, b, c = 0, d;

	__asm__("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	/* BMI1 (3) and BMI2 (8) of EBX. */
	return (b >> 3 & b >> 8 & 1) != 0;
#else
	return false;
#endif
}

/*
 * Returns the stream's address, or a negative errno. `plain`: without what only some processors have. `base`: a closed stream, whose
 * memory becomes this one's: its pages are there, and each new one were a page fault.
 */
static long open_stream(bool hash, bool plain, long base)
{
	long result = 0;

	if (base == 0) {
		base = map(NULL, TOTAL_BYTES, 0, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (is_error(base))
			return base;
		result = map_all((u8 *)base);
	} else
		__builtin_memset((void *)base, 0, __builtin_offsetof(struct gunzip, literals));
	struct gunzip *g = (struct gunzip *)base;

	if (!is_error(result)) {
		g->input = (u8 *)base + INPUT_AT;
		g->output = (u8 *)base + OUTPUT_AT + OUTPUT_BYTES;
		g->hungry_at = ~0ul;
		g->hashes = hash && has_sha256();
		g->fast_checksum = !plain && has_fast_checksum();
		g->fast_shifts = !plain && has_fast_shifts();
		start_sha256(&g->hash);
		make_checksum_table(g->checksum_table);
		result = start_thread((u8 *)base + STACK_AT + STACK_BYTES, inflate_members, g);
	}
	if (is_error(result)) {
		sys_munmap(base, TOTAL_BYTES);
		return result;
	}
	return base;
}

/* Copies as much input as there is room for, and returns how much that was. */
static long put_input(struct gunzip *g, const u8 *bytes, u64 length)
{
	/* What the thread reads at once may begin before the place it says it is at. */
	u64 room = INPUT_BYTES - 64 - (g->put - load(&g->read));

	if (length > room) {
		length = room;
		store(&g->held_up, 1);
	}
	if (length == 0)
		return 0;
	__builtin_memcpy((u8 *)g->input + (g->put & (INPUT_BYTES - 1)), bytes, length);
	store(&g->put, g->put + length);
	signal_event(&g->for_thread);
	return length;
}

/* Gives `release` bytes back and waits for output: for `least` bytes, unless the thread wants input first, or is done. */
static long take_output(struct gunzip *g, u64 release, u64 least)
{
	if (release > 0) {
		if (g->hashes)
			hash_until(g, g->taken + release);
		store(&g->taken, g->taken + release);
		signal_event(&g->for_thread);
	}
	store(&g->wanted, g->taken + least);
	for (;;) {
		u32 seen = prepare_event(&g->for_caller);
		u32 end = load(&g->end);
		bool hungry = load(&g->hungry_at) == g->put && load(&g->finished) == 0;
		u64 ready = load(&g->made) - g->taken;

		if (end > ENDED)
			ready = 0;
		if (ready >= least || end != RUNNING || hungry) {
			cancel_event(&g->for_caller);
			if (ready > 0)
				return ready;
			return end == RUNNING ? WANTS_INPUT : end == ENDED ? HAS_ENDED : HAS_FAILED(end);
		}
		await_event(&g->for_caller, seen);
	}
}

/* Returns the address of the digest of what was taken, which is all for a stream that has ended; 0 when there is none. */
static long end_digest(struct gunzip *g)
{
	if (!g->hashes)
		return 0;
	hash_until(g, g->taken);
	struct sha256 hash = g->hash;

	end_sha256(&hash, g->output + (hash.hashed & (OUTPUT_BYTES - 1)), g->taken - hash.hashed, g->digest);
	return (long)g->digest;
}

/* A hash by itself, in memory of the caller's. */
struct hasher {
	struct sha256 hash;
	u64 have; /* bytes of the next block */
	u8 block[64];
};

static long start_hash(struct hasher *h)
{
	start_sha256(&h->hash);
	h->have = 0;
	return has_sha256();
}

static void add_to_hash(struct hasher *h, const u8 *bytes, u64 length)
{
	if (h->have > 0) {
		u64 step = length < 64 - h->have ? length : 64 - h->have;

		__builtin_memcpy(h->block + h->have, bytes, step);
		h->have += step;
		bytes += step;
		length -= step;
		if (h->have < 64)
			return;
		add_sha256(&h->hash, h->block, 1);
		h->hash.hashed += 64;
	}
	add_sha256(&h->hash, bytes, length / 64);
	h->hash.hashed += length & ~63ul;
	h->have = length & 63;
	__builtin_memcpy(h->block, bytes + (length & ~63ul), h->have);
}

/* Whether input was held up that there is room for now, which is said once. */
static long has_room(struct gunzip *g)
{
	if (load(&g->held_up) == 0 || load(&g->put) - load(&g->read) > INPUT_BYTES / 4 * 3)
		return 0;
	store(&g->held_up, 0);
	return 1;
}

/* Ends the thread. The memory goes with it, unless it is kept for another stream. */
static long close_stream(struct gunzip *g, bool keep)
{
	store(&g->aborted, 1);
	signal_event(&g->for_thread);
	for (u32 tid; (tid = load(&g->tid)) != 0;)
		/* FUTEX_WAIT: the kernel's wake-up is not a private one. */
		SYSCALL(NR(202, 98), &g->tid, 0, tid, 0, 0, 0);
	return keep ? 0 : sys_munmap(g, TOTAL_BYTES);
}

__attribute__((used)) long gunzip(long operation, struct gunzip *g, const u8 *bytes, u64 a, u64 b)
{
	switch (operation) {
	case OPEN:
		return open_stream(a & 1, a & 2, (long)g);
	case PUT:
		return put_input(g, bytes, a);
	case FINISH:
		store(&g->finished, 1);
		signal_event(&g->for_thread);
		return 0;
	case TAKE:
		return take_output(g, a, b);
	case READY:
		return load(&g->made) - g->taken;
	case CLOSE:
		return close_stream(g, a);
	case OUTPUT:
		return (long)g->output;
	case HASHES:
		return g->hashes;
	case DIGEST:
		return end_digest(g);
	case HASH_START:
		return start_hash((struct hasher *)g);
	case HASH_ADD:
		add_to_hash((struct hasher *)g, bytes, a);
		return 0;
	case HASH_END: {
		struct hasher *h = (struct hasher *)g;

		end_sha256(&h->hash, h->block, h->have, h->hash.state);
		return 0;
	}
	case HAS_ROOM:
		return has_room(g);
	default:
		return -EINVAL;
	}
}

/* The code begins here: it is called by its address. */
#ifdef __aarch64__
__asm__(".section .text.unlikely,\"ax\"\n.globl _start\n_start:\n\tb gunzip\n.text");
#else
__asm__(".section .text.unlikely,\"ax\"\n.globl _start\n_start:\n\tjmp gunzip\n.text");
#endif
