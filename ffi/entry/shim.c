/*
 * Starts the shim (ffi/shim) while Bun starts: to load a program takes a part of a millisecond, on some machines three, which
 * the other processor can take now. It waits for its plan, and ends when nobody sends one: its socket is closed then.
 */
#include "../shim/plan.h"
#include "entry.h"

#define MFD_CLOEXEC 1
#define MFD_ALLOW_SEALING 2
#define MFD_EXEC 16
#define F_ADD_SEALS 1033
#define ALL_SEALS 15 /* F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE */
#define CLONE_VM 0x100
#define STACK_BYTES 16384
#define LAST_SIGNAL 64

/* What the new process begins with, at the end of its stack. */
struct beginning {
	void (*body)(struct beginning *);
	struct beginning *self;
	s32 image, socket;
};

/* As src/sys/shim-image.ts makes it; what goes wrong here goes wrong there again, and is told there. */
static long make_image(const void *program, size bytes)
{
	static const char name[] = "currunt";
	long image = sys_memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);

	if (image == -EINVAL)
		image = sys_memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (image < 0)
		return image;
	if (sys_write(image, program, bytes) == (long)bytes && sys_fcntl(image, F_ADD_SEALS, ALL_SEALS) == 0)
		return image;
	sys_close(image);
	return -EIO;
}

/* In the new process: no ignored or blocked signals of the caller's, as where src/sys/spawn.ts starts a shim. */
static void become_shim(struct beginning *b)
{
	const char *arguments[2], *environment[1];
	u64 action[4] = {0};
	u64 mask = 0;
	long image;

	arguments[0] = "currunt";
	arguments[1] = environment[0] = NULL;
	for (int signal = 1; signal <= LAST_SIGNAL; signal++)
		sys_rt_sigaction(signal, action);
	sys_rt_sigprocmask(SIG_SETMASK, &mask);
	/* Without descriptors of the caller's the image is the first that is free. */
	image = b->image == PLAN_SOCKET ? sys_fcntl(b->image, F_DUPFD_CLOEXEC, PLAN_SOCKET + 1) : b->image;
	if (b->socket == PLAN_SOCKET)
		sys_fcntl(PLAN_SOCKET, F_SETFD, 0);
	else
		sys_dup3(b->socket, PLAN_SOCKET, 0);
	sys_execveat(image, "", arguments, environment, AT_EMPTY_PATH);
}

/*
 * A process that shares our memory until it executes a program, on a stack of its own; we go on meanwhile. Returns in us only,
 * with its pid.
 */
static long clone_process(struct beginning *b)
{
#ifdef __aarch64__
	register long x8 __asm__("x8") = 220;
	register long x0 __asm__("x0") = CLONE_VM | SIGCHLD;
	register long x1 __asm__("x1") = (long)b;
	register long x2 __asm__("x2") = 0;
	register long x3 __asm__("x3") = 0;
	register long x4 __asm__("x4") = 0;
	__asm__ volatile("svc 0\n\t"
			 "cbnz x0, 1f\n\t"
			 "ldp x1, x0, [sp]\n\t"
			 "mov x29, #0\n\t"
			 "blr x1\n\t"
			 "mov x0, #1\n\t"
			 "mov x8, #93\n\t"
			 "svc 0\n\t"
			 "1:"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4)
			 : "memory", "cc", "x30");
	return x0;
#else
	long result;
	register long r10 __asm__("r10") = 0;
	register long r8 __asm__("r8") = 0;
	__asm__ volatile("syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "xor %%ebp, %%ebp\n\t"
			 "mov (%%rsp), %%rax\n\t"
			 "mov 8(%%rsp), %%rdi\n\t"
			 "call *%%rax\n\t"
			 "mov $1, %%edi\n\t"
			 "mov $60, %%eax\n\t"
			 "syscall\n\t"
			 "1:"
			 : "=a"(result)
			 : "a"(56), "D"((long)(CLONE_VM | SIGCHLD)), "S"(b), "d"(0L), "r"(r10), "r"(r8)
			 : "rcx", "r11", "memory", "cc");
	return result;
#endif
}

/* False when there is none: JavaScript starts one then, as it must wherever this did not. */
int start_shim(const void *program, size bytes, struct waiting_shim *waiting)
{
	s32 ends[2] = {-1, -1};
	long image = make_image(program, bytes), stack, pid = -1;

	if (image < 0)
		return 0;
	stack = sys_mmap(STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
	if (stack > 0 && sys_socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0) {
		struct beginning *b = (struct beginning *)((stack + STACK_BYTES - sizeof(*b)) & -16);

		*b = (struct beginning){become_shim, b, (s32)image, ends[1]};
		pid = clone_process(b);
		sys_close(ends[1]);
	}
	if (pid > 0) {
		*waiting = (struct waiting_shim){(s32)image, ends[0], (s32)pid};
		return 1;
	}
	sys_close(ends[0]);
	sys_close(image);
	return 0;
}
