/* New tasks that can share our memory, for code without a C library. */
#ifndef CLONE_H
#define CLONE_H

#include "syscall.h"

#define CLONE_VM 0x100

/*
 * Has a task that shares our memory (`flags` contain CLONE_VM) call `body` with `argument`, on a stack that ends at `stack_end`,
 * and end itself behind it. `tid`: what CLONE_PARENT_SETTID and CLONE_CHILD_CLEARTID write to. Returns in this task only, with the
 * new one's ID or a negative errno. The other has this thread's TLS register, which it does not use.
 */
static inline long clone_task(u64 flags, u8 *stack_end, void (*body)(void *), void *argument, u32 *tid)
{
	/* Both architectures want it aligned. */
	u64 *stack = (u64 *)((u64)stack_end & -16ul) - 2;

	stack[0] = (u64)body;
	stack[1] = (u64)argument;
#ifdef __aarch64__
	register long x8 __asm__("x8") = SYS_CLONE;
	register long x0 __asm__("x0") = (long)flags;
	register long x1 __asm__("x1") = (long)stack;
	register long x2 __asm__("x2") = (long)tid;
	register long x3 __asm__("x3") = 0;
	register long x4 __asm__("x4") = (long)tid;
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
	register long r10 __asm__("r10") = (long)tid;
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
			 : "a"((long)SYS_CLONE), "D"(flags), "S"(stack), "d"(tid), "r"(r10), "r"(r8)
			 : "rcx", "r11", "memory", "cc");
	return result;
#endif
}

/*
 * Goes on in a new process (man 2 clone3): where `args->flags` contain CLONE_VM, in our memory and on this very stack. The half that
 * is left calls `tell` with the new one's ID, on the stack that ends at `stack_end`; it must end itself there. Returns 0 in the new
 * process, or a negative errno when there is none.
 */
static inline long clone_and_go_on(struct clone_args *args, u8 *stack_end, void (*tell)(long pid))
{
	u8 *stack = (u8 *)((u64)stack_end & -16ul);
#ifdef __aarch64__
	register long x8 __asm__("x8") = SYS_CLONE3;
	register long x0 __asm__("x0") = (long)args;
	register long x1 __asm__("x1") = sizeof *args;
	__asm__ volatile("svc 0\n\t"
			 "cmp x0, #0\n\t"
			 "b.le 1f\n\t"
			 "mov sp, %2\n\t"
			 "blr %3\n\t"
			 "1:"
			 : "+r"(x0)
			 : "r"(x8), "r"(stack), "r"(tell), "r"(x1)
			 : "memory", "cc", "x30");
	return x0;
#else
	long result;
	__asm__ volatile("syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jle 1f\n\t"
			 "mov %4, %%rsp\n\t"
			 "mov %%rax, %%rdi\n\t"
			 "call *%5\n\t"
			 "1:"
			 : "=a"(result)
			 : "a"((long)SYS_CLONE3), "D"(args), "S"(sizeof *args), "r"(stack), "r"(tell)
			 : "rcx", "r11", "memory", "cc");
	return result;
#endif
}

#endif
