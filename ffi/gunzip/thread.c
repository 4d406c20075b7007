/* A thread without a C library, and how two threads wait for each other. */
#include "gunzip.h"

#define FUTEX_WAIT_PRIVATE 128
#define FUTEX_WAKE_PRIVATE 129
#define sys_futex(word, operation, value) SYSCALL(NR(202, 98), word, operation, value, 0, 0, 0)

#define THREAD_FLAGS                                                                                                   \
	(0x100 /* VM */ | 0x200 /* FS */ | 0x400 /* FILES */ | 0x800 /* SIGHAND */ | 0x10000 /* THREAD */ |            \
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

/*
 * Returns in this thread only, with the new one's ID or a negative errno. The other begins on a stack of its own, with this
 * thread's TLS register, which it does not use, and ends without the C library that does not know of it.
 */
static long clone_thread(u8 *stack_end, void (*body)(struct gunzip *), struct gunzip *g)
{
	u64 *stack = (u64 *)stack_end - 2;

	stack[0] = (u64)body;
	stack[1] = (u64)g;
#ifdef __aarch64__
	register long x8 __asm__("x8") = 220;
	register long x0 __asm__("x0") = THREAD_FLAGS;
	register long x1 __asm__("x1") = (long)stack;
	register long x2 __asm__("x2") = (long)&g->tid;
	register long x3 __asm__("x3") = 0;
	register long x4 __asm__("x4") = (long)&g->tid;
	__asm__ volatile("svc 0\n\t"
			 "cbnz x0, 1f\n\t"
			 "ldp x1, x0, [sp], #16\n\t"
			 "mov x29, #0\n\t"
			 "blr x1\n\t"
			 "mov x0, #0\n\t"
			 "mov x8, #93\n\t"
			 "svc 0\n\t"
			 "1:"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4)
			 : "memory", "cc", "x30");
	return x0;
#else
	long result;
	register long r10 __asm__("r10") = (long)&g->tid;
	register long r8 __asm__("r8") = 0;
	__asm__ volatile("syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "xor %%ebp, %%ebp\n\t"
			 "pop %%rax\n\t"
			 "pop %%rdi\n\t"
			 "call *%%rax\n\t"
			 "xor %%edi, %%edi\n\t"
			 "mov $60, %%eax\n\t"
			 "syscall\n\t"
			 "1:"
			 : "=a"(result)
			 : "a"(56), "D"((long)THREAD_FLAGS), "S"(stack), "d"(&g->tid), "r"(r10), "r"(r8)
			 : "rcx", "r11", "memory", "cc");
	return result;
#endif
}

/* Signals stay with the threads that have handlers' surroundings: all are blocked in the new one. */
long start_thread(u8 *stack_end, void (*body)(struct gunzip *), struct gunzip *g)
{
	u64 all = ~0ul, before = 0;

	SYSCALL(NR(14, 135), SIG_SETMASK, &all, &before, 8, 0, 0);
	long tid = clone_thread(stack_end, body, g);
	SYSCALL(NR(14, 135), SIG_SETMASK, &before, NULL, 8, 0, 0);
	return tid;
}
