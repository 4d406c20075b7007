/* The container's end: how it ended goes into a file, or the container goes with all it had. */
#include "monitor.h"

u32 exit_code_of(s32 status)
{
	s32 signal = status & 0x7f;

	return signal == 0 ? status >> 8 & 0xff : 128 + signal;
}

/* "7 1769862896789\n": the exit code, and when, in milliseconds since 1970. */
static size describe_end(char *to, u32 code)
{
	struct timespec now = { 0, 0 };
	u64 numbers[2];
	char digits[20];
	size used = 0;

	sys_clock_gettime(CLOCK_REALTIME, &now);
	numbers[0] = code;
	numbers[1] = now.tv_sec * 1000 + now.tv_nsec / 1000000;
	for (int i = 0; i < 2; i++) {
		int count = 0;
		do
			digits[count++] = '0' + numbers[i] % 10;
		while ((numbers[i] /= 10) > 0);
		while (count > 0)
			to[used++] = digits[--count];
		to[used++] = i == 0 ? ' ' : '\n';
	}
	return used;
}

/* Writes "exit" in a directory, whole or not at all; the open file, or a negative errno. */
static long write_end(s32 directory, const char *text, size length)
{
	long file = sys_openat(directory, "exit.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	long result = file;

	if (file < 0)
		return file;
	if (sys_write(file, text, length) == (long)length)
		result = sys_renameat2(directory, "exit.new", directory, "exit", 0);
	else
		result = -ENOSPC;
	if (result == 0)
		return file;
	sys_unlinkat(directory, "exit.new", 0);
	sys_close(file);
	return result;
}

/*
 * Records the end in the container's directory, and in the run directory, which is rarely on the same disk, when that is
 * full. Returns the file, to be made safe once nobody waits for us: who tells the end to somebody stores it durably.
 */
s32 record_end(s32 directory, s32 run, u32 code)
{
	char text[48];
	size length = describe_end(text, code);
	long file = write_end(directory, text, length);

	if (file < 0)
		file = write_end(run, text, length);
	return file < 0 ? 0 : file;
}

/*
 * Has currunt remove the container, in a process of our own with an environment of its own, which holds the lock as
 * descriptor 3. `arguments` are texts, one behind the other up to `end`. Returns its pid; 0: the next command's sweep
 * does it.
 */
s32 start_remover(s32 executable, s32 lock, const char *arguments, const char *end)
{
	static const char *environment[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL
	};
	const char *list[16];
	int count = 0;
	struct clone_args args = { .exit_signal = SIGCHLD };
	struct sigaction usual = { 0 };
	u64 none = 0;

	while (arguments < end && count < 15) {
		list[count++] = arguments;
		arguments += length_of(arguments) + 1;
	}
	list[count] = NULL;
	long pid = count == 0 || executable == 0 ? 0 : sys_clone3(&args, sizeof args);
	if (pid != 0)
		return pid < 0 ? 0 : pid;
	if (count == 0 || executable == 0)
		return 0;
	sys_rt_sigaction(SIGPIPE, &usual);
	sys_rt_sigprocmask(SIG_SETMASK, &none);
	sys_dup3(lock, 3, 0);
	sys_execveat(executable, "", list, environment, AT_EMPTY_PATH);
	for (;;)
		sys_exit_group(1);
}
