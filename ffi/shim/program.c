/* Steps about the program itself: whether it is there, the wait for the start, and the start. */
#include "shim.h"

/* Whether a later execve will find one of the paths: as execvp looks for it, by the rights that we have now. */
void step_lookup(const struct step *step)
{
	const char **paths = list_of(step, 0, step->number[0]);
	long reason = -ENOENT;
	struct statx file;

	for (; *paths != NULL; paths++) {
		long result = sys_faccessat(AT_FDCWD, *paths, X_OK);
		/* A filter that knows no such call: the program's start will tell. */
		if (result == -EPERM || result == -ENOSYS)
			return;
		if (result == 0 && sys_statx(AT_FDCWD, *paths, 0, STATX_TYPE, &file) == 0 &&
		    (file.stx_mode & S_IFMT) == S_IFDIR)
			result = step->number[0] == 1 ? -EISDIR : -EACCES;
		if (result == 0)
			return;
		if (result == -EACCES)
			reason = result;
		else if (result != -ENOENT && result != -ENOTDIR)
			fail("lookup", -result);
	}
	fail("lookup", -reason);
}

/*
 * The container is complete: the caller hears it by the socket's end. Whoever starts it writes a byte into the fifo, and
 * sees the fifo without a reader once the program runs. Only reads and writes: a seccomp filter may be in force.
 */
void step_await(const struct step *step)
{
	s32 fifo = slot_fd(step->slot);
	u8 byte;
	long got;

	failure_file = slot_fd(step->other);
	send_message(MESSAGE_EXECUTING, 0, NULL, 0, -1);
	sys_close(plan_socket);
	plan_socket = -1;
	do
		got = sys_read(fifo, &byte, 1);
	while (got == -EINTR);
	if (got != 1)
		fail("read", got < 0 ? -got : EPIPE);
}

/* As execvp: goes on looking where a file is missing or may not be executed, and remembers the better reason. */
void step_exec(const struct step *step)
{
	const char **paths = list_of(step, 0, step->number[0]);
	const char **args = list_of(step, 1, step->number[1]);
	const char **env = list_of(step, 2, step->number[2]);
	long reason = -ENOENT;

	if (home != NULL)
		env[step->number[2]] = home;
	/* What steps opened is close-on-exec already. Before Linux 5.11 there is no such flag. */
	if (plan_socket >= 0)
		sys_close_range(plan_socket, ~0u, CLOSE_RANGE_CLOEXEC);
	send_message(MESSAGE_EXECUTING, 0, NULL, 0, -1);
	for (; *paths != NULL; paths++) {
		long result = sys_execve(*paths, args, env);
		if (result == -EACCES)
			reason = result;
		else if (result != -ENOENT && result != -ENOTDIR)
			fail("execve", -result);
	}
	fail("execve", -reason);
}
