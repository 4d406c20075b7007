/*
 * Does what `start`, `state`, `kill` and `delete` of the OCI runtime come to for a container that nothing special is about,
 * without starting a JavaScript engine for it. What that is the runtime has written down when it made the container
 * (src/runtime/brief.ts). Nothing is decided here and no error is told: at the first doubt the command goes to TypeScript,
 * which finds the container as it was. Only `start` may have done a part by then, and says so.
 */
#include "entry.h"

static void finish(int code)
{
	sys_exit_group(code);
}

/* Returns when nothing could be written. */
static void print(const char *text)
{
	size length = 0, written = 0;

	while (text[length] != 0)
		length++;
	while (written < length) {
		long count = sys_write(1, text + written, length - written);

		if (count == -EINTR)
			continue;
		if (count <= 0) {
			if (written == 0)
				return;
			finish(1);
		}
		written += (size)count;
	}
	finish(0);
}

/* The fifo that init waits at, open to write; negative when nobody waits there. */
static long open_fifo(const struct command *command)
{
	char path[PATH_BYTES];

	make_path(path, command, "exec.fifo");
	return sys_openat(AT_FDCWD, path, O_WRONLY | O_NONBLOCK | O_CLOEXEC, 0);
}

static void state(const struct command *command, const struct brief *brief)
{
	long init = open_init(brief), fifo;

	if (init < 0)
		return print(brief->stopped);
	if (is_frozen(brief))
		return print(brief->paused);
	fifo = open_fifo(command);
	if (fifo < 0 && fifo != -ENOENT && fifo != -ENXIO)
		return;
	print(fifo < 0 ? brief->running : brief->created);
}

static enum outcome start(const struct command *command)
{
	char path[PATH_BYTES];
	struct pollfd fifo = {.events = 0};
	long directory, failure;

	make_path(path, command, "");
	directory = sys_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	/* Of two commands that start, one does. */
	if (directory < 0 || sys_flock(directory, LOCK_EX | LOCK_NB) < 0) {
		sys_close(directory);
		return UNTOUCHED;
	}
	fifo.fd = (s32)open_fifo(command);
	if (fifo.fd < 0 || sys_write(fifo.fd, "", 1) != 1) {
		sys_close(fifo.fd);
		sys_close(directory);
		return UNTOUCHED;
	}
	/* Init has closed its end when the program runs, or when it has failed. */
	while ((fifo.revents & POLLERR) == 0)
		sys_ppoll(&fifo, 1, NULL);
	sys_close(fifo.fd);
	make_path(path, command, "exec.fifo");
	sys_unlinkat(AT_FDCWD, path, 0);
	make_path(path, command, "failure");
	failure = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	if (failure >= 0 && sys_read(failure, path, 1) == 0)
		finish(0);
	sys_close(failure);
	sys_close(directory);
	return BEGUN;
}

static void kill(const struct command *command, const struct brief *brief)
{
	long init = open_init(brief);

	if (init < 0)
		return;
	/* A frozen process dies only when it is thawed. */
	if (!(command->signal == SIGKILL && is_frozen(brief)) && sys_pidfd_send_signal(init, command->signal) == 0)
		finish(0);
	sys_close(init);
}

/* Ends init; false when it does not end within the time that TypeScript gives it, too. */
static int end_init(const struct brief *brief)
{
	struct timespec patience = {.tv_sec = 10};
	struct pollfd init = {.fd = (s32)open_init(brief), .events = POLLIN};
	long ready;

	if (init.fd < 0)
		return 1;
	sys_pidfd_send_signal(init.fd, SIGKILL);
	do
		ready = sys_ppoll(&init, 1, &patience);
	while (ready == -EINTR);
	sys_close(init.fd);
	return ready == 1;
}

static void delete(const struct command *command, const struct brief *brief)
{
	static const char files[] = "brief\0exec.fifo\0failure\0config.json\0state.json\0";
	char path[PATH_BYTES];
	long init = open_init(brief);

	if (init >= 0) {
		sys_close(init);
		if (!command->flag || is_frozen(brief) || !end_init(brief))
			return;
	}
	for (const char *directory = brief->cgroups; *directory != 0; directory = next_text(directory)) {
		long error = sys_unlinkat(AT_FDCWD, directory, AT_REMOVEDIR);

		if (error < 0 && error != -ENOENT)
			return;
	}
	for (const char *file = files; *file != 0; file = next_text(file)) {
		long error;

		make_path(path, command, file);
		error = sys_unlinkat(AT_FDCWD, path, 0);
		if (error < 0 && error != -ENOENT)
			return;
	}
	make_path(path, command, "");
	if (sys_unlinkat(AT_FDCWD, path, AT_REMOVEDIR) == 0)
		finish(0);
}

/* `stack`: what the kernel put there: argc, the arguments, NULL, the environment, NULL. */
enum outcome settle(const u64 *stack)
{
	char *const *arguments = (char *const *)(stack + 1);
	char *const *environment = arguments + *stack + 1;
	struct command command;
	struct brief brief;

	if (*stack < 3 || !parse_command(arguments, environment, &command) || !read_brief(&command, &brief))
		return UNTOUCHED;
	if (command.verb == STATE)
		state(&command, &brief);
	/* Somebody waits to hear that the program is ready. */
	else if (command.verb == START && value_of(environment, "NOTIFY_SOCKET=") == NULL)
		return start(&command);
	else if (command.verb == KILL)
		kill(&command, &brief);
	else if (command.verb == DELETE)
		delete(&command, &brief);
	return UNTOUCHED;
}
