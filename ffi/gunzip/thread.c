/* A thread without a C library, and how two threads wait for each other. */
#include "gunzip.h"
#include "../shim/clone.h"

#define FUTEX_WAIT_PRIVATE 128
#define FUTEX_WAKE_PRIVATE 129
#define sys_futex(word, operation, value) SYSCALL(NR(202, 98), word, operation, value, 0, 0, 0)

#define THREAD_FLAGS                                                                                                   \
	(CLONE_VM | 0x200 /* FS */ | 0x400 /* FILES */ | 0x800 /* SIGHAND */ | 0x10000 /* THREAD */ |            \
	 0x40000 /* SYSVSEM */ | 0x100000 /* PARENT_SETTID */ | 0x200000 /* CHILD_CLEARTID */)

void signal_event(struct event *event)
{
	__atomic_add_fetch(&event->count, 1, __ATOMIC_SEQ_CST);
	if (load(&event->waiting) != 0)
		sys_futex(&event->count, FUTEX_WAKE_PRIVATE, 1);
}

/* Before the condition is looked at for the last time: what happens from here on ends the wait. */
u32 prepare_event(struct event *event)
{
	store(&event->waiting, 1);
	return load(&event->count);
}

void await_event(struct event *event, u32 seen)
{
	sys_futex(&event->count, FUTEX_WAIT_PRIVATE, seen);
	store(&event->waiting, 0);
}

void cancel_event(struct event *event)
{
	store(&event->waiting, 0);
}

/* Signals stay with the threads that have handlers' surroundings: all are blocked in the new one. */
long start_thread(u8 *stack_end, void (*body)(struct gunzip *), struct gunzip *g)
{
	u64 all = ~0ul, before = 0;

	SYSCALL(NR(14, 135), SIG_SETMASK, &all, &before, 8, 0, 0);
	long tid = clone_task(THREAD_FLAGS, stack_end, (void (*)(void *))body, g, &g->tid);
	SYSCALL(NR(14, 135), SIG_SETMASK, &before, NULL, 8, 0, 0);
	return tid;
}
