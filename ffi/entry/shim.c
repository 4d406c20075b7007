/*
 * Starts the shim (ffi/shim) while Bun starts: to load a program takes a part of a millisecond, on some machines three, which
 * the other processor can take now. It waits for its plan, and ends when nobody sends one: its socket is closed then.
 */
#include "../shim/clone.h"
#include "../shim/plan.h"
#include "entry.h"

#define MFD_ALLOW_SEALING 2
#define MFD_EXEC 16
#define F_ADD_SEALS 1033
#define ALL_SEALS 15 /* F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE */
#define STACK_BYTES 16384
#define LAST_SIGNAL 64

/* What the new process begins with: its program, and its end of the socket. It lies below its stack. */
struct beginning {
	s32 image, socket;
	/* The processor that the caller was on. */
	u32 processor;
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

/*
 * Has it use the other processors only. Who sends a message is taken for someone who will wait for the answer, and the receiver is
 * put on its processor: there each would wait for the other instead of working beside it.
 */
static void leave_processor(u32 processor)
{
	u64 mask[128], others = 0;
	long bytes = sys_sched_getaffinity(0, sizeof mask, mask);

	if (bytes <= 0 || processor / 64 >= (u64)bytes / 8)
		return;
	mask[processor / 64] &= ~(1ul << processor % 64);
	for (long i = 0; i < bytes / 8; i++)
		others |= mask[i];
	if (others != 0)
		sys_sched_setaffinity(0, bytes, mask);
}

/* In the new process: no ignored or blocked signals of the caller's, as where src/sys/spawn.ts starts a shim. */
static void become_shim(void *beginning)
{
	const struct beginning *b = beginning;
	const char *arguments[2], *environment[1];
	u64 action[4] = {0};
	u64 mask = 0;
	long image;

	arguments[0] = "currunt";
	arguments[1] = environment[0] = NULL;
	for (int signal = 1; signal <= LAST_SIGNAL; signal++)
		sys_rt_sigaction(signal, action);
	sys_rt_sigprocmask(SIG_SETMASK, &mask);
	leave_processor(b->processor);
	/* Without descriptors of the caller's the image is the first that is free. */
	image = b->image == PLAN_SOCKET ? sys_fcntl(b->image, F_DUPFD_CLOEXEC, PLAN_SOCKET + 1) : b->image;
	if (b->socket == PLAN_SOCKET)
		sys_fcntl(PLAN_SOCKET, F_SETFD, 0);
	else
		sys_dup3(b->socket, PLAN_SOCKET, 0);
	sys_execveat(image, "", arguments, environment, AT_EMPTY_PATH);
	sys_exit_group(1);
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
		struct beginning *b = (struct beginning *)stack;

		*b = (struct beginning){(s32)image, ends[1], 0};
		sys_getcpu(&b->processor);
		/* It shares our memory until it executes its program; we go on meanwhile. */
		pid = clone_task(CLONE_VM | SIGCHLD, (u8 *)stack + STACK_BYTES, become_shim, b, NULL);
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
