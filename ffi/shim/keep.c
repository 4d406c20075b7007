/*
 * What stays of a command that runs a process of a container in the foreground: it passes signals on to that process, waits for
 * its end, and removes the container. The command's own process executes this once the program runs (src/sys/keeper.ts), so to
 * its caller nothing changes but that tens of megabytes are free again.
 *
 * What is not simple is left to the command line in TypeScript, as another process.
 */
#include "monitor.h"

/* How often a cgroup is tried that is busy: its last process may still be leaving it. */
#define TRIES 4
#define FIRST_PAUSE_NS 500000

/* Waits for the end of `child`, and of every orphan that comes to us. Returns the exit code. */
static u32 follow(long child)
{
	u64 awaited = PASSED_ON_SIGNALS | SIGNAL_BIT(SIGCHLD);
	s32 status;

	sys_rt_sigprocmask(SIG_BLOCK, &awaited);
	for (;;) {
		long pid, signal;

		while ((pid = sys_wait4(-1, &status, WNOHANG)) > 0)
			if (pid == child)
				return exit_code_of(status);
		if (pid == -ECHILD)
			return 1;
		signal = sys_rt_sigtimedwait(&awaited);
		/* Nobody else can have its pid before we have waited for it. */
		if (signal > 0 && signal != SIGCHLD)
			sys_kill(child, signal);
	}
}

static int remove_cgroup(const char *path)
{
	struct timespec pause = { 0, FIRST_PAUSE_NS };

	for (int i = 0; i < TRIES; i++) {
		long error = sys_unlinkat(AT_FDCWD, path, AT_REMOVEDIR);

		if (error == 0 || error == -ENOENT)
			return 1;
		if (error != -EBUSY)
			return 0;
		sys_ppoll(NULL, 0, &pause);
		pause.tv_nsec *= 2;
	}
	return 0;
}

/* What a container has. */
struct estate {
	/* Its state's directory, and the descriptor of that. */
	const char *path;
	s32 directory;
	/* currunt, and what it is to be called with to remove the container. */
	s32 executable;
	const char **command;
	const char **cgroups;
};

/* Whether the directory is gone, or another container's by now: as long as we have it open none can be the same. */
static int is_replaced(const struct estate *estate)
{
	struct statx ours, there;

	return sys_statx(estate->directory, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &ours) < 0 ||
	       sys_statx(AT_FDCWD, estate->path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &there) < 0 ||
	       ours.stx_ino != there.stx_ino || ours.stx_dev_major != there.stx_dev_major ||
	       ours.stx_dev_minor != there.stx_dev_minor;
}

/* False when something is left. */
static int remove_simply(const struct estate *estate)
{
	const char **cgroups = estate->cgroups;

	for (; *cgroups != NULL; cgroups++)
		if (!remove_cgroup(*cgroups))
			return 0;
	sys_unlinkat(estate->directory, "state.json", 0);
	sys_unlinkat(estate->directory, "config.json", 0);
	return sys_unlinkat(AT_FDCWD, estate->path, AT_REMOVEDIR) == 0;
}

/* Has currunt do it, which tells what goes wrong. */
static int have_removed(const struct estate *estate)
{
	static const char *environment[] = { NULL };
	struct clone_args args = { .exit_signal = SIGCHLD };
	u64 none = 0;
	s32 status = 0;
	long pid = sys_clone3(&args, sizeof args);

	if (pid == 0) {
		sys_rt_sigprocmask(SIG_SETMASK, &none);
		sys_execveat(estate->executable, "", estate->command, environment, AT_EMPTY_PATH);
		for (;;)
			sys_exit_group(1);
	}
	while (pid > 0 && sys_wait4(pid, &status, 0) == -EINTR)
		;
	return pid > 0 && status == 0;
}

/*
 * Arguments: "keep" and the process's pid. Where the container goes with it: its state's directory, descriptors of that and of
 * currunt, the command that removes it, an empty argument, and its cgroups.
 */
void keep_main(const u64 *stack)
{
	const char **arguments = (const char **)(stack + 1);
	u32 code = follow(number_of(arguments[2]));

	if (stack[0] > 6) {
		struct estate estate = { arguments[3], number_of(arguments[4]), number_of(arguments[5]), arguments + 6,
					 arguments + 6 };

		while (**estate.cgroups != 0)
			estate.cgroups++;
		*estate.cgroups++ = NULL;
		if (!is_replaced(&estate) && !remove_simply(&estate) && !is_replaced(&estate) && !have_removed(&estate))
			code = 1;
	}
	for (;;)
		sys_exit_group(code);
}
