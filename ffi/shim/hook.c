/* A step that runs a hook: another program, in the namespaces that the process is in by then. */
#include "shim.h"

#define OUTPUT_KEPT 800 /* of what it prints, for the error message */

struct hook {
	const char *name;
	s32 pid, pidfd;
	s32 output; /* a pipe: its streams 1 and 2 */
	u64 deadline; /* nanoseconds of CLOCK_MONOTONIC; 0: none */
	char kept[OUTPUT_KEPT];
	size used;
};

static u64 now(void)
{
	struct timespec time;

	sys_clock_gettime(CLOCK_MONOTONIC, &time);
	return (u64)time.tv_sec * 1000000000 + time.tv_nsec;
}

static size put_number(char *to, u64 number)
{
	char digits[20];
	size count = 0, used = 0;

	do
		digits[count++] = '0' + number % 10;
	while ((number /= 10) > 0);
	while (count > 0)
		to[used++] = digits[--count];
	return used;
}

static void write_all(s32 fd, const char *text, size length)
{
	while (length > 0) {
		long written = must(sys_write(fd, text, length), "write");
		text += written;
		length -= written;
	}
}

/* The state as a file: a hook that does not read it harms nobody. The process's own pid, as its namespace has it. */
static s32 state_file(const char *before, const char *behind)
{
	s32 fd = must(sys_memfd_create("state", MFD_CLOEXEC), "memfd_create");
	char pid[20];

	write_all(fd, before, length_of(before));
	write_all(fd, pid, put_number(pid, sys_getpid()));
	write_all(fd, behind, length_of(behind));
	must(sys_lseek(fd, 0, SEEK_SET), "lseek");
	return fd;
}

/* The child: a session of its own, so that all of it can be ended; an error goes through the pipe `status`. */
__attribute__((noreturn)) static void become_hook(const struct step *step, s32 input, s32 output, s32 status, long parent)
{
	const char *path = text_of(step, 0);
	const char *directory = next_text(step, next_text(step, next_text(step, path)));
	const char **args = list_of(step, 1, step->number[0]);
	const char **env = list_of(step, 2, step->number[1]);

	if ((step->flags & STEP_HOME) && home != NULL)
		env[step->number[1]] = home;
	end_with(parent);
	sys_setsid();
	sys_umask(022);
	sys_chdir(directory);
	sys_dup3(input, 0, 0);
	sys_dup3(output, 1, 0);
	sys_dup3(output, 2, 0);
	if (status != 3)
		sys_dup3(status, 3, O_CLOEXEC);
	sys_close_range(4, ~0u, 0);
	s32 error = -sys_execve(path, args, env);
	sys_write(3, &error, sizeof error);
	for (;;)
		sys_exit_group(1);
}

/* Fails with the hook's name and, when there is more to say than the error number, how it ended and what it said. */
__attribute__((noreturn)) static void fail_hook(const struct hook *hook, long error, const char *how, u64 number)
{
	char text[1000];
	size used = 0;

	for (const char *from = hook->name; *from != 0 && used < 100; from++)
		text[used++] = *from;
	if (how != NULL) {
		for (; *how != 0; how++)
			text[used++] = *how;
		used += put_number(text + used, number);
		for (size i = 0; i < hook->used; i++) {
			if (i == 0) {
				text[used++] = ':';
				text[used++] = ' ';
			}
			text[used++] = hook->kept[i];
		}
	}
	fail_with_text("hook", error, text, used);
}

static void start_hook(struct hook *hook, const struct step *step)
{
	const char *before = next_text(step, text_of(step, 0));
	s32 input = state_file(before, next_text(step, before));
	s32 output[2], status[2], error;
	long ours = sys_getpid();

	must(sys_pipe2(output, O_CLOEXEC), "pipe2");
	must(sys_pipe2(status, O_CLOEXEC), "pipe2");
	hook->pid = must(sys_clone(CLONE_PIDFD | SIGCHLD, &hook->pidfd), "clone");
	if (hook->pid == 0)
		become_hook(step, input, output[1], status[1], ours);
	sys_close(input);
	sys_close(output[1]);
	sys_close(status[1]);
	hook->output = output[0];
	/* The end of the pipe: the program runs. */
	if (sys_read(status[0], &error, sizeof error) == sizeof error) {
		sys_wait4(hook->pid, NULL, 0);
		fail_hook(hook, error, NULL, 0);
	}
	sys_close(status[0]);
}

/* Reads what is there, and keeps the first of it. Returns 0 at the end. */
static int read_hook(struct hook *hook)
{
	char block[512];
	long got = sys_read(hook->output, block, sizeof block);

	for (long i = 0; i < got && hook->used < OUTPUT_KEPT; i++)
		hook->kept[hook->used++] = block[i];
	return got > 0;
}

/* Of no hook that is still running anything goes on. */
__attribute__((noreturn)) static void end_hook(const struct hook *hook, s32 error)
{
	sys_kill(-hook->pid, SIGKILL);
	sys_kill(hook->pid, SIGKILL);
	sys_wait4(hook->pid, NULL, 0);
	fail_hook(hook, error, NULL, 0);
}

/*
 * Its end counts, not that of what it may have left behind with its streams open. Milliseconds are enough for its deadline;
 * a hook that has ended in time has, even when we look late. Nobody waits for a container whose caller has died.
 */
static s32 await_hook(struct hook *hook)
{
	struct pollfd watched[3] = { { hook->pidfd, POLLIN, 0 }, { hook->output, POLLIN, 0 }, { plan_socket, 0, 0 } };
	s32 status;

	do {
		struct timespec left = { 0, 0 };
		u64 time = hook->deadline == 0 ? 0 : now();

		if (time < hook->deadline) {
			left.tv_sec = (hook->deadline - time) / 1000000000;
			left.tv_nsec = (hook->deadline - time) % 1000000000;
		}
		long ready = sys_ppoll(watched, 3, hook->deadline == 0 ? NULL : &left);
		if (ready == 0)
			end_hook(hook, ETIMEDOUT);
		if (ready > 0 && watched[2].revents != 0)
			end_hook(hook, EPIPE);
		if (ready > 0 && watched[1].revents != 0 && !read_hook(hook))
			watched[1].fd = -1;
	} while (watched[0].revents == 0);
	must(sys_wait4(hook->pid, &status, 0), "wait4");
	watched[1].revents = 0;
	while (watched[1].fd >= 0 && hook->used < OUTPUT_KEPT) {
		struct timespec none = { 0, 0 };
		if (sys_ppoll(watched + 1, 1, &none) != 1 || !read_hook(hook))
			break;
	}
	return status;
}

/* The hook ends well, or the plan fails. */
void step_hook(const struct step *step)
{
	const char *behind = next_text(step, next_text(step, text_of(step, 0)));
	struct hook hook = { .name = next_text(step, next_text(step, behind)) };

	if (step->number[2] != 0)
		hook.deadline = now() + step->number[2] * 1000000;
	start_hook(&hook, step);
	s32 status = await_hook(&hook);
	sys_close(hook.pidfd);
	sys_close(hook.output);
	if ((status & 0x7f) != 0)
		fail_hook(&hook, ECHILD, ": killed by signal ", status & 0x7f);
	if (status != 0)
		fail_hook(&hook, ECHILD, ": exit code ", status >> 8 & 0xff);
}
