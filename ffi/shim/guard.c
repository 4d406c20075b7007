/* A program of the host's that ends with the process that wants it, for which posix_spawn(3) has no attribute. */
#include "monitor.h"

/* A pipe: it ends when the program runs, and brings the error number when it cannot be executed. */
#define STATUS 3

long number_of(const char *digits)
{
	long number = 0;

	for (; *digits != 0; digits++)
		number = number * 10 + *digits - '0';
	return number;
}

/* Arguments: "guard", the caller's pid, the program's path, and its arguments; the environment is the program's. */
void guard_main(const u64 *stack)
{
	const char **arguments = (const char **)(stack + 1);
	const char **environment = arguments + stack[0] + 1;

	end_with(number_of(arguments[2]));
	sys_fcntl(STATUS, F_SETFD, FD_CLOEXEC);
	s32 error = -sys_execve(arguments[3], arguments + 4, environment);
	sys_write(STATUS, &error, sizeof error);
	for (;;)
		sys_exit_group(1);
}
