/* A thread that inflates gzip data from one ring of memory into another and hashes what comes out: what its files share. */
#ifndef GUNZIP_H
#define GUNZIP_H

#include "../shim/syscall.h"

typedef _Bool bool;
#define true 1
#define false 0

/* Declared so, what is in another file is found by its distance, never by a table of addresses. */
#pragma GCC visibility push(hidden)

#define load(from) __atomic_load_n(from, __ATOMIC_SEQ_CST)
#define store(to, value) __atomic_store_n(to, value, __ATOMIC_SEQ_CST)

/* Sizes are powers of two: a position counts all bytes of the stream, and its low bits are its place. */
#define INPUT_BYTES (512ul << 10)
#define OUTPUT_BYTES (1ul << 20)

/* How far the fast loop may read and write beyond what it was asked for: a match of 258 bytes in steps of 16, two loads of 8. */
#define INPUT_SLACK 32
#define OUTPUT_SLACK 320

/* Where a stream ends. Failures are the words of ffi/gunzip.ts, in this order. */
enum end {
	RUNNING,
	ENDED,
	CUT_SHORT,
	BAD_MAGIC,
	BAD_METHOD,
	BAD_FLAGS,
	BAD_HEADER_CHECK,
	BAD_BLOCK_TYPE,
	BAD_STORED_LENGTH,
	BAD_CODE_LENGTHS,
	BAD_SYMBOL,
	BAD_DISTANCE,
	BAD_CHECKSUM,
	BAD_LENGTH,
	GARBAGE,
};

/* Something that one thread waits for and another brings about. */
struct event {
	u32 count;
	u32 waiting;
};

struct sha256 {
	u32 state[8];
	u64 hashed; /* position in the output */
};

/* log2 of the tables' first part; codes are 15 bits long at most (RFC 1951, 3.2.7). */
#define LITERAL_BITS 11
#define DISTANCE_BITS 8
#define LENGTH_BITS 7
/* With second parts as large as their longest code asks for: a code longer than the first part's takes at most 2^(15 - bits) places. */
#define LITERAL_PLACES ((1 << LITERAL_BITS) + 288 * 16)
#define DISTANCE_PLACES ((1 << DISTANCE_BITS) + 32 * 128)

struct gunzip {
	/* Written by the caller. */
	u64 put;   /* bytes of input */
	u64 taken; /* bytes of output that were given back */
	u64 wanted; /* position in the output that the caller waits for */
	u32 finished;
	u32 aborted;
	u32 held_up; /* there was more input than room for it */
	/* Written by the thread. */
	u64 read;	/* input that is used up */
	u64 made;	/* output that is ready */
	u64 hungry_at;	/* all input up to here is used up, and more is wanted */
	u32 end;	/* enum end */
	u32 tid;	/* 0 once the thread is gone (CLONE_CHILD_CLEARTID) */
	struct event for_thread, for_caller;
	u32 digest[8];

	/* The thread's own from here on. */
	const u8 *input;
	u8 *output;    /* the middle one of three views of the ring: 32 KB before and behind a place are there, too */
	u64 input_at;  /* next byte that goes into `bits` */
	u64 input_end; /* `put` as last seen */
	bool last;     /* no more will come */
	u64 bits;      /* what was read and not used, lowest first; above `count` bits may be more of the same */
	u32 count;
	u64 at;		  /* output so far */
	u64 member_start; /* where the output of the current member begins */
	u32 checksum;	  /* of the member, up to `checked` */
	u64 checked;
	bool hashes, fast_checksum, fast_shifts;
	u32 hashing; /* whether one of the two threads is at `hash` */
	struct sha256 hash;
	u32 literals[LITERAL_PLACES];
	u32 distances[DISTANCE_PLACES];
	u32 checksum_table[8][256];
};

/* thread.c */
void signal_event(struct event *event);
u32 prepare_event(struct event *event);
void await_event(struct event *event, u32 seen);
void cancel_event(struct event *event);
long start_thread(u8 *stack_end, void (*body)(struct gunzip *), struct gunzip *g);

/* member.c */
void inflate_members(struct gunzip *g);

/* bits.c: what fails is noted in `end`, and the answer is false */
bool fail(struct gunzip *g, enum end end);
bool more_input(struct gunzip *g);
bool refill(struct gunzip *g);
void rewind_input(struct gunzip *g);
bool make_room(struct gunzip *g, u64 bytes);
void publish(struct gunzip *g);
void hash_until(struct gunzip *g, u64 end);

/* block.c */
bool inflate_blocks(struct gunzip *g);

/* symbols.c */
bool inflate_symbols(struct gunzip *g);

/* table.c */
enum table_kind { LENGTHS, LITERALS, DISTANCES };
bool make_table(enum table_kind kind, u32 *table, const u8 *lengths, u32 symbols);

/* An entry of a table: bits to use up (6), code's own length (from 8), a value (from 16). */
#define USED(entry) ((entry)&63)
#define SPECIAL (1u << 6)    /* neither literal nor length nor distance: one of the next two, or no code at all */
#define END_OF_BLOCK (1u << 7)
#define SECOND_PART (1u << 12) /* value: where in the table, code's length: how many bits choose in it */
#define LITERAL (1u << 31)
#define OWN_LENGTH(entry) (((entry) >> 8) & 15)
#define VALUE(entry) (((entry) >> 16) & 0x7fff)

/* sha256.c */
bool has_sha256(void);
void start_sha256(struct sha256 *hash);
void add_sha256(struct sha256 *hash, const u8 *bytes, u64 blocks);
void end_sha256(struct sha256 *hash, const u8 *rest, u64 length, u32 digest[8]);

/* crc32.c */
bool has_fast_checksum(void);
void make_checksum_table(u32 table[8][256]);
u32 add_checksum(struct gunzip *g, u32 checksum, const u8 *bytes, u64 length);

static inline u64 load64(const u8 *from)
{
	struct word {
		u64 value;
	} __attribute__((packed, may_alias));
	return ((const struct word *)from)->value;
}

static inline void store64(u8 *to, u64 value)
{
	struct word {
		u64 value;
	} __attribute__((packed, may_alias));
	((struct word *)to)->value = value;
}

static inline void use_bits(struct gunzip *g, u32 count)
{
	g->bits >>= count;
	g->count -= count;
}

#pragma GCC visibility pop

#endif
