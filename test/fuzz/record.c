/*
 * Feeds broken records to the reader of the shim's plan (ffi/shim/record.c), as a program of the host's with sanitizers: whatever
 * the bytes are, it ends with EPROTO or reads within them. By hand:
 *   cc -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -o /tmp/record test/fuzz/record.c ffi/shim/record.c
 *   /tmp/record [SECONDS] [SEED]
 */
#include "../../ffi/shim/shim.h"

/* Of the C library: its headers and the shim's do not go together. */
void *malloc(size length);
void free(void *memory);
long atol(const char *text);
long time(long *now);
int printf(const char *format, ...);
int fork(void);
int waitpid(int process, int *status, int flags);
void _exit(int code) __attribute__((noreturn));
int _setjmp(u64 *place) __attribute__((returns_twice));
void longjmp(u64 *place, int value) __attribute__((noreturn));

s32 plan_socket = -1, failure_file = -1;
static u64 place[64];
static volatile u8 seen;
static u64 state;

void fail(const char *call, long error)
{
	(void)call;
	longjmp(place, error == EPROTO ? 1 : 2);
}

size length_of(const char *text)
{
	size length = 0;

	while (text[length] != 0)
		length++;
	return length;
}

/* xorshift64* */
static u32 below(u32 limit)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (u32)((state * 0x2545f4914f6cdd1dull) >> 33) % limit;
}

static void read_text(const char *text)
{
	for (size i = 0; i <= length_of(text); i++)
		seen = text[i];
}

/* Reads a step in every way that the steps' functions do. */
static void read_step(const struct step *step)
{
	for (int index = 0; index < 3; index++) {
		if (step->text[index] == 0)
			continue;
		const char *text = text_of(step, index);
		size length = step->number[below(4)];
		u64 count = step->number[below(4)];

		read_text(text);
		switch (below(3)) {
		case 0:
			for (u32 i = below(5); i > 0; i--)
				read_text(text = next_text(step, text));
			break;
		case 1:
			for (const u8 *data = data_of(step, index, length); length > 0; length--)
				seen = *data++;
			break;
		default: {
			const char **list = list_of(step, index, count);

			for (u64 i = 0; i < count; i++)
				read_text(list[i]);
			sys_munmap(list, (count + 1) * sizeof *list);
		}
		}
	}
	/* Descriptors that nobody has: closing them does nothing. */
	set_slot(step->slot, 100000 + (s32)below(100));
	if (slot_fd(step->slot) < 100000)
		__builtin_trap();
	slot_fd(step->other);
	forget_slot(step->slot);
}

/* Records as the caller would write them, then spoilt here and there. */
static void fill(u8 *bytes, u32 length)
{
	for (u32 i = 0; i < length; i++)
		bytes[i] = below(3) ? 'a' + below(3) : below(256);
	for (u32 at = 0; at + sizeof(struct step) <= length;) {
		struct step *step = (struct step *)(bytes + at);
		u32 room = (length - at) / 8 * 8;
		u32 size = sizeof *step + below((room - sizeof *step) / 8 + 1) * 8;

		step->op = 1 + below(OP_COUNT - 1);
		step->size = size;
		step->slot = below(8) ? (s32)below(PLAN_SLOTS) : (s32)below(~0u);
		step->other = below(8) ? step->slot : (s32)below(~0u);
		for (int i = 0; i < 4; i++)
			step->number[i] = below(20) ? below(9) : (u64)below(~0u) << below(33);
		for (int i = 0; i < 3; i++)
			step->text[i] = below(20) ? sizeof *step + below(size - sizeof *step + 1) : below(~0u);
		bytes[at + size - 1] = 0;
		at += size;
	}
	for (u32 i = below(4); i > 0; i--)
		bytes[below(length)] = below(256);
}

/* One plan of random records; 1: it was refused. */
static int try_one(void)
{
	u32 length = 1 + below(600);
	u8 *volatile bytes = malloc(length);
	int outcome;

	fill(bytes, length);
	outcome = _setjmp(place);
	if (outcome == 0)
		for (const u8 *record = bytes; record < bytes + length;) {
			const struct step *step = step_at(record, bytes + length);

			read_step(step);
			record += step->size;
		}
	if (outcome == 2)
		__builtin_trap();
	forget_slots();
	free(bytes);
	return outcome;
}

/* The lists of refused plans stay mapped, as in the shim, which ends then: each batch is a process of its own. */
#define BATCH 10000

int main(int count, char **arguments)
{
	long seconds = count > 1 ? atol(arguments[1]) : 10, seed = count > 2 ? atol(arguments[2]) : time(NULL);
	long end = time(NULL) + seconds, batches = 0;

	for (; time(NULL) < end; batches++) {
		int status, child = fork();

		if (child == 0) {
			state = (seed + batches) * 2 + 1;
			for (int i = 0; i < BATCH; i++)
				try_one();
			_exit(0);
		}
		if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
			printf("something found, in the batch that begins with seed %ld\n", seed + batches);
			return 1;
		}
	}
	printf("%ld plans, seed %ld: nothing found\n", batches * BATCH, seed);
	return 0;
}
